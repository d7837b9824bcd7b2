//! Standings over a real store: committed, published, heard, loaded again.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

use base::{Clock, Context, Id, Timestamp, noun};
use ledger::{Entry, Kind};
use standing::{By, Change, GRACE, Reason, Refusal, Standing, Standings};
use std::{path::Path, sync::Arc};
use store::{Options, Registered, Schema, Store};

static SCHEMAS: [&Schema; 1] = [&standing::SCHEMA];

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);
const IDENTITY: Id<noun::Identity> = Id::from_bytes([7; 16]);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

fn ctx(organization: Id<noun::Organization>) -> Context {
    Context::background(organization, "test", Id::from_bytes([3; 16]))
}

async fn open(dir: &Path) -> Store {
    let options =
        Options { dir: dir.to_owned(), clock: Arc::new(Still), random: Arc::new(|bytes| bytes.fill(4)) };
    Store::open(options, &SCHEMAS).await.expect("a fresh directory opens")
}

/// A store with one organization whose ledger has begun.
async fn organization(dir: &Path) -> Store {
    let store = open(dir).await;
    let platform = ctx(store.platform());
    let mut tx = store.write(&platform).await.expect("the platform takes writes");
    let registered = Registered { id: ORGANIZATION, name: "acme".into(), created_at: NOW };
    tx.register(&registered).await.expect("the name is free");
    let started = Entry::done(Kind::LedgerStarted, store.platform());
    let created = Entry::done(Kind::OrganizationCreated, ORGANIZATION);
    let _ = tx.commit_all(vec![started, created]).await.expect("the platform's first entries");
    let tx = store.write(&ctx(ORGANIZATION)).await.expect("the organization takes writes");
    let _ = tx.commit(Entry::done(Kind::LedgerStarted, ORGANIZATION)).await.expect("its first entry");
    store
}

async fn change(store: &Store, standings: &Standings, change: Change, publish: bool) {
    let ctx = ctx(ORGANIZATION);
    let mut tx = store.write_reserved(&ctx).await.expect("a write");
    let pending = standings.set(&mut tx, IDENTITY, change, NOW).await.expect("a row");
    let committed = tx.commit(Entry::done(Kind::IdentityQuarantined, IDENTITY)).await.expect("a commit");
    if publish {
        pending.publish(&committed);
    }
}

const CUT: Change = Change::Quarantine { reason: Reason::Automatic, finding: None };

#[tokio::test]
async fn a_published_quarantine_is_in_the_view_at_once_and_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let standings = Standings::new(store.clone());
    let view = standings.view();
    assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW), Err(Refusal::Unknown));
    standings.load(&ctx(ORGANIZATION), NOW).await.expect("it loads");
    assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW), Ok(()));

    change(&store, &standings, CUT, true).await;
    let refusal = view.check(ORGANIZATION, IDENTITY, NOW).expect_err("it is cut off");
    assert!(
        matches!(refusal, Refusal::Quarantined(quarantine) if quarantine.by == By::Nexora && quarantine.since == NOW)
    );
    store.close().await;
    drop((store, standings));

    let store = open(dir.path()).await;
    let standings = Standings::new(store.clone());
    standings.load(&ctx(ORGANIZATION), NOW).await.expect("it loads");
    assert_eq!(standings.view().check(ORGANIZATION, IDENTITY, NOW), Err(refusal));

    change(&store, &standings, Change::Release, true).await;
    assert_eq!(standings.view().check(ORGANIZATION, IDENTITY, NOW), Ok(()));
    assert_eq!(standings.get(&ctx(ORGANIZATION), IDENTITY).await.expect("it reads"), Standing::Good);
}

#[tokio::test]
async fn the_heartbeat_finds_what_was_not_published() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let standings = Standings::new(store.clone());
    standings.load(&ctx(ORGANIZATION), NOW).await.expect("it loads");
    change(&store, &standings, CUT, false).await;
    assert_eq!(standings.view().check(ORGANIZATION, IDENTITY, NOW), Ok(()), "nobody told this view");

    let later = NOW + GRACE * 2;
    assert!(matches!(standings.view().heard(ORGANIZATION, later), Err(Refusal::Unheard { .. })));
    assert_eq!(standings.refresh(&ctx(ORGANIZATION), later).await.expect("it reads"), 1);
    assert!(matches!(standings.view().check(ORGANIZATION, IDENTITY, later), Err(Refusal::Quarantined(_))));
    assert_eq!(standings.view().heard(ORGANIZATION, later), Ok(()));
    assert_eq!(standings.refresh(&ctx(ORGANIZATION), later).await.expect("it reads"), 0, "nothing twice");
}

#[tokio::test]
async fn a_change_that_was_not_committed_is_nowhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let standings = Standings::new(store.clone());
    standings.load(&ctx(ORGANIZATION), NOW).await.expect("it loads");
    let context = ctx(ORGANIZATION);
    let mut tx = store.write_reserved(&context).await.expect("a write");
    let pending = standings.set(&mut tx, IDENTITY, CUT, NOW).await.expect("a row");
    drop(tx);
    drop(pending);
    standings.refresh(&context, NOW).await.expect("it reads");
    assert_eq!(standings.view().check(ORGANIZATION, IDENTITY, NOW), Ok(()));
}

/// An organization's readers are few, and a list over a million rows keeps one busy for seconds.
#[tokio::test]
async fn the_heartbeat_does_not_wait_behind_lists() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let standings = Standings::new(store.clone());
    let context = ctx(ORGANIZATION);
    standings.load(&context, NOW).await.expect("it loads");
    let mut lists = Vec::new();
    for _ in 0..4 {
        lists.push(store.read(&context).await.expect("a reader"));
    }
    let later = NOW + GRACE * 2;
    standings.refresh(&context, later).await.expect("it reads");
    assert_eq!(standings.view().heard(ORGANIZATION, later), Ok(()));
    drop(lists);
}
