//! A whole ledger from its files alone: the signed checkpoint, every entry, every hash of every tile,
//! and that nothing else stands beside them.
//!
//! The log's keys are in its entry 0. Whoever knows them from elsewhere passes them as [`Pins`];
//! otherwise the report says `key: UNPINNED`, for then the files vouch for each other only.

mod walk;

use crate::charter::{self, Charter};
use crate::checkpoint::{self, Checkpoint, SignatureCheck, VerifiedCheckpoint};
use crate::entry;
use crate::failure::{Failure, Problem};
use crate::merkle::Hash;
use crate::note;
use crate::origin::Origin;
use crate::tiles::{self, Stack, TilePath};
use crate::trust::{KeyTrust, Pins, Vouched};
use crate::vkey::VerifierKey;
use base::{Id, Timestamp, noun};
use base64::{Engine as _, engine::general_purpose::STANDARD};
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
    /// The pinned key that is trusted, and how often the log's keys were replaced since: none where it is unpinned.
    pub trusted: Option<(VerifierKey, usize)>,
    /// Who vouches for the checkpoint besides the log: under the pinned policy, else under the log's own.
    pub vouched: Vouched,
    /// What the log says of itself: its keys now and before, its witnesses, minimum index, and what came before it.
    pub charter: Charter,
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
    let trusted = pins.keys_of(&opened.checkpoint.checkpoint().origin).next().map(|key| (key.clone(), 0));
    Ok(Report {
        trusted,
        vouched: Vouched::default(),
        charter: opened.charter,
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
    charter: Charter,
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
        let (origin, _) = charter::started_facts(&started).map_err(in_bundle)?;
        let origin: Origin = origin.parse().map_err(|_| in_bundle(Problem::StartedFacts))?;
        let mut charter = Charter::new(origin);
        charter.apply(&started, check).map_err(in_bundle)?;
        let checkpoint = VerifiedCheckpoint::open(&signed, &charter.keys, check)?;
        let keys = charter.keys.clone();
        let (organization, first) = (started.organization, started.time);
        Ok(Self { inventory, checkpoint, keys, charter, organization, first })
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

fn read(files: &dyn LedgerFiles, path: &str, limit: usize) -> Result<Vec<u8>, Failure> {
    files.read(path, limit).map_err(|error| Failure::new(path, error))
}

/// A root that the caller expects at a size on the way.
type Expected = Option<(u64, Hash)>;
