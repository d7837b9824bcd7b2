//! What `record` writes, and what followers and lists see of it.

use crate::{hit, organization};
use base::{Fault, Kind, Limit, Severity};
use findings::{Filter, Findings, TOPIC};

async fn record(findings: &Findings, store: &store::Store, ctx: &base::Context, hits: Vec<detect::Finding>) {
    let mut tx = store.write(ctx).await.expect("its turn");
    let recorded = findings.record(&mut tx, hits).await.expect("it records");
    tx.commit(recorded.entry().expect("something was recorded")).await.expect("it commits");
}

#[tokio::test]
async fn repeated_hits_fold_and_the_first_twenty_events_stay() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path()).await;
    let findings = Findings::new(store.clone());
    record(&findings, &store, &ctx, (0..15).map(|second| hit(&ctx, "a", 1, second)).collect()).await;
    let mut worse = hit(&ctx, "a", 1, 40);
    worse.severity = Severity::High;
    worse.trigger.failed = false;
    let mut later: Vec<_> = (15..40).map(|second| hit(&ctx, "a", 1, second)).collect();
    later.push(worse);
    record(&findings, &store, &ctx, later).await;

    assert_eq!(findings.count(&ctx).await.expect("a count"), 1);
    let id = hit(&ctx, "a", 1, 0).id;
    let found = findings.get(&ctx, id).await.expect("it is there");
    assert_eq!((found.finding.count, found.finding.severity), (41, Severity::High));
    assert!(found.finding.trigger.may_tip(), "the worst activity's facts stay");
    assert_eq!(found.finding.evidence.len(), 20);
    let expected: Vec<_> = (0..20).map(|second| format!("a-1-{second}")).collect();
    assert_eq!(found.finding.event_ids, expected);
    assert_eq!(found.finding.evidence[19].get(), r#"{"eventID":"a-1-19"}"#);

    record(&findings, &store, &ctx, vec![hit(&ctx, "a", 1, 3_600)]).await;
    assert_eq!(findings.count(&ctx).await.expect("a count"), 2, "another hour is another finding");
}

#[tokio::test]
async fn a_follower_sees_every_change_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path()).await;
    let findings = Findings::new(store.clone());
    let mut bell = store.doorbell(ctx.organization(), TOPIC);
    record(&findings, &store, &ctx, vec![hit(&ctx, "a", 1, 0), hit(&ctx, "b", 1, 0)]).await;
    bell.wait().await;
    let seen = findings.since(&ctx, 0, Limit::default()).await.expect("a read");
    assert_eq!(seen.iter().map(|record| record.position).collect::<Vec<_>>(), [0, 1]);
    record(&findings, &store, &ctx, vec![hit(&ctx, "a", 1, 9)]).await;
    let changed = findings.since(&ctx, 2, Limit::default()).await.expect("a read");
    assert_eq!(changed.len(), 1);
    assert_eq!((changed[0].position, changed[0].finding.count), (2, 2));
    assert_eq!(changed[0].recorded_at, seen[0].recorded_at);
}

#[tokio::test]
async fn lists_are_filtered_and_cut() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path()).await;
    let findings = Findings::new(store.clone());
    let mut hits: Vec<_> = (0..5).map(|who| hit(&ctx, "a", who, 0)).collect();
    hits[3].severity = Severity::Critical;
    record(&findings, &store, &ctx, hits).await;
    let limit = Limit::try_from(2).expect("in range");
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = findings.list(&ctx, &Filter::default(), limit, after.as_deref()).await.expect("a page");
        assert!(page.items.len() <= 2);
        seen.extend(page.items.into_iter().map(|record| record.position));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
    let bad = Filter { severity: Some(Severity::High), ..Filter::default() };
    let page = findings.list(&ctx, &bad, limit, None).await.expect("a page");
    assert_eq!(page.items.len(), 1);
    let wrong = findings.list(&ctx, &bad, limit, Some("x")).await.expect_err("no such page");
    assert_eq!(wrong.kind(), Kind::BadInput);
}

#[tokio::test]
async fn a_large_batch_keeps_each_finding_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path()).await;
    let findings = Findings::new(store.clone());
    let batch = |who: std::ops::Range<u8>, seconds: std::ops::Range<i64>| {
        let hits = who.flat_map(|who| seconds.clone().map(move |second| (who, second)));
        hits.map(|(who, second)| hit(&ctx, "a", who, second)).collect::<Vec<_>>()
    };
    record(&findings, &store, &ctx, batch(0..150, 0..12)).await;
    record(&findings, &store, &ctx, batch(50..200, 12..24)).await;
    let seen = findings.since(&ctx, 0, Limit::try_from(1_000).expect("a limit")).await.expect("a read");
    let again = seen.iter().filter(|record| record.position >= 150).map(|record| record.position);
    assert_eq!(
        again.collect::<Vec<_>>(),
        (150..300).collect::<Vec<_>>(),
        "each stands where it changed last"
    );
    assert_eq!(seen.len(), 200);
    for who in 0..200 {
        let found = findings.get(&ctx, hit(&ctx, "a", who, 0).id).await.expect("it is there").finding;
        let (first, last): (i64, i64) = if who < 50 { (0, 12) } else { (if who < 150 { 0 } else { 12 }, 24) };
        assert_eq!(found.identity, hit(&ctx, "a", who, 0).identity);
        assert_eq!(found.count, (last - first).unsigned_abs());
        let kept: Vec<_> = (first..last).take(20).map(|second| format!("a-{who}-{second}")).collect();
        assert_eq!(found.event_ids, kept);
        assert_eq!(found.evidence.len(), kept.len());
    }
}
