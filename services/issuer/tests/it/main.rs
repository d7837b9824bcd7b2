//! Credentials over a real store.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

use base::{Action, Actor, Clock, Context, Fault, Id, Kind as Failure, Limit, Role, Timestamp, noun};
use identities::{Identities, Nature, Sighting};
use issuer::{ADMINISTRATOR_EXPIRY, Accounts, Error, Grant, Issued, Issuer, Name, parse};
use ledger::{Entry, Kind};
use policy::{Permit, Policy, Resource};
use standing::{Change, Reason, Standings};
use std::{path::Path, sync::Arc, time::Duration};
use store::{Options, Queries, Registered, Schema, Store};

static SCHEMAS: [&Schema; 3] = [&standing::SCHEMA, &identities::SCHEMA, &issuer::SCHEMA];
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);
const IDENTITY: Id<noun::Identity> = Id::from_bytes([7; 16]);

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
    issuer: Issuer,
}

fn ctx(organization: Id<noun::Organization>, actor: Actor) -> Context {
    Context::authenticated(organization, actor, Id::from_bytes([3; 16]))
}

fn admin() -> Context {
    let actor = Actor::Person {
        person: Id::from_bytes([8; 16]),
        credential: Id::from_bytes([9; 16]),
        role: Role::OrgAdmin,
    };
    ctx(ORGANIZATION, actor)
}

fn stranger() -> Context {
    ctx(ORGANIZATION, Actor::Unidentified)
}

async fn house(dir: &Path) -> House {
    let random = Arc::new(|bytes: &mut [u8]| bytes.fill(4));
    let options = Options { dir: dir.to_owned(), clock: Arc::new(Still), random };
    let store = Store::open(options, &SCHEMAS).await.expect("a fresh directory opens");
    let platform = ctx(store.platform(), Actor::System { task: "test" });
    let mut tx = store.write(&platform).await.expect("the platform takes writes");
    let registered = Registered { id: ORGANIZATION, name: "acme".into(), created_at: NOW };
    tx.register(&registered).await.expect("the name is free");
    let started = Entry::done(Kind::LedgerStarted, store.platform());
    let created = Entry::done(Kind::OrganizationCreated, ORGANIZATION);
    let _ = tx.commit_all(vec![started, created]).await.expect("the platform's first entries");
    start(&store, ORGANIZATION).await;
    let standings = Standings::new(store.clone());
    standings.load(&admin(), NOW).await.expect("standings load");
    let identities = Identities::new(store.clone(), standings.view());
    identities.load(&admin()).await.expect("the inventory loads");
    let mut tx = store.write(&admin()).await.expect("a write");
    let sighting = Sighting {
        id: IDENTITY,
        provider: "aws".into(),
        kind: "access_key".into(),
        account: None,
        native: "AKIA".into(),
        name: "AKIA".into(),
        owner: None,
        nature: Nature::Machine,
        provider_owned: false,
        at: NOW,
    };
    let discovered = identities.discover(&mut tx, &[sighting]).await.expect("a row");
    let entries = discovered.entries();
    discovered.publish(&tx.commit_all(entries).await.expect("a commit"));
    let policy = Policy::new(store.clone(), standings.view());
    let issuer = Issuer::new(store.clone(), standings.view(), identities, crypto::aws_lc());
    House { store, standings, policy, issuer }
}

async fn start(store: &Store, organization: Id<noun::Organization>) {
    let tx = store.write(&ctx(organization, Actor::System { task: "test" })).await.expect("a write");
    let _ = tx.commit(Entry::done(Kind::LedgerStarted, organization)).await.expect("its first entry");
}

impl House {
    fn may(&self, ctx: &Context, action: Action, resource: Resource) -> Permit {
        self.policy.permit(ctx, action, resource, NOW).expect("it may")
    }

    async fn issue(&self, grant: Grant) -> Result<Issued, Error> {
        let permit = self.may(&admin(), Action::CredentialsIssue, Resource::Organization);
        self.issuer.issue(&admin(), &permit, grant, NOW).await
    }

    async fn present(&self, issued: &Issued) -> Result<Actor, Error> {
        let presented = parse(issued.token.expose())?;
        Ok(self.issuer.authenticate(&stranger(), &presented, NOW).await?.actor)
    }

    async fn entries(&self, organization: Id<noun::Organization>) -> Vec<String> {
        let context = ctx(organization, Actor::System { task: "test" });
        let read = self.store.read(&context).await.expect("a read");
        let entries = read.entries(0, 1_000).await.expect("entries");
        entries.into_iter().map(|(_, entry)| String::from_utf8(entry).expect("JSON")).collect()
    }
}

fn name(name: &str) -> Name {
    name.parse().expect("a name")
}

fn person(who: &str, role: Role) -> Grant {
    Grant::Person { name: name(who), role }
}

#[tokio::test]
async fn each_kind_is_issued_presented_listed_and_revoked() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = house(dir.path()).await;
    let accounts = Accounts::try_from(vec!["123456789012".to_owned()]).expect("accounts");
    let ingest = Grant::Ingest { format: events::Format::AWS_CLOUDTRAIL, accounts };
    let ingest = house.issue(ingest).await.expect("issued");
    assert!(
        matches!(house.present(&ingest).await, Ok(Actor::Source { credential }) if credential == ingest.credential.id)
    );

    let identity = house.issue(Grant::Identity { identity: IDENTITY }).await.expect("issued");
    assert!(
        matches!(house.present(&identity).await, Ok(Actor::Identity { identity, .. }) if identity == IDENTITY)
    );
    let unknown = Id::from_bytes([66; 16]);
    assert!(matches!(house.issue(Grant::Identity { identity: unknown }).await, Err(Error::NoIdentity(_))));

    let ada = house.issue(person("Ada", Role::OrgAdmin)).await.expect("issued");
    let again = house.issue(person(" ADA ", Role::Auditor)).await.expect("issued");
    let (Ok(Actor::Person { person: first, role, .. }), Ok(Actor::Person { person: second, .. })) =
        (house.present(&ada).await, house.present(&again).await)
    else {
        unreachable!("both are credentials of people")
    };
    assert_eq!((first, role), (second, Role::OrgAdmin), "one name is one person");

    let page = house.issuer.list(&admin(), Limit::try_from(3).expect("a limit"), None).await.expect("a page");
    assert_eq!(page.items.len(), 3);
    let rest = house.issuer.list(&admin(), Limit::default(), page.next.as_deref()).await.expect("a page");
    assert_eq!((rest.items.len(), rest.next), (1, None));

    let id = ingest.credential.id;
    let permit = house.may(&admin(), Action::CredentialsRevoke, Resource::Credential(id));
    let revoked = house.issuer.revoke(&admin(), &permit, id, NOW).await.expect("revoked");
    assert_eq!(revoked.revoked_at, Some(NOW));
    assert!(matches!(house.present(&ingest).await, Err(Error::NotValid)));
    let before = house.entries(ORGANIZATION).await.len();
    house.issuer.revoke(&admin(), &permit, id, NOW).await.expect("it is revoked");
    let entries = house.entries(ORGANIZATION).await;
    assert_eq!(entries.len(), before, "revoking again records nothing");
    let count =
        |kind: &str| entries.iter().filter(|entry| entry.contains(&format!(r#""kind":"{kind}""#))).count();
    assert_eq!(
        (count("credential.issued"), count("person.admitted"), count("credential.revoked")),
        (4, 1, 1)
    );

    let id = ada.credential.id;
    let permit = house.may(&admin(), Action::CredentialsRevoke, Resource::Credential(id));
    let last = house.issuer.revoke(&admin(), &permit, id, NOW).await;
    assert!(matches!(last, Err(Error::LastAdministrator)), "nobody locks an organization");
}

#[tokio::test]
async fn neither_a_guessed_secret_nor_another_organization_gets_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = house(dir.path()).await;
    let issued = house.issue(person("Ada", Role::OrgAdmin)).await.expect("issued");
    let other = house.issue(person("Bob", Role::OrgUser)).await.expect("issued");
    let real = parse(issued.token.expose()).expect("a token");
    // Bob's secret under Ada's credential, and the like.
    let mut forged = parse(other.token.expose()).expect("a token");
    forged.credential = real.credential;
    assert!(matches!(house.issuer.authenticate(&stranger(), &forged, NOW).await, Err(Error::NotValid)));
    forged.credential = Id::from_bytes([0; 16]);
    assert!(matches!(house.issuer.authenticate(&stranger(), &forged, NOW).await, Err(Error::NotValid)));
    let platform = ctx(house.store.platform(), Actor::Unidentified);
    assert!(matches!(house.issuer.authenticate(&platform, &real, NOW).await, Err(Error::NotValid)));
    assert_eq!(
        house.issuer.authenticate(&platform, &real, NOW).await.expect_err("no").kind(),
        Failure::NotSignedIn
    );
    assert!(house.issuer.authenticate(&stranger(), &real, NOW).await.is_ok());
}

#[tokio::test]
async fn no_secret_lies_in_the_data_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = house(dir.path()).await;
    let issued = house.issue(person("Ada", Role::OrgAdmin)).await.expect("issued");
    house.store.close().await;
    let secret = issued.token.expose().as_bytes()[58..].to_vec();
    let raw =
        base::base32::decode::<32>(std::str::from_utf8(&secret[..52]).expect("ASCII")).expect("32 bytes");
    let mut dirs = vec![dir.path().to_owned()];
    let mut files = 0;
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file");
            files += 1;
            for needle in [&secret[..], &raw[..]] {
                assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", path.display());
            }
        }
    }
    assert!(files > 1);
}

#[tokio::test]
async fn a_quarantined_identity_is_refused_on_the_next_use() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = house(dir.path()).await;
    let issued = house.issue(Grant::Identity { identity: IDENTITY }).await.expect("issued");
    assert!(house.present(&issued).await.is_ok());
    let mut tx = house.store.write_reserved(&admin()).await.expect("a write");
    let cut = Change::Quarantine { reason: Reason::Manual, finding: None };
    let pending = house.standings.set(&mut tx, IDENTITY, cut, NOW).await.expect("a row");
    let entry = Entry::done(Kind::IdentityQuarantined, IDENTITY);
    pending.publish(&tx.commit(entry).await.expect("a commit"));

    let refused = house.present(&issued).await.expect_err("it is cut off");
    assert_eq!(refused.kind(), Failure::Refused);
    let Error::Standing { actor, refusal } = refused else { unreachable!("its standing is the reason") };
    assert_eq!(refusal.code(), "standing_quarantined");
    // As the server does: the same refusal from policy, put on record.
    let context = ctx(ORGANIZATION, actor);
    let dataset = Resource::Dataset(Id::from_bytes([5; 16]));
    let refused = house.policy.permit(&context, Action::DatasetsReveal, dataset, NOW).expect_err("cut off");
    house.policy.record(&context, &refused, NOW).await.expect("recorded");
    let last = house.entries(ORGANIZATION).await.pop().expect("an entry");
    for part in ["access.refused", "standing_quarantined", "datasets.reveal", r#""outcome":"refused""#] {
        assert!(last.contains(part), "{part} in {last}");
    }
}

#[tokio::test]
async fn the_administrator_secret_makes_one_organization_renews_the_platforms_log_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = house(dir.path()).await;
    let platform = house.store.platform();
    let system = ctx(platform, Actor::System { task: "start" });
    let former = house.issuer.issue_administrator(&system, NOW).await.expect("a secret");
    let issued = house.issuer.issue_administrator(&system, NOW).await.expect("another");
    let unidentified = ctx(platform, Actor::Unidentified);
    let presented = |issued: &Issued| parse(issued.token.expose()).expect("a token");
    let authenticate =
        async |issued: &Issued, now| house.issuer.authenticate(&unidentified, &presented(issued), now).await;
    assert!(matches!(authenticate(&former, NOW).await, Err(Error::NotValid)), "the newer one replaced it");
    assert!(
        authenticate(&issued, (NOW + ADMINISTRATOR_EXPIRY).minus(Duration::from_micros(1))).await.is_ok()
    );
    assert!(matches!(authenticate(&issued, NOW + ADMINISTRATOR_EXPIRY).await, Err(Error::NotValid)));

    let authenticated = authenticate(&issued, NOW).await.expect("it holds");
    assert_eq!(authenticated.actor, Actor::Administrator);
    let administrator = ctx(platform, authenticated.actor);
    // The platform's log has nobody else who could renew it.
    let open = [Action::OrganizationsCreate, Action::LedgerRotate, Action::LedgerRestart];
    for action in Action::ALL {
        let allowed = house.policy.permit(&administrator, *action, Resource::Organization, NOW).is_ok();
        assert_eq!(allowed, open.contains(action), "{action}");
    }

    let credential = issued.credential.id;
    let permit = house.may(&administrator, Action::OrganizationsCreate, Resource::Organization);
    let begin = async |organization: &str| {
        house.issuer.begin_organization(&administrator, &permit, credential, &name(organization), NOW).await
    };
    let made = begin("globex").await.expect("an organization");
    assert_eq!(begin("initech").await.expect("the same one"), made, "it goes on where it stopped");
    start(&house.store, made.id).await;
    let inside = ctx(made.id, Actor::Administrator);
    for action in Action::ALL {
        let allowed = house.policy.permit(&inside, *action, Resource::Organization, NOW).is_ok();
        assert!(!allowed, "{action}: an organization's log is its own administrators'");
    }
    let first = house.issuer.admit_first(&inside, name("Ada"), NOW).await.expect("the first person");
    assert!(matches!(house.issuer.admit_first(&inside, name("Eve"), NOW).await, Err(Error::NotFirst)));
    let outside = ctx(made.id, Actor::Unidentified);
    let ada = house.issuer.authenticate(&outside, &presented(&first), NOW).await.expect("it holds");
    assert!(matches!(ada.actor, Actor::Person { role: Role::OrgAdmin, .. }));
    assert!(matches!(
        house.issuer.admit_first(&outside, name("Eve"), NOW).await,
        Err(Error::NotAdministrator)
    ));

    house.issuer.finish_organization(&system, credential, NOW).await.expect("it ends");
    assert!(matches!(authenticate(&issued, NOW).await, Err(Error::NotValid)));
    assert!(house.entries(made.id).await.iter().any(|entry| entry.contains("person.admitted")));
    assert!(house.entries(platform).await.iter().any(|entry| entry.contains("organization.created")));
}
