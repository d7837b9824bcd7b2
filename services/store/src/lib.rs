//! The one door to organization data, and the one crate that knows its databases.
//!
//! Nothing reads or writes an organization's rows without a [`Context`]: [`Store::read`] and
//! [`Store::write`] are the only doors, and a [`Store`] itself has no query methods. A decision is
//! committed together with its ledger entry ([`Tx::commit`]); what can be rebuilt (cursors, telemetry) is
//! committed with [`Tx::commit_derived`]. A change without an entry does not compile:
//!
//! ```compile_fail,E0061
//! async fn forget_the_entry(tx: store::Tx) {
//!     let _ = tx.commit().await; // an `Entry` is missing
//! }
//! ```
//!
//! Embedded, an organization is one SQLite file, `organizations/<id>/store.db`: immediate transactions, one
//! writer at a time, write-ahead log, synced at every commit, foreign keys on. Every table begins with the
//! organization's id, and a check in each file rejects rows of another one. Migrations run at first touch.
//!
//! # What is promised
//! 1. A commit that returned is durable, and so is its entry; entries are numbered in commit order without
//!    gaps.
//! 2. Rows that other parts follow carry a position from [`Tx::next_position`], handed out under the
//!    organization's write lock: a cursor over it skips nothing.
//! 3. A [`Doorbell`] rings after the commit. It has no content; a lost one costs latency, never a fact.
//! 4. After an I/O error in a write the organization refuses writes until the process starts anew: what the
//!    disk holds is then read, not guessed.
//! 5. When the disk is full, [`Store::write_reserved`] goes on from a preallocated reserve of 16 MiB per
//!    organization, and everything else is refused ([`Error::Full`]) until the reserve is whole again.
#![forbid(unsafe_code)]

mod details;
mod door;
mod doorbell;
mod erased;
mod error;
mod file;
mod outbox;
mod registry;
mod reserve;
mod schema;

pub use base::Context;
pub use details::StoredDetails;
pub use door::{Committed, Queries, Read, Tx};
pub use doorbell::Doorbell;
pub use erased::Erased;
pub use error::Error;
pub use registry::Registered;
pub use reserve::Space;
pub use schema::{Change, Guard, Migration, Schema};

use base::{Clock, Id, noun};
use file::File;
use ledger::Entry;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// The topic of the outbox: rings when an entry was committed.
pub const OUTBOX: &str = "outbox";

/// The topic that counts the generations of the organization's log: one less than the number of the present one.
pub(crate) const GENERATION: &str = "ledger.generation";

/// The topic whose position is that of the present log's first entry in the outbox.
pub(crate) const BASE: &str = "ledger.base";

/// Which log of an organization is in use. Entries are numbered from 0 in each; the outbox goes on through all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// The first log is 1.
    pub number: u32,
    /// Where the outbox holds its entry 0: entry `n` of this log is at `base + n` there.
    pub base: u64,
}

/// Fills a buffer with random bytes.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// What a store is opened with.
#[derive(Clone)]
pub struct Options {
    /// The data directory.
    pub dir: PathBuf,
    /// Where the time of an entry comes from.
    pub clock: Arc<dyn Clock>,
    /// Fills a buffer with random bytes fit for secrets (`crypto::Provider::fill`).
    pub random: Random,
}

/// The handle. Cheap to clone; it cannot query.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    schemas: &'static [&'static Schema],
    platform: Id<noun::Organization>,
    registered: Mutex<BTreeMap<Id<noun::Organization>, Registered>>,
    files: tokio::sync::Mutex<HashMap<Id<noun::Organization>, Arc<File>>>,
    doorbells: doorbell::Doorbells,
}

impl Store {
    /// Opens the data directory, creates what is missing, and reads which organizations there are. No
    /// organization's file is opened yet but the platform's.
    ///
    /// # Errors
    /// [`Error::Directory`] where the directory cannot be used, and what migrating the platform's file meets.
    pub async fn open(options: Options, schemas: &'static [&'static Schema]) -> Result<Self, Error> {
        let root = options.dir.join("organizations");
        fs::create_dir_all(&root).map_err(|source| Error::Directory { path: root.clone(), source })?;
        let platform = registry::platform(&root, &options)?;
        let store = Self {
            shared: Arc::new(Shared {
                options,
                schemas,
                platform,
                registered: Mutex::default(),
                files: tokio::sync::Mutex::default(),
                doorbells: doorbell::Doorbells::default(),
            }),
        };
        let file = store.file(platform).await?;
        let organizations = registry::load(&file).await?;
        *store.registered() = organizations;
        Ok(store)
    }

    /// The organization that the platform itself is: it holds the registry of organizations and the
    /// administrator's secret.
    #[must_use]
    pub fn platform(&self) -> Id<noun::Organization> {
        self.shared.platform
    }

    /// The organizations there are, oldest first, without the platform. Their ids only: this is what the
    /// background runner needs to make a context for each.
    #[must_use]
    pub fn organizations(&self) -> Vec<Registered> {
        self.registered().values().cloned().collect()
    }

    /// Whether there is such an organization (the platform included).
    #[must_use]
    pub fn exists(&self, organization: Id<noun::Organization>) -> bool {
        organization == self.shared.platform || self.registered().contains_key(&organization)
    }

    /// Opens the door for reading: one consistent snapshot of the organization's data.
    ///
    /// # Errors
    /// [`Error::NoOrganization`], and what the database meets.
    pub async fn read(&self, ctx: &Context) -> Result<Read, Error> {
        let file = self.file(ctx.organization()).await?;
        door::Read::begin(&file.readers, file.organization()).await
    }

    /// As [`Store::read`], on a connection that only this door uses: for the heartbeat of the standings, which
    /// must not wait behind everybody's lists, or a node that hears the store well refuses everyone.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_reserved(&self, ctx: &Context) -> Result<Read, Error> {
        let file = self.file(ctx.organization()).await?;
        door::Read::begin(&file.reserved, file.organization()).await
    }

    /// Opens the door for writing, and waits for its turn: an organization has one writer at a time.
    ///
    /// # Errors
    /// [`Error::NoOrganization`]; [`Error::Full`] while the reserve is not whole; [`Error::Stopped`] after an
    /// I/O error; and what the database meets.
    pub async fn write(&self, ctx: &Context) -> Result<Tx, Error> {
        let file = self.file(ctx.organization()).await?;
        file.reserve.accepting()?;
        door::Tx::begin(self.clone(), file, ctx.clone()).await
    }

    /// Opens the door for a change of standing or the record of a refusal: it goes on from the reserve when
    /// the disk is full. If the commit still fails with [`Error::Full`], try again: a further part of the
    /// reserve has been set free.
    ///
    /// # Errors
    /// As [`Store::write`]; [`Error::ReserveSpent`] when nothing of the reserve is left.
    pub async fn write_reserved(&self, ctx: &Context) -> Result<Tx, Error> {
        let file = self.file(ctx.organization()).await?;
        file.reserve.make_room()?;
        door::Tx::begin(self.clone(), file, ctx.clone()).await
    }

    /// Commits an entry that changes nothing else, such as the record of a refusal, from the reserve when the
    /// disk is full, and for as long as something of that is left.
    ///
    /// # Errors
    /// As [`Store::write_reserved`] and [`Tx::commit`].
    pub async fn record(&self, ctx: &Context, entry: &Entry) -> Result<Committed, Error> {
        let mut tries = reserve::PARTS;
        loop {
            tries -= 1;
            let committed = match self.write_reserved(ctx).await {
                Ok(tx) => tx.commit(entry.clone()).await,
                Err(error) => Err(error),
            };
            match committed {
                // A further part of the reserve is set free.
                Err(Error::Full) if tries > 0 => {}
                done => return done,
            }
        }
    }

    /// Whether the organization takes more data now. What writes files of its own (the stream) asks here
    /// first, so that it does not eat what the reserve set free.
    ///
    /// # Errors
    /// [`Error::Full`] while the reserve is not whole; [`Error::Stopped`] after an I/O error.
    pub async fn accepting(&self, ctx: &Context) -> Result<(), Error> {
        let file = self.file(ctx.organization()).await?;
        file.running()?;
        file.reserve.accepting()
    }

    /// How the organization stands with the disk.
    ///
    /// # Errors
    /// [`Error::NoOrganization`], [`Error::Stopped`] after an I/O error.
    pub async fn space(&self, ctx: &Context) -> Result<Space, Error> {
        let file = self.file(ctx.organization()).await?;
        file.running()?;
        Ok(file.reserve.space())
    }

    /// Sees to it that what was erased stands in no file of the database any more: empties the write-ahead log, which
    /// holds what rows were, and looks for the salts in the file; where one is left in a corner that the database did
    /// not overwrite, the whole file is written anew. Of what is [unknown](Erased::unknown), the file is written anew in
    /// any case. False where somebody still reads an older
    /// state: ask again then.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn scrub(&self, ctx: &Context, erased: &Erased) -> Result<bool, Error> {
        self.file(ctx.organization()).await?.scrub(erased).await
    }

    /// A bell that rings after each commit that moved `topic` in this organization.
    #[must_use]
    pub fn doorbell(&self, organization: Id<noun::Organization>, topic: &'static str) -> Doorbell {
        self.shared.doorbells.listen(organization, topic)
    }

    /// Closes every file, after the last transaction: checkpoints the write-ahead logs.
    pub async fn close(&self) {
        for (_, file) in self.shared.files.lock().await.drain() {
            file.close().await;
        }
    }

    async fn file(&self, organization: Id<noun::Organization>) -> Result<Arc<File>, Error> {
        if !self.exists(organization) {
            return Err(Error::NoOrganization);
        }
        let mut files = self.shared.files.lock().await;
        if let Some(file) = files.get(&organization) {
            return Ok(Arc::clone(file));
        }
        let dir = self.directory(organization);
        let file = Arc::new(File::open(&dir, organization, self.shared.schemas).await?);
        files.insert(organization, Arc::clone(&file));
        Ok(file)
    }

    /// Where the organization's files stand: its database, its reserve, and what other services keep of it.
    #[must_use]
    pub fn directory(&self, organization: Id<noun::Organization>) -> PathBuf {
        self.shared.options.dir.join("organizations").join(organization.bare())
    }

    fn registered(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id<noun::Organization>, Registered>> {
        // The map is only ever replaced or inserted into whole; a panic elsewhere leaves it true.
        self.shared.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
