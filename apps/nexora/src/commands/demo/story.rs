//! What the demo tells at its end: an object for programs, a short story for people.

use crate::output::escaped;
use base::{Id, noun};
use serde::Serialize;
use std::fmt::Write as _;

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
    /// From the arrival of the activity that tipped it to the first refused reveal.
    pub(super) zero_access_ms: f64,
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
    /// What tipped it.
    pub(super) finding: String,
    /// The refusal as its holder read it.
    pub(super) refusal: String,
    /// The root over all entries.
    pub(super) root: String,
    /// Whether the data directory stays.
    pub(super) kept: bool,
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
    let _ = writeln!(out, "The attack    {}.", escaped(&scene.finding, false));
    let others = told.quarantined.iter().filter(|cut| cut.name != scene.name);
    let others: Vec<String> = others.map(|cut| escaped(&cut.name, false)).collect();
    let _ = writeln!(
        out,
        "Quarantined   {name}{}",
        if others.is_empty() { String::new() } else { format!(", and {}", others.join(", ")) }
    );
    let _ = writeln!(out, "After         {name} reveals them: {}.", told.reveal_after);
    let _ = writeln!(out, "              “{}”", escaped(&scene.refusal, false));
    let _ = writeln!(
        out,
        "Zero access   {:.1} ms from the arrival of that activity to the first refused reveal.",
        told.zero_access_ms
    );
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
