//! How refusals are put on record: the first one per source, operation and minute by an entry of its own; the rest
//! of that minute is counted, and written as one at its end.
//!
//! So the ledger cannot be grown at will by asking for what is refused, and no refusal is lost from it. A source is
//! whoever holds a credential; where nobody is known, the address that a request came from. A caller may have more
//! addresses than fit in memory: past [`STRANGERS`] of them and what is given back of that by and by, and past
//! [`MAX_PAIRS`] in any case, all others are counted together, so that what they cost is bounded.

use crate::model::Address;
use base::{Action, Actor, Context, Id, Timestamp, noun};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many pairs of source and operation are told apart in an organization.
const MAX_PAIRS: usize = 10_000;
/// How many pairs of address and operation get an entry of their own in an organization, at any speed.
const STRANGERS: u32 = 256;
/// After how long one more does, in microseconds: 16 in a minute.
const REFILL: i64 = 60_000_000 / 16;
const MINUTE: i64 = 60_000_000;

/// Who is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Whoever the context names.
    Actor(Actor),
    /// Nobody known.
    Address(Address),
    /// All that are not told apart.
    Others,
}

/// What is refused: an operation; or something that ended in its middle, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) why: Option<&'static str>,
}

/// What was only counted: it stands for so many refusals of a minute.
#[derive(Debug, Clone)]
pub(crate) struct Folded {
    pub(crate) ctx: Context,
    pub(crate) source: Source,
    pub(crate) operation: Operation,
    pub(crate) action: Action,
    pub(crate) count: u64,
    /// When the minute began.
    pub(crate) since: Timestamp,
}

/// What becomes of one refusal.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Whether it gets an entry of its own.
    pub(crate) own: bool,
    /// What was counted in an earlier minute of the same source and operation, and is to be written first.
    pub(crate) before: Option<Folded>,
}

#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<Id<noun::Organization>, Organization>>);

#[derive(Debug, Default)]
struct Organization {
    pairs: HashMap<(Source, Operation), Pair>,
    strangers: Strangers,
}

#[derive(Debug)]
struct Pair {
    minute: i64,
    count: u64,
    ctx: Context,
    action: Action,
}

/// What is left of the entries that strangers may cause.
#[derive(Debug)]
struct Strangers {
    left: u32,
    at: i64,
}

impl Default for Strangers {
    fn default() -> Self {
        Self { left: STRANGERS, at: i64::MIN }
    }
}

impl Refusals {
    /// Enters one refusal.
    pub(crate) fn ask(
        &self,
        ctx: &Context,
        source: Source,
        operation: Operation,
        action: Action,
        now: Timestamp,
    ) -> Asked {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let organization = known.entry(ctx.organization()).or_default();
        let minute = now.micros().div_euclid(MINUTE);
        let mut key = (source, operation);
        let told_apart = match organization.pairs.get(&key) {
            Some(pair) if pair.minute == minute => true,
            found => {
                let room = found.is_some() || organization.pairs.len() < MAX_PAIRS;
                let stranger = matches!(key.0, Source::Address(_));
                room && (!stranger || organization.strangers.take(now.micros()))
            }
        };
        if !told_apart {
            key = (Source::Others, Operation { name: "", why: None });
        }
        let own = key.0 != Source::Others;
        let fresh = Pair { minute, count: 0, ctx: ctx.clone(), action };
        let Some(pair) = organization.pairs.get_mut(&key) else {
            let count = u64::from(!own);
            organization.pairs.insert(key, Pair { count, ..fresh });
            return Asked { own, before: None };
        };
        if pair.minute == minute {
            pair.count += 1;
            (pair.ctx, pair.action) = (fresh.ctx, action);
            return Asked { own: false, before: None };
        }
        let past = std::mem::replace(pair, Pair { count: u64::from(!own), ..fresh });
        Asked { own, before: past.folded(&key) }
    }

    /// Takes what was counted in an organization: of minutes that are over, or of `all`.
    pub(crate) fn due(&self, organization: Id<noun::Organization>, now: Timestamp, all: bool) -> Vec<Folded> {
        let minute = now.micros().div_euclid(MINUTE);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(organization) = known.get_mut(&organization) else { return Vec::new() };
        let over = organization.pairs.extract_if(|_, pair| all || pair.minute != minute);
        let mut due: Vec<_> = over.filter_map(|(key, pair)| pair.folded(&key)).collect();
        due.sort_by_key(|folded| (folded.since, folded.operation));
        due
    }

    /// Counts again what could not be written.
    pub(crate) fn give_back(&self, folded: Folded) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let organization = known.entry(folded.ctx.organization()).or_default();
        let Folded { ctx, source, operation, action, count, since } = folded;
        let minute = since.micros().div_euclid(MINUTE);
        let pair = organization.pairs.entry((source, operation));
        pair.or_insert(Pair { minute, count: 0, ctx, action }).count += count;
    }
}

impl Pair {
    fn folded(self, (source, operation): &(Source, Operation)) -> Option<Folded> {
        (self.count > 0).then(|| Folded {
            ctx: self.ctx,
            source: source.clone(),
            operation: *operation,
            action: self.action,
            count: self.count,
            since: Timestamp::from_micros(self.minute * MINUTE),
        })
    }
}

impl Strangers {
    fn take(&mut self, now: i64) -> bool {
        let passed = now.saturating_sub(self.at);
        if passed < 0 || self.left == STRANGERS {
            // Full, or the clock was set back: from here on it counts anew.
            self.at = now;
        } else {
            let more = passed / REFILL;
            self.left = u32::try_from(more).unwrap_or(u32::MAX).saturating_add(self.left).min(STRANGERS);
            self.at = self.at.saturating_add(more.saturating_mul(REFILL));
        }
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests;
