//! How long entries are kept, and what holds them longer.
//!
//! Each organization keeps its entries for a time, counted from their arrival in the ledger: seven years, unless it set
//! another. A shorter time takes effect after [`DELAY`]: what expires by it is gone for good, so others must be able to
//! see the entry that sets it, and set another time. What has expired is pruned by a background step
//! (`retention/expiry.rs`); of earlier logs, it erases the details (`retention/ended.rs`). A legal hold stops that, and
//! erasing as well; there may be several, and each is lifted by itself.

mod ended;
mod expiry;
pub(crate) mod tables;

pub use expiry::Expired;

use crate::{Audit, Error};
use base::{Context, Id, Timestamp, noun};
use ledger::{Entry, Kind};
use std::time::Duration;
use store::{Committed, Queries, Tx};

/// The shortest time that entries may be kept, in days: whoever gets hold of an administrator's credential must not be
/// able to set a time that takes the record of it away before it is noticed.
pub const SHORTEST: u32 = 30;
/// The time that entries are kept unless the organization says otherwise, in days: seven years.
pub const DEFAULT: u32 = 2_557;
/// The longest time that can be set, in days: a hundred years.
pub const LONGEST: u32 = 36_525;
/// How long nothing expires by a time that is shorter than the one before: seven days.
pub const DELAY: Duration = Duration::from_secs(7 * 86_400);
/// The longest reason of a hold, in bytes.
pub const MAX_REASON: usize = 1_024;

/// How long an organization's entries are kept, and what holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// For how many days from their arrival on.
    pub days: u32,
    /// Whether the organization has set that.
    pub set: bool,
    /// Where that is a shorter time: how long they are still kept, and until when.
    pub still: Option<Still>,
    /// The holds that stand, oldest first.
    pub holds: Vec<Hold>,
    /// The first entry of the log in use that is still kept.
    pub minimum: u64,
}

/// A longer time that holds until a shorter one takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Still {
    /// For how many days from their arrival on.
    pub days: u32,
    /// Until when.
    pub until: Timestamp,
}

/// The time that was set, as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) days: u32,
    pub(crate) still: Option<Still>,
}

impl Kept {
    /// What everyone has.
    const DEFAULT: Self = Self { days: DEFAULT, still: None };

    /// The longer time, as long as it holds.
    fn still(self, now: Timestamp) -> Option<Still> {
        self.still.filter(|still| now < still.until)
    }

    /// For how many days entries are kept now.
    pub(crate) fn now(self, now: Timestamp) -> u32 {
        self.still(now).map_or(self.days, |still| still.days.max(self.days))
    }

    /// After another time was set: at once where nothing expires by it that is kept now.
    fn then(self, days: u32, now: Timestamp) -> Self {
        let before = self.now(now);
        Self { days, still: (days < before).then(|| Still { days: before, until: now + DELAY }) }
    }
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Which.
    pub id: Id<noun::Hold>,
    /// Why it was placed, in the words of who placed it.
    pub reason: String,
    /// When.
    pub placed_at: Timestamp,
}

/// What was pruned of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pruned {
    /// The first index that is kept.
    pub(crate) minimum: u64,
    /// The position of the entry that says so.
    pub(crate) entry: u64,
}

impl Audit {
    /// How long the organization's entries are kept, and what holds them.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn retention(&self, ctx: &Context) -> Result<Retention, Error> {
        let read = self.shared.options.store.read(ctx).await?;
        let set = tables::kept(&read).await?;
        let kept = set.unwrap_or(Kept::DEFAULT);
        Ok(Retention {
            days: kept.days,
            set: set.is_some(),
            still: kept.still(self.shared.options.clock.now()),
            holds: tables::holds(&read).await?,
            minimum: minimum(&read).await?,
        })
    }

    /// Sets for how many days the organization's entries are kept: a longer time at once, a shorter one after
    /// [`DELAY`].
    ///
    /// # Errors
    /// [`Error::Days`] outside [`SHORTEST`] and [`LONGEST`]; what the store meets.
    pub async fn set_retention(&self, ctx: &Context, days: u32) -> Result<Committed, Error> {
        if !(SHORTEST..=LONGEST).contains(&days) {
            return Err(Error::Days);
        }
        let mut tx = self.shared.options.store.write(ctx).await?;
        let before = tables::kept(&tx).await?.unwrap_or(Kept::DEFAULT);
        let kept = before.then(days, tx.now());
        tables::set_kept(&mut tx, kept).await?;
        let mut entry = Entry::done(Kind::RetentionSet, ctx.organization())
            .fact("before", before.days)
            .fact("days", days);
        if let Some(still) = kept.still {
            entry = entry.fact("from", still.until);
        }
        Ok(tx.commit(entry).await?)
    }

    /// Places a legal hold: until it is lifted, nothing of the organization's ledger expires or is erased. The reason
    /// is free text; in the ledger it is a detail.
    ///
    /// # Errors
    /// [`Error::Reason`] for one that is empty or longer than [`MAX_REASON`]; what the store meets.
    pub async fn place_hold(&self, ctx: &Context, reason: &str) -> Result<Hold, Error> {
        if reason.trim().is_empty() || reason.len() > MAX_REASON {
            return Err(Error::Reason);
        }
        let mut tx = self.shared.options.store.write(ctx).await?;
        let mut random = [0; 10];
        self.shared.options.provider.fill(&mut random);
        let placed_at = tx.now();
        let hold = Hold { id: Id::fresh(placed_at, random), reason: reason.to_owned(), placed_at };
        tables::place(&mut tx, &hold).await?;
        let entry = Entry::done(Kind::HoldPlaced, hold.id).details(serde_json::json!({ "reason": reason }));
        tx.commit(entry).await?;
        Ok(hold)
    }

    /// Lifts a legal hold.
    ///
    /// # Errors
    /// [`Error::NoHold`] where none of that id stands; what the store meets.
    pub async fn lift_hold(&self, ctx: &Context, id: Id<noun::Hold>) -> Result<Committed, Error> {
        let mut tx = self.shared.options.store.write(ctx).await?;
        if !tables::lift(&mut tx, id).await? {
            return Err(Error::NoHold(id));
        }
        Ok(tx.commit(Entry::done(Kind::HoldLifted, id)).await?)
    }

    /// The first entry of the organization's log in use that is kept; 0 where nothing was pruned. Two rows.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn minimum(&self, ctx: &Context) -> Result<u64, Error> {
        minimum(&self.shared.options.store.read(ctx).await?).await
    }
}

/// The first entry of the log in use that is kept.
pub(crate) async fn minimum(door: &impl Queries) -> Result<u64, Error> {
    let generation = door.generation().await?.number;
    Ok(tables::pruned(door, generation).await?.map_or(0, |pruned| pruned.minimum))
}

/// Nothing is taken away while a hold stands.
pub(crate) async fn not_held(tx: &Tx) -> Result<(), Error> {
    let holds = tables::holds(tx).await?;
    holds.first().map_or(Ok(()), |hold| Err(Error::Held(hold.id)))
}
