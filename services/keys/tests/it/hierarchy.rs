//! Keys open for whom they should, and for nobody else.

use crate::{House, INFO, NOW, sealed};
use base::{Action, Fault, Id, Kind};
use crypto::sign::{Algorithm, SigningKey};
use keys::{Error, Signatory};
use ledger::Entry;
use policy::Resource;
use standing::{Change, Reason};

#[tokio::test]
async fn an_organization_begins_once_and_its_ledger_names_its_log_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    assert!(!house.keys.begin(&house.ctx).await.expect("it has begun"));
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    let entries = store::Queries::entries(&read, 0, 10).await.expect("entries");
    assert_eq!(entries.len(), 6, "the start of the log and five keys, in one commit");
    let first = verify::entry::read(&entries[0].1).expect("an entry");
    let (_, named) = verify::charter::started_facts(&first).expect("it starts the log");
    let held = house.keys.log_keys(&house.ctx).await.expect("they open");
    assert_eq!(held.len(), 1, "one pair");
    for (named, held) in named.iter().zip(held.iter().flatten()) {
        assert_eq!(named.public_key(), held.verifying_key().as_bytes());
    }
}

#[tokio::test]
async fn a_data_key_opens_for_a_permit_to_reveal_that_dataset_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (ours, other) = (house.dataset(1).await, house.dataset(2).await);
    let (key, sealed) = sealed(&house, ours).await;

    let permit = house.permit(&house.ctx, Action::DatasetsReveal, ours);
    let opened =
        house.keys.open_data_key(&house.ctx, &permit, ours, key, INFO, &sealed).await.expect("it opens");
    assert_eq!(opened.expose(), b"data key");

    let moved = house.keys.open_data_key(&house.ctx, &permit, ours, key, b"other", &sealed).await;
    assert!(matches!(moved, Err(Error::Crypto(_))), "another binding");
    let wrong = house.permit(&house.ctx, Action::DatasetsReveal, other);
    let opened = house.keys.open_data_key(&house.ctx, &wrong, other, key, INFO, &sealed).await;
    assert!(matches!(opened, Err(Error::NoKey { .. })), "another dataset's key");
    for permit in [wrong, house.permit(&house.ctx, Action::DatasetsProtect, ours)] {
        let opened = house.keys.open_data_key(&house.ctx, &permit, ours, key, INFO, &sealed).await;
        assert!(matches!(opened, Err(Error::WrongPermit)), "a permit for something else");
    }
}

#[tokio::test]
async fn a_quarantine_closes_the_keys_of_a_permit_that_is_in_use() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let identity = Id::from_bytes([11; 16]);
    let ctx = house.as_identity(identity);
    let permit = house.permit(&ctx, Action::DatasetsReveal, dataset);
    let (key, sealed) = sealed(&house, dataset).await;
    house.keys.open_data_key(&ctx, &permit, dataset, key, INFO, &sealed).await.expect("in good standing");

    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let change = Change::Quarantine { reason: Reason::Manual, finding: None };
    let pending = house.standings.set(&mut tx, identity, change, NOW).await.expect("it is set");
    let committed =
        tx.commit(Entry::done(ledger::Kind::IdentityQuarantined, identity)).await.expect("it commits");
    pending.publish(&committed);

    let refused =
        house.keys.open_data_key(&ctx, &permit, dataset, key, INFO, &sealed).await.expect_err("cut off");
    assert!(matches!(refused, Error::Refused(_)));
    assert_eq!(refused.kind(), Kind::Refused);
}

#[tokio::test]
async fn keys_open_after_a_restart_and_not_under_another_root() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, sealed) = sealed(&house, dataset).await;
    house.store.close().await;
    drop(house);

    let house = House::new(dir.path()).await;
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    house
        .keys
        .open_data_key(&house.ctx, &permit, dataset, key, INFO, &sealed)
        .await
        .expect("the root has the records");
    house.store.close().await;
    drop(house);

    std::fs::remove_file(dir.path().join("root.sealed")).expect("the root is lost");
    let house = House::new(dir.path()).await;
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let opened = house.keys.open_data_key(&house.ctx, &permit, dataset, key, INFO, &sealed).await;
    assert!(matches!(opened, Err(Error::Root(_))), "the data directory alone opens nothing");
}

#[tokio::test]
async fn manifests_are_signed_by_the_organization_or_a_registered_producer() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    let ours = crate::signed(&house, &permit, dataset).await.expect("it signs");
    let name = ours.header().expect("a header").kid;
    let (signatory, key) = house.keys.signatory(&house.ctx, &name).await.expect("it is known");
    assert_eq!(signatory, Signatory::Organization);
    let payload = ours.verify(&*crypto::aws_lc(), &key, "test+json").expect("under that very key");
    assert_eq!(payload, b"{}");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let refused = crate::signed(&house, &reveal, dataset).await.expect_err("a permit for something else");
    assert!(matches!(refused, Error::WrongPermit));

    let provider = crypto::aws_lc();
    let theirs = SigningKey::generate(&*provider, Algorithm::MlDsa65);
    let thumbprint = theirs.verifying_key().thumbprint();
    assert!(matches!(house.keys.signatory(&house.ctx, &thumbprint).await, Err(Error::UnknownSigner)));
    let add =
        house.policy.permit(&house.ctx, Action::ProducersAdd, Resource::Organization, NOW).expect("allowed");
    let add_producer = |name: &'static str, key| house.keys.add_producer(&house.ctx, &add, name, key);
    let producer = add_producer("etl", theirs.verifying_key().clone()).await.expect("it is added");
    let (signatory, _) = house.keys.signatory(&house.ctx, &thumbprint).await.expect("it is known now");
    assert_eq!(signatory, Signatory::Producer(producer.id));
    assert_eq!(house.keys.producers(&house.ctx).await.expect("a list"), [producer]);

    let again = add_producer("other", theirs.verifying_key().clone()).await.expect_err("one name a key");
    assert_eq!(again.kind(), Kind::Conflict);
    for name in ["", "  ", "etl\u{1b}[2J", "e\ntl"] {
        let key = SigningKey::generate(&*provider, Algorithm::MlDsa65).verifying_key().clone();
        assert!(matches!(add_producer(name, key).await, Err(Error::BadName)), "{name:?}");
    }
    let weak = SigningKey::generate(&*provider, Algorithm::Ed25519);
    let refused = add_producer("weak", weak.verifying_key().clone()).await.expect_err("not post-quantum");
    assert_eq!(refused.kind(), Kind::BadInput);
}
