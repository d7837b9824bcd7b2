//! Why a call did not come to its reply.

use super::BoxError;
use crate::Problem;
use base::{Fault, Kind};

/// Why a call did not come to its reply.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other side says so.
    #[error("{0}")]
    Refused(Problem),
    /// Nobody answers there.
    #[error("cannot reach {address}: {detail}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system says.
        detail: String,
    },
    /// An address that is none.
    #[error("`{address}` is no address of a server: {detail}")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// Certificates that cannot be trusted or read.
    #[error("TLS: {0}")]
    Tls(String),
    /// The reply ended before its end.
    #[error("the reply was cut off; whether the work was finished is unknown")]
    CutOff(#[source] BoxError),
    /// The reply ended without its outcome.
    #[error("the reply ended without saying how it went; take what came as incomplete")]
    NoOutcome,
    /// A reply in another form than this version knows.
    #[error("the reply of {what} cannot be read: {detail}")]
    Unreadable {
        /// The operation.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// Reading what was to be sent failed.
    #[error("cannot read what is to be sent: {0}")]
    Upload(String),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl Error {
    /// The error as a document.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Refused(problem) => problem.clone(),
            other => Problem::of(other),
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(problem) => problem.kind,
            Self::Unreachable { .. } | Self::CutOff(_) | Self::NoOutcome => Kind::Unavailable,
            Self::Address { .. } | Self::Upload(_) => Kind::BadInput,
            Self::Tls(_) | Self::Unreadable { .. } => Kind::Internal,
        }
    }
}
