//! What publication needs of others: where entries come from, where files go, who cosigns, who remembers.

use crate::{Chain, Error, Signatures};
use base::{Context, Fault, Kind, Timestamp};
use futures::future::BoxFuture;
use std::{io, sync::Arc};
use verify::{Checkpoint, Hash, TilePath, Unreadable, note};

/// A file of a log: its path below the log (`tile/0/000`), and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The path, with `/` between elements.
    pub path: String,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// Where the files of logs are kept: the local directory `ledgers`, or a prefix of an object storage. Each log has
/// a name of its own there ([`crate::log_name`]). Calls block; they are made on threads that may. The suite in
/// [`crate::conformance`] is what an implementation must pass.
pub trait Storage: Send + Sync + 'static {
    /// The whole file; `None` where there is none.
    ///
    /// # Errors
    /// [`StorageError::Failed`], also for a file of more than `limit` bytes.
    fn read(&self, log: &str, path: &str, limit: usize) -> Result<Option<Vec<u8>>, StorageError>;

    /// The paths of all files below a folder of the log (`""` for all of it), sorted; none where there is no such
    /// folder. Files that were never put in place are not listed.
    ///
    /// # Errors
    /// [`StorageError::Failed`].
    fn list(&self, log: &str, under: &str) -> Result<Vec<String>, StorageError>;

    /// Puts files in their places, all of them durable when it returns. A reader finds each either whole or not at
    /// all. Where there is one already, the same is no error, and another is replaced unless the log's checkpoint
    /// covers it ([`covers`]).
    ///
    /// # Errors
    /// [`StorageError::Changed`] for another file that the checkpoint covers; [`StorageError`]. Then some of them may
    /// be in place.
    fn put(&self, log: &str, files: &[Stored]) -> Result<(), StorageError>;

    /// Puts one file in the place of `expected` (`None`: of nothing) at once, durable when it returns.
    ///
    /// # Errors
    /// [`StorageError::Changed`] where something else is there, with nothing done; else as [`put`](Self::put).
    fn replace(
        &self,
        log: &str,
        path: &str,
        expected: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<(), StorageError>;

    /// Removes files; one that is not there is no error. Need not be durable.
    ///
    /// # Errors
    /// [`StorageError::Failed`]; then some of them may be gone.
    fn remove(&self, log: &str, paths: &[String]) -> Result<(), StorageError>;

    /// Whether another process could be writing here: then what is beyond a checkpoint may be what it is about to
    /// publish, and stays until a checkpoint of our own has taken the place of that one.
    fn is_shared(&self) -> bool {
        true
    }
}

/// Whether a checkpoint covers this file of its log: a tile, as wide as the checkpoint makes it or an older state of
/// it. A checkpoint that does not read may cover any tile.
#[must_use]
pub fn covers(checkpoint: &[u8], path: &str) -> bool {
    let Ok(tile) = path.parse::<TilePath>() else { return false };
    let Some(head) = claimed(checkpoint) else { return true };
    let published = TilePath::at(tile.stack(), tile.index(), head.size);
    published.is_some_and(|published| published.width() >= tile.width())
}

/// Why a storage did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// It failed, and can be tried again.
    #[error("could not {doing} {path}")]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
    /// What it holds is not known: a sync failed. Asking again would answer for less, so nothing more is written
    /// until the process starts anew.
    #[error("a sync of {path} failed, so it may not hold what was written: check it, then restart")]
    Unknown {
        /// Of what.
        path: String,
    },
    /// Something else is there than the caller knows of: another writer has been at it.
    #[error("{path} is not what this writer put there: another one has been at it")]
    Changed {
        /// What.
        path: String,
    },
}

impl Fault for StorageError {
    fn kind(&self) -> Kind {
        match self {
            Self::Failed { source, .. } if source.kind() == io::ErrorKind::StorageFull => Kind::Full,
            Self::Failed { .. } | Self::Unknown { .. } => Kind::Unavailable,
            Self::Changed { .. } => Kind::Conflict,
        }
    }
}

/// One log in a storage, as [`verify`] reads it.
#[derive(Clone)]
pub struct StoredLog {
    storage: Arc<dyn Storage>,
    log: String,
}

impl StoredLog {
    /// The log of this name ([`crate::log_name`]).
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, log: String) -> Self {
        Self { storage, log }
    }
}

impl verify::LedgerFiles for StoredLog {
    fn list(&self) -> Result<Vec<String>, Unreadable> {
        self.storage.list(&self.log, "").map_err(|error| Unreadable(error.to_string()))
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unreadable> {
        match self.storage.read(&self.log, path, limit) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Unreadable(format!("{path} is missing"))),
            Err(error) => Err(Unreadable(error.to_string())),
        }
    }
}

/// The entries on their way to the ledger, in commit order, of the generation that is in use. Positions are those
/// in the entries: from 0, without gaps.
pub trait Outbox: Send + Sync + 'static {
    /// The generation of the organization's log, from 1.
    fn generation<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<u32, store::Error>>;

    /// The position that the next entry will get.
    fn end<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<u64, store::Error>>;

    /// Entries from `from` on, in order, at most `limit`. One whose transaction has not committed yet may be
    /// missing among them; it will be there later.
    fn entries<'a>(&'a self, ctx: &'a Context, from: u64, limit: u64) -> BoxFuture<'a, Rows>;

    /// Forgets entries below `below`: they are published.
    fn prune<'a>(&'a self, ctx: &'a Context, below: u64) -> BoxFuture<'a, Result<(), store::Error>>;

    /// Whether files may be written now, or the room is kept for what matters more.
    fn accepting<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<(), store::Error>>;
}

/// Entries with their positions.
pub type Rows = Result<Vec<(u64, Vec<u8>)>, store::Error>;

/// A checkpoint that the log has signed and nobody has cosigned yet.
#[derive(Clone)]
pub struct Signed {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The note with the log's own signatures.
    pub note: Vec<u8>,
    /// The hashes that lead from a smaller tree of this log to this one.
    pub proof: ProofFrom,
    /// Which keys sign this log.
    pub(crate) chain: Chain,
}

/// The consistency proof from a smaller size; it reads tiles, so it blocks.
pub type ProofFrom = Arc<dyn Fn(u64) -> Result<Vec<Hash>, Error> + Send + Sync>;

/// Who must cosign the checkpoints of a log before they are published.
pub trait Cosigners: Send + Sync + 'static {
    /// Whether this log's checkpoints need cosignatures.
    fn are_asked<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<bool, Error>>;

    /// Asks for cosignatures: the lines to add to the note, of those only whom the log names. `Err(Unmet)` where the
    /// quorum is not met: publication stalls and is tried again.
    fn gather<'a>(&'a self, ctx: &'a Context, signed: Signed) -> BoxFuture<'a, Result<Vec<u8>, Unmet>>;
}

/// Why cosignatures were not gathered.
#[derive(Debug, thiserror::Error)]
pub enum Unmet {
    /// Too few answered.
    #[error("the quorum of witnesses is not met: {0}")]
    Absent(String),
    /// A witness knows more of this log than we do.
    #[error("{} knows {} entries", .0.by, .0.size)]
    Ahead(Sighting),
    /// A witness has cosigned another tree of this size, or one that is no beginning of ours.
    #[error("{} knows another history of this log", .0.by)]
    Split(Sighting),
}

/// What somebody outside remembers of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Who: a witness, an anchor, the platform's log.
    pub by: String,
    /// How many entries it has seen.
    pub size: u64,
    /// The root over them, where it tells.
    pub root: Option<Hash>,
}

/// What a node has itself of a log whose memory it asks.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    /// The log's name.
    pub origin: &'a str,
    /// The newest note in its files.
    pub published: Option<&'a [u8]>,
    /// How many entries the largest checkpoint covers that was signed here, published or not.
    pub size: u64,
    /// Which keys sign this log.
    pub(crate) chain: &'a Chain,
    /// What checks their signatures.
    pub(crate) signatures: &'a Signatures,
}

/// Who remembers the checkpoints of a log: asked at start, before anything is signed.
pub trait Memory: Send + Sync + 'static {
    /// In words, for people: `witness w1`, `anchor FILE`.
    fn name(&self) -> String;

    /// Whether it would survive that the whole data directory is replaced by an older one.
    fn is_outside(&self) -> bool;

    /// The largest checkpoint of this log that it remembers. `own` is what this node has of it: for those who can only
    /// be asked by showing something, and to hold their word against. Who cannot be reached is an error; it is asked
    /// again.
    fn recall<'a>(
        &'a self,
        ctx: &'a Context,
        own: Own<'a>,
    ) -> BoxFuture<'a, Result<Option<Sighting>, Unreachable>>;
}

/// Somebody who does not answer, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{by} does not answer: {why}")]
pub struct Unreachable {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// Whether nothing may be signed before it has answered.
    pub required: bool,
}

/// A place outside where checkpoints are put for good: a file, later a blockchain. It may accept what it is given
/// twice, late, or not at all; [`crate::anchoring`] decides what follows. Each origin has one writer.
pub trait Anchor: Send + Sync + 'static {
    /// In words, for people.
    fn name(&self) -> String;

    /// Hands over a signed checkpoint. Giving the same one again is no error.
    fn submit<'a>(&'a self, note: &'a [u8]) -> BoxFuture<'a, Result<(), Unreachable>>;

    /// What became of a checkpoint that was handed over.
    fn fate<'a>(&'a self, note: &'a [u8]) -> BoxFuture<'a, Result<Fate, Unreachable>>;

    /// Whether a receipt says that this checkpoint was accepted. Asks nobody.
    ///
    /// # Errors
    /// [`WrongReceipt`].
    fn verify(&self, receipt: &[u8], note: &[u8]) -> Result<Option<Timestamp>, WrongReceipt>;

    /// The accepted checkpoint of this origin with the most entries, of those whose notes `signed` says yes to: what an
    /// anchor holds, others may have added to. What is passed over is worth a warning.
    fn latest<'a>(
        &'a self,
        origin: &'a str,
        signed: SignedBy,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, Unreachable>>;
}

/// Whether a note is signed by the log that it is of.
pub type SignedBy = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// What became of a checkpoint that was handed to an anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Not known yet: it may still be accepted.
    Pending,
    /// Accepted, at least once; with the receipt.
    Accepted(Vec<u8>),
    /// It never will be: the anchor does not know it, and would not take it from before any more.
    Lost,
}

/// A receipt that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the receipt does not hold: {0}")]
pub struct WrongReceipt(pub String);

/// The checkpoint in a note, unverified.
pub(crate) fn claimed(note: &[u8]) -> Option<Checkpoint> {
    note::read(note).ok().and_then(|note| Checkpoint::read(note.text))
}
