//! What can go wrong with keys.

use crate::RootError;
use base::{Fault, Id, Kind, noun};

/// A failure of the keys service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The actor may not, or not any more.
    #[error(transparent)]
    Refused(#[from] policy::Refused),
    /// The permit is for something else.
    #[error("the permit was given for another act; this is a fault of ours")]
    WrongPermit,
    /// The organization has no keys yet.
    #[error("the organization has no keys yet: its creation was cut off; restart the server to complete it")]
    NotBegun,
    /// The dataset has no key here.
    #[error(
        "there is no key of {dataset}: check the dataset, and that this is the organization it belongs to"
    )]
    NoKey {
        /// Which dataset.
        dataset: Id<noun::Dataset>,
    },
    /// Nobody registered signs under this key.
    #[error("the manifest is signed by nobody known here: register the producer with `nexora keys producer add`")]
    UnknownSigner,
    /// A producer of that name or key is registered already.
    #[error("a producer with that {what} is registered already")]
    Duplicate {
        /// `name` or `key`.
        what: &'static str,
    },
    /// A name that cannot be used.
    #[error("a producer's name has 1 to 100 characters, none of them a control character")]
    BadName,
    /// Producers sign with ML-DSA-65.
    #[error("a producer's key is an ML-DSA-65 key; this one is {found}")]
    WrongAlgorithm {
        /// What it is.
        found: crypto::sign::Algorithm,
    },
    /// A stored key does not read.
    #[error("a stored {what} does not read: the file is damaged or was changed by hand")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
    /// A key does not open, or is none.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// The root of trust failed.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The store failed.
    #[error("keys could not be read or written")]
    Store(#[from] store::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(refused) => refused.kind(),
            Self::NoKey { .. } => Kind::NotFound,
            Self::UnknownSigner | Self::BadName | Self::WrongAlgorithm { .. } | Self::Crypto(_) => {
                Kind::BadInput
            }
            Self::Duplicate { .. } => Kind::Conflict,
            Self::NotBegun => Kind::Unavailable,
            Self::WrongPermit | Self::Damaged { .. } => Kind::Internal,
            Self::Root(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}
