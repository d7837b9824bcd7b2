//! Open keys in memory: bounded, expiring, wiped when they go.
//!
//! An entry is found under the hash of everything that went into its opening, and is good for the epoch at which
//! it was opened. Whoever asks has checked a permit and read the epoch first: the cache decides nothing.

use base::{Id, Secret, Timestamp, noun};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How many keys it holds at most: a data key has 32 bytes, so this is well under a megabyte.
pub(crate) const MOST: usize = 4_096;

/// How long an entry is good for.
pub(crate) const EXPIRY: Duration = Duration::from_secs(60);

/// What an entry is found under: SHA-256 of what was opened and how.
pub(crate) type Name = [u8; 32];

#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    found: HashMap<Name, Entry>,
    /// Names by age, the oldest first; each stands here exactly once.
    order: VecDeque<Name>,
}

#[derive(Debug)]
struct Entry {
    organization: Id<noun::Organization>,
    epoch: i64,
    since: Timestamp,
    secret: Secret<Vec<u8>>,
}

impl Cache {
    /// The open key, if it was opened at this epoch and is not too old.
    pub(crate) fn get(&self, name: &Name, epoch: i64, now: Timestamp) -> Option<Secret<Vec<u8>>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.found.get(name)?;
        (entry.epoch == epoch && fresh(entry.since, now)).then(|| entry.secret.clone())
    }

    /// Keeps an open key, and lets the oldest go where there are too many.
    pub(crate) fn put(
        &self,
        name: Name,
        organization: Id<noun::Organization>,
        epoch: i64,
        now: Timestamp,
        secret: Secret<Vec<u8>>,
    ) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { organization, epoch, since: now, secret };
        if entries.found.insert(name, entry).is_some() {
            entries.order.retain(|known| *known != name);
        }
        entries.order.push_back(name);
        while let Some(oldest) = entries.order.front().copied() {
            let kept = entries.found.get(&oldest).is_some_and(|entry| fresh(entry.since, now));
            if kept && entries.found.len() <= MOST {
                break;
            }
            entries.found.remove(&oldest);
            entries.order.pop_front();
        }
    }

    /// Drops what is kept of an organization.
    pub(crate) fn clear(&self, organization: Id<noun::Organization>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.found.retain(|_, entry| entry.organization != organization);
        let Entries { found, order } = &mut *entries;
        order.retain(|name| found.contains_key(name));
    }

    /// Drops what has expired.
    pub(crate) fn expire(&self, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.found.retain(|_, entry| fresh(entry.since, now));
        let Entries { found, order } = &mut *entries;
        order.retain(|name| found.contains_key(name));
    }

    /// How many keys it holds.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).found.len()
    }
}

fn fresh(since: Timestamp, now: Timestamp) -> bool {
    // A clock that was set back must not keep an entry for ever.
    now.since(since).max(since.since(now)) <= EXPIRY
}

#[cfg(test)]
mod tests {
    use super::{Cache, EXPIRY, MOST};
    use base::{Id, Secret, Timestamp, noun};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const OURS: Id<noun::Organization> = Id::from_bytes([1; 16]);

    fn name(number: usize) -> [u8; 32] {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&number.to_be_bytes());
        name
    }

    #[test]
    fn an_entry_is_good_for_its_epoch_and_its_time() {
        let cache = Cache::default();
        cache.put(name(1), OURS, 5, NOW, Secret::new(vec![7]));
        assert_eq!(cache.get(&name(1), 5, NOW + EXPIRY).expect("it is there").expose(), &[7]);
        assert!(cache.get(&name(1), 6, NOW).is_none(), "the epoch rose");
        assert!(cache.get(&name(1), 5, NOW + EXPIRY + Duration::from_micros(1)).is_none());
        assert!(cache.get(&name(2), 5, NOW).is_none());
        cache.expire(NOW + EXPIRY * 2);
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn it_is_bounded_and_an_organization_s_are_dropped_at_once() {
        let cache = Cache::default();
        for number in 0..MOST + 10 {
            cache.put(name(number), OURS, 1, NOW, Secret::new(vec![1]));
        }
        assert_eq!(cache.len(), MOST);
        assert!(cache.get(&name(9), 1, NOW).is_none(), "the oldest went");
        assert!(cache.get(&name(10), 1, NOW).is_some());
        let theirs = Id::from_bytes([2; 16]);
        cache.put(name(0), theirs, 1, NOW, Secret::new(vec![2]));
        cache.put(name(0), theirs, 1, NOW, Secret::new(vec![3]));
        cache.clear(OURS);
        assert_eq!(cache.len(), 1);
        assert_eq!(cache.get(&name(0), 1, NOW).expect("another's stays").expose(), &[3]);
    }
}
