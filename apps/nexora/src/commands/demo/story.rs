//! What the demo tells at its end: an object for programs, a short story for people.

use crate::output::escaped;
use base::{Id, noun};
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// What `demo --json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// How many activities were judged.
    pub(super) activities: u64,
    /// How many identities they showed.
    pub(super) identities: u64,
    /// How many findings came of it.
    pub(super) findings: u64,
    /// Who was cut off.
    pub(super) quarantined: Vec<Cut>,
    /// How many fields of the customers' data were protected.
    pub(super) fields_protected: usize,
    /// The reveal with the identity's credential before the attack.
    pub(super) reveal_before: &'static str,
    /// The same after it.
    pub(super) reveal_after: &'static str,
    /// From the arrival of the activity that tipped it to the first refused reveal; null where nobody was
    /// cut off.
    pub(super) zero_access_ms: Option<f64>,
    /// The proof.
    pub(super) ledger: Proof,
    /// How long it all took.
    pub(super) seconds: f64,
}

/// An identity that was cut off.
#[derive(Debug, Serialize)]
pub(super) struct Cut {
    /// Its id.
    pub(super) id: Id<noun::Identity>,
    /// What the provider calls it: an access key's id, a role's ARN.
    pub(super) name: String,
}

/// The proof.
#[derive(Debug, Serialize)]
pub(super) struct Proof {
    /// Where the ledger's files are.
    pub(super) dir: String,
    /// How many entries were committed.
    pub(super) entries: u64,
    /// How many the verified checkpoint covers.
    pub(super) size: u64,
    /// That every entry, inclusion, consistency and signature was checked.
    pub(super) verified: bool,
}

/// What only the story for people says.
#[derive(Debug)]
pub(super) struct Scene {
    /// The identity that the story follows.
    pub(super) name: String,
    /// What happened to it; nothing in peaceful logs.
    pub(super) attack: Option<Attack>,
    /// The root over all entries.
    pub(super) root: String,
    /// Whether the data directory stays.
    pub(super) kept: bool,
}

/// How the identity of the story was cut off.
#[derive(Debug)]
pub(super) struct Attack {
    /// What tipped it.
    pub(super) finding: String,
    /// The refusal as its holder read it.
    pub(super) refusal: String,
    /// From the arrival of what tipped it to that refusal.
    pub(super) zero_access: Duration,
}

/// The story.
pub(super) fn story(told: &Told, scene: &Scene) -> String {
    let mut out = String::new();
    let name = escaped(&scene.name, false);
    let _ = writeln!(
        out,
        "Judged        {} activities of {} identities; {} findings.",
        told.activities, told.identities, told.findings
    );
    let _ = writeln!(
        out,
        "Protected     {} fields of 200 customers, under keys sealed with X25519 and ML-KEM-768.",
        told.fields_protected
    );
    let _ = writeln!(out, "Before        {name} reveals them: {}.", told.reveal_before);
    if let Some(attack) = &scene.attack {
        let _ = writeln!(out, "The attack    {}.", escaped(&attack.finding, false));
    }
    let cut: Vec<String> = told.quarantined.iter().map(|cut| escaped(&cut.name, false)).collect();
    let cut = if cut.is_empty() { "nobody".to_owned() } else { cut.join(", ") };
    let _ = writeln!(out, "Quarantined   {cut}.");
    let _ = writeln!(out, "After         {name} reveals them: {}.", told.reveal_after);
    if let Some(attack) = &scene.attack {
        let _ = writeln!(out, "              “{}”", escaped(&attack.refusal, false));
        let _ = writeln!(
            out,
            "Zero access   {:.1} ms from the arrival of that activity to the first refused reveal.",
            attack.zero_access.as_secs_f64() * 1_000.0
        );
    }
    let _ = writeln!(
        out,
        "Proof         ledger of {} entries verified: every entry, inclusion, consistency and signature.",
        told.ledger.size
    );
    let _ = writeln!(out, "              root {}", scene.root);
    if scene.kept {
        let _ = writeln!(
            out,
            "              check it yourself: nexora ledger verify {}",
            escaped(&told.ledger.dir, false)
        );
    }
    let _ = write!(out, "\n{:.1} s. Everything above ran through the code that a server runs.", told.seconds);
    out
}
