//! What a check found wrong, and where.

use crate::directory::Unreadable;
use crate::entry::WrongEntry;
use crate::note::WrongNote;
use crate::quorum::WrongPolicy;
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
    /// The log does not name its origin and keys.
    #[error("does not name the log's origin and its two verifier keys, one of each type")]
    StartedFacts,
    /// Entry 0 of a later generation does not say what came before, or that of a first one does.
    #[error(
        "a log of a later generation names the last known checkpoint of an earlier one, and a first one none"
    )]
    Previous,
    /// A rotation of the log's keys that does not hold.
    #[error("the log's keys are not replaced by this: {0}")]
    Rotation(&'static str),
    /// An entry that sets witnesses without naming them.
    #[error("does not name the log's witnesses in a policy")]
    WitnessFacts,
    /// The policy in an entry cannot be followed.
    #[error(transparent)]
    Policy(#[from] WrongPolicy),
    /// An entry that prunes and does not say what.
    #[error(
        "does not name a minimum index that is a multiple of 256, no smaller than before and no larger than its own position, with the log's keys and witnesses as they are"
    )]
    PrunedFacts,
    /// Fewer cosignatures than the policy asks for.
    #[error("is cosigned by {cosigned} of {witnesses} witnesses, which is not the quorum of the policy")]
    Quorum {
        /// How many of them cosigned.
        cosigned: usize,
        /// How many witnesses the policy names.
        witnesses: usize,
    },
    /// No key that could vouch for the log.
    #[error("no key is known for {origin}: pin one, or verify its log first")]
    NoKey {
        /// The log's name.
        origin: String,
    },
    /// A file below the minimum index that no tile vouches for any more.
    #[error("lies below the minimum index, and what vouched for it is pruned: it has to go as well")]
    Unvouched,
    /// A file below the minimum index that is not what the tile above it says.
    #[error("lies below the minimum index, and is not what the tile above it says: it was changed")]
    PrunedChanged,
    /// The checkpoint verified before lies in what was pruned since.
    #[error(
        "an earlier checkpoint of {earlier} entries lies below the minimum index {minimum}: nothing can show that this log goes on from there"
    )]
    Past {
        /// Entries then.
        earlier: u64,
        /// The minimum index now.
        minimum: u64,
    },
    /// The entry of the platform's log does not name the organization's checkpoint.
    #[error("the platform's entry does not record this checkpoint of {origin}")]
    NotRecorded {
        /// The organization's log.
        origin: String,
    },
    /// An entry that records checkpoints and does not name them.
    #[error("does not name the checkpoints that it records")]
    RecordFacts,
    /// A platform's log that records less of a log than before.
    #[error(
        "records {origin} with {size} entries, and an earlier entry recorded {earlier}: that log was put back to an older state"
    )]
    RecordShrunk {
        /// The log that is recorded.
        origin: String,
        /// Entries in this record.
        size: u64,
        /// Entries in the record before.
        earlier: u64,
    },
    /// A platform's log that records two trees of one size of a log.
    #[error(
        "records another tree of {origin} with {size} entries than an earlier entry: there are two of that log"
    )]
    RecordSplit {
        /// The log that is recorded.
        origin: String,
        /// Entries in both.
        size: u64,
    },
    /// Details that the log commits to are not there, and no entry says that they were erased.
    #[error("the details are missing, and no entry erased them")]
    DetailsMissing,
    /// Details that are not those that the log commits to.
    #[error("the details are not those that the entry commits to: they were changed")]
    DetailsChanged,
    /// Details that an entry says were erased.
    #[error("the details are still there, though an entry erased them")]
    NotErased,
    /// An entry names objects or erased positions in a form that nobody can follow.
    #[error("names files or erased positions in a malformed way")]
    ObjectFacts,
    /// A file is not what its entry says.
    #[error("was changed: it is not the {kind} that entry {entry} vouches for")]
    ObjectChanged {
        /// What kind of object.
        kind: String,
        /// Which entry vouches for it.
        entry: u64,
    },
    /// A file is gone.
    #[error("was removed: entry {entry} vouches for this {kind}, and no file has its hash")]
    ObjectRemoved {
        /// What kind of object.
        kind: String,
        /// Which entry vouches for it.
        entry: u64,
    },
    /// A file that no entry vouches for.
    #[error("was added, or changed: no entry vouches for a file with this hash")]
    ObjectAdded,
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
