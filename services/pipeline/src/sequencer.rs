//! The one thread of an organization: it gives out offsets, keeps the state, and answers.

use crate::{
    Error, Failure, Receipt, Shared,
    commit::commit,
    intake::Prepared,
    judging::Placed,
    recover::{self, Live},
    snapshot,
};
use base::{Fault as _, Id, Kind, Timestamp, noun};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
};
use stream::{Appended, Log, NewBatch};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

/// A group ends at so many events: what one sync and one transaction carry.
const GROUP_EVENTS: usize = 50_000;

/// How many bytes of a snapshot one event pays for.
const SNAPSHOT_BYTES: u64 = 64;

/// An organization's thread, as others see it.
pub(crate) struct Organization {
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) places: Arc<Semaphore>,
    /// What was committed: the log to read, and up to where.
    pub(crate) committed: watch::Receiver<u64>,
    pub(crate) log: Arc<Mutex<Option<Log>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// What the thread is asked to do.
pub(crate) enum Job {
    Open(oneshot::Sender<Result<(), Error>>),
    Batch(Box<Waiting>),
    Drain(oneshot::Sender<()>),
}

/// A batch and whoever waits for it.
pub(crate) struct Waiting {
    pub(crate) prepared: Prepared,
    pub(crate) reply: oneshot::Sender<Result<Receipt, Error>>,
    pub(crate) _place: OwnedSemaphorePermit,
}

/// The thread itself.
pub(crate) struct Sequencer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) organization: Id<noun::Organization>,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) committed: watch::Sender<u64>,
    pub(crate) log: Arc<Mutex<Option<Log>>>,
    live: Option<Live>,
    /// Why this organization takes no batch any more: its log's disk failed, and what that holds shows when the
    /// process starts anew.
    stopped: Option<Arc<Failure>>,
}

impl Organization {
    /// Starts the thread. It ends when it is drained, or when nobody can send to it any more.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        organization: Id<noun::Organization>,
        waiting: usize,
    ) -> Result<Arc<Self>, Error> {
        let (jobs, mut queue) = mpsc::channel(waiting);
        let (committed, seen) = watch::channel(0);
        let log = Arc::default();
        let mut sequencer = Sequencer {
            shared: Arc::clone(shared),
            organization,
            runtime: tokio::runtime::Handle::current(),
            committed,
            log: Arc::clone(&log),
            live: None,
            stopped: None,
        };
        let name = format!("pipeline-{}", &organization.bare()[..6]);
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || sequencer.run(&mut queue))
            .map_err(|_| Error::not_kept(Failure::Ended))?;
        let places = Arc::new(Semaphore::new(waiting));
        Ok(Arc::new(Self { jobs, places, committed: seen, log, thread: Mutex::new(Some(thread)) }))
    }

    /// Waits until the thread has ended; it was told to.
    pub(crate) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a pipeline thread ended with a panic");
        }
    }
}

impl Sequencer {
    fn run(&mut self, queue: &mut mpsc::Receiver<Job>) {
        let mut next = queue.blocking_recv();
        while let Some(job) = next.take() {
            match job {
                Job::Open(reply) => {
                    let opened = self.live().map(drop).map_err(Error::NotKept);
                    // Whoever asked may have gone.
                    let _ = reply.send(opened);
                }
                Job::Drain(reply) => {
                    queue.close();
                    while let Ok(job) = queue.try_recv() {
                        match job {
                            Job::Batch(batch) => self.group(vec![*batch]),
                            Job::Open(reply) => drop(reply.send(Err(Error::Draining))),
                            Job::Drain(reply) => drop(reply.send(())),
                        }
                    }
                    self.snapshot(1);
                    let _ = reply.send(());
                    return;
                }
                Job::Batch(first) => {
                    let mut events = first.prepared.events.len();
                    let mut group = vec![*first];
                    while events < GROUP_EVENTS {
                        match queue.try_recv() {
                            Ok(Job::Batch(batch)) => {
                                events += batch.prepared.events.len();
                                group.push(*batch);
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.group(group);
                    self.snapshot(self.shared.options.snapshot_every);
                }
            }
            next = next.or_else(|| queue.blocking_recv());
        }
        self.snapshot(1);
    }

    /// What is live, recovered first where it is not.
    fn live(&mut self) -> Result<&mut Live, Arc<Failure>> {
        if let Some(failure) = &self.stopped {
            return Err(Arc::clone(failure));
        }
        if self.live.is_none() {
            self.live = Some(recover::recover(self).map_err(Arc::new)?);
        }
        self.live.as_mut().ok_or_else(|| Arc::new(Failure::Ended))
    }

    /// Answers a group of batches: all that are new in one append, one sync, one transaction.
    fn group(&mut self, group: Vec<Waiting>) {
        if let Err(failure) = self.live() {
            return refuse(group, &failure);
        }
        let (fresh, known) = self.part(group);
        match self.keep(&fresh) {
            Ok(offsets) => {
                for (batch, offset) in fresh.into_iter().zip(offsets) {
                    let receipt = receipt(&batch.prepared, offset, false);
                    let _ = batch.reply.send(Ok(receipt));
                }
                for batch in known {
                    // Twice in one group: the first stands where the recent batches now say.
                    let recent = self.live.as_ref().and_then(|live| live.recent.get(&batch.prepared.id));
                    let receipt = receipt(&batch.prepared, recent.copied().unwrap_or(0), true);
                    let _ = batch.reply.send(Ok(receipt));
                }
            }
            Err(failure) => {
                let failure = Arc::new(failure);
                tracing::warn!(error = %failure, organization = %self.organization, "a group was not kept");
                let live = self.live.as_ref();
                let (again, lost): (Vec<_>, Vec<_>) = known
                    .into_iter()
                    .partition(|batch| live.is_some_and(|live| live.recent.contains_key(&batch.prepared.id)));
                for batch in again {
                    let offset = live.and_then(|live| live.recent.get(&batch.prepared.id)).copied();
                    let _ = batch.reply.send(Ok(receipt(&batch.prepared, offset.unwrap_or(0), true)));
                }
                refuse(lost, &failure);
                refuse(fresh, &failure);
                if disk_failed(&failure) {
                    self.stopped = Some(Arc::clone(&failure));
                }
                // Where judging went further than what was kept, everything is read again before the next batch.
                if failure.kind() != Kind::Full || self.state_moved() {
                    self.live = None;
                }
            }
        }
    }

    /// Whether judging went further than what is committed.
    fn state_moved(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.judged != *self.committed.borrow())
    }

    /// Parts a group into what is new and what was accepted before, or stands in the group already.
    fn part(&self, group: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
        let mut here = HashMap::new();
        group.into_iter().partition(|batch| {
            let id = batch.prepared.id;
            let recent = self.live.as_ref().is_some_and(|live| live.recent.contains_key(&id));
            !recent && here.insert(id, ()).is_none()
        })
    }

    /// Appends, judges while it syncs, commits. Gives the first offset of each batch. After an error the log
    /// ends where it did before.
    fn keep(&mut self, group: &[Waiting]) -> Result<Vec<u64>, Failure> {
        let ctx = (self.shared.options.context)(self.organization);
        let live = self.live.as_mut().ok_or(Failure::Ended)?;
        if group.iter().all(|batch| batch.prepared.events.is_empty()) {
            return Ok(vec![live.judged; group.len()]);
        }
        self.runtime.block_on(self.shared.options.store.accepting(&ctx))?;
        let arrival = self.shared.options.clock.now().max(live.arrival);
        let judge = &self.shared.options.judge;
        let batches: Vec<_> = group.iter().map(|batch| new_batch(&batch.prepared, arrival, judge)).collect();
        let Appended { offsets, before } = live.log.append(&batches)?;
        drop(batches);
        live.arrival = arrival;
        let placed: Vec<_> = group
            .iter()
            .zip(&offsets)
            .map(|(batch, first_offset)| Placed {
                first_offset: *first_offset,
                arrival,
                events: &batch.prepared.events,
            })
            .collect();
        let next = live.log.next_offset();
        live.judged = next;
        let log = &live.log;
        let shards = &mut live.shards;
        let organization = self.organization;
        let (synced, found) = thread::scope(|scope| {
            let sync = scope.spawn(|| log.sync());
            let found = shards.judge(judge, organization, &placed);
            (sync.join(), found)
        });
        synced.map_err(|_| Failure::Ended)??;
        let sightings: Vec<_> =
            group.iter().flat_map(|batch| batch.prepared.sightings.iter().cloned()).collect();
        let committed =
            self.runtime.block_on(commit(&self.shared, &ctx, &sightings, found, next, live.committed));
        if let Err(failure) = committed {
            // After an I/O error of the store nobody knows whether it was committed. The log keeps the
            // group, and the cursor says at the next start whether it is to be judged again.
            if !matches!(failure.store(), Some(store::Error::Stopped)) {
                live.log.cut(before)?;
            }
            return Err(failure);
        }
        live.committed = next;
        self.shared.remembers(self.organization, live.shards.states());
        live.since_snapshot += next - before.offset();
        live.remember(group.iter().zip(&offsets).map(|(batch, offset)| (batch.prepared.id, *offset)));
        self.committed.send_replace(next);
        Ok(offsets)
    }

    /// Writes a snapshot if at least so many events came since the last, and enough for its size: an event
    /// pays for [`SNAPSHOT_BYTES`] of it, so that a large state is not written all the time.
    fn snapshot(&mut self, every: u64) {
        let Some(live) = &mut self.live else { return };
        let due = live.since_snapshot >= every && (every == 1 || live.since_snapshot >= live.snapshot_due);
        if !due || live.judged != live.committed {
            return;
        }
        let path = snapshot::path(&self.shared.options.store.directory(self.organization));
        match snapshot::write(&path, self.organization, live.committed, live.shards.states()) {
            Ok(bytes) => live.snapshot_due = bytes / SNAPSHOT_BYTES,
            // The log gives the same state; a start only takes longer.
            Err(error) => tracing::warn!(%error, path = %path.display(), "a snapshot could not be written"),
        }
        live.since_snapshot = 0;
    }

    pub(crate) fn show(&self, log: &Log, committed: u64) {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(log.clone());
        self.committed.send_replace(committed);
    }
}

fn new_batch(prepared: &Prepared, arrival: Timestamp, judge: &detect::Judge) -> NewBatch {
    NewBatch {
        id: prepared.id,
        source: prepared.source,
        arrival,
        pack: judge.pack().hash(),
        model: detect::MODEL_VERSION,
        block: prepared.block.clone(),
    }
}

fn receipt(prepared: &Prepared, offset: u64, again: bool) -> Receipt {
    Receipt {
        batch: prepared.id,
        accepted: prepared.events.len() as u64,
        rejected: prepared.rejected.clone(),
        first_offset: (!prepared.events.is_empty()).then_some(offset),
        again,
    }
}

/// Whether the log's disk failed in another way than for want of room.
fn disk_failed(failure: &Failure) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let Failure::Stream(stream::Error::Io { source, .. }) = failure else { return false };
    !matches!(source.kind(), StorageFull | QuotaExceeded)
}

fn refuse(group: Vec<Waiting>, failure: &Arc<Failure>) {
    for batch in group {
        let _ = batch.reply.send(Err(Error::NotKept(Arc::clone(failure))));
    }
}
