//! The short story at the end of a demo.

use super::Seen;
use super::play::{FIELDS, Told};
use std::fmt::Write as _;

/// How many identities are named.
const NAMED: usize = 5;

/// What happened, in words.
pub(crate) fn tell(seen: &Seen, told: &Told) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} activities of {} identities were judged: {} findings.",
        seen.activities, seen.identities, seen.findings
    );
    if seen.rejected > 0 {
        let _ = writeln!(out, "{} events were rejected; `nexora events send` says why.", seen.rejected);
    }
    match &told.hero {
        Some(hero) => {
            let _ = writeln!(out, "\n{} held a credential and revealed {} of a dataset.", hero.name, FIELDS.join(" and "));
            let _ = writeln!(out, "Then it did something: {} ({}).", hero.title, hero.finding);
            for reason in hero.reasons.iter().take(3) {
                let _ = writeln!(out, "  {reason}");
            }
            if let Some(after) = seen.zero_access_ms {
                let _ = writeln!(out, "It was quarantined. {after:.1} ms after that activity arrived, its next reveal was refused:");
            }
            if let Some(refusal) = &told.refusal {
                let _ = writeln!(out, "  {refusal}");
            }
        }
        None => {
            let _ = writeln!(out, "\nNothing in these events quarantines an identity by itself.");
        }
    }
    if !seen.quarantined.is_empty() {
        let _ = writeln!(out, "\nQuarantined: {}", seen.quarantined.len());
        for identity in seen.quarantined.iter().take(NAMED) {
            let _ = writeln!(out, "  {}  {}", identity.id, identity.name);
        }
        if seen.quarantined.len() > NAMED {
            let _ = writeln!(out, "  and {} more", seen.quarantined.len() - NAMED);
        }
    }
    let ledger = &seen.ledger;
    let verdict = if ledger.verified { "every entry, hash and signature checks" } else { "IT DOES NOT CHECK" };
    let _ = writeln!(out, "\nProof: {} ledger entries in {}: {verdict}.", ledger.entries, ledger.dir);
    let _ = write!(out, "{:.1} seconds in all.", seen.seconds);
    out
}
