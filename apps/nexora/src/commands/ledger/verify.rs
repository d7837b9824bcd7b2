//! `ledger verify`: a directory, a URL or a proof file, held against what is known from elsewhere.

use super::deep::{Beside, beside};
use super::signatures;
use super::source::Source;
use super::trust::{Basis, Before, Trust, Verified, fingerprint, not_pinned};
use crate::cli::{Global, Verify};
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use base::{Kind, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use verify::trust::Vouched;
use verify::{Checkpoint, LedgerFiles, Problem, Proof, Report, VerifierKey, checkpoint, note};

/// What was verified.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    /// Always true; what does not verify is an error.
    pub(crate) verified: bool,
    /// What was checked, in words.
    checked: String,
    /// The log's name.
    pub(crate) origin: String,
    /// Whose log.
    pub(crate) organization: String,
    /// Why its keys are believed: begins with `pinned` or `UNPINNED`.
    pub(crate) key: String,
    /// The keys that checked it, as people compare them.
    trusted: Vec<String>,
    /// Who vouches for it besides the log.
    witnesses: Witnesses,
    /// How many entries.
    pub(crate) size: u64,
    /// The root over them, in base64.
    pub(crate) root: String,
    /// When the log signed that.
    signed: Option<Timestamp>,
    /// The largest checkpoint verified before.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Earlier>,
    #[serde(flatten)]
    part: Part,
}

/// What else was seen of it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Part {
    /// A whole log.
    Log {
        /// How many files were checked.
        files: usize,
        /// When the first entry was committed.
        first: Timestamp,
        /// When the last one was.
        last: Timestamp,
        /// The first index whose entry is kept.
        minimum: u64,
        /// The log before this one.
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<Previous>,
        /// What lies beside the log.
        #[serde(skip_serializing_if = "Option::is_none")]
        beside: Option<Beside>,
    },
    /// One entry.
    Entry {
        /// Its position.
        position: u64,
        /// The entry itself.
        entry: Value,
        /// The platform's checkpoint that it passes through.
        #[serde(skip_serializing_if = "Option::is_none")]
        platform: Option<Previous>,
        /// The platform's log that it says it passes through, and of which no key is known: not looked at.
        #[serde(skip_serializing_if = "Option::is_none")]
        unchecked: Option<String>,
    },
}

/// A checkpoint by its figures.
#[derive(Debug, Serialize)]
struct Previous {
    origin: String,
    size: u64,
    root: String,
}

/// The largest checkpoint verified before.
#[derive(Debug, Serialize)]
struct Earlier {
    size: u64,
    verified: Timestamp,
}

/// Who vouches for a checkpoint besides the log.
#[derive(Debug, Serialize)]
struct Witnesses {
    /// How many were asked for.
    asked: usize,
    /// Who cosigned.
    cosigned: Vec<Cosigned>,
    /// Whether the policy that asked for them is the caller's; else it is the log's own.
    yours: bool,
}

/// A witness that cosigned.
#[derive(Debug, Serialize)]
struct Cosigned {
    name: String,
    time: Timestamp,
}

impl Witnesses {
    fn of(vouched: &Vouched) -> Self {
        let cosigned = vouched.by.iter().map(|by| Cosigned { name: by.witness.clone(), time: by.time });
        Self { asked: vouched.witnesses, cosigned: cosigned.collect(), yours: vouched.pinned }
    }

    fn told(&self) -> String {
        if self.cosigned.is_empty() {
            return "0: this excludes outsiders only, not the operator of the log".to_owned();
        }
        let by: Vec<_> = self.cosigned.iter().map(|by| format!("{} at {}", by.name, by.time)).collect();
        let (count, asked, by) = (self.cosigned.len(), self.asked, by.join(", "));
        if self.yours {
            format!("{count} of {asked}: {by}; the quorum of your policy is met")
        } else {
            format!(
                "{count} of {asked}: {by}; the log itself names them, so this does not exclude its operator: give \
                 --policy with witnesses that you know"
            )
        }
    }
}

impl Show for Told {
    fn table(&self) -> String {
        let before = self.before.as_ref().map(|before| match self.size.checked_sub(before.size) {
            Some(0) => format!("the same {} entries, verified {}", before.size, before.verified),
            Some(more) if matches!(self.part, Part::Log { .. }) => {
                format!("{} entries verified {}: grown by {more}, none of them changed", before.size, before.verified)
            }
            Some(_) => format!(
                "{} entries verified {}: this checkpoint is newer and not compared with them before the log is \
                 verified (nexora ledger verify, or nexora ledger consistency)",
                before.size, before.verified
            ),
            None => format!("{} entries verified {}: this checkpoint is older", before.size, before.verified),
        });
        let mut lines = vec![
            ("verified", Some(self.checked.clone())),
            ("origin", Some(self.origin.clone())),
            ("key", Some(self.key.clone())),
        ];
        lines.extend(self.trusted.iter().map(|key| ("trusted", Some(key.clone()))));
        lines.extend([
            ("witnesses", Some(self.witnesses.told())),
            ("size", Some(self.size.to_string())),
            ("root", Some(self.root.clone())),
            ("signed", self.signed.map(|at| at.to_string())),
            ("before", before),
        ]);
        match &self.part {
            Part::Log { files, first, last, minimum, previous, beside } => {
                let absent = (*minimum > 0)
                    .then(|| format!("entries 0 to {}: the log says that it dropped them", minimum - 1));
                let previous = previous.as_ref().map(|previous| {
                    format!(
                        "{} with {} entries, as far as it was known when this log began",
                        previous.origin, previous.size
                    )
                });
                let details = beside.as_ref().and_then(Beside::details);
                let details = details
                    .unwrap_or_else(|| "not looked at: an entry commits to them by hash only".to_owned());
                lines.extend([
                    ("files", Some(files.to_string())),
                    ("from", Some(first.to_string())),
                    ("to", Some(last.to_string())),
                    ("absent", absent),
                    ("follows", previous),
                    ("details", Some(details)),
                    ("vouched for", beside.as_ref().and_then(Beside::files)),
                ]);
            }
            Part::Entry { position, entry, platform, unchecked } => {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                let both = |a: &str, b: &str, of: &str| {
                    let of = entry.get(of)?;
                    Some(format!(
                        "{} {}",
                        of.get(a)?.as_str()?,
                        of.get(b).and_then(Value::as_str).unwrap_or_default()
                    ))
                };
                let platform = platform.as_ref().map(|over| {
                    format!(
                        "recorded in the platform's log {} under {} entries; whether it records one history of this log \
                         shows in that log alone: verify it as well",
                        over.origin, over.size
                    )
                });
                let unchecked = unchecked.as_ref().map(|over| {
                    format!("not looked at: no key of {over} is known; with one, its witnesses would count")
                });
                lines.extend([
                    ("platform", platform.or(unchecked)),
                    ("entry", Some(position.to_string())),
                    ("kind", text(&entry["kind"])),
                    ("outcome", text(&entry["outcome"])),
                    ("time", text(&entry["time"])),
                    ("actor", both("type", "id", "actor")),
                    ("object", both("type", "id", "object")),
                    ("reason", text(&entry["reason"])),
                    ("request", text(&entry["request"])),
                ]);
            }
        }
        facts(lines)
    }
}

/// The directories to look into, if any are asked for, and the data directory.
type Deep<'d> = (Option<&'d [PathBuf]>, Option<&'d Path>);

/// Runs it. The check itself stands on a thread that may block.
pub(super) fn run(
    global: &Global,
    surroundings: &Surroundings,
    output: Output,
    command: &Verify,
) -> Result<(), Failure> {
    let source = Source::open(&command.what, global, surroundings)?;
    let trust = Trust::read(&command.trusted, surroundings)?;
    let deep = (command.deep.as_deref(), global.data.as_deref());
    let told = match &source {
        Source::File(path, bytes) => entry(path, bytes, &trust)?,
        Source::Directory(..) | Source::Served(_) => log(&source, &trust, deep)?,
    };
    if told.key.starts_with("UNPINNED") {
        output.say(&format!("key: {}", told.key));
    }
    output.show(&told)
}

/// What a log claims to be.
fn claimed(files: &dyn LedgerFiles) -> Result<Checkpoint, verify::Failure> {
    let wrong = |problem: Problem| verify::Failure::new(checkpoint::FILE, problem);
    let signed = files.read(checkpoint::FILE, note::MAX_BYTES).map_err(|error| wrong(error.into()))?;
    let text = note::read(&signed).map_err(|error| wrong(error.into()))?.text;
    Checkpoint::read(text).ok_or_else(|| wrong(Problem::Checkpoint))
}

/// Verifies a whole log and remembers it.
fn log(source: &Source, trust: &Trust, deep: Deep<'_>) -> Result<Told, Failure> {
    let (place, files) = (source.place(), source.log()?);
    let claimed =
        verify::settled(source.pause(), || claimed(files)).map_err(|failure| source.told(failure))?;
    let Before { pins, basis, known } = trust.of(&claimed.origin, None, place.as_deref())?;
    let report = source.verify(&pins)?;
    // What was looked up is of the log that was verified.
    if report.checkpoint.checkpoint().origin != claimed.origin {
        return Err(Failure::new(Kind::CheckFailed, "another log was put in its place meanwhile"));
    }
    let head = report.checkpoint.checkpoint();
    let ever: Vec<VerifierKey> = report.charter.all_keys().cloned().collect();
    if let Some(known) = known.as_ref().filter(|known| !known.keys.iter().any(|key| ever.contains(key))) {
        return Err(not_pinned(known));
    }
    if let Some(stranger) = trust.keys_of(&head.origin).find(|key| !ever.contains(key)) {
        let what =
            format!("no key of {} is the one given with --key: {}", head.origin, fingerprint(stranger));
        return Err(Failure::new(Kind::CheckFailed, what));
    }
    trust.follows(&report)?;
    if let (Source::Directory(_, path), Some(book)) = (source, trust.book()) {
        book.stands_outside(path)?;
    }
    let beside = beside(source, &pins, &report, deep)?;
    let verified = Verified {
        note: report.checkpoint.note(),
        keys: &report.keys,
        ever: &ever,
        why: basis.why(),
        place: place.as_deref(),
        whole: true,
    };
    let remembered = trust.remember(&verified)?;
    let before = known.and_then(|known| known.head);
    let of = |earlier: &Checkpoint| Previous {
        origin: earlier.origin.clone(),
        size: earlier.size,
        root: STANDARD.encode(earlier.root),
    };
    Ok(Told {
        verified: true,
        checked: "every entry, inclusion, consistency and signature".to_owned(),
        organization: report.organization.to_string(),
        key: with_rotations(&basis, remembered, &report),
        trusted: report.keys.iter().map(fingerprint).collect(),
        witnesses: Witnesses::of(&report.vouched),
        signed: report.checkpoint.time(),
        before: before.map(|head| Earlier { size: head.checkpoint.size, verified: head.verified }),
        part: Part::Log {
            files: report.files,
            first: report.first,
            last: report.last,
            minimum: report.charter.minimum,
            previous: report.charter.previous.as_ref().map(of),
            beside,
        },
        size: head.size,
        root: STANDARD.encode(head.root),
        origin: head.origin.clone(),
    })
}

/// Why the keys are believed, and by way of how many others.
fn with_rotations(basis: &Basis, remembered: bool, report: &Report) -> String {
    let told = basis.told(remembered);
    match report.trusted.as_ref().map_or(0, |(_, rotations)| *rotations) {
        0 => told,
        times => format!("{told}; replaced {times} times since, each time signed by the keys before"),
    }
}

/// Those of the keys whose signatures stand under a checkpoint that was verified with them.
fn signers<'k>(signed: &[u8], keys: &'k [VerifierKey]) -> impl Iterator<Item = &'k VerifierKey> {
    let lines =
        note::read(signed).map(|note| note.signatures.iter().map(|line| line.key_id).collect::<Vec<_>>());
    let lines = lines.unwrap_or_default();
    keys.iter().filter(move |key| lines.contains(&key.key_id()))
}

/// Verifies the proof of one entry.
fn entry(path: &Path, bytes: &[u8], trust: &Trust) -> Result<Told, Failure> {
    let wrong = |what: String| Failure::new(Kind::CheckFailed, format!("{}: {what}", path.display()));
    let mut proof = Proof::read(bytes).map_err(|error| wrong(error.to_string()))?;
    let head = |note: &[u8]| super::book::read_checkpoint(note);
    let own = head(&proof.checkpoint).ok_or_else(|| wrong("its checkpoint does not read".to_owned()))?;
    let above = proof.platform.as_ref().and_then(|above| head(&above.checkpoint));
    let above = above.map(|above| above.origin);
    let Before { pins, basis, known } = trust.of(&own.origin, above.as_deref(), None)?;
    if pins.keys_of(&own.origin).next().is_none() {
        return Err(wrong(format!(
            "key: UNPINNED: a proof brings no key that it could be trusted by, and none of {} is known here: give --key \
             or --policy, or verify the log itself first",
            own.origin
        )));
    }
    let keys_of = |origin: &str| pins.keys_of(origin).cloned().collect::<Vec<VerifierKey>>();
    // Who knows the log and not the platform's takes the log's word. A quorum that is asked for still has to be met.
    let unchecked = above.as_deref().filter(|above| keys_of(above).is_empty()).map(str::to_owned);
    if unchecked.is_some() {
        proof.platform = None;
    }
    let proven = proof.verify(&pins, &signatures()).map_err(|failure| wrong(failure.to_string()))?;
    let keys = keys_of(&own.origin);
    let seen = |checkpoint: &verify::VerifiedCheckpoint, keys: &[VerifierKey], why| {
        let note = checkpoint.note();
        trust.remember(&Verified { note, keys, ever: keys, why, place: None, whole: false })
    };
    let remembered = seen(&proven.checkpoint, &keys, basis.why())?;
    if let Some(over) = &proven.platform {
        let origin = &over.checkpoint().origin;
        seen(over, &keys_of(origin), trust.why_of(origin)?)?;
    }
    let before = known.and_then(|known| known.head);
    let over = proven.platform.as_ref().map(|over| over.checkpoint());
    let head = proven.checkpoint.checkpoint();
    Ok(Told {
        verified: true,
        checked: format!("entry {}: its form, its place, its inclusion and the signatures", proof.index),
        organization: proven.entry.organization.to_string(),
        key: basis.told(remembered),
        trusted: signers(&proof.checkpoint, &keys).map(fingerprint).collect(),
        witnesses: Witnesses::of(&proven.vouched),
        signed: proven.checkpoint.time(),
        before: before.map(|head| Earlier { size: head.checkpoint.size, verified: head.verified }),
        part: Part::Entry {
            position: proven.entry.position,
            entry: Value::Object(proven.entry.fields.clone()),
            platform: over.map(|over| Previous {
                origin: over.origin.clone(),
                size: over.size,
                root: STANDARD.encode(over.root),
            }),
            unchecked,
        },
        size: head.size,
        root: STANDARD.encode(head.root),
        origin: head.origin.clone(),
    })
}
