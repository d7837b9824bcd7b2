//! What becomes of a batch.

use crate::house::{ACCOUNT, House, ORGANIZATION, ctx, event, lines, source};
use base::{Fault as _, Id, Kind};
use pipeline::{Accounts, Error, Source};
use std::io::Write as _;
use store::Queries as _;

#[tokio::test]
async fn a_batch_is_kept_judged_and_on_record_once_however_often_it_is_sent() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    let body =
        lines([event(1, 1, "ListUsers"), event(2, 1, "CreateAccessKey"), event(3, 2, "CreateAccessKey")]);
    let receipt = house.send(body.clone()).await.expect("it is kept");
    assert_eq!((receipt.accepted, receipt.first_offset, receipt.again), (3, Some(0), false));
    let hits =
        vec![(format!("arn:aws:iam::{ACCOUNT}:user/u1"), 1), (format!("arn:aws:iam::{ACCOUNT}:user/u2"), 1)];
    assert_eq!(house.hits().await, hits);
    let again = house.send(body.clone()).await.expect("it is known");
    assert!(again.again);
    assert_eq!((again.batch, again.accepted, again.first_offset), (receipt.batch, 3, Some(0)));
    let later = house.send(lines([event(4, 1, "ListUsers")])).await.expect("it is kept");
    assert_eq!(later.first_offset, Some(3));
    house.close().await;

    let house = House::open(dir.path()).await;
    assert!(house.send(body).await.expect("it is known").again, "also after a restart");
    assert_eq!(house.hits().await, hits);
    assert_eq!(house.log().await.len(), 4);
    // Keys and their users.
    assert_eq!(house.identities.count(&ctx(ORGANIZATION)).await.expect("a count"), 4);
    let read = house.store.read(&ctx(ORGANIZATION)).await.expect("a snapshot");
    let entries = read.entries(0, 100).await.expect("entries");
    let kinds: Vec<String> = entries
        .iter()
        .map(|(_, entry)| {
            let entry: serde_json::Value = serde_json::from_slice(entry).expect("JSON");
            entry["kind"].as_str().expect("a kind").to_owned()
        })
        .collect();
    assert_eq!(kinds, ["ledger.started", "identities.discovered", "findings.recorded"]);
}

#[tokio::test]
async fn what_the_models_remember_and_what_they_passed_over_is_counted_also_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    let ahead = event(3, 3, "ListUsers").replace("2025-10-09", "2031-10-09");
    let ancient = event(4, 3, "ListUsers").replace("2025-10-09", "2009-10-09");
    let body = lines([event(1, 1, "ListUsers"), event(2, 2, "ListUsers"), ahead, ancient]);
    assert_eq!(house.send(body).await.expect("it is kept").accepted, 4);
    let remembered = house.pipeline.remembered();
    assert_eq!((remembered.identities, remembered.evicted, remembered.told_together), (2, 0, 0));
    let passed = remembered.passed_over;
    assert_eq!((passed.ahead, passed.ancient, passed.late), (1, 1, 0));
    house.close().await;

    let house = House::open(dir.path()).await;
    house.pipeline.open(ORGANIZATION).await.expect("it opens");
    assert_eq!(house.pipeline.remembered(), remembered);
    house.close().await;
}

#[tokio::test]
async fn rejected_events_are_named_and_counted_and_the_rest_is_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    let foreign = event(2, 1, "ListUsers").replace(ACCOUNT, "999900001111");
    let body = lines([
        event(1, 1, "ListUsers"),
        foreign.clone(),
        "{\"broken\":".to_owned(),
        r#"{"hello":"world"}"#.to_owned(),
        event(3, 1, &"x".repeat(2_000_000)),
        event(4, 1, "ListUsers"),
    ]);
    let receipt = house.send(body).await.expect("it is kept");
    assert_eq!(receipt.accepted, 2);
    let rejected: Vec<_> =
        receipt.rejected.iter().map(|reject| (reject.index, reject.reason.code())).collect();
    assert_eq!(rejected, [(1, "foreign_account"), (2, "not_json"), (3, "unknown_format"), (4, "too_large")]);
    let counts = house.pipeline.counts();
    assert_eq!((counts.accepted, counts.rejected["foreign_account"]), (2, 1));
    assert_eq!(house.log().await.len(), 2);

    let none = house.send(foreign.clone()).await.expect("an answer");
    assert_eq!((none.accepted, none.first_offset), (0, None));
    let any = Source { accounts: Accounts::Any, credential: Id::from_bytes([6; 16]), ..source() };
    assert_eq!(house.send_as(any, foreign).await.expect("it is kept").accepted, 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_with_its_kind() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    let gzip = |plain: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).expect("a vector takes all");
        encoder.finish().expect("a vector takes all")
    };
    let whole = gzip(event(1, 1, "ListUsers").as_bytes());
    let cases = [
        (whole[..whole.len() / 2].to_vec(), Kind::BadInput),
        (gzip(&vec![b' '; 20 << 20]), Kind::TooLarge),
        (b"hello".to_vec(), Kind::BadInput),
        (format!(r#"{{"Records":[{}"#, event(1, 1, "ListUsers")).into_bytes(), Kind::BadInput),
    ];
    for (body, kind) in cases {
        assert_eq!(house.send(body).await.expect_err("it is not kept").kind(), kind);
    }
    assert_eq!(house.log().await, []);
    assert_eq!(house.pipeline.counts().not_kept, 4);
    assert_eq!(house.send(whole).await.expect("it is kept").accepted, 1);
}

#[tokio::test]
async fn too_many_waiting_batches_are_told_to_come_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    house.pipeline.open(ORGANIZATION).await.expect("it opens");
    house.clock.hold(true);
    let mut waiting: Vec<_> =
        (0..64).map(|number| Box::pin(house.send(event(number, 1, "ListUsers")))).collect();
    // Each takes its place when it is first polled.
    for batch in &mut waiting {
        assert!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(batch.as_mut().poll(cx).is_pending())).await
        );
    }
    let busy = house.send(event(100, 1, "ListUsers")).await.expect_err("no place is left");
    assert!(matches!(busy, Error::Busy));
    assert_eq!(busy.kind(), Kind::Busy);
    house.clock.hold(false);
    let mut offsets = Vec::new();
    for batch in waiting {
        offsets.push(batch.await.expect("it is kept").first_offset.expect("it has an event"));
    }
    offsets.sort_unstable();
    assert_eq!(offsets, (0..64).collect::<Vec<_>>());
    assert_eq!(house.pipeline.counts().busy, 1);
    assert!(house.send(event(100, 1, "ListUsers")).await.is_ok());
}

#[tokio::test]
async fn long_events_stand_in_findings_by_hash_and_offset() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    let long = event(1, 1, "CreateAccessKey").replacen(
        '{',
        &format!(r#"{{"requestParameters":{{"x":"{}"}},"#, "y".repeat(70_000)),
        1,
    );
    house.send(lines([event(0, 1, "ListUsers"), long.clone()])).await.expect("it is kept");
    let (ctx, every) = (ctx(ORGANIZATION), findings::Filter::default());
    let page = house.findings.list(&ctx, &every, base::Limit::default(), None).await.expect("a page");
    let found = page.items[0].finding.id;
    let found = house.findings.get(&ctx, found).await.expect("it is there").finding;
    let kept: serde_json::Value = serde_json::from_str(found.evidence[0].get()).expect("JSON");
    assert_eq!(kept["omitted"]["offset"], 1);
    assert_eq!(kept["omitted"]["bytes"], long.len());
    assert_eq!(kept["omitted"]["sha256"], base::digest::hex(&base::digest::sha256(long.as_bytes())));
}

#[tokio::test]
async fn people_and_owners_are_in_the_inventory() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path()).await;
    let login = event(1, 1, "ConsoleLogin")
        .replace("iam.amazonaws.com", "signin.amazonaws.com")
        .replace(r#""accessKeyId":"AKIAEXAMPLE000000001","#, "");
    house.send(lines([event(0, 1, "ListUsers")])).await.expect("it is kept");
    house.send(lines([login])).await.expect("it is kept");
    let all = house
        .identities
        .list(&ctx(ORGANIZATION), &identities::Filter::default(), base::Limit::default(), None)
        .await
        .expect("a page")
        .items;
    assert_eq!(all.len(), 2);
    let user = all.iter().find(|identity| identity.kind == "user").expect("the owner");
    let key = all.iter().find(|identity| identity.kind == "access_key").expect("the key");
    assert_eq!(user.nature, identities::Nature::Person);
    assert_eq!((key.nature, key.owner), (identities::Nature::Machine, Some(user.id)));
    assert_eq!(key.name, "AKIAEXAMPLE000000001");
}
