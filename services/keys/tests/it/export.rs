//! Exports: two persons, a recipient who reads the page alone, and a mark that stays.

use crate::{House, sealed};
use base::{Action, Context, Fault, Id, Kind, noun};
use crypto::{FieldAlgorithm, Suite, blind_index::BlindIndex, hpke, siv::Siv, text};
use keys::{EXPORT_EXPIRY, Error, ExportRequest, FieldUse, OpenFieldKey, Purpose, Scope};
use policy::Resource;
use serde_json::{Value, json};
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Runs the recipient's script: a document in, a document out.
fn recipient(question: &Value) -> Value {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "{} is missing: run `make test`, which prepares it", python.display());
    let mut child = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/oracle/recipient.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let question = serde_json::to_vec(question).expect("JSON");
    child.stdin.take().expect("a pipe").write_all(&question).expect("the script reads");
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script answers in JSON")
}

async fn field_key(house: &House, algorithm: FieldAlgorithm) -> OpenFieldKey {
    let dataset = Id::from_bytes([1; 16]);
    if house.keys.dataset_key(&house.ctx, dataset).await.is_err() {
        house.dataset(1).await;
    }
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, dataset);
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let what = FieldUse { dataset, field: "email", algorithm };
    let (open, entry) = house.keys.create_field_key(&mut tx, &permit, what).await.expect("it is made");
    tx.commit(entry.expect("it is new")).await.expect("it commits");
    open
}

async fn request(house: &House, key: Id<noun::Key>, to: &hpke::PublicKey) -> Result<ExportRequest, Error> {
    let permit = house.on_key(Action::KeysExport, key);
    house.keys.request_export(&house.ctx, &permit, key, to).await
}

async fn approve(house: &House, ctx: &Context, id: Id<noun::Approval>) -> Result<Vec<u8>, Error> {
    let resource = Resource::Approval(id);
    let now = base::Clock::now(&*house.clock);
    let permit = house.policy.permit(ctx, Action::KeysApproveExport, resource, now).expect("allowed");
    house.keys.approve_export(ctx, &permit, id).await
}

async fn fetch(house: &House, id: Id<noun::Approval>) -> Result<Vec<u8>, Error> {
    let permit = house.permit_for(&house.ctx, Action::KeysExport, Resource::Approval(id));
    house.keys.export_document(&house.ctx, &permit, id).await
}

fn a_public_key() -> hpke::PublicKey {
    hpke::KeyPair::generate(&*crypto::aws_lc(), Suite::Hybrid768).public
}

#[tokio::test]
async fn a_stranger_opens_an_exported_key_and_what_it_sealed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = field_key(&house, FieldAlgorithm::AesSiv).await;
    let mut siv = Siv::new(&key.secret).expect("an AES-SIV key");
    let mut value = Vec::new();
    siv.seal(b"place", "zoë@example.com".as_bytes(), &mut value);

    let pair = recipient(&json!({}));
    let public = text::decode(pair["public"].as_str().expect("text"), "public key").expect("base64url");
    let to = hpke::PublicKey::from_bytes(Suite::Hybrid768, &public).expect("a public key");
    let asked = request(&house, key.key, &to).await.expect("it is asked for");
    assert_eq!(house.last_kinds(1).await, ["key.export_requested"]);
    let document = approve(&house, &house.as_person(2), asked.id).await.expect("another person approves");
    assert_eq!(house.last_kinds(1).await, ["key.exported"]);
    let answer = recipient(&json!({
        "seed": pair["seed"],
        "document": text::encode(&document),
        "values": [{ "ad": text::encode(b"place"), "value": text::encode(&value) }],
    }));
    let opened = text::decode(answer["opened"][0].as_str().expect("text"), "value").expect("base64url");
    assert_eq!(opened, "zoë@example.com".as_bytes());
    assert_eq!(answer["sealed"].as_str().expect("text"), text::encode(&value), "and seals as we do");
    let secret = key.secret.as_secret().expose();
    assert!(!document.windows(16).any(|part| part == &secret[..16]), "nothing of it is in clear");
}

#[tokio::test]
async fn a_stranger_finds_by_an_exported_blind_index_and_opens_a_vault_with_an_exported_token_key() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let pair = recipient(&json!({}));
    let public = text::decode(pair["public"].as_str().expect("text"), "public key").expect("base64url");
    let to = hpke::PublicKey::from_bytes(Suite::Hybrid768, &public).expect("a public key");
    let exported = async |key: Id<noun::Key>| {
        let asked = request(&house, key, &to).await.expect("it is asked for");
        text::encode(&approve(&house, &house.as_person(2), asked.id).await.expect("another person approves"))
    };
    let key = field_key(&house, FieldAlgorithm::BlindIndex).await;
    for bits in [1, 12, 256] {
        let index = BlindIndex::new(crypto::aws_lc(), &key.secret, bits).expect("a blind index");
        let mut ours = Vec::new();
        index.index(b"place", "zoë@example.com".as_bytes(), &mut ours);
        let answer = recipient(&json!({
            "seed": pair["seed"],
            "document": exported(key.key).await,
            "index": { "ad": text::encode(b"place"), "value": text::encode("zoë@example.com".as_bytes()), "bits": bits },
        }));
        assert_eq!(answer["index"], text::encode(&ours), "{bits} bits");
    }
    let key = field_key(&house, FieldAlgorithm::Token).await;
    let mut vault = Siv::for_tokens(&key.secret).expect("a token key");
    let mut kept = Vec::new();
    vault.seal(b"row", "zoë@example.com".as_bytes(), &mut kept);
    let answer = recipient(&json!({
        "seed": pair["seed"],
        "document": exported(key.key).await,
        "values": [{ "ad": text::encode(b"row"), "value": text::encode(&kept) }],
    }));
    let opened = text::decode(answer["opened"][0].as_str().expect("text"), "value").expect("base64url");
    assert_eq!(opened, "zoë@example.com".as_bytes());
}

#[tokio::test]
async fn nobody_approves_their_own_request_and_nothing_leaves_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = field_key(&house, FieldAlgorithm::AesSiv).await.key;
    let asked = request(&house, key, &a_public_key()).await.expect("it is asked for");
    assert!(matches!(fetch(&house, asked.id).await, Err(Error::NotApproved)));
    let own = approve(&house, &house.ctx, asked.id).await.expect_err("their own");
    assert!(matches!(own, Error::SamePerson));
    assert_eq!(own.kind(), Kind::Refused);
    assert_eq!(own.reason(), "same_person");
    assert_eq!(house.keys.version(&house.ctx, key).await.expect("it is there").exported, None);
    assert!(house.keys.exports(&house.ctx).await.expect("a list")[0].approved_by.is_none());

    let document = approve(&house, &house.as_person(2), asked.id).await.expect("another person");
    assert_eq!(fetch(&house, asked.id).await.expect("the one who asked fetches it"), document);
    let last = house.last_entry().await;
    assert_eq!((&last["kind"], &last["reason"]), (&json!("key.exported"), &json!("fetched")));
    assert_eq!(last["facts"]["request"], asked.id.to_string());
    let twice = approve(&house, &house.as_person(3), asked.id).await;
    assert!(matches!(twice, Err(Error::Approved)));
    let listed = house.keys.exports(&house.ctx).await.expect("a list");
    assert_eq!(listed[0].approved_by, Some(Id::from_bytes([2; 16])));

    house.clock.forward(EXPORT_EXPIRY + Duration::from_secs(1));
    house.heard().await;
    assert!(matches!(fetch(&house, asked.id).await, Err(Error::Expired)));
    let now = base::Clock::now(&*house.clock);
    assert_eq!(house.keys.exports_step(&house.ctx, now).await.expect("it erases"), 1);
    assert_eq!(house.keys.exports_step(&house.ctx, now).await.expect("once"), 0);
}

#[tokio::test]
async fn a_request_expires() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = field_key(&house, FieldAlgorithm::AesSiv).await.key;
    let asked = request(&house, key, &a_public_key()).await.expect("it is asked for");
    house.clock.forward(EXPORT_EXPIRY + Duration::from_secs(1));
    house.heard().await;
    let late = approve(&house, &house.as_person(2), asked.id).await;
    assert!(matches!(late, Err(Error::Expired)));
    assert!(matches!(
        approve(&house, &house.as_person(2), Id::from_bytes([0; 16])).await,
        Err(Error::NoRequest)
    ));
}

#[tokio::test]
async fn the_mark_of_an_export_survives_rotation_and_rewrapping() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = field_key(&house, FieldAlgorithm::AesSiv).await.key;
    let asked = request(&house, key, &a_public_key()).await.expect("it is asked for");
    approve(&house, &house.as_person(2), asked.id).await.expect("another person approves");
    let mark = house.keys.version(&house.ctx, key).await.expect("it is there").exported;
    let mark = mark.expect("it bears the mark");
    assert_eq!((mark.version, &mark.to), (1, &asked.recipient));

    let rotate = house.on_key(Action::KeysRotate, key);
    let second = house.keys.rotate(&house.ctx, &rotate, key, None).await.expect("it rotates");
    let permit = house
        .policy
        .permit(&house.ctx, Action::KeysRewrap, Resource::Organization, crate::NOW)
        .expect("allowed");
    house.keys.rewrap(&house.ctx, &permit, None).await.expect("it wraps anew");
    let third = house.keys.rotate(&house.ctx, &rotate, key, None).await.expect("it rotates");
    for id in [key, second.id, third.id] {
        let version = house.keys.version(&house.ctx, id).await.expect("it is there");
        assert_eq!(version.exported.as_ref(), Some(&mark), "version {}", version.version);
    }
    assert!(house.keys.version(&house.ctx, key).await.expect("it is there").rewrapped_at.is_some());
    // A second export takes nothing from the first mark.
    house.clock.forward(Duration::from_secs(1));
    let asked = request(&house, key, &a_public_key()).await.expect("it is asked for");
    approve(&house, &house.as_person(2), asked.id).await.expect("another person approves");
    for id in [key, third.id] {
        let version = house.keys.version(&house.ctx, id).await.expect("it is there");
        assert_eq!(version.exported.as_ref(), Some(&mark), "version {}", version.version);
    }
}

#[tokio::test]
async fn an_old_version_that_leaves_marks_every_later_one_and_none_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let first = field_key(&house, FieldAlgorithm::AesSiv).await.key;
    let rotate = house.on_key(Action::KeysRotate, first);
    let mut ids = vec![first];
    for _ in 0..3 {
        ids.push(house.keys.rotate(&house.ctx, &rotate, first, None).await.expect("it rotates").id);
    }
    let asked = request(&house, ids[1], &a_public_key()).await.expect("it is asked for");
    approve(&house, &house.as_person(2), asked.id).await.expect("another person approves");
    let mut marked = Vec::new();
    for id in ids {
        let version = house.keys.version(&house.ctx, id).await.expect("it is there");
        marked.push(version.exported.map(|mark| (mark.version, mark.to)));
    }
    let mark = Some((2, asked.recipient));
    assert_eq!(marked, [None, mark.clone(), mark.clone(), mark]);
}

#[tokio::test]
async fn an_approved_document_is_not_given_once_its_key_is_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let key = field_key(&house, FieldAlgorithm::AesSiv).await.key;
    let asked = request(&house, key, &a_public_key()).await.expect("it is asked for");
    let document = approve(&house, &house.as_person(2), asked.id).await.expect("another person approves");

    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    let before = house.last_entry().await;
    assert!(matches!(fetch(&house, asked.id).await, Err(Error::Closed { .. })));
    assert_eq!(house.last_entry().await, before, "what was not fetched is not on record as if it was");
    house.keys.resume(&house.ctx, &house.on_key(Action::KeysResume, key), key).await.expect("resumed");
    assert_eq!(fetch(&house, asked.id).await.expect("it is open again"), document);

    let scope = Scope::Dataset(Id::from_bytes([1; 16]));
    let declare = house.permit_for(&house.ctx, Action::BreachesDeclare, scope.resource());
    house.keys.declare_breach(&house.ctx, &declare, scope, "a theft").await.expect("it is declared");
    assert!(matches!(fetch(&house, asked.id).await, Err(Error::Breached { .. })));
    let undo = house.permit_for(&house.ctx, Action::BreachesUndo, scope.resource());
    house.keys.undo_breach(&house.ctx, &undo, scope).await.expect("it is undone");
    fetch(&house, asked.id).await.expect("it is open again");

    house.shred(Scope::Dataset(house.dataset(2).await)).await;
    fetch(&house, asked.id).await.expect("another dataset's shredding takes nothing from it");
    house.shred(scope).await;
    assert!(matches!(fetch(&house, asked.id).await, Err(Error::Shredded { .. })));
    let now = base::Clock::now(&*house.clock) + EXPORT_EXPIRY + Duration::from_secs(1);
    assert_eq!(house.keys.exports_step(&house.ctx, now).await.expect("it looks"), 0, "it is erased already");
}

#[tokio::test]
async fn what_no_client_could_use_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let to = a_public_key();
    let mut refused = Vec::new();
    refused.push(field_key(&house, FieldAlgorithm::Ff1).await.key);
    refused.push(sealed(&house, Id::from_bytes([1; 16])).await.0);
    for purpose in [Purpose::Organization, Purpose::Manifest, Purpose::LogMlDsa44, Purpose::Redaction] {
        refused.push(house.versions(purpose).await[0].id);
    }
    for key in refused {
        let error = request(&house, key, &to).await.expect_err("it has no form in Tink");
        assert!(matches!(error, Error::NotExportable { .. }), "{error}");
        assert_eq!(error.kind(), Kind::BadInput);
    }
    let key = field_key(&house, FieldAlgorithm::AesSiv).await.key;
    let other = hpke::KeyPair::generate(&*crypto::aws_lc(), Suite::Cnsa2).public;
    assert!(matches!(request(&house, key, &other).await, Err(Error::NotExportable { .. })));
    let none = hpke::PublicKey::from_bytes(Suite::Hybrid768, &[0xff; 1_216]).expect("of that length");
    assert!(matches!(request(&house, key, &none).await, Err(Error::Crypto(_))), "bytes that are no key");

    let asked = request(&house, key, &to).await.expect("it is asked for");
    house.keys.suspend(&house.ctx, &house.on_key(Action::KeysSuspend, key), key).await.expect("suspended");
    let closed = approve(&house, &house.as_person(2), asked.id).await;
    assert!(matches!(closed, Err(Error::Closed { .. })), "a suspended key does not leave");
}
