//! Packages that are older or newer than the database, and packages that somebody made up.

use crate::{House, INFO, custodians::Custodians, sealed, shred::copy};
use base::{Action, Fault, Id, Kind, Limit, digest, noun};
use crypto::{Suite, bind, hpke, text};
use keys::{
    Error, Filter, Purpose, State,
    recovery::{Aim, CeremonyState, EXPIRY, Package, RecoveryError, Restoration},
};
use policy::Resource;
use std::{fs, time::Duration};

impl House {
    async fn restored(&self, custodians: &Custodians, package: Vec<u8>) -> Result<Restoration, Error> {
        let ceremony = self.begin(Aim::Restore, Some(package)).await?;
        for which in [0, 1] {
            self.give(&ceremony, &custodians.share(which, &ceremony)).await?;
        }
        self.restore(&ceremony).await
    }

    async fn package(&self) -> Vec<u8> {
        self.keys.recovery_package(&self.ctx).await.expect("it is there")
    }

    async fn rotated(&self, key: Id<noun::Key>) -> Id<noun::Key> {
        let permit = self.on_key(Action::KeysRotate, key);
        self.keys.rotate(&self.ctx, &permit, key, None).await.expect("rotated").id
    }

    async fn opens(&self, dataset: Id<noun::Dataset>, (key, data): &(Id<noun::Key>, Vec<u8>)) {
        let reveal = self.permit(&self.ctx, Action::DatasetsReveal, dataset);
        let open = self.keys.open_data_key(&self.ctx, &reveal, dataset, *key, INFO, data).await;
        assert_eq!(open.expect("it opens").expose(), b"data key");
    }
}

#[tokio::test]
async fn a_package_from_before_a_rewrap_restores_what_was_rewrapped() {
    for lost in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let house = House::new(dir.path()).await;
        let dataset = house.dataset(1).await;
        let data = sealed(&house, dataset).await;
        let custodians = Custodians::new(2);
        custodians.set_up(&house, 2).await;
        let older = house.package().await;
        let first = house.versions(Purpose::Organization).await[0].id;
        let second = house.rotated(first).await;
        let permit = house.permit_for(&house.ctx, Action::KeysRewrap, Resource::Organization);
        house.keys.rewrap(&house.ctx, &permit, None).await.expect("it wraps anew");
        let over =
            async |house: &House| house.keys.version(&house.ctx, data.0).await.expect("it is there").over;
        assert_eq!(over(&house).await, Some(second));
        house.store.close().await;
        drop(house);

        if lost {
            fs::remove_file(dir.path().join("root.sealed")).expect("the root is lost");
        }
        let house = House::new(dir.path()).await;
        let restored = house.restored(&custodians, older).await.expect("they are back");
        assert_eq!((restored.keys, restored.missing), (6, vec![second]));
        house.opens(dataset, &data).await;
        assert_eq!(over(&house).await, Some(if lost { first } else { second }), "what opens is left alone");
    }
}

#[tokio::test]
async fn a_package_that_one_person_made_up_restores_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (own, theirs) = (dir.path().join("own"), dir.path().join("theirs"));
    for path in [&own, &theirs] {
        fs::create_dir(path).expect("it is made");
    }
    // The forger has a house with the same organization's id, and is every custodian of it.
    let forger = House::new(&theirs).await;
    forger.dataset(1).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&forger, 2).await;
    let forged = forger.package().await;

    let house = House::new(&own).await;
    let dataset = house.dataset(1).await;
    let data = sealed(&house, dataset).await;
    let before = house.versions(Purpose::Organization).await;
    let log = house.versions(Purpose::LogEd25519).await;
    for set_up in [false, true] {
        if set_up {
            Custodians::new(3).set_up(&house, 2).await;
        }
        let refused = house.restored(&custodians, forged.clone()).await.expect_err("it is made up");
        assert!(matches!(refused, Error::Recovery(RecoveryError::Foreign { .. })), "{refused}");
        assert_eq!(refused.kind(), Kind::CheckFailed);
    }

    // Under the ids and public keys of the organization, which are no secret, and around other private halves.
    let genuine = Package::read(&house.package().await).expect("it reads");
    let mut altered = Package::read(&forged).expect("it reads");
    altered.keys = genuine.keys.clone();
    let other = hpke::KeyPair::generate(&*crypto::aws_lc(), Suite::Hybrid768);
    let half = other.private.as_secret().expose();
    let length = u32::try_from(half.len()).expect("short").to_be_bytes();
    let plain = [&length[..], half].concat().repeat(altered.keys.len());
    let canonical = serde_json::to_value(&altered.keys).expect("JSON").to_string();
    let info = bind::parts(&[
        b"nexora/recovery-package/1",
        altered.setup.organization.to_string().as_bytes(),
        altered.setup.setup.to_string().as_bytes(),
        &altered.generation.to_be_bytes(),
        &digest::sha256(canonical.as_bytes()),
    ]);
    let to = text::decode(&altered.setup.public, "key").expect("base64url");
    let to = hpke::PublicKey::from_bytes(altered.setup.suite, &to).expect("a key");
    altered.sealed =
        text::encode(&hpke::seal(&*crypto::aws_lc(), &to, &info, &[], &plain).expect("it seals"));
    let bytes = serde_json::to_vec(&altered).expect("JSON");
    let refused = house.restored(&custodians, bytes).await.expect_err("it is made up");
    assert!(matches!(refused, Error::Recovery(RecoveryError::Unsound { .. })), "{refused}");

    // And under the id of the setup that is there: neither to restore nor to count as rehearsed.
    let mut altered = Package::read(&forged).expect("it reads");
    altered.setup.setup = genuine.setup.setup;
    let bytes = serde_json::to_vec(&altered).expect("JSON");
    for aim in [Aim::Restore, Aim::Rehearsal] {
        let refused = house.begin(aim, Some(bytes.clone())).await.expect_err("another was dealt");
        assert!(matches!(refused, Error::Recovery(RecoveryError::Foreign { .. })), "{refused}");
    }
    assert_eq!(house.versions(Purpose::Organization).await, before);
    assert_eq!(house.versions(Purpose::LogEd25519).await, log);
    house.opens(dataset, &data).await;
}

/// The database comes from a backup: what was suspended after it stays suspended, whichever of the two is older.
#[tokio::test]
async fn what_is_suspended_stays_so_through_a_restore() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    fs::create_dir(&data).expect("it is made");
    let house = House::new(&data).await;
    let dataset = house.dataset(1).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let key = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there").id;
    let older = house.package().await;
    house.store.close().await;
    drop(house);
    copy(&data.join("organizations"), &backup);

    let house = House::new(&data).await;
    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    house.keys.recovery_step(&house.ctx).await.expect("it is written anew");
    let newer = house.package().await;
    house.restored(&custodians, older).await.expect("an older package opens nothing");
    let state = async |house: &House| house.keys.version(&house.ctx, key).await.expect("it is there").state;
    assert_eq!(state(&house).await, State::Suspended);
    house.store.close().await;
    drop(house);

    copy(&backup, &data.join("organizations"));
    let house = House::new(&data).await;
    assert_eq!(state(&house).await, State::Active, "the backup does not know of it");
    house.restored(&custodians, newer).await.expect("they are back");
    assert_eq!(state(&house).await, State::Suspended);
    let resume = house.on_key(Action::KeysResume, key);
    let resumed = house.keys.resume(&house.ctx, &resume, key).await.expect("it is resumed");
    assert_eq!(resumed.state, State::Active);
}

#[tokio::test]
async fn a_version_made_meanwhile_keeps_its_number_and_both_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    fs::create_dir(&data).expect("it is made");
    let house = House::new(&data).await;
    let dataset = house.dataset(1).await;
    let first = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there").id;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    house.store.close().await;
    drop(house);
    copy(&data.join("organizations"), &backup);

    let house = House::new(&data).await;
    house.rotated(first).await;
    let lost = sealed(&house, dataset).await;
    house.keys.recovery_step(&house.ctx).await.expect("it is written anew");
    let package = house.package().await;
    house.store.close().await;
    drop(house);
    copy(&backup, &data.join("organizations"));

    let house = House::new(&data).await;
    house.clock.forward(Duration::from_secs(1));
    house.heard().await;
    house.rotated(first).await;
    let meanwhile = sealed(&house, dataset).await;
    let restored = house.restored(&custodians, package).await.expect("they are back");
    assert_eq!((restored.regained, restored.missing), (1, vec![meanwhile.0]));
    house.opens(dataset, &lost).await;
    house.opens(dataset, &meanwhile).await;
    let filter = Filter { dataset: Some(dataset), ..Filter::default() };
    let all = house.keys.versions(&house.ctx, &filter, Limit::default(), None).await.expect("a page").items;
    let mut versions: Vec<_> = all.iter().map(|key| key.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(all.iter().find(|key| key.id == meanwhile.0).map(|key| key.version), Some(2));
    assert_eq!(all.iter().filter(|key| key.state == State::Active).count(), 1);
}

#[tokio::test]
async fn what_an_older_package_has_not_is_closed_and_rewrapping_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let data = sealed(&house, dataset).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let older = house.package().await;
    // Made after the package was written: a version of each, and a dataset.
    let organization = house.versions(Purpose::Organization).await[0].id;
    let later = [house.rotated(organization).await, house.rotated(data.0).await];
    let other = house.dataset(2).await;
    let other = house.keys.dataset_key(&house.ctx, other).await.expect("it is there").id;
    let manifest = house.versions(Purpose::Manifest).await[0].id;
    let signer = house.rotated(manifest).await;
    house.store.close().await;
    drop(house);
    fs::remove_file(dir.path().join("root.sealed")).expect("the root is lost");

    let house = House::new(dir.path()).await;
    let restored = house.restored(&custodians, older).await.expect("what it has is back");
    let mut missing = vec![later[0], later[1], other, signer];
    missing.sort_unstable();
    let mut said = restored.missing.clone();
    said.sort_unstable();
    assert_eq!(said, missing);
    house.opens(dataset, &data).await;
    let state = async |key| house.keys.version(&house.ctx, key).await.expect("it is there").state;
    for key in [later[0], later[1], other] {
        assert_eq!(state(key).await, State::Suspended, "nothing more is protected under what does not open");
    }
    assert_eq!(state(signer).await, State::Retired, "what it signed stays valid");
    let closed = house.keys.dataset_key(&house.ctx, dataset).await;
    assert!(matches!(closed, Err(Error::Lost { .. })), "{closed:?}");
    for key in [later[0], later[1], other] {
        let resumed = house.keys.resume(&house.ctx, &house.on_key(Action::KeysResume, key), key).await;
        assert!(matches!(resumed, Err(Error::Lost { .. })), "{resumed:?}");
        assert_eq!(state(key).await, State::Suspended, "it would protect what nobody opens");
    }

    house.rotated(later[0]).await;
    house.rotated(later[1]).await;
    let anew = sealed(&house, dataset).await;
    let permit = house.permit_for(&house.ctx, Action::KeysRewrap, Resource::Organization);
    let wrapped = house.keys.rewrap(&house.ctx, &permit, None).await.expect("it goes on");
    assert_eq!((wrapped.left, wrapped.next), (4, None));
    assert!(wrapped.keys > 5, "{wrapped:?}");
    assert_eq!(house.last_entry().await["facts"]["left"], 4);
    house.opens(dataset, &data).await;
    house.opens(dataset, &anew).await;
}

#[tokio::test]
async fn a_late_ceremony_is_erased_where_no_recovery_is_set_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let (own, theirs) = (dir.path().join("own"), dir.path().join("theirs"));
    for path in [&own, &theirs] {
        fs::create_dir(path).expect("it is made");
    }
    let other = House::new(&theirs).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&other, 2).await;
    let house = House::new(&own).await;
    let ceremony = house.begin(Aim::Rehearsal, Some(other.package().await)).await.expect("it begins");
    house.give(&ceremony, &custodians.share(0, &ceremony)).await.expect("it is taken");
    house.clock.forward(EXPIRY + Duration::from_secs(1));
    house.heard().await;
    assert!(!house.keys.recovery_step(&house.ctx).await.expect("it erases"), "there is nothing to write");
    let ended = house.keys.ceremony(&house.ctx, ceremony.id).await.expect("it is there");
    assert_eq!(ended.state, CeremonyState::Ended);
}
