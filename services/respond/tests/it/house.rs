//! The services around the response, over a store in a temporary directory.

use base::{Action, Actor, Clock, Context, Id, Role, Severity, Timestamp, noun};
use detect::{Detector, Finding, finding::Trigger};
use findings::Findings;
use identities::{Identities, Nature, Sighting};
use ledger::{Entry, Kind};
use policy::{Permit, Policy, Resource};
use respond::{Change, Decision, Error, Mode, Reason, Respond, Worked};
use standing::Standings;
use std::{sync::Arc, time::Duration};
use store::{Options, Queries, Registered, Schema, Store};
use tempfile::TempDir;

static SCHEMAS: [&Schema; 4] = [&standing::SCHEMA, &identities::SCHEMA, &findings::SCHEMA, &respond::SCHEMA];
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

pub(crate) struct House {
    dir: TempDir,
    store: Store,
    policy: Policy,
    pub(crate) standings: Standings,
    pub(crate) findings: Findings,
    pub(crate) identities: Identities,
    pub(crate) respond: Respond,
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

pub(crate) fn identity(number: u8) -> Id<noun::Identity> {
    Id::from_bytes([number; 16])
}

/// A finding of rule `rule` against an identity, tipped by an authenticated success.
pub(crate) fn finding(rule: u8, number: u8, severity: Severity) -> Finding {
    let rule = format!("rule-{rule}");
    Finding {
        id: Finding::id_of(ORGANIZATION, Detector::Rule, &rule, Some(identity(number)), NOW),
        detector: Detector::Rule,
        title: rule.clone(),
        rule,
        severity,
        score: 80,
        reasons: vec!["for a test".to_owned()],
        attack: Vec::new(),
        owasp: Vec::new(),
        identity: Some(identity(number)),
        principal: format!("principal-{number}"),
        trigger: Trigger {
            authenticated: true,
            failed: false,
            cross_account: false,
            interactive: false,
            provider_owned: false,
        },
        first_seen: NOW,
        last_seen: NOW,
        arrival: NOW,
        count: 1,
        event_ids: Vec::new(),
        evidence: Vec::new(),
    }
}

fn system(organization: Id<noun::Organization>) -> Context {
    Context::background(organization, "respond", Id::from_bytes([3; 16]))
}

impl House {
    /// With a hundred identities, in the mode that an organization begins with.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let house = Self::open(dir).await;
        let platform = system(house.store.platform());
        let mut tx = house.store.write(&platform).await.expect("the platform takes writes");
        let registered = Registered { id: ORGANIZATION, name: "acme".into(), created_at: NOW };
        tx.register(&registered).await.expect("the name is free");
        let started = Entry::done(Kind::LedgerStarted, house.store.platform());
        let created = Entry::done(Kind::OrganizationCreated, ORGANIZATION);
        let _ = tx.commit_all(vec![started, created]).await.expect("the platform's first entries");
        let tx = house.store.write(&system(ORGANIZATION)).await.expect("a write");
        let _ = tx.commit(Entry::done(Kind::LedgerStarted, ORGANIZATION)).await.expect("its first entry");
        house.load().await;
        let sightings: Vec<_> = (1..=100).map(|number| sighting(number, Nature::Machine, false)).collect();
        house.see(&sightings).await;
        house
    }

    pub(crate) async fn automatic() -> Self {
        let house = Self::new().await;
        house.set(Change { mode: Some(Mode::Automatic), ..Change::default() }).await;
        house
    }

    async fn open(dir: TempDir) -> Self {
        let random = Arc::new(|bytes: &mut [u8]| bytes.fill(4));
        let options = Options { dir: dir.path().to_owned(), clock: Arc::new(Still), random };
        let store = Store::open(options, &SCHEMAS).await.expect("it opens");
        let standings = Standings::new(store.clone());
        let findings = Findings::new(store.clone());
        let identities = Identities::new(store.clone(), standings.view());
        let policy = Policy::new(store.clone(), standings.view());
        let respond = Respond::new(store.clone(), standings.clone(), findings.clone(), identities.clone());
        Self { dir, store, policy, standings, findings, identities, respond }
    }

    async fn load(&self) {
        self.standings.load(&self.admin(), NOW).await.expect("standings load");
        self.identities.load(&self.admin()).await.expect("the inventory loads");
    }

    /// The same directory in a new process.
    pub(crate) async fn restart(self) -> Self {
        self.store.close().await;
        let house = Self::open(self.dir).await;
        house.load().await;
        house
    }

    pub(crate) fn admin(&self) -> Context {
        let (person, credential) = (Id::from_bytes([8; 16]), Id::from_bytes([9; 16]));
        let actor = Actor::Person { person, credential, role: Role::OrgAdmin };
        Context::authenticated(ORGANIZATION, actor, Id::from_bytes([4; 16]))
    }

    pub(crate) fn permit(&self, action: Action, identity: Id<noun::Identity>) -> Permit {
        self.policy.permit(&self.admin(), action, Resource::Identity(identity), NOW).expect("an admin may")
    }

    pub(crate) async fn set(&self, change: Change) {
        let permit = self.policy.permit(&self.admin(), Action::ResponseSet, Resource::Organization, NOW);
        let permit = permit.expect("an admin may");
        self.respond.set(&self.admin(), &permit, change, NOW).await.expect("set");
    }

    pub(crate) async fn discover(&self, number: u8, nature: Nature, provider_owned: bool) {
        self.see(&[sighting(number, nature, provider_owned)]).await;
    }

    async fn see(&self, sightings: &[Sighting]) {
        let mut tx = self.store.write(&system(ORGANIZATION)).await.expect("a write");
        let discovered = self.identities.discover(&mut tx, sightings).await.expect("rows");
        let entries = discovered.entries();
        discovered.publish(&tx.commit_all(entries).await.expect("a commit"));
    }

    pub(crate) async fn record(&self, findings: Vec<Finding>) {
        let mut tx = self.store.write(&system(ORGANIZATION)).await.expect("a write");
        let recorded = self.findings.record(&mut tx, findings).await.expect("rows");
        let _ = tx.commit(recorded.entry().expect("findings")).await.expect("a commit");
    }

    pub(crate) async fn step(&self, now: Timestamp) -> Worked {
        self.respond.step(&system(ORGANIZATION), now).await.expect("a step")
    }

    /// Steps until there is nothing left; what they did together.
    pub(crate) async fn work(&self, now: Timestamp) -> Worked {
        let mut all = Worked::default();
        loop {
            let worked = self.step(now).await;
            if worked.read == 0 {
                return all;
            }
            all.read += worked.read;
            all.acted.extend(worked.acted);
            all.braked |= worked.braked;
        }
    }

    pub(crate) async fn quarantine(
        &self,
        identity: Id<noun::Identity>,
        finding: Option<Id<noun::Finding>>,
        now: Timestamp,
    ) -> Result<identities::Identity, Error> {
        let permit = self.permit(Action::IdentitiesQuarantine, identity);
        self.respond.quarantine(&self.admin(), &permit, identity, finding, now).await
    }

    pub(crate) async fn release(
        &self,
        identity: Id<noun::Identity>,
        now: Timestamp,
    ) -> Result<identities::Identity, Error> {
        let resource = Resource::Identity(identity);
        let permit = self.policy.permit(&self.admin(), Action::IdentitiesRelease, resource, now);
        let permit = permit.expect("an admin may");
        self.respond.release(&self.admin(), &permit, identity, Some("a false alarm"), now).await
    }

    pub(crate) async fn answer(&self, finding: &Finding) -> (Decision, Reason) {
        let answers = self.respond.responses(&self.admin(), &[finding.id]).await.expect("answers");
        let answer = answers.get(&finding.id).expect("it was answered");
        (answer.decision, answer.reason)
    }

    /// The entries of one kind.
    pub(crate) async fn entries(&self, kind: &str) -> Vec<String> {
        let read = self.store.read(&self.admin()).await.expect("a read");
        let entries = read.entries(0, 10_000).await.expect("entries");
        let texts = entries.into_iter().map(|(_, entry)| String::from_utf8(entry).expect("JSON"));
        texts.filter(|entry| entry.contains(&format!(r#""kind":"{kind}""#))).collect()
    }
}

fn sighting(number: u8, nature: Nature, provider_owned: bool) -> Sighting {
    Sighting {
        id: identity(number),
        provider: "aws".into(),
        kind: "access_key".into(),
        account: None,
        native: format!("native-{number}"),
        name: format!("name-{number}"),
        owner: None,
        nature,
        provider_owned,
        at: NOW,
    }
}
