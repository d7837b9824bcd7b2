//! Why a log is not published.

use crate::ports::{StorageError, Unmet, Unreachable};
use base::{Fault, Id, Kind, noun};

/// A failure of publication.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store does not answer.
    #[error("the store refused the ledger's writer")]
    Store(#[from] store::Error),
    /// The files of the ledger could not be read or written; it is tried again.
    #[error("the ledger's files could not be read or written")]
    Storage(#[from] StorageError),
    /// A sync failed, now or earlier: what the storage holds is not known.
    #[error("a sync of {path} failed, so the disk may not hold what was written: check it, then restart")]
    Stopped {
        /// Of which file or directory.
        path: String,
    },
    /// Others remember more of this log than is here, or something else.
    #[error(
        "{by} remembers {known} entries of this log, and here are {own} that it could have come from: an older state was \
         restored; nothing is signed until an operator begins a new log (nexora ledger restart)"
    )]
    Behind {
        /// Who remembers.
        by: String,
        /// How many entries they have seen.
        known: u64,
        /// How many are here.
        own: u64,
    },
    /// Somebody remembers another history of this log.
    #[error(
        "{by} remembers another history of this log, of {known} entries: an older state was restored, or the log was \
         changed; nothing is signed until an operator begins a new log (nexora ledger restart)"
    )]
    Split {
        /// Who remembers.
        by: String,
        /// How many entries they have seen.
        known: u64,
    },
    /// Who must be asked before anything is signed does not answer.
    #[error(
        "it is not known whether this log is behind what others remember of it: nothing is signed until it is"
    )]
    Uncompared(#[source] Unreachable),
    /// Too few witnesses have cosigned.
    #[error("entries are sequenced and wait for witnesses")]
    Unmet(#[source] Unmet),
    /// An anchor did not take a checkpoint, or not tell what became of it.
    #[error("the published checkpoint is not anchored yet")]
    Anchor(#[source] Unreachable),
    /// A new log was asked for, and the present one is in order.
    #[error("the log is in order, or was not opened yet: there is no reason to begin another one")]
    InOrder,
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
    /// A time to keep entries for that cannot be set.
    #[error("entries are kept for 30 to 36525 days")]
    Days,
    /// A reason that is none, or too long.
    #[error("a reason has 1 to 1024 bytes")]
    Reason,
    /// There is no such hold.
    #[error("there is no legal hold {0}: list them with `nexora ledger retention show`")]
    NoHold(Id<noun::Hold>),
    /// Nothing expires or is erased while a hold stands.
    #[error("the legal hold {0} stands: nothing of the ledger is erased until it is lifted")]
    Held(Id<noun::Hold>),
    /// Nothing was named whose details are still there.
    #[error("none of these entries has details that are still there")]
    NoDetails,
    /// Entries that were named as a range without beginning or end, or too many ranges of them.
    #[error(
        "name entries by ranges of which the first is not after the last, at most {} of them",
        crate::erasing::MAX_RANGES
    )]
    Ranges,
    /// A row of this service's tables that cannot be.
    #[error("a row of {0} is not as it was written: the database was changed or is damaged")]
    Row(&'static str),
    /// The clock says a time before 1970.
    #[error("the clock stands before 1970: no cosignature can state that")]
    Clock,
    /// The step was cut short; the next one finds out how far it came.
    #[error("the step was interrupted")]
    Interrupted,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Stopped { .. }
            | Self::Unsigned(_)
            | Self::Uncompared(_)
            | Self::Unmet(_)
            | Self::Anchor(_) => Kind::Unavailable,
            Self::Ahead { .. }
            | Self::Fork { .. }
            | Self::Gap { .. }
            | Self::Behind { .. }
            | Self::Split { .. }
            | Self::InOrder
            | Self::Held(_)
            | Self::WrongKeys => Kind::Conflict,
            Self::Changed(_) | Self::Broken(_) => Kind::CheckFailed,
            Self::Days | Self::Reason | Self::Ranges => Kind::BadInput,
            Self::NoHold(_) | Self::NoDetails => Kind::NotFound,
            Self::Key | Self::Row(_) | Self::Clock | Self::Interrupted => Kind::Internal,
        }
    }

    /// A hold, a log in order, the shortest time: each keeps what is on record from whoever would do away with it.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Held(_) | Self::InOrder | Self::Days => true,
            Self::Store(error) => error.is_refusal(),
            _ => false,
        }
    }
}
