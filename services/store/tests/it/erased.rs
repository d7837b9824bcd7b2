//! What is erased stands in no file any more.

use crate::{open, organization};
use ledger::{Entry, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::{Queries, StoredDetails};

/// Which positions' canaries stand in the files of a directory, and in which files.
fn found(dir: &Path) -> BTreeMap<u64, BTreeSet<String>> {
    let mut hits: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("it lists") {
        let path = entry.expect("it lists").path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("it reads")).into_owned();
        for (at, _) in text.match_indices("canary-") {
            let position = text.get(at + 7..at + 13).and_then(|digits| digits.parse().ok());
            if let Some(position) = position {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                hits.entry(position).or_default().insert(name);
            }
        }
    }
    hits
}

fn canary(position: u64) -> String {
    format!("canary-{position:06}")
}

/// The files of a directory in which bytes stand, and where.
fn holds(dir: &Path, needle: &[u8]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("it lists") {
        let path = entry.expect("it lists").path();
        let bytes = std::fs::read(&path).expect("it reads");
        let mut starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == needle[0]);
        if let Some((at, _)) = starts.find(|(at, _)| bytes[*at..].starts_with(needle)) {
            found.push((path.display().to_string(), at));
        }
    }
    found
}

/// Details of every size, from what shares a page with others to what fills many, written in many transactions; then
/// every third is erased, and neither the database nor its write-ahead log holds it.
#[tokio::test]
async fn erased_details_stand_in_no_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let mut salts = Vec::new();
    for round in 0..40_u64 {
        let tx = store.write(&ctx).await.expect("its turn");
        let entries = (0..25).map(|n| {
            let position = 1 + round * 25 + n;
            let size =
                usize::try_from((position * 7_919) % if n == 0 { 30_000 } else { 900 }).expect("small");
            let details = serde_json::json!({"who": canary(position), "more": "x".repeat(size)});
            Entry::done(Kind::ResponseSet, ctx.organization()).details(details)
        });
        let _ = tx.commit_all(entries.collect()).await.expect("it commits");
    }
    let home = store.directory(ctx.organization());
    let erased: Vec<u64> = (1..=1_000).filter(|position| position % 3 == 0).collect();
    let read = store.read(&ctx).await.expect("a snapshot");
    for position in erased.iter().step_by(30) {
        let salted = read.entry_details(*position).await.expect("a read").expect("it is there");
        salts.push(salted[..32].to_vec());
        assert!(!holds(&home, &salted[..32]).is_empty());
    }
    let before = found(&home);
    assert!(erased.iter().all(|position| before.contains_key(position)), "they can be found");

    let mut tx = store.write(&ctx).await.expect("its turn");
    let ranges: Vec<_> = erased.iter().map(|position| (*position, *position)).collect();
    let gone = tx.erase_details(&ranges).await.expect("it erases");
    assert_eq!(gone.positions(), erased);
    let entry = Entry::done(Kind::DetailsErased, ctx.organization());
    let _ = tx.commit(entry).await.expect("it commits");
    assert!(!store.scrub(&ctx, &gone).await.expect("it answers"), "somebody reads the older state still");
    drop(read);
    // The dropped snapshot is given back by and by.
    let mut tries = 0;
    while !store.scrub(&ctx, &gone).await.expect("it answers") {
        tries += 1;
        assert!(tries < 100, "nobody reads any more");
    }
    let after = found(&home);
    let left: Vec<_> = erased.iter().filter_map(|position| after.get_key_value(position)).collect();
    assert!(left.is_empty(), "{left:?}");
    let left: Vec<_> = salts.iter().flat_map(|salt| holds(&home, salt)).collect();
    assert!(left.is_empty(), "nor their salts: {left:?}");
    assert!((1..=1_000).filter(|position| position % 3 != 0).all(|position| after.contains_key(&position)));
    let read = store.read(&ctx).await.expect("a snapshot");
    assert_eq!(read.entry_details(3).await.expect("a read"), None);
    assert!(read.entry_details(4).await.expect("a read").is_some());
    assert_eq!(read.details_within(1, 3, 1).await.expect("a read"), [1]);
    assert_eq!(read.details_within(1, 10, 4).await.expect("a read"), [1, 2, 4, 5]);
    drop(read);
    store.close().await;
    let store = open(dir.path()).await.expect("it opens again");
    assert!(store.exists(ctx.organization()));
}

/// The details are read beside a store that has the file open, and from a directory that nobody has open.
#[tokio::test]
async fn details_are_read_from_outside() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let tx = store.write(&ctx).await.expect("its turn");
    let entry = |n: u64| {
        let entry = Entry::done(Kind::ResponseSet, ctx.organization());
        if n.is_multiple_of(2) { entry.details(serde_json::json!({ "n": n })) } else { entry }
    };
    let _ = tx.commit_all((1..=900).map(entry).collect()).await.expect("it commits");
    for closed in [false, true] {
        if closed {
            store.close().await;
        }
        let mut outside = StoredDetails::open(dir.path(), ctx.organization()).await.expect("it opens");
        for position in (1..=902).chain([10, 9]) {
            let found = outside.at(position).await.expect("a read");
            let text = found.map(|salted| String::from_utf8(salted[32..].to_vec()).expect("JSON"));
            let there = position % 2 == 0 && position <= 900;
            assert_eq!(text, there.then(|| format!("{{\"n\":{position}}}")), "{position}");
        }
        let log = (outside.generation().await.expect("a read"), outside.base().await.expect("a read"));
        assert_eq!(log, (1, 0));
        outside.close().await;
    }
    assert!(StoredDetails::open(&dir.path().join("elsewhere"), ctx.organization()).await.is_err());
}
