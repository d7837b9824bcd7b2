//! From a body of events to a judged, durable, acknowledged batch.
//!
//! # Invariants
//! - A batch is one unit. A receipt means that every valid event is durable and judged and that its
//!   findings are committed; an error means that none was kept.
//! - Offset and arrival are assigned before judging; each shard judges in the order of the log. The same log
//!   gives the same state and the same findings.
//! - Findings are committed only when their events are durable, in one transaction with the cursor that says
//!   how far the log is judged. So a crash in between neither loses nor doubles a finding: what the log holds
//!   beyond the cursor is judged again at the next start, and committed then.
//! - The same body from the same credential is one batch, however often it is sent (within the last log
//!   files): a sender that got no answer sends it again.
//!
//! # One batch's way
//! 1. On a blocking thread: inflate, frame, check, redact, normalize ([`events`]), compress.
//! 2. On the organization's own thread, with all batches that wait: offsets and arrival; append to the log;
//!    judge while another thread syncs; one transaction with identities, findings and cursor; answer.
//! 3. Every so often and at the end: a snapshot of the state.
//!
//! If anything fails after the append, the log is taken back to where it was, and the state is read again
//! from snapshot and log before the next batch. After an I/O error of the log there is no next batch before the
//! process starts anew; a full disk is no such error.
#![forbid(unsafe_code)]

mod commit;
mod error;
mod intake;
mod judging;
mod model;
mod recover;
mod rules;
mod sequencer;
mod snapshot;
mod tail;

pub use error::{Error, Failure};
pub use model::{Accounts, Counts, Kept, Receipt, Remembered, Source};
pub use tail::Tail;

use base::{Clock, Context, Id, noun};
use bytes::Bytes;
use detect::{Judge, ShardState};
use events::{Encoding, Redactor};
use findings::Findings;
use identities::Identities;
use sequencer::{Job, Organization};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use store::Store;
use stream::Files;
use tokio::sync::{Semaphore, mpsc::error::TrySendError, oneshot};

/// The cursor that says how far the log is judged.
pub const CURSOR: &str = "pipeline";

/// How many batches of one organization may wait or be in work.
const WAITING: usize = 64;

/// What the pipeline is made of.
pub struct Options {
    /// The one door.
    pub store: Store,
    /// Where findings go.
    pub findings: Findings,
    /// The inventory; loaded for an organization before it is opened here.
    pub identities: Identities,
    /// The rules and models.
    pub judge: Judge,
    /// Where arrival times come from.
    pub clock: Arc<dyn Clock>,
    /// How an organization's secrets are redacted.
    pub redactor: Arc<dyn Fn(Id<noun::Organization>) -> Redactor + Send + Sync>,
    /// The context that an organization's findings are committed in: nobody asked for them by name.
    pub context: Arc<dyn Fn(Id<noun::Organization>) -> Context + Send + Sync>,
    /// What the log stands on.
    pub files: Arc<dyn Files>,
    /// A snapshot is written after so many events.
    pub snapshot_every: u64,
}

impl Options {
    /// How many events there are between snapshots, unless said otherwise.
    pub const SNAPSHOT_EVERY: u64 = 100_000;
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) counts: Mutex<Counts>,
    /// By organization, as of its latest group.
    remembered: Mutex<HashMap<Id<noun::Organization>, Remembered>>,
    organizations: Mutex<Open>,
    /// How many bodies are inflated and parsed at once.
    parsers: Semaphore,
    /// How many batches are opened at once for those who follow.
    openers: Arc<Semaphore>,
    /// What all batches may hold in memory.
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Open {
    organizations: HashMap<Id<noun::Organization>, Arc<Organization>>,
    draining: bool,
}

impl Pipeline {
    /// A pipeline in which no organization is open yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            shared: Arc::new(Shared {
                options,
                counts: Mutex::default(),
                remembered: Mutex::default(),
                organizations: Mutex::default(),
                parsers: Semaphore::new(cores.max(2)),
                openers: Arc::new(Semaphore::new(2)),
                room: Arc::new(Semaphore::new(intake::ROOM)),
            }),
        }
    }

    /// Opens an organization: its log, its state, and what a crash left to be judged. Before a node
    /// listens; an organization that was not opened is opened by its first batch.
    ///
    /// # Errors
    /// [`Error::NotKept`] with what the log or the store met; [`Error::Draining`].
    pub async fn open(&self, organization: Id<noun::Organization>) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let organization = self.organization(organization)?;
        organization.jobs.send(Job::Open(reply)).await.map_err(|_| Error::not_kept(Failure::Ended))?;
        answer.await.map_err(|_| Error::not_kept(Failure::Ended))?
    }

    /// Takes a batch in. When it returns, every accepted event is durable and judged, and the findings are
    /// committed. Dropping the future does not take the batch back.
    ///
    /// # Errors
    /// Nothing was kept: [`Error::Inflate`], [`Error::Frame`]; [`Error::Busy`]; [`Error::NotKept`] with what
    /// the log or the store met, among it a full disk.
    pub async fn ingest(
        &self,
        ctx: &Context,
        source: Source,
        body: Bytes,
        encoding: Encoding,
    ) -> Result<Receipt, Error> {
        let result = self.take_in(ctx, source, body, encoding).await;
        let mut counts = self.shared.counts();
        match &result {
            Ok(receipt) => {
                counts.batches += u64::from(!receipt.again);
                counts.batches_again += u64::from(receipt.again);
                if !receipt.again {
                    counts.accepted += receipt.accepted;
                    for reject in &receipt.rejected {
                        *counts.rejected.entry(reject.reason.code()).or_default() += 1;
                    }
                }
            }
            Err(Error::Busy) => counts.busy += 1,
            Err(_) => counts.not_kept += 1,
        }
        drop(counts);
        result
    }

    async fn take_in(
        &self,
        ctx: &Context,
        source: Source,
        body: Bytes,
        encoding: Encoding,
    ) -> Result<Receipt, Error> {
        let id = ctx.organization();
        let organization = self.organization(id)?;
        let place = Arc::clone(&organization.places).try_acquire_owned().map_err(|_| Error::Busy)?;
        let parser = self.shared.parsers.acquire().await.map_err(|_| Error::Draining)?;
        let shared = Arc::clone(&self.shared);
        let prepared = tokio::task::spawn_blocking(move || {
            let redactor = (shared.options.redactor)(id);
            let known = shared.options.identities.known();
            intake::prepare(id, &source, &body, encoding, &redactor, &known, &shared.room)
        });
        let prepared = prepared.await.map_err(|_| Error::not_kept(Failure::Ended))??;
        drop(parser);
        let (reply, answer) = oneshot::channel();
        let job = Job::Batch(Box::new(sequencer::Waiting { prepared, reply, _place: place }));
        organization.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Closed(_) => Error::not_kept(Failure::Ended),
        })?;
        answer.await.map_err(|_| Error::not_kept(Failure::Ended))?
    }

    /// Follows an organization's events from an offset on; from now on where none is given.
    ///
    /// # Errors
    /// [`Error::NotKept`] where the organization cannot be opened.
    pub async fn tail(&self, ctx: &Context, from: Option<u64>) -> Result<Tail, Error> {
        self.open(ctx.organization()).await?;
        Ok(Tail::new(self.organization(ctx.organization())?, from, Arc::clone(&self.shared.openers)))
    }

    /// What went through since the process started.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counts().clone()
    }

    /// What the models remember of all organizations that are open, and what they gave up.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        let all = self.shared.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().copied().fold(Remembered::default(), Remembered::and)
    }

    /// Takes no more batches, finishes those that wait, and writes the snapshots.
    pub async fn drain(&self) {
        let organizations: Vec<_> = {
            let mut open = self.open_organizations();
            open.draining = true;
            open.organizations.drain().map(|(_, organization)| organization).collect()
        };
        for organization in organizations {
            let (reply, answer) = oneshot::channel();
            // A thread that has ended has nothing left to finish.
            if organization.jobs.send(Job::Drain(reply)).await.is_ok() {
                let _ = answer.await;
            }
            if tokio::task::spawn_blocking(move || organization.join()).await.is_err() {
                tracing::error!("waiting for a pipeline thread was interrupted");
            }
        }
    }

    fn organization(&self, id: Id<noun::Organization>) -> Result<Arc<Organization>, Error> {
        let mut open = self.open_organizations();
        if open.draining {
            return Err(Error::Draining);
        }
        match open.organizations.entry(id) {
            Entry::Occupied(there) if !there.get().jobs.is_closed() => Ok(Arc::clone(there.get())),
            Entry::Occupied(mut ended) => {
                let again = Organization::start(&self.shared, id, WAITING)?;
                ended.insert(Arc::clone(&again));
                Ok(again)
            }
            Entry::Vacant(room) => {
                Ok(Arc::clone(room.insert(Organization::start(&self.shared, id, WAITING)?)))
            }
        }
    }

    fn open_organizations(&self) -> MutexGuard<'_, Open> {
        self.shared.organizations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remembers(&self, organization: Id<noun::Organization>, states: &[ShardState]) {
        let remembered = Remembered::of(states);
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(organization, remembered);
    }
}
