//! What a check found wrong, and where.

use crate::directory::Unreadable;
use crate::entry::WrongEntry;
use crate::note::WrongNote;
use crate::tiles::Cut;
use crate::vkey::WrongKey;
use base::{Fault, Kind};

/// A check whose answer is no: the file, the entry where one can be named, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{at}: {problem}", at = entry.map(|index| format!(", entry {index}")).unwrap_or_default())]
pub struct Failure {
    /// The file, relative to the ledger's directory.
    pub file: String,
    /// The index of the entry in the log.
    pub entry: Option<u64>,
    /// What is wrong.
    pub problem: Problem,
}

impl Failure {
    /// In this file.
    #[must_use]
    pub fn new(file: impl Into<String>, problem: impl Into<Problem>) -> Self {
        Self { file: file.into(), entry: None, problem: problem.into() }
    }

    /// At this entry.
    #[must_use]
    pub const fn at(mut self, entry: u64) -> Self {
        self.entry = Some(entry);
        self
    }

    /// Whether a publication that runs just now would look like this too: files stand before the
    /// checkpoint that covers them. Reading again tells; it is a failure if it stays.
    #[must_use]
    pub const fn may_be_running(&self) -> bool {
        matches!(self.problem, Problem::Beyond { .. } | Problem::Missing | Problem::Unreadable(_))
    }
}

impl Fault for Failure {
    fn kind(&self) -> Kind {
        Kind::CheckFailed
    }
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file could not be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A file that the checkpoint needs is not there.
    #[error("missing: the checkpoint's size needs it")]
    Missing,
    /// A file that belongs to no ledger.
    #[error("unknown: no file of a ledger has this name, so nothing vouches for it")]
    Unknown,
    /// A tile or bundle that reaches beyond the checkpoint.
    #[error("reaches beyond the checkpoint of {size} entries, so nothing vouches for it")]
    Beyond {
        /// The checkpoint's size.
        size: u64,
    },
    /// The checkpoint is no signed note.
    #[error(transparent)]
    Note(#[from] WrongNote),
    /// The checkpoint's text is no checkpoint.
    #[error("not a checkpoint: expected the lines origin, size and root, and no further ones")]
    Checkpoint,
    /// A signature that does not hold.
    #[error("the {algorithm} signature does not hold: the checkpoint or the signature was changed")]
    Signature {
        /// The algorithm's name.
        algorithm: &'static str,
    },
    /// A signature of the log's that is missing or there twice.
    #[error("needs exactly one {algorithm} signature of the log's key, and has {count}")]
    SignatureCount {
        /// The algorithm's name.
        algorithm: &'static str,
        /// How many there are.
        count: usize,
    },
    /// A signature by a key that nobody here knows.
    #[error("carries a signature by an unknown key, named {name}")]
    UnknownSigner {
        /// The key's name as claimed.
        name: String,
    },
    /// The entry does not follow the schema.
    #[error(transparent)]
    Entry(#[from] WrongEntry),
    /// The bundle's bytes are not whole entries.
    #[error(transparent)]
    Cut(#[from] Cut),
    /// Another number of entries or hashes than the name says.
    #[error("holds {found} entries or hashes where its name says {expected}")]
    Width {
        /// What the name says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// An entry that stands elsewhere than it says.
    #[error("says that it is entry {said} of its log")]
    Position {
        /// The position in the entry.
        said: u64,
    },
    /// The proof does not lead from the entry to the checkpoint.
    #[error(
        "the checkpoint's tree of {size} entries does not hold this entry there: proof or entry was changed"
    )]
    NotIncluded {
        /// The checkpoint's size.
        size: u64,
    },
    /// An entry of another organization's log.
    #[error("belongs to {said}, another organization than the log's")]
    Organization {
        /// The organization in the entry.
        said: String,
    },
    /// Entry 0 is not `ledger.started`, or another one is.
    #[error("`ledger.started` is entry 0 of a log, and only that")]
    Started,
    /// Entry 0 does not name the log's origin and keys.
    #[error("entry 0 does not name the log's origin and its two verifier keys, one of each type")]
    StartedFacts,
    /// A verifier key in entry 0 is none.
    #[error(transparent)]
    Key(#[from] WrongKey),
    /// The checkpoint's origin is not the one that the log began with.
    #[error("its origin is {found}, the log began as {started}")]
    Origin {
        /// The checkpoint's.
        found: String,
        /// Entry 0's.
        started: String,
    },
    /// An entry was changed: the tile that holds its hash says otherwise.
    #[error("does not have the hash that {tile} holds: the entry was changed")]
    EntryChanged {
        /// The tile of level 0.
        tile: String,
    },
    /// A tile holds another hash than its entries have.
    #[error("holds a wrong hash in place {slot}: the tile was changed")]
    TileChanged {
        /// Which hash of the tile, from 0.
        slot: usize,
    },
    /// A partial tile that is no beginning of what followed it.
    #[error("an older state that is no beginning of the present one: it was changed")]
    PartialChanged,
    /// Entries and tiles fit each other, and a signed hash above them says that they were rewritten.
    #[error("entries {from} to {to} were rewritten with their tiles: {above} holds another hash for them")]
    Rewritten {
        /// The first entry of the range.
        from: u64,
        /// The last entry of the range.
        to: u64,
        /// What holds the hash that they do not have.
        above: String,
    },
    /// Pinned: the log is signed by other keys than the pinned ones.
    #[error("the log's keys are not the pinned ones: this is another log, or one made to look like it")]
    NotPinned,
    /// Pinned: an earlier checkpoint had more entries.
    #[error("has {size} entries, but an earlier checkpoint had {earlier}: the log was cut or restored")]
    Shrunk {
        /// Entries now.
        size: u64,
        /// Entries then.
        earlier: u64,
    },
    /// Pinned: an earlier checkpoint of this log had another root at its size.
    #[error("its first {earlier} entries are not those of an earlier checkpoint: history was rewritten")]
    Inconsistent {
        /// Entries then.
        earlier: u64,
    },
}
