//! What can go wrong with datasets.

use base::{Fault, Kind};

/// A failure of the datasets service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The actor may not, or not any more. It has been recorded.
    #[error(transparent)]
    Refused(#[from] policy::Refused),
    /// No dataset of that name in this organization.
    #[error("there is no dataset `{0}`: it is created by its first `nexora protect --dataset {0}`")]
    NotFound(String),
    /// A name that cannot be used.
    #[error("a dataset's name has 1 to 100 characters, none of them a control character")]
    BadName,
    /// A manifest of another organization's data.
    #[error("the manifest describes data of another organization")]
    Foreign,
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
            Self::NotFound(_) => Kind::NotFound,
            Self::BadName | Self::Foreign => Kind::BadInput,
            Self::Over | Self::Damaged { .. } | Self::Worker => Kind::Internal,
            Self::Fields(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}
