//! Setups that follow each other: what is kept of the one before, what waits, and what could not be written.

use crate::{House, INFO, custodians::Custodians, sealed};
use base::{Action, Fault, Id, Kind, noun};
use keys::{
    Error, Scope, ShredRefused, ShredState, State,
    recovery::{Aim, CeremonyState, Earlier, Package, RecoveryError, Restoration, Source},
};
use policy::Resource;
use std::{
    fs,
    path::{Path, PathBuf},
};

impl House {
    fn package_file(&self) -> PathBuf {
        self.store.directory(self.ctx.organization()).join("recovery.package")
    }

    async fn earlier(&self) -> Vec<Earlier> {
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
        matches!(refused, Error::Recovery(RecoveryError::Older { count: 1, first, held: None }) if first == later),
        "{refused}"
    );
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(house.last_kinds(3).await, kinds, "and nothing was done");

    let restored = house.restore_from(&custodians, Source::Given(older), true).await.expect("it is meant");
    assert_eq!(restored.missing, [later]);
    assert_eq!((&restored.recovery.unwritten, &restored.recovery.earlier), (&None, &vec![old.into()]));
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
    assert_eq!(house.earlier().await, [old.into()]);
    let again =
        house.restore_from(&custodians, Source::Earlier(old.into()), false).await.expect("it has all");
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
    assert_eq!(second.set_up(&house, 2).await.earlier, [old.into()]);
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
    let unknown = house.restore_from(&second, Source::Earlier(Id::from_bytes([9; 16]).into()), false).await;
    assert!(matches!(unknown, Err(Error::Recovery(RecoveryError::NoEarlier { .. }))), "{unknown:?}");
    house.restore_from(&second, Source::Earlier(old.into()), false).await.expect("they are back");
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

impl House {
    fn root_file(dir: &Path) -> PathBuf {
        dir.join("root.sealed")
    }

    /// Closes the house, puts an older copy of the root in place, and opens it again.
    async fn with_root(self, dir: &Path, root: &[u8]) -> Self {
        self.store.close().await;
        drop(self);
        fs::write(Self::root_file(dir), root).expect("it is put back");
        Self::new(dir).await
    }

    async fn asks_to_shred(&self, dataset: Id<noun::Dataset>) -> Result<keys::Shred, Error> {
        let scope = Scope::Dataset(dataset);
        let permit = self.permit_for(&self.ctx, Action::ShredsRequest, scope.resource());
        self.keys.request_shred(&self.ctx, &permit, scope, "end of contract").await
    }

    async fn approves_shred(&self, id: Id<noun::Approval>) -> Result<keys::Shred, Error> {
        let ctx = self.as_person(2);
        let permit = self.permit_for(&ctx, Action::ShredsApprove, Resource::Approval(id));
        self.keys.approve_shred(&ctx, &permit, id).await
    }

    async fn left_out(&self) -> u64 {
        let recovery = self.keys.recovery(&self.ctx).await.expect("it reads").expect("it is set up");
        recovery.package.expect("it is written").left_out
    }
}

fn packed(file: &Path) -> Vec<Id<noun::Key>> {
    let package = Package::read(&fs::read(file).expect("it is there")).expect("it reads");
    package.keys.iter().map(|key| key.id).collect()
}

/// The root was put back from a backup from before a dataset: only the recovery package has that one's key.
#[tokio::test]
async fn a_shredding_that_would_lose_other_keys_is_refused_before_it_is_decided() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let shredded = house.dataset(1).await;
    let old = fs::read(House::root_file(dir.path())).expect("it is there");
    let asked = house.asks_to_shred(shredded).await.expect("all opens").id;
    let lost = house.dataset(2).await;
    let (key, data) = sealed(&house, lost).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let house = house.with_root(dir.path(), &old).await;

    let before = fs::read(house.package_file()).expect("it is there");
    let kinds = house.last_kinds(3).await;
    let refused = house.approves_shred(asked).await.expect_err("a key would be lost");
    assert!(
        matches!(refused, Error::Shred(ShredRefused::NotWhole { count: 1, first }) if first == key),
        "{refused}"
    );
    assert!(refused.is_refusal() && !refused.on_record(), "whoever answers records it");
    assert_eq!(house.last_kinds(3).await, kinds, "and nothing is decided");
    assert_eq!(house.keys.shred(&house.ctx, asked).await.expect("it is there").state, ShredState::Requested);
    house.keys.dataset_key(&house.ctx, shredded).await.expect("it opens as before");
    assert_eq!(fs::read(house.package_file()).expect("it is there"), before);
    let permit = house.permit_for(&house.ctx, Action::ShredsCancel, Resource::Approval(asked));
    house.keys.cancel_shred(&house.ctx, &permit, asked).await.expect("it waits");
    let again = house.asks_to_shred(shredded).await;
    assert!(matches!(again, Err(Error::Shred(ShredRefused::NotWhole { .. }))), "{again:?}");

    // What it says to do helps.
    house.restore_from(&custodians, Source::InPlace, false).await.expect("the keys are back");
    let asked = house.asks_to_shred(shredded).await.expect("all opens").id;
    let done = house.approves_shred(asked).await.expect("it is done");
    assert_eq!(done.state, ShredState::Done);
    assert!(packed(&house.package_file()).contains(&key));
    assert!(house.earlier().await.is_empty(), "what had the shredded keys is erased");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, lost);
    house.keys.open_data_key(&house.ctx, &reveal, lost, key, INFO, &data).await.expect("it opens");
}

#[tokio::test]
async fn a_package_with_keys_that_the_root_does_not_open_is_put_aside_and_the_next_one_says_what_it_lacks() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let shredded = house.dataset(1).await;
    let known = house.keys.dataset_key(&house.ctx, shredded).await.expect("it is there").id;
    let old = fs::read(House::root_file(dir.path())).expect("it is there");
    let (lost, _) = sealed(&house, house.dataset(2).await).await;
    let custodians = Custodians::new(2);
    let setup = custodians.set_up(&house, 2).await.setup;
    house.rehearse(&custodians).await;
    let newest = fs::read(House::root_file(dir.path())).expect("it is there");
    let before = fs::read(house.package_file()).expect("it is there");
    let house = house.with_root(dir.path(), &old).await;

    // The package goes on to follow the keys.
    let third = house.dataset(3).await;
    let version = house.keys.dataset_key(&house.ctx, third).await.expect("it is there").id;
    assert!(house.keys.recovery_step(&house.ctx).await.expect("it is written"));
    let has = packed(&house.package_file());
    assert!(has.contains(&version) && has.contains(&known) && !has.contains(&lost));
    assert_eq!(house.left_out().await, 1);
    let aside = Earlier { setup, generation: Some(1) };
    assert_eq!(aside.to_string().parse::<Earlier>().expect("a name"), aside);
    assert_eq!(house.earlier().await, [aside]);
    let kept = house.package_file().with_file_name(format!("recovery.{aside}.package"));
    assert_eq!(fs::read(&kept).expect("it is kept"), before);
    assert!(!house.keys.recovery_step(&house.ctx).await.expect("nothing to do"));
    assert!(kept.exists(), "it alone has a key, though the setup is rehearsed");
    assert_eq!(house.last_entry().await["facts"]["left_out"], 1);

    // A version that it does not have is destroyed; one that it has is not.
    let rotate = async |key| {
        let permit = house.on_key(Action::KeysRotate, key);
        house.keys.rotate(&house.ctx, &permit, key, None).await.expect("rotated");
        house.keys.destroy(&house.ctx, &house.on_key(Action::KeysDestroy, key), key).await
    };
    assert_eq!(rotate(version).await.expect("nothing refers to it").state, State::Destroyed);
    let refused = rotate(known).await;
    assert!(matches!(refused, Err(Error::Referred { count: 1, .. })), "{refused:?}");

    // It would be erased with what is shredded, and the lost key with it.
    let refused = house.asks_to_shred(shredded).await.expect_err("it alone has a key");
    assert!(
        matches!(refused, Error::Shred(ShredRefused::Alone { name, count: 1, first }) if name == aside && first == lost),
        "{refused}"
    );
    assert!(refused.is_refusal());
    assert!(kept.exists());
    // Nor does a restore of a package that lacks it pass by unsaid.
    let refused = house.restore_from(&custodians, Source::InPlace, false).await;
    assert!(
        matches!(refused, Err(Error::Recovery(RecoveryError::Older { count: 1, held: Some(held), .. })) if held == aside),
        "{refused:?}"
    );

    // The newest root lacks what was made since; its own keys are packed again, and nothing is lost.
    let house = house.with_root(dir.path(), &newest).await;
    assert!(house.keys.recovery_step(&house.ctx).await.expect("it is written"));
    assert!(packed(&house.package_file()).contains(&lost));
}

#[tokio::test]
async fn there_is_a_package_in_place_also_where_the_next_one_cannot_be_put() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    house.dataset(1).await;
    let (first, second) = (Custodians::new(2), Custodians::new(3));
    let old = first.set_up(&house, 2).await.setup;
    let before = fs::read(house.package_file()).expect("it is there");
    let fresh = house.package_file().with_extension("new");
    fs::create_dir(&fresh).expect("it is in the way");
    assert!(second.set_up(&house, 2).await.unwritten.is_some());
    assert_eq!(fs::read(house.package_file()).expect("the one before is in place"), before);
    fs::remove_dir(&fresh).expect("it is removed");
    assert!(house.keys.recovery_step(&house.ctx).await.expect("it is written"));
    assert_ne!(fs::read(house.package_file()).expect("it is there"), before);
    assert_eq!(house.earlier().await, [old.into()], "once");
}

#[tokio::test]
async fn an_earlier_package_that_does_not_read_counts_and_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = house.keys.dataset_key(&house.ctx, house.dataset(1).await).await.expect("it is there").id;
    let custodians = Custodians::new(2);
    let old = custodians.set_up(&house, 2).await.setup;
    custodians.set_up(&house, 2).await;
    let name = format!("recovery.{old}.package");
    fs::write(house.package_file().with_file_name(&name), "garbage").expect("written");
    let permit = house.on_key(Action::KeysRotate, key);
    house.keys.rotate(&house.ctx, &permit, key, None).await.expect("rotated");
    assert_eq!(house.keys.references(&house.ctx, key).await.expect("it is shown").packages, 1);
    let refused = house.keys.destroy(&house.ctx, &house.on_key(Action::KeysDestroy, key), key).await;
    let refused = refused.expect_err("it may be in there");
    assert!(refused.is_refusal() && refused.to_string().contains(&name), "{refused}");
    house.rehearse(&custodians).await;
    house.keys.recovery_step(&house.ctx).await.expect("it goes on");
    let unread = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up").unread;
    assert!(unread.len() == 1 && unread[0].ends_with(&name), "{unread:?}");
}
