//! The life of a key, act by act.

use crate::{House, INFO, sealed};
use base::{Action, Fault, Id, Kind, Limit, noun};
use crypto::{Suite, hpke};
use keys::{Error, Filter, Purpose, Referrer, Scope, State};
use policy::Resource;

#[tokio::test]
async fn a_version_that_was_rotated_still_opens_and_protects_nothing_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (first, old) = sealed(&house, dataset).await;
    let permit = house.on_key(Action::KeysRotate, first);
    let key = house.keys.rotate(&house.ctx, &permit, first, Some(Suite::Cnsa2)).await.expect("it rotates");
    assert_eq!((key.version, key.state, key.algorithm.as_str()), (2, State::Active, "cnsa-2"));
    assert_eq!(house.last_kinds(2).await, ["key.generated", "key.rotated"]);
    let (second, new) = sealed(&house, dataset).await;
    assert_eq!(second, key.id, "what is protected now is protected under the new version");

    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    for (key, sealed) in [(first, &old), (second, &new)] {
        let open = house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, sealed).await;
        assert_eq!(open.expect("each opens under its own version").expose(), b"data key");
    }
    let mixed = house.keys.open_data_key(&house.ctx, &reveal, dataset, second, INFO, &old).await;
    assert!(matches!(mixed, Err(Error::Crypto(_))), "and under no other");
    assert_eq!(house.keys.version(&house.ctx, first).await.expect("it is there").state, State::Retired);
    // A run that began before the rotation ends after it.
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    house.keys.refer(&mut tx, first, Referrer::Run(Id::from_bytes([1; 16]))).await.expect("it still counts");
}

#[tokio::test]
async fn a_generated_version_is_not_in_use_before_it_is_activated() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (first, _) = sealed(&house, dataset).await;
    let permit = house.on_key(Action::KeysCreate, first);
    let made = house.keys.create(&house.ctx, &permit, first, None).await.expect("it is made");
    assert_eq!((made.version, made.state, made.activated_at), (2, State::Generated, None));
    assert_eq!(sealed(&house, dataset).await.0, first);
    let public = hpke::PublicKey::from_bytes(Suite::Hybrid768, &made.public).expect("a public key");
    let early = hpke::seal(&*crypto::aws_lc(), &public, INFO, &[], b"data key").expect("it seals");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let open = house.keys.open_data_key(&house.ctx, &reveal, dataset, made.id, INFO, &early).await;
    assert!(matches!(open, Err(Error::Closed { state: State::Generated, .. })));

    let wrong = house.on_key(Action::KeysActivate, first);
    let refused = house.keys.activate(&house.ctx, &wrong, made.id).await.expect_err("another key's permit");
    assert!(matches!(refused, Error::Refused(_)));
    let permit = house.on_key(Action::KeysActivate, made.id);
    let active = house.keys.activate(&house.ctx, &permit, made.id).await.expect("it is put in use");
    assert_eq!(active.state, State::Active);
    assert_eq!(house.last_kinds(1).await, ["key.activated"]);
    assert_eq!(sealed(&house, dataset).await.0, made.id);
    let again = house.keys.activate(&house.ctx, &permit, made.id).await.expect_err("it is in use");
    assert_eq!(again.kind(), Kind::Conflict);
    assert!(again.to_string().contains("is active: it cannot be activated"), "{again}");
}

#[tokio::test]
async fn only_a_version_that_nothing_refers_to_is_destroyed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (first, old) = sealed(&house, dataset).await;
    let destroy = house.on_key(Action::KeysDestroy, first);
    let in_use = house.keys.destroy(&house.ctx, &destroy, first).await.expect_err("it is in use");
    assert!(in_use.to_string().contains("rotate it first"), "{in_use}");

    let run = Referrer::Run(Id::from_bytes([9; 16]));
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    for _ in 0..2 {
        house.keys.refer(&mut tx, first, run).await.expect("it is noted, once");
    }
    tx.commit_derived().await.expect("it commits");
    let permit = house.on_key(Action::KeysRotate, first);
    house.keys.rotate(&house.ctx, &permit, first, None).await.expect("it rotates");
    let referred = house.keys.destroy(&house.ctx, &destroy, first).await.expect_err("an output refers to it");
    assert!(matches!(referred, Error::Referred { count: 1, .. }), "{referred}");
    assert_eq!(house.keys.references(&house.ctx, first).await.expect("a count").named, 1);

    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    house.keys.unrefer(&mut tx, first, run).await.expect("it is taken away");
    tx.commit_derived().await.expect("it commits");
    let gone = house.keys.destroy(&house.ctx, &destroy, first).await.expect("it is destroyed");
    assert_eq!(gone.state, State::Destroyed);
    assert_eq!(house.last_kinds(1).await, ["key.destroyed"]);
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let open = house.keys.open_data_key(&house.ctx, &reveal, dataset, first, INFO, &old).await;
    assert!(matches!(open, Err(Error::Closed { state: State::Destroyed, .. })));
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let late = house.keys.refer(&mut tx, first, run).await.expect_err("nothing would ever open");
    assert!(matches!(late, Error::Closed { state: State::Destroyed, .. }));
}

#[tokio::test]
async fn a_version_whose_public_half_was_handed_out_is_not_destroyed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let key = house.keys.hand_out(&house.ctx, dataset).await.expect("it is handed out").id;
    let marked = house.keys.version(&house.ctx, key).await.expect("it is there").handed_out_at;
    assert!(marked.is_some());
    house.keys.hand_out(&house.ctx, dataset).await.expect("again");
    house
        .keys
        .rotate(&house.ctx, &house.on_key(Action::KeysRotate, key), key, None)
        .await
        .expect("it rotates");
    let destroy = house.on_key(Action::KeysDestroy, key);
    let refused = house.keys.destroy(&house.ctx, &destroy, key).await.expect_err("outputs may exist");
    assert!(matches!(refused, Error::HandedOut { .. }), "{refused}");
    let newest = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there").id;
    assert_eq!(house.keys.version(&house.ctx, newest).await.expect("it is there").handed_out_at, None);
}

#[tokio::test]
async fn the_keys_of_the_log_have_one_version() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    for purpose in [Purpose::LogEd25519, Purpose::LogMlDsa44, Purpose::Redaction] {
        let key = house.versions(purpose).await[0].id;
        let rotated = house.keys.rotate(&house.ctx, &house.on_key(Action::KeysRotate, key), key, None).await;
        assert!(matches!(rotated, Err(Error::OneVersion { .. })), "{purpose}");
        let suspended = house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await;
        assert!(matches!(suspended, Err(Error::OneVersion { .. })), "{purpose}");
        let destroyed = house.keys.destroy(&house.ctx, &house.on_key(Action::KeysDestroy, key), key).await;
        assert!(matches!(destroyed, Err(Error::OneVersion { .. })), "{purpose}");
    }
}

#[tokio::test]
async fn a_suspended_version_that_was_replaced_comes_back_retired() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (first, _) = sealed(&house, dataset).await;
    let suspend = house.on_key(Action::KeysSuspend, first);
    house.keys.suspend(&house.ctx, &suspend, first).await.expect("it is suspended");
    let closed = house.keys.dataset_key(&house.ctx, dataset).await.expect_err("nothing is in use");
    assert!(closed.to_string().contains("suspended"), "{closed}");
    let again = house.keys.suspend(&house.ctx, &suspend, first).await.expect_err("it is suspended");
    assert!(again.to_string().contains("is suspended: it cannot be suspended"), "{again}");

    let resume = house.on_key(Action::KeysResume, first);
    let back = house.keys.resume(&house.ctx, &resume, first).await.expect("it is resumed");
    assert_eq!(back.state, State::Active);
    house.keys.suspend(&house.ctx, &suspend, first).await.expect("it is suspended");
    house
        .keys
        .rotate(&house.ctx, &house.on_key(Action::KeysRotate, first), first, None)
        .await
        .expect("rotated");
    let back = house.keys.resume(&house.ctx, &resume, first).await.expect("it is resumed");
    assert_eq!(back.state, State::Retired, "one version is in use, not two");
    assert_eq!(house.last_kinds(1).await, ["key.resumed"]);
    let active = Filter { dataset: Some(dataset), state: Some(State::Active), ..Filter::default() };
    let page = house.keys.versions(&house.ctx, &active, Limit::default(), None).await.expect("a page");
    assert_eq!(page.items.iter().map(|key| key.version).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn an_old_version_of_the_manifest_key_still_vouches_until_it_is_suspended() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    let old = crate::signed(&house, &permit, dataset).await.expect("it signs").header().expect("a header");
    let key = house.versions(Purpose::Manifest).await[0].id;
    let rotate = house.on_key(Action::KeysRotate, key);
    house.keys.rotate(&house.ctx, &rotate, key, Some(Suite::Cnsa2)).await.expect("it rotates");
    let new = crate::signed(&house, &permit, dataset).await.expect("it signs").header().expect("a header");
    assert_eq!(new.alg.as_str(), "ML-DSA-87");
    for signer in [&old, &new] {
        house.keys.signatory(&house.ctx, &signer.kid).await.expect("both are known");
    }
    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    let thumbprint = old.kid;
    let refused = house.keys.signatory(&house.ctx, &thumbprint).await.expect_err("it may be in wrong hands");
    assert!(matches!(refused, Error::Closed { state: State::Suspended, .. }));
    house.keys.resume(&house.ctx, &house.on_key(Action::KeysResume, key), key).await.expect("resumed");
    house.keys.destroy(&house.ctx, &house.on_key(Action::KeysDestroy, key), key).await.expect("destroyed");
    house.keys.signatory(&house.ctx, &thumbprint).await.expect("what it signed stays signed");
}

/// The name under which the manifest key in use signs, and its id.
async fn signer(house: &House, dataset: Id<noun::Dataset>) -> (String, Id<noun::Key>) {
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    let header = crate::signed(house, &permit, dataset).await.expect("it signs").header().expect("a header");
    let keys = house.versions(Purpose::Manifest).await;
    let key = keys.iter().find(|key| key.state == State::Active).expect("one is in use");
    (header.kid, key.id)
}

#[tokio::test]
async fn a_manifest_key_that_was_destroyed_while_it_was_closed_vouches_for_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (stolen, key) = signer(&house, dataset).await;
    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    house.keys.rotate(&house.ctx, &house.on_key(Action::KeysRotate, key), key, None).await.expect("rotated");
    house.keys.destroy(&house.ctx, &house.on_key(Action::KeysDestroy, key), key).await.expect("destroyed");
    let refused = house.keys.signatory(&house.ctx, &stolen).await.expect_err("who has it may still sign");
    assert!(matches!(refused, Error::Closed { state: State::Destroyed, .. }), "{refused}");

    // In a breach every key is closed, whatever its row says; and the mark outlasts the breach.
    let (second, key) = signer(&house, dataset).await;
    house.keys.rotate(&house.ctx, &house.on_key(Action::KeysRotate, key), key, None).await.expect("rotated");
    let (third, _) = signer(&house, dataset).await;
    let scope = Scope::Organization;
    let declare = house.permit_for(&house.ctx, Action::BreachesDeclare, scope.resource());
    house.keys.declare_breach(&house.ctx, &declare, scope, "a theft").await.expect("it is declared");
    let refused = house.keys.signatory(&house.ctx, &third).await.expect_err("a breach is declared");
    assert!(matches!(refused, Error::Breached { .. }), "{refused}");
    house.keys.destroy(&house.ctx, &house.on_key(Action::KeysDestroy, key), key).await.expect("destroyed");
    let undo = house.permit_for(&house.ctx, Action::BreachesUndo, scope.resource());
    house.keys.undo_breach(&house.ctx, &undo, scope).await.expect("it is undone");
    house.keys.signatory(&house.ctx, &third).await.expect("it is trusted again");
    let refused = house.keys.signatory(&house.ctx, &second).await.expect_err("it was destroyed meanwhile");
    assert!(matches!(refused, Error::Closed { state: State::Destroyed, .. }), "{refused}");

    house.shred(scope).await;
    let refused = house.keys.signatory(&house.ctx, &third).await.expect_err("all of them are shredded");
    assert!(matches!(refused, Error::Shredded { .. }), "{refused}");
}

#[tokio::test]
async fn a_producer_that_is_revoked_vouches_for_nothing_until_it_is_added_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = crypto::sign::SigningKey::generate(&*crypto::aws_lc(), crypto::sign::Algorithm::MlDsa87);
    let (key, now) = (key.verifying_key().clone(), crate::NOW);
    let permit = |action, resource| house.policy.permit(&house.ctx, action, resource, now).expect("allowed");
    let add = permit(Action::ProducersAdd, Resource::Organization);
    let added = house.keys.add_producer(&house.ctx, &add, "etl", key.clone()).await.expect("it is added");
    let revoke = permit(Action::ProducersRevoke, Resource::Producer(added.id));
    let revoked = house.keys.revoke_producer(&house.ctx, &revoke, added.id).await.expect("it is revoked");
    assert!(revoked.revoked_at.is_some());
    assert_eq!(house.last_kinds(1).await, ["producer.revoked"]);
    let refused = house.keys.signatory(&house.ctx, &key.thumbprint()).await.expect_err("it is revoked");
    assert!(matches!(&refused, Error::RevokedSigner { name, .. } if name == "etl"), "{refused}");
    let other = house.keys.add_producer(&house.ctx, &add, "other", key.clone()).await;
    assert!(matches!(other, Err(Error::Duplicate { what: "key" })), "not under another name");
    let again =
        house.keys.add_producer(&house.ctx, &add, "etl", key.clone()).await.expect("vouched for anew");
    assert_eq!((again.id, again.revoked_at), (added.id, None));
    house.keys.signatory(&house.ctx, &key.thumbprint()).await.expect("it is known again");
    let nobody = Id::from_bytes([0; 16]);
    let permit = permit(Action::ProducersRevoke, Resource::Producer(nobody));
    let missing = house.keys.revoke_producer(&house.ctx, &permit, nobody).await;
    assert!(matches!(missing, Err(Error::NoProducer)));
}

#[tokio::test]
async fn a_list_is_paged_and_cut_to_what_is_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let mut datasets = Vec::new();
    for seed in 1..=5 {
        datasets.push(house.dataset(seed).await);
    }
    let three = Limit::try_from(3).expect("a limit");
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = house.keys.versions(&house.ctx, &Filter::default(), three, after).await.expect("a page");
        assert!(page.items.len() <= 3);
        seen.extend(page.items.iter().map(|key| key.id));
        let Some(next) = page.next else { break };
        after = Some(next.parse().expect("an id"));
    }
    assert_eq!(seen.len(), 10, "five of the organization and five of its datasets");
    assert!(seen.is_sorted());
    let one = Filter { dataset: Some(datasets[2]), ..Filter::default() };
    let page = house.keys.versions(&house.ctx, &one, three, None).await.expect("a page");
    assert_eq!(page.items.iter().map(|key| key.dataset).collect::<Vec<_>>(), [Some(datasets[2])]);
    let none = Filter { state: Some(State::Destroyed), ..Filter::default() };
    assert!(house.keys.versions(&house.ctx, &none, three, None).await.expect("a page").items.is_empty());
    let missing = house.keys.version(&house.ctx, Id::from_bytes([0; 16])).await.expect_err("none");
    assert_eq!(missing.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_change_that_was_cut_off_after_the_root_s_record_is_taken_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = Id::from_bytes([1; 16]);
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    drop(house.keys.create_dataset(&mut tx, dataset).await.expect("it is made"));
    drop(tx);
    let missing = house.keys.dataset_key(&house.ctx, dataset).await.expect_err("it never was");
    assert!(matches!(missing, Error::NoKey { .. }));
    assert_eq!(house.dataset(1).await, dataset);
    let (key, sealed) = sealed(&house, dataset).await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &sealed).await.expect("it opens");
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let twice = house.keys.create_dataset(&mut tx, dataset).await.expect_err("it is there");
    assert_eq!(twice.kind(), Kind::Conflict);
}
