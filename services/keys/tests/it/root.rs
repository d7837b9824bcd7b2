//! The sealed file: the port's suite, and what only a file can get wrong.

use crate::{House, NOW, passphrase};
use base::{Actor, Context, Id, Secret};
use crypto::passphrase::{Cost, PassphraseKey};
use keys::{
    Restored, RootAct, RootDeed, RootError, RootOfTrust, SealedFile, Unit,
    conformance::{self, Faulty},
    journal,
};
use std::{io::Read as _, path::Path, sync::Arc};

fn unit(seed: u8) -> Unit {
    Unit::Organization(Id::from_bytes([seed; 16]))
}

fn opened(path: &Path) -> SealedFile {
    SealedFile::open(path, &passphrase(), crypto::aws_lc()).expect("it opens")
}

fn created(path: &Path) -> SealedFile {
    SealedFile::create(path, &passphrase(), crypto::aws_lc()).expect("it is made")
}

/// What the root's file holds, in the clear.
fn content(path: &Path) -> serde_json::Value {
    let document = std::fs::read(path).expect("it is there");
    let opened = crypto::passphrase::open(&*crypto::aws_lc(), "nexora/root/1", &passphrase(), &document);
    serde_json::from_slice(opened.expect("it opens").1.expose()).expect("JSON")
}

#[tokio::test]
async fn the_sealed_file_conforms() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    let root = SealedFile::create(&path, &passphrase(), crypto::aws_lc()).expect("it is made");
    conformance::run(root, || SealedFile::open(&path, &passphrase(), crypto::aws_lc()).expect("it opens"))
        .await;
}

#[tokio::test]
async fn a_root_is_never_replaced_and_another_passphrase_does_not_open_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    drop(SealedFile::create(&path, &passphrase(), crypto::aws_lc()).expect("it is made"));
    assert!(matches!(SealedFile::create(&path, &passphrase(), crypto::aws_lc()), Err(RootError::Io(_))));
    let wrong = Secret::new("wrong".to_owned());
    assert!(matches!(SealedFile::open(&path, &wrong, crypto::aws_lc()), Err(RootError::WrongPassphrase)));
}

#[tokio::test]
async fn what_is_done_to_the_root_comes_into_the_platform_s_log_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let platform =
        Context::authenticated(house.store.platform(), Actor::Administrator, Id::from_bytes([3; 16]));
    let path = journal(&dir.path().join("root.sealed"));
    let kinds = async || {
        let read = house.store.read(&platform).await.expect("a snapshot");
        let entries = store::Queries::entries(&read, 0, 1_000).await.expect("entries");
        let entry = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).expect("JSON");
        let all = entries
            .iter()
            .map(|(_, json)| entry(json))
            .filter(|entry| entry["kind"].as_str().is_some_and(|kind| kind.starts_with("root.")));
        all.collect::<Vec<_>>()
    };
    let take = async || house.keys.take_root_acts(&platform, &path).await;
    assert_eq!(take().await.expect("there is no journal"), 0);
    let provider = crypto::aws_lc();
    let act = |did, document: Option<&[u8]>| RootAct::new(&*provider, did, NOW, document);
    act(RootDeed::BackedUp, Some(b"a backup")).note(&path).expect("it is noted");
    // What a crash in the middle of a note leaves: its act had no effect.
    let torn = [std::fs::read(&path).expect("it is there"), b"{\"v\":1,\"id\"".to_vec()].concat();
    std::fs::write(&path, torn).expect("written");
    act(RootDeed::Restored, Some(b"a backup")).note(&path).expect("it is noted");
    act(RootDeed::Replaced, None).note(&path).expect("it is noted");
    let noted = std::fs::read(&path).expect("it is there");
    assert_eq!(take().await.expect("it is taken in"), 3);
    let entries = kinds().await;
    let seen: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().expect("a kind")).collect();
    assert_eq!(seen, ["root.backed_up", "root.restored", "root.replaced"]);
    let sha256 = base::digest::hex(&base::digest::sha256(b"a backup"));
    assert_eq!(entries[0]["facts"]["sha256"], sha256.as_str(), "{}", entries[0]);
    assert_eq!(std::fs::read(&path).expect("it is there"), b"");
    // A crash between the commit and the emptying leaves the journal.
    std::fs::write(&path, &noted).expect("written");
    assert_eq!(take().await.expect("it was taken in"), 0);
    assert_eq!((kinds().await.len(), std::fs::read(&path).expect("it is there").len()), (3, 0));
    // What is no act is said for as long as it stands there, and keeps nothing else back.
    std::fs::write(&path, "what is this\n").expect("written");
    act(RootDeed::BackedUp, Some(b"another")).note(&path).expect("it is noted");
    for _ in 0..2 {
        assert!(matches!(take().await, Err(keys::Error::Damaged { .. })));
    }
    assert_eq!(kinds().await.len(), 4);
}

#[tokio::test]
async fn a_crash_before_the_rename_leaves_the_old_root() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    let root = SealedFile::create(&path, &passphrase(), crypto::aws_lc()).expect("it is made");
    let unit = Unit::Organization(Id::from_bytes([9; 16]));
    root.enroll(unit).await.expect("it enrolls");
    drop(root);
    // What a crash in the middle of the next write leaves behind.
    std::fs::write(path.with_extension("new"), b"{\"format\":\"nexora/ro").expect("it is written");
    let root = SealedFile::open(&path, &passphrase(), crypto::aws_lc()).expect("the old one stands");
    assert_eq!(root.health().await.expect("it is well").units, 1);
    root.enroll(Unit::Organization(Id::from_bytes([8; 16]))).await.expect("and the next write goes through");
}

/// The double that fails does, but for that one call, what the root does: the suite runs on it too, where that call
/// is never made.
#[tokio::test]
async fn the_double_conforms_and_fails_at_its_call_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    let root = Faulty::before(Arc::new(created(&path)), u64::MAX);
    conformance::run(root, || Faulty::before(Arc::new(opened(&path)), u64::MAX)).await;

    let root = Arc::new(opened(&path));
    let before = Faulty::before(Arc::clone(&root), 0);
    before.enroll(unit(20)).await.expect_err("the call fails");
    assert!(before.failed());
    assert!(root.wrap(unit(20), b"", &Secret::new(Vec::new())).await.is_err(), "and had no effect");
    before.enroll(unit(20)).await.expect("the next goes through");
    let after = Faulty::after(Arc::clone(&root), 0);
    after.enroll(unit(21)).await.expect_err("the answer is lost");
    root.wrap(unit(21), b"", &Secret::new(Vec::new())).await.expect("and it was done");
}

#[tokio::test]
async fn a_root_of_the_first_content_version_opens_and_gets_its_signing_key_at_the_next_write() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    let provider = crypto::aws_lc();
    let key = PassphraseKey::new(&*provider, &passphrase(), Cost::STANDARD).expect("a cost");
    let first = format!(r#"{{"v":1,"units":{{"{}":"{}"}}}}"#, unit(9), crypto::text::encode(&[5; 32]));
    std::fs::write(&path, key.seal(&*provider, "nexora/root/1", first.as_bytes())).expect("it is written");

    let root = opened(&path);
    let wrapped = root.wrap(unit(9), b"b", &Secret::new(b"k".to_vec())).await.expect("its records are there");
    assert_eq!(content(&path)["v"], 1, "reading writes nothing");
    root.enroll(unit(8)).await.expect("it enrolls");
    assert_eq!(content(&path)["v"], 2);
    let named = root.attest().await.expect("it attests").key;
    drop(root);
    let root = opened(&path);
    assert_eq!(root.attest().await.expect("it attests").key, named);
    root.unwrap(unit(9), b"b", &wrapped).await.expect("the record is the same");
}

#[tokio::test]
async fn what_is_forgotten_is_gone_from_the_live_file_and_the_old_bytes_are_overwritten() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    let root = created(&path);
    root.enroll(unit(9)).await.expect("it enrolls");
    let record = content(&path)["units"][unit(9).to_string()].as_str().expect("a record").to_owned();
    let mut old = std::fs::File::open(&path).expect("it is there");
    root.forget(unit(9)).await.expect("it forgets");
    let now = content(&path);
    assert!(!now.to_string().contains(&record));
    assert_eq!(now["forgotten"][0], unit(9).to_string());
    let mut bytes = Vec::new();
    old.read_to_end(&mut bytes).expect("it reads");
    assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == 0), "what the file was is overwritten");
}

#[tokio::test]
async fn a_backup_brings_a_lost_root_back_and_nothing_that_was_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("root.sealed");
    let file = dir.path().join("backup");
    let own = Secret::new("of the backup".to_owned());
    let secret = Secret::new(b"k".to_vec());
    let root = created(&path);
    for seed in [1, 2] {
        root.enroll(unit(seed)).await.expect("it enrolls");
    }
    let wrapped = [
        root.wrap(unit(1), b"", &secret).await.expect("it wraps"),
        root.wrap(unit(2), b"", &secret).await.expect("it wraps"),
    ];
    root.backup_to(&file, &own, |_| Ok(())).expect("it is written");
    assert!(root.backup_to(&file, &own, |_| Ok(())).is_err(), "never over another file");
    let backup = std::fs::read(&file).expect("it is there");
    let restore = |path: &Path, own: &Secret<String>| {
        SealedFile::restore(path, &passphrase(), &backup, own, crypto::aws_lc(), || Ok(()))
    };
    assert!(matches!(restore(&path, &passphrase()), Err(RootError::WrongPassphrase)), "its own passphrase");

    // Shredded and enrolled since: the older backup takes nothing away and brings nothing back.
    root.forget(unit(1)).await.expect("it forgets");
    root.enroll(unit(3)).await.expect("it enrolls");
    let named = root.attest().await.expect("it attests").key;
    drop(root);
    let restored = restore(&path, &own).expect("it is restored");
    assert_eq!(
        restored,
        Restored { units: 2, regained: 0, forgotten: vec![unit(1).to_string()], differing: Vec::new() }
    );
    let root = opened(&path);
    assert!(root.unwrap(unit(1), b"", &wrapped[0]).await.is_err(), "what was forgotten stays forgotten");
    assert!(matches!(root.enroll(unit(1)).await, Err(RootError::Forgotten { .. })));
    root.unwrap(unit(2), b"", &wrapped[1]).await.expect("the others are there");
    drop(root);

    std::fs::remove_file(&path).expect("the root is lost");
    let restored = restore(&path, &own).expect("it is restored");
    assert_eq!((restored.units, restored.regained), (2, 2));
    let root = opened(&path);
    root.unwrap(unit(2), b"", &wrapped[1]).await.expect("it is the same root");
    assert_eq!(root.attest().await.expect("it attests").key, named);
    drop(root);

    std::fs::remove_file(&path).expect("it is lost again");
    let other = created(&path);
    other.enroll(unit(4)).await.expect("it enrolls");
    drop(other);
    let before = std::fs::read(&path).expect("it is there");
    assert!(matches!(restore(&path, &own), Err(RootError::OtherRoot)));
    assert_eq!(std::fs::read(&path).expect("it is there"), before, "nothing was changed");
}
