//! `ledger consistency`: whether one checkpoint of a log continues another.
//!
//! Two checkpoints that the log has signed and that no one log can have are the proof of a split view: whoever has
//! both needs nobody's word.

use super::book::read_checkpoint;
use super::signatures;
use super::source::{Source, small_file};
use super::trust::{Before, Trust, fingerprint};
use crate::cli::{Consistency, Global};
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use base::{Kind, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::Published;
use serde::Serialize;
use std::path::Path;
use verify::merkle::consistent;
use verify::{Checkpoint, Pins, Problem, Proof, VerifiedCheckpoint, VerifierKey, checkpoint, note};

/// What was compared.
#[derive(Debug, Serialize)]
struct Told {
    /// Always true; what is not consistent is an error.
    consistent: bool,
    origin: String,
    key: String,
    trusted: Vec<String>,
    old: Compared,
    new: Compared,
}

/// One of the two.
#[derive(Debug, Serialize)]
struct Compared {
    size: u64,
    root: String,
    signed: Option<Timestamp>,
}

impl Compared {
    fn of(verified: &VerifiedCheckpoint) -> Self {
        let Checkpoint { size, root, .. } = verified.checkpoint();
        Self { size: *size, root: STANDARD.encode(root), signed: verified.time() }
    }

    fn told(&self) -> String {
        let signed = self.signed.map(|at| format!(", signed {at}")).unwrap_or_default();
        format!("{} entries, root {}{signed}", self.size, self.root)
    }
}

impl Show for Told {
    fn table(&self) -> String {
        let mut lines = vec![
            ("consistent", Some("the entries of the older one are the first of the newer one".to_owned())),
            ("origin", Some(self.origin.clone())),
            ("key", Some(self.key.clone())),
        ];
        lines.extend(self.trusted.iter().map(|key| ("trusted", Some(key.clone()))));
        lines.extend([("old", Some(self.old.told())), ("new", Some(self.new.told()))]);
        facts(lines)
    }
}

/// Runs it.
pub(super) fn run(
    global: &Global,
    surroundings: &Surroundings,
    output: Output,
    command: &Consistency,
) -> Result<(), Failure> {
    let source = Source::open(&command.log, global, surroundings)?;
    let trust = Trust::read(&command.trusted, surroundings)?;
    let files = source.log()?;
    let told = |error: ledger::Unproven| source.told(error);
    let published = Published::open(files).map_err(told)?;
    let head = published.checkpoint();
    trust.is_about(&head.origin, None)?;
    let Before { pins, basis, .. } = trust.of(&head.origin, None, source.place().as_deref())?;
    let mut keys: Vec<VerifierKey> = pins.keys_of(&head.origin).cloned().collect();
    if keys.is_empty() {
        let shown = verify::settled(source.pause(), || verify::show(files, &signatures()));
        let shown = shown.map_err(|failure| source.told(failure))?;
        keys = shown.keys.iter().filter_map(|key| key.parse().ok()).collect();
        output.say(&format!("key: {}", basis.told(false)));
    }
    let open = |bytes: &[u8], name: &str| {
        let failed =
            |error: verify::Failure| Failure::new(Kind::CheckFailed, format!("{name}: {}", error.problem));
        signed(bytes, &head.origin, &keys, &pins).map_err(failed)
    };
    let file = |path: &Path| {
        let bytes = small_file(path)?;
        // A proof has a checkpoint too.
        let note = Proof::read(&bytes).map_or(bytes, |proof| proof.checkpoint);
        open(&note, &path.display().to_string())
    };
    let own = open(published.signed(), "the log's checkpoint")?;
    let old = file(&command.old)?;
    let new = command.new.as_deref().map_or_else(|| Ok(own.clone()), file)?;
    let (from, to) = (old.checkpoint(), new.checkpoint());
    if from.size > to.size {
        let what = format!(
            "{} has {} entries and is compared with one of {}: change places",
            command.old.display(),
            from.size,
            to.size
        );
        return Err(Failure::new(Kind::BadInput, what));
    }
    if to.size > head.size {
        let what = format!(
            "the log has {} entries, and has signed a checkpoint of {}: it was cut or restored, or is behind where it is \
             read",
            head.size, to.size
        );
        return Err(Failure::new(Kind::CheckFailed, what));
    }
    // Each is held against the log as it is now, and so is all that is pinned; then they agree with each other, too.
    let earlier = pins.checkpoint.iter().chain(&pins.earlier).filter(|earlier| earlier.origin == head.origin);
    for one in [from, to].into_iter().chain(earlier) {
        if one.size > head.size || !published.continues(one).map_err(told)? {
            return Err(split(one, &published));
        }
    }
    let proof = published.consistency(from.size, to.size).map_err(told)?;
    if !consistent(from.size, &from.root, to.size, &to.root, &proof) {
        return Err(split(from, &published));
    }
    output.show(&Told {
        consistent: true,
        origin: head.origin.clone(),
        key: basis.told(false),
        trusted: keys.iter().map(fingerprint).collect(),
        old: Compared::of(&old),
        new: Compared::of(&new),
    })
}

/// A checkpoint that the log has signed and does not continue.
fn split(one: &Checkpoint, published: &Published<'_>) -> Failure {
    let head = published.checkpoint();
    let what = format!(
        "not consistent: the checkpoint of {} entries with root {} is no beginning of the log of {} entries with root {}: \
         history was rewritten, or different histories are shown to different readers; keep both checkpoints, for \
         the log's signatures on them prove it",
        one.size,
        STANDARD.encode(one.root),
        head.size,
        STANDARD.encode(head.root)
    );
    Failure::new(Kind::CheckFailed, what)
}

/// A checkpoint of this log, if the keys that are known and that its lines claim have signed it.
fn signed(
    bytes: &[u8],
    origin: &str,
    known: &[VerifierKey],
    pins: &Pins,
) -> Result<VerifiedCheckpoint, verify::Failure> {
    let wrong = |problem: Problem| verify::Failure::new(checkpoint::FILE, problem);
    let head = read_checkpoint(bytes).ok_or_else(|| wrong(Problem::Checkpoint))?;
    if head.origin != origin {
        return Err(wrong(Problem::Origin { found: head.origin, started: origin.to_owned() }));
    }
    let note = note::read(bytes).map_err(|error| wrong(error.into()))?;
    let claimed = |key: &&VerifierKey| note.signatures.iter().any(|line| line.is_by(key));
    let mut keys: Vec<VerifierKey> = known.iter().filter(claimed).cloned().collect();
    if keys.is_empty() {
        keys.extend(known.first().cloned());
    }
    let witnesses = pins.policy.as_ref().map_or(&[][..], |policy| policy.witnesses());
    VerifiedCheckpoint::open_known(bytes, &keys, witnesses, &signatures())
}
