//! Makes an epoch: what all shards learned since the last one becomes what all of them know, immutably.
//!
//! When that happens is part of the log (the caller's offsets), so that a replay comes to the same epochs. Between two
//! of them a shard depends on nothing but its own activities.

use super::approx::left;
use super::burst::Bursts;
use super::filter::GENERATION_DAYS;
use super::group::{Epoch, Group, MAX_ADOPTED, Peers};
use super::probation::INDEPENDENT;
use super::record::{BUSY, DAY, moment};
use super::tail::Counts;
use crate::state::ShardState;
use base::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Half of what was counted is left after so many seconds.
const HALF_LIFE: f64 = 28.0 * 86_400.0;

/// Makes the next epoch where `at` is in a later hour than the last was made in; whether it did. `at` must be part of the
/// log, such as the arrival of a batch.
pub fn advance(states: &mut [ShardState], at: Timestamp) -> bool {
    let hour = moment(at) / 3_600;
    let last = states.first().map_or(u32::MAX, |state| state.epoch.hour);
    let due = hour > last;
    if due {
        merge_at(states, hour);
    }
    due
}

/// Merges what the shards of one organization have learned into the next epoch, and hands it to each. All must be at
/// the same epoch, and no activity may be judged meanwhile. Cost: one pass over the shards' counts and identities.
pub fn merge(states: &mut [ShardState]) -> Arc<Epoch> {
    let hour = states.first().map_or(0, |state| state.epoch.hour);
    merge_at(states, hour)
}

fn merge_at(states: &mut [ShardState], hour: u32) -> Arc<Epoch> {
    let last = states.first().map(|state| Arc::clone(&state.epoch)).unwrap_or_default();
    let latest = states.iter().map(|state| state.latest).max().unwrap_or(0).max(last.moment);
    let passed = f64::from(latest.saturating_sub(last.moment));
    let remains = if last.number == 0 { 1.0 } else { left(passed, HALF_LIFE) };
    let generation = |moment: u32| moment / (GENERATION_DAYS * DAY);
    let generations = generation(latest).saturating_sub(generation(last.moment));
    let keys: BTreeSet<u32> = states.iter().flat_map(|state| state.groups.keys().copied()).collect();
    let known = last.peers.iter().map(|peers| peers.key);
    let keys: BTreeSet<u32> = keys.into_iter().chain(known).collect();
    // Those who count, and all who have done anything to speak of.
    let mut members: BTreeMap<u32, [u32; 2]> = BTreeMap::new();
    for record in states.iter().flat_map(|state| state.slab.records()) {
        let [settled, busy] = members.entry(record.group).or_default();
        *settled += u32::from(record.counts(latest));
        *busy += u32::from(record.seen >= BUSY);
    }
    let welcome = welcome(states);
    let empty = Peers::default();
    let peers = keys.into_iter().map(|key| {
        let before = last.peers(key).unwrap_or(&empty);
        let groups: Vec<&Group> = states.iter().filter_map(|state| state.groups.get(&key)).collect();
        Peers {
            key,
            // While most of them are still young, what the others do says little of what is usual.
            identities: members
                .get(&key)
                .map_or(0, |[settled, busy]| if settled * 2 >= *busy { *settled } else { 0 }),
            counts: [0, 1].map(|class: usize| {
                let mut counts = Counts::default();
                counts.absorb(&before.counts[class], remains);
                groups.iter().for_each(|group| counts.absorb(&group.fresh[class], 1.0));
                counts
            }),
            adopted: adopted(if generations == 0 { &before.adopted } else { &[] }, &groups),
            before: match generations {
                0 => before.before.clone(),
                1 => before.adopted.clone(),
                _ => Vec::new(),
            },
            welcome: welcome.get(&key).cloned().unwrap_or_default(),
            visits: visits(&before.visits, &groups, remains),
        }
    });
    let epoch = Arc::new(Epoch {
        number: last.number + 1,
        hour,
        moment: latest,
        peers: peers.collect(),
        means: Bursts::means(states.iter().map(|state| &state.bursts)),
    });
    crate::sequence::deliver(states);
    for state in states {
        state.enter(Arc::clone(&epoch));
    }
    epoch
}

/// How many identities have each habit, the most common ones.
fn adopted(before: &[(u64, u32)], groups: &[&Group]) -> Vec<(u64, u32)> {
    let mut counts: BTreeMap<u64, u32> = before.iter().copied().collect();
    for (hash, count) in groups.iter().flat_map(|group| &group.adopted) {
        let known = counts.entry(*hash).or_default();
        *known = known.saturating_add(*count);
    }
    let mut all: Vec<_> = counts.into_iter().collect();
    if all.len() > MAX_ADOPTED {
        all.sort_by_key(|(hash, count)| (std::cmp::Reverse(*count), *hash));
        all.truncate(MAX_ADOPTED);
        all.sort_unstable();
    }
    all
}

fn visits(before: &[f32], groups: &[&Group], remains: f32) -> Vec<f32> {
    let mut sums: Vec<f32> = before.iter().map(|count| count * remains).collect();
    for group in groups.iter().filter(|group| !group.visits.is_empty()) {
        sums.resize(group.visits.len(), 0.0);
        sums.iter_mut().zip(&group.visits).for_each(|(sum, count)| *sum += count);
    }
    sums
}

/// By group, what several identities wait for that did it from networks which they were known to use, not all from
/// the same one, and have nothing severe open: what nobody could bring about who holds one machine.
fn welcome(states: &[ShardState]) -> BTreeMap<u32, Vec<u64>> {
    let mut by_thing: BTreeMap<(u32, u64), (usize, BTreeSet<u32>)> = BTreeMap::new();
    for state in states {
        for ((id, hash), waiting) in state.probation.0.iter().filter(|(_, waiting)| waiting.habitual) {
            let place = state.slab.find(*id);
            if place.and_then(|place| state.slab.get(place)).is_some_and(|record| record.open == 0) {
                let (count, networks) = by_thing.entry((waiting.group, *hash)).or_default();
                *count += 1;
                networks.insert(waiting.network);
            }
        }
    }
    let mut welcome: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for ((group, hash), (count, networks)) in by_thing {
        if count >= INDEPENDENT && networks.len() > 1 {
            welcome.entry(group).or_default().push(hash);
        }
    }
    welcome
}
