//! Publishes what was committed: entries go from the store's outbox, in commit order, into the files of
//! the organization's ledger, under a signed checkpoint.
//!
//! The ledger of an organization is the directory `ledgers/<id>`, or a prefix of an object storage
//! ([`Storage`]): C2SP tlog-tiles, documented in `docs/formats/ledger.md`, checked by `verify` and by any tool that
//! reads the format.
//!
//! # The order of a publication
//! A reader, and the next start after a crash at any point, finds either the old checkpoint or the new one,
//! and every file that it needs:
//!
//! 1. Entries are read from the outbox, from the sequenced size on. They are sealed: their bytes, and so the
//!    bytes of every tile over them, are fixed.
//! 2. Their tiles are made durable in their places: **sequenced**. Where witnesses must cosign, they wait beside the
//!    log (`.waiting`) instead, for the ledger holds nothing that its checkpoint does not cover. Of a partial tile
//!    only the newest state waits.
//! 3. The checkpoint is signed and checked with the log's own keys. Where it leaves before it is published, it is
//!    written down first, and nothing else of that size or a smaller one is ever signed.
//! 4. Witnesses cosign. Too few of them stall publication ([`Status::stalled`]); sequencing goes on, and so does
//!    everything that only commits. Then the waiting tiles go to their places.
//! 5. The checkpoint is put in the place of the old one, durable: the entries are **published**.
//! 6. Partial tiles whose full tile now stands are removed.
//! 7. Published entries are pruned from the outbox, but for the last [`KEPT`]. Their details stay.
//!
//! # What is promised
//! - A crash at any step loses nothing and doubles nothing: at the next start, files beyond the checkpoint are
//!   removed, and the same entries give the same files again. Where another process could be about to publish them
//!   ([`Storage::is_shared`]), they are removed once a checkpoint of this one has taken the place of the old.
//! - Publication never goes backwards. At start the ledger is held against the outbox and against everybody who
//!   remembers it ([`Memory`]); a ledger that has more than the store, or less than others have seen, is refused
//!   ([`Error::Ahead`], [`Error::Fork`], [`Error::Gap`], [`Error::Behind`], [`Error::Split`]) and not touched. An
//!   operator may then begin another one ([`Audit::restart`]), whose first entry names the last known checkpoint of
//!   this one.
//! - A log begins with the entry `ledger.started`, which names the keys that sign it; `keys` commits it together with
//!   these keys, and the store takes no other entry before. Other keys sign nothing here ([`Error::WrongKeys`]),
//!   unless an entry signed by both brought them ([`Audit::rotate`]).
//! - After a failed sync the writer of that log stops until the process starts anew, for what the disk holds is
//!   then not known. Any other failure, such as a full disk, stalls publication and is tried again.
#![forbid(unsafe_code)]

pub mod anchoring;
mod anchors;
mod beside;
pub mod conformance;
mod disk;
mod erased_file;
pub mod erasing;
mod error;
mod file_anchor;
mod files;
mod keys;
mod local;
mod model;
mod outbox;
pub mod platform;
mod ports;
pub mod prove;
mod publish;
mod renewal;
pub mod retention;
mod rules;
pub mod search;
mod tables;
pub mod witness;
mod work;

pub use anchors::{AnchorMemory, Receipt};
pub use beside::{DetailsIn, FilesIn};
pub use erased_file::ErasedFile;
pub use error::Error;
pub use file_anchor::FileAnchor;
pub use files::Directory;
pub use keys::{LogKeys, Signatures};
pub use local::LocalDirectory;
pub use model::{Status, Step, log_name};
pub use ports::{
    Anchor, Cosigners, Fate, Memory, Outbox, Own, ProofFrom, Rows, Sighting, Signed, SignedBy, Storage,
    StorageError, Stored, StoredLog, Unmet, Unreachable, WrongReceipt, covers,
};
pub use renewal::{Refused, Renewed};

use base::{Clock, Context, Id, Timestamp, noun};
use keys::Chain;
use publish::Writer;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use store::{Schema, Store};

/// The tables of this service.
pub static SCHEMA: &Schema = &tables::SCHEMA;

/// How many published entries the outbox keeps, to hold the ledger against at the next start.
pub const KEPT: u64 = 1_024;

/// What publication is made of.
pub struct Options {
    /// The store: its outbox, unless another is given, and this service's tables.
    pub store: Store,
    /// Where checkpoints get their time from.
    pub clock: Arc<dyn Clock>,
    /// What checks signatures.
    pub provider: Arc<dyn crypto::Provider>,
    /// Where entries come from.
    pub outbox: Arc<dyn Outbox>,
    /// Where the files go.
    pub storage: Arc<dyn Storage>,
    /// The directory of all ledgers, where the storage is one.
    pub directory: Option<PathBuf>,
    /// Who cosigns.
    pub cosigners: Option<Arc<dyn Cosigners>>,
    /// Who remembers.
    pub memories: Vec<Arc<dyn Memory>>,
    /// Where it is written down what was erased, outside of what is backed up with the data.
    pub erased: Option<ErasedFile>,
    /// Entries of one publication, at most. 1,024 are up to 64 MiB.
    pub batch: u64,
}

impl Options {
    /// As an embedded node has it: the store's outbox, and the directory `data_dir/ledgers`.
    #[must_use]
    pub fn local(
        store: Store,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        provider: Arc<dyn crypto::Provider>,
    ) -> Self {
        let directory = data_dir.join("ledgers");
        Self {
            outbox: Arc::new(store.clone()),
            storage: Arc::new(LocalDirectory::new(&directory)),
            directory: Some(directory),
            cosigners: None,
            memories: Vec::new(),
            erased: None,
            batch: 1_024,
            store,
            clock,
            provider,
        }
    }
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    signatures: Signatures,
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
    generation: u32,
    /// Which keys sign it, as of the last step.
    chain: Option<Chain>,
    sequenced: u64,
    published: Option<(verify::Checkpoint, Vec<u8>)>,
    checkpoint_at: Option<Timestamp>,
    stalled: Option<String>,
    /// Whether the last step met keys that it was not handed.
    renewed: bool,
    /// Why an operator must begin another log.
    refused: Option<Refused>,
    pruned: u64,
    /// The minimum below which this process has removed what was there.
    expired: u64,
    /// Whether the database was compared with what the files say is erased.
    erased_again: bool,
}

impl Audit {
    /// Publishes below `data_dir`/`ledgers`. Nothing is read or written yet.
    #[must_use]
    pub fn new(
        store: Store,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        provider: Arc<dyn crypto::Provider>,
    ) -> Self {
        Self::open(Options::local(store, data_dir, clock, provider))
    }

    /// Publishes as the options say. Nothing is read or written yet.
    #[must_use]
    pub fn open(options: Options) -> Self {
        let signatures = Signatures::new(Arc::clone(&options.provider));
        Self { shared: Arc::new(Shared { options, signatures, logs: Mutex::default() }) }
    }

    /// Where the organization's ledger stands, where that is a directory.
    #[must_use]
    pub fn directory(&self, organization: Id<noun::Organization>) -> Option<PathBuf> {
        let ledgers = self.shared.options.directory.as_ref()?;
        Some(ledgers.join(log_name(organization, self.generation(organization))))
    }

    /// Where the files are kept.
    #[must_use]
    pub fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.shared.options.storage)
    }

    /// The files of the organization's log that is in use. Reading them blocks.
    #[must_use]
    pub fn files(&self, organization: Id<noun::Organization>) -> StoredLog {
        StoredLog::new(self.storage(), log_name(organization, self.generation(organization)))
    }

    /// Which log of the organization is in use, as far as this process has seen: it is known once
    /// [`status`](Self::status) or [`publish_step`](Self::publish_step) was called.
    #[must_use]
    pub fn generation(&self, organization: Id<noun::Organization>) -> u32 {
        self.log(organization).seen().generation.max(1)
    }

    /// The published checkpoint of the log that is in use, with its note; `None` before this process has opened
    /// the log, and before its first publication.
    #[must_use]
    pub fn published(&self, organization: Id<noun::Organization>) -> Option<(verify::Checkpoint, Vec<u8>)> {
        self.log(organization).seen().published.clone()
    }

    /// Who remembers the checkpoints of this node's logs.
    #[must_use]
    pub fn memories(&self) -> &[Arc<dyn Memory>] {
        &self.shared.options.memories
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
        let mut seen = log.seen();
        // Whoever rotates has the new keys a moment after they are on record: that these are not there yet stalls
        // nothing. Whoever comes again without them does.
        let renewed = matches!(outcome, Err(Error::WrongKeys)) && seen.published.is_some() && !seen.renewed;
        seen.renewed = renewed;
        if !renewed {
            seen.stalled = outcome.as_ref().err().map(explain);
        }
        drop(seen);
        outcome
    }

    /// As [`publish_step`](Self::publish_step), after the log's files were read anew and compared as at a start.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn examine(&self, ctx: &Context, keys: &LogKeys) -> Result<Step, Error> {
        let log = self.log(ctx.organization());
        let turn = log.turn.lock().await;
        *log.lock() = None;
        drop(turn);
        self.publish_step(ctx, keys).await
    }

    /// How far the organization's log is. Reads one file and two rows.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn status(&self, ctx: &Context) -> Result<Status, Error> {
        let Options { outbox, storage, .. } = &self.shared.options;
        let log = self.log(ctx.organization());
        let generation = outbox.generation(ctx).await?;
        let committed = outbox.end(ctx).await?;
        let mut seen = log.seen().clone();
        if seen.generation != generation {
            seen = log.seen().begin(generation);
        }
        let mut published = seen.published.map_or(0, |(checkpoint, _)| checkpoint.size);
        if published == 0 {
            let (storage, name) = (Arc::clone(storage), log_name(ctx.organization(), generation));
            published = blocking(move || publish::claimed_size(&*storage, &name)).await?;
        }
        Ok(Status {
            generation,
            committed,
            sequenced: seen.sequenced.max(published),
            published,
            checkpoint_at: seen.checkpoint_at,
            stalled: seen.stalled,
            behind: seen.refused.is_some(),
        })
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

    /// Takes over how far the writer is.
    fn note(&self) {
        let writer = self.lock();
        let Some(writer) = writer.as_ref() else { return };
        let mut seen = self.seen();
        seen.generation = writer.generation();
        seen.sequenced = writer.size();
        seen.published = writer.checkpoint().cloned().zip(writer.note().map(<[u8]>::to_vec));
        seen.checkpoint_at = writer.signed_at();
        seen.refused = None;
    }
}

impl Seen {
    /// Another log is in use: nothing is known of it yet.
    fn begin(&mut self, generation: u32) -> Self {
        *self = Self { generation, ..Self::default() };
        self.clone()
    }
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
