//! Findings are folded, kept once, and read in commit order.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod record;

use base::{Actor, Clock, Context, Id, Severity, Timestamp, noun};
use detect::{Detector, Finding, Trigger};
use ledger::{Entry, Kind};
use std::sync::Arc;
use store::{Options, Registered, Schema, Store};

pub(crate) static SCHEMAS: &[&Schema] = &[&findings::SCHEMA];

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

/// A store with one organization whose ledger has begun.
pub(crate) async fn organization(dir: &std::path::Path) -> (Store, Context) {
    let options =
        Options { dir: dir.to_owned(), clock: Arc::new(Stopped), random: Arc::new(|bytes| bytes.fill(9)) };
    let store = Store::open(options, SCHEMAS).await.expect("it opens");
    let platform = Context::authenticated(store.platform(), Actor::Administrator, Id::from_bytes([3; 16]));
    let mut tx = store.write(&platform).await.expect("the platform is there");
    let id = Id::from_bytes([7; 16]);
    tx.register(&Registered { id, name: "acme".into(), created_at: tx.now() }).await.expect("a free name");
    let started = |organization: Id<noun::Organization>| Entry::done(Kind::LedgerStarted, organization);
    tx.commit(started(platform.organization())).await.expect("it commits");
    let ctx = Context::background(id, "test", Id::from_bytes([4; 16]));
    store.write(&ctx).await.expect("registered").commit(started(id)).await.expect("it commits");
    (store, ctx)
}

/// A hit of rule `rule` on identity `who`, `seconds` into an hour.
pub(crate) fn hit(ctx: &Context, rule: &str, who: u8, seconds: i64) -> Finding {
    let identity = Some(Id::from_bytes([who; 16]));
    let at = Timestamp::from_millis(1_699_999_200_000 + seconds * 1_000);
    let event = format!(r#"{{"eventID":"{rule}-{who}-{seconds}"}}"#);
    Finding {
        id: Finding::id_of(ctx.organization(), Detector::Rule, rule, identity, at),
        detector: Detector::Rule,
        rule: rule.to_owned(),
        title: format!("rule {rule}"),
        severity: Severity::Medium,
        score: 50,
        reasons: vec!["it matched".to_owned()],
        attack: vec!["attack.t1098".to_owned()],
        owasp: vec![],
        identity,
        principal: format!("principal {who}"),
        trigger: Trigger {
            authenticated: true,
            failed: true,
            cross_account: false,
            interactive: false,
            provider_owned: false,
        },
        first_seen: at,
        last_seen: at,
        arrival: at,
        count: 1,
        event_ids: vec![format!("{rule}-{who}-{seconds}")],
        evidence: vec![serde_json::value::RawValue::from_string(event).expect("JSON")],
    }
}
