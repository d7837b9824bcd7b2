//! The manifest as a document.

use crate::world::World;
use base::Secret;
use crypto::{
    FieldKey, Suite,
    hpke::PrivateKey,
    jws::Jws,
    sign::{Algorithm, SigningKey, VerifyingKey},
    text,
};
use fields::{
    DatasetKey, Error, FieldPolicy, KeyNeed, Keyring, Manifest, Mode, Revealer, SignedManifest, TYPE,
    formats::Reveal,
};
use serde_json::Value;

fn manifest(world: &World) -> Manifest {
    let policy = FieldPolicy::aead(["a"]).expect("a policy");
    world.protect(b"a\n1\n", policy, 100).expect("it protects").1
}

#[test]
fn only_its_producers_signature_counts() {
    let world = World::new();
    let manifest = manifest(&world);
    let signed = manifest.sign(&world.producer);
    assert_eq!(signed.dataset(), Ok(manifest.dataset));
    assert_eq!(signed.signer().expect("a name"), world.producer.verifying_key().thumbprint());
    let read = SignedManifest::read(&signed.to_file()).expect("a signed document");
    assert_eq!(read.verify(&*world.provider, world.producer.verifying_key()), Ok(manifest.clone()));

    let other = SigningKey::generate(&*world.provider, Algorithm::MlDsa65);
    assert_eq!(read.verify(&*world.provider, other.verifying_key()), Err(Error::Signature));
    let of_another_type =
        SignedManifest::from_jws(Jws::sign(&world.producer, "other+json", &manifest.to_json()));
    let got = of_another_type.verify(&*world.provider, world.producer.verifying_key());
    assert!(matches!(got, Err(Error::Manifest(_))));
}

#[test]
fn an_unsigned_or_altered_manifest_is_refused() {
    let world = World::new();
    let manifest = manifest(&world);
    assert!(matches!(SignedManifest::read(&manifest.to_json()), Err(Error::Manifest(_))), "unsigned");
    assert!(matches!(SignedManifest::read(b""), Err(Error::Manifest(_))), "missing");
    let file = manifest.sign(&world.producer).to_file();
    let mut json: Value = serde_json::from_slice(&file).expect("JSON");
    let payload = text::decode(json["payload"].as_str().expect("text"), "payload").expect("base64url");
    let altered = String::from_utf8(payload).expect("JSON").replace("\"rows\":1", "\"rows\":0");
    json["payload"] = text::encode(altered.as_bytes()).into();
    let altered = SignedManifest::read(&serde_json::to_vec(&json).expect("JSON")).expect("its form is right");
    let got = altered.verify(&*world.provider, world.producer.verifying_key());
    assert_eq!(got, Err(Error::Signature));
}

#[test]
fn a_signed_manifest_that_is_none_is_refused() {
    let world = World::new();
    let good: Value = serde_json::from_slice(&manifest(&world).to_json()).expect("JSON");
    let refusal = |change: fn(&mut Value)| {
        let mut json = good.clone();
        change(&mut json);
        let payload = serde_json::to_vec(&json).expect("JSON");
        let signed = SignedManifest::from_jws(Jws::sign(&world.producer, TYPE, &payload));
        match signed.verify(&*world.provider, world.producer.verifying_key()) {
            Err(Error::Manifest(why)) => why,
            other => unreachable!("{other:?}"),
        }
    };
    assert!(refusal(|json| json["suite"] = "kyber-512".into()).contains("unknown suite `kyber-512`"));
    assert!(refusal(|json| json["format"] = "nexora/manifest/2".into()).contains("nexora/manifest/2"));
    assert!(refusal(|json| json["extra"] = 1.into()).contains("extra"));
    assert!(refusal(|json| json["keys"] = Value::Array(vec![])).contains("no key for field `a`"));
    assert!(refusal(|json| json["keys"][0]["id"] = "1".into()).contains("8 lower-case hexadecimal digits"));
    assert!(
        refusal(|json| {
            let key = json["keys"][0].clone();
            json["keys"].as_array_mut().expect("an array").push(key);
        })
        .contains("two keys")
    );
}

#[test]
fn a_dataset_key_survives_its_document() {
    let world = World::new();
    let json = serde_json::to_string(&world.key).expect("JSON");
    assert_eq!(serde_json::from_str::<DatasetKey>(&json).expect("a key"), world.key);
    let error =
        serde_json::from_str::<DatasetKey>(&json.replace("hybrid-768", "rot13")).expect_err("no suite");
    assert!(error.to_string().contains("unknown suite `rot13`"));
    assert!(serde_json::from_str::<DatasetKey>(&json.replace("dataset-key/1", "dataset-key/2")).is_err());
}

/// Files made once: they must open for ever.
#[test]
fn the_golden_output_opens() {
    let keys: Value = serde_json::from_str(include_str!("../golden/keys.json")).expect("JSON");
    let producer: VerifyingKey = serde_json::from_value(keys["producer"].clone()).expect("a JSON Web Key");
    let private = text::decode(keys["private"].as_str().expect("text"), "key").expect("base64url");
    let private = PrivateKey::from_secret(Suite::Hybrid768, Secret::new(private)).expect("a key");
    let provider = crypto::aws_lc();
    let signed =
        SignedManifest::read(include_bytes!("../golden/customers.csv.manifest.json")).expect("signed");
    let manifest = signed.verify(&*provider, &producer).expect("it verifies");
    let open = |key| manifest.open_key(&*provider, &private, key).expect("it opens");
    let mut ring = Keyring::new();
    manifest.keys.iter().for_each(|key| ring.data_key(&key.field, open(key)));
    let revealer = Revealer::new(provider.clone(), &manifest, manifest.policy.clone(), &ring).expect("keys");
    let mut reveal = Reveal::new(&manifest, revealer, None).expect("a file");
    let mut out = Vec::new();
    reveal.push(include_bytes!("../golden/customers.csv"), &mut out).expect("it reveals");
    assert_eq!(reveal.finish(&mut out), Ok(3));
    assert_eq!(out, include_bytes!("../golden/plain.csv"));
}

/// One field in each mode that needs no vault; made once, and must open for ever.
#[test]
fn the_golden_output_of_every_mode_opens() {
    let keys: Value = serde_json::from_str(include_str!("../golden/modes.keys.json")).expect("JSON");
    let bytes = |name: &str| text::decode(keys[name].as_str().expect("text"), "key").expect("base64url");
    let provider = crypto::aws_lc();
    let producer: VerifyingKey = serde_json::from_value(keys["producer"].clone()).expect("a JSON Web Key");
    let signed = SignedManifest::read(include_bytes!("../golden/modes.csv.manifest.json")).expect("signed");
    let manifest = signed.verify(&*provider, &producer).expect("it verifies");
    let private = PrivateKey::from_secret(manifest.suite, Secret::new(bytes("private"))).expect("a key");
    let mut ring = Keyring::new();
    for key in &manifest.keys {
        ring.data_key(&key.field, manifest.open_key(&*provider, &private, key).expect("it opens"));
    }
    for key in &manifest.field_keys {
        let Some(KeyNeed::FieldKey(algorithm)) = manifest.mode(&key.field).map(Mode::key) else {
            unreachable!("{}", key.field)
        };
        let secret = Secret::new(bytes(&key.field));
        ring.field_key(&key.field, key.key, FieldKey::from_secret(algorithm, key.id, secret).expect("a key"));
    }
    let revealer = Revealer::new(provider, &manifest, manifest.part(None).expect("most of it"), &ring);
    let mut reveal = Reveal::new(&manifest, revealer.expect("keys"), None).expect("a file");
    let mut out = Vec::new();
    reveal.push(include_bytes!("../golden/modes.csv"), &mut out).expect("it reveals");
    assert_eq!(reveal.finish(&mut out), Ok(2));
    assert_eq!(String::from_utf8_lossy(&out), include_str!("../golden/modes.plain.csv"));
}
