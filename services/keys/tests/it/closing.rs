//! What is open in memory closes with the key.

use crate::{House, INFO, NOW, sealed};
use base::{Action, Clock as _, Fault, Id, Kind};
use keys::{Error, GRACE, State};
use ledger::Entry;
use standing::{Change, Reason};
use std::time::Duration;

#[tokio::test]
async fn a_suspended_key_does_not_open_although_it_is_cached() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, sealed) = sealed(&house, dataset).await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let mut lease = house.keys.lease(&house.ctx, vec![key]).await.expect("it is open");
    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await.expect("it opens");
    assert_eq!(house.keys.cached(), 1);
    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await.expect("from memory");
    assert_eq!(house.keys.version(&house.ctx, key).await.expect("it is there").uses, 1, "not opened anew");
    house.keys.check(&house.ctx, &mut lease).await.expect("a run goes on");

    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    assert_eq!(house.keys.cached(), 0, "nothing is left in memory");
    let open = house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await;
    assert!(matches!(open, Err(Error::Closed { state: State::Suspended, .. })));
    let run = house.keys.check(&house.ctx, &mut lease).await.expect_err("a run that holds it stops");
    assert!(matches!(run, Error::Closed { .. }));
    assert_eq!(run.kind(), Kind::Conflict);
    house.keys.resume(&house.ctx, &house.on_key(Action::KeysResume, key), key).await.expect("resumed");
    house.keys.check(&house.ctx, &mut lease).await.expect("it may go on");
    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await.expect("it opens");
}

#[tokio::test]
async fn a_version_that_another_node_closed_opens_nothing_new_though_its_epoch_was_not_heard_of() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, data_key) = sealed(&house, dataset).await;
    let (_, unopened) = sealed(&house, dataset).await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let node = house.node().await;
    node.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await.expect("it opens");
    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    // What the node knows of the version is good for the epoch that the store has, not for the one it heard last.
    let open = node.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &unopened).await;
    assert!(matches!(open, Err(Error::Closed { state: State::Suspended, .. })));
}

#[tokio::test]
async fn a_run_over_another_key_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (ours, other) = (house.dataset(1).await, house.dataset(2).await);
    let (ours, _) = sealed(&house, ours).await;
    let (other, _) = sealed(&house, other).await;
    let mut lease = house.keys.lease(&house.ctx, vec![ours]).await.expect("it is open");
    house
        .keys
        .suspend(&house.ctx, &house.on_key(Action::KeysSuspend, other), other)
        .await
        .expect("suspended");
    house.keys.check(&house.ctx, &mut lease).await.expect("its own key is open");
    let closed = house.keys.lease(&house.ctx, vec![ours, other]).await.expect_err("one of them is closed");
    assert!(matches!(closed, Error::Closed { key, .. } if key == other));
}

#[tokio::test]
async fn a_quarantine_refuses_before_the_cache_is_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, sealed) = sealed(&house, dataset).await;
    let identity = Id::from_bytes([11; 16]);
    let ctx = house.as_identity(identity);
    let permit = house.permit(&ctx, Action::DatasetsReveal, dataset);
    house.keys.open_data_key(&ctx, &permit, dataset, key, INFO, &sealed).await.expect("in good standing");
    assert_eq!(house.keys.cached(), 1);

    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let change = Change::Quarantine { reason: Reason::Manual, finding: None };
    let pending = house.standings.set(&mut tx, identity, change, NOW).await.expect("it is set");
    let committed =
        tx.commit(Entry::done(ledger::Kind::IdentityQuarantined, identity)).await.expect("it commits");
    pending.publish(&committed);
    // From here on whoever asked for the quarantine is answered.
    let refused = house.keys.open_data_key(&ctx, &permit, dataset, key, INFO, &sealed).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "although it is cached");
    assert_eq!(house.keys.cached(), 1, "others still use it");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    house
        .keys
        .open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed)
        .await
        .expect("it opens for them");
}

#[tokio::test]
async fn a_node_that_does_not_read_the_epoch_stops_opening_and_another_s_rise_drops_its_cache() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, sealed) = sealed(&house, dataset).await;
    let node = house.node().await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    node.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await.expect("it opens");
    let mut lease = node.lease(&house.ctx, vec![key]).await.expect("it is open");

    // This node's standings are fresh, the other's key epoch is not.
    house.clock.forward(GRACE + Duration::from_millis(1));
    house.heard().await;
    let deaf = node.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await;
    let deaf = deaf.expect_err("it may have missed a suspension");
    assert!(matches!(deaf, Error::EpochUnread { seconds: Some(5) }), "{deaf}");
    assert_eq!(deaf.kind(), Kind::Unavailable);
    assert!(node.check(&house.ctx, &mut lease).await.is_err(), "a run stops too");
    assert!(!node.epoch_step(&house.ctx, house.clock.now()).await.expect("it reads again"));
    node.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await.expect("it opens");

    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    assert_eq!(node.cached(), 1, "it has not heard of it");
    assert!(node.epoch_step(&house.ctx, house.clock.now()).await.expect("it reads"), "the epoch rose");
    assert_eq!(node.cached(), 0);
    let open = node.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await;
    assert!(matches!(open, Err(Error::Closed { .. })));
    assert!(matches!(node.check(&house.ctx, &mut lease).await, Err(Error::Closed { .. })));
}

#[tokio::test]
async fn a_node_that_never_read_the_epoch_opens_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, sealed) = sealed(&house, dataset).await;
    let (root, clock) = (house.root.clone(), house.clock.clone());
    let node = keys::Keys::new(house.store.clone(), root, crypto::aws_lc(), clock);
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let open = node.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await;
    assert!(matches!(open, Err(Error::EpochUnread { seconds: None })));
}
