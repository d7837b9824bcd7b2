//! Shredding: who may, in which order, whatever is cut off; and that nothing brings the keys back.

use crate::{House, INFO, custodians::Custodians, passphrase, sealed};
use base::{Action, Clock as _, Context, Fault, Id, Kind, Secret, noun};
use keys::{
    Error, Keys, Purpose, RootError, RootOfTrust, Scope, SealedFile, Shred, ShredRefused, ShredState, State,
    Unit,
    certificate::{Certificate, Copies, Package},
    conformance::Faulty,
};
use policy::{Permit, Resource};
use std::{fs, path::Path, sync::Arc, time::Duration};

impl House {
    pub(crate) fn permit_for(&self, ctx: &Context, action: Action, resource: Resource) -> Permit {
        self.policy.permit(ctx, action, resource, self.clock.now()).expect("it is allowed")
    }

    pub(crate) async fn request(&self, scope: Scope) -> Shred {
        let permit = self.permit_for(&self.ctx, Action::ShredsRequest, scope.resource());
        self.keys.request_shred(&self.ctx, &permit, scope, "end of contract").await.expect("it is taken")
    }

    /// Approves as another person, over this node's keys or another's.
    async fn approve(&self, keys: &Keys, id: Id<noun::Approval>) -> Result<Shred, Error> {
        let ctx = self.as_person(2);
        let permit = self.permit_for(&ctx, Action::ShredsApprove, Resource::Approval(id));
        keys.approve_shred(&ctx, &permit, id).await
    }

    pub(crate) async fn shred(&self, scope: Scope) -> Shred {
        let request = self.request(scope).await;
        self.approve(&self.keys, request.id).await.expect("it is done")
    }

    fn platform(&self) -> Context {
        let actor = base::Actor::System { task: "test" };
        Context::authenticated(self.store.platform(), actor, Id::from_bytes([9; 16]))
    }

    pub(crate) async fn entries_of(&self, ctx: &Context, kind: &str) -> Vec<serde_json::Value> {
        let read = self.store.read(ctx).await.expect("a snapshot");
        let entries = store::Queries::entries(&read, 0, 1_000).await.expect("entries");
        let entries = entries.iter().map(|(_, json)| serde_json::from_slice(json).expect("JSON"));
        entries.filter(|entry: &serde_json::Value| entry["kind"] == kind).collect()
    }
}

/// A copy of a directory, in place of what stands there.
pub(crate) fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).expect("it is removed");
    }
    fs::create_dir_all(to).expect("it is made");
    for entry in fs::read_dir(from).expect("it lists") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("it is copied");
        }
    }
}

#[tokio::test]
async fn two_persons_decide_within_a_day_and_nobody_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let scope = Scope::Dataset(house.dataset(1).await);
    let request = house.request(scope).await;
    assert_eq!((request.state, request.scope), (ShredState::Requested, scope));
    assert_eq!(house.last_kinds(1).await, ["shred.requested"]);
    let permit = house.permit_for(&house.ctx, Action::ShredsRequest, scope.resource());
    let second = house.keys.request_shred(&house.ctx, &permit, scope, "").await.expect_err("one waits");
    assert!(matches!(second, Error::Shred(ShredRefused::Pending { id }) if id == request.id));

    let own = house.permit_for(&house.ctx, Action::ShredsApprove, Resource::Approval(request.id));
    let refused = house.keys.approve_shred(&house.ctx, &own, request.id).await.expect_err("their own");
    assert!(matches!(refused, Error::Shred(ShredRefused::SamePerson)));
    assert_eq!(refused.kind(), Kind::Refused);
    assert!(refused.is_refusal() && !refused.on_record(), "whoever answers records it");
    assert_eq!(refused.reason(), "same_person");
    let stolen =
        house.keys.approve_shred(&house.as_person(2), &own, request.id).await.expect_err("another's permit");
    assert!(matches!(stolen, Error::Refused(_)));

    let (ctx, id) = (house.as_person(3), request.id);
    let permit = house.permit_for(&ctx, Action::ShredsCancel, Resource::Approval(id));
    let cancelled = house.keys.cancel_shred(&ctx, &permit, id).await.expect("it is cancelled");
    assert_eq!(cancelled.state, ShredState::Cancelled);
    let over = |state| {
        move |error: Error| {
            assert!(matches!(error, Error::Shred(ShredRefused::Over { state: is }) if is == state))
        }
    };
    over(ShredState::Cancelled)(house.approve(&house.keys, id).await.expect_err("it is cancelled"));

    let id = house.request(scope).await.id;
    house.clock.forward(keys::SHRED_EXPIRY + Duration::from_secs(1));
    house.heard().await;
    over(ShredState::Expired)(house.approve(&house.keys, id).await.expect_err("it is too late"));
    assert_eq!(house.keys.shred(&house.ctx, id).await.expect("it is there").state, ShredState::Expired);
    assert!(!house.keys.shred_step(&house.ctx).await.expect("nothing is left to do"));
    house.keys.dataset_key(&house.ctx, house.dataset(2).await).await.expect("nothing was shredded");

    let id = house.request(scope).await.id;
    assert_eq!(house.approve(&house.keys, id).await.expect("it is done").state, ShredState::Done);
    over(ShredState::Done)(house.approve(&house.keys, id).await.expect_err("once"));
    let permit = house.permit_for(&ctx, Action::ShredsCancel, Resource::Approval(id));
    over(ShredState::Done)(
        house.keys.cancel_shred(&ctx, &permit, id).await.expect_err("it cannot be undone"),
    );
    assert_eq!(house.keys.shreds(&house.ctx).await.expect("a list").len(), 3);
    let unknown = Id::from_bytes([1; 16]);
    let permit = house.permit_for(&ctx, Action::ShredsApprove, Resource::Approval(unknown));
    let unknown = house.keys.approve_shred(&ctx, &permit, unknown).await.expect_err("no such request");
    assert_eq!(unknown.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_shredded_dataset_does_not_open_from_a_restored_database_either() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    fs::create_dir(&data).expect("it is made");
    let house = House::new(&data).await;
    let (ours, other) = (house.dataset(1).await, house.dataset(2).await);
    let (key, data_key) = sealed(&house, ours).await;
    let (other_key, other_data_key) = sealed(&house, other).await;
    house.store.close().await;
    drop(house);
    // A backup of the data directory leaves the root's file out.
    copy(&data, &backup);
    fs::remove_file(backup.join("root.sealed")).expect("it was copied too");

    let house = House::new(&data).await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, ours);
    house.keys.open_data_key(&house.ctx, &reveal, ours, key, INFO, &data_key).await.expect("it opens");
    let mut lease = house.keys.lease(&house.ctx, vec![key]).await.expect("it is open");
    let node = house.node().await;
    node.open_data_key(&house.ctx, &reveal, ours, key, INFO, &data_key).await.expect("it opens there too");
    let done = house.shred(Scope::Dataset(ours)).await;
    assert!(
        node.epoch_step(&house.ctx, house.clock.now()).await.expect("it reads"),
        "every node hears of it"
    );
    assert_eq!(node.cached(), 0);
    let closed = node.open_data_key(&house.ctx, &reveal, ours, key, INFO, &data_key).await;
    assert!(matches!(closed, Err(Error::Shredded { .. })));
    assert_eq!(done.state, ShredState::Done);
    assert_eq!(house.last_kinds(3).await, ["shred.requested", "shred.approved", "keys.shredded"]);
    assert_eq!(house.keys.cached(), 0);
    let closed = house.keys.open_data_key(&house.ctx, &reveal, ours, key, INFO, &data_key).await;
    assert!(matches!(closed, Err(Error::Shredded { .. })));
    assert!(matches!(house.keys.check(&house.ctx, &mut lease).await, Err(Error::Shredded { .. })));
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, other);
    let opened = house.keys.open_data_key(&house.ctx, &reveal, other, other_key, INFO, &other_data_key).await;
    opened.expect("the other dataset goes on");
    for key in house.versions(Purpose::Dataset).await {
        let state = if key.dataset == Some(ours) { State::Destroyed } else { State::Active };
        assert_eq!(key.state, state);
    }
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    house.keys.create_dataset(&mut tx, ours).await.expect_err("its name is not used again");
    drop(tx);
    house.store.close().await;
    drop(house);

    // The root is the one in place: it has forgotten. The database knows of nothing.
    copy(&backup.join("organizations"), &data.join("organizations"));
    let house = House::new(&data).await;
    assert!(house.keys.shreds(&house.ctx).await.expect("a list").is_empty(), "it is the older database");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, ours);
    let closed = house.keys.open_data_key(&house.ctx, &reveal, ours, key, INFO, &data_key).await;
    assert!(matches!(closed, Err(Error::Root(RootError::UnknownUnit { .. }))), "{closed:?}");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, other);
    let opened = house.keys.open_data_key(&house.ctx, &reveal, other, other_key, INFO, &other_data_key).await;
    opened.expect("the other dataset goes on");
}

#[tokio::test]
async fn a_shredded_organization_opens_nothing_and_its_ledger_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    fs::create_dir(&data).expect("it is made");
    let house = House::new(&data).await;
    let dataset = house.dataset(1).await;
    let (key, data_key) = sealed(&house, dataset).await;
    house.store.close().await;
    drop(house);
    copy(&data.join("organizations"), &backup);

    let house = House::new(&data).await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let custodians = Custodians::new(3);
    custodians.set_up(&house, 2).await;
    let path = house.store.directory(house.ctx.organization()).join("recovery.package");
    assert!(path.exists());
    let done = house.shred(Scope::Organization).await;
    let named = house.root.attest().await.expect("it attests").key;
    let signed = done.certificate.expect("it is certified");
    let certificate = Certificate::verify(&*crypto::aws_lc(), &named, &signed).expect("the root signed it");
    assert_eq!(certificate.recovery, Package::Removed);
    assert_eq!(certificate.keys.count, 3, "organization, manifest, dataset");
    assert!(!path.exists());
    assert!(house.keys.recovery(&house.ctx).await.expect("it reads").is_none());
    let closed = house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await;
    assert!(matches!(closed, Err(Error::Shredded { scope: Scope::Organization })));
    house.keys.log_keys(&house.ctx).await.expect("the ledger goes on");
    house.keys.redaction_key(&house.ctx).await.expect("and what it redacts");
    assert!(!house.keys.begin(&house.ctx).await.expect("a start finds it begun"));
    house.store.close().await;
    drop(house);

    copy(&backup, &data.join("organizations"));
    let house = House::new(&data).await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let closed = house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await;
    assert!(matches!(closed, Err(Error::Root(RootError::UnknownUnit { .. }))), "{closed:?}");
    house.keys.log_keys(&house.ctx).await.expect("the ledger of the older database goes on too");
}

#[tokio::test]
async fn the_certificate_is_the_roots_and_stands_in_both_logs() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let setup = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up").setup;
    let key = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there").id;
    let done = house.shred(Scope::Dataset(dataset)).await;
    let signed = done.certificate.clone().expect("it is certified");
    let provider = crypto::aws_lc();
    let named = house.root.attest().await.expect("it attests").key;
    let certificate = Certificate::verify(&*provider, &named, &signed).expect("the root signed it");
    assert_eq!(certificate.shred, done.id);
    assert_eq!(certificate.dataset, Some(dataset));
    assert_eq!(certificate.unit, Unit::Dataset(house.ctx.organization(), dataset).to_string());
    assert_eq!(
        (certificate.requested_by, certificate.approved_by),
        (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]))
    );
    assert_eq!(certificate.keys.ids, Some(vec![key]));
    assert!(matches!(certificate.recovery, Package::Rewritten { generation: 2, .. }));
    let copies = [Copies::RootRecords, Copies::RecoveryPackages { setups: vec![setup] }, Copies::Revealed];
    assert_eq!(certificate.not_vouched_for, copies);
    let other = crypto::sign::SigningKey::generate(&*provider, crypto::sign::Algorithm::MlDsa65);
    assert!(Certificate::verify(&*provider, other.verifying_key(), &signed).is_err());

    let (ours, platform) = (house.ctx.clone(), house.platform());
    assert!(house.keys.publish_shred(&platform, &ours).await.expect("it is published"));
    assert!(!house.keys.publish_shred(&platform, &ours).await.expect("nothing is left"));
    for ctx in [&ours, &platform] {
        let entries = house.entries_of(ctx, "keys.shredded").await;
        assert_eq!(entries.len(), 1);
        let facts = &entries[0]["facts"];
        let in_log: crypto::jws::Jws =
            serde_json::from_value(facts["certificate"].clone()).expect("a document");
        assert_eq!(in_log, signed);
        assert_eq!(facts["organization"], ours.organization().to_string());
    }
}

/// Every call to the root fails once, before and after it took effect; the step completes what was cut off.
#[tokio::test]
async fn whatever_call_fails_the_shredding_is_completed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    Custodians::new(2).set_up(&house, 2).await;
    let named = house.root.attest().await.expect("it attests").key;
    let (mut seed, mut failures) = (0, 0);
    for after in [false, true] {
        for call in 0.. {
            seed += 1;
            let dataset = house.dataset(seed).await;
            let (key, data_key) = sealed(&house, dataset).await;
            let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
            house
                .keys
                .open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key)
                .await
                .expect("it opens");
            let request = house.request(Scope::Dataset(dataset)).await;
            let root = Arc::clone(&house.root);
            let faulty = if after { Faulty::after(root, call) } else { Faulty::before(root, call) };
            let node = Keys::new(
                house.store.clone(),
                Arc::new(faulty.clone()),
                crypto::aws_lc(),
                house.clock.clone(),
            );
            let approved = house.approve(&node, request.id).await;
            if !faulty.failed() {
                approved.expect("no call failed");
                break;
            }
            failures += 1;
            house.heard().await;
            let state = house.keys.shred(&house.ctx, request.id).await.expect("it is there").state;
            if state == ShredState::Requested {
                // Whether the package can be written is looked at first: nothing is decided yet.
                assert!(matches!(approved, Err(Error::Root(_))), "{approved:?}");
                let still =
                    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await;
                still.expect("it opens");
                house.approve(&house.keys, request.id).await.expect("it is done");
                continue;
            }
            // An error would say that nothing was done.
            let told = approved.expect("it is decided");
            assert_eq!(told.state, ShredState::Approved);
            assert!(told.waits.is_some_and(|why| why.contains("root")), "and what it waits for is said");
            let known = node.unfinished_shred(&house.ctx).await.expect("it reads").expect("there is one");
            assert!(known.id == request.id && known.waits.is_some());
            let closed = house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await;
            assert!(matches!(closed, Err(Error::Shredded { .. })), "it is decided: {closed:?}");
            let shred = house.keys.shred(&house.ctx, request.id).await.expect("it is there");
            assert_eq!(shred.state, ShredState::Approved);
            assert!(house.keys.shred_step(&house.ctx).await.expect("it is completed"));
            assert!(!house.keys.shred_step(&house.ctx).await.expect("once"));
            let shred = house.keys.shred(&house.ctx, request.id).await.expect("it is there");
            assert_eq!(shred.state, ShredState::Done);
            let signed = shred.certificate.expect("it is certified");
            Certificate::verify(&*crypto::aws_lc(), &named, &signed).expect("the root signed it");
            let unit = Unit::Dataset(house.ctx.organization(), dataset);
            assert!(matches!(house.root.enroll(unit).await, Err(RootError::Forgotten { .. })));
            let package = house.keys.recovery_package(&house.ctx).await.expect("it is there");
            assert!(!String::from_utf8(package).expect("JSON").contains(&dataset.to_string()));
        }
    }
    assert!(failures >= 10, "forget, the package's keys, attest and sign, twice: {failures}");
    assert_eq!(house.entries_of(&house.ctx, "keys.shredded").await.len(), usize::from(seed));
}

#[tokio::test]
async fn an_older_backup_of_the_root_is_forgotten_again_at_the_next_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, data_key) = sealed(&house, dataset).await;
    let own = Secret::new("of the backup".to_owned());
    let backup = house.root.backup(&own).expect("it is backed up");
    house.shred(Scope::Dataset(dataset)).await;
    house.keys.publish_shred(&house.platform(), &house.ctx).await.expect("it is published");
    house.store.close().await;
    drop(house);

    let path = dir.path().join("root.sealed");
    fs::remove_file(&path).expect("the root is lost");
    let restored = SealedFile::restore(&path, &passphrase(), &backup, &own, crypto::aws_lc(), || Ok(()))
        .expect("restored");
    assert_eq!(restored.forgotten, Vec::<String>::new(), "the backup knows of no shredding");
    let house = House::new(dir.path()).await;
    assert_eq!(house.keys.forget_shredded(&house.platform()).await.expect("it forgets"), 1);
    assert_eq!(house.keys.forget_shredded(&house.ctx).await.expect("it has forgotten"), 0);
    let unit = Unit::Dataset(house.ctx.organization(), dataset);
    assert!(matches!(house.root.enroll(unit).await, Err(RootError::Forgotten { .. })));
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    assert!(house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await.is_err());
}

#[tokio::test]
async fn a_publication_that_is_cut_short_is_completed_and_said_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, before) = (dir.path().join("data"), dir.path().join("before"));
    fs::create_dir(&data).expect("it is made");
    let house = House::new(&data).await;
    let dataset = house.dataset(1).await;
    house.shred(Scope::Dataset(dataset)).await;
    house.store.close().await;
    let place = house.store.directory(house.ctx.organization());
    drop(house);
    copy(&place, &before);

    let house = House::new(&data).await;
    assert!(house.keys.publish_shred(&house.platform(), &house.ctx).await.expect("it is published"));
    house.store.close().await;
    drop(house);
    // As if it had been cut off after the platform's commit: the organization's database does not know of it.
    copy(&before, &place);
    let house = House::new(&data).await;
    assert!(house.keys.publish_shred(&house.platform(), &house.ctx).await.expect("it is completed"));
    assert!(!house.keys.publish_shred(&house.platform(), &house.ctx).await.expect("nothing is left"));
    assert_eq!(house.entries_of(&house.platform(), "keys.shredded").await.len(), 1);
}

#[tokio::test]
async fn where_steps_meet_the_package_is_written_once_and_the_certificate_names_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    Custodians::new(2).set_up(&house, 2).await;
    let id = house.request(Scope::Dataset(dataset)).await.id;
    for call in 0.. {
        let faulty = Arc::new(Faulty::before(house.root.clone(), call));
        let node = Keys::new(house.store.clone(), faulty, crypto::aws_lc(), house.clock.clone());
        let told = house.approve(&node, id).await;
        if house.keys.shred(&house.ctx, id).await.expect("it is there").state == ShredState::Approved {
            assert!(told.expect("it is decided").waits.is_some(), "and not done");
            break;
        }
        told.expect_err("the root does not answer");
    }
    let (first, second) = tokio::join!(house.keys.shred_step(&house.ctx), house.keys.shred_step(&house.ctx));
    assert!(first.expect("it is done") && second.expect("it is done"), "both had found it");
    assert_eq!(
        house.entries_of(&house.ctx, "recovery.packaged").await.len(),
        2,
        "set up, and without the keys"
    );
    assert_eq!(house.entries_of(&house.ctx, "keys.shredded").await.len(), 1);
    let done = house.keys.shred(&house.ctx, id).await.expect("it is there");
    let key = house.root.attest().await.expect("it says").key;
    let signed = done.certificate.expect("it is certified");
    let certificate = Certificate::verify(&*crypto::aws_lc(), &key, &signed).expect("the root signed it");
    let recovery = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up");
    let stands = recovery.package.expect("it was written");
    let sha256 = base::digest::hex(&stands.sha256);
    assert_eq!(certificate.recovery, Package::Rewritten { generation: stands.generation, sha256 });
}
