//! The entries in which a log speaks of itself, and those that speak of what lies beside it. What they say,
//! [`verify::charter`] and [`verify::deep`] follow; `docs/formats/ledger-entry.md` has their facts.

use crate::{Entry, Kind, Object, Signer, Unsigned};
use base::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use verify::charter::rotation_statement;
use verify::{Charter, Checkpoint, Origin, VerifierKey};

/// Entry 0 of an organization's first log: its name, and the keys that check its checkpoints, Ed25519 first.
pub fn started(origin: Origin, keys: &[VerifierKey; 2]) -> Entry {
    Entry::done(Kind::LedgerStarted, origin.organization)
        .fact("origin", origin.to_string())
        .fact("keys", texts(keys))
}

/// What an older log of the organization leaves unpublished when a new one begins: how many entries, and their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpublished {
    /// How many.
    pub count: usize,
    /// Over their leaf hashes: `docs/formats/batch-hash.md`.
    pub hash: [u8; 32],
}

/// Entry 0 of a later log: besides, the last known checkpoint of the one before, and what of it is in no log.
pub fn started_after(
    origin: Origin,
    keys: &[VerifierKey; 2],
    previous: &Checkpoint,
    unpublished: Unpublished,
) -> Entry {
    started(origin, keys).fact("previous", named(previous)).batch(unpublished.count, unpublished.hash)
}

/// New keys for the log, which both the old and the new ones sign. From the checkpoint that covers this entry on, the
/// new keys sign alone. No key is used twice.
///
/// # Errors
/// [`Unsigned`] from the first key that does not answer.
pub fn keys_rotated(
    origin: Origin,
    old: &[&dyn Signer; 2],
    new: &[&dyn Signer; 2],
) -> Result<Entry, Unsigned> {
    let keys = |signers: &[&dyn Signer; 2]| signers.map(|signer| signer.verifier_key().clone());
    let (replaced, fresh) = (keys(old), keys(new));
    let statement = rotation_statement(&origin, &replaced, &fresh);
    let mut signatures = Vec::new();
    for signer in old.iter().chain(new) {
        signatures.push(STANDARD.encode(signer.sign(&statement)?));
    }
    Ok(Entry::done(Kind::LedgerKeysRotated, origin.organization)
        .fact("keys", texts(&fresh))
        .fact("replaced", texts(&replaced))
        .fact("signatures", signatures))
}

/// Who cosigns the log from the checkpoint on that covers this entry: a C2SP tlog-policy. Whoever may read the log reads
/// it, so it has no comments and no URLs.
pub fn witnesses_set(origin: Origin, policy: &str) -> Entry {
    Entry::done(Kind::LedgerWitnessesSet, origin.organization).fact("policy", policy)
}

/// Entries below `minimum`, a multiple of 256, are no longer kept. `charter` is what the log says of itself so far; what
/// is still true of it is said again, for the entries that said it may go.
pub fn pruned(charter: &Charter, minimum: u64) -> Entry {
    let entry = Entry::done(Kind::LedgerPruned, charter.origin.organization)
        .fact("keys", texts(&charter.keys))
        .fact("minimum", minimum)
        .fact("origin", charter.origin.to_string());
    match &charter.policy {
        Some(policy) => entry.fact("policy", policy),
        None => entry,
    }
}

/// The details of the entries at these positions, with their salts, are erased.
pub fn details_erased(object: impl Into<Object>, positions: &[RangeInclusive<u64>]) -> Entry {
    let positions: Vec<Value> = positions
        .iter()
        .map(|range| match (range.start(), range.end()) {
            (one, same) if one == same => json!(one),
            (first, last) => json!([first, last]),
        })
        .collect();
    Entry::done(Kind::DetailsErased, object).fact("positions", positions)
}

/// In the platform's log: checkpoints of organizations' logs as they were seen, sorted by origin.
pub fn checkpoints_recorded(platform: impl Into<Object>, checkpoints: &[Checkpoint]) -> Entry {
    let mut sorted: Vec<_> = checkpoints.iter().collect();
    sorted.sort_by(|a, b| a.origin.cmp(&b.origin));
    let named: Vec<_> = sorted.into_iter().map(named).collect();
    Entry::done(Kind::CheckpointsRecorded, platform).fact("checkpoints", named)
}

/// A file that an entry vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHash {
    /// What kind of object: a code, such as `output`.
    pub kind: &'static str,
    /// Its opaque id. A later entry that names the same kind and id replaces it.
    pub id: String,
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

impl Entry {
    /// Vouches for files: `verify --deep` holds them against these hashes.
    pub fn files(self, files: &[FileHash]) -> Self {
        let named = files
            .iter()
            .map(|file| json!({"id": file.id, "kind": file.kind, "sha256": digest::hex(&file.sha256)}));
        self.fact("files", named.collect::<Vec<_>>())
    }

    /// No longer vouches for these files, by kind and id: they may be gone.
    pub fn forgets(self, files: &[(&'static str, String)]) -> Self {
        let named = files.iter().map(|(kind, id)| json!({"id": id, "kind": kind}));
        self.fact("forgotten", named.collect::<Vec<_>>())
    }
}

/// The part of an entry's details that says where its files were put: `{"files": {ID: PATH}}`.
#[must_use]
pub fn paths<'p>(paths: impl IntoIterator<Item = (&'p str, &'p str)>) -> Value {
    let paths = paths.into_iter().map(|(id, path)| (id.to_owned(), Value::from(path)));
    json!({"files": paths.collect::<serde_json::Map<_, _>>()})
}

fn texts(keys: &[VerifierKey]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn named(checkpoint: &Checkpoint) -> Value {
    json!({
        "origin": checkpoint.origin,
        "root": STANDARD.encode(checkpoint.root),
        "size": checkpoint.size,
    })
}
