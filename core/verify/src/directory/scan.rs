//! What a quick look over the entries finds of what a log says of itself, before anything is verified: for telling which
//! file is to blame, and where a pruned log begins. Nothing of it is believed; the walk finds it again and checks it.

use super::inventory::Inventory;
use super::{LedgerFiles, read};
use crate::charter::{self, KEYS_ROTATED, PRUNED, STARTED};
use crate::checkpoint::{self, Checkpoint, SignatureCheck, VerifiedCheckpoint};
use crate::entry::{self, Seen};
use crate::failure::{Failure, Problem};
use crate::tiles::{self, Stack, TilePath, WIDTH};
use crate::vkey::VerifierKey;
use serde_json::Value;

/// How the kinds of these entries stand in their bytes, which are canonical.
const MARK: &[u8] = b"\"kind\":\"ledger.";

/// The minimum index that the last entry of its kind names, from the end back.
pub(super) fn minimum(files: &dyn LedgerFiles, inventory: &Inventory, size: u64) -> Option<u64> {
    kept_from(files, size, |path| inventory.has(path))
}

/// The same, of the bundles that may be read.
pub(super) fn kept_from(files: &dyn LedgerFiles, size: u64, may: impl Fn(TilePath) -> bool) -> Option<u64> {
    let mut index = size.checked_sub(1)? / u64::from(WIDTH);
    loop {
        let path = TilePath::at(Stack::Entries, index, size).filter(|path| may(*path))?;
        let bytes = read(files, &path.to_string(), path.max_bytes()).ok()?;
        let minimum = |seen: &Seen| charter::fact(seen, "minimum").and_then(Value::as_u64);
        let found = marked(&bytes)
            .into_iter()
            .rev()
            .filter(|seen| seen.kind == PRUNED)
            .find_map(|seen| minimum(&seen));
        if found.is_some() {
            return found;
        }
        index = index.checked_sub(1)?;
    }
}

/// The failure, or that of the checkpoint where that explains it: if no keys that the log names have signed it.
pub(super) fn blamed(
    failure: Failure,
    files: &dyn LedgerFiles,
    claimed: &Checkpoint,
    signed: &[u8],
    check: &dyn SignatureCheck,
) -> Failure {
    let explained = match &failure.problem {
        // Where tiles and entries disagree, one of them was changed, whatever the checkpoint says.
        Problem::Rewritten { above, .. } => above == checkpoint::FILE,
        Problem::Missing
        | Problem::Beyond { .. }
        | Problem::Width { .. }
        | Problem::Organization { .. }
        | Problem::Origin { .. }
        | Problem::Inconsistent { .. } => true,
        _ => false,
    };
    if !explained || failure.file == checkpoint::FILE {
        return failure;
    }
    match signers(files, claimed, signed, check) {
        Err(wrong) if wrong.file == checkpoint::FILE => wrong,
        _ => failure,
    }
}

/// The keys, of all that entries of the log name, that signed the checkpoint.
pub(super) fn signers(
    files: &dyn LedgerFiles,
    claimed: &Checkpoint,
    signed: &[u8],
    check: &dyn SignatureCheck,
) -> Result<Vec<VerifierKey>, Failure> {
    let mut wrong = None;
    let mut found = false;
    // The first bundle, which is enough where keys were never replaced; then from the end back, for the keys in use are
    // those named last. A bundle that is missing or broken is passed over.
    let listed: Vec<TilePath> = {
        let paths = files.list().map_err(|error| Failure::new(".", error))?;
        let tiles = paths.iter().filter_map(|path| path.parse::<TilePath>().ok());
        let mut bundles: Vec<_> = tiles.filter(|path| path.stack() == Stack::Entries).collect();
        bundles.sort_by_key(|path| (path.index(), path.width()));
        bundles
    };
    let first = listed.first().copied();
    for path in first.into_iter().chain(listed.into_iter().rev()) {
        let Ok(bytes) = read(files, &path.to_string(), path.max_bytes()) else { continue };
        for seen in marked(&bytes).into_iter().rev() {
            if !matches!(seen.kind.as_str(), STARTED | KEYS_ROTATED | PRUNED) {
                continue;
            }
            let Ok(keys) = charter::keys_of(&seen) else { continue };
            found = true;
            match VerifiedCheckpoint::open_known(signed, &keys, &[], check) {
                Ok(_) => return Ok(keys),
                Err(failure) => wrong = Some(failure),
            }
        }
    }
    let missing = || match found {
        true => Failure::new(checkpoint::FILE, Problem::NoKey { origin: claimed.origin.clone() }),
        false => Failure::new("tile/entries/000", Problem::Missing),
    };
    Err(wrong.unwrap_or_else(missing))
}

/// The entries of a bundle that speak of the log. What is malformed is passed over.
fn marked(bundle: &[u8]) -> Vec<Seen> {
    // Most bundles have none.
    if !contains(bundle, MARK) {
        return Vec::new();
    }
    let entries = tiles::entries(bundle).unwrap_or_default();
    let marked = entries.into_iter().filter(|entry| contains(entry, MARK));
    marked.filter_map(|entry| entry::read(entry).ok()).collect()
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}
