//! Revealing: whose manifests count, and what is not revealed.

use crate::{FILE, House, NOW, customers, person};
use base::{Action, Fault as _, Id, Kind, Role, Timestamp};
use crypto::{
    aws_lc,
    sign::{Algorithm, SigningKey},
};
use datasets::Error;
use fields::{
    FieldPolicy, Manifest, Protector, Run, SignedManifest,
    formats::{Dialect, Format, Protect},
};
use policy::Resource;
use store::Queries as _;

/// Protects offline, with nothing but the dataset's public key.
fn offline(key: fields::DatasetKey) -> (Vec<u8>, Manifest) {
    let run = Run { id: Id::from_bytes([8; 16]), created: Timestamp::from_millis(0) };
    let policy = FieldPolicy::aead(["email"]).expect("a policy");
    let protector = Protector::new(aws_lc(), key, run, policy).expect("a key");
    let protect = Protect::new(Format::Csv(Dialect::default()), protector, None);
    let (mut protect, mut output) = (protect.expect("it begins"), Vec::new());
    protect.push(FILE, &mut output).expect("it protects");
    let manifest = protect.finish(&mut output).expect("it ends");
    (output, manifest)
}

#[tokio::test]
async fn a_registered_producers_output_is_revealed_and_no_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let key = house.datasets.public_key(&house.ctx, &customers()).await.expect("it is there");
    let (output, manifest) = offline(key);
    let producer = SigningKey::generate(&*aws_lc(), Algorithm::MlDsa65);
    let signed = manifest.sign(&producer);

    let error = house.reveal(&house.ctx, &output, &signed, 100).await.expect_err("nobody knows it");
    assert!(matches!(error, Error::Keys(keys::Error::UnknownSigner)), "{error}");
    assert_eq!(house.failed().await.0, "unknown_signer");
    let permit = house
        .policy
        .permit(&house.ctx, Action::ProducersAdd, Resource::Organization, NOW)
        .expect("it is allowed");
    let added =
        house.keys.add_producer(&house.ctx, &permit, "billing", producer.verifying_key().clone()).await;
    let added = added.expect("it is new");
    assert_eq!(house.reveal(&house.ctx, &output, &signed, 100).await.expect("it reveals"), FILE);
    let entries = house.entries().await;
    let revealed = entries.iter().rfind(|entry| entry["kind"] == "dataset.revealed").expect("recorded");
    assert_eq!(revealed["facts"]["producer"], added.id.to_string());
}

#[tokio::test]
async fn an_altered_or_cut_file_fails_and_is_recorded() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (output, end) = house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let mut altered = output.clone();
    // Another letter of base64url: the file stays a table, and what it says is not what was sealed.
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    let error = house.reveal(&house.ctx, &altered, &end.manifest, 100).await.expect_err("it was altered");
    assert_eq!(error.kind(), Kind::CheckFailed);
    assert!(error.to_string().starts_with("row 1, column `email`: "), "{error}");
    let cut = &output[..output.len() - 60];
    let error = house.reveal(&house.ctx, cut, &end.manifest, 100).await.expect_err("it was cut");
    assert!(matches!(error, Error::Fields(fields::Error::NotAsDescribed(_))), "{error}");
    let entries = house.entries().await;
    let stopped = entries.iter().filter(|entry| entry["kind"] == "dataset.reveal_stopped");
    let stopped = stopped.map(|entry| (&entry["outcome"], &entry["reason"])).collect::<Vec<_>>();
    assert_eq!(stopped.len(), 2);
    assert!(stopped.iter().all(|(outcome, reason)| *outcome == "failed" && *reason == "altered"));
}

#[tokio::test]
async fn an_altered_manifest_reveals_nothing_and_that_is_on_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (output, end) = house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let file = String::from_utf8(end.manifest.to_file()).expect("JSON");
    let at = file.find("\"signature\": \"").expect("a signature") + 20;
    let other = if &file[at..=at] == "A" { "B" } else { "A" };
    let altered = format!("{}{other}{}", &file[..at], &file[at + 1..]);
    let altered = SignedManifest::read(altered.as_bytes()).expect("its form is right");
    let error = house.reveal(&house.ctx, &output, &altered, 100).await.expect_err("it was altered");
    assert!(matches!(error, Error::Fields(fields::Error::Signature)), "{error}");
    assert!(!house.kinds().await.contains(&"dataset.revealed".to_owned()));
    let last = house.failed().await;
    assert_eq!(last, ("altered".to_owned(), end.content.dataset.to_string()));
    // Who asks without end is counted.
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
    for _ in 0..150 {
        assert!(house.datasets.reveal(&house.ctx, permit.clone(), &altered, None).await.is_err());
    }
    let stopped = house.kinds().await.iter().filter(|kind| *kind == "dataset.reveal_stopped").count();
    assert_eq!(stopped, 2, "one in each of two minutes");
    let folded = house.policy.record_folded(house.ctx.organization(), NOW, true).await;
    assert_eq!(folded.expect("it is recorded"), 149);
}

impl House {
    /// Why the last request, a reveal, failed, and of which dataset it was, as the ledger says it.
    pub(crate) async fn failed(&self) -> (String, String) {
        let last = self.entries().await.pop().expect("recorded");
        assert_eq!(last["kind"], "dataset.reveal_stopped");
        assert_eq!(last["outcome"], "failed");
        // The minute is over: the next one has an entry of its own.
        let folded = self.policy.record_folded(self.ctx.organization(), NOW, true).await;
        assert_eq!(folded.expect("nothing was only counted"), 0);
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        (text(&last["reason"]), text(&last["object"]["id"]))
    }
}

/// A producer holds a dataset's public key: it speaks neither for the keys of fields nor for what was done here.
#[tokio::test]
async fn a_producer_signs_for_its_own_runs_and_public_keys_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let producer = SigningKey::generate(&*aws_lc(), Algorithm::MlDsa65);
    let permit = house.policy.permit(&house.ctx, Action::ProducersAdd, Resource::Organization, NOW);
    let public = producer.verifying_key().clone();
    let added = house.keys.add_producer(&house.ctx, &permit.expect("it is allowed"), "billing", public).await;
    let added = added.expect("it is new");
    for mode in ["siv", "token", "aead"] {
        let fields = Some(crate::modes::policy(&[("email", mode)]));
        let begun = house.protect_as(&customers(), fields, crate::csv(), FILE).await;
        let (output, mut end) = begun.expect("it protects");
        // A run of its own does not help where a mode takes the key of a field.
        if mode != "aead" {
            end.content.run = Id::from_bytes([9; 16]);
        }
        let forged = end.content.sign(&producer);
        let error = house.reveal(&house.ctx, &output, &forged, 100).await.expect_err("it is not its to sign");
        let (reason, dataset) = house.failed().await;
        assert_eq!(dataset, end.content.dataset.to_string());
        if mode == "aead" {
            assert!(matches!(error, Error::OtherRun(run) if run == end.content.run), "{error}");
            assert_eq!((error.kind(), reason.as_str()), (Kind::CheckFailed, "altered"));
        } else {
            assert!(matches!(error, Error::Fields(fields::Error::NotOffline { .. })), "{mode}: {error}");
            assert_eq!(reason, "not_a_producers");
        }
        house.reveal(&house.ctx, &output, &end.manifest, 100).await.expect("the house signed that one");
    }
    // Nor does it sign any more once it is revoked.
    let key = house.datasets.public_key(&house.ctx, &customers()).await.expect("it is there");
    let (output, manifest) = offline(key);
    let signed = manifest.sign(&producer);
    house.reveal(&house.ctx, &output, &signed, 100).await.expect("its own");
    let permit = house.policy.permit(&house.ctx, Action::ProducersRevoke, Resource::Producer(added.id), NOW);
    let revoked = house.keys.revoke_producer(&house.ctx, &permit.expect("it is allowed"), added.id).await;
    revoked.expect("it is there");
    house.reveal(&house.ctx, &output, &signed, 100).await.expect_err("it is revoked");
    assert_eq!(house.failed().await.0, "revoked_signer");
}

#[tokio::test]
async fn data_of_another_organization_stays_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (output, end) = house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let other = house.organization(8).await;
    house.protect(&other, FILE, 100).await.expect("it protects");
    let error = house.reveal(&other, &output, &end.manifest, 100).await.expect_err("not theirs");
    assert!(matches!(error, Error::Keys(keys::Error::UnknownSigner)), "{error}");
    // Even where the producer is known there too.
    let producer = SigningKey::generate(&*aws_lc(), Algorithm::MlDsa65);
    for ctx in [&house.ctx, &other] {
        let permit = house.policy.permit(ctx, Action::ProducersAdd, Resource::Organization, NOW);
        let permit = permit.expect("it is allowed");
        let public = producer.verifying_key().clone();
        house.keys.add_producer(ctx, &permit, "billing", public).await.expect("it is new");
    }
    let key = house.datasets.public_key(&house.ctx, &customers()).await.expect("it is there");
    let (output, manifest) = offline(key);
    let signed = manifest.sign(&producer);
    let error = house.reveal(&other, &output, &signed, 100).await.expect_err("not theirs");
    assert!(matches!(error, Error::Foreign), "{error}");
    let read = house.store.read(&other).await.expect("it reads");
    let (_, last) = read.entries(0, 1_000).await.expect("it reads").pop().expect("recorded");
    let last: serde_json::Value = serde_json::from_slice(&last).expect("JSON");
    assert_eq!((&last["kind"], &last["reason"]), (&"dataset.reveal_stopped".into(), &"foreign".into()));
    drop(read);
    assert_eq!(house.reveal(&house.ctx, &output, &signed, 100).await.expect("theirs"), FILE);
}

#[tokio::test]
async fn an_auditor_reveals_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (_, end) = house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let auditor = person(house.ctx.organization(), Role::Auditor);
    let resource = Resource::Dataset(end.content.dataset);
    let refused = house.policy.permit(&auditor, Action::DatasetsReveal, resource, NOW);
    assert_eq!(refused.expect_err("auditors reveal nothing").kind(), Kind::Refused);
    // A permit of someone else does not help.
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
    let begun = house.datasets.reveal(&auditor, permit, &end.manifest, None).await;
    assert!(matches!(begun, Err(Error::Refused(_))));
    assert_eq!(house.kinds().await.last().expect("recorded"), "access.refused");
}
