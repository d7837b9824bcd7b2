//! Permits over real standings: bound to one act, read again while it runs.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

use base::{Action, Actor, Clock, Context, Fault, Id, Kind as Failure, Role, Timestamp, noun};
use ledger::{Entry, Kind};
use policy::{Address, Denial, EXPIRY, Permit, Policy, Reason, Resource};
use standing::{Change, GRACE, Standings};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use store::{Options, Registered, Schema, Store};
use tempfile::TempDir;

static SCHEMAS: [&Schema; 1] = [&standing::SCHEMA];
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);
const IDENTITY: Id<noun::Identity> = Id::from_bytes([7; 16]);
const DATASET: Resource = Resource::Dataset(Id::from_bytes([5; 16]));
const INSTANT: Duration = Duration::from_micros(1);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

struct House {
    store: Store,
    standings: Standings,
    policy: Policy,
    _dir: TempDir,
}

fn ctx(actor: Actor) -> Context {
    Context::authenticated(ORGANIZATION, actor, Id::from_bytes([3; 16]))
}

fn machine() -> Context {
    ctx(Actor::Identity { identity: IDENTITY, credential: Id::from_bytes([9; 16]) })
}

fn person(role: Role) -> Context {
    ctx(Actor::Person { person: Id::from_bytes([8; 16]), credential: Id::from_bytes([9; 16]), role })
}

/// An organization whose standings are not loaded yet.
async fn house() -> House {
    let dir = tempfile::tempdir().expect("a directory");
    let random = Arc::new(|bytes: &mut [u8]| bytes.fill(4));
    let options = Options { dir: dir.path().to_owned(), clock: Arc::new(Still), random };
    let store = Store::open(options, &SCHEMAS).await.expect("a fresh directory opens");
    let platform = Context::background(store.platform(), "test", Id::from_bytes([3; 16]));
    let mut tx = store.write(&platform).await.expect("the platform takes writes");
    let registered = Registered { id: ORGANIZATION, name: "acme".into(), created_at: NOW };
    tx.register(&registered).await.expect("the name is free");
    let started = Entry::done(Kind::LedgerStarted, store.platform());
    let created = Entry::done(Kind::OrganizationCreated, ORGANIZATION);
    let _ = tx.commit_all(vec![started, created]).await.expect("the platform's first entries");
    let tx = store.write(&person(Role::OrgAdmin)).await.expect("a write");
    let _ = tx.commit(Entry::done(Kind::LedgerStarted, ORGANIZATION)).await.expect("its first entry");
    let standings = Standings::new(store.clone());
    let policy = Policy::new(store.clone(), standings.view());
    House { store, standings, policy, _dir: dir }
}

impl House {
    async fn load(&self) {
        self.standings.load(&machine(), NOW).await.expect("standings load");
    }

    fn reveal(&self, ctx: &Context) -> Result<Permit, policy::Refused> {
        self.reveal_at(ctx, NOW)
    }

    fn reveal_at(&self, ctx: &Context, now: Timestamp) -> Result<Permit, policy::Refused> {
        self.policy.permit(ctx, Action::DatasetsReveal, DATASET, now)
    }

    async fn quarantine(&self) {
        let admin = person(Role::OrgAdmin);
        let mut tx = self.store.write_reserved(&admin).await.expect("a write");
        let cut = Change::Quarantine { reason: standing::Reason::Manual, finding: None };
        let pending = self.standings.set(&mut tx, IDENTITY, cut, NOW).await.expect("a row");
        let entry = Entry::done(Kind::IdentityQuarantined, IDENTITY);
        pending.publish(&tx.commit(entry).await.expect("a commit"));
    }
}

#[tokio::test]
async fn a_running_reveal_outlives_the_expiry_and_ends_with_the_quarantine() {
    let house = house().await;
    house.load().await;
    let permit = house.reveal(&machine()).expect("it is in good standing");
    assert_eq!(permit.covers(&machine(), Action::DatasetsReveal, DATASET, NOW + GRACE), Ok(()));
    let late = NOW + EXPIRY + INSTANT;
    house.standings.refresh(&machine(), late).await.expect("a heartbeat");
    let begun =
        permit.covers(&machine(), Action::DatasetsReveal, DATASET, late).expect_err("too late to begin");
    assert_eq!((begun.reason(), begun.kind()), (Reason::Expired, Failure::Refused));
    assert_eq!(permit.check(late), Ok(()), "what runs goes on");

    house.quarantine().await;
    let stopped = permit.check(late).expect_err("it is cut off");
    assert_eq!((stopped.reason().code(), stopped.kind()), ("standing_quarantined", Failure::Refused));
    assert_eq!(permit.clone().check(late), Err(stopped), "a copy knows it too");
    let again = house.reveal_at(&machine(), late).expect_err("nor does it begin again");
    assert_eq!(again.reason().code(), "standing_quarantined");
    assert!(house.reveal_at(&person(Role::OrgUser), late).is_ok(), "others go on");
}

#[tokio::test]
async fn a_permit_is_for_one_act_of_one_actor_on_one_thing() {
    let house = house().await;
    house.load().await;
    let permit = house.reveal(&machine()).expect("it is in good standing");
    let other = Resource::Dataset(Id::from_bytes([6; 16]));
    let elsewhere =
        Context::authenticated(Id::from_bytes([2; 16]), machine().actor().clone(), Id::from_bytes([3; 16]));
    for (context, action, resource) in [
        (machine(), Action::DatasetsProtect, DATASET),
        (machine(), Action::DatasetsReveal, other),
        (machine(), Action::DatasetsReveal, Resource::Organization),
        (person(Role::OrgAdmin), Action::DatasetsReveal, DATASET),
        (elsewhere, Action::DatasetsReveal, DATASET),
    ] {
        let refused = permit.covers(&context, action, resource, NOW).expect_err("another act");
        assert_eq!((refused.reason(), refused.kind()), (Reason::WrongPermit, Failure::Internal));
    }
}

#[tokio::test]
async fn a_node_that_does_not_know_the_standings_opens_no_data() {
    let house = house().await;
    for context in [machine(), person(Role::OrgAdmin)] {
        let refused = house.reveal(&context).expect_err("nothing is loaded");
        assert_eq!((refused.reason().code(), refused.kind()), ("standing_unknown", Failure::Unavailable));
    }
    let looks = house.policy.permit(&person(Role::OrgAdmin), Action::Diagnose, Resource::Organization, NOW);
    assert!(looks.is_ok(), "a person may still look why");
    house.load().await;
    let permit = house.reveal(&person(Role::OrgUser)).expect("loaded");
    let silent = permit.check(NOW + GRACE + INSTANT).expect_err("nobody heard from the store");
    assert_eq!(silent.reason().code(), "standing_unheard");
}

#[tokio::test]
async fn a_refusal_is_put_on_record() {
    let house = house().await;
    house.load().await;
    let auditor = person(Role::Auditor);
    let refused = house.reveal(&auditor).expect_err("an auditor reveals nothing");
    assert_eq!((refused.reason(), refused.kind()), (Reason::Role, Failure::Refused));
    house.policy.record(&auditor, &refused, NOW).await.expect("recorded");
    let read = house.store.read(&auditor).await.expect("a read");
    let entries = store::Queries::entries(&read, 0, 10).await.expect("entries");
    let last = String::from_utf8(entries.last().expect("an entry").1.clone()).expect("JSON");
    for part in [r#""kind":"access.refused""#, r#""reason":"role""#, r#""action":"datasets.reveal""#, "dst_"]
    {
        assert!(last.contains(part), "{part} in {last}");
    }
}

#[tokio::test]
async fn a_flood_of_refusals_is_a_number_in_the_ledger() {
    let house = house().await;
    house.load().await;
    let auditor = person(Role::Auditor);
    let refused = house.reveal(&auditor).expect_err("an auditor reveals nothing");
    for _ in 0..1_000 {
        house.policy.record(&auditor, &refused, NOW).await.expect("recorded or counted");
    }
    let count = async || {
        let read = house.store.read(&auditor).await.expect("a read");
        let entries = store::Queries::entries(&read, 0, 10_000).await.expect("entries");
        let refusals = entries.into_iter().map(|(_, entry)| String::from_utf8(entry).expect("JSON"));
        refusals.filter(|entry| entry.contains("access.refused")).collect::<Vec<_>>()
    };
    assert_eq!(count().await.len(), 1);
    let fold = |now, all| house.policy.record_folded(ORGANIZATION, now, all);
    assert_eq!(fold(NOW, false).await.expect("nothing is due"), 0);
    let over = NOW + Duration::from_secs(60);
    assert_eq!(fold(over, false).await.expect("recorded"), 999);
    assert_eq!(fold(over, true).await.expect("nothing is left"), 0);
    let entries = count().await;
    assert_eq!(entries.len(), 2);
    for part in
        [r#""folded":999"#, r#""operation":"datasets.reveal""#, r#""role":"auditor""#, r#""reason":"folded""#]
    {
        assert!(entries[1].contains(part), "{part} in {}", entries[1]);
    }
}

/// Who rotates addresses makes the ledger grow no faster than by so many entries a minute as there are operations,
/// twice; what else an address asks for is a count under it.
#[tokio::test]
async fn strangers_are_told_apart_by_address_as_far_as_that_is_bounded() {
    let house = house().await;
    // As if there were four operations: 32 entries at any speed.
    let policy = house.policy.clone().serving(4);
    let nobody = ctx(Actor::Unidentified);
    let refusal = async |address: u32, operation: &'static str| {
        let denial = Denial {
            operation,
            action: Action::FindingsRead,
            address: Some(Address::of(Some(Ipv4Addr::from(address).into()))),
            entry: Entry::refused(Action::FindingsRead, ORGANIZATION, "not_valid"),
        };
        policy.record_of(&nobody, denial, NOW).await.expect("recorded or counted");
    };
    for address in 0..30 {
        refusal(address, "findings.ls").await;
        refusal(address, "findings.ls").await;
    }
    for operation in ["a", "b", "c"] {
        refusal(29, operation).await;
    }
    for address in 100..144 {
        refusal(address, "findings.ls").await;
    }
    assert_eq!(policy.record_folded(ORGANIZATION, NOW, true).await.expect("recorded"), 30 + 3 + 42);
    let read = house.store.read(&nobody).await.expect("a read");
    let entries = store::Queries::entries(&read, 0, 10_000).await.expect("entries");
    assert_eq!(
        entries.len(),
        1 + 32 + 30 + 2,
        "own ones, counts of those, one of an address, one of all others"
    );
    let text: Vec<_> =
        entries.iter().map(|(_, entry)| String::from_utf8(entry.clone()).expect("JSON")).collect();
    let one =
        |parts: &[&str]| text.iter().filter(|entry| parts.iter().all(|part| entry.contains(part))).count();
    assert_eq!(one(&[r#""folded":42"#, r#""sources":"others""#]), 1);
    assert_eq!(one(&[r#""folded":3"#, r#""operations":"others""#, r#""details":"#]), 1, "with its address");
    assert!(!text.iter().any(|entry| entry.contains("0.0.0")));
}
