//! The inventory in memory, sized for a million identities: the hot path asks here first and goes to the
//! store only for what is new. It also gathers first and last times, which are written behind.
//!
//! Some 60 bytes per identity. It knows an identity only once its row is durable. Where there are too many, it names
//! those that say the least: whoever acted for the shortest time, the longest ago.

use crate::Nature;
use arc_swap::ArcSwap;
use base::{Id, Timestamp, noun};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

const SHARDS: usize = 64;
/// In seconds.
const DAY: u32 = 86_400;

/// The identities that this node has loaded. Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Known(Arc<ArcSwap<HashMap<Id<noun::Organization>, Arc<Inventory>>>>);

#[derive(Debug)]
struct Inventory {
    loaded: AtomicBool,
    count: AtomicUsize,
    evicted: AtomicU64,
    shards: [Mutex<HashMap<Id<noun::Identity>, Seen>>; SHARDS],
}

/// What memory holds of one identity. Seconds since 1970 reach to 2106.
#[derive(Debug, Clone, Copy)]
struct Seen {
    first: u32,
    last: u32,
    person: bool,
    /// Something speaks of it: it is not evicted.
    held: bool,
    /// Times that are not in the store yet.
    unwritten: bool,
}

impl Seen {
    /// How little it says: whoever acted within a day only goes before all others, then whoever was silent longest.
    fn rank(self) -> (bool, u32) {
        (self.last.saturating_sub(self.first) > DAY, self.last)
    }
}

/// First and last time of one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) identity: Id<noun::Identity>,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Times {
    /// From the earlier of both beginnings to the later of both ends.
    pub(crate) fn joined(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last), ..self }
    }
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            loaded: AtomicBool::new(false),
            count: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Inventory {
    fn shard(&self, identity: Id<noun::Identity>) -> MutexGuard<'_, HashMap<Id<noun::Identity>, Seen>> {
        let shard = usize::from(identity.as_bytes()[15]) % SHARDS;
        // Each entry is replaced whole: a panic elsewhere leaves the map true.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.seconds().max(0)).unwrap_or(u32::MAX)
}

fn moment(seconds: u32) -> Timestamp {
    Timestamp::from_millis(i64::from(seconds) * 1_000)
}

impl Known {
    /// Notes that an identity acted at `at`, as a person or not, and answers whether the inventory already
    /// holds all that this says. Where it answers no, hand a sighting to
    /// [`discover`](crate::Identities::discover).
    ///
    /// One lock of a sixty-fourth of the inventory, some hundred nanoseconds.
    #[must_use]
    pub fn touch(
        &self,
        organization: Id<noun::Organization>,
        identity: Id<noun::Identity>,
        person: bool,
        at: Timestamp,
    ) -> bool {
        let inventories = self.0.load();
        let Some(inventory) = inventories.get(&organization) else { return false };
        let mut shard = inventory.shard(identity);
        let Some(seen) = shard.get_mut(&identity) else { return false };
        let at = seconds(at);
        if at < seen.first || at > seen.last {
            seen.first = seen.first.min(at);
            seen.last = seen.last.max(at);
            seen.unwritten = true;
        }
        seen.person || !person
    }

    /// Whether this node has the organization's inventory in memory.
    pub(crate) fn is_loaded(&self, organization: Id<noun::Organization>) -> bool {
        let inventories = self.0.load();
        inventories.get(&organization).is_some_and(|inventory| inventory.loaded.load(Ordering::Acquire))
    }

    /// How many identities are known.
    pub(crate) fn count(&self, organization: Id<noun::Organization>) -> usize {
        let inventories = self.0.load();
        inventories.get(&organization).map_or(0, |inventory| inventory.count.load(Ordering::Acquire))
    }

    /// The times of one identity, fresher than the store's.
    pub(crate) fn times(
        &self,
        organization: Id<noun::Organization>,
        identity: Id<noun::Identity>,
    ) -> Option<Times> {
        let inventories = self.0.load();
        let inventory = inventories.get(&organization)?;
        let seen = *inventory.shard(identity).get(&identity)?;
        Some(Times { identity, first: moment(seen.first), last: moment(seen.last) })
    }

    /// Makes room for an organization.
    pub(crate) fn open(&self, organization: Id<noun::Organization>) {
        self.0.rcu(|inventories| {
            let mut inventories = HashMap::clone(inventories);
            inventories.entry(organization).or_default();
            inventories
        });
    }

    /// Everything that was in the store when loading began is here.
    pub(crate) fn loaded(&self, organization: Id<noun::Organization>) {
        if let Some(inventory) = self.0.load().get(&organization) {
            inventory.loaded.store(true, Ordering::Release);
        }
    }

    /// Takes in a durable identity.
    pub(crate) fn add(&self, organization: Id<noun::Organization>, nature: Nature, times: Times) {
        let inventories = self.0.load();
        let Some(inventory) = inventories.get(&organization) else { return };
        let (first, last) = (seconds(times.first), seconds(times.last));
        let person = nature == Nature::Person;
        match inventory.shard(times.identity).entry(times.identity) {
            Entry::Occupied(mut known) => {
                let seen = known.get_mut();
                seen.unwritten |= first < seen.first || last > seen.last;
                seen.first = seen.first.min(first);
                seen.last = seen.last.max(last);
                seen.person |= person;
            }
            Entry::Vacant(room) => {
                room.insert(Seen { first, last, person, held: false, unwritten: false });
                inventory.count.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Notes that something speaks of an identity (a finding, a credential, the list that is never cut): it stays in
    /// the inventory, however many others come.
    pub fn hold(&self, organization: Id<noun::Organization>, identity: Id<noun::Identity>) {
        let inventories = self.0.load();
        if let Some(inventory) = inventories.get(&organization)
            && let Some(seen) = inventory.shard(identity).get_mut(&identity)
        {
            seen.held = true;
        }
    }

    /// How many identities the organizations have in memory, and how many were evicted since this node began.
    #[must_use]
    pub fn figures(&self) -> (u64, u64) {
        let inventories = self.0.load();
        inventories.values().fold((0, 0), |(there, evicted), inventory| {
            let count = inventory.count.load(Ordering::Acquire) as u64;
            (there + count, evicted + inventory.evicted.load(Ordering::Acquire))
        })
    }

    /// The `count` identities that say the least, in order of their ids: no persons, nobody that is held, and none of
    /// those that `stays` names. One pass over the inventory, some 40 ms for two million.
    pub(crate) fn least(
        &self,
        organization: Id<noun::Organization>,
        count: usize,
        stays: impl Fn(Id<noun::Identity>) -> bool,
    ) -> Vec<Id<noun::Identity>> {
        let inventories = self.0.load();
        let Some(inventory) = inventories.get(&organization) else { return Vec::new() };
        let mut least = Vec::with_capacity(count * 2);
        for shard in &inventory.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (identity, seen) in shard.iter() {
                if seen.person || seen.held || stays(*identity) {
                    continue;
                }
                least.push((seen.rank(), *identity));
                if least.len() >= count * 2 {
                    cut(&mut least, count);
                }
            }
        }
        cut(&mut least, count);
        let mut least: Vec<_> = least.into_iter().map(|(_, identity)| identity).collect();
        least.sort_unstable();
        least
    }

    /// Forgets identities whose rows are gone.
    pub(crate) fn evict(&self, organization: Id<noun::Organization>, identities: &[Id<noun::Identity>]) {
        let inventories = self.0.load();
        let Some(inventory) = inventories.get(&organization) else { return };
        for identity in identities {
            if inventory.shard(*identity).remove(identity).is_some() {
                inventory.count.fetch_sub(1, Ordering::AcqRel);
                inventory.evicted.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Takes what is not in the store yet, at most about `limit` identities.
    pub(crate) fn take_unwritten(&self, organization: Id<noun::Organization>, limit: usize) -> Vec<Times> {
        let inventories = self.0.load();
        let Some(inventory) = inventories.get(&organization) else { return Vec::new() };
        let mut taken = Vec::new();
        for shard in &inventory.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let unwritten = shard.iter_mut().filter(|(_, seen)| seen.unwritten);
            for (identity, seen) in unwritten.take(limit - taken.len()) {
                seen.unwritten = false;
                taken.push(Times { identity: *identity, first: moment(seen.first), last: moment(seen.last) });
            }
            if taken.len() >= limit {
                break;
            }
        }
        taken
    }

    /// Gives back what could not be written.
    pub(crate) fn give_back(&self, organization: Id<noun::Organization>, times: &[Times]) {
        let inventories = self.0.load();
        let Some(inventory) = inventories.get(&organization) else { return };
        for times in times {
            if let Some(seen) = inventory.shard(times.identity).get_mut(&times.identity) {
                seen.unwritten = true;
            }
        }
    }
}

/// Leaves the `count` smallest.
fn cut<T: Ord>(list: &mut Vec<T>, count: usize) {
    if list.len() > count {
        list.select_nth_unstable(count);
        list.truncate(count);
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Times};
    use crate::Nature;
    use base::{Id, Timestamp, noun};

    const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);
    const IDENTITY: Id<noun::Identity> = Id::from_bytes([2; 16]);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn known() -> Known {
        let known = Known::default();
        known.open(ORGANIZATION);
        known.add(ORGANIZATION, Nature::Unknown, Times { identity: IDENTITY, first: at(100), last: at(100) });
        known
    }

    #[test]
    fn only_what_is_new_goes_to_the_store() {
        let known = known();
        assert!(known.touch(ORGANIZATION, IDENTITY, false, at(101)));
        assert!(
            !known.touch(ORGANIZATION, IDENTITY, true, at(102)),
            "the first evidence of a person is news"
        );
        known.add(ORGANIZATION, Nature::Person, Times { identity: IDENTITY, first: at(102), last: at(102) });
        assert!(known.touch(ORGANIZATION, IDENTITY, true, at(103)));
        assert!(!known.touch(ORGANIZATION, Id::from_bytes([3; 16]), false, at(103)));
        assert!(!known.touch(Id::from_bytes([9; 16]), IDENTITY, false, at(103)));
        assert_eq!(known.count(ORGANIZATION), 1);
    }

    #[test]
    fn times_are_taken_once_and_given_back_on_failure() {
        let known = known();
        assert!(known.take_unwritten(ORGANIZATION, 10).is_empty(), "nothing happened since");
        assert!(known.touch(ORGANIZATION, IDENTITY, false, at(130)));
        assert!(known.touch(ORGANIZATION, IDENTITY, false, at(90)));
        let taken = known.take_unwritten(ORGANIZATION, 10);
        assert_eq!(taken, [Times { identity: IDENTITY, first: at(90), last: at(130) }]);
        assert!(known.take_unwritten(ORGANIZATION, 10).is_empty());
        known.give_back(ORGANIZATION, &taken);
        assert_eq!(known.take_unwritten(ORGANIZATION, 10).len(), 1);
    }

    #[test]
    fn whoever_says_the_least_goes_first() {
        let known = Known::default();
        known.open(ORGANIZATION);
        let id = |number: u8| Id::from_bytes([number; 16]);
        // Number, nature, first and last second.
        for (number, nature, first, last) in [
            (1, Nature::Machine, 500, 500),
            (2, Nature::Machine, 100, 100),
            (3, Nature::Machine, 0, 90_000),
            (4, Nature::Unknown, 200, 300),
            (5, Nature::Person, 1, 1),
            (6, Nature::Machine, 2, 2),
            (7, Nature::Machine, 3, 3),
        ] {
            known.add(ORGANIZATION, nature, Times { identity: id(number), first: at(first), last: at(last) });
        }
        known.hold(ORGANIZATION, id(6));
        let least = |count| known.least(ORGANIZATION, count, |identity| identity == id(7));
        assert_eq!(least(1), [id(2)]);
        assert_eq!(least(3), [id(1), id(2), id(4)]);
        assert_eq!(least(9), [id(1), id(2), id(3), id(4)], "persons, what is held and what stays do not go");
        known.evict(ORGANIZATION, &least(3));
        assert_eq!((known.count(ORGANIZATION), known.figures()), (4, (4, 3)));
        assert!(!known.touch(ORGANIZATION, id(2), false, at(600)), "it is news when it comes again");
    }
}
