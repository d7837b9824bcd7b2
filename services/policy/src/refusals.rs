//! How refusals are put on record: the first one per source, operation and minute by an entry of its own; the rest
//! of that minute is counted, and written as one at its end.
//!
//! So the ledger cannot be grown at will by asking for what is refused, and no refusal is lost from it. A source is
//! whoever holds a credential; where nobody is known, the address that a request came from.
//!
//! # What strangers share
//! A caller may have more addresses than fit in memory, so the entries that strangers cause come from one purse of the
//! organization: [`PURSE`] times as many as there are operations, and [`REFILL`] times as many again in each minute. So
//! who asks for everything there is, minute after minute, stands in the ledger with all of it and uses up half of what
//! comes in.
//!
//! One address does not use up what another one needs: half of the purse is kept for who has had no entry in the
//! minute. From the other half an address gets one only while more are left there than it has had. So the more there
//! are who ask for much, the less each of them gets, and the one who asks once is heard.
//!
//! What an address asks for past that is one count under it, with the address. Only who has had no entry in the minute,
//! when none is left, is counted together with all others: what is told apart is bounded by the purse and
//! [`MAX_PAIRS`].

use crate::model::Address;
use base::{Action, Actor, Context, Id, Timestamp, noun};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many pairs of source and operation are told apart in an organization.
const MAX_PAIRS: usize = 10_000;
/// How many times all operations strangers may be refused at any speed, each with an entry of its own.
const PURSE: u32 = 8;
/// How many times all operations come back to that in a minute.
const REFILL: u32 = 2;
const MINUTE: i64 = 60_000_000;
/// All operations that are not told apart.
pub(crate) const REST: Operation = Operation { name: "", why: None };

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

/// What is refused: an operation; or something that ended in its middle, and why; or [`REST`].
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

#[derive(Debug)]
pub(crate) struct Refusals {
    /// How many operations there are.
    operations: u32,
    known: Mutex<HashMap<Id<noun::Organization>, Organization>>,
}

#[derive(Debug)]
struct Organization {
    pairs: HashMap<(Source, Operation), Pair>,
    purse: Purse,
    /// The minute in which an address last had an entry of its own, and how many; no more of them than pairs.
    had: HashMap<Address, (i64, u32)>,
}

#[derive(Debug)]
struct Pair {
    minute: i64,
    count: u64,
    /// Whether the entry of its own could not be written: the next one of the minute writes it.
    owed: bool,
    ctx: Context,
    action: Action,
}

/// What is left of the entries that strangers may cause.
#[derive(Debug)]
struct Purse {
    size: u32,
    /// After how long one more comes back, in microseconds.
    every: i64,
    left: u32,
    at: i64,
}

impl Refusals {
    /// For so many operations, one at the least.
    pub(crate) fn of(operations: usize) -> Self {
        let operations = u32::try_from(operations).unwrap_or(u32::MAX).clamp(1, 1_000);
        Self { operations, known: Mutex::default() }
    }

    /// Enters one refusal.
    pub(crate) fn ask(
        &self,
        ctx: &Context,
        source: Source,
        operation: Operation,
        action: Action,
        now: Timestamp,
    ) -> Asked {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Organization::of(self.operations);
        let organization = known.entry(ctx.organization()).or_insert_with(fresh);
        let minute = now.micros().div_euclid(MINUTE);
        let key = (source, operation);
        let (key, own) = match organization.pairs.get(&key) {
            Some(pair) if pair.minute == minute => (key, true),
            found => {
                let room = found.is_some() || organization.pairs.len() < MAX_PAIRS;
                organization.told_apart(key, room, (minute, now.micros()))
            }
        };
        let fresh = Pair { minute, count: 0, owed: false, ctx: ctx.clone(), action };
        let Some(pair) = organization.pairs.get_mut(&key) else {
            let count = u64::from(!own);
            organization.pairs.insert(key, Pair { count, ..fresh });
            return Asked { own, before: None };
        };
        if pair.minute == minute {
            let own = std::mem::take(&mut pair.owed);
            pair.count += u64::from(!own);
            (pair.ctx, pair.action) = (fresh.ctx, action);
            return Asked { own, before: None };
        }
        let past = std::mem::replace(pair, Pair { count: u64::from(!own), ..fresh });
        Asked { own, before: past.folded(&key) }
    }

    /// Takes what was counted in an organization: of minutes that are over, or of `all`.
    pub(crate) fn due(&self, organization: Id<noun::Organization>, now: Timestamp, all: bool) -> Vec<Folded> {
        let minute = now.micros().div_euclid(MINUTE);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(organization) = known.get_mut(&organization) else { return Vec::new() };
        organization.had.retain(|_, (of, _)| *of == minute);
        let over = organization.pairs.extract_if(|_, pair| all || pair.minute != minute);
        let mut due: Vec<_> = over.filter_map(|(key, pair)| pair.folded(&key)).collect();
        due.sort_by_key(|folded| (folded.since, folded.operation));
        due
    }

    /// Counts again what could not be written. `owed`: it was the entry of its own of one that was refused, which the next
    /// one writes then.
    pub(crate) fn give_back(&self, folded: Folded, owed: bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Organization::of(self.operations);
        let organization = known.entry(folded.ctx.organization()).or_insert_with(fresh);
        let Folded { ctx, source, operation, action, count, since } = folded;
        let minute = since.micros().div_euclid(MINUTE);
        let pair = organization.pairs.entry((source, operation));
        let pair = pair.or_insert(Pair { minute, count: 0, owed: false, ctx, action });
        pair.count += count;
        pair.owed |= owed;
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

impl Organization {
    fn of(operations: u32) -> Self {
        Self { pairs: HashMap::new(), purse: Purse::of(operations), had: HashMap::new() }
    }

    /// As what a pair counts that is new in its minute, and whether it has an entry of its own.
    fn told_apart(
        &mut self,
        (source, operation): (Source, Operation),
        room: bool,
        (minute, now): (i64, i64),
    ) -> ((Source, Operation), bool) {
        let others = ((Source::Others, REST), false);
        let Source::Address(address) = source else {
            return if room { ((source, operation), true) } else { others };
        };
        let had = self.had.get(&address).filter(|(of, _)| *of == minute).map_or(0, |(_, had)| *had);
        if room && self.purse.take(now, had) {
            self.had.insert(address, (minute, had + 1));
            return ((source, operation), true);
        }
        // One line more for each address that has an entry: bounded as those are.
        if had > 0 { ((source, REST), false) } else { others }
    }
}

impl Purse {
    fn of(operations: u32) -> Self {
        let size = operations * PURSE;
        Self { size, every: MINUTE / i64::from(operations * REFILL), left: size, at: i64::MIN }
    }

    /// Takes one for somebody who has `had` so many in this minute, if more than that are left for such.
    fn take(&mut self, now: i64, had: u32) -> bool {
        let passed = now.saturating_sub(self.at);
        if passed < 0 || self.left == self.size {
            // Full, or the clock was set back: from here on it counts anew.
            self.at = now;
        } else {
            let more = passed / self.every;
            self.left = u32::try_from(more).unwrap_or(u32::MAX).saturating_add(self.left).min(self.size);
            self.at = self.at.saturating_add(more.saturating_mul(self.every));
        }
        let kept = if had == 0 { 0 } else { self.size / 2 };
        let taken = self.left > kept.saturating_add(had);
        self.left -= u32::from(taken);
        taken
    }
}

#[cfg(test)]
mod tests;
