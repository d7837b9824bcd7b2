//! A whole ledger from its files alone: the signed checkpoint, every entry, every hash of every tile,
//! and that nothing else stands beside them.
//!
//! The log's keys are in its entry 0. Whoever knows them from elsewhere passes them as [`Pins`];
//! otherwise the report says `key: UNPINNED`, for then the files vouch for each other only.

mod walk;

use crate::checkpoint::{self, Checkpoint, SignatureCheck, VerifiedCheckpoint};
use crate::entry;
use crate::failure::{Failure, Problem};
use crate::merkle::Hash;
use crate::note;
use crate::tiles::{self, Stack, TilePath};
use crate::vkey::{SignatureType, VerifierKey};
use base::{Id, Timestamp, noun};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The files of one ledger, wherever they are.
pub trait LedgerFiles {
    /// The path of everything that is there, relative to the ledger, with `/` between elements. What is
    /// no plain file (a link, an empty directory) is named too: it belongs to no ledger.
    ///
    /// # Errors
    /// [`Unreadable`] where the listing fails.
    fn list(&self) -> Result<Vec<String>, Unreadable>;

    /// The bytes of one file.
    ///
    /// # Errors
    /// [`Unreadable`] where it cannot be read, or is larger than `limit` bytes.
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unreadable>;
}

/// A file, or the ledger, that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be read: {0}")]
pub struct Unreadable(pub String);

/// What the caller knows of the log from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    /// Keys that the log must have. Empty: none are known.
    pub keys: Vec<VerifierKey>,
    /// The largest checkpoint verified before: the log must hold it still.
    pub checkpoint: Option<Checkpoint>,
}

/// Why the log's keys are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTrust {
    /// The caller knew them.
    Pinned,
    /// They stand in the log itself, and nowhere else.
    Unpinned,
}

impl KeyTrust {
    /// As in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Unpinned => "UNPINNED",
        }
    }
}

/// What was verified.
#[derive(Debug, Clone)]
pub struct Report {
    /// The checkpoint.
    pub checkpoint: VerifiedCheckpoint,
    /// Whose log.
    pub organization: Id<noun::Organization>,
    /// The keys that signed.
    pub keys: Vec<VerifierKey>,
    /// Why they are believed.
    pub trust: KeyTrust,
    /// When the first entry was committed.
    pub first: Timestamp,
    /// When the last one was.
    pub last: Timestamp,
    /// How many files were checked.
    pub files: usize,
}

/// What a log is, as `nexora ledger show -o json` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The log's name.
    pub origin: String,
    /// Its keys, as C2SP verifier keys.
    pub keys: Vec<String>,
    /// How many entries its checkpoint covers.
    pub size: u64,
    /// The checkpoint's root, in base64 as in the checkpoint.
    pub root: String,
}

/// Verifies everything in the directory. Reads every file once; the cost is a hash and a JSON parse for
/// each entry, in memory that does not grow with the log.
///
/// # Errors
/// The first [`Failure`]: the file, the entry where one can be named, and what is wrong with it.
pub fn directory(
    files: &dyn LedgerFiles,
    check: &dyn SignatureCheck,
    pins: &Pins,
) -> Result<Report, Failure> {
    let opened = Opened::read(files, check)?;
    let trust = opened.trust(pins)?;
    let walked = walk::Walk::new(files, &opened, pins.checkpoint.as_ref())?.run()?;
    Ok(Report {
        organization: opened.organization,
        keys: opened.keys,
        trust,
        first: opened.first,
        last: walked.last,
        files: opened.inventory.files,
        checkpoint: opened.checkpoint,
    })
}

/// Verifies a ledger that may be growing meanwhile: while `check` fails as a publication that runs just now would
/// make it fail ([`Failure::may_be_running`]), it is asked again after each `pause` that answers `true`.
///
/// # Errors
/// The last failure.
pub fn settled<T>(
    mut pause: impl FnMut() -> bool,
    mut check: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    loop {
        match check() {
            Err(failure) if failure.may_be_running() && pause() => {}
            outcome => return outcome,
        }
    }
}

/// Reads origin, keys, size and root; of the log it verifies the checkpoint's signatures only.
///
/// # Errors
/// A [`Failure`] where checkpoint or entry 0 is missing or wrong.
pub fn show(files: &dyn LedgerFiles, check: &dyn SignatureCheck) -> Result<Shown, Failure> {
    let opened = Opened::read(files, check)?;
    let checkpoint = opened.checkpoint.checkpoint();
    Ok(Shown {
        origin: checkpoint.origin.clone(),
        keys: opened.keys.iter().map(ToString::to_string).collect(),
        size: checkpoint.size,
        root: STANDARD.encode(checkpoint.root),
    })
}

/// Which tiles are there, each with its widths.
#[derive(Debug, Default)]
struct Inventory {
    tiles: BTreeMap<(Stack, u64), BTreeSet<u16>>,
    files: usize,
}

impl Inventory {
    fn read(files: &dyn LedgerFiles) -> Result<Self, Failure> {
        let mut inventory = Self::default();
        let mut has_checkpoint = false;
        for path in files.list().map_err(|error| Failure::new(".", error))? {
            inventory.files += 1;
            if path == checkpoint::FILE {
                has_checkpoint = true;
                continue;
            }
            let tile: TilePath = path.parse().map_err(|_| Failure::new(path, Problem::Unknown))?;
            inventory.tiles.entry((tile.stack(), tile.index())).or_default().insert(tile.width());
        }
        if has_checkpoint { Ok(inventory) } else { Err(Failure::new(checkpoint::FILE, Problem::Missing)) }
    }

    /// The widest file of a tile.
    fn widest(&self, stack: Stack, index: u64) -> Option<TilePath> {
        let width = self.tiles.get(&(stack, index))?.last()?;
        TilePath::new(stack, index, *width)
    }
}

/// A ledger whose checkpoint is verified against the keys in its entry 0.
struct Opened {
    inventory: Inventory,
    checkpoint: VerifiedCheckpoint,
    keys: Vec<VerifierKey>,
    organization: Id<noun::Organization>,
    first: Timestamp,
}

impl Opened {
    fn read(files: &dyn LedgerFiles, check: &dyn SignatureCheck) -> Result<Self, Failure> {
        let inventory = Inventory::read(files)?;
        let signed = read(files, checkpoint::FILE, note::MAX_BYTES)?;
        let first = inventory
            .widest(Stack::Entries, 0)
            .ok_or_else(|| Failure::new("tile/entries/000", Problem::Missing))?;
        let bundle = read(files, &first.to_string(), first.max_bytes())?;
        let in_bundle = |problem: Problem| Failure::new(first.to_string(), problem).at(0);
        let entries = tiles::entries(&bundle).map_err(|cut| {
            let entry = cut.entry;
            Failure::new(first.to_string(), cut).at(entry)
        })?;
        let started = entries.first().ok_or_else(|| in_bundle(Problem::Started))?;
        let started = entry::read(started).map_err(|wrong| in_bundle(wrong.into()))?;
        if started.kind != STARTED {
            return Err(in_bundle(Problem::Started));
        }
        let (origin, keys) = started_facts(&started).map_err(in_bundle)?;
        let checkpoint = VerifiedCheckpoint::open(&signed, &keys, check)?;
        if checkpoint.checkpoint().origin != origin {
            return Err(in_bundle(Problem::StartedFacts));
        }
        Ok(Self { inventory, checkpoint, keys, organization: started.organization, first: started.time })
    }

    fn trust(&self, pins: &Pins) -> Result<KeyTrust, Failure> {
        let wrong = |problem| Err(Failure::new(checkpoint::FILE, problem));
        let Checkpoint { origin, size, .. } = self.checkpoint.checkpoint();
        if pins.keys.iter().any(|pinned| !self.keys.contains(pinned)) {
            return wrong(Problem::NotPinned);
        }
        match &pins.checkpoint {
            Some(earlier) if earlier.origin != *origin => return wrong(Problem::NotPinned),
            Some(earlier) if earlier.size > *size => {
                return wrong(Problem::Shrunk { size: *size, earlier: earlier.size });
            }
            _ => {}
        }
        Ok(if pins.keys.is_empty() { KeyTrust::Unpinned } else { KeyTrust::Pinned })
    }
}

/// The kind of entry 0.
pub const STARTED: &str = "ledger.started";

/// The origin and the verifier keys that entry 0 names in its facts `origin` and `keys`: one key of each
/// type, all under the origin.
///
/// # Errors
/// A [`Problem`] where the facts are missing or malformed.
pub fn started_facts(started: &entry::Seen) -> Result<(String, Vec<VerifierKey>), Problem> {
    let facts = started.fields.get("facts").ok_or(Problem::StartedFacts)?;
    let origin = facts.get("origin").and_then(Value::as_str).ok_or(Problem::StartedFacts)?;
    let texts = facts.get("keys").and_then(Value::as_array).ok_or(Problem::StartedFacts)?;
    let mut keys: Vec<VerifierKey> = Vec::new();
    for text in texts {
        keys.push(text.as_str().ok_or(Problem::StartedFacts)?.parse()?);
    }
    let kinds: Vec<_> = keys.iter().map(VerifierKey::kind).collect();
    let complete = kinds == [SignatureType::Ed25519, SignatureType::MlDsa44];
    if complete && keys.iter().all(|key| key.name() == origin) {
        Ok((origin.to_owned(), keys))
    } else {
        Err(Problem::StartedFacts)
    }
}

fn read(files: &dyn LedgerFiles, path: &str, limit: usize) -> Result<Vec<u8>, Failure> {
    files.read(path, limit).map_err(|error| Failure::new(path, error))
}

/// A root that the caller expects at a size on the way.
type Expected = Option<(u64, Hash)>;
