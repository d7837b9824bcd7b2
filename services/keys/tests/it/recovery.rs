//! Recovery: what a quorum brings back, what fewer cannot, and what nobody can.

use crate::{House, INFO, custodians::Custodians, sealed, shred::copy};
use base::{Action, Context, Fault, Id, Kind, Secret};
use crypto::{bind, hpke, shamir, text};
use keys::{
    Error, Keys, Purpose, RootOfTrust, Scope, State, Unit,
    conformance::Faulty,
    recovery::{
        Aim, CeremonyState, Contribution, CustodianKey, Package, RecoveryError, SETUP_EXPIRY, open_share,
    },
};
use policy::Resource;
use std::{fs, sync::Arc, time::Duration};

#[tokio::test]
async fn a_quorum_brings_the_keys_back_under_a_new_root_and_gets_new_shares() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, data_key) = sealed(&house, dataset).await;
    let custodians = Custodians::new(3);
    let recovery = custodians.set_up(&house, 2).await;
    assert_eq!(recovery.rehearsed_at, None, "nobody has seen that it works");
    assert_eq!(house.last_kinds(2).await, ["recovery.set_up", "recovery.packaged"]);

    let rehearsal = house.begin(Aim::Rehearsal, None).await.expect("it begins");
    let refused = house.restore(&rehearsal).await.expect_err("a rehearsal restores nothing");
    assert!(matches!(refused, Error::Recovery(RecoveryError::Rehearsal)));
    let first = house.give(&rehearsal, &custodians.share(0, &rehearsal)).await.expect("it is taken");
    assert_eq!((first.state, first.given.len()), (CeremonyState::Open, 1));
    let done = house.give(&rehearsal, &custodians.share(2, &rehearsal)).await.expect("the quorum");
    assert_eq!(done.state, CeremonyState::Ended);
    assert_eq!(done.given.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["Ada", "Barbara"]);
    assert_eq!(house.last_kinds(2).await, ["recovery.approved", "recovery.rehearsed"]);
    let recovery = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up");
    assert!(recovery.rehearsed_at.is_some(), "now it is set up");
    house.store.close().await;
    drop(house);

    fs::remove_file(dir.path().join("root.sealed")).expect("the root is lost");
    let house = House::new(dir.path()).await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    let lost = house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await;
    assert!(matches!(lost, Err(Error::Root(_))));
    assert!(house.keys.log_keys(&house.ctx).await.is_err());
    let before = house.keys.recovery_package(&house.ctx).await.expect("it is there");
    house.keys.recovery_step(&house.ctx).await.expect("the package holds every key that there is");
    assert_eq!(
        house.keys.recovery_package(&house.ctx).await.expect("it is there"),
        before,
        "it is not replaced"
    );
    // Sealed or not, it is every private key: that it was handed out is on record each time, and which one.
    let fetched = house.entries_of(&house.ctx, "recovery.package_fetched").await;
    let sha256 = base::digest::hex(&base::digest::sha256(&before));
    assert_eq!(fetched.len(), 2);
    assert!(fetched.iter().all(|entry| entry["facts"]["sha256"] == sha256), "{fetched:?}");

    let ceremony = house.begin(Aim::Restore, None).await.expect("it begins");
    house.give(&ceremony, &custodians.share(1, &ceremony)).await.expect("it is taken");
    let few = house.restore(&ceremony).await.expect_err("one of two");
    assert!(matches!(few, Error::Recovery(RecoveryError::TooFew { have: 1, need: 2 })));
    house.give(&ceremony, &custodians.share(2, &ceremony)).await.expect("it is taken");
    let restored = house.restore(&ceremony).await.expect("they are back");
    assert_eq!(
        (restored.keys, restored.regained),
        (6, 0),
        "organization, dataset, manifest, two of the log, redaction"
    );
    assert!(restored.missing.is_empty() && restored.shredded.is_empty());
    let opened = house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await;
    assert_eq!(opened.expect("it opens").expose(), b"data key");
    house.keys.log_keys(&house.ctx).await.expect("the ledger goes on");
    let kinds = ["recovery.restored", "recovery.set_up", "recovery.packaged"];
    assert_eq!(house.last_kinds(3).await, kinds);
    assert!(matches!(house.restore(&ceremony).await, Err(Error::Recovery(RecoveryError::Over { .. }))));

    let renewed = restored.recovery;
    assert_ne!(renewed.setup, recovery.setup);
    assert_eq!((renewed.rehearsed_at, renewed.quorum), (None, 2));
    assert_eq!(renewed.package.as_ref().map(|package| (package.generation, package.stale)), Some((1, false)));
    let rehearsal = house.begin(Aim::Rehearsal, None).await.expect("it begins");
    let old = open_share(&*crypto::aws_lc(), &custodians.0[0], &recovery.shares[0], &rehearsal.invitation);
    assert!(matches!(old, Err(Error::Recovery(RecoveryError::Mismatch { .. }))), "an old share");
    for which in [0, 1] {
        house.give(&rehearsal, &custodians.share(which, &rehearsal)).await.expect("the new shares work");
    }
    let renewed = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up");
    assert!(renewed.rehearsed_at.is_some());
}

#[tokio::test]
async fn the_package_follows_the_keys_without_anyone() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let custodians = Custodians::new(2);
    let state = || async {
        let recovery = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up");
        let package = recovery.package.expect("it was written");
        (package.generation, package.stale)
    };
    custodians.set_up(&house, 2).await;
    assert_eq!(state().await, (1, false));
    assert!(!house.keys.recovery_step(&house.ctx).await.expect("nothing to do"));
    let dataset = house.dataset(1).await;
    assert_eq!(state().await, (1, true));
    assert!(house.keys.recovery_step(&house.ctx).await.expect("it is written anew"));
    assert_eq!(state().await, (2, false));
    let key = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there").id;
    let permit = house.on_key(Action::KeysRotate, key);
    house.keys.rotate(&house.ctx, &permit, key, None).await.expect("rotated");
    assert_eq!(state().await, (2, true));
    assert!(house.keys.recovery_step(&house.ctx).await.expect("it is written anew"));
    let path = house.store.directory(house.ctx.organization()).join("recovery.package");
    fs::remove_file(&path).expect("somebody removed it");
    assert!(house.keys.recovery_step(&house.ctx).await.expect("it is written anew"));
    let package = Package::read(&fs::read(&path).expect("it is there")).expect("it reads");
    assert_eq!(package.generation, 4);
    assert_eq!(package.keys.iter().filter(|key| key.dataset == Some(dataset)).count(), 2);
    for secret in ["data key", "private_half"] {
        assert!(!String::from_utf8(fs::read(&path).expect("it is there")).expect("JSON").contains(secret));
    }
}

/// What a custodian gives to a ceremony, sealed as `docs/formats/recovery-package.md` says, around any share.
fn forged(given: &Contribution, invitation: &keys::recovery::Invitation, share: &[u8]) -> Contribution {
    let info = bind::parts(&[
        b"nexora/recovery-contribution/1",
        given.organization.to_string().as_bytes(),
        given.ceremony.to_string().as_bytes(),
        given.setup.to_string().as_bytes(),
        given.custodian.to_string().as_bytes(),
        &[given.share],
    ]);
    let to = text::decode(&invitation.public, "key").expect("base64url");
    let to = hpke::PublicKey::from_bytes(invitation.suite, &to).expect("a key");
    let sealed = hpke::seal(&*crypto::aws_lc(), &to, &info, &[], share).expect("it seals");
    Contribution { sealed: text::encode(&sealed), ..given.clone() }
}

#[tokio::test]
async fn a_wrong_share_is_named_and_on_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let custodians = Custodians::new(3);
    custodians.set_up(&house, 2).await;
    let ceremony = house.begin(Aim::Rehearsal, None).await.expect("it begins");
    let given = custodians.share(1, &ceremony);
    let mut other = vec![2_u8];
    other.extend_from_slice(&[9; 32]);
    let named = |error: Error| match error {
        Error::Recovery(RecoveryError::WrongShare { name }) => name,
        other => panic!("{other}"),
    };
    let forged_share = forged(&given, &ceremony.invitation, &other);
    let refused = house.give(&ceremony, &forged_share).await.expect_err("not the share that was dealt");
    assert_eq!(refused.kind(), Kind::CheckFailed);
    assert_eq!(named(refused), "Grace");
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    let entries = store::Queries::entries(&read, 0, 1_000).await.expect("entries");
    let last: serde_json::Value = serde_json::from_slice(&entries.last().expect("one").1).expect("JSON");
    assert_eq!((&last["outcome"], &last["reason"]), (&"failed".into(), &"wrong_share".into()));
    assert_eq!(last["facts"]["custodian"], given.custodian.to_string());
    drop(read);

    let mut altered = given.clone();
    altered.sealed.replace_range(..1, if given.sealed.starts_with('A') { "B" } else { "A" });
    assert_eq!(named(house.give(&ceremony, &altered).await.expect_err("altered on its way")), "Grace");
    let swapped = Contribution { custodian: custodians.share(0, &ceremony).custodian, ..given.clone() };
    assert_eq!(named(house.give(&ceremony, &swapped).await.expect_err("under another's name")), "Ada");
    house.give(&ceremony, &given).await.expect("the one that was dealt");
    let twice = house.give(&ceremony, &given).await.expect_err("once");
    assert!(matches!(twice, Error::Recovery(RecoveryError::Given { name }) if name == "Grace"));
    let another = house.begin(Aim::Rehearsal, None).await.expect("it begins");
    let moved = house.give(&another, &given).await.expect_err("it is for one ceremony");
    assert!(matches!(moved, Error::Recovery(RecoveryError::Mismatch { .. })));
    let pasted = Contribution { ceremony: another.id, ..given };
    assert_eq!(named(house.give(&another, &pasted).await.expect_err("sealed to another key")), "Grace");
    let stranger = CustodianKey::generate(&*crypto::aws_lc(), "Eve").expect("a name");
    let opened = open_share(&*crypto::aws_lc(), &stranger, &ceremony.shares[0], &ceremony.invitation);
    assert!(matches!(opened, Err(Error::Recovery(RecoveryError::Mismatch { .. }))), "not her share");
}

#[tokio::test]
async fn a_ceremony_expires_and_leaves_no_share_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let ceremony = house.begin(Aim::Restore, None).await.expect("it begins");
    house.give(&ceremony, &custodians.share(0, &ceremony)).await.expect("it is taken");
    house.clock.forward(keys::recovery::EXPIRY + Duration::from_secs(1));
    house.heard().await;
    let late = house.give(&ceremony, &custodians.share(1, &ceremony)).await.expect_err("it is over");
    assert!(matches!(late, Error::Recovery(RecoveryError::Over { state: CeremonyState::Expired })));
    assert!(house.restore(&ceremony).await.is_err());
    house.keys.recovery_step(&house.ctx).await.expect("it erases");
    let ended = house.keys.ceremony(&house.ctx, ceremony.id).await.expect("it is there");
    assert_eq!((ended.state, ended.given.len()), (CeremonyState::Ended, 1), "who took part stays");
}

#[tokio::test]
async fn what_was_shredded_is_not_in_the_package_and_an_older_one_does_not_bring_it_back() {
    let dir = tempfile::tempdir().expect("a directory");
    for older in [false, true] {
        let data = dir.path().join(older.to_string());
        fs::create_dir(&data).expect("it is made");
        let house = House::new(&data).await;
        let (gone, kept) = (house.dataset(1).await, house.dataset(2).await);
        let (gone_key, gone_data) = sealed(&house, gone).await;
        let (kept_key, kept_data) = sealed(&house, kept).await;
        let custodians = Custodians::new(2);
        custodians.set_up(&house, 2).await;
        let before = house.keys.recovery_package(&house.ctx).await.expect("it is there");
        let open = house.begin(Aim::Restore, None).await.expect("it begins");
        house.shred(Scope::Dataset(gone)).await;
        let ended = house.keys.ceremony(&house.ctx, open.id).await.expect("it is there");
        assert_eq!(ended.state, CeremonyState::Ended, "a ceremony over the older package ends");
        let package = house.keys.recovery_package(&house.ctx).await.expect("it is there");
        assert!(!String::from_utf8(package).expect("JSON").contains(&gone.to_string()));
        house.store.close().await;
        drop(house);

        fs::remove_file(data.join("root.sealed")).expect("the root is lost");
        let house = House::new(&data).await;
        let ceremony = house.begin(Aim::Restore, older.then_some(before)).await.expect("it begins");
        for which in [0, 1] {
            house.give(&ceremony, &custodians.share(which, &ceremony)).await.expect("it is taken");
        }
        let restored = house.restore(&ceremony).await.expect("they are back");
        let unit = Unit::Dataset(house.ctx.organization(), gone);
        assert_eq!(restored.shredded, if older { vec![unit] } else { vec![] });
        let reveal = house.permit(&house.ctx, Action::DatasetsReveal, kept);
        let opened = house.keys.open_data_key(&house.ctx, &reveal, kept, kept_key, INFO, &kept_data).await;
        opened.expect("the other dataset is back");
        let reveal = house.permit(&house.ctx, Action::DatasetsReveal, gone);
        let opened = house.keys.open_data_key(&house.ctx, &reveal, gone, gone_key, INFO, &gone_data).await;
        assert!(matches!(opened, Err(Error::Shredded { .. })));
        assert!(house.root.unwrap(unit, b"", b"").await.is_err(), "the new root has no record of it");
    }
}

/// The database is older than the package, and knows neither a key in it nor the shredding.
#[tokio::test]
async fn a_database_that_lost_keys_regains_them_and_a_current_package_has_none_that_were_shredded() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    fs::create_dir(&data).expect("it is made");
    let house = House::new(&data).await;
    let gone = house.dataset(1).await;
    let (gone_key, gone_data) = sealed(&house, gone).await;
    house.store.close().await;
    drop(house);
    copy(&data.join("organizations"), &backup);

    let house = House::new(&data).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let late = house.dataset(2).await;
    let (late_key, late_data) = sealed(&house, late).await;
    house.shred(Scope::Dataset(gone)).await;
    let package = house.keys.recovery_package(&house.ctx).await.expect("it is there");
    house.store.close().await;
    drop(house);
    copy(&backup, &data.join("organizations"));
    fs::remove_file(data.join("root.sealed")).expect("the root is lost");

    let house = House::new(&data).await;
    let ceremony = house.begin(Aim::Restore, Some(package)).await.expect("it begins");
    for which in [0, 1] {
        house.give(&ceremony, &custodians.share(which, &ceremony)).await.expect("it is taken");
    }
    let restored = house.restore(&ceremony).await.expect("they are back");
    assert_eq!(restored.regained, 1);
    assert_eq!(restored.missing, [gone_key], "nobody has it");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, late);
    let opened = house.keys.open_data_key(&house.ctx, &reveal, late, late_key, INFO, &late_data).await;
    opened.expect("the key that the database had lost");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, gone);
    let opened = house.keys.open_data_key(&house.ctx, &reveal, gone, gone_key, INFO, &gone_data).await;
    assert!(matches!(opened, Err(Error::Closed { .. })), "{opened:?}");
    assert_eq!(restored.recovery.package.map(|package| package.stale), Some(false));
}

#[tokio::test]
async fn an_altered_or_foreign_package_restores_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    house.dataset(1).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    let package = house.keys.recovery_package(&house.ctx).await.expect("it is there");
    let original: serde_json::Value = serde_json::from_slice(&package).expect("JSON");
    let restored = |package: serde_json::Value| {
        let (house, custodians) = (&house, &custodians);
        async move {
            let bytes = serde_json::to_vec(&package).expect("JSON");
            let ceremony = house.begin(Aim::Restore, Some(bytes)).await?;
            for which in [0, 1] {
                house.give(&ceremony, &custodians.share(which, &ceremony)).await?;
            }
            house.restore(&ceremony).await
        }
    };
    let mut altered = original.clone();
    altered["keys"][0]["state"] = "retired".into();
    assert!(matches!(restored(altered).await, Err(Error::Crypto(_))), "what is said of a key is covered");
    let mut altered = original.clone();
    altered["generation"] = 7.into();
    assert!(matches!(restored(altered).await, Err(Error::Crypto(_))), "and which writing it is");
    let mut altered = original.clone();
    altered["setup"]["organization"] = Id::<base::noun::Organization>::from_bytes([8; 16]).to_string().into();
    let foreign = restored(altered).await.expect_err("another organization's");
    assert!(matches!(foreign, Error::Recovery(RecoveryError::Mismatch { .. })));
    let mut altered = original.clone();
    altered["setup"]["check"]["hash"] = "00".repeat(32).into();
    assert!(matches!(restored(altered).await, Err(Error::Recovery(RecoveryError::Foreign { .. }))));
    let mut altered = original.clone();
    altered["setup"]["custodians"][1]["name"] = "Eve".into();
    let altered = restored(altered).await.expect_err("nobody is put in another's place");
    assert!(matches!(altered, Error::Recovery(RecoveryError::Foreign { .. })));
    let mut altered = original.clone();
    altered["more"] = 1.into();
    assert!(matches!(restored(altered).await, Err(Error::Recovery(RecoveryError::Malformed { .. }))));
    restored(original).await.expect("the original restores, also under a root that is not lost");
}

/// Every call to the root fails once: what is not done is done by asking again, and nothing is half done.
#[tokio::test]
async fn a_restore_that_is_cut_off_changed_nothing_and_is_asked_for_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let dataset = house.dataset(1).await;
    let (key, data_key) = sealed(&house, dataset).await;
    let custodians = Custodians::new(2);
    custodians.set_up(&house, 2).await;
    house.store.close().await;
    drop(house);
    fs::remove_file(dir.path().join("root.sealed")).expect("the root is lost");
    let house = House::new(dir.path()).await;
    let ceremony = house.begin(Aim::Restore, None).await.expect("it begins");
    for which in [0, 1] {
        house.give(&ceremony, &custodians.share(which, &ceremony)).await.expect("it is taken");
    }
    let permit = house.permit_for(&house.ctx, Action::RecoveryRestore, Resource::Ceremony(ceremony.id));
    let mut failures = 0;
    for call in 0.. {
        let faulty = Faulty::before(Arc::clone(&house.root), call);
        let node =
            Keys::new(house.store.clone(), Arc::new(faulty.clone()), crypto::aws_lc(), house.clock.clone());
        let restored = node.restore(&house.ctx, &permit, ceremony.id, false).await;
        let state = house.keys.ceremony(&house.ctx, ceremony.id).await.expect("it is there").state;
        match restored {
            // The new package was cut off after the restore itself: it is told as done, and the step writes it.
            Ok(restored) => {
                assert_eq!(state, CeremonyState::Ended);
                let unwritten = restored.recovery.unwritten.expect("it is said");
                assert!(unwritten.file.ends_with("/recovery.package"), "{unwritten:?}");
                assert_eq!(restored.recovery.package, None);
                assert!(house.keys.recovery_step(&house.ctx).await.expect("it is written"));
                break;
            }
            Err(Error::Root(_)) => {
                assert_eq!(state, CeremonyState::Open, "an error means that nothing was done");
                failures += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(failures >= 8, "the ceremony's key, records and wraps: {failures}");
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, dataset);
    house.keys.open_data_key(&house.ctx, &reveal, dataset, key, INFO, &data_key).await.expect("it is back");
    assert!(house.versions(Purpose::Dataset).await.iter().all(|key| key.state == State::Active));
}

/// Multiplication in GF(2⁸) as FIPS 197 has it, written for this test.
fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b > 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    product
}

fn over(a: u8, b: u8) -> u8 {
    let inverse = (1..=255).find(|candidate| times(b, *candidate) == 1).expect("not zero");
    times(a, inverse)
}

/// For every candidate of the secret there is a last share that gives it, whatever the other shares are: so one
/// fewer than the quorum say nothing.
#[tokio::test]
async fn one_fewer_than_the_quorum_are_consistent_with_every_secret() {
    let provider = crypto::aws_lc();
    let secret = crypto::secret::<32>(&*provider);
    let shares = shamir::split(&*provider, &secret, 5, 3).expect("it splits");
    let known = [&shares[1], &shares[4]];
    let missing = 1;
    for candidate in 0..=255_u8 {
        // The polynomial through (0, candidate), (2, ·), (5, ·), at the missing share's index.
        let mut forged = Vec::from([missing]);
        for at in 0..32 {
            let wanted = candidate.wrapping_add(u8::try_from(at).expect("small"));
            let value = |share: &shamir::Share| share.as_bytes().expose()[1 + at];
            let points =
                [(0, wanted), (known[0].index(), value(known[0])), (known[1].index(), value(known[1]))];
            let basis = |(x, y): (u8, u8)| {
                let others = points.iter().filter(|(other, _)| *other != x);
                others.fold(y, |term, (other, _)| times(term, over(missing ^ other, x ^ other)))
            };
            forged.push(points.iter().fold(0, |sum, point| sum ^ basis(*point)));
        }
        let last = shamir::Share::from_bytes(Secret::new(forged)).expect("a share");
        let mut all = [known[0].clone(), known[1].clone(), last];
        let combined = shamir::combine(&mut all, 3).expect("it combines");
        let expected: Vec<u8> = (0..32).map(|at| candidate.wrapping_add(at)).collect();
        assert_eq!(combined.expose().as_slice(), expected);
    }
}

#[tokio::test]
async fn nobody_makes_custodians_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let own = Custodians::new(2);
    let asked = own.asked(&house, 2).await;
    assert_eq!(house.last_kinds(1).await, ["recovery.requested"]);
    assert!(house.begin(Aim::Rehearsal, None).await.is_err(), "nothing was dealt");
    assert!(house.keys.recovery(&house.ctx).await.expect("it reads").is_none());
    let approve = async |ctx: &Context, id| {
        let permit = house.permit_for(ctx, Action::RecoveryApproveSetUp, Resource::Approval(id));
        house.keys.approve_recovery(ctx, &permit, id).await
    };
    assert!(matches!(approve(&house.ctx, asked.id).await, Err(Error::SamePerson)));
    let waiting = house.keys.recovery_requests(&house.ctx).await.expect("they are listed");
    assert_eq!(waiting, std::slice::from_ref(&asked));
    assert_eq!(waiting[0].custodians[0].fingerprint(), own.0[0].public().fingerprint());
    let second = house.as_person(8);
    let dealt = approve(&second, asked.id).await.expect("another person approves");
    assert_eq!((dealt.quorum, dealt.custodians.len()), (2, 2));
    assert_eq!(house.last_kinds(2).await, ["recovery.set_up", "recovery.packaged"]);
    assert!(matches!(approve(&second, asked.id).await, Err(Error::Approved)));
    assert!(house.keys.recovery_requests(&house.ctx).await.expect("they are listed").is_empty());
    // What nobody approved in time is over, and the setup in force stays.
    let late = own.asked(&house, 2).await;
    house.clock.forward(SETUP_EXPIRY + Duration::from_secs(1));
    house.heard().await;
    assert!(matches!(approve(&second, late.id).await, Err(Error::Expired)));
    assert!(house.keys.recovery_requests(&house.ctx).await.expect("they are listed").is_empty());
    let still = house.keys.recovery(&house.ctx).await.expect("it reads").expect("it is set up");
    assert_eq!(still.setup, dealt.setup);
    let unknown = approve(&second, Id::from_bytes([9; 16])).await;
    assert!(matches!(unknown, Err(Error::NoRequest)));
}

#[tokio::test]
async fn custodians_and_quorum_must_fit() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let custodians = Custodians::new(3);
    let permit = house.permit_for(&house.ctx, Action::RecoverySetUp, Resource::Organization);
    let refused = |quorum, documents| {
        let (house, permit) = (&house, &permit);
        async move {
            let refused = house.keys.request_recovery(&house.ctx, permit, quorum, documents).await;
            let error = refused.expect_err("it does not fit");
            assert_eq!(error.kind(), Kind::BadInput);
            error.to_string()
        }
    };
    for quorum in [0, 1, 4] {
        refused(quorum, custodians.documents()).await;
    }
    refused(2, custodians.documents().into_iter().take(1).collect()).await;
    let mut twice = custodians.documents();
    twice[1].key = twice[0].key.clone();
    assert!(refused(2, twice).await.contains("key"));
    let mut twice = custodians.documents();
    twice[1].name = " ADA".to_owned();
    assert!(refused(2, twice).await.contains("name"));
    let mut bad = custodians.documents();
    bad[1].name = "Gr\u{1b}ace".to_owned();
    refused(2, bad).await;
    assert!(house.begin(Aim::Rehearsal, None).await.is_err(), "nothing is set up");
}

#[tokio::test]
async fn a_custodians_key_opens_under_its_passphrase_only() {
    let provider = crypto::aws_lc();
    let key = CustodianKey::generate(&*provider, "Ada \"the first\"").expect("a name");
    let own = Secret::new("of Ada".to_owned());
    let document = key.seal(&*provider, &own).expect("it seals");
    let opened = CustodianKey::open(&*provider, &own, &document).expect("it opens");
    assert_eq!(opened.public(), key.public());
    assert_eq!(opened.public().fingerprint(), key.public().fingerprint());
    assert!(CustodianKey::open(&*provider, &Secret::new("wrong".to_owned()), &document).is_err());
    let mut other = key.public();
    other.custodian = Id::from_bytes([1; 16]);
    assert!(other.key().is_err(), "its id is a hash of its key");
    assert!(CustodianKey::generate(&*provider, "\n").is_err());
}
