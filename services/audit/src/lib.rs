//! Publishes what was committed: entries go from the store's outbox, in commit order, into the files of
//! the organization's ledger, under a signed checkpoint.
//!
//! The ledger of an organization is the directory `ledgers/<id>`: C2SP tlog-tiles, documented in
//! `docs/formats/ledger.md`, checked by `verify` and by any tool that reads the format.
//!
//! # The order of a publication
//! A reader, and the next start after a crash at any point, finds either the old checkpoint or the new one,
//! and every file that it needs:
//!
//! 1. Entries are read from the outbox, from the published size on. They are sealed: their bytes, and so the
//!    bytes of every tile over them, are fixed.
//! 2. Each tile is written beside the ledger (`ledgers/.staging/<id>`) and synced.
//! 3. The tiles are renamed to their places, directories made on the way; then every directory that got a new
//!    name is synced.
//! 4. The checkpoint is signed, checked with the log's own keys, written beside the ledger and synced.
//! 5. It is renamed over the old one, and the directory is synced: the entries are published.
//! 6. Partial tiles whose full tile now stands are removed.
//! 7. Published entries are pruned from the outbox, but for the last [`KEPT`]. Their details stay.
//!
//! # What is promised
//! - A crash at any step loses nothing and doubles nothing: at the next start, files beyond the checkpoint are
//!   removed, and the same entries give the same files again.
//! - Publication never goes backwards. At start the ledger is held against the outbox; a ledger that has more
//!   than the store, or something else, is refused ([`Error::Ahead`], [`Error::Fork`], [`Error::Gap`]) and
//!   not touched.
//! - A log begins with the entry `ledger.started`, which names the keys that sign it; `keys` commits it together with
//!   these keys, and the store takes no other entry before. Other keys sign nothing here ([`Error::WrongKeys`]).
//! - After a failed sync the writer of that log stops until the process starts anew, for what the disk holds is
//!   then not known. Any other failure, such as a full disk, stalls publication and is tried again.
#![forbid(unsafe_code)]

mod disk;
mod error;
mod files;
mod keys;
mod publish;

pub use error::Error;
pub use files::Directory;
pub use keys::{LogKeys, Signatures};

use base::{Clock, Context, Id, Timestamp, noun};
use disk::{Disk, RealDisk};
use publish::Writer;
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use store::{OUTBOX, Queries, Store};

/// Entries of one publication, at most: 64 MiB if every one were as large as can be.
const BATCH: u64 = 1_024;

/// How many published entries the outbox keeps, to hold the ledger against at the next start.
pub const KEPT: u64 = 1_024;

/// Pruning waits until this much has gathered, so that it is no part of every publication.
const PRUNE_EVERY: u64 = 4_096;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    signatures: Signatures,
    disk: Arc<dyn Disk>,
    ledgers: PathBuf,
    logs: Mutex<HashMap<Id<noun::Organization>, Arc<Log>>>,
}

/// One organization's log in this process.
#[derive(Default)]
struct Log {
    /// One step at a time.
    turn: tokio::sync::Mutex<()>,
    /// Held by whoever touches the files, on a thread that may block: a step that is dropped half way leaves
    /// it locked until its files are in order.
    writer: Arc<Mutex<Option<Writer>>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    published: u64,
    checkpoint_at: Option<Timestamp>,
    stalled: Option<String>,
    pruned: u64,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How many entries it published.
    pub published: u64,
    /// Whether more are waiting already.
    pub more: bool,
}

/// How far a log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Entries committed by the store.
    pub committed: u64,
    /// Entries under the published checkpoint.
    pub published: u64,
    /// When that checkpoint was signed; unknown before this process has opened the log.
    pub checkpoint_at: Option<Timestamp>,
    /// Why publication does not go on, if it does not.
    pub stalled: Option<String>,
}

impl Audit {
    /// Publishes below `data_dir`/`ledgers`. Nothing is read or written yet.
    #[must_use]
    pub fn new(
        store: Store,
        data_dir: &std::path::Path,
        clock: Arc<dyn Clock>,
        provider: Arc<dyn crypto::Provider>,
    ) -> Self {
        Self::on(Arc::new(RealDisk), store, data_dir, clock, provider)
    }

    fn on(
        disk: Arc<dyn Disk>,
        store: Store,
        data_dir: &std::path::Path,
        clock: Arc<dyn Clock>,
        provider: Arc<dyn crypto::Provider>,
    ) -> Self {
        let (signatures, ledgers) = (Signatures::new(provider), data_dir.join("ledgers"));
        let shared = Shared { store, clock, signatures, disk, ledgers, logs: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Where the organization's ledger stands.
    #[must_use]
    pub fn directory(&self, organization: Id<noun::Organization>) -> PathBuf {
        self.shared.ledgers.join(organization.bare())
    }

    /// Publishes what is committed and not yet published, one batch of it. Call it again while
    /// [`Step::more`], and after each ring of the doorbell [`store::OUTBOX`].
    ///
    /// # Errors
    /// See [`Error`]; [`Audit::status`] then says why publication stalls.
    pub async fn publish_step(&self, ctx: &Context, keys: &LogKeys) -> Result<Step, Error> {
        let log = self.log(ctx.organization());
        let _turn = log.turn.lock().await;
        let outcome = self.step(ctx, keys, &log).await;
        log.seen().stalled = outcome.as_ref().err().map(explain);
        outcome
    }

    /// How far the organization's log is. Reads one file and one row.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn status(&self, ctx: &Context) -> Result<Status, Error> {
        let log = self.log(ctx.organization());
        let committed = index(self.shared.store.read(ctx).await?.end(OUTBOX).await?);
        let Seen { mut published, checkpoint_at, stalled, .. } = log.seen().clone();
        if published == 0 {
            let (disk, home) = (Arc::clone(&self.shared.disk), self.directory(ctx.organization()));
            published = blocking(move || publish::claimed_size(&*disk, &home)).await?;
        }
        Ok(Status { committed, published, checkpoint_at, stalled })
    }

    async fn step(&self, ctx: &Context, keys: &LogKeys, log: &Log) -> Result<Step, Error> {
        let Shared { store, clock, .. } = &*self.shared;
        // Tiles must not eat what the store's reserve sets free.
        store.accepting(ctx).await?;
        if log.lock().is_none() {
            self.open(ctx, keys, log).await?;
        }
        let read = store.read(ctx).await?;
        let committed = index(read.end(OUTBOX).await?);
        let size = log.lock().as_ref().map_or(0, Writer::size);
        if committed <= size {
            return Ok(Step { published: 0, more: false });
        }
        let rows = read.entries(size, BATCH).await?;
        drop(read);
        for (expected, (found, _)) in (size..).zip(&rows) {
            if *found != expected {
                return Err(Error::Gap { expected, found: *found });
            }
        }
        let (Some((_, first)), published) = (rows.first(), rows.len() as u64) else {
            return Err(Error::Gap { expected: size, found: committed });
        };
        if size == 0 {
            keys.are_in(first)?;
        }
        let (slot, signatures, keys) =
            (Arc::clone(&log.writer), self.shared.signatures.clone(), keys.clone());
        let now = clock.now();
        blocking(move || {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let writer = slot.as_mut().filter(|writer| writer.size() == size).ok_or(Error::Interrupted)?;
            writer.publish(rows.iter().map(|(_, entry)| entry.as_slice()), &keys, &signatures, now)
        })
        .await??;
        log.note_published();
        self.prune(ctx, log).await;
        Ok(Step { published, more: size + published < committed })
    }

    /// Opens the log's files and holds them against the outbox, before anything is written or removed.
    async fn open(&self, ctx: &Context, keys: &LogKeys, log: &Log) -> Result<(), Error> {
        let Shared { store, disk, ledgers, signatures, .. } = &*self.shared;
        let (disk, ledgers, signatures) = (Arc::clone(disk), ledgers.clone(), signatures.clone());
        let (slot, keys, organization) = (Arc::clone(&log.writer), keys.clone(), ctx.organization());
        let opened = blocking(move || {
            // Whoever was dropped half way is waited for.
            let _held = slot.lock().unwrap_or_else(PoisonError::into_inner);
            Writer::open(disk, &ledgers, organization, &keys, &signatures)
        })
        .await??;
        let read = store.read(ctx).await?;
        let committed = index(read.end(OUTBOX).await?);
        if opened.reach > committed {
            return Err(Error::Ahead { published: opened.reach, committed });
        }
        let size = opened.writer.size();
        let newest = opened.newest.first().map_or(size, |(position, _)| *position);
        let rows: HashMap<u64, Vec<u8>> = read.entries(newest, size - newest).await?.into_iter().collect();
        for (position, hash) in &opened.newest {
            match rows.get(position) {
                Some(entry) if verify::merkle::leaf(entry) != *hash => {
                    return Err(Error::Fork { position: *position });
                }
                None if *position + 1 == size => {
                    return Err(Error::Gap { expected: *position, found: committed });
                }
                _ => {}
            }
        }
        // What is to be published must be there before anything beyond the checkpoint is removed.
        if committed > size {
            let next = read.entries(size, 1).await?.first().map_or(committed, |(position, _)| *position);
            if next != size {
                return Err(Error::Gap { expected: size, found: next });
            }
        }
        let slot = Arc::clone(&log.writer);
        blocking(move || {
            opened.tidy()?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened.writer);
            Ok::<_, Error>(())
        })
        .await??;
        log.note_published();
        Ok(())
    }

    /// Removes published entries from the outbox, now and then. A failure costs room, nothing else.
    async fn prune(&self, ctx: &Context, log: &Log) {
        let below = log.seen().published.saturating_sub(KEPT);
        if below < log.seen().pruned + PRUNE_EVERY {
            return;
        }
        let pruned = async {
            let mut tx = self.shared.store.write(ctx).await?;
            tx.prune_entries(below).await?;
            tx.commit_derived().await
        };
        match pruned.await {
            Ok(()) => log.seen().pruned = below,
            Err(error) => {
                tracing::warn!(organization = %ctx.organization(), %error, "the outbox was not pruned")
            }
        }
    }

    fn log(&self, organization: Id<noun::Organization>) -> Arc<Log> {
        let mut logs = self.shared.logs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(logs.entry(organization).or_default())
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the writer has published.
    fn note_published(&self) {
        let head = self.lock().as_ref().map(|writer| (writer.size(), writer.signed_at()));
        if let Some((published, checkpoint_at)) = head {
            let mut seen = self.seen();
            seen.published = published;
            seen.checkpoint_at = checkpoint_at;
        }
    }
}

fn index(position: i64) -> u64 {
    u64::try_from(position).unwrap_or(0)
}

/// The error with its causes, in one line.
fn explain(error: &Error) -> String {
    let (mut text, mut cause) = (error.to_string(), std::error::Error::source(error));
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// File work stays off the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Interrupted)
}
