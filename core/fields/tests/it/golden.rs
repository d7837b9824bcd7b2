//! Outputs of formats other than CSV, made once; they must open for ever.

use base::Secret;
use crypto::{hpke::PrivateKey, sign::VerifyingKey, text};
use fields::{
    Keyring, Revealer, SignedManifest,
    formats::{Format, Reveal, Spool},
};
use serde_json::Value;

fn opens(output: &[u8], manifest: &[u8], format: Format) -> Vec<u8> {
    let keys: Value = serde_json::from_str(include_str!("../golden/formats.keys.json")).expect("JSON");
    let private = text::decode(keys["private"].as_str().expect("text"), "key").expect("base64url");
    let provider = crypto::aws_lc();
    let producer: VerifyingKey = serde_json::from_value(keys["producer"].clone()).expect("a JSON Web Key");
    let signed = SignedManifest::read(manifest).expect("signed");
    let manifest = signed.verify(&*provider, &producer).expect("it verifies");
    assert_eq!(manifest.output.format(), Ok(format));
    let private = PrivateKey::from_secret(manifest.suite, Secret::new(private)).expect("a key");
    let mut ring = Keyring::new();
    for key in &manifest.keys {
        ring.data_key(&key.field, manifest.open_key(&*provider, &private, key).expect("it opens"));
    }
    let revealer = Revealer::new(provider.clone(), &manifest, manifest.policy.clone(), &ring).expect("keys");
    let spool = format.spooled().then(|| Spool::new(&*provider, Box::new(Vec::new())));
    let mut reveal = Reveal::new(&manifest, revealer, spool).expect("a file");
    let mut out = Vec::new();
    reveal.push(output, &mut out).expect("it reveals");
    assert_eq!(reveal.finish(&mut out), Ok(2));
    out
}

#[test]
fn json() {
    let output = include_bytes!("../golden/formats.json");
    let back = opens(output, include_bytes!("../golden/formats.json.manifest.json"), Format::Json);
    assert_eq!(back, include_bytes!("../golden/formats.plain.json"));
}

#[test]
fn ndjson() {
    let output = include_bytes!("../golden/formats.ndjson");
    let back = opens(output, include_bytes!("../golden/formats.ndjson.manifest.json"), Format::Ndjson);
    assert_eq!(back, include_bytes!("../golden/formats.plain.ndjson"));
}

#[test]
fn parquet() {
    let output = include_bytes!("../golden/formats.parquet");
    let back = opens(output, include_bytes!("../golden/formats.parquet.manifest.json"), Format::Parquet);
    // Its bytes are the writer's; what they say is in the sample.
    let samples = fields::formats::sample(Format::Parquet, &back).expect("a file");
    let values = |at: usize| samples[at].values.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(samples.iter().map(|sample| sample.path.as_str()).collect::<Vec<_>>(), ["id", "mail", "age"]);
    assert_eq!(
        (values(0), values(1), values(2)),
        (vec!["1", "2"], vec!["ada@example.com"], vec!["36", "41"])
    );
}
