//! Files of every format that this crate keeps, written once: they must open for good.
//!
//! `tests/golden/`: passphrases are `correct horse`, of the backup `of the backup`, of the custodians `of` and the name.

use crate::{House, passphrase};
use base::Secret;
use crypto::{jws::Jws, sign::VerifyingKey, text};
use keys::{
    RootOfTrust, SealedFile, Unit,
    certificate::{Certificate, Copies, Package},
    recovery::{Aim, CeremonyState, CustodianKey, open_share},
};
use serde::Deserialize;
use std::{fs, path::PathBuf};

fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    fs::read(path).expect("it is there")
}

/// What was wrapped under the golden roots.
#[derive(Deserialize)]
struct Wrapped {
    unit: String,
    bound: String,
    first: String,
    second: String,
}

#[tokio::test]
async fn golden_roots_of_every_content_version_and_a_backup_open() {
    let wrapped: Wrapped = serde_json::from_slice(&golden("wrapped.json")).expect("JSON");
    let unit: Unit = wrapped.unit.parse().expect("a unit");
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    for (name, under) in [("root-1.sealed", &wrapped.first), ("root-2.sealed", &wrapped.second)] {
        fs::write(path(name), golden(name)).expect("it is copied");
        let root = SealedFile::open(&path(name), &passphrase(), crypto::aws_lc()).expect("it opens");
        let under = text::decode(under, "golden").expect("base64url");
        let secret = root.unwrap(unit, wrapped.bound.as_bytes(), &under).await.expect("it unwraps");
        assert_eq!(secret.expose(), b"a private key", "{name}");
    }
    // The first with what the backup of the second was added to it.
    fs::write(path("root-3.sealed"), golden("root-3.sealed")).expect("it is copied");
    let root = SealedFile::open(&path("root-3.sealed"), &passphrase(), crypto::aws_lc()).expect("it opens");
    for under in [&wrapped.first, &wrapped.second] {
        let under = text::decode(under, "golden").expect("base64url");
        root.unwrap(unit, wrapped.bound.as_bytes(), &under).await.expect("either of its records unwraps");
    }
    let restored = path("restored.sealed");
    let own = Secret::new("of the backup".to_owned());
    let done =
        SealedFile::restore(&restored, &passphrase(), &golden("root.backup"), &own, crypto::aws_lc(), || {
            Ok(())
        });
    assert_eq!(done.expect("it is restored").units, 1);
    let root = SealedFile::open(&restored, &passphrase(), crypto::aws_lc()).expect("it opens");
    let under = text::decode(&wrapped.second, "golden").expect("base64url");
    root.unwrap(unit, wrapped.bound.as_bytes(), &under).await.expect("it unwraps");
    let gone = Unit::Dataset(unit.organization(), base::Id::from_bytes([9; 16]));
    root.enroll(gone).await.expect_err("what was forgotten stays so");
}

#[tokio::test]
async fn a_golden_package_is_opened_by_its_custodians() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let ceremony = house.begin(Aim::Rehearsal, Some(golden("recovery.package"))).await.expect("it begins");
    let mut ended = ceremony.state;
    for (at, name) in ["Ada", "Grace"].into_iter().enumerate() {
        let own = Secret::new(format!("of {name}"));
        let document = golden(&format!("{name}.custodian"));
        let key = CustodianKey::open(&*crypto::aws_lc(), &own, &document).expect("it opens");
        let share = open_share(&*crypto::aws_lc(), &key, &ceremony.shares[at], &ceremony.invitation);
        ended = house.give(&ceremony, &share.expect("its share")).await.expect("it is taken").state;
    }
    assert_eq!(ended, CeremonyState::Ended, "the rehearsal opened every key and checked it");
}

#[test]
fn a_golden_certificate_verifies() {
    let root: VerifyingKey = serde_json::from_slice(&golden("certificate.jwk")).expect("a key");
    let signed: Jws = serde_json::from_slice(&golden("certificate.json")).expect("a document");
    let certificate = Certificate::verify(&*crypto::aws_lc(), &root, &signed).expect("the root signed it");
    assert!(matches!(certificate.recovery, Package::Rewritten { generation: 2, .. }));
    assert_eq!(certificate.keys.count, 2);
    let exported = |copies: &Copies| matches!(copies, Copies::ExportedKeys { keys } if keys.len() == 1);
    assert!(certificate.not_vouched_for.iter().any(exported));
}
