//! What a search finds, held against reading every entry; and the index through crashes, older files and pruning.

use crate::house::{House, Pair, copy};
use audit::LogKeys;
use audit::prove::NotProven;
use audit::search::{ActorTerm, At, Found, Head, ObjectTerm, Query, Search, SearchError};
use base::{Actor, Context, Fault as _, Id, Limit, Role, Timestamp, noun};
use ledger::{Entry, Kind};
use serde_json::Value;
use std::collections::BTreeSet;
use store::Queries as _;

fn identity(number: u8) -> Id<noun::Identity> {
    Id::from_bytes([number; 16])
}

fn person(house: &House) -> Context {
    let (person, credential) = (Id::from_bytes([200; 16]), Id::from_bytes([201; 16]));
    let actor = Actor::Person { person, credential, role: Role::Auditor };
    Context::authenticated(house.ctx.organization(), actor, Id::from_bytes([3; 16]))
}

fn machine(house: &House) -> Context {
    let actor = Actor::Identity { identity: identity(9), credential: Id::from_bytes([202; 16]) };
    Context::authenticated(house.ctx.organization(), actor, Id::from_bytes([4; 16]))
}

/// Entries of several actors on several objects, some named in facts only.
async fn furnish(house: &House, rounds: u8) {
    let by = [house.ctx.clone(), person(house), machine(house)];
    for round in 0..rounds {
        for (ctx, number) in by.iter().zip([round % 7, round % 11, 9]) {
            let tx = house.store.write(ctx).await.expect("the door opens");
            let finding: Id<noun::Finding> = Id::from_bytes([round % 5; 16]);
            let entries = vec![
                Entry::done(Kind::IdentityQuarantined, identity(number)).fact("finding", finding),
                Entry::done(Kind::FindingsRecorded, ctx.organization())
                    .fact("identities", [identity(number), identity(round % 13)]),
                Entry::refused(base::Action::KeysExport, Id::<noun::Key>::from_bytes([number; 16]), "role"),
            ];
            let _ = tx.commit_all(entries).await.expect("it commits");
        }
    }
}

async fn opened() -> (tempfile::TempDir, House, Search) {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    house.begin().await;
    // Of a task's name only those are looked for that a task has.
    let ctx = Context::background(house.ctx.organization(), "audit.publish", Id::from_bytes([2; 16]));
    let house = House { ctx, ..house };
    let search = Search::new(house.store.clone(), house.audit.storage());
    (dir, house, search)
}

async fn head(house: &House) -> Head {
    house.audit.head(&house.ctx).await.expect("it answers")
}

/// Every page of a search.
async fn all(house: &House, search: &Search, query: &Query, limit: u32) -> Vec<u64> {
    let (mut found, mut after) = (Vec::new(), None);
    // The head as it was: each page leaves an entry, which the next one would find.
    let head = head(house).await;
    loop {
        let limit = Limit::try_from(limit).expect("a page");
        let page = search.find(&house.ctx, head, query, limit, after).await.expect("an answer");
        assert!(page.found.len() <= limit.get() as usize);
        found.extend(page.found.iter().map(|found| found.at.position));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// The same, by reading every entry and comparing text.
async fn scanned(house: &House, upto: u64, fits: impl Fn(&Value) -> bool) -> Vec<u64> {
    let rows = house.store.read(&house.ctx).await.expect("the door opens");
    let rows = rows.entries(0, upto).await.expect("they are there");
    let mut found: Vec<u64> = rows
        .iter()
        .filter(|(_, entry)| fits(&serde_json::from_slice(entry).expect("JSON")))
        .map(|(position, _)| *position)
        .collect();
    found.reverse();
    found
}

#[tokio::test]
async fn a_search_finds_what_reading_every_entry_finds() {
    let (_dir, house, search) = opened().await;
    // In several publications, so that bundles are indexed in parts.
    for rounds in [1, 3, 40, 56] {
        furnish(&house, rounds).await;
        house.publish().await;
        while search.step(&house.ctx, head(&house).await).await.expect("a step") {}
    }
    let published = head(&house).await.published;
    assert_eq!(published, 1 + 9 * 100);
    let says = |value: &Value, id: &str| value.to_string().contains(id);
    let nine = identity(9).to_string();
    let three = identity(3).to_string();
    let credential = Id::<noun::Credential>::from_bytes([201; 16]).to_string();
    let finding = Id::<noun::Finding>::from_bytes([2; 16]).to_string();
    let actor = |text: &str| Some(text.parse::<ActorTerm>().expect("an actor"));
    let object = |text: &str| Some(text.parse::<ObjectTerm>().expect("an id"));
    type Fits<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let cases: Vec<(Query, Fits<'_>)> = vec![
        (Query::default(), Box::new(|_| true)),
        (
            Query { actor: actor("audit.publish"), ..Query::default() },
            Box::new(|e| e["actor"]["id"] == "audit.publish"),
        ),
        (Query { actor: actor(&nine), ..Query::default() }, Box::new(|e| e["actor"]["id"] == *nine)),
        (
            Query { actor: actor(&credential), ..Query::default() },
            Box::new(|e| e["actor"]["credential"] == *credential),
        ),
        (Query { identity: Some(identity(9)), ..Query::default() }, Box::new(|e| says(e, &nine))),
        (
            Query { object: object(&three), ..Query::default() },
            Box::new(|e| e["object"]["id"] == *three || says(&e["facts"], &three)),
        ),
        (
            Query { object: object(&finding), actor: actor(&nine), ..Query::default() },
            Box::new(|e| says(&e["facts"], &finding) && e["actor"]["id"] == *nine),
        ),
        (
            Query { kind: Some(Kind::AccessRefused), identity: Some(identity(9)), ..Query::default() },
            Box::new(|e| e["kind"] == "access.refused" && says(e, &nine)),
        ),
        (
            Query { kind: Some(Kind::LedgerStarted), ..Query::default() },
            Box::new(|e| e["kind"] == "ledger.started"),
        ),
        (Query { kind: Some(Kind::KeysShredded), ..Query::default() }, Box::new(|_| false)),
        (Query { identity: Some(identity(199)), ..Query::default() }, Box::new(|_| false)),
    ];
    for (query, fits) in &cases {
        let expected = scanned(&house, published, fits).await;
        for limit in [1_000, 7] {
            if expected.len() > 200 && limit == 7 {
                continue;
            }
            assert_eq!(all(&house, &search, query, limit).await, expected, "{query:?} by {limit}");
        }
    }
    // The pages that were given since are entries of the log themselves.
    house.publish().await;
    let searches = Query { kind: Some(Kind::LedgerSearched), ..Query::default() };
    assert!(all(&house, &search, &searches, 1_000).await.len() > 10);
}

/// A clock that a test moves.
#[tokio::test]
async fn time_bounds_hold_to_the_entry() {
    let (_dir, house, search) = opened().await;
    let start = 1_763_800_000_000;
    for minute in 0..10 {
        house.clock.set(Timestamp::from_millis(start + minute * 60_000));
        furnish(&house, 6).await;
    }
    house.publish().await;
    let (from, until) = (Timestamp::from_millis(start + 180_000), Timestamp::from_millis(start + 360_000));
    let at = |entry: &Value| entry["time"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let published = head(&house).await.published;
    for (query, low, high) in [
        (Query { from: Some(from), until: Some(until), ..Query::default() }, Some(from), Some(until)),
        (Query { from: Some(until), ..Query::default() }, Some(until), None),
        (Query { until: Some(from), ..Query::default() }, None, Some(from)),
        (Query { from: Some(until), until: Some(from), ..Query::default() }, Some(until), Some(from)),
    ] {
        let fits = |entry: &Value| {
            let time = at(entry).expect("a time");
            low.is_none_or(|low| time >= low) && high.is_none_or(|high| time < high)
        };
        let expected = scanned(&house, published, fits).await;
        assert_eq!(all(&house, &search, &query, 1_000).await, expected, "{query:?}");
        let query = Query { kind: Some(Kind::AccessRefused), ..query };
        let expected = scanned(&house, published, |e| fits(e) && e["kind"] == "access.refused").await;
        assert_eq!(all(&house, &search, &query, 1_000).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn an_index_that_is_behind_ahead_or_gone_is_made_from_the_files() {
    let (_dir, house, search) = opened().await;
    furnish(&house, 30).await;
    house.publish().await;
    // The process ended between the publication and the index: another one goes on.
    let query = Query { identity: Some(identity(9)), ..Query::default() };
    let before = all(&house, &search, &query, 1_000).await;
    assert!(!before.is_empty());
    let again = Search::new(house.store.clone(), house.audit.storage());
    let mut head = head(&house).await;
    let page = again.find(&house.ctx, head, &query, Limit::default(), None).await.expect("an answer");
    assert_eq!((page.covered, page.found.len()), (head.published, before.len().min(100)));
    // The files are of an older state than the rows: what the files say holds.
    let whole = head.published;
    head.published = 100;
    let page = again.find(&house.ctx, head, &query, Limit::default(), None).await.expect("an answer");
    assert_eq!(page.covered, 100);
    assert!(page.found.iter().all(|found| found.at.position < 100), "nothing beyond");
    head.published = whole;
    let page = again.find(&house.ctx, head, &query, Limit::try_from(1_000).expect("a page"), None).await;
    let page = page.expect("an answer");
    assert_eq!(page.found.iter().map(|found| found.at.position).collect::<Vec<_>>(), before);
}

#[tokio::test]
async fn what_was_pruned_is_found_no_more_and_its_files_are_not_missed() {
    let (_dir, house, search) = opened().await;
    furnish(&house, 100).await;
    house.publish().await;
    let query = Query { identity: Some(identity(9)), ..Query::default() };
    let before = all(&house, &search, &query, 1_000).await;
    let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
    for bundle in ["000", "001"] {
        std::fs::remove_file(home.join("tile/entries").join(bundle)).expect("it was there");
    }
    let pruned = Head { minimum: 512, ..head(&house).await };
    let all_of = |search: Search| {
        let (ctx, query) = (house.ctx.clone(), query.clone());
        async move {
            let page = search.find(&ctx, pruned, &query, Limit::try_from(1_000).expect("a page"), None);
            let page = page.await.expect("an answer");
            page.found.iter().map(|found| found.at.position).collect::<Vec<_>>()
        }
    };
    let kept: Vec<u64> = before.into_iter().filter(|position| *position >= 512).collect();
    assert_eq!(all_of(search.clone()).await, kept);
    // And where the index is made from what is left.
    let older = Head { published: 1, minimum: 0, ..pruned };
    assert!(search.step(&house.ctx, older).await.expect("it forgets"));
    assert_eq!(all_of(search).await, kept);
}

#[tokio::test]
async fn a_search_is_on_record_before_its_result_and_for_what_it_looked() {
    let (_dir, house, search) = opened().await;
    furnish(&house, 2).await;
    house.publish().await;
    let asking = person(&house);
    let head = head(&house).await;
    let query = Query {
        identity: Some(identity(9)),
        kind: Some(Kind::AccessRefused),
        from: Some(Timestamp::from_millis(0)),
        ..Query::default()
    };
    let after = At { generation: 1, position: 15 };
    let limit = Limit::default();
    let page = search.find(&asking, head, &query, limit, Some(after)).await.expect("an answer");
    assert!(!page.found.is_empty());
    let rows = house.store.read(&house.ctx).await.expect("the door opens").entries(head.committed, 9).await;
    let rows = rows.expect("they are there");
    assert_eq!(rows.len(), 1, "one entry a search");
    let entry: Value = serde_json::from_slice(&rows[0].1).expect("JSON");
    assert_eq!((&entry["kind"], &entry["actor"]["type"]), (&"ledger.searched".into(), &"person".into()));
    let facts = entry["facts"].as_object().expect("facts");
    let names: BTreeSet<&str> = facts.keys().map(String::as_str).collect();
    assert_eq!(names, ["after", "found", "from", "identity", "kind"].into());
    assert_eq!((&facts["found"], &facts["after"]), (&page.found.len().into(), &"1.15".into()));
}

#[tokio::test]
async fn a_page_has_a_size_in_bytes_too() {
    let (_dir, house, search) = opened().await;
    let large = "x".repeat(60_000);
    let tx = house.store.write(&house.ctx).await.expect("the door opens");
    let entry = || Entry::done(Kind::ResponseSet, identity(1)).fact("large", &large);
    let _ = tx.commit_all((0..300).map(|_| entry()).collect()).await.expect("it commits");
    house.publish().await;
    let query = Query { identity: Some(identity(1)), ..Query::default() };
    let head = head(&house).await;
    let limit = Limit::try_from(1_000).expect("a page");
    let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = search.find(&house.ctx, head, &query, limit, after).await.expect("an answer");
        let bytes: usize = page.found.iter().map(|Found { entry, .. }| entry.len()).sum();
        assert!(bytes <= audit::search::MAX_BYTES, "{bytes}");
        seen.extend(page.found.iter().map(|found| found.at.position));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(pages >= 3, "{pages} pages");
    assert_eq!(seen, (1..=300).rev().collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_damaged_bundle_is_named_and_nothing_is_given() {
    let (_dir, house, search) = opened().await;
    furnish(&house, 5).await;
    house.publish().await;
    let head = head(&house).await;
    let query = Query::default();
    let _ = search.find(&house.ctx, head, &query, Limit::default(), None).await.expect("an answer");
    let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
    let bundle = home.join(format!("tile/entries/000.p/{}", head.published));
    let mut bytes = std::fs::read(&bundle).expect("it is there");
    let whole = bytes.clone();
    bytes.truncate(bytes.len() - 3);
    // One digit of the last entry's nonce: it reads as before.
    let mut altered = whole.clone();
    let nonce = b"\"nonce\":\"";
    let at = altered.windows(nonce.len()).rposition(|bytes| bytes == nonce).expect("an entry has one")
        + nonce.len();
    altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
    for damage in [bytes, altered] {
        std::fs::write(&bundle, damage).expect("it is written");
        let damaged =
            search.find(&house.ctx, head, &query, Limit::default(), None).await.expect_err("damaged");
        assert!(matches!(damaged, SearchError::Damaged { .. }), "{damaged:?}");
        assert_eq!(damaged.kind(), base::Kind::CheckFailed);
    }
    std::fs::write(&bundle, whole).expect("it is written");
    search.find(&house.ctx, head, &query, Limit::default(), None).await.expect("an answer");
}

#[test]
fn only_ids_and_words_are_looked_for() {
    let person = Id::<noun::Person>::from_bytes([1; 16]).to_string();
    for text in [person.as_str(), "administrator", "unidentified", "audit.publish", "respond", "source"] {
        assert!(text.parse::<ActorTerm>().is_ok(), "{text}");
    }
    let token = format!("nxa_{}_{}", &person[4..], &person[4..]);
    let key = Id::<noun::Key>::from_bytes([1; 16]).to_string();
    for text in [
        "",
        "Ada Lovelace",
        "ada.lovelace",
        "hunter",
        "person",
        "hunter2",
        token.as_str(),
        key.as_str(),
        "a".repeat(41).as_str(),
    ] {
        assert!(text.parse::<ActorTerm>().is_err(), "{text}");
    }
    assert!(key.parse::<ObjectTerm>().is_ok());
    for text in ["", "customers", token.as_str(), "4111111111111111"] {
        assert!(text.parse::<ObjectTerm>().is_err(), "{text}");
    }
    for text in ["", "1", "0.1", "1.01", "1.-1", "1.1.1", "x.1", "1.99999999999999999999"] {
        assert!(text.parse::<At>().is_err(), "{text}");
    }
    assert_eq!("2.17".parse(), Ok(At { generation: 2, position: 17 }));
}

/// Rows of a log that another one has followed; its checkpoint is damaged, which is why.
#[tokio::test]
async fn earlier_logs_are_searched_too() {
    let (_dir, house, search) = opened().await;
    furnish(&house, 40).await;
    house.publish().await;
    let query = Query { identity: Some(identity(9)), ..Query::default() };
    let first = all(&house, &search, &query, 1_000).await;
    // As the next log stands: its own name, its own positions.
    let ledgers = house.audit.directory(house.ctx.organization()).expect("a local directory");
    let name = audit::log_name(house.ctx.organization(), 2);
    copy(&ledgers, &ledgers.with_file_name(name));
    let later = Head { generation: 2, ..head(&house).await };
    let pages = |search: Search| {
        let (ctx, query) = (house.ctx.clone(), query.clone());
        async move {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let limit = Limit::try_from(50).expect("a page");
                let page = search.find(&ctx, later, &query, limit, after).await.expect("an answer");
                found.extend(page.found.iter().map(|found| (found.at.generation, found.at.position)));
                after = page.next;
                if after.is_none() {
                    return found;
                }
            }
        }
    };
    let expected: Vec<(u32, u64)> =
        [2, 1].into_iter().flat_map(|log| first.iter().map(move |position| (log, *position))).collect();
    assert_eq!(pages(search).await, expected);
    std::fs::write(ledgers.join("checkpoint"), "no checkpoint").expect("it is written");
    let again = Search::new(house.store.clone(), house.audit.storage());
    assert_eq!(pages(again).await, expected, "a broken checkpoint takes nothing away");
}

/// Another log of the organization, begun as an operator does it; then something of the same actor in it.
async fn begin_another(house: House, first: &Pair) -> House {
    let second = Pair::fresh();
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let entries = house.audit.restart(&mut tx, &second.keys(), true).await.expect("an operator says so");
    let _ = tx.commit_all(entries).await.expect("it commits");
    let organization = house.ctx.organization();
    let keys = LogKeys::of(organization, 2, vec![first.keys(), second.keys()]).expect("two pairs");
    let house = House { keys, ..house };
    furnish(&house, 1).await;
    house.publish().await;
    house
}

async fn opened_with(first: &Pair) -> (tempfile::TempDir, House, Search) {
    let dir = tempfile::tempdir().expect("a directory");
    let platform = House::open(dir.path(), None).await;
    let organization = platform.ctx.organization();
    platform.store.close().await;
    let keys = LogKeys::of(organization, 1, vec![first.keys()]).expect("a pair");
    let house = House::open(dir.path(), Some(keys)).await;
    house.begin().await;
    let search = Search::new(house.store.clone(), house.audit.storage());
    (dir, house, search)
}

/// Every place that is found, and every part of earlier logs that does not read.
async fn places(house: &House, search: &Search) -> (Vec<(u32, u64)>, BTreeSet<(u32, u64, Option<u64>)>) {
    let (mut found, mut unread, mut after) = (Vec::new(), BTreeSet::new(), None);
    let (head, limit) = (head(house).await, Limit::try_from(1_000).expect("a page"));
    loop {
        let page = search.find(&house.ctx, head, &Query::default(), limit, after).await.expect("an answer");
        found.extend(page.found.iter().map(|found| (found.at.generation, found.at.position)));
        unread.extend(page.unread.iter().map(|unread| (unread.generation, unread.first, unread.end)));
        after = page.next;
        if after.is_none() {
            return (found, unread);
        }
    }
}

/// Damage is why a log is ended; it must not follow into the next one.
#[tokio::test]
async fn damage_in_a_log_that_has_ended_is_named_and_stops_no_search() {
    // Before anything of it was indexed, and after all was.
    for indexed in [false, true] {
        let first = Pair::fresh();
        let (_dir, house, search) = opened_with(&first).await;
        furnish(&house, 70).await;
        house.publish().await;
        let old = head(&house).await.published;
        assert_eq!(old, 631, "three bundles");
        while indexed && search.step(&house.ctx, head(&house).await).await.expect("a step") {}
        let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
        // The first was pruned, as far as one can tell; the last is damaged.
        std::fs::remove_file(home.join("tile/entries/000")).expect("it was there");
        let last = home.join(format!("tile/entries/002.p/{}", old - 512));
        let mut bytes = std::fs::read(&last).expect("it is there");
        bytes.iter_mut().for_each(|byte| *byte ^= 0xff);
        std::fs::write(&last, bytes).expect("it is written");
        let house = begin_another(house, &first).await;
        let present = head(&house).await;
        assert_eq!((present.generation, present.published), (2, 10));

        let expected: Vec<(u32, u64)> =
            (0..10).rev().map(|at| (2, at)).chain((256..512).rev().map(|at| (1, at))).collect();
        for _ in 0..2 {
            let (found, unread) = places(&house, &search).await;
            assert_eq!(found, expected, "indexed before: {indexed}");
            assert_eq!(unread, [(1, 0, Some(256)), (1, 512, Some(old))].into(), "indexed before: {indexed}");
        }
        // The log in use is not let off.
        let home = house.audit.directory(house.ctx.organization()).expect("a local directory");
        std::fs::write(home.join("tile/entries/000.p/10"), "nothing").expect("it is written");
        let now = Head { published: 10, ..head(&house).await };
        let query = Query::default();
        let damaged = search.find(&house.ctx, now, &query, Limit::default(), None).await;
        assert!(matches!(damaged, Err(SearchError::Damaged { .. })), "{damaged:?}");
    }
}

#[tokio::test]
async fn what_a_search_finds_in_an_earlier_log_is_proved_there() {
    let first = Pair::fresh();
    let (_dir, house, _search) = opened_with(&first).await;
    furnish(&house, 2).await;
    house.publish().await;
    furnish(&house, 1).await;
    let house = begin_another(house, &first).await;
    let prove = |generation, position| house.audit.prove(&house.ctx, &house.ctx, generation, position);
    let entry = |row: u64| {
        let rows = house.store.clone();
        let ctx = house.ctx.clone();
        async move {
            let read = rows.read(&ctx).await.expect("the door opens");
            read.entries(row, 1).await.expect("it answers").remove(0).1
        }
    };
    // 28 were committed to the first log, 19 of them published.
    for (generation, log, position, row) in [(Some(1), 1, 3, 3), (Some(2), 2, 3, 31), (None, 2, 3, 31)] {
        let proof = prove(generation, position).await.expect("a proof");
        assert_eq!((proof.index, &proof.entry), (position, &entry(row).await));
        let origin = ledger::checkpoint::origin(house.ctx.organization(), log);
        assert!(proof.checkpoint.starts_with(format!("{origin}\n").as_bytes()), "of log {log}");
    }
    let ended = prove(Some(1), 20).await;
    assert!(matches!(ended, Err(NotProven::Ended { published: 19, .. })), "{ended:?}");
    for generation in [0, 3] {
        assert!(matches!(prove(Some(generation), 3).await, Err(NotProven::NoLog { present: 2, .. })));
    }
}
