//! A root that lacks what the database has: nothing more is protected under keys that it does not open.

use crate::{House, INFO, custodians::Custodians, passphrase, sealed};
use base::{Action, Id, Secret, noun};
use keys::{Error, Purpose, RootOfTrust as _, SealedFile, State, Unit, conformance, recovery::Aim};
use std::{fs, path::Path};

/// Copies of the root's record as they are kept elsewhere, and how the record in place becomes one of them.
struct Elsewhere {
    backup: Vec<u8>,
    stale: Vec<u8>,
}

fn own() -> Secret<String> {
    Secret::new("of the backup".to_owned())
}

impl Elsewhere {
    fn of(house: &House, dir: &Path) -> Self {
        let backup = house.root.backup(&own()).expect("it is backed up");
        Self { backup, stale: fs::read(dir.join("root.sealed")).expect("it is there") }
    }

    /// The node's root is lost, and its older backup put back; or an older copy of it is taken for it.
    fn instead(&self, dir: &Path, restored: bool) {
        let path = dir.join("root.sealed");
        fs::remove_file(&path).expect("the root is lost");
        if restored {
            let done =
                SealedFile::restore(&path, &passphrase(), &self.backup, &own(), crypto::aws_lc(), || Ok(()));
            done.expect("it is restored");
        } else {
            fs::write(&path, &self.stale).expect("written");
        }
    }
}

impl House {
    async fn closes(self, dir: &Path, elsewhere: impl FnOnce()) -> Self {
        self.store.close().await;
        drop(self);
        elsewhere();
        Self::new(dir).await
    }

    async fn state(&self, key: Id<noun::Key>) -> State {
        self.keys.version(&self.ctx, key).await.expect("it is there").state
    }

    async fn reveals(&self, dataset: Id<noun::Dataset>, (key, data): &(Id<noun::Key>, Vec<u8>)) -> bool {
        let reveal = self.permit(&self.ctx, Action::DatasetsReveal, dataset);
        self.keys.open_data_key(&self.ctx, &reveal, dataset, *key, INFO, data).await.is_ok()
    }

    async fn turned(&self, key: Id<noun::Key>) -> Result<keys::Key, Error> {
        self.keys.rotate(&self.ctx, &self.on_key(Action::KeysRotate, key), key, None).await
    }
}

#[tokio::test]
async fn nothing_is_protected_under_keys_that_an_older_root_has_no_record_of() {
    for restored in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let house = House::new(dir.path()).await;
        let older = house.dataset(1).await;
        let kept = sealed(&house, older).await;
        let elsewhere = Elsewhere::of(&house, dir.path());
        // Made since: a version of what the older root knows, and datasets.
        let (newer, other) = (house.dataset(2).await, house.dataset(3).await);
        let (lost, others) = (sealed(&house, newer).await, sealed(&house, other).await);
        let whole = fs::read(dir.path().join("root.sealed")).expect("it is there");

        let house = house.closes(dir.path(), || elsewhere.instead(dir.path(), restored)).await;
        let mut closed = house.keys.close_lost(&house.ctx).await.expect("it is looked at");
        closed.sort_unstable();
        let mut all = vec![lost.0, others.0];
        all.sort_unstable();
        assert_eq!(closed, all);
        assert_eq!(house.last_kinds(2).await, ["key.suspended", "key.suspended"]);
        let entry = house.last_entry().await;
        assert_eq!(entry["reason"], "does_not_open", "{entry}");
        assert_eq!(house.keys.close_lost(&house.ctx).await.expect("once"), []);
        let mut named: Vec<_> =
            house.keys.lost(&house.ctx).await.expect("they are named").iter().map(|key| key.id).collect();
        named.sort_unstable();
        assert_eq!(named, all);

        for dataset in [newer, other] {
            let refused = house.keys.dataset_key(&house.ctx, dataset).await.expect_err("nobody opens it");
            assert!(refused.to_string().contains("nexora keys root restore"), "{refused}");
            let out = house.keys.hand_out(&house.ctx, dataset).await;
            assert!(matches!(out, Err(Error::Lost { .. })), "no producer gets it either: {out:?}");
            let resumed =
                house.keys.resume(&house.ctx, &house.on_key(Action::KeysResume, lost.0), lost.0).await;
            assert!(matches!(resumed, Err(Error::Lost { .. })));
        }
        house.keys.dataset_key(&house.ctx, older).await.expect("the others go on");
        assert!(house.reveals(older, &kept).await);

        // A version under a record of its own takes the place of one; nothing is said of it any more.
        let turned = house.turned(others.0).await.expect("the root makes a record");
        let anew = sealed(&house, other).await;
        assert_eq!(anew.0, turned.id);
        assert!(house.reveals(other, &anew).await && !house.reveals(other, &others).await);
        let named = house.keys.lost(&house.ctx).await.expect("they are named");
        assert_eq!(named.iter().map(|key| key.id).collect::<Vec<_>>(), [lost.0]);

        // The other root comes back: what is under its records opens again, and what is not is closed at its first use.
        let house = house
            .closes(dir.path(), || fs::write(dir.path().join("root.sealed"), &whole).expect("written"))
            .await;
        house
            .keys
            .resume(&house.ctx, &house.on_key(Action::KeysResume, lost.0), lost.0)
            .await
            .expect("it opens");
        house.keys.dataset_key(&house.ctx, newer).await.expect("it is in use again");
        assert!(house.reveals(newer, &lost).await);
        assert_eq!(house.keys.close_lost(&house.ctx).await.expect("the root has records of all"), []);
        assert_eq!(house.state(anew.0).await, State::Active);
        let refused = house.keys.dataset_key(&house.ctx, other).await;
        assert!(matches!(refused, Err(Error::Lost { key }) if key == anew.0), "another record: {refused:?}");
        assert_eq!(house.state(anew.0).await, State::Suspended, "and it is closed");
        assert_eq!(house.last_entry().await["reason"], "does_not_open");
    }
}

/// Where the root knows nothing of an organization, a restore or a ceremony brings all of it back: nothing is closed
/// that somebody would have to open again, and nothing is protected meanwhile.
#[tokio::test]
async fn where_the_whole_root_is_another_nothing_is_closed_and_nothing_protected() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let data = sealed(&house, dataset).await;
    let path = dir.path().join("root.sealed");
    let right = fs::read(&path).expect("it is there");
    let house = house.closes(dir.path(), || fs::remove_file(&path).expect("the root is lost")).await;
    assert_eq!(house.keys.close_lost(&house.ctx).await.expect("it is looked at"), []);
    for _ in 0..2 {
        let refused = house.keys.dataset_key(&house.ctx, dataset).await;
        let said = refused.expect_err("nobody opens it").to_string();
        assert!(said.contains("keys recovery restore") && !said.contains("keys rotate"), "{said}");
        assert!(matches!(house.keys.hand_out(&house.ctx, dataset).await, Err(Error::Locked { .. })));
    }
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let made = house.keys.create_dataset(&mut tx, Id::from_bytes([9; 16])).await;
    assert!(
        matches!(made, Err(Error::Locked { .. })),
        "its private half would be sealed to a key that is lost"
    );
    drop(tx);
    assert_eq!(house.state(data.0).await, State::Active);
    let purposes: Vec<_> =
        house.keys.lost(&house.ctx).await.expect("they are named").iter().map(|key| key.purpose).collect();
    assert_eq!(purposes, [Purpose::Organization, Purpose::Manifest]);

    let house = house.closes(dir.path(), || fs::write(&path, &right).expect("written")).await;
    house.keys.dataset_key(&house.ctx, dataset).await.expect("nobody has to resume it");
    assert!(house.reveals(dataset, &data).await);
}

#[tokio::test]
async fn a_version_that_does_not_open_is_not_put_in_use() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let elsewhere = Elsewhere::of(&house, dir.path());
    let dataset = house.dataset(1).await;
    let (first, _) = sealed(&house, dataset).await;
    let next = house.keys.create(&house.ctx, &house.on_key(Action::KeysCreate, first), first, None).await;
    let next = next.expect("it is made").id;
    let house = house.closes(dir.path(), || elsewhere.instead(dir.path(), true)).await;
    let put = house.keys.activate(&house.ctx, &house.on_key(Action::KeysActivate, next), next).await;
    assert!(matches!(put, Err(Error::Lost { key }) if key == next), "{put:?}");
    assert_eq!(house.state(next).await, State::Generated);
}

/// What was shredded says so itself, and gets no record again: neither by a start nor by a rotation.
#[tokio::test]
async fn what_was_shredded_is_not_taken_for_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, _) = sealed(&house, dataset).await;
    house.shred(keys::Scope::Dataset(dataset)).await;
    assert_eq!(house.keys.close_lost(&house.ctx).await.expect("it is looked at"), []);
    assert_eq!(house.keys.lost(&house.ctx).await.expect("it is looked at"), []);
    let refused = house.keys.dataset_key(&house.ctx, dataset).await;
    assert!(matches!(refused, Err(Error::Shredded { .. })), "{refused:?}");
    assert!(house.turned(key).await.is_err());
    assert!(!house.root.knows(Unit::Dataset(house.ctx.organization(), dataset)).await.expect("it answers"));
}

/// The root was lost with its backup, custodians brought back what an older package has, and then a backup turns up.
#[tokio::test]
async fn a_backup_adds_what_the_root_lacks_and_names_what_differs() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    let organization = Id::from_bytes([1; 16]);
    let (whole, log) = (Unit::Organization(organization), Unit::Log(organization));
    let dataset = |seed| Unit::Dataset(organization, Id::from_bytes([seed; 16]));
    let secret = Secret::new(b"k".to_vec());
    let root = SealedFile::create(&path, &passphrase(), crypto::aws_lc()).expect("it is made");
    for unit in [whole, log, dataset(1), dataset(2)] {
        root.enroll(unit).await.expect("it enrolls");
    }
    let newer = root.wrap(dataset(2), b"", &secret).await.expect("it wraps");
    let theirs = root.wrap(dataset(1), b"", &secret).await.expect("it wraps");
    let backup = root.backup(&own()).expect("it is backed up");
    drop(root);
    fs::remove_file(&path).expect("it is lost");
    let root = SealedFile::create(&path, &passphrase(), crypto::aws_lc()).expect("it is made");
    for unit in [whole, log, dataset(1)] {
        root.enroll(unit).await.expect("it enrolls");
    }
    let ours = root.wrap(dataset(1), b"", &secret).await.expect("it wraps");
    drop(root);
    let restored = SealedFile::restore(&path, &passphrase(), &backup, &own(), crypto::aws_lc(), || Ok(()))
        .expect("it fits");
    assert_eq!((restored.units, restored.regained), (4, 1));
    let mut differing = [whole, log, dataset(1)].map(|unit| unit.to_string());
    differing.sort_unstable();
    assert_eq!(restored.differing, differing);
    let root = SealedFile::open(&path, &passphrase(), crypto::aws_lc()).expect("it opens");
    root.unwrap(dataset(2), b"", &newer).await.expect("what was missing is there");
    root.unwrap(dataset(1), b"", &ours).await.expect("and what was there stands");
    drop(root);
    let again = SealedFile::restore(&path, &passphrase(), &backup, &own(), crypto::aws_lc(), || Ok(()));
    let again = again.expect("it fits");
    assert_eq!((again.regained, again.differing), (0, Vec::new()), "it has them");
    let reopen = || SealedFile::open(&path, &passphrase(), crypto::aws_lc()).expect("it opens");
    conformance::several(reopen(), reopen, dataset(1), &[ours, theirs]).await;
}

/// Acts over a fresh root that were refused, broken off or only begun take nothing from what the backup brings back.
#[tokio::test]
async fn the_newest_backup_brings_all_back_whatever_a_fresh_root_has_made_meanwhile() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    let house = House::new(dir.path()).await;
    let organization = house.ctx.organization();
    let (dataset, other) = (house.dataset(1).await, house.dataset(2).await);
    let (data, others) = (sealed(&house, dataset).await, sealed(&house, other).await);
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let backup = house.root.backup(&own()).expect("it is backed up");
    let house = house.closes(dir.path(), || fs::remove_file(&path).expect("the root is lost")).await;

    let refused = house.turned(data.0).await.expect_err("there is nothing to seal it to");
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    let unit = |dataset| Unit::Dataset(organization, dataset);
    assert!(!house.root.knows(unit(dataset)).await.expect("it answers"), "what is refused makes no record");
    let begun = house.begin(Aim::Restore, None).await.expect("it begins");
    // What a ceremony's end that was broken off leaves.
    for unit in [Unit::Organization(organization), unit(dataset)] {
        house.root.enroll(unit).await.expect("it enrolls");
    }
    assert_eq!(
        house.keys.close_lost(&house.ctx).await.expect("it is looked at"),
        [],
        "a record opens nothing"
    );

    let house = house
        .closes(dir.path(), || {
            let done =
                SealedFile::restore(&path, &passphrase(), &backup, &own(), crypto::aws_lc(), || Ok(()));
            let differing = done.expect("it fits").differing;
            for unit in [Unit::Organization(organization), Unit::Log(organization), unit(dataset)] {
                assert!(differing.contains(&unit.to_string()), "{unit}: {differing:?}");
            }
        })
        .await;
    assert_eq!(house.keys.log_keys(&house.ctx).await.expect("the log goes on").len(), 1);
    assert!(house.reveals(dataset, &data).await && house.reveals(other, &others).await);
    assert_eq!(house.keys.lost(&house.ctx).await.expect("it is looked at"), []);
    let turned = house.turned(data.0).await.expect("it goes on").id;
    let anew = sealed(&house, dataset).await;
    assert_eq!(anew.0, turned);
    assert!(house.reveals(dataset, &anew).await && house.reveals(dataset, &data).await);
    // The ceremony's own key was wrapped under the fresh record.
    for which in [0, 1] {
        house.give(&begun, &custodians.share(which, &begun)).await.expect("it takes shares still");
    }
}

/// Records that are there and are others are not known by asking for them: who looks finds them before their use.
#[tokio::test]
async fn who_looks_is_told_of_records_that_differ() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let elsewhere = Elsewhere::of(&house, dir.path());
    let (dataset, other) = (house.dataset(1).await, house.dataset(2).await);
    let lost = sealed(&house, dataset).await;
    house.shred(keys::Scope::Dataset(other)).await;
    let house = house.closes(dir.path(), || elsewhere.instead(dir.path(), true)).await;
    house.root.enroll(Unit::Dataset(house.ctx.organization(), dataset)).await.expect("another record");
    assert_eq!(house.keys.close_lost(&house.ctx).await.expect("it is looked at"), [], "there is a record");
    let named: Vec<_> =
        house.keys.lost(&house.ctx).await.expect("they are named").iter().map(|key| key.id).collect();
    assert_eq!(named, [lost.0]);
    assert!(matches!(house.keys.dataset_key(&house.ctx, dataset).await, Err(Error::Lost { .. })));
    let named = house.keys.lost(&house.ctx).await.expect("they are named");
    assert_eq!(named.iter().map(|key| (key.id, key.state)).collect::<Vec<_>>(), [(lost.0, State::Suspended)]);
}
