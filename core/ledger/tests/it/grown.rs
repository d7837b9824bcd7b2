//! What grows is what the specification says, however it was cut into batches.

use crate::log::{Doubles, Log};
use ledger::{Tile, Tree, tree};
use verify::{KeyTrust, VerifiedCheckpoint, merkle};

fn resume(log: &Log) -> Tree {
    let keys = log.keys().map(|key| ledger::Signer::verifier_key(&key).clone());
    let checkpoint =
        VerifiedCheckpoint::open(&log.files["checkpoint"], &keys, &Doubles).expect("it was just signed");
    let edge = Tree::right_edge(log.tree.size()).into_iter();
    let files: Vec<Tile> =
        edge.map(|path| Tile { path, bytes: log.files[&path.to_string()].clone() }).collect();
    Tree::resume(&checkpoint, &files).expect("the files are its own")
}

#[test]
fn every_size_verifies_resumes_and_has_the_root_of_its_entries() {
    let mut log = Log::new();
    let mut leaves = merkle::Frontier::new();
    for size in 1..=600u64 {
        leaves.push(merkle::leaf(&log.entry(size - 1)));
        log.grow(size);
        assert_eq!(log.tree.root(), leaves.root(), "size {size}");
        assert_eq!(resume(&log), log.tree, "size {size}");
        if size % 50 < 3 || size % 256 < 3 {
            let report = log.verify().unwrap_or_else(|failure| panic_at(size, &failure));
            assert_eq!(report.checkpoint.checkpoint(), &log.checkpoint());
            assert_eq!((report.trust, report.files), (KeyTrust::Unpinned, log.files.len()));
        }
    }
}

fn panic_at(size: u64, failure: &verify::Failure) -> verify::Report {
    unreachable!("a whole log of {size} entries fails: {failure}")
}

#[test]
fn the_cut_into_batches_does_not_show() {
    let whole = Log::grown(&[1_000]);
    for sizes in [&[1, 2, 3, 255, 256, 257, 511, 512, 700, 1_000][..], &[300, 999, 1_000], &[512, 1_000]] {
        let mut parts = Log::grown(sizes);
        assert!(parts.verify().is_ok(), "with its older partial tiles");
        parts.files.retain(|path, _| {
            path.parse().is_ok_and(|path| {
                !tree::is_superseded(path, 1_000)
                    && (path.is_full() || Tree::right_edge(1_000).contains(&path))
            }) || path == "checkpoint"
        });
        assert_eq!(parts.files, whole.files);
        assert!(parts.verify().is_ok(), "without them");
    }
}

/// The example of tlog-tiles, "Partial Tiles": 273 full tiles of level 0 and one of 112, one full and one
/// partial of 17 at level 1, one of 1 at level 2; and as many bundles as tiles of level 0.
#[test]
fn a_tree_of_70_000_has_the_files_of_the_specification() {
    let log = Log::grown(&[70_000]);
    let count = |prefix: &str| log.files.keys().filter(|path| path.starts_with(prefix)).count();
    assert_eq!(
        (count("tile/0/"), count("tile/entries/"), count("tile/1/"), count("tile/2/")),
        (274, 274, 2, 1)
    );
    for path in
        ["tile/0/273.p/112", "tile/entries/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    {
        assert!(log.files.contains_key(path), "{path}");
    }
    assert_eq!(log.files.len(), 274 + 274 + 2 + 1 + 1);
    assert!(log.verify().is_ok());
    assert_eq!(resume(&log), log.tree);
}

#[test]
fn only_partial_tiles_below_a_full_one_may_go() {
    let superseded = |path: &str, size| tree::is_superseded(path.parse().expect("a path"), size);
    assert!(superseded("tile/0/000.p/5", 256));
    assert!(!superseded("tile/0/000.p/5", 255), "an older checkpoint needs it");
    assert!(!superseded("tile/0/000", 256));
    assert!(!superseded("tile/1/000.p/1", 512));
}
