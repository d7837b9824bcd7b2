//! What a restore did to each version, for the ledger. Pure.

use base::{Id, digest, noun};
use ledger::{Entry, Kind};
use serde_json::{Value, json};

/// How many versions one entry names: well below what an entry may hold.
const BATCH: usize = 400;

/// The versions that a restore changed, each with what became of it, in the order it was done.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<(Id<noun::Key>, &'static str)>);

impl Changes {
    /// Notes that a version was `wrapped` under the root in place, was `regained`, or is in another state now.
    pub(super) fn note(&mut self, key: Id<noun::Key>, change: &'static str) {
        self.0.push((key, change));
    }

    /// The entries that name every version with its change: whoever asks the ledger about one finds it.
    pub(super) fn entries(&self, ceremony: Id<noun::Ceremony>) -> Vec<Entry> {
        self.0.chunks(BATCH).map(|batch| entry(ceremony, batch)).collect()
    }
}

fn entry(ceremony: Id<noun::Ceremony>, batch: &[(Id<noun::Key>, &'static str)]) -> Entry {
    let parts: Vec<&[u8]> =
        batch.iter().flat_map(|(key, change)| [key.as_bytes().as_slice(), change.as_bytes()]).collect();
    let hash = digest::of_parts("nexora/restored/1", &parts);
    let named: Vec<Value> =
        batch.iter().map(|(key, change)| json!({ "key": key, "change": change })).collect();
    Entry::done(Kind::KeysRestored, ceremony).batch(batch.len(), hash).fact("keys", named)
}

#[cfg(test)]
mod tests {
    use super::Changes;
    use base::Id;

    #[test]
    fn every_version_is_named_once_for_each_change_and_entries_stay_small() {
        let mut changes = Changes::default();
        for number in 0..1_000_u16 {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&number.to_be_bytes());
            changes.note(Id::from_bytes(id), "suspended");
        }
        let entries = changes.entries(Id::from_bytes([1; 16]));
        let named: Vec<usize> =
            entries.iter().map(|entry| entry.facts()["keys"].as_array().expect("a list").len()).collect();
        assert_eq!(named, [400, 400, 200]);
        for entry in &entries {
            let facts = serde_json::to_vec(entry.facts()).expect("JSON");
            assert!(facts.len() < 32 << 10, "{}", facts.len());
        }
    }
}
