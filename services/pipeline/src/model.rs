//! What comes in with a batch, and what is answered.

use base::{Id, Timestamp, noun};
use events::{Format, Reject};
use std::collections::{BTreeMap, BTreeSet};

/// Who sends a batch, and what their credential allows.
#[derive(Debug, Clone)]
pub struct Source {
    /// The ingest credential.
    pub credential: Id<noun::Credential>,
    /// The format it sends.
    pub format: Format,
    /// The accounts it may speak for.
    pub accounts: Accounts,
}

/// The accounts that a source may speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// Any, also events that name none.
    Any,
    /// These.
    Only(BTreeSet<String>),
}

impl Accounts {
    /// Whether an event that speaks for this account may come in.
    #[must_use]
    pub fn allow(&self, account: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Only(accounts) => account.is_some_and(|account| accounts.contains(account)),
        }
    }
}

/// What became of a batch. When it is given, every accepted event is durable and judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The batch's id: the same for the same body from the same credential.
    pub batch: Id<noun::Batch>,
    /// How many events were accepted.
    pub accepted: u64,
    /// Those that were not, by their place in the batch.
    pub rejected: Vec<Reject>,
    /// The offset of the first accepted event; `None` where none was.
    pub first_offset: Option<u64>,
    /// The same batch was accepted before; this is where it stands, and nothing was added.
    pub again: bool,
}

/// An event as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its offset.
    pub offset: u64,
    /// When it arrived.
    pub arrival: Timestamp,
    /// The redacted event, as JSON.
    pub text: String,
}

/// What went through since the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches that were acknowledged.
    pub batches: u64,
    /// Batches that had been acknowledged before.
    pub batches_again: u64,
    /// Batches that were refused because too many waited.
    pub busy: u64,
    /// Batches that were not kept for any other reason.
    pub not_kept: u64,
    /// Events that were accepted.
    pub accepted: u64,
    /// Events that were rejected, by code.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Findings that were added or changed.
    pub findings: u64,
    /// Identities that were added or changed.
    pub identities: u64,
}

/// What the shards of all open organizations remember, and what they gave up for want of room or of a credible time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Identities.
    pub identities: u64,
    /// Identities with a page of their own.
    pub wide: u64,
    /// New things that wait to be learned.
    pub waiting: u64,
    /// Identities that were forgotten for want of room, ever.
    pub evicted: u64,
    /// Hits against identities that nobody knew, told together with others, ever.
    pub told_together: u64,
    /// Activities that were judged by rules alone because of their time, ever.
    pub passed_over: detect::PassedOver,
}

impl Remembered {
    /// What some shards remember.
    pub(crate) fn of<'s>(states: impl IntoIterator<Item = &'s detect::ShardState>) -> Self {
        states.into_iter().fold(Self::default(), |sum, state| {
            let one = Self {
                identities: state.len() as u64,
                wide: state.wide() as u64,
                waiting: state.waiting() as u64,
                evicted: state.evicted(),
                told_together: state.told_together(),
                passed_over: state.passed_over(),
            };
            sum.and(one)
        })
    }

    /// Both together.
    pub(crate) const fn and(self, other: Self) -> Self {
        let (one, two) = (self.passed_over, other.passed_over);
        Self {
            identities: self.identities + other.identities,
            wide: self.wide + other.wide,
            waiting: self.waiting + other.waiting,
            evicted: self.evicted + other.evicted,
            told_together: self.told_together + other.told_together,
            passed_over: detect::PassedOver {
                ahead: one.ahead + two.ahead,
                ancient: one.ancient + two.ancient,
                late: one.late + two.late,
            },
        }
    }
}
