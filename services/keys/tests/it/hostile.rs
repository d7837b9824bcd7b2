//! Documents that somebody else made: whatever the bytes, they are refused or read, and never more than that.

use crate::custodians::Custodians;
use base::{Id, Timestamp};
use crypto::{hpke, jws::Jws, sign::VerifyingKey, text};
use keys::{
    certificate::Certificate,
    recovery::{Contribution, CustodianPublic, Invitation, Package, SealedShare, open_share},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fs, path::PathBuf};

fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    fs::read(path).expect("it is there")
}

/// A small generator, so that a failure is found again.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

/// The bytes with one to three changes: a byte set, removed or doubled, the end cut off, a part repeated.
fn mutant(seed: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=draws.below(3) {
        let at = draws.below(bytes.len().max(1));
        match draws.below(6) {
            _ if bytes.is_empty() => bytes.push(b'{'),
            0 => bytes[at] = b"{}[]\",:0-9ex\\\0\xff"[draws.below(15)],
            1 => bytes[at] = u8::try_from(draws.below(256)).expect("a byte"),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, bytes[at]),
            4 => bytes.truncate(at),
            _ => {
                let end = (at + 1 + draws.below(64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

/// What is read says the same when it is written and read again. How many mutants were read.
fn tried<T: Serialize + DeserializeOwned + PartialEq>(
    seed: &[u8],
    rounds: usize,
    read: impl Fn(&T),
) -> usize {
    let (mut draws, mut taken) = (Draws(7), 0);
    read(&serde_json::from_slice(seed).expect("the seed reads"));
    for _ in 0..rounds {
        let Ok(document) = serde_json::from_slice::<T>(&mutant(seed, &mut draws)) else { continue };
        let again = serde_json::to_vec(&document).expect("JSON");
        assert!(serde_json::from_slice::<T>(&again).is_ok_and(|again| again == document));
        read(&document);
        taken += 1;
    }
    taken
}

#[test]
fn mutants_of_documents_are_refused_or_read() {
    let provider = crypto::aws_lc();
    let package = golden("recovery.package");
    let read = |package: &Package| drop(Package::read(&serde_json::to_vec(package).expect("JSON")));
    assert!(tried::<Package>(&package, 3_000, read) > 100);
    let mut draws = Draws(8);
    for _ in 0..1_000 {
        drop(Package::read(&mutant(&package, &mut draws)));
    }

    let custodians = Custodians::new(1);
    let key = &custodians.0[0];
    let public = serde_json::to_vec(&key.public()).expect("JSON");
    assert!(tried::<CustodianPublic>(&public, 2_000, |document| drop(document.key())) > 100);

    let root: VerifyingKey = serde_json::from_slice(&golden("certificate.jwk")).expect("a key");
    let original: Jws = serde_json::from_slice(&golden("certificate.json")).expect("a document");
    let verify = |signed: &Jws| {
        let verified = Certificate::verify(&*provider, &root, signed).is_ok();
        assert_eq!(verified, *signed == original, "a mutant verifies");
    };
    assert!(tried::<Jws>(&golden("certificate.json"), 500, verify) > 100);

    let package: Package = serde_json::from_slice(&package).expect("JSON");
    let head = package.setup;
    let one_time = hpke::KeyPair::generate(&*provider, crypto::Suite::Hybrid768).public;
    let invitation = serde_json::json!({
        "format": "nexora/recovery-ceremony/1",
        "organization": head.organization,
        "ceremony": Id::<base::noun::Ceremony>::from_bytes([1; 16]),
        "setup": head.setup,
        "aim": "rehearsal",
        "expires_at": Timestamp::from_millis(1_700_000_000_000),
        "suite": "hybrid-768",
        "public": text::encode(one_time.as_bytes()),
    });
    let invitation: Invitation = serde_json::from_value(invitation).expect("an invitation");
    // Not this custodian's share: whatever is altered, it does not become theirs.
    let share = serde_json::to_vec(&head.custodians[0].share).expect("JSON");
    let opened = |share: &SealedShare| {
        assert!(open_share(&*provider, key, share, &invitation).is_err(), "a mutant opens");
    };
    assert!(tried::<SealedShare>(&share, 1_000, opened) > 100);
    let bytes = serde_json::to_vec(&invitation).expect("JSON");
    let named = invitation.fingerprint();
    // The format is not in the fingerprint: another one is refused.
    let compared = |document: &Invitation| {
        let same = Invitation { format: invitation.format.clone(), ..document.clone() } == invitation;
        assert_eq!(document.fingerprint() == named, same, "a mutant has the same fingerprint");
    };
    assert!(tried::<Invitation>(&bytes, 2_000, compared) > 100);
    let given = Contribution {
        format: "nexora/recovery-contribution/1".to_owned(),
        organization: head.organization,
        ceremony: invitation.ceremony,
        setup: head.setup,
        custodian: head.custodians[0].share.custodian,
        share: 1,
        sealed: head.custodians[0].share.sealed.clone(),
    };
    let bytes = serde_json::to_vec(&given).expect("JSON");
    assert!(tried::<Contribution>(&bytes, 2_000, |_| {}) > 100);
}
