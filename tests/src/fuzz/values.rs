//! Values and keys: short byte strings that open, or do not.

use base::Secret;
use crypto::{
    Error, FieldAlgorithm, FieldKey, Provider, Suite, aws_lc, blind_index, envelope,
    ff1::{Alphabet, Check, Ff1},
    hpke::{self, PrivateKey},
    luhn, mask, shamir,
    siv::Siv,
    text as base64url,
    value::{Cipher, DataKey, Opener},
};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// The provider, once.
pub(super) static PROVIDER: LazyLock<Arc<dyn Provider>> = LazyLock::new(aws_lc);

/// A member of a golden file of `core/crypto`.
fn golden(json: &str, name: &str) -> Vec<u8> {
    let value: Value = serde_json::from_str(json).expect("a golden file is JSON");
    base64url::decode(value[name].as_str().expect("a member of it"), "golden file").expect("base64url")
}

const ASSOCIATED_DATA: &[u8] = b"place";
const KEY_ID: u32 = 0x0102_0304;

fn field_key(algorithm: FieldAlgorithm) -> FieldKey {
    let bytes = Secret::new((0..algorithm.key_len()).map(|at| u8::try_from(at).unwrap_or(0)).collect());
    FieldKey::from_secret(algorithm, KEY_ID, bytes).expect("a key of its length")
}

/// A field value under each cipher: it opens or leaves nothing behind, and AES-SIV gives the same value again.
pub(super) fn field_value(bytes: &[u8]) -> bool {
    static OPENERS: LazyLock<[Opener; 2]> = LazyLock::new(|| {
        let key = Secret::new((0..32).collect::<Vec<u8>>());
        [Cipher::Gcm, Cipher::GcmSiv].map(|cipher| {
            Opener::new(&**PROVIDER, &DataKey::from_secret(cipher, KEY_ID, &key).expect("32 bytes"))
        })
    });
    let mut opened = false;
    let mut out = b"before".to_vec();
    for opener in &*OPENERS {
        match opener.open(ASSOCIATED_DATA, bytes, &mut out) {
            Ok(()) => opened = true,
            Err(_) => assert_eq!(out, b"before"),
        }
        out.truncate(6);
    }
    let mut siv = Siv::new(&field_key(FieldAlgorithm::AesSiv)).expect("a key for it");
    match siv.open(ASSOCIATED_DATA, bytes, &mut out) {
        Ok(()) => {
            let mut again = Vec::new();
            siv.seal(ASSOCIATED_DATA, &out[6..], &mut again);
            assert_eq!(again, bytes);
            opened = true;
        }
        Err(_) => assert_eq!(out, b"before"),
    }
    opened
}

/// A key sealed to a dataset, under each suite.
pub(super) fn sealed_key(bytes: &[u8]) -> bool {
    struct Golden {
        private: PrivateKey,
        info: Vec<u8>,
        key: Vec<u8>,
    }
    static KEYS: LazyLock<[Golden; 2]> = LazyLock::new(|| {
        [
            (Suite::Hybrid768, include_str!("../../../core/crypto/tests/golden/sealed-key.json")),
            (Suite::Cnsa2, include_str!("../../../core/crypto/tests/golden/sealed-key-cnsa-2.json")),
        ]
        .map(|(suite, json)| Golden {
            private: PrivateKey::from_secret(suite, Secret::new(golden(json, "private"))).expect("a key"),
            info: golden(json, "info"),
            key: golden(json, "key"),
        })
    });
    let mut opened = false;
    for Golden { private, info, key } in &*KEYS {
        match hpke::open(&**PROVIDER, private, info, b"", bytes) {
            // Nobody can seal another key to them without knowing it.
            Ok(plain) => {
                assert_eq!(plain.expose(), key);
                opened = true;
            }
            Err(Error::WrongLength { .. }) => assert!(bytes.len() < private.suite().encapsulated_len()),
            Err(error) => assert_eq!(error, Error::DoesNotOpen { what: "sealed key" }),
        }
        // As a private key, and as a public one: taken or refused, but never believed where it is wrong.
        if let Ok(private) = PrivateKey::from_secret(private.suite(), Secret::new(bytes.to_vec())) {
            opened |= private.public(&**PROVIDER).is_ok();
        }
        if let Ok(public) = hpke::PublicKey::from_bytes(private.suite(), bytes) {
            opened |= hpke::seal(&**PROVIDER, &public, b"", b"", b"").is_ok();
        }
    }
    opened
}

/// A key wrapped under another.
pub(super) fn envelope(bytes: &[u8]) -> bool {
    let key = Secret::new([7; 32]);
    envelope::unwrap(&**PROVIDER, &key, b"bound", bytes).is_ok()
}

/// Format-preserving encryption, there and back, and the masks and indexes of the same text.
pub(super) fn ff1(bytes: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(bytes) else { return false };
    let key = field_key(FieldAlgorithm::Ff1);
    let ciphers =
        [("0123456789", Check::None), ("0123456789", Check::Luhn), ("0123456789abcdef", Check::None)];
    let mut taken = false;
    for (characters, check) in ciphers {
        let alphabet = Alphabet::new(characters).expect("an alphabet");
        let mut cipher = Ff1::new(&key, &alphabet, check).expect("a key for it");
        let (mut there, mut back) = (String::new(), String::new());
        if cipher.encrypt(ASSOCIATED_DATA, value, &mut there).is_ok() {
            taken = true;
            assert_eq!(there.chars().count(), value.chars().count(), "the format is kept");
            cipher.decrypt(ASSOCIATED_DATA, &there, &mut back).expect("what was encrypted decrypts");
            assert_eq!(back, value);
            assert!(check == Check::None || luhn::holds(&there), "the check digit holds");
        }
        let (mut plain, mut again) = (String::new(), String::new());
        if cipher.decrypt(ASSOCIATED_DATA, value, &mut plain).is_ok() {
            cipher.encrypt(ASSOCIATED_DATA, &plain, &mut again).expect("what was decrypted encrypts");
            assert_eq!(again, value);
        }
    }
    let mut masked = String::new();
    mask::Mask::new(1, 4, '*').expect("a mask").apply(value, &mut masked);
    assert_eq!(masked.chars().count(), value.chars().count());
    use blind_index::Normalize::{Digits, Lowercase, Nfkc, Trim};
    let once = blind_index::normalize(&[Nfkc, Trim, Digits], value).into_owned();
    assert_eq!(blind_index::normalize(&[Nfkc, Trim, Digits], &once), once, "normalising ends");
    let _ = blind_index::normalize(&[Trim, Lowercase, Nfkc], value);
    taken
}

/// Shares of a recovery key: every 33 bytes.
pub(super) fn share(bytes: &[u8]) -> bool {
    let read: Result<Vec<_>, _> = bytes
        .chunks(shamir::SHARE_LEN)
        .map(|share| shamir::Share::from_bytes(Secret::new(share.to_vec())))
        .collect();
    let Ok(mut shares) = read else { return false };
    let written: Vec<u8> = shares.iter().flat_map(|share| share.as_bytes().expose().clone()).collect();
    assert_eq!(written, bytes, "a share is read as it is written");
    shamir::combine(&mut shares, 2).is_ok()
}

/// Base64url: every value has one text.
pub(super) fn text(bytes: &[u8]) -> bool {
    assert_eq!(base64url::decode(base64url::encode(bytes), "text").as_deref(), Ok(bytes));
    let Ok(decoded) = base64url::decode(bytes, "text") else { return false };
    assert_eq!(base64url::encode(&decoded).as_bytes(), bytes);
    true
}
