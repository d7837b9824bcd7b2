//! Peers: who is like whom, and what is usual among them.
//!
//! A peer group is a provider and a kind of identity within an organization: all access keys of AWS, all service
//! accounts of Kubernetes. It is what the provider says and no caller can choose, it is known with the first activity,
//! and it is large enough to speak of rarity. What an identity does within its kind (its account, its services, its
//! clients) is told apart by the mixed-feature stream and by the half-space trees, which see those values.
//!
//! Each shard counts for its own; [`merge`](super::merge) makes an immutable [`Epoch`] of all.

use super::burst::Means;
use super::signal::{GRADES, Signal};
use super::tail::Counts;
use crate::siphash;
use events::IdentityKey;
use std::collections::BTreeMap;

/// How many groups are told apart; those that come after share one.
pub(crate) const MAX_GROUPS: usize = 32;
/// How many habits of a group are remembered, with how many identities have them; the rarest go first.
pub(crate) const MAX_ADOPTED: usize = 16_384;
/// How many of them a shard holds until the next epoch; what comes after is not counted.
pub(crate) const MAX_FRESH: usize = 8_192;
/// Below so many peers nothing is rare among them.
pub(crate) const ENOUGH_PEERS: u32 = 8;

/// What is usual among peers, as one shard sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Group {
    /// Counts of the last epoch and of this shard since, for the young and for the established.
    pub(crate) counts: [Counts; 2],
    /// Those of this shard since.
    pub(crate) fresh: [Counts; 2],
    /// By how many identities that count each habit was used for the first time in its generation, since.
    pub(crate) adopted: BTreeMap<u64, u32>,
    /// Who was where since.
    pub(crate) visits: Vec<f32>,
}

/// What is usual among peers, over all shards, at one epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Peers {
    pub(crate) key: u32,
    /// How many identities: those of 50 activities and more, over a day at least.
    pub(crate) identities: u32,
    pub(crate) counts: [Counts; 2],
    /// Habits, by hash, and how many identities used each in this generation.
    pub(crate) adopted: Vec<(u64, u32)>,
    /// The same of the generation before.
    pub(crate) before: Vec<(u64, u32)>,
    /// What several of them, independently, have lately begun to do; by hash.
    pub(crate) welcome: Vec<u64>,
    pub(crate) visits: Vec<f32>,
}

/// What all shards of an organization know together as of one point of the log. Immutable.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Epoch {
    pub(crate) number: u64,
    /// The hour (since 2010, of the log's own time) in which it was made.
    pub(crate) hour: u32,
    /// The moment of the latest activity.
    pub(crate) moment: u32,
    pub(crate) peers: Vec<Peers>,
    pub(crate) means: Means,
}

/// The key of an identity's group.
#[expect(clippy::cast_possible_truncation, reason = "half of a hash")]
pub(crate) fn key(identity: &IdentityKey<'_>, organization: &[u8; 16]) -> u32 {
    let provider = siphash::hash(organization, identity.provider.as_bytes());
    let kind = siphash::hash(organization, identity.kind.as_str().as_bytes());
    ((provider ^ kind.rotate_left(7)) as u32).max(1)
}

impl Epoch {
    /// Which it is, from 0 for that of nothing.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn peers(&self, group: u32) -> Option<&Peers> {
        let place = self.peers.binary_search_by_key(&group, |peers| peers.key).ok()?;
        self.peers.get(place)
    }
}

impl Peers {
    /// How many of them have a habit.
    pub(crate) fn with(&self, hash: u64) -> u32 {
        let count = |table: &[(u64, u32)]| {
            let place = table.binary_search_by_key(&hash, |(known, _)| *known).ok();
            place.and_then(|place| table.get(place)).map_or(0, |(_, count)| *count)
        };
        count(&self.adopted).max(count(&self.before)).min(self.identities)
    }

    pub(crate) fn welcomes(&self, hash: u64) -> bool {
        self.welcome.binary_search(&hash).is_ok()
    }
}

impl Group {
    /// Counts a grade, once for this shard's view and once for the next epoch.
    pub(crate) fn count(&mut self, established: bool, signal: Signal, grade: usize) {
        let class = usize::from(established);
        self.counts[class].count(signal, grade, 1.0);
        self.fresh[class].count(signal, grade, 1.0);
    }

    /// One more identity has this habit.
    pub(crate) fn adopt(&mut self, hash: u64) {
        if self.adopted.len() < MAX_FRESH || self.adopted.contains_key(&hash) {
            *self.adopted.entry(hash).or_default() += 1;
        }
    }
}

/// The grade of something new, by how many of its peers have it: 1 where one in sixteen has, as a deployment brings it;
/// 5 where nobody has; 2 where there are too few of them to say.
pub(crate) fn novelty(peers: Option<&Peers>, hash: u64) -> usize {
    let Some(peers) = peers.filter(|peers| peers.identities >= ENOUGH_PEERS) else { return 2 };
    let with = u64::from(peers.with(hash));
    let all = u64::from(peers.identities);
    match with {
        0 => 5,
        _ if with * 16 >= all => 1,
        _ if with * 64 >= all => 2,
        _ if with * 256 >= all => 3,
        _ => 4,
    }
}

const _: () = assert!(GRADES > 8, "novelties have grades up to 8");

#[cfg(test)]
mod tests {
    use super::{Peers, novelty};

    #[test]
    fn the_rarer_the_higher() {
        let peers =
            Peers { identities: 400, adopted: vec![(1, 1), (2, 3), (3, 20), (4, 900)], ..Peers::default() };
        let grades: Vec<_> = (0..5).map(|hash| novelty(Some(&peers), hash)).collect();
        assert_eq!(grades, [5, 4, 3, 2, 1]);
        assert_eq!(novelty(None, 1), 2);
        assert_eq!(peers.with(4), 400, "no more than there are");
    }
}
