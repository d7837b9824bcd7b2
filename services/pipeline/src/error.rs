//! Why a batch was not kept.

use base::{Fault, Kind};
use std::sync::Arc;

/// An error: nothing of the batch was kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body could not be inflated.
    #[error("the body cannot be read")]
    Inflate(#[from] events::inflate::Error),
    /// The events in it could not be told apart.
    #[error("the body holds no events that can be told apart")]
    Frame(#[from] events::frame::Error),
    /// More batches wait than may.
    #[error("too many batches wait to be judged: send it again in a moment")]
    Busy,
    /// The node is about to end.
    #[error("the server is shutting down: send it again")]
    Draining,
    /// Something below failed; every batch of the group gets the same answer.
    #[error("nothing of the batch was kept")]
    NotKept(#[source] Arc<Failure>),
}

/// What failed below.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The log.
    #[error("the event log")]
    Stream(#[from] stream::Error),
    /// The store.
    #[error("the store")]
    Store(#[from] store::Error),
    /// Recording findings.
    #[error("recording findings")]
    Findings(#[from] findings::Error),
    /// Entering identities.
    #[error("entering identities")]
    Identities(#[from] identities::Error),
    /// The log ends before what the store knows to be judged.
    #[error(
        "the event log ends at offset {log}, but events up to {store} were acknowledged: restore it from a backup"
    )]
    Behind {
        /// Where the log ends.
        log: u64,
        /// What the store knows.
        store: u64,
    },
    /// An event of the log is none.
    #[error("the event at offset {offset} of the log does not read")]
    Replay {
        /// Its offset.
        offset: u64,
        /// Why.
        source: events::Reason,
    },
    /// The thread that judges has ended, or the machine gives no thread.
    #[error(
        "the part that judges has ended unexpectedly: whether the batch was kept shows when it starts again"
    )]
    Ended,
}

impl Error {
    pub(crate) fn not_kept(failure: impl Into<Failure>) -> Self {
        Self::NotKept(Arc::new(failure.into()))
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Inflate(error) => error.kind(),
            Self::Frame(error) => error.kind(),
            Self::Busy => Kind::Busy,
            Self::Draining => Kind::Unavailable,
            Self::NotKept(failure) => failure.kind(),
        }
    }
}

impl Fault for Failure {
    fn kind(&self) -> Kind {
        match self {
            Self::Stream(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Findings(error) => error.kind(),
            Self::Identities(error) => error.kind(),
            Self::Ended => Kind::Unavailable,
            Self::Behind { .. } | Self::Replay { .. } => Kind::Internal,
        }
    }
}
