//! What a log asks of a witness.

use futures::future::BoxFuture;
use verify::witness::{Refusal, Request};

/// A witness: it may have more than one key, and answers with a line for each. What comes back is hostile until it
/// was checked ([`verify::witness::cosignatures`]).
pub trait Witness: Send + Sync + 'static {
    /// Asks it to cosign: the signature lines that it answers.
    ///
    /// # Errors
    /// [`Unanswered`].
    fn add_checkpoint<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Vec<u8>, Unanswered>>;

    /// The note of the last checkpoint that it cosigned for this log, as its monitoring address has it; none where
    /// it has none, or no such address. It may be somewhat older than the last one.
    ///
    /// # Errors
    /// [`Unanswered::Unreachable`].
    fn latest<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Unanswered>>;
}

/// Why there is no cosignature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It does not answer, or not in the protocol.
    #[error("{0}")]
    Unreachable(String),
}
