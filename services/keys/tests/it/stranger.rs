//! A recovery package is opened by a program that was made from `docs/formats/` alone
//! (`tests/python/stranger/recovery.py`): with a quorum of custodians' files, and no root.

use crate::{House, custodians::Custodians};
use base::Secret;
use crypto::{hpke, sign::SigningKey, text};
use keys::{Purpose, recovery::CustodianKey};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

fn ask(questions: &Value) -> Vec<Value> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "there is no {}: run `make test`, which makes it", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/stranger/recovery.py");
    let mut child = Command::new(python)
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(questions.to_string().as_bytes()).expect("it reads");
    drop(stdin);
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "it failed; what it says stands above");
    serde_json::from_slice(&done.stdout).expect("it answers in JSON")
}

#[tokio::test]
async fn a_stranger_opens_a_package_with_a_quorum_and_nothing_with_less() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    house.dataset(1).await;
    let custodians = Custodians::new(3);
    custodians.set_up(&house, 2).await;
    let package = house.keys.recovery_package(&house.ctx).await.expect("it is there");
    let package = String::from_utf8(package).expect("JSON");
    let provider = crypto::aws_lc();
    let file = |key: &CustodianKey| {
        let own = Secret::new("of a custodian".to_owned());
        let document = key.seal(&*provider, &own).expect("it seals");
        json!({ "document": String::from_utf8(document).expect("JSON"), "passphrase": own.expose() })
    };
    let files: Vec<Value> = custodians.0.iter().map(file).collect();
    let altered = package.replacen(r#""name":"Grace""#, r#""name":"Eve""#, 1);
    assert_ne!(altered, package);
    let answers = ask(&json!([
        { "package": package, "custodians": [files[2], files[0]] },
        { "package": package, "custodians": [files[1]] },
        { "package": altered, "custodians": [files[2], files[0]] },
    ]));
    for refused in &answers[1..] {
        assert_eq!(refused["refused"], "not the recovery key");
    }
    let half = |id: base::Id<base::noun::Key>| {
        let half = answers[0]["keys"][id.to_string()].as_str().expect("it is in the package");
        Secret::new(text::decode(half, "half").expect("base64url"))
    };
    let own = house.versions(Purpose::Organization).await.remove(0);
    let private = hpke::PrivateKey::from_secret(crypto::Suite::Hybrid768, half(own.id)).expect("a key");
    assert_eq!(private.public(&*provider).expect("a key").as_bytes(), own.public);
    let manifest = house.versions(Purpose::Manifest).await.remove(0);
    let algorithm = manifest.algorithm.parse().expect("an algorithm");
    let signing = SigningKey::from_secret(&*provider, algorithm, half(manifest.id)).expect("a seed");
    assert_eq!(signing.verifying_key().as_bytes(), manifest.public);
    let dataset = house.versions(Purpose::Dataset).await.remove(0);
    let bound = crypto::bind::parts(&[
        b"nexora/private-key/1",
        house.ctx.organization().to_string().as_bytes(),
        dataset.id.to_string().as_bytes(),
        b"dataset",
        dataset.algorithm.as_bytes(),
    ]);
    let opened = hpke::open(&*provider, &private, &bound, &[], half(dataset.id).expose()).expect("it opens");
    let private = hpke::PrivateKey::from_secret(crypto::Suite::Hybrid768, opened).expect("a key");
    assert_eq!(private.public(&*provider).expect("a key").as_bytes(), dataset.public);
}
