//! The sealed file: the port's suite, and what only a file can get wrong.

use crate::passphrase;
use base::{Id, Secret};
use keys::{RootError, RootOfTrust, SealedFile, Unit, conformance};

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
