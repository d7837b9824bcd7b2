//! Erasing: details and salts go, from every file; the entries stay; a restored database is erased again.

use crate::house::{House, Pair, copy};
use audit::{DetailsIn, Directory, ErasedFile, Error, FilesIn, LogKeys, Signatures, erasing::Part};
use base::Timestamp;
use ledger::{Entry, Kind, charter::FileHash};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use store::Queries as _;
use verify::{Failure, Pins, deep};

fn name(position: u64) -> String {
    format!("canary-{position:06}")
}

/// Entries 1 to `count`, each with a name in its details.
async fn named(house: &House, first: u64, count: u64) {
    for position in first..first + count {
        let tx = house.store.write(&house.ctx).await.expect("the door opens");
        let details = serde_json::json!({"name": name(position)});
        let entry = Entry::done(Kind::FindingsRecorded, house.ctx.organization()).details(details);
        assert_eq!(tx.commit(entry).await.expect("it commits").entry(), position);
    }
}

/// Which of these names stand in a file below a directory.
fn found(dir: &Path, names: &[String]) -> Vec<String> {
    let mut hits = Vec::new();
    for entry in fs::read_dir(dir).expect("it lists") {
        let path = entry.expect("it lists").path();
        if path.is_dir() {
            hits.extend(found(&path, names));
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path).expect("it reads")).into_owned();
            hits.extend(
                names
                    .iter()
                    .filter(|name| text.contains(name.as_str()))
                    .map(|name| format!("{name} in {}", path.display())),
            );
        }
    }
    hits
}

/// `verify --deep --data`.
async fn deeply(house: &House, data: &Path, files: Option<&Path>) -> Result<deep::DeepReport, Failure> {
    let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
    let log = Directory::open(&home).expect("the ledger is there");
    let details = DetailsIn::open(data, house.ctx.organization()).await.expect("a database");
    let files = files.map(|dir| FilesIn::new(vec![dir.to_owned()]));
    let (check, pins) = (Signatures::new(Arc::clone(&house.provider)), Pins::default());
    let verified = tokio::task::spawn_blocking(move || {
        let objects = files.as_ref().map(|files| files as &dyn deep::ObjectFiles);
        deep::deep(&log, &check, &pins, Some(&details), objects)
    });
    verified.await.expect("it ends")
}

#[tokio::test]
async fn erased_details_are_in_no_file_and_the_proofs_hold_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    house.begin().await;
    named(&house, 1, 60).await;
    house.publish().await;
    let before = deeply(&house, dir.path(), None).await.expect("it verifies");
    assert_eq!((before.details, before.erased), (60, 0));

    let gone: Vec<String> = (10..=20).chain([40, 41]).map(name).collect();
    assert!(!found(dir.path(), &gone).is_empty(), "they can be found");
    let done = house
        .audit
        .erase(&house.ctx, &[40..=41, 10..=20, 15..=18], Some("asked for by those concerned"))
        .await;
    let done = done.expect("it erases");
    assert_eq!((done.entry, done.erased, done.scrubbed), (61, 13, true));
    assert_eq!(found(dir.path(), &gone), [""; 0]);
    let kept: Vec<String> = (1..10).chain(21..40).map(name).collect();
    assert!(kept.iter().all(|name| !found(dir.path(), std::slice::from_ref(name)).is_empty()), "others stay");
    let again = house.audit.erase(&house.ctx, &[10..=20], None).await;
    assert!(matches!(again, Err(Error::NoDetails)), "there is nothing left to erase");

    house.publish().await;
    let after = deeply(&house, dir.path(), None).await.expect("it verifies: the tombstone is published");
    assert_eq!((after.details, after.erased), (48, 13), "47 names, and why they were erased");
    assert!(house.verify().is_ok(), "the entries are as they were");
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    let (_, tombstone) = read.entries(61, 1).await.expect("an entry").remove(0);
    let text = String::from_utf8(tombstone).expect("JSON");
    assert!(text.contains(r#""positions":[[10,20],[40,41]]"#) && !text.contains("concerned"), "{text}");
}

#[tokio::test]
async fn what_is_missing_without_a_tombstone_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    house.begin().await;
    named(&house, 1, 9).await;
    house.publish().await;
    // Behind the ledger's back: as a commit that says nothing.
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    tx.erase_details(&[(7, 7)]).await.expect("it erases");
    tx.commit_derived().await.expect("it commits");
    let failure = deeply(&house, dir.path(), None).await.expect_err("entry 7 has lost its details");
    assert_eq!(failure.entry, Some(7), "{failure}");
    assert!(house.verify().is_ok(), "without the database it cannot be seen");
}

/// Thirty names in `dir`/data, a backup of their database, whatever happens `since`, and the backup put back. The ledger
/// keeps what happened.
async fn put_back(dir: &Path, since: impl AsyncFnOnce(&House)) -> (PathBuf, LogKeys) {
    let (data, backup) = (dir.join("data"), dir.join("backup"));
    let house = House::open(&data, None).await;
    house.begin().await;
    named(&house, 1, 30).await;
    house.publish().await;
    house.store.close().await;
    copy(&data.join("organizations"), &backup);
    let house = House::open(&data, Some(house.keys)).await;
    since(&house).await;
    house.publish().await;
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("nothing to do"), 0);
    house.store.close().await;
    fs::remove_dir_all(data.join("organizations")).expect("it goes");
    copy(&backup, &data.join("organizations"));
    (data, house.keys)
}

#[tokio::test]
async fn a_database_from_before_an_erasure_is_erased_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let erasing = async |house: &House| {
        named(house, 31, 300).await;
        house.audit.erase(&house.ctx, &[3..=5, 9..=9, 200..=210], None).await.expect("it erases");
    };
    let (data, keys) = put_back(dir.path(), erasing).await;
    let gone: Vec<String> = [3, 4, 5, 9].map(name).to_vec();
    assert_eq!(found(&data, &gone).len(), 4, "the restored database has them");
    let house = House::open(&data, Some(keys)).await;
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("it erases"), 4);
    assert_eq!(found(&data, &gone), [""; 0]);
    assert!(!found(&data, &[name(6)]).is_empty());
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("once"), 0);
}

/// Where ledger and database go back together, what is written down outside says what was erased.
#[tokio::test]
async fn a_whole_directory_from_before_an_erasure_is_erased_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let beside = dir.path().join("erased.jsonl");
    let with = |options: &mut audit::Options| options.erased = Some(ErasedFile::new(&beside));
    let house = House::open_with(&data, None, with).await;
    house.begin().await;
    named(&house, 1, 30).await;
    house.publish().await;
    house.store.close().await;
    copy(&data, &backup);
    let house = House::open_with(&data, Some(house.keys), with).await;
    house.audit.erase(&house.ctx, &[3..=5, 9..=9], None).await.expect("it erases");
    named(&house, 32, 4).await;
    house.audit.erase(&house.ctx, &[33..=33], None).await.expect("it erases");
    house.publish().await;
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("nothing to do"), 0);
    house.store.close().await;

    fs::remove_dir_all(&data).expect("it goes");
    copy(&backup, &data);
    let gone: Vec<String> = [3, 4, 5, 9].map(name).to_vec();
    assert_eq!(found(&data, &gone).len(), 4, "they are back");
    let house = House::open_with(&data, Some(house.keys), with).await;
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("it erases"), 4);
    assert_eq!(found(&data, &gone), [""; 0]);
    // The ledger that came back knew nothing of it, and says so now. Another entry stands where one was erased.
    named(&house, 32, 4).await;
    house.publish().await;
    let report = deeply(&house, &data, None).await.expect("it verifies");
    assert_eq!((report.details, report.erased), (30 - 4 + 1 + 4, 4));
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("once"), 0);
    assert!(!found(&data, &[name(33)]).is_empty(), "it is another one");
    assert_eq!(found(dir.path(), &gone).iter().filter(|hit| !hit.contains("backup")).count(), 0);
}

#[tokio::test]
async fn what_does_not_read_is_tried_again_before_an_erasure_counts_as_repeated() {
    let dir = tempfile::tempdir().expect("a directory");
    let erasing = async |house: &House| {
        house.audit.erase(&house.ctx, &[3..=3], None).await.expect("it erases");
    };
    let (data, keys) = put_back(dir.path(), erasing).await;
    let house = House::open(&data, Some(keys)).await;
    let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
    let bundle = home.join("tile/entries/000.p/32");
    let whole = fs::read(&bundle).expect("31 entries and the tombstone");
    fs::write(&bundle, &whole[..whole.len() - 9]).expect("it is damaged");
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("it cannot tell"), 0);
    assert!(!found(&data, &[name(3)]).is_empty(), "nothing says yet that it is erased");
    fs::write(&bundle, &whole).expect("it is mended");
    assert!(house.audit.scrub_step(&house.ctx).await.expect("it is tried again"));
    assert_eq!(found(&data, &[name(3)]), [""; 0]);
}

#[tokio::test]
async fn an_erasure_that_the_process_did_not_finish_is_finished_by_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    house.begin().await;
    named(&house, 1, 5).await;
    // Somebody reads an older state, so the bytes stay in the write-ahead log.
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    let _ = read.entry_details(3).await.expect("a read");
    let done = house.audit.erase(&house.ctx, &[3..=3], None).await.expect("it erases");
    assert!(!done.scrubbed);
    assert!(!house.audit.scrub_step(&house.ctx).await.expect("it answers"));
    drop(read);
    house.store.close().await;
    let house = House::open(dir.path(), Some(house.keys)).await;
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("it starts"), 0);
    assert!(house.audit.scrub_step(&house.ctx).await.expect("nothing is left"));
    assert_eq!(found(dir.path(), &[name(3)]), [""; 0]);
}

/// Files that entries vouch for, in directories as people have them.
#[tokio::test]
async fn a_file_that_was_changed_removed_or_added_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    fs::create_dir_all(out.join("deeper")).expect("it is made");
    let house = House::open(&data, None).await;
    house.begin().await;
    let paths = [out.join("a.csv"), out.join("deeper/b.csv")];
    for (id, path) in ["one", "two"].into_iter().zip(&paths) {
        fs::write(path, format!("the file {id}")).expect("it writes");
        let sha256 = base::digest::sha256(&fs::read(path).expect("it reads"));
        let entry = Entry::done(Kind::DatasetProtected, house.ctx.organization())
            .files(&[FileHash { kind: "output", id: id.to_owned(), sha256 }])
            .details(ledger::charter::paths([(id, path.to_str().expect("UTF-8"))]));
        let tx = house.store.write(&house.ctx).await.expect("the door opens");
        let _ = tx.commit(entry).await.expect("it commits");
    }
    house.publish().await;
    let deeply = async || deeply(&house, &data, Some(&out)).await;
    assert_eq!(deeply().await.expect("all is there").files, 2);

    let original = fs::read(&paths[1]).expect("it reads");
    fs::write(&paths[1], "another file").expect("it writes");
    let failure = deeply().await.expect_err("it was changed");
    assert!(failure.to_string().contains("changed") && failure.file.ends_with("deeper/b.csv"), "{failure}");
    fs::remove_file(&paths[1]).expect("it goes");
    let failure = deeply().await.expect_err("it was removed");
    assert!(failure.file.ends_with("deeper/b.csv"), "{failure}");
    fs::write(&paths[1], original).expect("it is back");
    fs::write(out.join("deeper/c.csv"), "a third").expect("it writes");
    let failure = deeply().await.expect_err("it was added");
    assert!(failure.file.ends_with("deeper/c.csv"), "{failure}");
    fs::remove_file(out.join("deeper/c.csv")).expect("it goes");
    std::os::unix::fs::symlink(&paths[0], out.join("link")).expect("a link");
    let failure = deeply().await.expect_err("a link is no file");
    assert!(failure.file.ends_with("link"), "{failure}");
}

/// Another log begins, in the same commit as its keys.
async fn restarted(house: House, pairs: &[&Pair]) -> House {
    let (organization, fresh) = (house.ctx.organization(), pairs.last().expect("a pair"));
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let entries = house.audit.restart(&mut tx, &fresh.keys(), true).await.expect("it begins again");
    let _ = tx.commit_all(entries).await.expect("it commits");
    let generation = u32::try_from(pairs.len()).expect("few");
    let keys = LogKeys::of(organization, generation, pairs.iter().map(|pair| pair.keys()).collect());
    House { keys: keys.expect("pairs"), ..house }
}

fn of(generation: u32, first: u64, last: u64) -> Part {
    Part { generation: Some(generation), positions: first..=last }
}

/// Three logs: ten names each, the last four of each of the ended ones never published.
async fn thrice(dir: &Path) -> House {
    let pairs = [Pair::fresh(), Pair::fresh(), Pair::fresh()];
    let house = House::open(dir, None).await;
    let keys = LogKeys::of(house.ctx.organization(), 1, vec![pairs[0].keys()]).expect("one of each");
    let mut house = House { keys, ..house };
    house.begin().await;
    let all: Vec<&Pair> = pairs.iter().collect();
    for generation in 1..=3 {
        if generation > 1 {
            house = restarted(house, &all[..generation]).await;
        }
        named(&house, 1, 6).await;
        house.publish().await;
        named(&house, 7, 4).await;
    }
    house.publish().await;
    house
}

#[tokio::test]
async fn details_of_logs_that_have_ended_are_erased_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let house = thrice(&data).await;
    house.store.close().await;
    copy(&data.join("organizations"), &backup);
    let keys = house.keys.clone();
    let house = House::open(&data, Some(keys.clone())).await;
    house.publish().await;
    // At 11 of the first log begins the second: what is named beyond a log's end is not there.
    let parts = [of(1, 3, 3), of(2, 8, 900), of(3, 5, 5), of(4, 1, 9)];
    let done = house.audit.erase_parts(&house.ctx, &parts, None).await.expect("it erases");
    assert_eq!((done.erased, done.earlier, done.scrubbed), (5, 4, true));
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    // 11 entries a log.
    for at in 1..33 {
        let gone = [3, 11 + 8, 11 + 9, 11 + 10, 22 + 5].contains(&at) || at % 11 == 0;
        assert_eq!(read.entry_details(at).await.expect("a read").is_none(), gone, "{at}");
    }
    let said = read.entries(22 + done.entry, 9).await.expect("entries");
    let said: Vec<_> = said.iter().map(|(_, entry)| String::from_utf8_lossy(entry).into_owned()).collect();
    assert!(said[0].contains(r#""positions":[3]"#) && said[0].contains("/1\""), "{said:?}");
    assert!(said[1].contains(r#""positions":[[8,10]]"#) && said[1].contains("/2\""), "{said:?}");
    assert!(said[2].contains(r#""positions":[5]"#) && !said[2].contains("origin"), "{said:?}");
    drop(read);
    house.publish().await;
    // Entry 3 of the log in use has its details; its log says only of the first log's that they are gone.
    let report = deeply(&house, &data, None).await.expect("it verifies");
    assert_eq!((report.details, report.erased), (9, 1));
    // A database from before it is erased again, in every log.
    house.store.close().await;
    fs::remove_dir_all(data.join("organizations")).expect("it goes");
    copy(&backup, &data.join("organizations"));
    let house = House::open(&data, Some(keys)).await;
    assert_eq!(house.audit.erase_again(&house.ctx).await.expect("it erases"), 5);
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    assert!(read.entry_details(3).await.expect("a read").is_none());
    assert!(read.entry_details(22 + 3).await.expect("a read").is_some());
}

/// `verify --deep --data` of a log that has ended, with what the logs in use since say of it.
async fn deeply_of(house: &House, data: &Path, generation: u32) -> Result<deep::DeepReport, Failure> {
    let (organization, storage) = (house.ctx.organization(), house.audit.storage());
    let log =
        move |number| audit::StoredLog::new(Arc::clone(&storage), audit::log_name(organization, number));
    let details = DetailsIn::open(data, organization).await.expect("a database");
    let used = details.generation();
    let details = details.of_earlier(generation).await.expect("it is known where they are");
    let check = Signatures::new(Arc::clone(&house.provider));
    let verified = tokio::task::spawn_blocking(move || {
        let (of, mut erased) = (verify::Origin { organization, generation }, Vec::new());
        for later in generation + 1..=used {
            erased.extend(deep::erased_in(&log(later), &check, &Pins::default(), &of)?.1);
        }
        deep::deep(&log(generation), &check, &Pins::default(), Some(&details.erased_by(erased)), None)
    });
    verified.await.expect("it ends")
}

#[tokio::test]
async fn details_of_logs_that_have_ended_are_verified_with_the_tombstones_of_later_ones() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = thrice(dir.path()).await;
    for generation in 1..=3 {
        let report = deeply_of(&house, dir.path(), generation).await.expect("it verifies");
        assert_eq!((report.details, report.erased), (if generation < 3 { 6 } else { 10 }, 0), "{generation}");
    }
    house.audit.erase_parts(&house.ctx, &[of(1, 3, 3), of(2, 5, 5)], None).await.expect("it erases");
    house.publish().await;
    for generation in [1, 2] {
        let report = deeply_of(&house, dir.path(), generation).await.expect("the third log says so");
        assert_eq!((report.details, report.erased), (5, 1), "{generation}");
    }
    // Behind the ledger's back: entry 4 of the second log.
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    tx.erase_details(&[(11 + 4, 11 + 4)]).await.expect("it erases");
    tx.commit_derived().await.expect("it commits");
    let failure = deeply_of(&house, dir.path(), 2).await.expect_err("nothing says so");
    assert_eq!(failure.entry, Some(4), "{failure}");
    assert!(deeply_of(&house, dir.path(), 1).await.is_ok());
}

/// A log may end before it has published that something was erased: the next one says it.
#[tokio::test]
async fn what_an_ended_log_did_not_get_to_say_the_next_one_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let (first, second) = (Pair::fresh(), Pair::fresh());
    let house = House::open(dir.path(), None).await;
    let keys = LogKeys::of(house.ctx.organization(), 1, vec![first.keys()]).expect("one of each");
    let house = House { keys, ..house };
    house.begin().await;
    named(&house, 1, 9).await;
    house.publish().await;
    house.audit.erase(&house.ctx, &[3..=3, 5..=6], None).await.expect("it erases");
    let house = restarted(house, &[&first, &second]).await;
    named(&house, 2, 3).await;
    house.publish().await;
    let report = deeply_of(&house, dir.path(), 1).await.expect("the second log says so");
    assert_eq!((report.details, report.erased), (6, 3));
    assert_eq!(deeply(&house, dir.path(), None).await.expect("it verifies").details, 3);
}

#[tokio::test]
async fn details_of_logs_that_have_ended_expire() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = thrice(dir.path()).await;
    house.audit.set_retention(&house.ctx, 30).await.expect("it is set");
    // By then it holds: a shorter time takes effect after seven days.
    let day = Duration::from_secs(86_400);
    house.clock.set(Timestamp::from_millis(1_763_800_000_000) + day * 29);
    assert_eq!(house.audit.expire_step(&house.ctx).await.expect("a step").erased, 0);
    house.clock.set(Timestamp::from_millis(1_763_800_000_000) + day * 31);
    let hold = house.audit.place_hold(&house.ctx, "not now").await.expect("it is placed");
    assert_eq!(house.audit.expire_step(&house.ctx).await.expect("a step").erased, 0);
    house.audit.lift_hold(&house.ctx, hold.id).await.expect("it stands");
    assert_eq!(house.audit.expire_step(&house.ctx).await.expect("a step").erased, 20);
    assert_eq!(house.audit.expire_step(&house.ctx).await.expect("a step").erased, 0);
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    assert_eq!(read.details_within(0, 21, 9).await.expect("a read"), [0; 0]);
    assert_eq!(
        read.details_within(22, 32, 99).await.expect("a read").len(),
        10,
        "the log in use has its own"
    );
    drop(read);
    house.publish().await;
    deeply(&house, dir.path(), None).await.expect("it verifies");
}
