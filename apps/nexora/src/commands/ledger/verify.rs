//! `ledger verify`: a directory, a URL or a proof file, held against what is known from elsewhere.

use super::deep::{Beside, beside};
use super::platform::{Above, Held, Said};
use super::quorum::{self, Over};
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
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use verify::proof::Proven;
use verify::trust::Vouched;
use verify::{Checkpoint, Pins, Problem, Proof, Report, VerifierKey, note};

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
        /// The platform's log that it was held against.
        #[serde(flatten)]
        held: Held,
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
        /// The log that the proof is out of and what the platform's log records of it, where both were looked at.
        #[serde(skip_serializing_if = "Option::is_none")]
        whole: Option<Box<Told>>,
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
pub(super) struct Witnesses {
    /// How many were asked for.
    asked: usize,
    /// Who cosigned.
    cosigned: Vec<Cosigned>,
    /// Whether the policy that asked for them is the caller's; else it is the log's own.
    yours: bool,
    /// The platform's log whose checkpoint they cosigned, where the log is witnessed through that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Over>,
}

/// A witness that cosigned.
#[derive(Debug, Serialize)]
struct Cosigned {
    name: String,
    time: Timestamp,
}

impl Witnesses {
    /// Of a checkpoint.
    pub(super) fn of(vouched: &Vouched) -> Self {
        // One that cosigned with two keys is one witness, under its first name in the policy.
        let mut keys = HashSet::new();
        let once = vouched.by.iter().filter(|by| keys.insert(by.key.name()));
        let cosigned = once.map(|by| Cosigned { name: by.witness.clone(), time: by.time });
        Self { asked: vouched.witnesses, cosigned: cosigned.collect(), yours: vouched.pinned, platform: None }
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        if self.cosigned.is_empty() {
            return "0: this excludes outsiders only, not the operator of the log".to_owned();
        }
        let by: Vec<_> = self.cosigned.iter().map(|by| format!("{} at {}", by.name, by.time)).collect();
        let (count, asked, by) = (self.cosigned.len(), self.asked, by.join(", "));
        if let Some(over) = &self.platform {
            format!(
                "{count} of {asked}: {by}; the quorum of your policy is met by the platform's log, up to {} entries",
                over.covers
            )
        } else if self.yours {
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
            Part::Log { files, first, last, minimum, previous, beside, held } => {
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
                lines.extend(held.lines());
            }
            Part::Entry { position, entry, platform, unchecked, whole } => {
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
                    let all = if whole.is_some() {
                        "it is out of the one history that is recorded there"
                    } else {
                        "whether that records one history of this log is not looked at: give --platform, and --log"
                    };
                    format!("recorded in the platform's log {} under {} entries; {all}", over.origin, over.size)
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
                if let Some(Part::Log { held, .. }) = whole.as_ref().map(|whole| &whole.part) {
                    let (size, lines_of) = (whole.as_ref().map_or(0, |whole| whole.size), held.lines());
                    lines
                        .push(("log", Some(format!("of {size} entries, verified; it continues this proof"))));
                    lines.extend(lines_of.into_iter().map(|(name, line)| match name {
                        "platform" => ("records", line),
                        name => (name, line),
                    }));
                }
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
    let trust = Trust::read(&command.trusted, surroundings)?.forgetting_platform(command.forget_platform);
    let deep = (command.deep.as_deref(), global.data.as_deref());
    let above = |source: &Source| Above::open(command.platform.as_deref(), source, global, surroundings);
    let told = match &source {
        Source::File(path, bytes) => {
            let out_of =
                command.log.as_ref().map(|log| Source::open(log, global, surroundings)).transpose()?;
            let above = above(out_of.as_ref().unwrap_or(&source))?;
            entry(path, bytes, &trust, &above, out_of.as_ref())?
        }
        Source::Directory(..) | Source::Served(_) if command.log.is_some() => {
            let what = "--log goes with a proof: it names the log that the proof is out of";
            return Err(Failure::new(Kind::BadInput, what));
        }
        Source::Directory(..) | Source::Served(_) => {
            let origin = source.claimed()?.origin;
            // First what is recorded, then the log, which goes on growing meanwhile.
            let said = above(&source)?.read(&trust, &origin, None)?;
            trust.is_about(&origin, said.origin())?;
            log(&source, &trust, deep, &origin, said, None)?
        }
    };
    for key in told.keys().filter(|key| key.starts_with("UNPINNED")) {
        output.say(&format!("key: {key}"));
    }
    output.show(&told)
}

impl Told {
    /// Why the keys of each log that was looked at are believed.
    fn keys(&self) -> impl Iterator<Item = &str> {
        let whole = match &self.part {
            Part::Log { .. } => self,
            Part::Entry { whole, .. } => whole.as_deref().unwrap_or(self),
        };
        let platform = match &whole.part {
            Part::Log { held, .. } => held.against.as_ref().map(|over| over.key.as_str()),
            Part::Entry { .. } => None,
        };
        std::iter::once(self.key.as_str()).chain(platform)
    }
}

/// A log that passed against what was known of it.
pub(super) struct Passed {
    /// Every key that ever signed it.
    pub(super) ever: Vec<VerifierKey>,
}

/// Holds a log that verified against what is known of it besides: the same log, its keys, and what it follows.
pub(super) fn passed(
    source: &Source,
    trust: &Trust,
    Before { known, .. }: &Before,
    report: &Report,
    claimed: &str,
) -> Result<Passed, Failure> {
    let head = report.checkpoint.checkpoint();
    // What was looked up is of the log that was verified.
    if head.origin != claimed {
        return Err(Failure::new(Kind::CheckFailed, "another log was put in its place meanwhile"));
    }
    let ever: Vec<VerifierKey> = report.charter.all_keys().cloned().collect();
    if let Some(known) = known.as_ref().filter(|known| !known.keys.iter().any(|key| ever.contains(key))) {
        return Err(not_pinned(known));
    }
    if let Some(stranger) = trust.keys_of(&head.origin).find(|key| !ever.contains(key)) {
        let what =
            format!("no key of {} is the one given with --key: {}", head.origin, fingerprint(stranger));
        return Err(Failure::new(Kind::CheckFailed, what));
    }
    trust.follows(report)?;
    if let (Source::Directory(_, path), Some(book)) = (source, trust.book()) {
        book.stands_outside(path)?;
    }
    Ok(Passed { ever })
}

/// Remembers a log that passed; whether there is a place for that.
pub(super) fn remember(
    source: &Source,
    trust: &Trust,
    before: &Before,
    report: &Report,
    ever: &[VerifierKey],
    platform: Option<&str>,
) -> Result<bool, Failure> {
    let place = source.place();
    trust.remember(&Verified {
        note: report.checkpoint.note(),
        keys: &report.keys,
        ever,
        why: before.basis.why(),
        place: place.as_deref(),
        whole: true,
        platform,
    })
}

/// Verifies the whole log of this name and remembers it. `said`: what the platform's log records of it; `proven`: the
/// checkpoint of a proof. It has to continue both.
fn log(
    source: &Source,
    trust: &Trust,
    deep: Deep<'_>,
    origin: &str,
    said: Said,
    proven: Option<&Checkpoint>,
) -> Result<Told, Failure> {
    let place = source.place();
    let mut before = trust.of(origin, None, place.as_deref())?;
    before.pins.earlier.extend(proven.cloned());
    let policy = quorum::apart(&mut before.pins, Some(origin));
    let held_before = before.known.as_ref().and_then(|known| known.platform.as_deref());
    let held_before = held_before.filter(|_| !trust.forgets_platform());
    let mut said = said.after(held_before, matches!(source, Source::Served(_)))?;
    before.pins.recorded = said.take_recorded();
    let report = source.verify(&before.pins)?;
    let Passed { ever } = passed(source, trust, &before, &report, origin)?;
    let witnesses = quorum::met(policy.as_ref(), &report, &said)?;
    let recorded = std::mem::take(&mut before.pins.recorded);
    let beside = beside(source, (trust, &before.pins), &report, deep)?;
    let remembered = remember(source, trust, &before, &report, &ever, said.origin())?;
    let head = report.checkpoint.checkpoint();
    let of = |earlier: &Checkpoint| Previous {
        origin: earlier.origin.clone(),
        size: earlier.size,
        root: STANDARD.encode(earlier.root),
    };
    Ok(Told {
        verified: true,
        checked: "every entry, inclusion, consistency and signature".to_owned(),
        organization: report.organization.to_string(),
        key: with_rotations(&before.basis, remembered, &report),
        trusted: report.keys.iter().map(fingerprint).collect(),
        witnesses,
        signed: report.checkpoint.time(),
        before: before
            .known
            .and_then(|known| known.head)
            .map(|head| Earlier { size: head.checkpoint.size, verified: head.verified }),
        part: Part::Log {
            files: report.files,
            first: report.first,
            last: report.last,
            minimum: report.charter.minimum,
            previous: report.charter.previous.as_ref().map(of),
            beside,
            held: said.held(&recorded, report.charter.minimum),
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

/// Verifies a proof by itself. Where no checkpoint in it meets the quorum, that of the platform's log does that is held
/// against its log afterwards, and records that as far as the proof reaches.
fn proven(
    proof: &Proof,
    pins: &Pins,
    said: &Said,
    entries: u64,
) -> Result<(Proven, Option<Witnesses>), verify::Failure> {
    let failure = match proof.verify(pins, &signatures()) {
        Ok(proven) => return Ok((proven, None)),
        Err(failure) => failure,
    };
    let mut alone = pins.clone();
    let policy =
        quorum::apart(&mut alone, None).filter(|_| matches!(failure.problem, Problem::Quorum { .. }));
    let witnesses = policy.and_then(|policy| quorum::above(&policy, said, entries)).ok_or(failure)?;
    Ok((proof.verify(&alone, &signatures())?, Some(witnesses)))
}

/// Verifies the proof of one entry: by itself; where a platform's log is named, against all that it records of the log; and
/// against the log that it is out of.
fn entry(
    path: &Path,
    bytes: &[u8],
    trust: &Trust,
    above: &Above,
    out_of: Option<&Source>,
) -> Result<Told, Failure> {
    let wrong = |what: String| Failure::new(Kind::CheckFailed, format!("{}: {what}", path.display()));
    let mut proof = Proof::read(bytes).map_err(|error| wrong(error.to_string()))?;
    let head = |note: &[u8]| super::book::read_checkpoint(note);
    let own = head(&proof.checkpoint).ok_or_else(|| wrong("its checkpoint does not read".to_owned()))?;
    let over = proof.platform.as_ref().and_then(|over| head(&over.checkpoint));
    let claimed = out_of.map(Source::claimed).transpose()?.map(|claimed| claimed.origin);
    if let Some(other) = claimed.filter(|claimed| *claimed != own.origin) {
        return Err(wrong(format!("it is out of {}, and the log given is {other}", own.origin)));
    }
    let said = above.read(trust, &own.origin, over.as_ref())?;
    let over = over.map(|over| over.origin);
    trust.is_about(&own.origin, over.as_deref().or(said.origin()))?;
    let Before { pins, basis, known } = trust.of(&own.origin, over.as_deref(), None)?;
    if pins.keys_of(&own.origin).next().is_none() {
        return Err(wrong(format!(
            "key: UNPINNED: a proof brings no key that it could be trusted by, and none of {} is known here: give --key \
             or --policy, or verify the log itself first",
            own.origin
        )));
    }
    let keys_of = |origin: &str| pins.keys_of(origin).cloned().collect::<Vec<VerifierKey>>();
    // Who knows the log and not the platform's takes the log's word. A quorum that is asked for still has to be met.
    let unchecked = over.as_deref().filter(|over| keys_of(over).is_empty()).map(str::to_owned);
    let unnamed = over.as_deref().zip(pins.policy.as_ref()).filter(|(over, policy)| !policy.speaks_of(over));
    if unchecked.is_some() {
        proof.platform = None;
    }
    let (proven, above) = proven(&proof, &pins, &said, own.size).map_err(|failure| {
        let more = match &unchecked {
            Some(over) if matches!(failure.problem, Problem::Quorum { .. }) => format!(
                ". The proof passes through {over}, whose witnesses would count, and no key of that is known: bring one \
                 with --key, in a `log` line of the policy, or with nexora ledger pins add"
            ),
            None if matches!(failure.problem, Problem::Quorum { .. }) && unnamed.is_some() => format!(
                ". The proof passes through {}, of which the policy has no `log` line",
                over.as_deref().unwrap_or_default()
            ),
            None if matches!(failure.problem, Problem::Quorum { .. }) && proof.platform.is_none() => {
                ". If the witnesses cosign the platform's log, name where that is with --platform, and the proof's own \
                 log with --log"
                    .to_owned()
            }
            _ => String::new(),
        };
        wrong(format!("{failure}{more}"))
    })?;
    let whole = match out_of {
        Some(source) => Some(log(source, trust, (None, None), &own.origin, said, Some(&own))?),
        None => said.alone(&own).map(|()| None)?,
    };
    let keys = keys_of(&own.origin);
    let seen = |checkpoint: &verify::VerifiedCheckpoint, keys: &[VerifierKey], why| {
        let note = checkpoint.note();
        trust.remember(&Verified { note, keys, ever: keys, why, place: None, whole: false, platform: None })
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
        witnesses: above.unwrap_or_else(|| Witnesses::of(&proven.vouched)),
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
            whole: whole.map(Box::new),
        },
        size: head.size,
        root: STANDARD.encode(head.root),
        origin: head.origin.clone(),
    })
}
