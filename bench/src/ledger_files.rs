//! A large log as files, for the benchmarks that verify it and prove from it.

use crate::Failure;
use base::{Id, Timestamp, noun};
use crypto::sign::{Algorithm, SigningKey};
use ledger::{Signer, Stamp, Tree, Unsigned, charter, checkpoint};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use verify::{Checkpoint, Origin, SignatureType, VerifierKey};

/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 300;

/// Entries that are appended at once.
const BATCH: u64 = 1 << 16;

/// A log in a directory of its own, which goes with it.
pub(crate) struct Files {
    dir: tempfile::TempDir,
    pub(crate) keys: Vec<VerifierKey>,
}

/// A key of the log.
struct Key {
    verifier: VerifierKey,
    key: SigningKey,
}

impl Signer for Key {
    fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
        Ok(self.key.sign(message))
    }
}

impl Files {
    /// A log of so many entries of [`ENTRY_BYTES`], but for the first, under one checkpoint. In memory where the system
    /// has such a folder.
    pub(crate) fn make(size: u64) -> Result<Self, Failure> {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let origin = Origin { organization: Id::from_bytes([7; 16]), generation: 1 };
        let provider = crypto::aws_lc();
        let key = |kind, algorithm| -> Result<Key, Failure> {
            let key = SigningKey::generate(&*provider, algorithm);
            let verifier = VerifierKey::new(&origin.to_string(), kind, key.verifying_key().as_bytes())?;
            Ok(Key { verifier, key })
        };
        let ed25519 = key(SignatureType::Ed25519, Algorithm::Ed25519)?;
        let ml_dsa_44 = key(SignatureType::MlDsa44, Algorithm::MlDsa44)?;
        let keys = [ed25519.verifier.clone(), ml_dsa_44.verifier.clone()];
        let stamp = Stamp {
            organization: origin.organization,
            actor: &base::Actor::System { task: "store" },
            request: Id::from_bytes([2; 16]),
            position: 0,
            time: Timestamp::from_millis(1_700_000_000_000),
            nonce: [3; 16],
            salt: [4; 32],
        };
        let first = charter::started(origin, &keys).seal(&stamp)?.json;
        let (mut tree, mut made) = (Tree::new(), HashSet::new());
        // The right edge: a tile of a high level is partial for many batches, and changes in few of them.
        let mut partial = BTreeMap::new();
        let mut next = 0;
        while next < size {
            let until = size.min(next + BATCH);
            let entries: Vec<Vec<u8>> = (next..until)
                .map(|at| if at == 0 { first.clone() } else { entry(origin.organization, at) })
                .collect();
            for tile in tree.append(entries.iter().map(Vec::as_slice))? {
                let place = (tile.path.stack(), tile.path.index());
                if tile.path.is_full() {
                    partial.remove(&place);
                    write(&dir.path().join(tile.path.to_string()), &tile.bytes, &mut made)?;
                } else {
                    partial.insert(place, tile);
                }
            }
            next = until;
        }
        for tile in partial.values() {
            write(&dir.path().join(tile.path.to_string()), &tile.bytes, &mut made)?;
        }
        let head = Checkpoint { origin: origin.to_string(), size, root: tree.root() };
        let note =
            checkpoint::sign(&head, Timestamp::from_millis(1_700_000_000_000), &[&ed25519, &ml_dsa_44])?;
        write(&dir.path().join(verify::checkpoint::FILE), &note, &mut made)?;
        Ok(Self { dir, keys: keys.to_vec() })
    }

    /// Where it stands.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn write(path: &Path, bytes: &[u8], made: &mut HashSet<PathBuf>) -> Result<(), Failure> {
    if let Some(parent) = path.parent()
        && made.insert(parent.to_owned())
    {
        fs::create_dir_all(parent)?;
    }
    Ok(fs::write(path, bytes)?)
}

/// An entry as a sealed one looks, of just the wanted length: the id of its object is as long as that takes.
pub(crate) fn entry(organization: Id<noun::Organization>, position: u64) -> Vec<u8> {
    let micros = position % 1_000_000;
    let before = format!(
        r#"{{"actor":{{"type":"administrator"}},"kind":"a.b","nonce":"{position:032x}","object":{{"id":""#
    );
    let after = format!(
        concat!(
            r#"","type":"x"}},"organization":"{}","outcome":"done","position":{},"#,
            r#""request":"req_081040g2081040g2081040g208","time":"2023-11-14T22:13:20.{:06}Z","v":1}}"#
        ),
        organization, position, micros
    );
    let id = "i".repeat(ENTRY_BYTES.saturating_sub(before.len() + after.len()));
    [before, id, after].concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{BATCH, ENTRY_BYTES, Files, entry};
    use base::Id;

    #[test]
    fn entries_are_in_order_and_as_long_as_said() {
        for position in [1, 9, 255, 9_999_999] {
            let bytes = entry(Id::from_bytes([7; 16]), position);
            assert_eq!(bytes.len(), ENTRY_BYTES);
            assert_eq!(verify::entry::read(&bytes).map(|seen| seen.position), Ok(position));
            assert!(verify::entry::glance(&bytes).is_some());
        }
    }

    #[test]
    fn the_log_verifies() {
        // The last batch of the larger one leaves a tile of level 2 as it was.
        for size in [700, BATCH + 700] {
            let log = Files::make(size).expect("a log");
            let files = audit::Directory::open(log.path()).expect("it is there");
            let check = audit::Signatures::new(crypto::aws_lc());
            let report =
                verify::directory(&files, &check, &verify::Pins::of(&log.keys)).expect("it verifies");
            assert_eq!(report.checkpoint.checkpoint().size, size);
        }
    }
}
