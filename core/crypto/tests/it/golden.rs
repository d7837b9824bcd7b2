//! Files written by a foreign implementation from the pages in `docs/formats/` alone
//! (`tests/golden/make.py`, with pyca/cryptography): we must open them for ever.

use base::Secret;
use crypto::{
    FieldAlgorithm, FieldKey, Suite, aws_lc,
    blind_index::{BlindIndex, Normalize, normalize},
    ff1::{Alphabet, Check, Ff1},
    hpke::{self, PrivateKey},
    jws::Jws,
    mask::Mask,
    passphrase,
    sign::VerifyingKey,
    siv::Siv,
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

/// Values of every other mode, written by `field_modes.py`.
#[test]
fn values_of_every_mode() {
    const FILE: &str = include_str!("../golden/field-modes.json");
    let provider = aws_lc();
    let cases: Vec<Value> = serde_json::from_str(FILE).expect("JSON");
    for case in &cases {
        let name = |name: &str| case[name].as_str().expect("text");
        let bytes = |member: &str| text::decode(name(member), "golden file").expect("base64url");
        let number = |name: &str| u16::try_from(case[name].as_u64().expect("a number")).expect("small");
        let (mode, secret, aad, plain) =
            (name("mode"), Secret::new(bytes("key")), bytes("associated_data"), name("plain"));
        let key = |algorithm| FieldKey::from_secret(algorithm, 0x0102_0304, secret.clone()).expect("a key");
        let (mut opened, mut shown) = (Vec::new(), String::new());
        match mode {
            "gcm-siv" => {
                let key = DataKey::from_secret(Cipher::GcmSiv, 0x0102_0304, &secret).expect("32 bytes");
                let opener = Opener::new(&*provider, &key);
                opener.open(&aad, &bytes("value"), &mut opened).expect("it opens");
                assert_eq!(opened, plain.as_bytes());
            }
            "siv" => {
                let mut siv = Siv::new(&key(FieldAlgorithm::AesSiv)).expect("a cipher");
                siv.open(&aad, &bytes("value"), &mut opened).expect("it opens");
                assert_eq!(opened, plain.as_bytes());
                opened.clear();
                siv.seal(&aad, plain.as_bytes(), &mut opened);
                assert_eq!(opened, bytes("value"));
            }
            "ff1" => {
                let check = if case["luhn"] == true { Check::Luhn } else { Check::None };
                let alphabet = Alphabet::new(name("alphabet")).expect("an alphabet");
                let mut ff1 = Ff1::new(&key(FieldAlgorithm::Ff1), &alphabet, check).expect("a cipher");
                ff1.decrypt(&aad, name("value"), &mut shown).expect("it decrypts");
                assert_eq!(shown, plain);
                shown.clear();
                ff1.encrypt(&aad, plain, &mut shown).expect("it encrypts");
                assert_eq!(shown, name("value"));
            }
            "blind-index" => {
                let steps: Vec<Normalize> = serde_json::from_value(case["normalize"].clone()).expect("steps");
                let key = key(FieldAlgorithm::BlindIndex);
                let index = BlindIndex::new(provider.clone(), &key, number("bits")).expect("bits");
                index.index(&aad, normalize(&steps, plain).as_bytes(), &mut opened);
                assert_eq!(opened, bytes("value"), "{plain}");
            }
            "mask" => {
                let mask = Mask::new(number("first"), number("last"), '•').expect("a mask");
                mask.apply(plain, &mut shown);
                assert_eq!(shown, name("value"));
            }
            other => panic!("an unknown mode: {other}"),
        }
    }
    assert_eq!(cases.len(), 25);
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
