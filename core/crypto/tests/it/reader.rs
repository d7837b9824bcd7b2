//! A reader made in Python from the pages in `docs/formats/` alone (`oracle/reader.py`) reads what we write: it is told
//! where things stand and whose key it holds, and builds every other byte itself.

use crate::python;
use base::{Id, Secret};
use crypto::{
    Suite, aws_lc,
    bind::{Place, with_row},
    hpke::{self, PublicKey},
    jws::Jws,
    passphrase::{Cost, PassphraseKey},
    random,
    sign::{Algorithm, SigningKey},
    text,
    value::{Cipher, DataKey, Sealer},
};
use serde_json::{Value, json};

const COST: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

fn ask(question: Value) -> Value {
    python::ask("reader.py", &question)
}

fn bytes(value: &Value) -> Vec<u8> {
    text::decode(value.as_str().expect("text"), "answer").expect("base64url")
}

#[test]
fn it_opens_a_data_key_and_the_value_under_it() {
    let provider = aws_lc();
    let (organization, dataset, run) =
        (Id::from_bytes([7; 16]), Id::from_bytes([8; 16]), Id::from_bytes([9; 16]));
    let place = Place { organization, dataset, field: "größe" };
    let seeds = [random::<96>(&*provider).to_vec(), random::<64>(&*provider).to_vec()];
    for (suite, seed) in Suite::ALL.into_iter().zip(seeds) {
        // The reader's own key pair: its library takes nothing but seeds.
        let mut told = json!({
            "suite": suite, "seed": text::encode(&seed), "organization": organization, "dataset": dataset,
            "field": place.field, "run": run, "mode": "aead", "row_key": "17",
        });
        let public = bytes(&ask(json!({"read": "public", "told": told}))["public"]);
        let public = PublicKey::from_bytes(suite, &public).expect("a public key");

        let key = DataKey::generate(&*provider, Cipher::Gcm);
        let info = place.data_key_info(key.id(), "aead", suite, run);
        let sealed = hpke::seal(&*provider, &public, &info, b"", key.as_secret().expose()).expect("a key");
        let mut associated_data = place.associated_data();
        let own = associated_data.len();
        with_row(&mut associated_data, own, b"17");
        let mut value = Vec::new();
        let mut sealer = Sealer::new(provider.clone(), &key);
        sealer.batch().seal(&associated_data, "183 cm, Ærø".as_bytes(), &mut value).expect("the first");
        told["key_id"] = format!("{:08x}", key.id()).into();
        told["sealed"] = text::encode(&sealed).into();
        told["value"] = text::encode(&value).into();
        let answer = ask(json!({"read": "value", "told": told}));
        assert_eq!(answer, json!({"plain": "183 cm, Ærø"}), "{suite}");

        // And not in another place: the reader sees to each part itself.
        for (what, other) in [
            ("organization", dataset.to_string()),
            ("dataset", Id::<base::noun::Dataset>::from_bytes([1; 16]).to_string()),
            ("field", "size".to_owned()),
            ("run", Id::<base::noun::Job>::from_bytes([1; 16]).to_string()),
            ("mode", "gcm-siv".to_owned()),
            ("key_id", "00000001".to_owned()),
            ("row_key", "18".to_owned()),
        ] {
            let mut elsewhere = told.clone();
            elsewhere[what] = other.into();
            let answer = ask(json!({"read": "value", "told": elsewhere}));
            assert!(answer["refused"].is_string(), "{suite}, another {what}: {answer}");
        }
    }
}

#[test]
fn it_finds_the_public_key_in_a_private_one() {
    let provider = aws_lc();
    for suite in Suite::ALL {
        let pair = hpke::KeyPair::generate(&*provider, suite);
        let private = text::encode(pair.private.as_secret().expose());
        let answer = ask(json!({"read": "private", "told": {"suite": suite, "private": private}}));
        assert_eq!(bytes(&answer["public"]), pair.public.as_bytes(), "{suite}");
    }
}

#[test]
fn it_opens_a_passphrase_sealed_document() {
    let provider = aws_lc();
    let phrase = Secret::new("pässword".to_owned());
    let key = PassphraseKey::new(&*provider, &phrase, COST).expect("a cost");
    let document = String::from_utf8(key.seal(&*provider, "nexora/root/1", b"records")).expect("JSON");
    let told = json!({"document": document, "passphrase": phrase.expose()});
    assert_eq!(ask(json!({"read": "passphrase", "told": told})), json!({"plain": text::encode(b"records")}));
}

#[test]
fn it_checks_a_signed_document() {
    let provider = aws_lc();
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(&*provider, algorithm);
        let jws = Jws::sign(&key, "nexora-manifest+json", br#"{"rows":3}"#);
        let told = json!({"document": jws, "key": key.verifying_key(), "typ": "nexora-manifest+json"});
        assert_eq!(ask(json!({"read": "signed", "told": told})), json!({"rows": 3}), "{algorithm}");
        let mut altered = told;
        altered["document"]["payload"] = text::encode(br#"{"rows":4}"#).into();
        assert!(ask(json!({"read": "signed", "told": altered}))["refused"].is_string(), "{algorithm}");
    }
}
