//! The log's keys are replaced by an entry that both pairs sign.

use crate::house::{House, Pair};
use audit::{Error, LogKeys};
use base::Id;

#[tokio::test]
async fn from_the_checkpoint_that_covers_a_rotation_the_new_keys_sign() {
    let dir = tempfile::tempdir().expect("a directory");
    let pairs = [Pair::fresh(), Pair::fresh(), Pair::fresh()];
    let house = House::open(dir.path(), None).await;
    let organization = house.ctx.organization();
    let up_to = |count: usize| {
        let pairs = pairs[..count].iter().map(Pair::keys).collect();
        LogKeys::of(organization, 1, pairs).expect("one of each")
    };
    let mut house = House { keys: up_to(1), ..house };
    house.begin().await;
    house.commit(3).await;
    house.publish().await;
    let first = house.keys.verifier_keys();
    for count in [2, 3] {
        house.commit(2).await;
        let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
        let fresh = pairs[count - 1].keys();
        let entry = house.audit.rotate(&mut tx, &house.keys, &fresh).await.expect("both sign");
        let _ = tx.commit(entry).await.expect("it commits");
        house.keys = up_to(count);
        house.commit(2).await;
        house.publish().await;
        let report = house.verify().expect("whoever trusts the keys in use trusts the log");
        assert_eq!(report.charter.keys, house.keys.verifier_keys());
        assert_eq!(report.charter.replaced.len(), count - 1);
        // Another start reads the checkpoint with the keys that signed it.
        house.store.close().await;
        house = House::open(dir.path(), Some(up_to(count))).await;
        house.commit(1).await;
        assert_eq!(house.publish().await, 1);
    }
    // A pin of the very first keys is enough: each pair signed the next.
    let report = house.verify_pinned(&first).expect("the chain leads from the pinned keys to those in use");
    assert_eq!(report.checkpoint.checkpoint().size, 4 + 6 + 6);
    // Without the keys in use nothing is signed.
    house.keys = up_to(2);
    house.commit(1).await;
    // Once may be while they are on the way; whoever comes again without them stalls.
    for stalls in [false, true] {
        assert!(matches!(house.audit.publish_step(&house.ctx, &house.keys).await, Err(Error::WrongKeys)));
        let status = house.audit.status(&house.ctx).await.expect("it is told");
        assert_eq!(status.stalled.is_some(), stalls);
    }
    let stranger = LogKeys::of(Id::from_bytes([9; 16]), 1, vec![pairs[0].keys()]).expect("one of each");
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let refused = house.audit.rotate(&mut tx, &stranger, &Pair::fresh().keys()).await;
    assert!(matches!(refused, Err(Error::WrongKeys)), "{refused:?}");
}

#[tokio::test]
async fn a_rotation_that_no_checkpoint_covers_yet_leaves_the_old_keys_signing() {
    let dir = tempfile::tempdir().expect("a directory");
    let pairs = [Pair::fresh(), Pair::fresh()];
    let house = House::open_with(dir.path(), None, |options| options.batch = 2).await;
    let organization = house.ctx.organization();
    let both = || LogKeys::of(organization, 1, pairs.iter().map(Pair::keys).collect()).expect("one of each");
    let first = LogKeys::of(organization, 1, vec![pairs[0].keys()]).expect("one of each");
    let mut house = House { keys: first, ..house };
    house.begin().await;
    house.commit(1).await;
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let entry = house.audit.rotate(&mut tx, &house.keys, &pairs[1].keys()).await.expect("both sign");
    let _ = tx.commit(entry).await.expect("it commits");
    house.keys = both();
    // Entries 0 and 1 only: the rotation is entry 2.
    let step = house.audit.publish_step(&house.ctx, &house.keys).await.expect("it publishes");
    assert_eq!((step.published, step.more), (2, true));
    let report = house.verify().expect_err("the new keys have signed nothing yet");
    assert_eq!(report.file, "checkpoint");
    house.publish().await;
    assert_eq!(house.verify().expect("now they have").charter.keys, house.keys.verifier_keys());
}
