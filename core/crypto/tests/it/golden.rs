//! Files written by a foreign implementation from the pages in `docs/formats/` alone
//! (`tests/golden/make.py`, with pyca/cryptography): we must open them for ever.

use base::Secret;
use crypto::{
    Suite, aws_lc,
    hpke::{self, PrivateKey},
    jws::Jws,
    passphrase,
    sign::VerifyingKey,
    text,
    value::{Cipher, DataKey, Opener},
};
use serde_json::Value;

fn file(json: &str) -> impl Fn(&str) -> Vec<u8> {
    let value: Value = serde_json::from_str(json).expect("JSON");
    move |name| text::decode(value[name].as_str().expect("text"), "golden file").expect("base64url")
}

#[test]
fn a_field_value() {
    let file = file(include_str!("../golden/field-value.json"));
    let id = u32::from_be_bytes(file("key_id").try_into().expect("4 bytes"));
    let key = DataKey::from_secret(Cipher::Gcm, id, &Secret::new(file("key"))).expect("32 bytes");
    let mut plain = Vec::new();
    let opened = Opener::new(&*aws_lc(), &key).open(&file("associated_data"), &file("value"), &mut plain);
    assert_eq!((opened, plain), (Ok(()), b"ada@example.com".to_vec()));
}

fn sealed_key(suite: Suite, json: &str) {
    let file = file(json);
    let private = PrivateKey::from_secret(suite, Secret::new(file("private"))).expect("a key");
    assert_eq!(private.public(&*aws_lc()).expect("a key").as_bytes(), file("public"));
    let key = hpke::open(&*aws_lc(), &private, &file("info"), &file("aad"), &file("sealed"));
    assert_eq!(key.expect("it opens").expose(), &file("key"));
}

#[test]
fn a_sealed_key_of_each_suite() {
    sealed_key(Suite::Hybrid768, include_str!("../golden/sealed-key.json"));
    sealed_key(Suite::Cnsa2, include_str!("../golden/sealed-key-cnsa-2.json"));
}

#[test]
fn a_passphrase_sealed_document() {
    let document = include_bytes!("../golden/passphrase-sealed.json");
    let phrase = Secret::new("correct horse battery staple".to_owned());
    let (_, plain) = passphrase::open(&*aws_lc(), "nexora/golden/1", &phrase, document).expect("it opens");
    assert_eq!(plain.expose(), b"sealed by a foreign writer");
}

#[test]
fn a_signed_document() {
    let value: Value = serde_json::from_str(include_str!("../golden/signed.json")).expect("JSON");
    let key: VerifyingKey = serde_json::from_value(value["jwk"].clone()).expect("a JSON Web Key");
    let jws: Jws = serde_json::from_value(value["jws"].clone()).expect("a signed document");
    let payload = jws.verify(&*aws_lc(), &key, "nexora-golden+json");
    assert_eq!(payload.expect("it verifies"), br#"{"hello":"world"}"#);
}
