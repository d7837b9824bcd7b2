//! Why a search has no answer.

use crate::StorageError;
use base::{Fault, Kind};

/// Why a search, or a step of the index, has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The store does not answer.
    #[error("the store refused the ledger's index")]
    Store(#[from] store::Error),
    /// The files do not answer.
    #[error("the ledger's files cannot be read")]
    Storage(#[from] StorageError),
    /// A bundle that should be there is not, or holds something else than entries of this log.
    #[error("{path} of the ledger {log} is missing or damaged: run `nexora ledger verify`")]
    Damaged {
        /// Which log.
        log: String,
        /// Which bundle.
        path: String,
    },
    /// The step was cut short.
    #[error("the search was interrupted")]
    Interrupted,
}

impl Fault for SearchError {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Damaged { .. } => Kind::CheckFailed,
            Self::Interrupted => Kind::Internal,
        }
    }
}
