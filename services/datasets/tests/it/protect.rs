//! Protecting: what comes out, what is recorded, and what is refused.

use crate::{FILE, House, NOW, customers};
use base::{Action, Fault as _, Id, Kind, Limit};
use bytes::Bytes;
use datasets::{Error, Name};
use fields::FieldPolicy;
use policy::Resource;

#[tokio::test]
async fn a_file_is_protected_and_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (output, end) = house.protect(&house.ctx, FILE, 10).await.expect("it protects");
    assert!(output.starts_with(b"id,email,ssn\n1,"));
    assert!(!output.windows(3).any(|window| window == b"ada"));
    assert_eq!(end.content.output.rows(), 2);
    for piece in [1, 17, output.len()] {
        let plain = house.reveal(&house.ctx, &output, &end.manifest, piece).await.expect("it reveals");
        assert_eq!(plain, FILE);
    }
    let expected = ["dataset.created", "key.generated", "dataset.protected"];
    assert_eq!(house.kinds().await[..3], expected);
    assert_eq!(house.kinds().await[3..], ["dataset.revealed"; 3], "one entry for each request");

    let entries = house.entries().await;
    let protected = entries.iter().find(|entry| entry["kind"] == "dataset.protected").expect("recorded");
    assert_eq!(protected["facts"]["rows"], 2);
    assert_eq!(protected["facts"]["fields"], 2);
    assert_eq!(protected["facts"]["run"], end.content.run.to_string());
    assert_eq!(protected["object"]["id"], end.content.dataset.to_string());
    assert!(!protected.to_string().contains("email"), "names are details, beside the log");
}

#[tokio::test]
async fn a_dataset_is_created_once_and_listed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let missing = house.datasets.public_key(&house.ctx, &customers()).await.expect_err("not there yet");
    assert_eq!(missing.kind(), Kind::NotFound);
    house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    house.protect(&house.ctx, FILE, 100).await.expect("it protects again");
    let kinds = house.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "dataset.created").count(), 1);

    for name in ["alpha", "beta"] {
        let name: Name = name.parse().expect("a name");
        let permit =
            house.permit(&house.ctx, Action::DatasetsProtect, name.dataset(house.ctx.organization()));
        let policy = FieldPolicy::aead(["a"]).expect("a policy");
        let run = house.datasets.protect(&house.ctx, permit, &name, Some(policy), crate::csv()).await;
        drop(run.expect("it begins"));
    }
    let two = Limit::try_from(2).expect("a limit");
    let page = house.datasets.list(&house.ctx, two, None).await.expect("a page");
    let names =
        |items: &[datasets::Dataset]| items.iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&page.items), ["alpha", "beta"]);
    let page = house.datasets.list(&house.ctx, two, page.next.as_deref()).await.expect("a page");
    assert_eq!((names(&page.items), page.next), (vec!["customers".to_owned()], None));
    let key = house.datasets.public_key(&house.ctx, &customers()).await.expect("it is there");
    assert_eq!(key.dataset, page.items[0].id);
}

#[tokio::test]
async fn a_broken_file_ends_the_run_without_a_manifest() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let error = house.protect(&house.ctx, b"id,email\n1,2\n", 100).await.expect_err("a column is missing");
    assert_eq!(error.to_string(), "there is no column `ssn`: the columns are `id`, `email`");
    assert_eq!(error.kind(), Kind::BadInput);
    let error = house.protect(&house.ctx, b"id,email,ssn\n1,2\n", 100).await.expect_err("a ragged row");
    assert_eq!(error.to_string(), "line 2: the record has 2 cells, the header has 3");
    assert!(!house.kinds().await.contains(&"dataset.protected".to_owned()));

    let name = customers();
    let permit = house.permit(&house.ctx, Action::DatasetsProtect, name.dataset(house.ctx.organization()));
    let policy = FieldPolicy::aead(["email"]).expect("a policy");
    let run = house.datasets.protect(&house.ctx, permit, &name, Some(policy), crate::csv()).await;
    let mut run = run.expect("it begins");
    run.push(Bytes::from_static(b"id\n")).await.expect_err("a column is missing");
    let over = run.push(Bytes::from_static(b"1\n")).await.expect_err("it has ended");
    assert!(matches!(over, Error::Over));
    assert!(matches!(run.finish().await, Err(Error::Over)));
}

#[tokio::test]
async fn a_permit_for_something_else_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let policy = FieldPolicy::aead(["email"]).expect("a policy");
    let dataset = customers().dataset(house.ctx.organization());
    for permit in [
        house.permit(&house.ctx, Action::DatasetsReveal, dataset),
        house.permit(&house.ctx, Action::DatasetsProtect, Id::from_bytes([9; 16])),
        house
            .policy
            .permit(&house.ctx, Action::DatasetsProtect, Resource::Organization, NOW)
            .expect("it is allowed"),
    ] {
        let begun = house
            .datasets
            .protect(&house.ctx, permit, &customers(), Some(policy.clone()), crate::csv())
            .await;
        assert!(matches!(begun, Err(Error::Refused(_))));
    }
    assert!(!house.kinds().await.contains(&"dataset.created".to_owned()));
}

/// An organization has few readers at a time: whoever holds one while waiting for another stands in the way of
/// all.
#[tokio::test]
async fn many_at_once_do_not_wait_for_each_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    house.protect(&house.ctx, FILE, FILE.len()).await.expect("it protects");
    let run = || house.protect(&house.ctx, FILE, FILE.len());
    let (first, second, third, fourth, fifth) = tokio::join!(run(), run(), run(), run(), run());
    for run in [first, second, third, fourth, fifth] {
        run.expect("it protects");
    }
}

/// A program that makes up names does not fill the root of trust.
#[tokio::test]
async fn first_protects_create_so_many_datasets_and_an_administrator_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let user = crate::person(house.ctx.organization(), base::Role::OrgUser);
    let begin = async |ctx: &base::Context, name: &str| {
        let name: Name = name.parse().expect("a name");
        let permit = house.permit(ctx, Action::DatasetsProtect, name.dataset(ctx.organization()));
        let policy = FieldPolicy::aead(["a"]).expect("a policy");
        house.datasets.protect(ctx, permit, &name, Some(policy), crate::csv()).await.map(drop)
    };
    for number in 0..datasets::FIRST_PROTECTS {
        begin(&user, &format!("made up {number}")).await.expect("it begins");
    }
    let refused = begin(&user, "one more").await.expect_err("there are many");
    assert!(matches!(refused, Error::Refused(_)), "{refused}");
    let last = house.entries().await.pop().expect("recorded");
    assert_eq!((&last["kind"], &last["reason"]), (&"access.refused".into(), &"role".into()));
    begin(&user, "made up 0").await.expect("what is there is used on");
    begin(&house.ctx, "one more").await.expect("an administrator creates it");
    begin(&user, "one more").await.expect("it is there now");
}
