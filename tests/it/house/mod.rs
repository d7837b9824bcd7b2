//! The house test: what `ARCHITECTURE.md` states, held against the tree. Each test bears the name that
//! stands beside its invariant there.

mod ci;
mod dependencies;
mod documents;
mod doors;
mod errors;
mod imports;
mod layout;
mod packages;
mod sources;
mod table;

/// Fails with every violation in the list, and what to do about them.
#[track_caller]
fn none(violations: Vec<String>, advice: &str) {
    assert!(violations.is_empty(), "{advice}:\n  {}", violations.join("\n  "));
}
