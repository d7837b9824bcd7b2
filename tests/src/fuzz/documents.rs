//! Documents: JSON that somebody else wrote, and the paths and modes in it.

use super::values::PROVIDER;
use base::Secret;
use crypto::{
    Jwk,
    jws::Jws,
    passphrase as sealed,
    sign::{SigningKey, VerifyingKey},
};
use fields::{DatasetKey, FieldPolicy, KeyName, Manifest, Mode, Path, SignedManifest};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::sync::LazyLock;

/// What was read, and that it reads the same once it was written.
pub(super) fn read<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&read).expect("what was read is written");
    assert_eq!(serde_json::from_slice::<T>(&written).expect("what was written is read"), read);
    Some(read)
}

/// A signed document, its header, and whether a stranger's key believes it.
pub(super) fn jws(bytes: &[u8]) -> bool {
    static SIGNER: LazyLock<VerifyingKey> = LazyLock::new(|| {
        let file: Value = serde_json::from_str(include_str!("../../../core/crypto/tests/golden/signed.json"))
            .expect("a golden file is JSON");
        serde_json::from_value(file["jwk"].clone()).expect("a key")
    });
    let Some(jws) = read::<Jws>(bytes) else { return false };
    let (header, payload) = (jws.header(), jws.unverified_payload());
    let verified = jws.verify(&**PROVIDER, &SIGNER, "nexora-golden+json");
    if let Ok(verified) = &verified {
        // Only this was ever signed with that key.
        assert_eq!(verified, br#"{"hello":"world"}"#);
        assert!(
            header.is_ok_and(|header| header.kid == SIGNER.thumbprint()) && payload.as_ref() == Ok(verified)
        );
    }
    verified.is_ok()
}

/// A JSON Web Key, public or private.
pub(super) fn jwk(bytes: &[u8]) -> bool {
    let mut taken = false;
    if let Some(jwk) = read::<Jwk>(bytes) {
        let name = jwk.thumbprint();
        if let Ok(key) = VerifyingKey::try_from(jwk) {
            assert_eq!(key.thumbprint(), name, "a key has one name");
            assert_eq!(key.as_bytes().len(), key.algorithm().public_len());
            taken = true;
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(key) = SigningKey::from_jwk(&**PROVIDER, &Secret::new(text.to_owned()))
    {
        let signature = key.sign(b"message");
        assert_eq!(key.verifying_key().verify(&**PROVIDER, b"message", &signature), Ok(()));
        taken = true;
    }
    taken
}

/// A document sealed under a passphrase, where its cost is small: a dear one is refused or slow, and neither is news.
pub(super) fn passphrase(bytes: &[u8]) -> bool {
    let costs = |json: &Value| {
        ["memory_kib", "passes", "lanes"].map(|name| json[name].as_u64().unwrap_or(0)).iter().product::<u64>()
    };
    if serde_json::from_slice::<Value>(bytes).is_ok_and(|json| costs(&json) > 1 << 12) {
        return false;
    }
    let phrase = Secret::new("correct horse".to_owned());
    sealed::open(&**PROVIDER, "nexora/fuzz/1", &phrase, bytes).is_ok()
}

/// A dataset's public key.
pub(super) fn dataset_key(bytes: &[u8]) -> bool {
    read::<DatasetKey>(bytes).is_some()
}

/// A field policy.
pub(super) fn policy(bytes: &[u8]) -> bool {
    let Some(policy) = read::<FieldPolicy>(bytes) else { return false };
    for field in policy.fields() {
        assert_eq!(policy.field(field.path.as_str()), Some(field));
    }
    let _ = policy.offline();
    true
}

/// A field's path, and a mode in its short form: each has one text.
pub(super) fn path(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let path = Path::parse(text);
    if let Ok(path) = &path {
        assert_eq!(Path::parse(path.as_str()).as_ref(), Ok(path));
        assert!(path.overlaps(path));
    }
    let mode: Result<Mode, _> = text.parse();
    if let Ok(mode) = &mode {
        assert_eq!(mode.to_string().parse::<Mode>().as_ref(), Ok(mode), "{text} is {mode}");
    }
    path.is_ok() || mode.is_ok()
}

/// The name of a key in a Parquet file: it has one spelling.
pub(super) fn key_name(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(name) = text.parse::<KeyName>() else { return false };
    assert_eq!(name.to_string(), text);
    let organization = base::Id::from_bytes([1; 16]);
    assert!(name.info(organization) != name.info(base::Id::from_bytes([2; 16])));
    true
}

/// A manifest as it lies beside an output, and one whose signature nobody asked for.
pub(super) fn manifest(bytes: &[u8]) -> bool {
    static PRODUCER: LazyLock<SigningKey> = LazyLock::new(|| {
        SigningKey::from_secret(&**PROVIDER, crypto::sign::Algorithm::MlDsa65, Secret::new(vec![1; 32]))
            .expect("32 bytes are a seed")
    });
    if let Ok(signed) = SignedManifest::read(bytes) {
        let _ = (signed.signer(), signed.dataset(), signed.verify(&**PROVIDER, PRODUCER.verifying_key()));
        return SignedManifest::read(&signed.to_file()).is_ok_and(|again| again == signed);
    }
    // As if a trusted producer had signed it: what it says may still be wrong.
    if serde_json::from_slice::<Value>(bytes).is_err() {
        return false;
    }
    let signed = SignedManifest::from_jws(Jws::sign(&PRODUCER, fields::TYPE, bytes));
    let Ok(manifest) = signed.verify(&**PROVIDER, PRODUCER.verifying_key()) else { return false };
    assert_eq!(serde_json::from_slice::<Manifest>(&manifest.to_json()).as_ref().ok(), Some(&manifest));
    for key in &manifest.keys {
        let _ = manifest.key_info(key);
        let _ = manifest.data_key(key, &Secret::new(vec![0; 32]));
    }
    let _ = (manifest.part(None), manifest.output.format());
    true
}
