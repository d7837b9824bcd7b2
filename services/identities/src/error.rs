//! What can go wrong with identities.

use base::{Fault, Id, Kind, noun};

/// A failure of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No identity of that id in this organization.
    #[error("there is no identity {0}: list them with `nexora identities ls`")]
    NotFound(Id<noun::Identity>),
    /// The page's beginning is not one that a list gave.
    #[error("not the beginning of a page: pass on what `next` of the page before gave")]
    BadPage,
    /// A row does not read.
    #[error("a stored identity does not read: the file is damaged or was written by a newer release")]
    Damaged,
    /// The store said no.
    #[error("identities could not be read or written")]
    Store(#[from] store::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::BadPage => Kind::BadInput,
            Self::Damaged => Kind::Internal,
            Self::Store(error) => error.kind(),
        }
    }
}
