//! What can go wrong with findings.

use base::{Fault, Id, Kind, noun};

/// A failure of the findings service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No finding of that id in this organization.
    #[error("there is no finding {0}: list them with `nexora findings ls`")]
    NotFound(Id<noun::Finding>),
    /// The page's beginning is not one that a list gave.
    #[error("not the beginning of a page: pass on what `next` of the page before gave")]
    BadPage,
    /// A stored finding does not read.
    #[error("the stored {what} of a finding does not read: the file is damaged or was changed by hand")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
    /// The store failed.
    #[error("findings could not be read or written")]
    Store(#[from] store::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::BadPage => Kind::BadInput,
            Self::Damaged { .. } => Kind::Internal,
            Self::Store(error) => error.kind(),
        }
    }
}
