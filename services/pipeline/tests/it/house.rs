//! A store with one organization, a pipeline over it, and events to send.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

use base::{Clock, Context, Id, Limit, Timestamp, noun};
use bytes::Bytes;
use detect::{Judge, Pack, RuleText};
use events::{Encoding, Format, Redactor};
use findings::{Filter, Findings};
use identities::Identities;
use ledger::{Entry, Kind};
use pipeline::{Accounts, Error, Kept, Options, Pipeline, Receipt, Source};
use standing::Standings;
use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex},
};
use store::{Registered, Schema, Store};
use stream::{Disk, Files};

pub(crate) const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);
pub(crate) const ACCOUNT: &str = "111122223333";
const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);
static SCHEMAS: [&Schema; 3] = [&standing::SCHEMA, &identities::SCHEMA, &findings::SCHEMA];

const RULE: &str = r"
title: A new access key
id: 2f3d0a52-8a31-4d6f-9a55-0d9b2f6a7c11
logsource: {product: aws, service: cloudtrail}
detection:
  selection: {eventName: CreateAccessKey}
  condition: selection
level: high
";

/// A clock that can be held, so that a test can stop the organization's thread where it asks the time.
#[derive(Default)]
pub(crate) struct Held {
    held: Mutex<bool>,
    free: Condvar,
}

impl Held {
    pub(crate) fn hold(&self, hold: bool) {
        *self.held.lock().expect("no panic") = hold;
        self.free.notify_all();
    }
}

impl Clock for Held {
    fn now(&self) -> Timestamp {
        let held = self.held.lock().expect("no panic");
        drop(self.free.wait_while(held, |held| *held).expect("no panic"));
        NOW
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

pub(crate) fn ctx(organization: Id<noun::Organization>) -> Context {
    Context::background(organization, "test", Id::from_bytes([3; 16]))
}

/// Everything, opened over a directory.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) findings: Findings,
    pub(crate) identities: Identities,
    pub(crate) pipeline: Pipeline,
    pub(crate) clock: Arc<Held>,
}

impl House {
    pub(crate) async fn open(dir: &Path) -> Self {
        Self::on(dir, Arc::new(Disk), Options::SNAPSHOT_EVERY).await
    }

    pub(crate) async fn on(dir: &Path, files: Arc<dyn Files>, snapshot_every: u64) -> Self {
        let options = store::Options {
            dir: dir.to_owned(),
            clock: Arc::new(Still),
            random: Arc::new(|bytes| bytes.fill(4)),
        };
        let store = Store::open(options, &SCHEMAS).await.expect("it opens");
        if !store.exists(ORGANIZATION) {
            let platform = ctx(store.platform());
            let mut tx = store.write(&platform).await.expect("the platform takes writes");
            let registered = Registered { id: ORGANIZATION, name: "acme".into(), created_at: NOW };
            tx.register(&registered).await.expect("the name is free");
            let started = Entry::done(Kind::LedgerStarted, store.platform());
            let created = Entry::done(Kind::OrganizationCreated, ORGANIZATION);
            let _ = tx.commit_all(vec![started, created]).await.expect("the platform's first entries");
            let tx = store.write(&ctx(ORGANIZATION)).await.expect("the organization takes writes");
            let _ = tx.commit(Entry::done(Kind::LedgerStarted, ORGANIZATION)).await.expect("its first entry");
        }
        let standings = Standings::new(store.clone());
        standings.load(&ctx(ORGANIZATION), NOW).await.expect("standings load");
        let identities = Identities::new(store.clone(), standings.view());
        identities.load(&ctx(ORGANIZATION)).await.expect("the inventory loads");
        let findings = Findings::new(store.clone());
        let (pack, skipped) = Pack::compile(&[RuleText { path: "rule.yml", text: RULE }]);
        assert!(skipped.is_empty(), "{skipped:?}");
        let clock = Arc::new(Held::default());
        let pipeline = Pipeline::new(Options {
            store: store.clone(),
            findings: findings.clone(),
            identities: identities.clone(),
            judge: Judge::new(Arc::new(pack)),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            redactor: Arc::new(|_| Redactor::unkeyed()),
            context: Arc::new(ctx),
            files,
            snapshot_every,
        });
        Self { store, findings, identities, pipeline, clock }
    }

    pub(crate) async fn send(&self, body: impl Into<Bytes>) -> Result<Receipt, Error> {
        self.send_as(source(), body).await
    }

    pub(crate) async fn send_as(&self, source: Source, body: impl Into<Bytes>) -> Result<Receipt, Error> {
        self.pipeline.ingest(&ctx(ORGANIZATION), source, body.into(), Encoding::Auto).await
    }

    /// How many activities each finding of our rule stands for, by principal, from the store.
    pub(crate) async fn hits(&self) -> Vec<(String, u64)> {
        let page = self.findings.list(&ctx(ORGANIZATION), &Filter::default(), Limit::default(), None).await;
        let items = page.expect("a page").items.into_iter();
        let rules = items.filter(|found| found.finding.title == "A new access key");
        let mut hits: Vec<_> = rules.map(|found| (found.finding.principal, found.finding.count)).collect();
        hits.sort();
        hits
    }

    /// Everything that the log holds and the store knows.
    pub(crate) async fn log(&self) -> Vec<Kept> {
        let mut tail = self.pipeline.tail(&ctx(ORGANIZATION), Some(0)).await.expect("it opens");
        let mut all = Vec::new();
        loop {
            let more = tail.ready().await.expect("it reads");
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    pub(crate) async fn close(self) {
        self.pipeline.drain().await;
        self.store.close().await;
    }
}

pub(crate) fn source() -> Source {
    Source {
        credential: Id::from_bytes([5; 16]),
        format: Format::AWS_CLOUDTRAIL,
        accounts: Accounts::Only([ACCOUNT.to_owned()].into()),
    }
}

/// One call of a user's access key.
pub(crate) fn event(number: usize, user: usize, action: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.10","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::{ACCOUNT}:user/u{user}","accountId":"{ACCOUNT}","accessKeyId":"AKIAEXAMPLE{user:09}","userName":"u{user}"}},"eventTime":"2025-10-09T08:{:02}:{:02}Z","eventSource":"iam.amazonaws.com","eventName":"{action}","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.1","eventID":"e-{number}","readOnly":false,"recipientAccountId":"{ACCOUNT}"}}"#,
        number / 60 % 60,
        number % 60,
    )
}

pub(crate) fn lines(events: impl IntoIterator<Item = String>) -> String {
    events.into_iter().collect::<Vec<_>>().join("\n")
}
