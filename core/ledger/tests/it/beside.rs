//! What lies beside a log: details against their commitments and tombstones, files against their hashes.

use crate::log::{Doubles, Log};
use base::digest;
use ledger::charter::{self, FileHash};
use ledger::{Entry, Kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use verify::{DeepReport, Details, Failure, ObjectFiles, Pins, Problem, Unreadable, deep};

impl Details for Log {
    fn details(&self, position: u64) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(self.details.get(&position).cloned())
    }
}

/// Files by path; the bytes are the value.
#[derive(Clone, Default)]
struct Files(BTreeMap<&'static str, &'static str>);

impl ObjectFiles for Files {
    fn list(&self) -> Result<Vec<String>, Unreadable> {
        Ok(self.0.keys().rev().map(|path| (*path).to_owned()).collect())
    }

    fn sha256(&self, path: &str) -> Result<[u8; 32], Unreadable> {
        self.0
            .get(path)
            .map(|bytes| digest::sha256(bytes.as_bytes()))
            .ok_or_else(|| Unreadable("gone".into()))
    }
}

fn file(id: &str, bytes: &str) -> FileHash {
    FileHash { kind: "output", id: id.to_owned(), sha256: digest::sha256(bytes.as_bytes()) }
}

fn protected(files: &[FileHash]) -> Entry {
    Entry::done(Kind::DatasetProtected, base::Id::<base::noun::Organization>::from_bytes([1; 16]))
        .files(files)
}

/// Details at 3 and 8, and entries that vouch for `a` (replaced at 8), `b` and `c` (forgotten at 9).
fn log() -> Log {
    let mut log = Log::new();
    log.special.insert(
        3,
        protected(&[file("a", "one"), file("b", "two")])
            .details(charter::paths([("a", "out/a.csv"), ("b", "out/b.csv")])),
    );
    log.special.insert(5, protected(&[file("c", "three")]));
    log.special.insert(8, protected(&[file("a", "one again")]).details(charter::paths([("a", "out/a.csv")])));
    let forgets =
        Entry::done(Kind::DatasetOutputForgotten, base::Id::<base::noun::Organization>::from_bytes([1; 16]));
    log.special.insert(9, forgets.forgets(&[("output", "c".to_owned())]));
    log.grow(12);
    log
}

fn files() -> Files {
    Files([("out/a.csv", "one again"), ("out/b.csv", "two")].into())
}

fn check(log: &Log, details: bool, files: Option<&Files>) -> Result<DeepReport, Failure> {
    let objects = files.map(|files| -> &dyn ObjectFiles { files });
    deep(log, &Doubles, &Pins::default(), details.then_some(log), objects)
}

#[test]
fn what_is_whole_passes_and_is_counted() {
    let report = check(&log(), true, Some(&files())).expect("all of it is there");
    assert_eq!((report.details, report.erased, report.files), (2, 0, 2));
    let report = check(&log(), false, Some(&files())).expect("details are optional");
    assert_eq!((report.details, report.files), (0, 2));
    assert_eq!(check(&log(), true, None).expect("so are files").files, 0);
    // What was forgotten may still be there; of what has no path, the bytes alone are known.
    let mut more = files();
    more.0.insert("out/c.csv", "three");
    let report = check(&log(), true, Some(&more)).expect("it passes");
    assert_eq!((report.files, report.placed), (3, 2));
    assert_eq!(check(&log(), false, Some(&more)).expect("it passes").placed, 0);
}

#[test]
fn a_detail_that_is_changed_missing_or_cut_fails_at_its_entry() {
    let failed = |change: fn(&mut BTreeMap<u64, Vec<u8>>)| {
        let mut log = log();
        change(&mut log.details);
        check(&log, true, None).map(|_| ()).map_err(|failure| (failure.entry, failure.problem))
    };
    assert_eq!(failed(|_| {}), Ok(()));
    assert_eq!(failed(|details| drop(details.remove(&3))), Err((Some(3), Problem::DetailsMissing)));
    let changed = Err((Some(8), Problem::DetailsChanged));
    assert_eq!(failed(|details| details.get_mut(&8).expect("it is there")[40] ^= 1), changed);
    assert_eq!(failed(|details| details.get_mut(&8).expect("it is there")[0] ^= 1), changed, "the salt");
    assert_eq!(failed(|details| details.get_mut(&8).expect("it is there").truncate(20)), changed);
    assert_eq!(failed(|details| drop(details.insert(8, details[&3].clone()))), changed);
}

#[test]
fn an_erased_detail_has_a_tombstone_and_is_gone() {
    let organization = log().origin.organization;
    let erased = |positions: Value, gone: &[u64]| {
        let mut log = log();
        let entry = charter::details_erased(organization, &[3..=3]).fact("positions", positions);
        log.special.insert(12, entry);
        log.grow(14);
        gone.iter().for_each(|at| drop(log.details.remove(at)));
        let report = check(&log, true, None).map_err(|failure| (failure.entry, failure.problem))?;
        Ok((report.details, report.erased))
    };
    assert_eq!(erased(json!([3]), &[3]), Ok((1, 1)));
    assert_eq!(erased(json!([[2, 8]]), &[3, 8]), Ok((0, 2)));
    assert_eq!(erased(json!([3, [7, 9]]), &[3, 8]), Ok((0, 2)));
    assert_eq!(erased(json!([3]), &[]), Err((Some(12), Problem::NotErased)), "it is still there");
    assert_eq!(erased(json!([3]), &[3, 8]), Err((Some(8), Problem::DetailsMissing)), "another is gone");
    for malformed in [
        json!(3),
        json!([[8, 3]]),
        json!([[3]]),
        json!(["3"]),
        json!([12]),
        json!([[0, 9_007_199_254_740_991u64]]),
    ] {
        assert_eq!(erased(malformed.clone(), &[3]), Err((Some(12), Problem::ObjectFacts)), "{malformed}");
    }
    let built = charter::details_erased(organization, &[3..=3, 7..=9]);
    assert_eq!(built.facts()["positions"], json!([3, [7, 9]]));
    // A tombstone before its time erases nothing.
    let mut early = Log::new();
    early.special.insert(2, charter::details_erased(organization, &[3..=3]));
    early.grow(5);
    assert_eq!(check(&early, true, None).expect_err("it lies ahead").problem, Problem::ObjectFacts);
}

#[test]
fn the_first_file_that_was_changed_removed_or_added_is_named() {
    let failed = |details: bool, change: fn(&mut BTreeMap<&'static str, &'static str>)| {
        let mut files = files();
        change(&mut files.0);
        check(&log(), details, Some(&files)).map(|_| ()).map_err(|failure| (failure.file, failure.problem))
    };
    let changed = |entry| Problem::ObjectChanged { kind: "output".into(), entry };
    let removed = |entry| Problem::ObjectRemoved { kind: "output".into(), entry };
    let named = |path: &str, problem| Err((path.to_owned(), problem));
    assert_eq!(failed(true, |_| {}), Ok(()));
    assert_eq!(
        failed(true, |files| {
            files.insert("out/b.csv", "forged");
        }),
        named("out/b.csv", changed(3))
    );
    assert_eq!(
        failed(false, |files| {
            files.insert("out/b.csv", "forged");
        }),
        named("out/b.csv", Problem::ObjectAdded)
    );
    assert_eq!(
        failed(false, |files| {
            files.insert("out/a.csv", "one");
        }),
        named("out/a.csv", changed(8)),
        "an older state"
    );
    assert_eq!(
        failed(true, |files| {
            files.insert("out/d.csv", "new");
        }),
        named("out/d.csv", Problem::ObjectAdded)
    );
    assert_eq!(
        failed(true, |files| {
            files.remove("out/b.csv");
        }),
        named("out/b.csv", removed(3))
    );
    assert_eq!(
        failed(false, |files| {
            files.remove("out/b.csv");
        }),
        named("b", removed(3))
    );
    assert_eq!(
        failed(true, |files| files.clear()),
        named("out/b.csv", removed(3)),
        "the earliest entry first"
    );
    let both = |files: &mut BTreeMap<&'static str, &'static str>| {
        files.extend([("out/b.csv", "forged"), ("out/0.csv", "new")])
    };
    assert_eq!(failed(true, both), named("out/0.csv", Problem::ObjectAdded), "the first path first");
    // Under another prefix it is the same file.
    let mut moved = Files([("/srv/x/out/a.csv", "one again"), ("/srv/x/out/b.csv", "forged")].into());
    let failure = check(&log(), true, Some(&moved)).expect_err("it was changed");
    assert_eq!((failure.file.as_str(), failure.problem), ("/srv/x/out/b.csv", changed(3)));
    moved.0.insert("/srv/x/out/b.csv", "two");
    assert!(check(&log(), true, Some(&moved)).is_ok());
}

/// Every file here has bytes that the log knows.
#[test]
fn files_that_were_swapped_copied_or_renamed_fail() {
    let failed = |details: bool, files: &[(&'static str, &'static str)]| {
        let files = Files(files.iter().copied().collect());
        check(&log(), details, Some(&files)).map(|_| ()).map_err(|failure| (failure.file, failure.problem))
    };
    let changed =
        |path: &str, entry| Err((path.to_owned(), Problem::ObjectChanged { kind: "output".into(), entry }));
    let added = |path: &str| Err((path.to_owned(), Problem::ObjectAdded));
    let (a, b) = (("out/a.csv", "one again"), ("out/b.csv", "two"));
    assert_eq!(failed(true, &[a, b]), Ok(()));
    // Swapped: where they were, and where the whole directory was moved.
    assert_eq!(failed(true, &[("out/a.csv", "two"), ("out/b.csv", "one again")]), changed("out/a.csv", 8));
    let swapped = [("/srv/out/a.csv", "two"), ("/srv/out/b.csv", "one again")];
    assert_eq!(failed(true, &swapped), changed("/srv/out/a.csv", 8));
    let swapped = [("/srv/else/a.csv", "two"), ("/srv/else/b.csv", "one again")];
    assert_eq!(failed(true, &swapped), changed("/srv/else/a.csv", 8));
    assert_eq!(failed(true, &[("/srv/else/a.csv", "one again"), ("/srv/else/b.csv", "two")]), Ok(()));
    assert_eq!(failed(true, &[("./out//a.csv", "one again"), ("../x/../out/b.csv", "two")]), Ok(()));
    // One in the place of both.
    assert_eq!(failed(true, &[a, ("out/b.csv", "one again")]), changed("out/b.csv", 3));
    // Copied beside itself, before and behind it.
    assert_eq!(failed(true, &[a, b, ("out/EXTRA.csv", "one again")]), added("out/EXTRA.csv"));
    assert_eq!(failed(true, &[a, b, ("zz/b.csv", "two")]), added("zz/b.csv"));
    assert!(failed(false, &[a, b, ("out/EXTRA.csv", "two")]).is_err(), "one too many, whichever it is");
    // Renamed, and what was forgotten put in the place of another or there twice.
    assert_eq!(failed(true, &[a, ("out/c.csv", "two")]), added("out/c.csv"));
    assert_eq!(failed(true, &[a, ("out/b.csv", "three")]), changed("out/b.csv", 3));
    assert_eq!(failed(true, &[a, b, ("out/c.csv", "three"), ("out/d.csv", "three")]), added("out/d.csv"));
    // Listed by two names, it is one file.
    assert_eq!(failed(true, &[a, b, ("./out/b.csv", "two")]), Ok(()));
}

#[test]
fn two_objects_with_the_same_bytes_are_two_files() {
    let mut log = Log::new();
    log.special.insert(3, protected(&[file("a", "same"), file("b", "same")]));
    log.grow(5);
    let count = |files: &[&'static str]| {
        let files = Files(files.iter().map(|path| (*path, "same")).collect());
        check(&log, false, Some(&files)).map(|report| report.files).map_err(|failure| failure.problem)
    };
    assert_eq!(count(&["x", "y"]), Ok(2));
    assert_eq!(count(&["x"]), Err(Problem::ObjectRemoved { kind: "output".into(), entry: 3 }));
    assert_eq!(count(&["x", "y", "z"]), Err(Problem::ObjectAdded));
}

#[test]
fn the_log_itself_comes_first_and_malformed_facts_fail() {
    let mut changed = log();
    changed.files.get_mut("tile/entries/000.p/12").expect("it is there")[9] ^= 1;
    assert_eq!(
        check(&changed, true, Some(&files())).expect_err("it was changed").file,
        "tile/entries/000.p/12"
    );
    for malformed in [
        json!(1),
        json!([{"id": "a", "kind": "output"}]),
        json!([{"id": "a", "kind": "output", "sha256": "00"}]),
        json!([{"kind": "output", "sha256": "0".repeat(64)}]),
        json!([{"id": "a", "kind": "output", "sha256": "x".repeat(64)}]),
    ] {
        let mut log = Log::new();
        log.special.insert(3, protected(&[]).fact("files", malformed.clone()));
        log.grow(5);
        assert_eq!(
            check(&log, true, Some(&files())).expect_err("malformed").problem,
            Problem::ObjectFacts,
            "{malformed}"
        );
    }
}
