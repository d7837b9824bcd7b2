//! A whole ledger from its files alone: the signed checkpoint, every entry, every hash of every tile,
//! and that nothing else stands beside them.
//!
//! What the log says of itself stands in its entries ([`Charter`]): its keys, its witnesses, where it begins. Whoever
//! knows keys from elsewhere passes them as [`Pins`]; otherwise the report says `key: UNPINNED`, for then the files
//! vouch for each other only.
//!
//! The entries are read first and the checkpoint's signatures checked last, for only the entries say who signs. Nothing
//! that was read before is told before that check has passed: a failure that a forged checkpoint would explain is blamed
//! on it if no key that the log names has signed it.

mod bundle;
mod inventory;
mod leftover;
mod scan;
mod walk;

use crate::charter::Charter;
use crate::checkpoint::{self, Checkpoint, SignatureCheck, VerifiedCheckpoint};
use crate::entry::Seen;
use crate::failure::{Failure, Problem};
use crate::note;
use crate::origin::Origin;
use crate::quorum::{Policy, Witness};
use crate::records;
use crate::tiles::TilePath;
use crate::trust::{KeyTrust, Pins, Vouched};
use crate::vkey::{SignatureType, VerifierKey};
use base::{Id, Timestamp, noun};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bundle::View;
use inventory::Inventory;
use walk::{Looks, Walk, Walked};

/// The files of one ledger, wherever they are.
pub trait LedgerFiles {
    /// The path of everything that is there, relative to the ledger, with `/` between elements. What is
    /// no plain file (a link, an empty directory) is named too: it belongs to no ledger.
    ///
    /// Of a place that cannot be listed, such as a URL: what a log of its size needs ([`tiles::needed`] and the
    /// checkpoint), and [`is_listed`](Self::is_listed) is false.
    ///
    /// [`tiles::needed`]: crate::tiles::needed
    ///
    /// # Errors
    /// [`Unreadable`] where the listing fails.
    fn list(&self) -> Result<Vec<String>, Unreadable>;

    /// The bytes of one file.
    ///
    /// # Errors
    /// [`Unreadable`] where it cannot be read, or is larger than `limit` bytes.
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unreadable>;

    /// Whether [`list`](Self::list) names what is there, and not what ought to be.
    fn is_listed(&self) -> bool {
        true
    }
}

/// A file, or the ledger, that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be read: {0}")]
pub struct Unreadable(pub String);

/// A part of the work, which may run on any thread.
pub type Job<'j> = Box<dyn FnOnce() + Send + 'j>;

/// Runs jobs, in any order and on whatever threads it has; all are done when it returns. This crate starts no threads.
pub trait Hands {
    /// Runs them.
    fn run(&self, jobs: Vec<Job<'_>>);
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
    /// When the first entry that is kept was committed.
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

impl Report {
    /// Who of a policy's witnesses cosigned the checkpoint; lines of others are passed over. For a policy whose quorum
    /// may be met elsewhere: by the platform's log that records this one.
    ///
    /// # Errors
    /// [`Problem::Quorum`] unless they are its quorum, and a cosignature of theirs that is forged.
    pub fn vouched_under(&self, policy: &Policy, check: &dyn SignatureCheck) -> Result<Vouched, Problem> {
        let note = self.checkpoint.note();
        let opened = VerifiedCheckpoint::open_known(note, &self.keys, policy.witnesses(), check);
        Vouched::under(policy, &opened.map_err(|failure| failure.problem)?, true)
    }
}

/// What a log is, as `nexora ledger show -o json` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The log's name.
    pub origin: String,
    /// The keys that sign it now, as C2SP verifier keys.
    pub keys: Vec<String>,
    /// How many entries its checkpoint covers.
    pub size: u64,
    /// The checkpoint's root, in base64 as in the checkpoint.
    pub root: String,
}

/// Verifies everything in the directory. Reads every file once; the cost is a hash and a JSON parse for
/// each entry, in memory that does not grow with the log, but with the
/// number of logs that a platform's log records. Of a log that was pruned, what lies below its minimum index may
/// be absent, and nothing else.
///
/// # Errors
/// The first [`Failure`]: the file, the entry where one can be named, and what is wrong with it.
pub fn directory(
    files: &dyn LedgerFiles,
    check: &dyn SignatureCheck,
    pins: &Pins,
) -> Result<Report, Failure> {
    visited(files, check, pins, &mut Nobody)
}

/// As [`directory`], with the work handed out.
///
/// # Errors
/// As [`directory`].
pub fn directory_by(
    files: &(dyn LedgerFiles + Sync),
    check: &dyn SignatureCheck,
    pins: &Pins,
    hands: &dyn Hands,
) -> Result<Report, Failure> {
    verify(files, check, pins, &mut Nobody, &Looks::HandedOut(files, hands))
}

/// Who wants to see entries while they are walked over, in their order.
pub(crate) trait Visit {
    /// Whether an entry is wanted; nothing, where none is.
    fn wants(&self) -> Option<fn(&Seen) -> bool>;

    /// Takes one that is. It is in the log for certain only once the whole has passed.
    fn see(&mut self, entry: &Seen) -> Result<(), Problem>;

    /// Forgets what it has seen: the walk begins again.
    fn begin_again(&mut self);
}

struct Nobody;

impl Visit for Nobody {
    fn wants(&self) -> Option<fn(&Seen) -> bool> {
        None
    }

    fn see(&mut self, _: &Seen) -> Result<(), Problem> {
        Ok(())
    }

    fn begin_again(&mut self) {}
}

/// As [`directory`], with somebody who looks on.
pub(crate) fn visited(
    files: &dyn LedgerFiles,
    check: &dyn SignatureCheck,
    pins: &Pins,
    visitor: &mut dyn Visit,
) -> Result<Report, Failure> {
    verify(files, check, pins, visitor, &Looks::InTurn(files))
}

/// As [`visited`], with the work handed out; the visitor sees the entries in their order all the same.
pub(crate) fn visited_by(
    files: &(dyn LedgerFiles + Sync),
    check: &dyn SignatureCheck,
    pins: &Pins,
    visitor: &mut dyn Visit,
    hands: &dyn Hands,
) -> Result<Report, Failure> {
    verify(files, check, pins, visitor, &Looks::HandedOut(files, hands))
}

fn verify(
    files: &dyn LedgerFiles,
    check: &dyn SignatureCheck,
    pins: &Pins,
    visitor: &mut dyn Visit,
    looks: &Looks<'_>,
) -> Result<Report, Failure> {
    let inventory = Inventory::read(files)?;
    let signed = read(files, checkpoint::FILE, note::MAX_BYTES)?;
    let claimed = claimed(&signed)?;
    let passed = walked(files, &inventory, &claimed, check, pins, visitor, looks);
    let walked = passed.map_err(|failure| scan::blamed(failure, files, &claimed, &signed, check))?;
    let in_checkpoint = |problem| Failure::new(checkpoint::FILE, problem);
    let charter = walked.charter;
    let witnesses = known_witnesses(&charter, pins);
    let checkpoint = VerifiedCheckpoint::open_cosigned(&signed, &charter.keys, &witnesses, check)?;
    let trusted = trusted(&charter, pins).map_err(in_checkpoint)?;
    let mut vouched = match &charter.witnesses {
        Some(own) => Vouched::under(own, &checkpoint, false).map_err(in_checkpoint)?,
        None => Vouched::default(),
    };
    if let Some(policy) = &pins.policy {
        vouched = Vouched::under(policy, &checkpoint, true).map_err(in_checkpoint)?;
    }
    Ok(Report {
        organization: charter.origin.organization,
        keys: charter.keys.clone(),
        trust: if trusted.is_some() { KeyTrust::Pinned } else { KeyTrust::Unpinned },
        first: walked.first,
        last: walked.last,
        files: inventory.files(),
        trusted,
        vouched,
        charter,
        checkpoint,
    })
}

/// The walk through all entries, again with a minimum index if what is missing was pruned.
fn walked(
    files: &dyn LedgerFiles,
    inventory: &Inventory,
    claimed: &Checkpoint,
    check: &dyn SignatureCheck,
    pins: &Pins,
    visitor: &mut dyn Visit,
    looks: &Looks<'_>,
) -> Result<Walked, Failure> {
    let in_checkpoint = |problem| Failure::new(checkpoint::FILE, problem);
    let origin: Origin = claimed.origin.parse().map_err(|_| in_checkpoint(Problem::Checkpoint))?;
    for earlier in pins.checkpoints() {
        if earlier.origin != claimed.origin {
            return Err(in_checkpoint(Problem::NotPinned));
        }
        if earlier.size > claimed.size {
            return Err(in_checkpoint(Problem::Shrunk { size: claimed.size, earlier: earlier.size }));
        }
    }
    records::grow(&pins.recorded, claimed).map_err(in_checkpoint)?;
    inventory.within(claimed.size)?;
    let organization = origin.organization;
    let name = organization.to_string();
    let begin = |minimum, wants| {
        let view = View { inventory, size: claimed.size, organization, name: &name, wants };
        Walk::new(files, view, claimed, Charter::new(origin), pins, minimum)
    };
    let wants = visitor.wants();
    let failure = match begin(0, wants)?.run(looks, check, visitor) {
        Ok(walked) => return Ok(walked),
        Err(failure) => failure,
    };
    let missing = matches!(failure.problem, Problem::Missing | Problem::Unreadable(_));
    let path = failure.file.parse::<TilePath>().ok().filter(|_| missing);
    let minimum = path.and_then(|path| Some((path, scan::minimum(files, inventory, claimed.size)?)));
    let Some((_, minimum)) = minimum.filter(|(path, minimum)| path.is_prunable(*minimum)) else {
        return Err(failure);
    };
    visitor.begin_again();
    let walked = begin(minimum, wants)?.run(looks, check, visitor)?;
    // What the way back from the end found is what the way forward found.
    if walked.charter.minimum != minimum {
        return Err(failure);
    }
    if files.is_listed() {
        leftover::check(files, inventory, claimed.size, minimum)?;
    }
    Ok(walked)
}

/// The pinned key by which the log is known, and how often its keys were replaced since.
fn trusted(charter: &Charter, pins: &Pins) -> Result<Option<(VerifierKey, usize)>, Problem> {
    let origin = charter.origin.to_string();
    let known: Vec<_> = pins.keys_of(&origin).collect();
    if known.is_empty() {
        return if pins.keys.is_empty() { Ok(None) } else { Err(Problem::NotPinned) };
    }
    // For each type of key that is pinned, the pair must have a pinned one: one broken algorithm is not enough.
    let fits = |pair: &[VerifierKey]| {
        [SignatureType::Ed25519, SignatureType::MlDsa44].into_iter().all(|kind| {
            let mut pinned = known.iter().filter(|key| key.kind() == kind).peekable();
            pinned.peek().is_none() || pinned.any(|key| pair.contains(key))
        })
    };
    let pairs: Vec<&[VerifierKey]> =
        charter.replaced.iter().chain([&charter.keys]).map(Vec::as_slice).collect();
    let at = pairs.iter().rposition(|pair| fits(pair)).ok_or(Problem::NotPinned)?;
    let key = pairs.get(at).into_iter().flat_map(|pair| pair.iter()).find(|key| known.contains(key));
    Ok(Some((key.ok_or(Problem::NotPinned)?.clone(), pairs.len() - 1 - at)))
}

/// Whose cosignatures can be checked: the log's own witnesses and those that the caller knows.
fn known_witnesses(charter: &Charter, pins: &Pins) -> Vec<Witness> {
    let mut known: Vec<Witness> = pins.known_witnesses();
    for witness in charter.witnesses.iter().flat_map(|policy| policy.witnesses()) {
        if !known.iter().any(|other| other.key == witness.key) {
            known.push(witness.clone());
        }
    }
    known
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

/// Reads origin, keys, size and root; of the log it verifies the checkpoint's signatures by its own keys only.
///
/// # Errors
/// A [`Failure`] where the checkpoint is missing or wrong, or no entry names keys that signed it.
pub fn show(files: &dyn LedgerFiles, check: &dyn SignatureCheck) -> Result<Shown, Failure> {
    let signed = read(files, checkpoint::FILE, note::MAX_BYTES)?;
    let claimed = claimed(&signed)?;
    let keys = scan::signers(files, &claimed, &signed, check)?;
    Ok(Shown {
        keys: keys.iter().map(ToString::to_string).collect(),
        size: claimed.size,
        root: STANDARD.encode(claimed.root),
        origin: claimed.origin,
    })
}

/// From which entry on a log of this size says that it is kept, read from its last bundles back to the entry that says
/// so; nothing of it is checked. For telling why an entry is not there.
#[must_use]
pub fn kept_from(files: &dyn LedgerFiles, size: u64) -> Option<u64> {
    scan::kept_from(files, size, |_| true)
}

/// What a checkpoint says; nothing of it is checked.
fn claimed(signed: &[u8]) -> Result<Checkpoint, Failure> {
    let wrong = |problem| Failure::new(checkpoint::FILE, problem);
    let note = note::read(signed).map_err(|error| wrong(error.into()))?;
    Checkpoint::read(note.text).ok_or_else(|| wrong(Problem::Checkpoint))
}

fn read(files: &dyn LedgerFiles, path: &str, limit: usize) -> Result<Vec<u8>, Failure> {
    files.read(path, limit).map_err(|error| Failure::new(path, error))
}
