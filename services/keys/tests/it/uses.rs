//! Uses are counted in blocks that survive a crash.

use crate::{House, sealed};
use base::{Action, Fault, Id, Kind};
use crypto::FieldAlgorithm;
use keys::{Error, FieldUse, Purpose, Rotation};

async fn field_key(house: &House, seed: u8) -> Id<base::noun::Key> {
    let dataset = house.dataset(seed).await;
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let what = FieldUse { dataset, field: "email", algorithm: FieldAlgorithm::AesSiv };
    let (open, entry) = house.keys.create_field_key(&mut tx, &permit, what).await.expect("it is made");
    tx.commit(entry.expect("it is new")).await.expect("it commits");
    open.key
}

#[tokio::test]
async fn a_crash_wastes_the_rest_of_a_block_and_never_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = field_key(&house, 1).await;
    let uses = async |house: &House| house.keys.version(&house.ctx, key).await.expect("it is there").uses;
    for _ in 0..10 {
        house.keys.count_uses(&house.ctx, key, 1_000).await.expect("it counts");
    }
    assert_eq!(uses(&house).await, 10_000, "this node knows what is left of its block");
    let node = house.node().await;
    let there = node.version(&house.ctx, key).await.expect("it is there");
    assert_eq!(there.uses, 1 << 20, "another takes the block for used");
    node.count_uses(&house.ctx, key, 1).await.expect("from a block of its own");
    house.store.close().await;
    drop((house, node));

    let house = House::new(dir.path()).await;
    assert_eq!(uses(&house).await, 2 << 20, "as it is after a crash");
    house.keys.count_uses(&house.ctx, key, 5).await.expect("it counts");
    house.keys.settle_uses(&house.ctx).await.expect("it gives back");
    house.store.close().await;
    drop(house);
    let house = House::new(dir.path()).await;
    assert_eq!(uses(&house).await, (2 << 20) + 5, "a node that stops in order wastes nothing");
}

#[tokio::test]
async fn a_key_does_not_pass_its_limit_and_a_batch_may_be_larger_than_a_block() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = field_key(&house, 1).await;
    house.keys.count_uses(&house.ctx, key, 3 << 20).await.expect("it counts");
    let refused = house.keys.count_uses(&house.ctx, key, 1 << 48).await.expect_err("more than it may");
    assert!(matches!(refused, Error::UsedUp { .. }), "{refused}");
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(
        house.keys.version(&house.ctx, key).await.expect("it is there").uses,
        3 << 20,
        "none was taken"
    );
    house.keys.count_uses(&house.ctx, key, (1 << 48) - (3 << 20)).await.expect("to the last");
    assert!(matches!(house.keys.count_uses(&house.ctx, key, 1).await, Err(Error::UsedUp { .. })));
}

#[tokio::test]
async fn a_key_that_is_closed_counts_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = field_key(&house, 1).await;
    house.keys.count_uses(&house.ctx, key, 1).await.expect("this node takes a block");
    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    let closed = house.keys.count_uses(&house.ctx, key, 1).await;
    assert!(matches!(closed, Err(Error::Closed { .. })), "though there is a block of it in memory");
    house.keys.resume(&house.ctx, &house.on_key(Action::KeysResume, key), key).await.expect("resumed");
    house.keys.count_uses(&house.ctx, key, 1).await.expect("it goes on with its block");
    let node = house.node().await;
    assert_eq!(node.version(&house.ctx, key).await.expect("it is there").uses, 1 << 20);
    let nobody = house.keys.count_uses(&house.ctx, Id::from_bytes([0; 16]), 1).await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn many_at_once_count_right() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(2).await;
    let (key, _) = sealed(&house, dataset).await;
    let permit = house.on_key(Action::KeysRotate, key);
    // Blocks of one: every count has to wait for its turn.
    let rotation = Rotation { every: None, uses: Some(16) };
    house.keys.set_rotation(&house.ctx, &permit, key, rotation).await.expect("it is set");
    let counts = (0..20).map(|_| house.keys.count_uses(&house.ctx, key, 1));
    for counted in futures::future::join_all(counts).await {
        counted.expect("it counts");
    }
    assert_eq!(house.keys.version(&house.ctx, key).await.expect("it is there").uses, 20);
}

#[tokio::test]
async fn wraps_and_signings_are_counted_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, data) = sealed(&house, dataset).await;
    let wraps = async || house.keys.wraps(&house.ctx, key).await.expect("a count");
    assert_eq!(wraps().await, 1);
    house.keys.rotate(&house.ctx, &house.on_key(Action::KeysRotate, key), key, None).await.expect("rotated");
    assert_eq!(wraps().await, 2, "the record of the dataset's unit wrapped both versions");
    let (manifest, over) =
        (house.versions(Purpose::Manifest).await[0].id, house.versions(Purpose::Organization).await[0].id);
    assert_eq!(house.keys.wraps(&house.ctx, over).await.expect("a count"), 2, "its own and the manifest key");
    let protect = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    crate::signed(&house, &protect, dataset).await.expect("it signs");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, crate::INFO, &data).await.expect("it opens");
    for id in [manifest, over, key] {
        assert_eq!(house.keys.version(&house.ctx, id).await.expect("it is there").uses, 1);
    }
}
