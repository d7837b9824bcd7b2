//! Crashes: whatever the log's disk does, and wherever the process ends, what was acknowledged is there
//! once, its findings are there once, and the state is the one that the log gives.

use crate::{
    faulty::{Fault, Faulty, Leaves},
    house::{ACCOUNT, House, ORGANIZATION, event, lines},
};
use base::{Fault as _, Id, Kind, Timestamp};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use stream::{Block, Log, NewBatch};

/// Batch `number`: one event of each of two users, the second of which makes a key.
fn batch(number: usize) -> String {
    lines([event(number * 2, 1, "ListUsers"), event(number * 2 + 1, 2, "CreateAccessKey")])
}

/// What the log holds, by event id, and that the findings say the same.
async fn check(house: &House, case: &str) -> Vec<usize> {
    let log = house.log().await;
    let mut batches = Vec::new();
    for (position, kept) in log.iter().enumerate() {
        assert_eq!(kept.offset, position as u64, "{case}: offsets have no gaps");
        let id = kept.text.split("\"eventID\":\"e-").nth(1).and_then(|rest| rest.split('"').next());
        let number: usize = id.and_then(|id| id.parse().ok()).expect("our events have numbers");
        assert_eq!(number % 2, position % 2, "{case}: batches are whole");
        if number.is_multiple_of(2) {
            batches.push(number / 2);
        }
    }
    let hits: BTreeMap<_, _> = house.hits().await.into_iter().collect();
    let counted = hits.get(&format!("arn:aws:iam::{ACCOUNT}:user/u2")).copied().unwrap_or(0);
    assert_eq!(counted, batches.len() as u64, "{case}: every event is judged once: {batches:?}");
    let mut once = batches.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), batches.len(), "{case}: no batch is there twice: {batches:?}");
    batches
}

async fn run(disk: &Faulty, dir: &Path, power: bool) -> (Vec<usize>, Vec<usize>) {
    let house = House::on(dir, Arc::new(disk.clone()), 3).await;
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for number in 0..4 {
        match house.send(batch(number)).await {
            Ok(receipt) => {
                assert_eq!(receipt.accepted, 2);
                kept.push(number);
            }
            Err(error) if power || error.kind() == Kind::Full => refused.push(number),
            Err(_) => {}
        }
    }
    // The process ends here without a word.
    house.store.close().await;
    (kept, refused)
}

/// A copy of a data directory that was closed in good order. The reserve is large and nothing here spends
/// it: a second name will do.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            std::fs::create_dir(&copied).expect("a directory");
            copy(&path, &copied);
        } else if entry.file_name() == "reserve" {
            std::fs::hard_link(&path, &copied).expect("a second name");
        } else {
            std::fs::copy(&path, &copied).expect("a copy");
        }
    }
}

#[tokio::test]
async fn every_fault_of_the_logs_disk_at_every_operation() {
    let fresh = tempfile::tempdir().expect("a directory");
    House::open(fresh.path()).await.close().await;
    let directory = || {
        let dir =
            tempfile::tempdir_in(fresh.path().parent().expect("it stands in one")).expect("a directory");
        copy(fresh.path(), dir.path());
        dir
    };
    let operations = {
        let (disk, dir) = (Faulty::default(), directory());
        assert_eq!(run(&disk, dir.path(), true).await.0, [0, 1, 2, 3]);
        disk.operations()
    };
    for at in 0..=operations {
        for fault in [Fault::Full, Fault::Fails, Fault::FailsUnseen, Fault::Power] {
            // How a crash can leave the log alone is gone through in `stream`; here, how it can leave both.
            let leaves: &[Leaves] = match fault {
                Fault::Power => &Leaves::ALL,
                Fault::Full | Fault::Fails | Fault::FailsUnseen => &[Leaves::Nothing, Leaves::Everything],
            };
            for &leaves in leaves {
                let case = format!("{fault:?} at {at}, crash leaves {leaves:?}");
                let (disk, dir) = (Faulty::failing(at, fault), directory());
                let (kept, refused) = run(&disk, dir.path(), fault != Fault::Power).await;
                disk.crash(leaves);
                let house = House::on(dir.path(), Arc::new(disk.clone()), 3).await;
                let found = check(&house, &case).await;
                assert!(kept.iter().all(|kept| found.contains(kept)), "{case}: {found:?} of {kept:?}");
                assert!(!refused.iter().any(|refused| found.contains(refused)), "{case}: {found:?}");
                match fault {
                    Fault::Full => assert!(kept.len() >= 2, "{case}: one shortage is got over: {kept:?}"),
                    // Once the log's disk has failed, nothing is taken until the process starts anew.
                    _ => assert!(kept.windows(2).all(|next| next[0] + 1 == next[1]), "{case}: {kept:?}"),
                }
                // Whoever got no answer sends again.
                for number in 0..4 {
                    house.send(batch(number)).await.expect("the disk works again");
                }
                let mut found = check(&house, &case).await;
                found.sort_unstable();
                assert_eq!(found, [0, 1, 2, 3], "{case}");
            }
        }
    }
}

/// A crash between the sync of the log and the commit of the store: the log holds what the store does not
/// know.
#[tokio::test]
async fn what_the_log_holds_beyond_the_cursor_is_judged_at_the_next_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    house.send(batch(0)).await.expect("it is kept");
    let stream = house.store.directory(ORGANIZATION).join("stream");
    house.close().await;
    let log = Log::open(stream::Options::on_disk(stream, ORGANIZATION)).expect("it opens");
    for number in [1, 2] {
        let events: Vec<String> = batch(number).lines().map(str::to_owned).collect();
        let batch = NewBatch {
            id: Id::from_bytes([u8::try_from(number).expect("small"); 16]),
            source: Id::from_bytes([5; 16]),
            arrival: Timestamp::from_millis(1_760_000_000_000),
            pack: [0; 32],
            model: 1,
            block: Block::of(events.iter().map(String::as_str)).expect("small"),
        };
        log.append(&[batch]).expect("room");
    }
    log.sync().expect("a disk");
    drop(log);
    for _ in 0..2 {
        let house = House::open(dir.path()).await;
        assert_eq!(check(&house, "after the start").await, [0, 1, 2]);
        house.close().await;
    }
}

#[tokio::test]
async fn a_log_that_lost_acknowledged_events_is_not_gone_on_with() {
    let (disk, dir) = (Faulty::default(), tempfile::tempdir().expect("a directory"));
    let house = House::on(dir.path(), Arc::new(disk.clone()), 3).await;
    house.send(batch(0)).await.expect("it is kept");
    let stream = house.store.directory(ORGANIZATION).join("stream");
    house.close().await;
    disk.change(&stream.join("00000000000000000000.log"), |bytes| bytes.truncate(bytes.len() - 1));
    let house = House::on(dir.path(), Arc::new(disk), 3).await;
    let error = house.send(batch(1)).await.expect_err("it must not go on");
    assert_eq!(error.kind(), Kind::Internal);
}

/// With a snapshot after every batch, none at all, or a damaged one: the same state, to the byte.
#[tokio::test]
async fn the_state_is_the_one_that_the_log_gives() {
    let mut states = Vec::new();
    for way in 0..4 {
        let dir = tempfile::tempdir().expect("a directory");
        let every = if way == 1 { 1 } else { 1_000_000 };
        let mut house = House::on(dir.path(), Arc::new(stream::Disk), every).await;
        let state = house.store.directory(ORGANIZATION).join("state");
        for round in 0..6 {
            let users = (0..40).map(|user| {
                event(round * 40 + user, user, if user % 7 == 0 { "CreateAccessKey" } else { "ListUsers" })
            });
            house.send(lines(users)).await.expect("it is kept");
            if way > 0 {
                house.close().await;
                if way == 2 {
                    std::fs::remove_file(&state).expect("there");
                }
                if way == 3 && round % 2 == 0 {
                    std::fs::write(&state, b"NXSTATE\x01 and then nothing").expect("written");
                }
                house = House::on(dir.path(), Arc::new(stream::Disk), every).await;
                house.pipeline.open(ORGANIZATION).await.expect("it opens");
            }
        }
        // The last snapshot covers the last event in every way.
        house.send(event(1_000, 1, "ListUsers")).await.expect("it is kept");
        let hits = house.hits().await;
        house.close().await;
        states.push((hits, std::fs::read(&state).expect("there")));
    }
    for other in &states[1..] {
        assert!(*other == states[0]);
    }
}
