//! The log of logs: the platform's log records the checkpoints of the organizations' logs (`checkpoints.recorded`).
//!
//! Witnesses cosign the platform's log; through it every organization's log is theirs to remember. An entry of an
//! organization is proven to lie under a recorded checkpoint, and that record to lie in the platform's log. The other
//! way round, an organization's log that is behind its last record was restored from an older state: [`Recorded`] is
//! the [`Memory`] that says so.
//!
//! Records are facts in commit order: of each log the sizes only grow, and what is recorded is recorded once.

mod scan;
mod tables;

pub(crate) use tables::tables;

use crate::ports::{Memory, Own, Sighting, Unreachable};
use crate::witness::next_in_log;
use crate::{Audit, Error, Shared};
use base::{Context, Id, noun};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use scan::Scan;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use store::Store;
use verify::Checkpoint;

/// Checkpoints in one entry, at most: some 150 bytes each, and an entry has 65,535.
const MOST: usize = 256;

/// A checkpoint of a log, and where the platform's log records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Its note, as it was published.
    pub note: Vec<u8>,
    /// Which of the platform's logs, from 1.
    pub generation: u32,
    /// The position in that log of the entry that records it.
    pub position: u64,
}

impl Audit {
    /// Records, in the platform's log, every checkpoint that these organizations' logs have published since their
    /// last record, and again what it recorded of a log that has not grown since and dropped when that expired; how
    /// many. `platform` is a context of the platform. Call it every two seconds.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn record_step(
        &self,
        platform: &Context,
        organizations: &[Id<noun::Organization>],
    ) -> Result<usize, Error> {
        let store = &self.shared.options.store;
        let published = self.published(platform.organization()).map_or(0, |(checkpoint, _)| checkpoint.size);
        let mut waiting = Vec::new();
        let read = store.read(platform).await?;
        let generation = crate::Outbox::generation(store, platform).await?;
        let minimum = crate::retention::minimum(&read).await?;
        for organization in organizations {
            let Some((checkpoint, note)) = self.published(*organization) else { continue };
            let last = tables::last(&read, &checkpoint.origin, Some(generation)).await?;
            // A log that is behind its record is not recorded again: its own writer refuses to go on.
            let dropped = |last: &Record| last.checkpoint == checkpoint && last.position < minimum;
            if last.is_none_or(|last| last.checkpoint.size < checkpoint.size || dropped(&last)) {
                waiting.push((checkpoint, note));
            }
        }
        drop(read);
        for some in waiting.chunks(MOST) {
            let mut tx = store.write(platform).await?;
            let position = next_in_log(&tx).await?;
            for (checkpoint, note) in some {
                let record =
                    Record { checkpoint: checkpoint.clone(), note: note.clone(), generation, position };
                tables::add(&mut tx, &record).await?;
                // Once a record lies under a checkpoint of the platform, those before it prove nothing more.
                tables::forget_before(&mut tx, &checkpoint.origin, generation, published).await?;
            }
            let checkpoints: Vec<Checkpoint> =
                some.iter().map(|(checkpoint, _)| checkpoint.clone()).collect();
            tx.commit(ledger::charter::checkpoints_recorded(platform.organization(), &checkpoints)).await?;
        }
        Ok(waiting.len())
    }

    /// The newest record of the log of this origin that covers at least `size` entries, lies under the platform's
    /// published checkpoint and is kept: what a proof passes through. None where there is none yet.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn covering(
        &self,
        platform: &Context,
        origin: &str,
        size: u64,
    ) -> Result<Option<Record>, Error> {
        let Some((published, _)) = self.published(platform.organization()) else { return Ok(None) };
        let read = self.shared.options.store.read(platform).await?;
        let generation = crate::Outbox::generation(&self.shared.options.store, platform).await?;
        let minimum = crate::retention::minimum(&read).await?;
        let newest = tables::newest_below(&read, origin, generation, published.size).await?;
        Ok(newest.filter(|record| record.checkpoint.size >= size && record.position >= minimum))
    }
}

/// What the platform's log remembers of an organization's: the newest of what its published files record and of what the
/// database knows that is not published yet. It stands in the same data directory, so it notices that a part of that
/// was restored, and not the whole; but where witnesses remember the platform's log, an organization's
/// waits until that was compared.
pub struct Recorded {
    store: Store,
    context: Arc<dyn Fn() -> Context + Send + Sync>,
    audit: OnceLock<Weak<Shared>>,
    scan: Arc<Mutex<Scan>>,
}

impl Recorded {
    /// The records in this store; `context` makes contexts of the platform.
    #[must_use]
    pub fn new(store: Store, context: Arc<dyn Fn() -> Context + Send + Sync>) -> Self {
        Self { store, context, audit: OnceLock::new(), scan: Arc::default() }
    }

    /// Tells it whose publication it is a memory of.
    pub fn watch(&self, audit: &Audit) {
        // A second call changes nothing: there is one publication in a process.
        let _ = self.audit.set(Arc::downgrade(&audit.shared));
    }

    /// The newest record in the platform's published files; none before it is told whose publication that is.
    async fn published(&self, platform: &Context, origin: &str) -> Result<Option<Checkpoint>, String> {
        let Some(shared) = self.audit.get().and_then(Weak::upgrade) else { return Ok(None) };
        let generation = crate::Outbox::generation(&self.store, platform).await;
        let generation = generation.map_err(|error| error.to_string())?;
        let log = crate::log_name(platform.organization(), generation);
        let storage = Arc::clone(&shared.options.storage);
        let (scan, origin) = (Arc::clone(&self.scan), origin.to_owned());
        let newest = crate::blocking(move || {
            let mut scan = scan.lock().unwrap_or_else(PoisonError::into_inner);
            scan.newest(&*storage, &log, &origin)
        });
        newest.await.map_err(|error| error.to_string())?
    }

    /// Whether the platform's log was compared with those who remember it.
    fn platform_is_in_order(&self) -> Result<(), String> {
        let Some(shared) = self.audit.get().and_then(Weak::upgrade) else { return Ok(()) };
        if !shared.options.memories.iter().any(|memory| memory.is_outside()) {
            return Ok(());
        }
        let log = Audit { shared }.log(self.store.platform());
        if log.seen().refused.is_some() {
            return Err("it is itself behind what others remember of it".to_owned());
        }
        if log.lock().is_none() {
            return Err("it was not compared yet with those who remember it".to_owned());
        }
        Ok(())
    }

    /// The newest record of the log of this origin, which is the one of `ctx`; none of the platform's own.
    ///
    /// # Errors
    /// What does not read, and a platform's log that is behind itself or was not compared yet.
    pub async fn newest(&self, ctx: &Context, origin: &str) -> Result<Option<Sighting>, Unreachable> {
        if ctx.organization() == self.store.platform() {
            return Ok(None);
        }
        let silent = |why: String| Unreachable { by: self.name(), why, required: true };
        self.platform_is_in_order().map_err(silent)?;
        let platform = (self.context)();
        let last = async {
            let read = self.store.read(&platform).await?;
            tables::last(&read, origin, None).await
        };
        let last = last.await.map_err(|error| silent(error.to_string()))?.map(|record| record.checkpoint);
        let published = self.published(&platform, origin).await.map_err(silent)?;
        let newest = last.into_iter().chain(published).max_by_key(|checkpoint| checkpoint.size);
        Ok(newest.map(|checkpoint| Sighting {
            by: self.name(),
            size: checkpoint.size,
            root: Some(checkpoint.root),
        }))
    }
}

impl Memory for Recorded {
    fn name(&self) -> String {
        "the platform's log".to_owned()
    }

    fn is_outside(&self) -> bool {
        false
    }

    fn recall<'a>(
        &'a self,
        ctx: &'a Context,
        own: Own<'a>,
    ) -> BoxFuture<'a, Result<Option<Sighting>, Unreachable>> {
        self.newest(ctx, own.origin).boxed()
    }
}
