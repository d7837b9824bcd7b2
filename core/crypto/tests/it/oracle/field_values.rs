//! Field values and Tink, pyca/cryptography and Python's HMAC.

use crate::python::ask;
use base::{Id, Secret};
use crypto::{
    FieldAlgorithm, FieldKey, aws_lc,
    bind::Place,
    blind_index::BlindIndex,
    siv::Siv,
    text,
    tink::{Keyset, TinkKey},
    value::{Cipher, DataKey, Opener, Sealer},
};
use serde_json::{Value, json};

fn places() -> Vec<Vec<u8>> {
    ["email", "", "größe", "$.items[*].sku"]
        .map(|field| {
            let (organization, dataset) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
            Place { organization, dataset, field }.associated_data()
        })
        .to_vec()
}

fn plains() -> Vec<Vec<u8>> {
    let mut plains = vec![Vec::new(), b"ada@example.com".to_vec(), "Ødegård".as_bytes().to_vec()];
    plains.extend([15, 16, 17, 31, 32, 33, 1_024].map(|length| vec![0xa5; length]));
    plains
}

/// Every plain value in every place.
fn cases(mut seal: impl FnMut(&[u8], &[u8]) -> Vec<u8>) -> Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut cases = Vec::new();
    for ad in places() {
        for plain in plains() {
            let ours = seal(&ad, &plain);
            cases.push((ad.clone(), plain, ours));
        }
    }
    cases
}

/// What Tink says: every value of ours opened, and its own values for the same cases.
fn tink(kind: &str, raw: &[u8], keyset: &Keyset, cases: &[(Vec<u8>, Vec<u8>, Vec<u8>)]) -> Vec<Vec<u8>> {
    let asked = cases.iter().map(|(ad, plain, ours)| {
        json!({ "ad": text::encode(ad), "plain": text::encode(plain), "ours": text::encode(ours) })
    });
    let answer = ask(
        "field_values.py",
        &json!({
            "kind": kind,
            "raw": text::encode(raw),
            "keyset_json": keyset.to_json().expose(),
            "keyset_binary": text::encode(keyset.to_binary().expose()),
            "cases": asked.collect::<Vec<_>>(),
        }),
    );
    let list = |name: &str| {
        let list: Vec<String> = serde_json::from_value(answer[name].clone()).expect("a list of text");
        list.iter().map(|text| text::decode(text, "answer").expect("base64url")).collect::<Vec<_>>()
    };
    let plains = cases.iter().map(|(_, plain, _)| plain.clone()).collect::<Vec<_>>();
    assert_eq!(list("opened"), plains, "Tink and pyca open what we sealed");
    assert_eq!(answer["refused"], cases.len(), "Tink opens nothing under other associated data");
    list("sealed")
}

fn data_keys(cipher: Cipher, kind: &str) {
    let provider = aws_lc();
    let key = DataKey::generate(&*provider, cipher);
    let older = DataKey::generate(&*provider, cipher);
    let keyset = Keyset::new(vec![TinkKey::from(&key), TinkKey::from(&older)]).expect("a keyset");
    let mut sealer = Sealer::new(provider.clone(), &key);
    let cases = cases(|ad, plain| {
        let mut out = Vec::new();
        sealer.batch().seal(ad, plain, &mut out).expect("below the limit");
        out
    });
    let opener = Opener::new(&*provider, &key);
    for ((ad, plain, _), theirs) in cases.iter().zip(tink(kind, key.as_secret().expose(), &keyset, &cases)) {
        let mut out = Vec::new();
        opener.open(ad, &theirs, &mut out).expect("we open what Tink sealed");
        assert_eq!(&out, plain);
        assert!(opener.open(b"elsewhere", &theirs, &mut out).is_err());
    }
}

#[test]
fn tink_and_we_open_each_others_gcm_values() {
    data_keys(Cipher::Gcm, "gcm");
}

#[test]
fn tink_and_we_open_each_others_gcm_siv_values() {
    data_keys(Cipher::GcmSiv, "gcm-siv");
}

#[test]
fn tink_and_we_make_the_same_deterministic_values() {
    let provider = aws_lc();
    let key = FieldKey::generate(&*provider, FieldAlgorithm::AesSiv);
    let older = FieldKey::generate(&*provider, FieldAlgorithm::AesSiv);
    let keys = [&key, &older].map(|key| TinkKey::try_from(key).expect("Tink knows AES-SIV"));
    let keyset = Keyset::new(keys.to_vec()).expect("a keyset");
    let mut siv = Siv::new(&key).expect("a cipher");
    let cases = cases(|ad, plain| {
        let mut out = Vec::new();
        siv.seal(ad, plain, &mut out);
        out
    });
    for ((_, _, ours), theirs) in cases.iter().zip(tink("siv", key.as_secret().expose(), &keyset, &cases)) {
        assert_eq!(ours, &theirs);
    }
}

#[test]
fn a_keyset_is_of_one_primitive_and_has_each_id_once() {
    let provider = aws_lc();
    let gcm = TinkKey::from(&DataKey::generate(&*provider, Cipher::Gcm));
    let siv = FieldKey::generate(&*provider, FieldAlgorithm::AesSiv);
    let siv = TinkKey::try_from(&siv).expect("Tink knows AES-SIV");
    assert!(Keyset::new(Vec::new()).is_err());
    assert!(Keyset::new(vec![gcm.clone(), siv]).is_err());
    assert!(Keyset::new(vec![gcm.clone(), gcm]).is_err());
    let made = |algorithm| TinkKey::try_from(&FieldKey::generate(&*provider, algorithm));
    assert!(made(FieldAlgorithm::Ff1).is_err(), "Tink has no FF1");
    let (token, index) = (made(FieldAlgorithm::Token), made(FieldAlgorithm::BlindIndex));
    let (token, index) = (token.expect("Tink knows AES-SIV"), index.expect("Tink knows HMAC"));
    assert!(Keyset::new(vec![token.clone(), index.clone()]).is_err());
    assert!(Keyset::new(vec![token]).is_ok() && Keyset::new(vec![index]).is_ok());
}

#[test]
fn python_computes_the_same_blind_index() {
    let provider = aws_lc();
    let bytes = Secret::new((0..32).collect::<Vec<u8>>());
    let key = FieldKey::from_secret(FieldAlgorithm::BlindIndex, 9, bytes.clone()).expect("32 bytes");
    let values = ["", "ada@example.com", "größe", "1"];
    for ad in places() {
        for bits in [1, 7, 8, 9, 20, 64, 255, 256] {
            let index = BlindIndex::new(provider.clone(), &key, bits).expect("1 to 256 bits");
            let ours = values.map(|value| {
                let mut out = Vec::new();
                index.index(&ad, value.as_bytes(), &mut out);
                Value::String(text::encode(&out))
            });
            let theirs = ask(
                "blind_index.py",
                &json!({ "key": text::encode(bytes.expose()), "ad": text::encode(&ad), "bits": bits, "values": values }),
            );
            assert_eq!(theirs.as_array().map(Vec::as_slice), Some(ours.as_slice()), "{bits} bits");
        }
    }
}
