//! Where suspicious news wait: bounded, by identity, until they are learned or forgotten.
//!
//! Something new that is rare enough is told once and waits here. Its repetition is no news. It is learned at its next
//! use once it has waited [`QUIET`], once several peers have independently begun to do it too, or at once where a
//! person says that it is benign; never while a high or critical finding of its identity is open. That of an
//! identity which never uses it again is forgotten after a second such time.

use super::record::DAY;
use super::signal::Signal;
use base::{Id, noun};
use std::collections::BTreeMap;

/// How long something waits, in seconds.
pub(crate) const QUIET: u32 = 14 * DAY;
/// How much waits for one identity; the longest waiting gives way.
pub(crate) const MAX_WAITING: u8 = 32;
/// How much waits in a shard; the sixteenth that waits longest gives way.
pub(crate) const MAX_PROBATION: usize = 16_384;
/// How many peers must do something of their own accord before it is welcome.
pub(crate) const INDEPENDENT: usize = 3;

/// One thing on probation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Since when.
    pub(crate) since: u32,
    pub(crate) group: u32,
    /// Where the activity came from, in short, and whether that was a network known of its identity.
    pub(crate) network: u32,
    pub(crate) habitual: bool,
    pub(crate) signal: Signal,
    /// What is learned with it: an action's service.
    pub(crate) also: u64,
}

/// All that waits in a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Probation(pub(crate) BTreeMap<(Id<noun::Identity>, u64), Waiting>);

impl Probation {
    pub(crate) fn get(&self, id: Id<noun::Identity>, hash: u64) -> Option<&Waiting> {
        self.0.get(&(id, hash))
    }

    pub(crate) fn remove(&mut self, id: Id<noun::Identity>, hash: u64) -> Option<Waiting> {
        self.0.remove(&(id, hash))
    }

    /// What waits of one identity.
    pub(crate) fn of(&self, id: Id<noun::Identity>) -> impl Iterator<Item = (u64, &Waiting)> {
        self.0.range((id, 0)..=(id, u64::MAX)).map(|((_, hash), waiting)| (*hash, waiting))
    }

    /// Adds one; what gives way for it, by identity.
    pub(crate) fn add(
        &mut self,
        id: Id<noun::Identity>,
        hash: u64,
        waiting: Waiting,
    ) -> Vec<Id<noun::Identity>> {
        let mut gone = Vec::new();
        if self.of(id).count() >= usize::from(MAX_WAITING)
            && let Some((_, oldest)) = self.of(id).map(|(hash, one)| (one.since, hash)).min()
        {
            self.0.remove(&(id, oldest));
            gone.push(id);
        }
        if self.0.len() >= MAX_PROBATION {
            let mut ranked: Vec<_> = self.0.iter().map(|(key, one)| (one.since, *key)).collect();
            let count = ranked.len() / 16;
            ranked.select_nth_unstable(count);
            for (_, key) in ranked.into_iter().take(count) {
                self.0.remove(&key);
                gone.push(key.0);
            }
        }
        self.0.insert((id, hash), waiting);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PROBATION, MAX_WAITING, Probation, Waiting};
    use crate::behaviour::signal::Signal;
    use base::Id;

    #[test]
    fn it_is_bounded_by_identity_and_in_all() {
        let mut probation = Probation::default();
        let waiting =
            |since| Waiting { since, group: 1, network: 0, habitual: true, signal: Signal::Action, also: 0 };
        for number in 0..100 {
            let gone = probation.add(
                Id::from_bytes([1; 16]),
                number,
                waiting(u32::try_from(number).expect("small")),
            );
            assert_eq!(gone.len(), usize::from(number >= u64::from(MAX_WAITING)));
        }
        assert_eq!(probation.of(Id::from_bytes([1; 16])).map(|(hash, _)| hash).min(), Some(68));
        for number in 0..40_000_u32 {
            let id = Id::derived("test", &[&number.to_be_bytes()]);
            probation.add(id, 5, waiting(1_000 + number));
            assert!(probation.0.len() <= MAX_PROBATION);
        }
        assert!(probation.get(Id::derived("test", &[&39_999_u32.to_be_bytes()]), 5).is_some());
        assert!(probation.get(Id::from_bytes([1; 16]), 99).is_none(), "the oldest went first");
    }
}
