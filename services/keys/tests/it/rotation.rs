//! Rotation by schedule and by use, and wrapping anew.

use crate::{House, INFO, sealed};
use base::{Action, Clock as _, Id};
use keys::{Error, Filter, Keys, Purpose, Referrer, Rotation, State, conformance::Faulty};
use policy::Resource;
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn a_key_rotates_by_schedule_and_keeps_its_schedule() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (first, _) = sealed(&house, dataset).await;
    let permit = house.on_key(Action::KeysRotate, first);
    let rotation = Rotation { every: Some(Duration::from_secs(3_600)), uses: None };
    let set = house.keys.set_rotation(&house.ctx, &permit, first, rotation).await.expect("it is set");
    assert_eq!(set.rotates_at, Some(house.clock.now() + Duration::from_secs(3_600)));
    assert_eq!(house.last_kinds(1).await, ["key.rotation_set"]);
    let step = |now| house.keys.rotation_step(&house.ctx, now);
    assert_eq!(step(house.clock.forward(Duration::from_secs(3_599))).await.expect("nothing is due"), 0);
    assert_eq!(step(house.clock.forward(Duration::from_secs(1))).await.expect("it is due"), 1);
    assert_eq!(step(house.clock.now()).await.expect("once"), 0);
    let second = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there").id;
    let second = house.keys.version(&house.ctx, second).await.expect("it is there");
    assert_eq!((second.version, second.rotation), (2, rotation));
    assert_eq!(second.rotates_at, Some(house.clock.now() + Duration::from_secs(3_600)));
    let off = house.on_key(Action::KeysRotate, second.id);
    house.keys.set_rotation(&house.ctx, &off, second.id, Rotation::default()).await.expect("it is set");
    assert_eq!(step(house.clock.forward(Duration::from_secs(9_999))).await.expect("never again"), 0);
    let hasty = Rotation { every: Some(Duration::from_secs(1)), uses: None };
    let permit = house.on_key(Action::KeysRotate, first);
    let refused = house.keys.set_rotation(&house.ctx, &permit, first, hasty).await;
    assert!(matches!(refused, Err(Error::WrongRotation)));
}

#[tokio::test]
async fn a_key_rotates_when_its_uses_are_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (first, _) = sealed(&house, dataset).await;
    let permit = house.on_key(Action::KeysRotate, first);
    let rotation = Rotation { every: None, uses: Some(3) };
    house.keys.set_rotation(&house.ctx, &permit, first, rotation).await.expect("it is set");
    for run in 1..=3 {
        assert_eq!(house.keys.rotation_step(&house.ctx, house.clock.now()).await.expect("it steps"), 0);
        let mut tx = house.store.write(&house.ctx).await.expect("its turn");
        house.keys.refer(&mut tx, first, Referrer::Run(Id::from_bytes([run; 16]))).await.expect("a use");
        tx.commit_derived().await.expect("it commits");
    }
    assert_eq!(house.keys.rotation_step(&house.ctx, house.clock.now()).await.expect("it steps"), 1);
    assert_eq!(house.keys.version(&house.ctx, first).await.expect("it is there").uses, 3);
    let second = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there").id;
    let second = house.keys.version(&house.ctx, second).await.expect("it is there");
    assert_eq!((second.version, second.uses, second.rotation), (2, 0, rotation));
}

#[tokio::test]
async fn two_nodes_that_rotate_at_once_make_one_version() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (first, _) = sealed(&house, dataset).await;
    let permit = house.on_key(Action::KeysRotate, first);
    let rotation = Rotation { every: Some(Duration::from_secs(60)), uses: None };
    house.keys.set_rotation(&house.ctx, &permit, first, rotation).await.expect("it is set");
    let other = house.node().await;
    let now = house.clock.forward(Duration::from_secs(60));
    let (ours, theirs) =
        tokio::join!(house.keys.rotation_step(&house.ctx, now), other.rotation_step(&house.ctx, now));
    assert_eq!(ours.expect("it steps") + theirs.expect("it steps"), 1);
    // On demand each asks for a version of its own, and gets it.
    let permit = house.on_key(Action::KeysRotate, first);
    let (ours, theirs) = tokio::join!(
        house.keys.rotate(&house.ctx, &permit, first, None),
        other.rotate(&house.ctx, &permit, first, None)
    );
    let mut versions = [ours.expect("it rotates").version, theirs.expect("it rotates").version];
    versions.sort_unstable();
    assert_eq!(versions, [3, 4]);
    let filter = Filter { dataset: Some(dataset), state: Some(State::Active), ..Filter::default() };
    let page = house.keys.versions(&house.ctx, &filter, base::Limit::default(), None).await.expect("a page");
    assert_eq!(page.items.len(), 1);
}

#[tokio::test]
async fn rewrapping_moves_every_key_to_the_organization_s_new_key_and_touches_no_data() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let mut data = Vec::new();
    for seed in 1..=20 {
        let dataset = house.dataset(seed).await;
        let (key, sealed) = sealed(&house, dataset).await;
        data.push((dataset, key, sealed));
    }
    let old = house.versions(Purpose::Organization).await[0].id;
    let new = house.keys.rotate(&house.ctx, &house.on_key(Action::KeysRotate, old), old, None).await;
    let new = new.expect("the organization's key rotates too").id;
    let destroy = house.on_key(Action::KeysDestroy, old);
    let refused = house.keys.destroy(&house.ctx, &destroy, old).await.expect_err("20 keys are sealed to it");
    assert!(matches!(refused, Error::Referred { count: 20, .. }), "{refused}");

    let permit =
        house.policy.permit(&house.ctx, Action::KeysRewrap, Resource::Organization, house.clock.now());
    let permit = permit.expect("allowed");
    let (mut after, mut keys, mut batches) = (None, 0, 0);
    loop {
        let batch = house.keys.rewrap(&house.ctx, &permit, after).await.expect("it wraps anew");
        (keys, batches) = (keys + batch.keys, batches + 1);
        after = batch.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((keys, batches), (26, 2), "20 datasets, 5 of the organization and its new key");
    assert_eq!(house.last_kinds(2).await, ["keys.rewrapped", "keys.rewrapped"]);
    house.keys.destroy(&house.ctx, &destroy, old).await.expect("nothing is sealed to it any more");
    let node = house.node().await;
    for (dataset, key, sealed) in &data {
        assert_eq!(house.keys.version(&house.ctx, *key).await.expect("it is there").over, Some(new));
        let reveal = house.permit(&house.ctx, Action::DatasetsReveal, *dataset);
        let open = node.open_data_key(&house.ctx, &reveal, *dataset, *key, INFO, sealed).await;
        open.expect("what was protected opens as before");
    }
    house.keys.log_keys(&house.ctx).await.expect("so do the keys of the log");
    house.keys.redaction_key(&house.ctx).await.expect("and of redactions");
}

#[tokio::test]
async fn while_the_organization_s_key_is_suspended_nothing_under_it_opens() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, sealed) = sealed(&house, dataset).await;
    let over = house.versions(Purpose::Organization).await[0].id;
    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, over), over).await.expect("suspended");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let open = house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await;
    assert!(matches!(open, Err(Error::Closed { key, .. }) if key == over), "the one above is named");
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let made = house.keys.create_dataset(&mut tx, Id::from_bytes([2; 16])).await;
    assert!(matches!(made, Err(Error::Closed { .. })), "and nothing new is sealed to it");
    drop(tx);
    house.keys.resume(&house.ctx, &house.on_key(Action::KeysResume, over), over).await.expect("resumed");
    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await.expect("it opens again");
}

/// Whatever the root does in the middle, a version is there whole or not at all, and what opened before opens.
#[tokio::test]
async fn a_root_that_fails_at_any_call_leaves_the_keys_as_they_were() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, sealed) = sealed(&house, dataset).await;
    let rotate = house.on_key(Action::KeysRotate, key);
    let rewrap = house.policy.permit(&house.ctx, Action::KeysRewrap, Resource::Organization, crate::NOW);
    let rewrap = rewrap.expect("allowed");
    let mut failures = 0;
    for at in 0..40 {
        for faulty in [Faulty::before(house.root.clone(), at), Faulty::after(house.root.clone(), at)] {
            let node = Keys::new(
                house.store.clone(),
                Arc::new(faulty.clone()),
                crypto::aws_lc(),
                house.clock.clone(),
            );
            let before = house.versions(Purpose::Dataset).await;
            let rotated = node.rotate(&house.ctx, &rotate, key, None).await;
            let rewrapped = node.rewrap(&house.ctx, &rewrap, None).await;
            assert_eq!(rotated.is_err() || rewrapped.is_err(), faulty.failed(), "call {at}");
            failures += u32::from(faulty.failed());
            let after = house.versions(Purpose::Dataset).await;
            assert_eq!(after.len(), before.len() + usize::from(rotated.is_ok()), "whole or not at all");
            let active = after.iter().filter(|key| key.state == State::Active).count();
            assert_eq!(active, 1, "call {at}");
        }
        let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
        let node = house.node().await;
        node.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed)
            .await
            .expect("it opens as before");
    }
    assert!(failures > 40, "{failures} calls failed");
}
