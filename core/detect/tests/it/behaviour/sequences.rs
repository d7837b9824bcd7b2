//! The steps of an attack, in order, as one finding.

use crate::event;
use base::{Id, Severity, Timestamp};
use detect::{Detector, Finding, Judge, Pack, SHARDS, ShardState, sequence, shard_of};
use events::{Record, Redactor};
use serde_json::{Value, json};
use std::sync::Arc;

struct Watch {
    judge: Judge,
    states: Vec<ShardState>,
    minute: u32,
}

impl Watch {
    fn new() -> Self {
        let (pack, _) = Pack::compile(&[]);
        Self { judge: Judge::new(Arc::new(pack)), states: vec![ShardState::default(); SHARDS], minute: 0 }
    }

    fn judge(&mut self, record: &Record) -> Vec<Finding> {
        let activity = record.activity(self.judge.pack().fields()).expect("an activity");
        let organization = Id::from_bytes([9; 16]);
        let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
        let arrival = activity.time + std::time::Duration::from_secs(30);
        let state = &mut self.states[shard_of(identity)];
        let mut found = self.judge.judge(state, &activity, organization, arrival);
        sequence::deliver(&mut self.states);
        found.retain(|finding| finding.detector == Detector::Sequence);
        found
    }

    /// A call of an access key, a minute after the last.
    fn sees(&mut self, key: &str, from: &str, source: &str, name: &str, more: &Value) -> Vec<Finding> {
        self.minute += 1;
        let mut fields = json!({
            "eventTime": format!("2026-03-02T08:{:02}:00Z", self.minute),
            "userIdentity": {
                "type": "IAMUser", "principalId": key, "arn": format!("arn:aws:iam::111122223333:user/{key}"),
                "accountId": "111122223333", "accessKeyId": key, "userName": key
            },
            "eventSource": source, "eventName": name, "sourceIPAddress": from, "readOnly": false
        });
        if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
            fields.extend(more.clone());
        }
        self.judge(&event(fields))
    }
}

const MAKER: &str = "AKIAMAKER00000000001";
const MADE: &str = "AKIAMADE000000000001";
const HOME: &str = "198.51.100.7";
const AWAY: &str = "203.0.113.9";

fn made() -> Value {
    json!({"responseElements": {"accessKey": {"accessKeyId": MADE, "userName": "new", "status": "Active"}}})
}

#[test]
fn a_created_key_is_followed_to_its_own_identity() {
    let mut watch = Watch::new();
    let none = json!({});
    assert!(watch.sees(MAKER, HOME, "iam.amazonaws.com", "CreateAccessKey", &made()).is_empty());
    assert!(watch.sees(MADE, AWAY, "sts.amazonaws.com", "GetCallerIdentity", &none).is_empty());
    let third = watch.sees(MADE, AWAY, "iam.amazonaws.com", "AttachUserPolicy", &none);
    let [third] = third.as_slice() else { unreachable!("three steps are a finding: {third:?}") };
    assert_eq!((third.severity, third.rule.as_str()), (Severity::Medium, "credential-chain"));
    assert!(third.principal.contains(MADE), "on the new key: {}", third.principal);
    assert!(third.reasons[1].starts_with("a credential was made"), "{:?}", third.reasons);
    assert!(third.reasons[1].ends_with("2026-03-02T08:01:00Z"), "{:?}", third.reasons);
    let fourth = watch.sees(MADE, AWAY, "s3.amazonaws.com", "GetObject", &none);
    assert_eq!(fourth[0].severity, Severity::High);
    let fifth = watch.sees(MADE, AWAY, "cloudtrail.amazonaws.com", "StopLogging", &none);
    assert_eq!((fifth[0].severity, fifth[0].reasons.len()), (Severity::Critical, 6));
    assert_eq!(fifth[0].id, third.id, "and all of it is one finding");
    assert!(watch.sees(MADE, AWAY, "cloudtrail.amazonaws.com", "StopLogging", &none).is_empty(), "told once");
}

#[test]
fn the_same_steps_from_home_in_another_order_or_denied_are_none() {
    let none = json!({});
    let mut watch = Watch::new();
    watch.sees(MAKER, HOME, "iam.amazonaws.com", "CreateAccessKey", &made());
    for (source, name) in [("iam.amazonaws.com", "AttachUserPolicy"), ("s3.amazonaws.com", "GetObject")] {
        assert!(watch.sees(MADE, HOME, source, name, &none).is_empty(), "from where it was made");
    }
    let mut watch = Watch::new();
    for (source, name) in [
        ("cloudtrail.amazonaws.com", "StopLogging"),
        ("s3.amazonaws.com", "GetObject"),
        ("iam.amazonaws.com", "AttachUserPolicy"),
    ] {
        assert!(watch.sees(MAKER, AWAY, source, name, &none).is_empty());
    }
    assert!(watch.sees(MAKER, AWAY, "iam.amazonaws.com", "CreateAccessKey", &made()).is_empty(), "backwards");
    let mut watch = Watch::new();
    let denied = json!({"errorCode": "AccessDenied"});
    watch.sees(MAKER, HOME, "iam.amazonaws.com", "CreateAccessKey", &made());
    for (source, name) in [
        ("iam.amazonaws.com", "AttachUserPolicy"),
        ("s3.amazonaws.com", "GetObject"),
        ("cloudtrail.amazonaws.com", "StopLogging"),
    ] {
        assert!(watch.sees(MADE, AWAY, source, name, &denied).is_empty(), "denied");
    }
}

#[test]
fn steps_of_other_clouds_are_steps_too() {
    let mut watch = Watch::new();
    let key = "projects/prod/serviceAccounts/ci@prod.iam.gserviceaccount.com/keys/0a1b";
    let call = |minute: u32, service: &str, method: &str, from: &str, key: Option<&str>, response: Value| {
        let mut who = json!({
            "principalEmail": "ci@prod.iam.gserviceaccount.com",
            "principalSubject": "serviceAccount:ci@prod.iam.gserviceaccount.com"
        });
        if let Some(key) = key {
            who["serviceAccountKeyName"] = json!(format!("//iam.googleapis.com/{key}"));
        }
        let event = json!({
            "logName": "projects/prod/logs/cloudaudit.googleapis.com%2Factivity",
            "timestamp": format!("2026-03-02T08:{minute:02}:00Z"),
            "insertId": format!("i-{minute}"),
            "resource": {"type": "project", "labels": {"project_id": "prod"}},
            "protoPayload": {
                "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
                "serviceName": service, "methodName": method, "resourceName": "projects/prod",
                "authenticationInfo": who, "requestMetadata": {"callerIp": from}, "response": response
            }
        });
        Record::read(event.to_string().as_bytes(), &Redactor::off()).expect("an audit log")
    };
    let create = "google.iam.admin.v1.CreateServiceAccountKey";
    let none = Value::Null;
    assert!(watch.judge(&call(1, "iam.googleapis.com", create, HOME, None, json!({"name": key}))).is_empty());
    let raise = call(2, "cloudresourcemanager.googleapis.com", "SetIamPolicy", AWAY, Some(key), none.clone());
    let third = watch.judge(&raise);
    assert_eq!(third.first().map(|finding| finding.severity), Some(Severity::Medium), "{third:?}");
    let sink = "google.logging.v2.ConfigServiceV2.DeleteSink";
    let fourth = watch.judge(&call(3, "logging.googleapis.com", sink, AWAY, Some(key), none));
    assert_eq!(fourth.first().map(|finding| finding.severity), Some(Severity::High), "{fourth:?}");
}

#[test]
fn nothing_is_learned_of_an_identity_whose_sequence_is_severe() {
    let mut watch = Watch::new();
    watch.sees(MAKER, HOME, "iam.amazonaws.com", "CreateAccessKey", &made());
    for (source, name) in [("iam.amazonaws.com", "AttachUserPolicy"), ("s3.amazonaws.com", "GetObject")] {
        assert_eq!(watch.sees(MADE, AWAY, source, name, &json!({})).len(), 1);
    }
    let waiting = |watch: &Watch| watch.states.iter().map(ShardState::waiting).sum::<usize>();
    let before = waiting(&watch);
    watch.sees(MADE, AWAY, "kms.amazonaws.com", "ListKeys", &json!({}));
    assert!(waiting(&watch) > before, "what it does now waits, young as it is");
}

#[test]
fn chains_survive_the_bytes_of_their_shard() {
    let mut watch = Watch::new();
    watch.sees(MAKER, HOME, "iam.amazonaws.com", "CreateAccessKey", &made());
    for state in &mut watch.states {
        *state = ShardState::from_bytes(&state.to_bytes()).expect("its own bytes");
    }
    let third = watch.sees(MADE, AWAY, "iam.amazonaws.com", "AttachUserPolicy", &json!({}));
    assert_eq!(third.len(), 1);
    assert!(third[0].first_seen > Timestamp::from_millis(0));
}
