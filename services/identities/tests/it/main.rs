//! The inventory over a real store.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

use base::{Clock, Context, Id, Limit, Timestamp, noun};
use identities::{Error, Filter, Identities, Nature, Sighting};
use ledger::{Entry, Kind};
use standing::Standings;
use std::{path::Path, sync::Arc};
use store::{Options, Queries, Registered, Schema, Store};

static SCHEMAS: [&Schema; 2] = [&standing::SCHEMA, &identities::SCHEMA];
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);

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

async fn service(store: &Store) -> Identities {
    bounded(store, identities::MOST).await
}

async fn bounded(store: &Store, most: usize) -> Identities {
    let standings = Standings::new(store.clone());
    standings.load(&ctx(ORGANIZATION), NOW).await.expect("standings load");
    let identities = Identities::bounded(store.clone(), standings.view(), most);
    identities.load(&ctx(ORGANIZATION)).await.expect("the inventory loads");
    identities
}

fn id(number: u32) -> Id<noun::Identity> {
    Id::derived("test", &[&number.to_be_bytes()])
}

fn sighting(number: u32, nature: Nature, seconds: i64) -> Sighting {
    Sighting {
        id: id(number),
        provider: "aws".into(),
        kind: if number == 0 { "user" } else { "access_key" }.into(),
        account: Some("123456789012".into()),
        native: format!("native-{number}"),
        name: format!("name-{number}"),
        owner: (number > 0).then(|| id(0)),
        nature,
        provider_owned: false,
        at: Timestamp::from_millis(seconds * 1_000),
    }
}

/// Discovers and commits; how many entries' worth of news there was.
async fn discover(store: &Store, identities: &Identities, sightings: &[Sighting]) -> usize {
    let mut tx = store.write(&ctx(ORGANIZATION)).await.expect("a write");
    let discovered = identities.discover(&mut tx, sightings).await.expect("rows");
    let count = discovered.count();
    match discovered.entries() {
        entries if entries.is_empty() => tx.commit_derived().await.expect("a commit"),
        entries => discovered.publish(&tx.commit_all(entries).await.expect("a commit")),
    }
    count
}

#[tokio::test]
async fn entering_twice_changes_nothing_and_evidence_makes_a_person_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let identities = service(&store).await;
    let batch: Vec<_> = (0..2_500).map(|number| sighting(number, Nature::Unknown, 100)).collect();
    assert_eq!(discover(&store, &identities, &batch).await, 2_500);
    assert_eq!(discover(&store, &identities, &batch).await, 0);
    assert_eq!(identities.count(&ctx(ORGANIZATION)).await.expect("a count"), 2_500);

    let evidence = [sighting(0, Nature::Person, 101), sighting(0, Nature::Person, 102)];
    assert_eq!(discover(&store, &identities, &evidence).await, 1);
    assert_eq!(discover(&store, &identities, &evidence).await, 0);
    assert_eq!(discover(&store, &identities, &batch[..1]).await, 0, "a person stays one");
    let user = identities.get(&ctx(ORGANIZATION), id(0)).await.expect("it is there");
    assert_eq!((user.nature, user.name.as_str(), user.owner), (Nature::Person, "name-0", None));
    let key = identities.get(&ctx(ORGANIZATION), id(7)).await.expect("it is there");
    assert_eq!((key.nature, key.owner), (Nature::Unknown, Some(id(0))), "its owner's nature is not its own");

    let entries =
        store.read(&ctx(ORGANIZATION)).await.expect("a read").entries(0, 100).await.expect("entries");
    assert_eq!(entries.len(), 3, "the ledger's beginning and one entry per batch that changed something");
    let entry = String::from_utf8(entries[1].1.clone()).expect("JSON");
    assert!(entry.contains(r#""count":2500"#) && entry.contains("identities.discovered"), "{entry}");
}

#[tokio::test]
async fn what_was_rolled_back_is_not_known() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let identities = service(&store).await;
    let mut tx = store.write(&ctx(ORGANIZATION)).await.expect("a write");
    let discovered = identities.discover(&mut tx, &[sighting(1, Nature::Machine, 5)]).await.expect("rows");
    assert_eq!(discovered.ids().collect::<Vec<_>>(), [id(1)]);
    drop(tx);
    drop(discovered);
    assert!(!identities.known().touch(ORGANIZATION, id(1), false, NOW));
    assert!(matches!(identities.get(&ctx(ORGANIZATION), id(1)).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn times_are_written_behind_without_entries_and_survive_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let identities = service(&store).await;
    discover(&store, &identities, &[sighting(1, Nature::Machine, 100)]).await;
    for seconds in [150, 90, 120] {
        assert!(identities.known().touch(
            ORGANIZATION,
            id(1),
            false,
            Timestamp::from_millis(seconds * 1_000)
        ));
    }
    let seen = |identity: identities::Identity| (identity.first_seen.seconds(), identity.last_seen.seconds());
    assert_eq!(seen(identities.get(&ctx(ORGANIZATION), id(1)).await.expect("it is there")), (90, 150));
    assert_eq!(identities.write_times(&ctx(ORGANIZATION)).await.expect("a write"), 1);
    assert_eq!(identities.write_times(&ctx(ORGANIZATION)).await.expect("nothing to write"), 0);
    let entries =
        store.read(&ctx(ORGANIZATION)).await.expect("a read").entries(0, 100).await.expect("entries");
    assert_eq!(entries.len(), 2);
    store.close().await;
    drop((store, identities));

    let store = open(dir.path()).await;
    let identities = service(&store).await;
    assert_eq!(seen(identities.get(&ctx(ORGANIZATION), id(1)).await.expect("it is there")), (90, 150));
    assert!(identities.known().touch(ORGANIZATION, id(1), false, Timestamp::from_millis(130_000)));
    assert_eq!(identities.write_times(&ctx(ORGANIZATION)).await.expect("nothing new"), 0);
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let identities = service(&store).await;
    let batch: Vec<_> = (0..25).map(|number| sighting(number, Nature::Machine, 100)).collect();
    discover(&store, &identities, &batch).await;
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let limit = Limit::try_from(10).expect("a limit");
        let page = identities.list(&ctx(ORGANIZATION), &Filter::default(), limit, after.as_deref()).await;
        let page = page.expect("a page");
        seen.extend(page.items.iter().map(|identity| identity.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted());

    let protected = identities.protect(&ctx(ORGANIZATION), id(3), true).await.expect("it is there");
    assert!(protected.protected);
    for (filter, expected) in [
        (Filter { native: Some("native-4".into()), ..Filter::default() }, 1),
        (Filter { owner: Some(id(0)), ..Filter::default() }, 24),
        (Filter { kind: Some("user".into()), ..Filter::default() }, 1),
        (Filter { protected: Some(true), ..Filter::default() }, 1),
        (Filter { nature: Some(Nature::Person), ..Filter::default() }, 0),
        (Filter { provider: Some("aws".into()), ..Filter::default() }, 25),
        (Filter { quarantined: Some(true), ..Filter::default() }, 0),
        (Filter { quarantined: Some(false), ..Filter::default() }, 25),
    ] {
        let page =
            identities.list(&ctx(ORGANIZATION), &filter, Limit::default(), None).await.expect("a page");
        assert_eq!(page.items.len(), expected, "{filter:?}");
    }
    assert!(matches!(
        identities.list(&ctx(ORGANIZATION), &Filter::default(), Limit::default(), Some("x")).await,
        Err(Error::BadPage)
    ));
    assert!(matches!(identities.protect(&ctx(ORGANIZATION), id(99), true).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn invented_names_push_out_each_other_and_nobody_that_anything_speaks_of() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = organization(dir.path()).await;
    let identities = bounded(&store, 1_000).await;
    let settled: Vec<_> = (1..=100).map(|number| sighting(number, Nature::Machine, 100)).collect();
    discover(&store, &identities, &settled).await;
    discover(&store, &identities, &[sighting(500, Nature::Person, 1)]).await;
    for number in 1..=100 {
        let later = Timestamp::from_millis(200_000_000);
        assert!(identities.known().touch(ORGANIZATION, id(number), false, later), "they have long been here");
    }
    for (number, kept) in [(501, "a credential"), (502, "the list that is never cut"), (503, "nothing")] {
        discover(&store, &identities, &[sighting(number, Nature::Machine, 2)]).await;
        match kept {
            "a credential" => identities.known().hold(ORGANIZATION, id(number)),
            "nothing" => {}
            _ => drop(identities.protect(&ctx(ORGANIZATION), id(number), true).await.expect("protected")),
        }
    }
    for batch in 0..40 {
        let invented: Vec<_> = (0..250)
            .map(|number| sighting(10_000 + batch * 250 + number, Nature::Machine, 1_000 + i64::from(batch)))
            .collect();
        discover(&store, &identities, &invented).await;
        assert!(identities.count(&ctx(ORGANIZATION)).await.expect("a count") <= 1_000);
    }
    let there = async |number| identities.get(&ctx(ORGANIZATION), id(number)).await.is_ok();
    for number in (1..=100).chain([500, 501, 502]) {
        assert!(there(number).await, "{number} stays");
    }
    assert!(!there(503).await, "whoever acted once and long ago");
    assert!(!there(10_000).await && there(19_999).await, "the last of the invented ones are there");
    let (count, evicted) = identities.known().figures();
    assert_eq!(count + evicted, 10_000 + 104, "each is there or was evicted");
    // What memory has is what the store has.
    let again = bounded(&store, 1_000).await;
    assert_eq!(again.count(&ctx(ORGANIZATION)).await.expect("a count"), count);
    let read = store.read(&ctx(ORGANIZATION)).await.expect("a read");
    let entries = read.entries(0, 1_000).await.expect("entries");
    let text = |entry: &(u64, Vec<u8>)| String::from_utf8(entry.1.clone()).expect("JSON");
    let gone = entries.iter().map(text).filter(|entry| entry.contains("identities.evicted")).count();
    assert!((1..=40).contains(&gone), "{gone} entries, one a batch at most");
}
