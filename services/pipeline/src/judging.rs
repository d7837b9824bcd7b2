//! Judging a group: each shard judges its events in the order of the log, several shards at once. What
//! comes out is in the order of the log again, whatever the threads did.

use crate::{intake::Event, rules::shorten_evidence};
use base::{Id, Timestamp, noun};
use detect::{Finding, Judge, SHARDS, ShardState, behaviour};
use std::thread;

/// Below so many events a thread costs more than it saves.
const WORTH_A_THREAD: usize = 1_000;

/// The states of all shards of one organization.
pub(crate) struct Shards {
    states: Vec<ShardState>,
    threads: usize,
}

/// Events of one batch, as they stand in the log.
pub(crate) struct Placed<'a> {
    pub(crate) first_offset: u64,
    pub(crate) arrival: Timestamp,
    pub(crate) events: &'a [Event],
}

struct One<'a> {
    event: &'a Event,
    offset: u64,
    arrival: Timestamp,
}

impl Shards {
    pub(crate) fn new(states: Vec<ShardState>) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(SHARDS);
        Self { states, threads }
    }

    pub(crate) fn empty() -> Self {
        Self::new(vec![ShardState::default(); SHARDS])
    }

    pub(crate) fn states(&self) -> &[ShardState] {
        &self.states
    }

    /// The findings of a group of batches, in order of their offsets. What peers share is merged before the first
    /// batch that arrives in a later hour: a point of the log, so that a replay merges at the same.
    pub(crate) fn judge(
        &mut self,
        judge: &Judge,
        organization: Id<noun::Organization>,
        batches: &[Placed<'_>],
    ) -> Vec<Finding> {
        let hour = |batch: &Placed<'_>| batch.arrival.seconds().div_euclid(3_600);
        let mut found = Vec::new();
        for batches in batches.chunk_by(|one, next| hour(one) == hour(next)) {
            if let Some(first) = batches.first() {
                behaviour::advance(&mut self.states, first.arrival);
            }
            found.extend(self.judge_within(judge, organization, batches));
        }
        found
    }

    fn judge_within(
        &mut self,
        judge: &Judge,
        organization: Id<noun::Organization>,
        batches: &[Placed<'_>],
    ) -> Vec<Finding> {
        let mut by_shard: Vec<Vec<One<'_>>> = (0..SHARDS).map(|_| Vec::new()).collect();
        let mut total = 0;
        for batch in batches {
            for (offset, event) in (batch.first_offset..).zip(batch.events) {
                by_shard[event.shard].push(One { event, offset, arrival: batch.arrival });
                total += 1;
            }
        }
        let mut work: Vec<_> = self.states.iter_mut().zip(by_shard).collect();
        work.retain(|(_, events)| !events.is_empty());
        let threads = self.threads.min(total / WORTH_A_THREAD).min(work.len()).max(1);
        let mut found = if threads == 1 {
            judge_shards(judge, organization, work)
        } else {
            // The largest first, dealt in turn, so that no thread is left with all of them.
            work.sort_by_key(|(_, events)| std::cmp::Reverse(events.len()));
            let mut hands: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
            for (turn, shard) in work.into_iter().enumerate() {
                hands[turn % threads].push(shard);
            }
            thread::scope(|scope| {
                let running: Vec<_> = hands
                    .into_iter()
                    .map(|hand| scope.spawn(move || judge_shards(judge, organization, hand)))
                    .collect();
                let joined = running.into_iter().map(|thread| match thread.join() {
                    Ok(found) => found,
                    Err(panic) => std::panic::resume_unwind(panic),
                });
                joined.flatten().collect()
            })
        };
        found.sort_by_key(|(offset, _)| *offset);
        found.into_iter().map(|(_, finding)| finding).collect()
    }
}

fn judge_shards(
    judge: &Judge,
    organization: Id<noun::Organization>,
    shards: Vec<(&mut ShardState, Vec<One<'_>>)>,
) -> Vec<(u64, Finding)> {
    let mut found = Vec::new();
    for (state, events) in shards {
        for one in events {
            // Examined before: an event that stands in the log has an activity.
            let Ok(activity) = one.event.record.activity(judge.pack().fields()) else { continue };
            for mut finding in judge.judge_of(state, &activity, one.event.identity, organization, one.arrival)
            {
                shorten_evidence(&mut finding, one.offset);
                found.push((one.offset, finding));
            }
        }
    }
    found
}
