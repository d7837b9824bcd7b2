//! What is committed is published, in order, once, and every byte of it counts.

use crate::house::House;
use audit::{Directory, KEPT};
use store::{OUTBOX, Queries as _};
use verify::LedgerFiles as _;

#[tokio::test]
async fn what_is_committed_is_published_across_restarts() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut house = House::open(dir.path(), None).await;
    house.begin().await;
    let mut committed = 1;
    for count in [0, 3, 260, 1, 0, 2_000] {
        house.commit_together(count.max(1)).await;
        committed += count.max(1);
        let before = house.audit.status(&house.ctx).await.expect("it answers");
        assert_eq!((before.committed, before.stalled), (committed, None));
        assert!(before.published < committed);
        house.publish().await;
        assert_eq!(house.publish().await, 0, "nothing is published twice");
        let report = house.verify().expect("the ledger verifies");
        assert_eq!(report.checkpoint.checkpoint().size, committed);
        let status = house.audit.status(&house.ctx).await.expect("it answers");
        assert_eq!((status.published, status.checkpoint_at), (committed, report.checkpoint.time()));
        let keys = house.keys.clone();
        house.store.close().await;
        house = House::open(dir.path(), Some(keys)).await;
        let status = house.audit.status(&house.ctx).await.expect("it answers");
        assert_eq!(
            (status.published, status.committed),
            (committed, committed),
            "known before the first step"
        );
    }
}

#[tokio::test]
async fn a_doorbell_rings_for_every_entry() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    let mut bell = house.store.doorbell(house.ctx.organization(), OUTBOX);
    house.begin().await;
    bell.wait().await;
    house.publish().await;
    house.commit(1).await;
    bell.wait().await;
    assert_eq!(house.publish().await, 1);
}

#[tokio::test]
async fn the_outbox_is_pruned_and_the_next_start_still_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    house.begin().await;
    house.commit_together(6_000).await;
    house.publish().await;
    let read = house.store.read(&house.ctx).await.expect("the door opens");
    let kept = read.entries(0, 10_000).await.expect("it answers");
    assert!(kept.len() < 3_000 && kept.len() as u64 >= KEPT, "{} entries are kept", kept.len());
    drop(read);
    let keys = house.keys.clone();
    house.store.close().await;
    let house = House::open(dir.path(), Some(keys)).await;
    house.commit(1).await;
    assert_eq!(house.publish().await, 1);
    assert_eq!(house.verify().expect("it verifies").checkpoint.checkpoint().size, 6_002);
}

/// Real signatures over a real directory: every byte of every file, one flipped bit each.
#[tokio::test]
async fn every_flipped_byte_fails_and_is_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    house.begin().await;
    house.publish().await;
    house.commit(2).await;
    house.publish().await;
    let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
    let files = Directory::open(&home).expect("the ledger is there").list().expect("it lists");
    assert_eq!(files.len(), 5, "a checkpoint, and bundle and tile at two sizes: {files:?}");
    let mut flips = 0;
    for name in files {
        let path = home.join(&name);
        let whole = std::fs::read(&path).expect("it reads");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(&path, &changed).expect("it writes");
            let failure = house.verify().err().unwrap_or_else(|| unreachable!("{name}, byte {at}: unseen"));
            assert_eq!(failure.file, name, "byte {at}: {failure}");
            flips += 1;
        }
        std::fs::write(&path, &whole).expect("it writes");
    }
    assert!(flips > 8_000, "{flips} bytes are too few for two keys, two signatures and three entries twice");
    assert!(house.verify().is_ok());
}
