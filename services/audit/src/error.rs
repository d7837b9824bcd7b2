//! Why a log is not published.

use base::{Fault, Kind};
use std::{io, path::PathBuf};

/// A failure of publication.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store does not answer.
    #[error("the store refused the ledger's writer")]
    Store(#[from] store::Error),
    /// A file operation failed; it is tried again.
    #[error("could not {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A sync failed, now or earlier: what the disk holds is not known.
    #[error("a sync of {} failed, so the disk may not hold what was written: check it, then restart", path.display())]
    Stopped {
        /// Of which file or directory.
        path: PathBuf,
    },
    /// The ledger has more entries than the store.
    #[error(
        "the ledger has {published} entries, the store committed {committed}: \
         an older state of the store was restored; nothing is published until that is resolved"
    )]
    Ahead {
        /// Entries that the ledger's files reach to.
        published: u64,
        /// Entries that the store committed.
        committed: u64,
    },
    /// Ledger and store disagree on an entry.
    #[error("entry {position} of the ledger is not the one that the store committed: nothing is published")]
    Fork {
        /// Which entry.
        position: u64,
    },
    /// The outbox does not go on where the ledger ends.
    #[error(
        "the ledger goes on at entry {expected}, but the store's outbox has entry {found} next: \
         files of the ledger are missing; restore them"
    )]
    Gap {
        /// The entry that is needed.
        expected: u64,
        /// The entry that is there.
        found: u64,
    },
    /// The log is signed by other keys, or began with others.
    #[error("the log's keys are not those that it began with")]
    WrongKeys,
    /// The files of the ledger are not what their checkpoint says.
    #[error("the ledger's files were changed")]
    Changed(#[from] verify::Failure),
    /// The files at the ledger's end are not what their checkpoint says.
    #[error("the ledger's newest files do not fit its checkpoint: they were changed or are damaged")]
    Broken(#[from] ledger::Broken),
    /// A key of the log did not sign.
    #[error("the checkpoint is not signed")]
    Unsigned(#[from] ledger::Unsigned),
    /// A key that makes no verifier key.
    #[error("a log signs with one Ed25519 and one ML-DSA-44 key of its own, under its origin")]
    Key,
    /// The step was cut short; the next one finds out how far it came.
    #[error("the step was interrupted")]
    Interrupted,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => Kind::Full,
            Self::File { .. } | Self::Stopped { .. } | Self::Unsigned(_) => Kind::Unavailable,
            Self::Ahead { .. } | Self::Fork { .. } | Self::Gap { .. } | Self::WrongKeys => Kind::Conflict,
            Self::Changed(_) | Self::Broken(_) => Kind::CheckFailed,
            Self::Key | Self::Interrupted => Kind::Internal,
        }
    }
}
