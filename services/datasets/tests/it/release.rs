//! The key of a whole column is released under its own permission, on record, and under its own name only.

use crate::{FILE, House, NOW};
use base::{Action, Id, Role};
use crypto::{Suite, hpke};
use datasets::Error;
use fields::KeyName;

#[tokio::test]
async fn a_key_is_released_under_its_name_and_on_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (_, end) = house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let dataset = end.content.dataset;
    let key = house.datasets.public_key(&house.ctx, &crate::customers()).await.expect("it is there");
    let name = KeyName {
        dataset,
        recipient: key.key,
        run: Id::from_bytes([3; 16]),
        id: 7,
        suite: Suite::Hybrid768,
        field: "email".to_owned(),
    };
    let info = name.info(house.ctx.organization());
    let sealed = hpke::seal(&*crypto::aws_lc(), &key.public, &info, &[], &[5; 32]).expect("it seals");
    let permit = house.permit(&house.ctx, Action::KeysRelease, dataset);
    let opened =
        house.datasets.release_key(&house.ctx, &permit, &name, &sealed).await.expect("it is released");
    assert_eq!(opened.expose(), &[5; 32]);
    let last = house.entries().await.pop().expect("recorded");
    assert_eq!((&last["kind"], &last["object"]["id"]), (&"key.released".into(), &dataset.to_string().into()));

    for other in [
        KeyName { field: "ssn".to_owned(), ..name.clone() },
        KeyName { run: Id::from_bytes([4; 16]), ..name.clone() },
        KeyName { id: 8, ..name.clone() },
        KeyName { suite: Suite::Cnsa2, ..name.clone() },
    ] {
        let opened = house.datasets.release_key(&house.ctx, &permit, &other, &sealed).await;
        assert!(matches!(opened, Err(Error::Keys(_))), "{other} opens it");
    }
    let to_reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let opened = house.datasets.release_key(&house.ctx, &to_reveal, &name, &sealed).await;
    assert!(matches!(opened, Err(Error::Refused(_))), "to reveal is another act");
    // A data key of a manifest is no key to release: it was sealed for another mode.
    let of_manifest = &end.content.keys[0];
    let (run, id) = (end.content.run, of_manifest.id);
    let name = KeyName { run, id, field: of_manifest.field.clone(), ..name };
    let opened = house.datasets.release_key(&house.ctx, &permit, &name, &of_manifest.sealed).await;
    assert!(matches!(opened, Err(Error::Keys(_))), "a value's key is not released");
    let released = house.kinds().await.iter().filter(|kind| *kind == "key.released").count();
    assert_eq!(released, 1, "what was not released is not on record as if it was");
    let auditor = crate::person(house.ctx.organization(), Role::Auditor);
    let refused = house.policy.permit(&auditor, Action::KeysRelease, policy::Resource::Dataset(dataset), NOW);
    refused.expect_err("auditors open nothing");
    // What is released is out of reach of a quarantine.
    let machine = house.as_identity(Id::from_bytes([9; 16]));
    let refused = house.policy.permit(&machine, Action::KeysRelease, policy::Resource::Dataset(dataset), NOW);
    refused.expect_err("a machine takes no key away");
}
