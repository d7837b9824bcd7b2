//! Opening an organization: the log, the state from snapshot and replay, and what a crash left between the
//! log and the store.

use crate::{
    CURSOR, Failure,
    commit::commit,
    intake::{Event, Examiner},
    judging::{Placed, Shards},
    sequencer::Sequencer,
    snapshot,
};
use base::{Id, Timestamp, noun};
use events::{Record, Redactor};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};
use store::Queries as _;
use stream::{Batch, Log};

/// How many batches are remembered, so that one that is sent again is known.
const RECENT: usize = 100_000;
/// A log file is followed by a new one once it has this many bytes.
const ROLL: u64 = 64 << 20;

/// What an organization's thread holds.
pub(crate) struct Live {
    pub(crate) log: Log,
    pub(crate) shards: Shards,
    /// First offsets of the batches that came last, by id.
    pub(crate) recent: HashMap<Id<noun::Batch>, u64>,
    order: VecDeque<Id<noun::Batch>>,
    /// The last arrival given out: arrival never goes back, even where the clock does.
    pub(crate) arrival: Timestamp,
    /// The state is that after the event before this offset.
    pub(crate) judged: u64,
    /// The store knows everything before this offset.
    pub(crate) committed: u64,
    pub(crate) since_snapshot: u64,
    /// The next snapshot is written after so many events at the earliest.
    pub(crate) snapshot_due: u64,
}

impl Live {
    /// Remembers where batches stand.
    pub(crate) fn remember(&mut self, batches: impl Iterator<Item = (Id<noun::Batch>, u64)>) {
        for (id, offset) in batches {
            if self.recent.insert(id, offset).is_none() {
                self.order.push_back(id);
            }
            if self.order.len() > RECENT
                && let Some(oldest) = self.order.pop_front()
            {
                self.recent.remove(&oldest);
            }
        }
    }
}

/// Brings an organization to life.
pub(crate) fn recover(sequencer: &Sequencer) -> Result<Live, Failure> {
    let (shared, organization) = (&sequencer.shared, sequencer.organization);
    let store = &shared.options.store;
    let ctx = (shared.options.context)(organization);
    let cursor = sequencer.runtime.block_on(async { store.read(&ctx).await?.cursor(CURSOR).await })?;
    let cursor = u64::try_from(cursor).unwrap_or(0);
    let dir = store.directory(organization);
    let log = Log::open(stream::Options {
        dir: dir.join("stream"),
        organization,
        roll: ROLL,
        files: Arc::clone(&shared.options.files),
    })?;
    let end = log.next_offset();
    if end < cursor {
        return Err(Failure::Behind { log: end, store: cursor });
    }
    // A snapshot of what the store does not know yet would hide findings that were never committed.
    let found = snapshot::read(&snapshot::path(&dir), organization);
    let (from, shards) = match found.filter(|(offset, _)| (log.first_offset()..=cursor).contains(offset)) {
        Some((offset, states)) => (offset, Shards::new(states)),
        None => (log.first_offset(), Shards::empty()),
    };
    let mut live = Live {
        log: log.clone(),
        shards,
        recent: HashMap::new(),
        order: VecDeque::new(),
        arrival: Timestamp::default(),
        judged: from,
        committed: cursor,
        since_snapshot: 0,
        snapshot_due: 0,
    };
    let mut headers = log.reader(log.recent_offset());
    while let Some(header) = headers.next_header(end)? {
        live.arrival = live.arrival.max(header.arrival);
        live.remember(std::iter::once((header.id, header.first_offset)));
    }
    let mut reader = log.reader(from);
    while let Some(batch) = reader.next(end)? {
        replay(sequencer, &mut live, &batch)?;
    }
    shared.remembers(organization, live.shards.states());
    sequencer.show(&log, live.committed);
    Ok(live)
}

/// Judges a batch of the log again; commits what came of it where the store does not know it.
fn replay(sequencer: &Sequencer, live: &mut Live, batch: &Batch) -> Result<(), Failure> {
    let (shared, organization) = (&sequencer.shared, sequencer.organization);
    let known = shared.options.identities.known();
    let mut examiner = Examiner::new(organization, &known);
    let redactor = Redactor::off();
    let mut events: Vec<Event> = Vec::new();
    for (offset, text) in (batch.header.first_offset..).zip(batch.events()) {
        let event = Record::read(text.as_bytes(), &redactor).and_then(|record| examiner.examine(record));
        events.push(event.map_err(|source| Failure::Replay { offset, source })?);
    }
    let placed =
        Placed { first_offset: batch.header.first_offset, arrival: batch.header.arrival, events: &events };
    let found = live.shards.judge(&shared.options.judge, organization, &[placed]);
    let next = batch.header.next_offset();
    live.judged = next;
    live.since_snapshot += u64::from(batch.header.count);
    if next > live.committed {
        let ctx = (shared.options.context)(organization);
        let sightings = examiner.sightings();
        let change = commit(shared, &ctx, &sightings, found, next, live.committed);
        sequencer.runtime.block_on(change)?;
        live.committed = next;
    }
    Ok(())
}
