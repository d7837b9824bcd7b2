//! When ledger and store do not fit each other, nothing is published and nothing is touched.

use crate::house::{House, copy, keys};
use audit::Error;
use std::{fs, path::Path};

/// Every file below a directory with its bytes.
fn content(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("it lists") {
        let path = entry.expect("it lists").path();
        if path.is_dir() {
            found.extend(content(&path));
        } else {
            found.push((path.clone(), fs::read(&path).expect("it reads")));
        }
    }
    found.sort();
    found
}

async fn refused(house: &House) -> Error {
    let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
    let before = home.is_dir().then(|| content(&home));
    let error = house.audit.publish_step(&house.ctx, &house.keys).await.err();
    let error = error.unwrap_or_else(|| unreachable!("it publishes"));
    assert_eq!(home.is_dir().then(|| content(&home)), before, "nothing was touched");
    let status = house.audit.status(&house.ctx).await.expect("it answers");
    assert!(status.stalled.is_some_and(|reason| reason.contains(&error.to_string())));
    error
}

#[tokio::test]
async fn an_older_store_under_a_newer_ledger_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let house = House::open(&data, None).await;
    house.begin().await;
    house.commit(3).await;
    house.publish().await;
    house.store.close().await;
    copy(&data.join("organizations"), &backup);

    let house = House::open(&data, Some(house.keys)).await;
    house.commit(5).await;
    house.publish().await;
    house.store.close().await;
    fs::remove_dir_all(data.join("organizations")).expect("it goes");
    copy(&backup, &data.join("organizations"));
    let house = House::open(&data, Some(house.keys)).await;
    assert!(matches!(refused(&house).await, Error::Ahead { published: 9, committed: 4 }));

    // It goes on to commit other entries at the same positions: still refused, now as a fork.
    house.commit(6).await;
    let error = refused(&house).await;
    assert!(matches!(error, Error::Fork { position: 4 }), "{error}");
}

#[tokio::test]
async fn a_ledger_that_lost_files_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    house.begin().await;
    house.commit_together(6_000).await;
    house.publish().await;
    let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
    house.store.close().await;

    let house = House::open(dir.path(), Some(house.keys)).await;
    let kept = dir.path().join("kept");
    fs::rename(&home, &kept).expect("it moves");
    let error = refused(&house).await;
    assert!(matches!(error, Error::Gap { expected: 0, .. }), "{error}");

    fs::rename(&kept, &home).expect("it moves back");
    let checkpoint = fs::read(home.join("checkpoint")).expect("it reads");
    fs::remove_file(home.join("checkpoint")).expect("it goes");
    let error = refused(&house).await;
    assert!(matches!(error, Error::Gap { .. }), "tiles without a checkpoint are not swept away: {error}");
    fs::write(home.join("checkpoint"), checkpoint).expect("it is back");
    house.commit(1).await;
    assert_eq!(house.publish().await, 1);
    assert!(house.verify().is_ok());
}

#[tokio::test]
async fn other_keys_do_not_sign_this_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut house = House::open(dir.path(), None).await;
    house.begin().await;
    let own = house.keys.clone();
    house.keys = keys(house.ctx.organization());
    assert!(matches!(refused(&house).await, Error::WrongKeys), "before the first checkpoint");
    house.keys = own.clone();
    house.publish().await;
    house.store.close().await;
    let mut house = House::open(dir.path(), Some(own)).await;
    house.keys = keys(house.ctx.organization());
    house.commit(1).await;
    assert!(matches!(refused(&house).await, Error::Changed(_)), "and after it");
}
