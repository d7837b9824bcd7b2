//! Keys that were closed close data: before a reveal, and in the middle of one.

use crate::{FILE, House, NOW, csv, modes::policy};
use base::{Action, Id, Role, noun};
use bytes::Bytes;
use datasets::{Error, Name, Protected};
use policy::Resource;
use std::time::Duration;

fn name() -> Name {
    "payments".parse().expect("a name")
}

/// A file of a thousand rows, protected under a data key and a field key.
pub(crate) async fn protected(house: &House) -> (Vec<u8>, Vec<u8>, Protected) {
    let mut file = b"id,email,ssn\n".to_vec();
    for row in 0..4_000 {
        file.extend_from_slice(format!("{row},user{row}@example.com,{row:09}\n").as_bytes());
    }
    let fields = policy(&[("email", "aead"), ("ssn", "siv")]);
    let (output, end) = house.protect_as(&name(), Some(fields), csv(), &file).await.expect("it protects");
    (file, output, end)
}

pub(crate) async fn suspend(house: &House, key: Id<noun::Key>) {
    let permit = house.policy.permit(&house.ctx, Action::KeysSuspend, Resource::Key(key), NOW);
    house.keys.suspend(&house.ctx, &permit.expect("it is allowed"), key).await.expect("it is suspended");
}

/// One person asks, another approves, and it is carried out.
pub(crate) async fn shred(house: &House, scope: keys::Scope) {
    let asks = house.policy.permit(&house.ctx, Action::ShredsRequest, scope.resource(), NOW);
    let shred =
        house.keys.request_shred(&house.ctx, &asks.expect("it is allowed"), scope, "the customer left").await;
    let shred = shred.expect("it is asked");
    let second = crate::other_person(house.ctx.organization(), Role::OrgAdmin);
    let approves = house.policy.permit(&second, Action::ShredsApprove, Resource::Approval(shred.id), NOW);
    house
        .keys
        .approve_shred(&second, &approves.expect("it is allowed"), shred.id)
        .await
        .expect("it is approved");
    while house.keys.shred_step(&house.ctx).await.expect("it works") {}
}

#[tokio::test]
async fn a_suspended_key_ends_a_running_reveal_and_begins_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (file, output, end) = protected(&house).await;
    let field_key = end.content.field_key("ssn").expect("it has one").key;
    for key in [end.content.recipient, field_key] {
        let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
        let mut run =
            house.datasets.reveal(&house.ctx, permit.clone(), &end.manifest, None).await.expect("it begins");
        let (first, rest) = output.split_at(output.len() / 2);
        let plain = run.push(Bytes::copy_from_slice(first)).await.expect("still open");
        assert!(file.starts_with(&plain) && plain.len() > 1_000);
        suspend(&house, key).await;
        let ended = run.push(Bytes::copy_from_slice(rest)).await.expect_err("no batch after it");
        assert!(matches!(ended, Error::Keys(keys::Error::Closed { .. })), "{ended}");
        assert!(matches!(run.finish().await, Err(Error::Over)));
        let last = house.entries().await.pop().expect("recorded");
        assert_eq!(
            (&last["kind"], &last["reason"]),
            (&"dataset.reveal_stopped".into(), &"keys_closed".into())
        );
        let begun = house.datasets.reveal(&house.ctx, permit, &end.manifest, None).await;
        assert!(matches!(begun, Err(Error::Keys(keys::Error::Closed { .. }))), "it begins none");
        assert_eq!(house.failed().await, ("keys_closed".to_owned(), end.content.dataset.to_string()));
        let permit = house.policy.permit(&house.ctx, Action::KeysResume, Resource::Key(key), NOW);
        house.keys.resume(&house.ctx, &permit.expect("it is allowed"), key).await.expect("it is resumed");
        assert_eq!(
            house.reveal(&house.ctx, &output, &end.manifest, 50_000).await.expect("it opens again"),
            file
        );
    }
    // A part that does not need the field key does not mind it.
    suspend(&house, field_key).await;
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
    let part = ["email".to_owned()];
    let begun = house.datasets.reveal(&house.ctx, permit, &end.manifest, Some(&part)).await;
    assert!(begun.is_ok(), "it needs the data key only");
}

#[tokio::test]
async fn a_declared_breach_ends_reveals_and_can_be_undone() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (file, output, end) = protected(&house).await;
    let scope = keys::Scope::Dataset(end.content.dataset);
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
    let mut run = house.datasets.reveal(&house.ctx, permit, &end.manifest, None).await.expect("it begins");
    run.push(Bytes::copy_from_slice(&output[..100])).await.expect("still open");
    let declared = house.policy.permit(&house.ctx, Action::BreachesDeclare, scope.resource(), NOW);
    house
        .keys
        .declare_breach(&house.ctx, &declared.expect("it is allowed"), scope, "a laptop was lost")
        .await
        .expect("it is declared");
    let ended = run.push(Bytes::copy_from_slice(&output[100..])).await.expect_err("no batch after it");
    assert!(matches!(ended, Error::Keys(_)), "{ended}");
    assert!(house.reveal(&house.ctx, &output, &end.manifest, 50_000).await.is_err());
    assert_eq!(house.failed().await.0, "keys_closed");
    assert!(house.protect_as(&name(), Some(policy(&[("ssn", "siv")])), csv(), FILE).await.is_err());
    let undone = house.policy.permit(&house.ctx, Action::BreachesUndo, scope.resource(), NOW);
    house.keys.undo_breach(&house.ctx, &undone.expect("it is allowed"), scope).await.expect("it is undone");
    assert_eq!(house.reveal(&house.ctx, &output, &end.manifest, 50_000).await.expect("it opens again"), file);
}

#[tokio::test]
async fn a_shredded_dataset_opens_no_more_and_others_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (_, output, end) = protected(&house).await;
    let (others, kept) = house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let scope = keys::Scope::Dataset(end.content.dataset);
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
    let mut run = house.datasets.reveal(&house.ctx, permit, &end.manifest, None).await.expect("it begins");
    run.push(Bytes::copy_from_slice(&output[..100])).await.expect("still open");

    shred(&house, scope).await;

    run.push(Bytes::copy_from_slice(&output[100..])).await.expect_err("no batch after it");
    house.reveal(&house.ctx, &output, &end.manifest, 50_000).await.expect_err("it is shredded");
    assert_eq!(house.failed().await.0, "keys_closed");
    assert_eq!(
        house.reveal(&house.ctx, &others, &kept.manifest, 50_000).await.expect("another dataset"),
        FILE
    );
    let again = house.protect_as(&name(), Some(policy(&[("email", "aead")])), csv(), FILE).await;
    again.expect_err("a shredded dataset gets nothing new");
}

#[tokio::test]
async fn a_node_that_cannot_read_the_key_epoch_stops_revealing() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (file, output, end) = protected(&house).await;
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
    let mut run =
        house.datasets.reveal(&house.ctx, permit.clone(), &end.manifest, None).await.expect("it begins");
    run.push(Bytes::copy_from_slice(&output[..5_000])).await.expect("heard of");
    let later = house.clock.forward(keys::GRACE + Duration::from_millis(1));
    // Standings are heard of; the key epoch is not.
    house.standings.refresh(&house.ctx, later).await.expect("it is heard");
    let ended = run.push(Bytes::copy_from_slice(&output[5_000..])).await.expect_err("no batch");
    assert!(matches!(ended, Error::Keys(keys::Error::EpochUnread { .. })), "{ended}");
    let last = house.entries().await.pop().expect("recorded");
    assert_eq!(last["reason"], "key_epoch_unread");
    let begun = house.datasets.reveal(&house.ctx, permit, &end.manifest, None).await;
    assert!(matches!(begun, Err(Error::Keys(keys::Error::EpochUnread { .. }))));
    assert_eq!(house.failed().await.0, "key_epoch_unread");
    house.hear(later).await;
    let permit = house.policy.permit(
        &house.ctx,
        Action::DatasetsReveal,
        Resource::Dataset(end.content.dataset),
        later,
    );
    let begun = house.datasets.reveal(&house.ctx, permit.expect("it is allowed"), &end.manifest, None).await;
    let mut run = begun.expect("it begins");
    let mut plain = run.push(Bytes::from(output)).await.expect("it goes on").to_vec();
    plain.extend_from_slice(&run.finish().await.expect("it ends").0);
    assert_eq!(plain, file);
}

/// What has been refused without end is counted, not recorded each time.
#[tokio::test]
async fn refusals_of_the_service_are_folded() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (_, end) = house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let wrong = house.permit(&house.ctx, Action::DatasetsProtect, end.content.dataset);
    for _ in 0..150 {
        let begun = house.datasets.reveal(&house.ctx, wrong.clone(), &end.manifest, None).await;
        assert!(matches!(begun, Err(Error::Refused(_))));
    }
    let refused = house.kinds().await.iter().filter(|kind| *kind == "access.refused").count();
    assert_eq!(refused, 1);
    let folded = house.policy.record_folded(house.ctx.organization(), NOW, true).await;
    assert_eq!(folded.expect("it is recorded"), 149);
}
