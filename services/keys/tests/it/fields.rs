//! Field keys: one per dataset, field and algorithm.

use crate::House;
use base::{Action, Id, noun};
use crypto::FieldAlgorithm;
use keys::{Error, FieldUse, OpenFieldKey, Purpose, State};

fn email(dataset: Id<noun::Dataset>) -> FieldUse<'static> {
    FieldUse { dataset, field: "email", algorithm: FieldAlgorithm::AesSiv }
}

async fn made(house: &House, what: FieldUse<'_>) -> OpenFieldKey {
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, what.dataset);
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let (open, entry) = house.keys.create_field_key(&mut tx, &permit, what).await.expect("it is made");
    match entry {
        Some(entry) => drop(tx.commit(entry).await.expect("it commits")),
        None => drop(tx),
    }
    open
}

#[tokio::test]
async fn a_field_has_one_key_for_each_algorithm() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (ours, other) = (house.dataset(1).await, house.dataset(2).await);
    let first = made(&house, email(ours)).await;
    assert_eq!(first.secret.as_secret().expose().len(), 64);
    let again = made(&house, email(ours)).await;
    assert_eq!((again.key, again.secret.id()), (first.key, first.secret.id()));
    assert_eq!(again.secret.as_secret().expose(), first.secret.as_secret().expose());
    let mut secrets = vec![first.secret.as_secret().expose().clone()];
    for (what, length) in [
        (FieldUse { algorithm: FieldAlgorithm::Ff1, ..email(ours) }, 32),
        (FieldUse { algorithm: FieldAlgorithm::BlindIndex, ..email(ours) }, 32),
        (FieldUse { algorithm: FieldAlgorithm::Token, ..email(ours) }, 64),
        (FieldUse { field: "$.items[*].sku", ..email(ours) }, 64),
        (email(other), 64),
    ] {
        let open = made(&house, what).await;
        let secret = open.secret.as_secret().expose().clone();
        assert_eq!((open.secret.algorithm(), secret.len()), (what.algorithm, length));
        assert!(!secrets.contains(&secret));
        secrets.push(secret);
    }
    let keys = house.versions(Purpose::Field).await;
    assert_eq!(keys.len(), 6);
    assert!(keys.iter().all(|key| key.version == 1 && key.state == State::Active && key.public.is_empty()));
    let nested = keys.iter().filter(|key| key.field.as_deref() == Some("$.items[*].sku"));
    assert_eq!(nested.count(), 1);
}

#[tokio::test]
async fn it_opens_by_the_version_that_the_manifest_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let protect = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let missing = house.keys.field_key(&house.ctx, &protect, email(dataset), None).await;
    assert!(matches!(missing, Err(Error::NoFieldKey { .. })), "nobody has made it");
    let first = made(&house, email(dataset)).await;
    let open = house.keys.field_key(&house.ctx, &protect, email(dataset), None).await.expect("it opens");
    assert_eq!(open.secret.as_secret().expose(), first.secret.as_secret().expose());

    let rotate = house.on_key(Action::KeysRotate, first.key);
    let second = house.keys.rotate(&house.ctx, &rotate, first.key, None).await.expect("it rotates");
    assert_eq!((second.version, second.field.as_deref()), (2, Some("email")));
    let now = house.keys.field_key(&house.ctx, &protect, email(dataset), None).await.expect("it opens");
    assert_eq!(now.key, second.id);
    assert_ne!(now.secret.as_secret().expose(), first.secret.as_secret().expose());
    assert_ne!(now.secret.id(), first.secret.id(), "values bear another id");
    let node = house.node().await;
    for (version, wanted) in [(first.key, &first.secret), (second.id, &now.secret)] {
        let open =
            node.field_key(&house.ctx, &reveal, email(dataset), Some(version)).await.expect("it opens");
        assert_eq!(open.secret.as_secret().expose(), wanted.as_secret().expose());
        assert_eq!(open.secret.id(), wanted.id());
    }
    let suited = house.keys.rotate(&house.ctx, &rotate, first.key, Some(crypto::Suite::Cnsa2)).await;
    assert!(matches!(suited, Err(Error::WrongSuite { .. })));
}

#[tokio::test]
async fn it_serves_its_own_field_and_act_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (ours, other) = (house.dataset(1).await, house.dataset(2).await);
    let key = made(&house, email(ours)).await.key;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, ours);
    for what in
        [FieldUse { field: "ssn", ..email(ours) }, FieldUse { algorithm: FieldAlgorithm::Ff1, ..email(ours) }]
    {
        let open = house.keys.field_key(&house.ctx, &reveal, what, Some(key)).await;
        assert!(matches!(open, Err(Error::NoFieldKey { .. })), "{what:?}");
    }
    let theirs = house.permit(&house.ctx, Action::DatasetsReveal, other);
    let open = house.keys.field_key(&house.ctx, &theirs, email(other), Some(key)).await;
    assert!(matches!(open, Err(Error::NoFieldKey { .. })), "another dataset's");
    let open = house.keys.field_key(&house.ctx, &theirs, email(ours), Some(key)).await;
    assert!(matches!(open, Err(Error::WrongPermit)));
    let protect = house.permit(&house.ctx, Action::DatasetsProtect, ours);
    let open = house.keys.field_key(&house.ctx, &protect, email(ours), Some(key)).await;
    assert!(matches!(open, Err(Error::WrongPermit)), "old versions open to reveal only");
    let pair = house.keys.dataset_key(&house.ctx, ours).await.expect("it is there").id;
    let open = house.keys.field_key(&house.ctx, &reveal, email(ours), Some(pair)).await;
    assert!(matches!(open, Err(Error::NoFieldKey { .. })), "a key pair is no field key");
}

#[tokio::test]
async fn a_change_that_is_not_committed_leaves_no_key() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    drop(house.keys.create_field_key(&mut tx, &permit, email(dataset)).await.expect("it is made"));
    drop(tx);
    assert!(house.versions(Purpose::Field).await.is_empty());
    // Two that need it at once: the second finds the first's.
    let (one, two) = tokio::join!(made(&house, email(dataset)), made(&house, email(dataset)));
    assert_eq!(one.key, two.key);
}

#[tokio::test]
async fn a_suspended_field_key_closes_its_field_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, other) = (made(&house, email(dataset)).await.key, FieldUse { field: "ssn", ..email(dataset) });
    let ssn = made(&house, other).await.key;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    house.keys.field_key(&house.ctx, &reveal, email(dataset), Some(key)).await.expect("it opens");
    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    let open = house.keys.field_key(&house.ctx, &reveal, email(dataset), Some(key)).await;
    assert!(matches!(open, Err(Error::Closed { state: State::Suspended, .. })));
    let protect = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let made = house.keys.create_field_key(&mut tx, &protect, email(dataset)).await;
    assert!(matches!(made, Err(Error::Closed { .. })), "a suspension is no reason to make another");
    drop(tx);
    house.keys.field_key(&house.ctx, &reveal, other, Some(ssn)).await.expect("the other field opens");
}
