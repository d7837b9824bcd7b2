//! What can go wrong with datasets.

use crate::{DestinationError, VaultError};
use base::{Fault, Id, Kind, noun};

/// A failure of the datasets service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The actor may not, or not any more. It has been recorded.
    #[error(transparent)]
    Refused(#[from] policy::Refused),
    /// No dataset of that name in this organization.
    #[error(
        "there is no dataset `{0}`: create it with `nexora datasets create {0}`, or by its first `nexora protect --dataset {0}`"
    )]
    NotFound(String),
    /// A dataset of that name is there.
    #[error("there is a dataset `{0}` already")]
    Exists(String),
    /// A name that cannot be used.
    #[error("a dataset's name has 1 to 100 characters, none of them a control character")]
    BadName,
    /// A location that cannot be used.
    #[error("a location has 1 to 4096 bytes, none of them a control character")]
    BadLocation,
    /// Neither the run nor the dataset says which fields to protect.
    #[error(
        "dataset `{0}` has no field policy: name the fields, or store a policy with `nexora datasets create`"
    )]
    NoPolicy(String),
    /// No such output is on the register.
    #[error("no output of {0} is on the register of this dataset")]
    NoOutput(Id<noun::Job>),
    /// The dataset's outputs are being protected anew already.
    #[error(
        "{0} is protecting this dataset's outputs anew already: `nexora datasets show` says how far it is"
    )]
    Running(Id<noun::Job>),
    /// Nothing in the file can be protected anew.
    #[error(
        "none of its fields can be revealed, so none can be protected anew: mask and blind index are one-way"
    )]
    OneWay,
    /// A manifest of another organization's data.
    #[error("the manifest describes data of another organization")]
    Foreign,
    /// A producer's manifest takes the name of a run that was done here.
    #[error("{0} was done here, so no producer can sign for it: the manifest was altered or mixed up")]
    OtherRun(Id<noun::Job>),
    /// The run ended, with an error or because it was refused.
    #[error("the run has ended: begin a new one")]
    Over,
    /// A stored dataset does not read.
    #[error("the stored {what} of a dataset does not read: the file is damaged or was changed by hand")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
    /// The worker thread broke off.
    #[error("the work was broken off; this is a fault of ours")]
    Worker,
    /// The file, the policy or the manifest cannot be used.
    #[error(transparent)]
    Fields(#[from] fields::Error),
    /// A key could not be used.
    #[error(transparent)]
    Keys(keys::Error),
    /// The place of an output cannot be read or written.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// The vault of tokens failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The directory for encrypted spool files cannot be used.
    #[error("no encrypted spool file can be made in the node's spool directory")]
    Spool(#[source] std::io::Error),
    /// The store failed.
    #[error("datasets could not be read or written")]
    Store(#[from] store::Error),
}

impl From<keys::Error> for Error {
    fn from(error: keys::Error) -> Self {
        match error {
            keys::Error::Refused(refused) => Self::Refused(refused),
            error => Self::Keys(error),
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(refused) => refused.kind(),
            Self::NotFound(_) | Self::NoOutput(_) => Kind::NotFound,
            Self::Exists(_) | Self::Running(_) => Kind::Conflict,
            Self::BadName | Self::BadLocation | Self::NoPolicy(_) | Self::OneWay | Self::Foreign => {
                Kind::BadInput
            }
            Self::OtherRun(_) => Kind::CheckFailed,
            Self::Over | Self::Damaged { .. } | Self::Worker => Kind::Internal,
            Self::Fields(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Destination(error) => error.kind(),
            Self::Vault(error) => error.kind(),
            Self::Spool(error) if error.kind() == std::io::ErrorKind::StorageFull => Kind::Full,
            Self::Spool(_) => Kind::Unavailable,
            Self::Store(error) => error.kind(),
        }
    }

    fn is_refusal(&self) -> bool {
        match self {
            Self::Keys(error) => error.is_refusal(),
            error => matches!(error.kind(), Kind::Refused | Kind::NotSignedIn),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Keys(error) => error.reason(),
            _ => "rule",
        }
    }

    /// Each method records what policy refuses, and each run whatever refuses it: in its middle there is no other to do
    /// so.
    fn on_record(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Keys(error) => error.on_record(),
            _ => false,
        }
    }
}
