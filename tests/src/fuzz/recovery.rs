//! What people carry about between machines: packages, shares, invitations, certificates, and what roots are restored of.

use super::documents::read;
use super::values::PROVIDER;
use base::{Id, Secret};
use crypto::{
    jws::Jws,
    passphrase::{Cost, PassphraseKey},
    sign::{Algorithm, SigningKey, VerifyingKey},
};
use keys::{
    RootAct, SealedFile, Unit,
    certificate::{Certificate, TYPE},
    recovery::{
        Contribution, CustodianKey, CustodianPublic, Invitation, NewCustodian, Package, SealedShare,
        open_share,
    },
};
use std::sync::LazyLock;

/// The keys' golden files, written once.
macro_rules! golden {
    ($name:literal) => {
        include_bytes!(concat!("../../../services/keys/tests/golden/", $name))
    };
}

/// A document sealed at a cost that is none, so that what stands in it is what is looked at.
fn sealed(format: &str, content: &[u8]) -> Vec<u8> {
    static KEY: LazyLock<PassphraseKey> = LazyLock::new(|| {
        let cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
        PassphraseKey::new(&**PROVIDER, &phrase(), cost).expect("Argon2 takes it")
    });
    KEY.seal(&**PROVIDER, format, content)
}

fn phrase() -> Secret<String> {
    Secret::new("correct horse".to_owned())
}

/// The custodian whose share and key are golden files.
static ADA: LazyLock<CustodianKey> = LazyLock::new(|| {
    let own = Secret::new("of Ada".to_owned());
    CustodianKey::open(&**PROVIDER, &own, golden!("Ada.custodian")).expect("it opens")
});

static PACKAGE: LazyLock<Package> =
    LazyLock::new(|| Package::read(golden!("recovery.package")).expect("a golden file is a package"));

/// An invitation that Ada's golden share fits.
static INVITED: LazyLock<Invitation> = LazyLock::new(|| {
    let to = ADA.public();
    let text = serde_json::json!({
        "format": "nexora/recovery-ceremony/1",
        "organization": PACKAGE.setup.organization,
        "ceremony": Id::<base::noun::Ceremony>::from_bytes([5; 16]),
        "setup": PACKAGE.setup.setup,
        "aim": "restore",
        "expires_at": "2026-01-02T03:04:05Z",
        "suite": to.suite,
        "public": to.public,
    });
    serde_json::from_value(text).expect("an invitation")
});

/// A recovery package as a file.
pub(super) fn package(bytes: &[u8]) -> bool {
    let Ok(package) = Package::read(bytes) else { return false };
    assert_eq!(read::<Package>(bytes).as_ref(), Some(&package), "it reads as it is written");
    for seat in &package.setup.custodians {
        assert!(package.setup.seat(seat.share.custodian).is_some());
    }
    true
}

/// A custodian's public half.
pub(super) fn custodian(bytes: &[u8]) -> bool {
    let Some(public) = read::<CustodianPublic>(bytes) else { return false };
    let Ok(key) = public.key() else { return false };
    assert_eq!(
        public.fingerprint(),
        CustodianPublic { name: "another".to_owned(), ..public.clone() }.fingerprint()
    );
    NewCustodian::try_from(&public).is_ok_and(|custodian| custodian.key == key)
}

/// What a custodian's file holds once it is opened.
pub(super) fn custodian_key(bytes: &[u8]) -> bool {
    let document = sealed("nexora/custodian-key/1", bytes);
    let Ok(key) = CustodianKey::open(&**PROVIDER, &phrase(), &document) else { return false };
    assert!(key.public().key().is_ok(), "its public half is one");
    true
}

/// A sealed share, which its custodian opens.
pub(super) fn sealed_share(bytes: &[u8]) -> bool {
    let Some(share) = read::<SealedShare>(bytes) else { return false };
    let Ok(given) = open_share(&**PROVIDER, &ADA, &share, &INVITED) else { return false };
    // What opens is what was dealt, bound to everything that is said of it.
    assert_eq!(share, PACKAGE.setup.custodians[0].share);
    assert_eq!(
        (given.custodian, given.share, given.ceremony),
        (share.custodian, share.share, INVITED.ceremony)
    );
    true
}

/// An invitation to a ceremony.
pub(super) fn invitation(bytes: &[u8]) -> bool {
    let Some(invitation) = read::<Invitation>(bytes) else { return false };
    // All but the format, which is one or refused.
    let said = Invitation { format: INVITED.format.clone(), ..invitation.clone() };
    assert_eq!(invitation.fingerprint() == INVITED.fingerprint(), said == *INVITED, "it covers everything");
    open_share(&**PROVIDER, &ADA, &PACKAGE.setup.custodians[0].share, &invitation).is_ok()
}

/// A share as it is given to a ceremony whose one-time key is Ada's.
pub(super) fn contribution(bytes: &[u8]) -> bool {
    let Some(given) = read::<Contribution>(bytes) else { return false };
    given.opens_to(&**PROVIDER, &ADA)
}

/// A certificate of shredding, and one that its root signed though it is wrong.
pub(super) fn certificate(bytes: &[u8]) -> bool {
    static ROOT: LazyLock<VerifyingKey> =
        LazyLock::new(|| serde_json::from_slice(golden!("certificate.jwk")).expect("a key"));
    if let Some(signed) = read::<Jws>(bytes) {
        return Certificate::verify(&**PROVIDER, &ROOT, &signed).is_ok();
    }
    static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| {
        SigningKey::from_secret(&**PROVIDER, Algorithm::MlDsa65, Secret::new(vec![1; 32])).expect("a seed")
    });
    let signed = Jws::sign(&SIGNER, TYPE, bytes);
    let Ok(certificate) = Certificate::verify(&**PROVIDER, SIGNER.verifying_key(), &signed) else {
        return false;
    };
    assert_eq!(certificate.canonical().expect("it is written"), bytes, "it has one text");
    true
}

/// What a root of trust or its backup holds once it is opened.
pub(super) fn root(bytes: &[u8]) -> bool {
    SealedFile::reads(&**PROVIDER, &Secret::new(bytes.to_vec()))
}

/// A line of the journal beside the root, and the name of a unit: each has one text.
pub(super) fn root_act(bytes: &[u8]) -> bool {
    if let Ok(act) = RootAct::read(bytes) {
        assert_eq!(RootAct::read(&serde_json::to_vec(&act).expect("it is written")).ok(), Some(act));
        return true;
    }
    let unit = std::str::from_utf8(bytes).ok().and_then(|text| Some((text, text.parse::<Unit>().ok()?)));
    unit.is_some_and(|(text, unit)| unit.to_string() == text)
}
