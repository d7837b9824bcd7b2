//! What can go wrong with standings.

use base::{Fault, Kind};

/// A failure of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store said no.
    #[error("the standings could not be reached")]
    Store(#[from] store::Error),
    /// A row does not read; nothing may be assumed of it.
    #[error("a stored standing does not read: the file is damaged or was written by a newer release")]
    Damaged,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Damaged => Kind::Internal,
        }
    }
}
