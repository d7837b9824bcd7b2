//! How often refusals are put on record: each one, until an actor is refused faster than any honest one is.
//!
//! A caller who may not do a thing can still ask for it without end. Past [`BURST`] refusals, what comes
//! faster than one a second is counted, and stands in the ledger as a number: in the actor's next refusal on
//! record, or in an entry of its own from [`Refusals::left`]. So the ledger cannot be grown at will, and no
//! refusal is lost from it.

use base::{Action, Actor, Id, Timestamp, noun};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many refusals of one actor are put on record one by one, at any speed.
pub(crate) const BURST: u32 = 100;
/// After how long one more is, in microseconds.
const REFILL: i64 = 1_000_000;
/// How many actors are told apart; beyond them, all others of an organization count as one.
const MAX_ACTORS: usize = 10_000;

type Key = (Id<noun::Organization>, Option<Actor>);

#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<Key, Meter>>);

#[derive(Debug)]
struct Meter {
    left: u32,
    at: Timestamp,
    folded: u64,
    last: Action,
}

impl Refusals {
    /// Whether this refusal is to be put on record, and how many before it were only counted: `None` where it
    /// is only counted itself.
    pub(crate) fn ask(
        &self,
        organization: Id<noun::Organization>,
        actor: &Actor,
        action: Action,
        now: Timestamp,
    ) -> Option<u64> {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (organization, Some(actor.clone()));
        if meters.len() >= MAX_ACTORS && !meters.contains_key(&key) {
            meters.retain(|_, meter| meter.folded > 0 || meter.refilled(now).0 < BURST);
            if meters.len() >= MAX_ACTORS {
                key.1 = None;
            }
        }
        let fresh = || Meter { left: BURST, at: now, folded: 0, last: action };
        let meter = meters.entry(key).or_insert_with(fresh);
        (meter.left, meter.at) = meter.refilled(now);
        meter.last = action;
        if meter.left == 0 {
            meter.folded += 1;
            return None;
        }
        meter.left -= 1;
        Some(std::mem::take(&mut meter.folded))
    }

    /// Takes what was only counted in an organization: how many, and the last action that was refused.
    pub(crate) fn left(&self, organization: Id<noun::Organization>) -> Option<(u64, Action)> {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let folded = meters.iter_mut().filter(|(key, meter)| key.0 == organization && meter.folded > 0);
        let taken = folded.map(|(_, meter)| (std::mem::take(&mut meter.folded), meter.last));
        taken.reduce(|(sum, _), (count, last)| (sum + count, last))
    }

    /// Gives back what [`left`](Self::left) took and could not be put on record.
    pub(crate) fn give_back(
        &self,
        organization: Id<noun::Organization>,
        (count, last): (u64, Action),
        now: Timestamp,
    ) {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Meter { left: BURST, at: now, folded: 0, last };
        meters.entry((organization, None)).or_insert_with(fresh).folded += count;
    }
}

impl Meter {
    /// What is left at `now`, and the moment up to which that was counted.
    fn refilled(&self, now: Timestamp) -> (u32, Timestamp) {
        let passed = now.micros().saturating_sub(self.at.micros());
        if passed < 0 {
            // The clock was set back: from here on it counts anew.
            return (self.left, now);
        }
        let more = passed / REFILL;
        let left = u32::try_from(more).unwrap_or(u32::MAX).saturating_add(self.left).min(BURST);
        (left, Timestamp::from_micros(self.at.micros() + more * REFILL))
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, MAX_ACTORS, Refusals};
    use base::{Action, Actor, Id, Timestamp, noun};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const ACTION: Action = Action::DatasetsReveal;

    fn organization() -> Id<noun::Organization> {
        Id::from_bytes([1; 16])
    }

    fn actor(number: u64) -> Actor {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Actor::Source { credential: Id::from_bytes(bytes) }
    }

    #[test]
    fn a_flood_is_counted_and_no_refusal_is_lost() {
        let refusals = Refusals::default();
        let ask = |now| refusals.ask(organization(), &actor(1), ACTION, now);
        for _ in 0..BURST {
            assert_eq!(ask(NOW), Some(0));
        }
        for _ in 0..1_000 {
            assert_eq!(ask(NOW), None);
        }
        assert_eq!(refusals.ask(organization(), &actor(2), ACTION, NOW), Some(0), "another is not held back");
        assert_eq!(ask(NOW + Duration::from_secs(1)), Some(1_000));
        assert_eq!(ask(NOW + Duration::from_secs(1)), None);
        assert_eq!(refusals.left(organization()), Some((1, ACTION)));
        assert_eq!(refusals.left(organization()), None);
        refusals.give_back(organization(), (1, ACTION), NOW);
        assert_eq!(refusals.left(organization()), Some((1, ACTION)));
    }

    #[test]
    fn a_clock_set_back_opens_nothing_and_closes_nothing() {
        let refusals = Refusals::default();
        let ask = |now| refusals.ask(organization(), &actor(1), ACTION, now);
        for _ in 0..BURST {
            ask(NOW);
        }
        let before = NOW.minus(Duration::from_secs(3_600));
        assert_eq!(ask(before), None);
        assert_eq!(ask(before + Duration::from_secs(1)), Some(1));
    }

    #[test]
    fn invented_actors_take_no_memory_without_end() {
        let refusals = Refusals::default();
        for number in 0..3 * MAX_ACTORS as u64 {
            refusals.ask(organization(), &actor(number), ACTION, NOW);
        }
        assert!(refusals.0.lock().expect("a lock").len() <= MAX_ACTORS + 1);
    }
}
