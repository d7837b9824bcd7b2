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

/// What was only counted: it stands for so many refusals of a minute.
#[derive(Debug, Clone)]
pub(crate) struct Folded {
    pub(crate) ctx: Context,
    pub(crate) source: Source,
    pub(crate) operation: &'static str,
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
    pairs: HashMap<(Source, &'static str), Pair>,
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
        operation: &'static str,
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
            key = (Source::Others, "");
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
    fn folded(self, (source, operation): &(Source, &'static str)) -> Option<Folded> {
        (self.count > 0).then(|| Folded {
            ctx: self.ctx,
            source: source.clone(),
            operation,
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
#[expect(clippy::disallowed_methods, reason = "a test is its own composition root")]
mod tests {
    use super::{Address, MAX_PAIRS, Refusals, STRANGERS, Source};
    use base::{Action, Actor, Context, Id, Timestamp, noun};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    // The middle of a minute.
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_010_000);
    const ACTION: Action = Action::DatasetsReveal;
    const MINUTE: Duration = Duration::from_secs(60);

    fn organization() -> Id<noun::Organization> {
        Id::from_bytes([1; 16])
    }

    fn ctx(actor: Actor) -> Context {
        Context::authenticated(organization(), actor, Id::from_bytes([3; 16]))
    }

    fn holder(number: u64) -> Actor {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Actor::Source { credential: Id::from_bytes(bytes) }
    }

    fn by(refusals: &Refusals, number: u64, now: Timestamp) -> super::Asked {
        refusals.ask(&ctx(holder(number)), Source::Actor(holder(number)), "datasets.reveal", ACTION, now)
    }

    fn from(refusals: &Refusals, address: u32, now: Timestamp) -> super::Asked {
        let address = Address::of(Some(IpAddr::V4(Ipv4Addr::from(address))));
        refusals.ask(&ctx(Actor::Unidentified), Source::Address(address), "findings.ls", ACTION, now)
    }

    fn counts(refusals: &Refusals, now: Timestamp, all: bool) -> Vec<u64> {
        refusals.due(organization(), now, all).iter().map(|folded| folded.count).collect()
    }

    #[test]
    fn the_first_of_a_minute_is_its_own_and_the_rest_are_one() {
        let refusals = Refusals::default();
        assert!(by(&refusals, 1, NOW).own);
        for _ in 0..1_000 {
            assert!(!by(&refusals, 1, NOW).own);
        }
        assert!(by(&refusals, 2, NOW).own, "another source is not held back");
        let other = refusals.ask(&ctx(holder(1)), Source::Actor(holder(1)), "findings.ls", ACTION, NOW);
        assert!(other.own, "nor is another operation");
        assert!(counts(&refusals, NOW, false).is_empty(), "the minute is not over");
        let due = refusals.due(organization(), NOW + MINUTE, false);
        let [folded] = due.as_slice() else { panic!("one count: {due:?}") };
        assert_eq!(
            (folded.count, folded.operation, folded.ctx.actor()),
            (1_000, "datasets.reveal", &holder(1))
        );
        assert_eq!(folded.since, Timestamp::from_millis(1_699_999_980_000));
        assert!(counts(&refusals, NOW + MINUTE, true).is_empty(), "once");
    }

    #[test]
    fn the_next_minute_begins_with_what_the_last_one_counted() {
        let refusals = Refusals::default();
        for _ in 0..8 {
            by(&refusals, 1, NOW);
        }
        let next = by(&refusals, 1, NOW + MINUTE);
        assert!(next.own);
        assert_eq!(next.before.map(|folded| folded.count), Some(7));
        assert!(!by(&refusals, 1, NOW + MINUTE).own);
        assert_eq!(counts(&refusals, NOW + MINUTE, true), [1], "all, at the drain");
        assert!(by(&refusals, 1, NOW.minus(MINUTE)).own, "a clock that was set back begins another minute");
    }

    #[test]
    fn what_could_not_be_written_is_counted_again() {
        let refusals = Refusals::default();
        by(&refusals, 1, NOW);
        by(&refusals, 1, NOW);
        let folded = refusals.due(organization(), NOW + MINUTE, false).remove(0);
        refusals.give_back(folded.clone());
        assert_eq!(counts(&refusals, NOW + MINUTE, false), [1]);
        by(&refusals, 1, NOW + MINUTE);
        refusals.give_back(folded);
        assert_eq!(counts(&refusals, NOW + MINUTE + MINUTE, false), [1], "with the minute that runs");
    }

    #[test]
    fn a_caller_with_many_addresses_takes_neither_memory_nor_room_without_end() {
        let refusals = Refusals::default();
        let own = (0..100_000).filter(|address| from(&refusals, *address, NOW).own).count();
        assert_eq!(own, STRANGERS as usize);
        assert!(by(&refusals, 1, NOW).own, "who is known is not drowned by it");
        assert!(counts(&refusals, NOW, true).contains(&(100_000 - u64::from(STRANGERS))), "none is lost");
        let later = NOW + MINUTE * 10;
        let own = (0..1_000).filter(|address| from(&refusals, *address, later).own).count();
        assert_eq!(own, 160, "sixteen a minute");
    }

    #[test]
    fn many_credentials_take_no_memory_without_end() {
        let refusals = Refusals::default();
        for number in 0..3 * MAX_PAIRS as u64 {
            by(&refusals, number, NOW);
        }
        let known = refusals.0.lock().expect("a lock");
        assert_eq!(known[&organization()].pairs.len(), MAX_PAIRS + 1);
    }

    #[test]
    fn one_network_is_one_address() {
        let of = |text: &str| Address::of(Some(text.parse().expect("an address")));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7").to_string(), "192.0.2.7");
        assert_eq!(of(&Ipv6Addr::LOCALHOST.to_string()).to_string(), "::/64");
        assert_eq!(Address::of(None).to_string(), "local");
    }
}
