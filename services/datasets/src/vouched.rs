//! What an entry vouches for of an output: its file and the manifest beside it, by their hashes, and, as a detail, where
//! they were put. `verify --deep` holds the files against it.

use crate::{Location, registry::manifest_hash, tables::outputs::Registered};
use base::{Id, digest, noun};
use fields::{Manifest, SignedManifest};
use ledger::{
    Entry,
    charter::{FileHash, paths},
};
use serde_json::Value;

/// What stands behind an output's path for its manifest.
const MANIFEST: &str = ".manifest.json";

/// The kind of an output's file, as an entry names it.
const OUTPUT_KIND: &str = "output";
const MANIFEST_KIND: &str = "manifest";

/// The files of one run, with the hex of their hashes.
pub(crate) fn files(run: Id<noun::Job>, output: &str, manifest: &str) -> Vec<FileHash> {
    let named = [(OUTPUT_KIND, run.to_string(), output), (MANIFEST_KIND, manifest_of(run), manifest)];
    let read = |(kind, id, hash)| Some(FileHash { kind, id, sha256: from_hex(hash)? });
    named.into_iter().filter_map(read).collect()
}

/// The files of a run that has just ended.
pub(crate) fn made(content: &Manifest, signed: &SignedManifest) -> Vec<FileHash> {
    files(content.run, content.output.sha256(), &manifest_hash(signed))
}

/// The files of a run on the register.
pub(crate) fn registered(output: &Registered) -> Vec<FileHash> {
    files(output.run, &output.sha256, &output.manifest_sha256)
}

/// The same entry, which no longer vouches for the files of these runs: they may be gone.
pub(crate) fn forget(entry: Entry, runs: &[Id<noun::Job>]) -> Entry {
    if runs.is_empty() {
        return entry;
    }
    let named = |run: &Id<noun::Job>| [(OUTPUT_KIND, run.to_string()), (MANIFEST_KIND, manifest_of(*run))];
    entry.forgets(&runs.iter().flat_map(named).collect::<Vec<_>>())
}

/// The details of an entry: the names of the fields, and where the files were put, if that is known.
pub(crate) fn details(fields: &[String], run: Id<noun::Job>, location: Option<&Location>) -> Value {
    let mut details = match location {
        Some(location) => {
            let manifest = format!("{location}{MANIFEST}");
            let (run, beside) = (run.to_string(), manifest_of(run));
            paths([(run.as_str(), location.as_str()), (beside.as_str(), manifest.as_str())])
        }
        None => Value::Object(serde_json::Map::new()),
    };
    if let Some(object) = details.as_object_mut() {
        object.insert("fields".to_owned(), fields.into());
    }
    details
}

fn manifest_of(run: Id<noun::Job>) -> String {
    format!("{run}.manifest")
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    (digest::hex(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{details, files, forget};
    use base::{Id, noun};
    use ledger::{Entry, Kind};

    #[test]
    fn an_output_and_its_manifest_have_names_of_their_own() {
        let run: Id<noun::Job> = Id::from_bytes([7; 16]);
        let named = files(run, &"ab".repeat(32), &"cd".repeat(32));
        assert_eq!(named.iter().map(|file| file.kind).collect::<Vec<_>>(), ["output", "manifest"]);
        assert_ne!(named[0].id, named[1].id);
        assert_eq!(named[0].sha256, [0xab; 32]);
        assert!(files(run, "ab", "").is_empty());
        let location = "/srv/out.csv".parse().expect("a location");
        let said = details(&["email".to_owned()], run, Some(&location));
        assert_eq!(said["files"][&named[0].id], "/srv/out.csv");
        assert_eq!(said["files"][&named[1].id], "/srv/out.csv.manifest.json");
        assert_eq!(said["fields"][0], "email");
        assert!(details(&[], run, None).get("files").is_none());
        let entry = || Entry::done(Kind::DatasetProtected, Id::<noun::Dataset>::from_bytes([1; 16]));
        assert_eq!(format!("{:?}", forget(entry(), &[])), format!("{:?}", entry()));
    }
}
