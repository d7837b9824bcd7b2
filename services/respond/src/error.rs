//! What can go wrong with a response.

use base::{Fault, Id, Kind, noun};

/// A failure of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No identity of that id in this organization's inventory.
    #[error("there is no identity {0}: list them with `nexora identities ls`")]
    NoIdentity(Id<noun::Identity>),
    /// The finding is against somebody else.
    #[error("the finding {finding} is not against {identity}: look at it with `nexora findings show`")]
    OtherIdentity {
        /// Which finding.
        finding: Id<noun::Finding>,
        /// Whom it was to cut off.
        identity: Id<noun::Identity>,
    },
    /// The permit does not allow it.
    #[error(transparent)]
    Refused(#[from] policy::Refused),
    /// A row does not read.
    #[error("a stored response does not read: the file is damaged or was written by a newer release")]
    Damaged,
    /// The findings said no.
    #[error(transparent)]
    Findings(#[from] findings::Error),
    /// The inventory said no.
    #[error(transparent)]
    Identities(#[from] identities::Error),
    /// The standings said no.
    #[error(transparent)]
    Standing(#[from] standing::Error),
    /// The store said no.
    #[error("the response could not be recorded")]
    Store(#[from] store::Error),
}

impl Error {
    /// Whether the disk was full and a further part of the reserve may help.
    pub(crate) fn is_full(&self) -> bool {
        let store = match self {
            Self::Store(error)
            | Self::Standing(standing::Error::Store(error))
            | Self::Identities(identities::Error::Store(error))
            | Self::Findings(findings::Error::Store(error)) => error,
            _ => return false,
        };
        matches!(store, store::Error::Full)
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoIdentity(_) => Kind::NotFound,
            Self::OtherIdentity { .. } => Kind::BadInput,
            Self::Refused(refused) => refused.kind(),
            Self::Damaged => Kind::Internal,
            Self::Findings(error) => error.kind(),
            Self::Identities(error) => error.kind(),
            Self::Standing(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}
