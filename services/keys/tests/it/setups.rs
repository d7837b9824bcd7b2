//! Setups that follow each other: what is kept of the one before, what waits, and what could not be written.

use crate::{House, INFO, custodians::Custodians, sealed};
use base::{Action, Fault, Id, Kind, noun};
use keys::{
    Error, Scope, State,
    recovery::{Aim, CeremonyState, Package, RecoveryError, Restoration, Source},
};
use policy::Resource;
use std::{fs, path::PathBuf};

impl House {
    fn package_file(&self) -> PathBuf {
        self.store.directory(self.ctx.organization()).join("recovery.package")
    }

    async fn earlier(&self) -> Vec<Id<noun::Ceremony>> {
        self.keys.recovery(&self.ctx).await.expect("it reads").expect("it is set up").earlier
    }

    async fn rehearse(&self, custodians: &Custodians) {
        let ceremony = self.begin(Aim::Rehearsal, None).await.expect("it begins");
        for which in [0, 1] {
            self.give(&ceremony, &custodians.share(which, &ceremony)).await.expect("it is taken");
        }
    }

    /// Restores from any package, with the first two custodians.
    async fn restore_from(
        &self,
        custodians: &Custodians,
        source: Source,
        older: bool,
    ) -> Result<Restoration, Error> {
        let permit = self.permit_for(&self.ctx, Action::RecoveryBegin, Resource::Organization);
        let begun = self.keys.begin_ceremony(&self.ctx, &permit, Aim::Restore, source, older).await?;
        for which in [0, 1] {
            self.give(&begun, &custodians.share(which, &begun)).await?;
        }
        let permit = self.permit_for(&self.ctx, Action::RecoveryRestore, Resource::Ceremony(begun.id));
        if older {
            let unmeant = self.keys.restore(&self.ctx, &permit, begun.id, false).await;
            assert!(matches!(unmeant, Err(Error::Recovery(RecoveryError::Older { .. }))), "{unmeant:?}");
            let state = self.keys.ceremony(&self.ctx, begun.id).await.expect("it is there").state;
            assert_eq!(state, CeremonyState::Open, "and nothing was done");
        }
        self.keys.restore(&self.ctx, &permit, begun.id, older).await
    }

    /// What the entries of restores say of one version.
    async fn said_of(&self, key: Id<noun::Key>) -> Vec<String> {
        let read = self.store.read(&self.ctx).await.expect("a snapshot");
        let mut said = Vec::new();
        for (_, json) in store::Queries::entries(&read, 0, 1_000).await.expect("entries") {
            let entry: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            if entry["kind"] == "keys.restored" {
                let named = entry["facts"]["keys"].as_array().expect("a list").clone();
                assert_eq!(entry["count"], named.len());
                assert!(entry["hash"].is_string(), "{entry}");
                let of = named.iter().filter(|named| named["key"] == key.to_string());
                said.extend(of.map(|named| named["change"].as_str().expect("a code").to_owned()));
            }
        }
        said
    }
}

#[tokio::test]
async fn a_package_older_than_the_nodes_own_is_refused_first_and_restores_where_it_is_meant() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, data) = sealed(&house, dataset).await;
    let custodians = Custodians::new(2);
    let old = custodians.set_up(&house, 2).await.setup;
    let older = fs::read(house.package_file()).expect("it is there");
    let other = house.dataset(2).await;
    let (later, later_data) = sealed(&house, other).await;
    assert!(house.keys.recovery_step(&house.ctx).await.expect("it is written anew"));
    house.store.close().await;
    drop(house);
    fs::remove_file(dir.path().join("root.sealed")).expect("the root is lost");

    let house = House::new(dir.path()).await;
    let kinds = house.last_kinds(3).await;
    let refused = house.restore_from(&custodians, Source::Given(older.clone()), false).await;
    let refused = refused.expect_err("the node's own has a key that this one lacks");
    assert!(
        matches!(refused, Error::Recovery(RecoveryError::Older { count: 1, first }) if first == later),
        "{refused}"
    );
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(house.last_kinds(3).await, kinds, "and nothing was done");

    let restored = house.restore_from(&custodians, Source::Given(older), true).await.expect("it is meant");
    assert_eq!(restored.missing, [later]);
    assert_eq!((&restored.recovery.unwritten, &restored.recovery.earlier), (&None, &vec![old]));
    let package = restored.recovery.package.as_ref().expect("it is written");
    assert_eq!((package.generation, package.stale), (1, false));
    let opens = async |dataset, key, data: &[u8]| {
        let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
        house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, data).await
    };
    opens(dataset, key, &data).await.expect("it is back, without a restart");
    assert!(opens(other, later, &later_data).await.is_err());
    assert_eq!(house.said_of(key).await, ["wrapped"]);
    assert_eq!(house.said_of(later).await, ["suspended"], "an auditor who asks about one version finds it");

    // What only the old package has is not lost by a rehearsal of the new one, and comes back with the old shares.
    house.rehearse(&custodians).await;
    assert_eq!(house.earlier().await, [old]);
    let again = house.restore_from(&custodians, Source::Earlier(old), false).await.expect("it has all");
    assert!(again.missing.is_empty(), "{again:?}");
    assert_eq!(house.said_of(later).await, ["suspended", "wrapped"]);
    let resume = house.on_key(Action::KeysResume, later);
    assert_eq!(house.keys.resume(&house.ctx, &resume, later).await.expect("it opens").state, State::Active);
    opens(other, later, &later_data).await.expect("it is back");
}

#[tokio::test]
async fn the_package_before_a_setup_stays_until_that_is_rehearsed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, data) = sealed(&house, dataset).await;
    let (first, second) = (Custodians::new(2), Custodians::new(3));
    let old = first.set_up(&house, 2).await.setup;
    let bytes = fs::read(house.package_file()).expect("it is there");
    assert_eq!(second.set_up(&house, 2).await.earlier, [old]);
    let kept = house.package_file().with_file_name(format!("recovery.{old}.package"));
    assert_eq!(fs::read(&kept).expect("it is kept"), bytes);
    house.rehearse(&second).await;
    assert!(house.earlier().await.is_empty() && !kept.exists(), "now the new one counts");

    // The next setup is never rehearsed, and the root is lost: the custodians before it bring the keys back.
    let old = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up").setup;
    first.set_up(&house, 2).await;
    house.store.close().await;
    drop(house);
    fs::remove_file(dir.path().join("root.sealed")).expect("the root is lost");
    let house = House::new(dir.path()).await;
    let unknown = house.restore_from(&second, Source::Earlier(Id::from_bytes([9; 16])), false).await;
    assert!(matches!(unknown, Err(Error::Recovery(RecoveryError::NoEarlier { .. }))), "{unknown:?}");
    house.restore_from(&second, Source::Earlier(old), false).await.expect("they are back");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data).await.expect("it opens");

    // What is shredded is in none that is kept.
    assert!(!house.earlier().await.is_empty());
    house.shred(Scope::Dataset(dataset)).await;
    assert!(house.earlier().await.is_empty());
}

#[tokio::test]
async fn a_package_that_cannot_be_written_is_said_and_written_when_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    // A directory is in its place.
    fs::create_dir(house.package_file()).expect("it is made");
    let custodians = Custodians::new(2);
    let dealt = custodians.set_up(&house, 2).await;
    let unwritten = dealt.unwritten.expect("it is said");
    assert!(unwritten.file.ends_with("/recovery.package") && !unwritten.why.is_empty(), "{unwritten:?}");
    assert_eq!((dealt.package, dealt.shares.len()), (None, 2), "and the shares are dealt");
    let permit = house.permit_for(&house.ctx, Action::RecoveryRepackage, Resource::Organization);
    assert!(house.keys.repackage(&house.ctx, &permit).await.is_err(), "it is still there");
    fs::remove_dir(house.package_file()).expect("it is removed");
    let written = house.keys.repackage(&house.ctx, &permit).await.expect("it is written");
    assert_eq!((written.setup, written.unwritten), (dealt.setup, None));
    assert_eq!(house.last_kinds(1).await, ["recovery.packaged"]);
    house.rehearse(&custodians).await;
}

#[tokio::test]
async fn a_setup_that_waits_is_cancelled() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let custodians = Custodians::new(2);
    let asked = custodians.asked(&house, 2).await;
    let second = house.as_person(8);
    let cancel = async |id| {
        let permit = house.permit_for(&second, Action::RecoveryCancelSetUp, Resource::Approval(id));
        house.keys.cancel_recovery(&second, &permit, id).await
    };
    assert_eq!(cancel(asked.id).await.expect("it is cancelled"), asked);
    assert_eq!(house.last_kinds(1).await, ["recovery.cancelled"]);
    assert!(house.keys.recovery_requests(&house.ctx).await.expect("they are listed").is_empty());
    assert!(matches!(cancel(asked.id).await, Err(Error::NoRequest)), "once");
    let permit = house.permit_for(&second, Action::RecoveryApproveSetUp, Resource::Approval(asked.id));
    let late = house.keys.approve_recovery(&second, &permit, asked.id).await;
    assert!(matches!(late, Err(Error::NoRequest)), "{late:?}");
    assert!(house.keys.recovery(&house.ctx).await.expect("it reads").is_none(), "nothing was dealt");
    let approved = custodians.set_up(&house, 2).await;
    let asked = custodians.asked(&house, 2).await;
    assert_eq!(house.keys.recovery_requests(&house.ctx).await.expect("they are listed").len(), 1);
    cancel(asked.id).await.expect("another one");
    let still = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up");
    assert_eq!(still.setup, approved.setup);
}

#[tokio::test]
async fn a_version_leaves_the_package_before_it_is_destroyed_and_stays_where_another_holds_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let key = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there").id;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let permit = house.on_key(Action::KeysRotate, key);
    house.keys.rotate(&house.ctx, &permit, key, None).await.expect("rotated");
    house.keys.recovery_step(&house.ctx).await.expect("it is written anew");
    let destroy = async || {
        let permit = house.on_key(Action::KeysDestroy, key);
        house.keys.destroy(&house.ctx, &permit, key).await
    };
    let count = async || match destroy().await {
        Err(Error::Referred { count, .. }) => count,
        other => panic!("{other:?}"),
    };

    // A ceremony under way has a package with it, and a share that opens it.
    let ceremony = house.begin(Aim::Rehearsal, None).await.expect("it begins");
    assert_eq!(count().await, 1);
    house.give(&ceremony, &custodians.share(0, &ceremony)).await.expect("it is taken");
    assert_eq!(count().await, 2);
    house.give(&ceremony, &custodians.share(1, &ceremony)).await.expect("the quorum");
    // The package before a setup that nobody rehearsed has it.
    custodians.set_up(&house, 2).await;
    assert_eq!(count().await, 1);
    house.rehearse(&custodians).await;

    // Where the package cannot be written without it, it is not destroyed.
    let file = house.package_file();
    let fresh = file.with_extension("new");
    fs::create_dir(&fresh).expect("it is in the way");
    assert!(matches!(destroy().await, Err(Error::Recovery(RecoveryError::Io(_)))));
    let state = house.keys.version(&house.ctx, key).await.expect("it is there").state;
    assert_eq!(state, State::Retired);
    fs::remove_dir(&fresh).expect("it is removed");

    let holds = || {
        let package = Package::read(&fs::read(&file).expect("it is there")).expect("it reads");
        package.keys.iter().any(|held| held.id == key)
    };
    assert!(holds());
    assert_eq!(destroy().await.expect("nothing refers to it").state, State::Destroyed);
    assert!(!holds(), "without a step");
    assert_eq!(house.last_kinds(2).await, ["key.destroyed", "recovery.packaged"]);
    assert!(!house.keys.recovery_step(&house.ctx).await.expect("nothing to do"));
}
