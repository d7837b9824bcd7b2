//! The first behaviour signal: an action that an established identity has never taken.

use crate::event;
use base::{Id, Severity, Timestamp};
use detect::{
    Detector, ESTABLISHED_ACTIVITIES, FIRST_SEEN_ACTION, Finding, Judge, Pack, RuleText, ShardState,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const HOUR: u64 = 3_600;

const SEVERE: &str = "
title: Trail stopped
id: 5b1d1a10-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
  sel:
    eventName: StopLogging
  condition: sel
level: high
";

struct Watch {
    judge: Judge,
    state: ShardState,
    now: Timestamp,
}

impl Watch {
    fn new() -> Self {
        let (pack, _) = Pack::compile(&[RuleText { path: "t", text: SEVERE }]);
        let now = "2026-03-02T08:00:00Z".parse().expect("RFC 3339");
        Self { judge: Judge::new(Arc::new(pack)), state: ShardState::default(), now }
    }

    /// A watch on an identity that has read roles every hour for five days.
    fn established() -> Self {
        let mut watch = Self::new();
        for _ in 0..ESTABLISHED_ACTIVITIES + 20 {
            assert!(watch.sees(json!({})).is_empty(), "its habit is no news");
            watch.passes(HOUR);
        }
        watch
    }

    /// Takes so many new actions that what is on probation gives way, and what is learned stays.
    fn floods_probation(&mut self, from: u32) {
        for number in from..from + 32 {
            assert_eq!(self.sees(json!({"eventName": format!("Get{number}")})).len(), 1);
        }
    }

    fn passes(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    fn sees(&mut self, fields: Value) -> Vec<Finding> {
        self.sees_at(self.now, fields)
    }

    fn sees_at(&mut self, time: Timestamp, mut fields: Value) -> Vec<Finding> {
        fields["eventTime"] = json!(format!("{}Z", &time.to_string()[..19]));
        let record = event(fields);
        let activity = record.activity(self.judge.pack().fields()).expect("it is an activity");
        self.judge.judge(&mut self.state, &activity, Id::from_bytes([9; 16]), self.now)
    }
}

fn new_action() -> Value {
    json!({"eventSource": "secretsmanager.amazonaws.com", "eventName": "PutSecretValue", "readOnly": false})
}

#[test]
fn a_new_action_of_an_established_identity_is_told_once() {
    let mut watch = Watch::established();
    let findings = watch.sees(new_action());
    let [finding] = findings.as_slice() else { unreachable!("one signal: {findings:?}") };
    assert_eq!((finding.detector, finding.rule.as_str()), (Detector::Behaviour, FIRST_SEEN_ACTION));
    assert_eq!(finding.severity, Severity::Medium);
    assert!(
        finding.reasons[0].starts_with("first `secretsmanager:PutSecretValue` in 5 days"),
        "{:?}",
        finding.reasons
    );
    assert!(watch.sees(new_action()).is_empty(), "its repetition is no news");
    watch.passes(25 * HOUR);
    assert!(watch.sees(new_action()).is_empty(), "and now it is learned");
}

#[test]
fn an_identity_that_is_new_has_no_news() {
    let mut watch = Watch::new();
    for _ in 0..2 * ESTABLISHED_ACTIVITIES {
        assert!(watch.sees(json!({})).is_empty());
    }
    assert!(watch.sees(new_action()).is_empty(), "many activities, and none of them old");
}

#[test]
fn the_signal_never_reaches_high() {
    let mut watch = Watch::established();
    for name in ["DeleteA", "DeleteB", "DeleteC"] {
        for finding in watch.sees(json!({"eventName": name, "readOnly": false})) {
            assert!(finding.severity <= Severity::Medium);
        }
    }
}

#[test]
fn failed_foreign_and_incredible_activities_teach_nothing() {
    let mut watch = Watch::established();
    let before = watch.state.clone();
    let mut failed = new_action();
    failed["errorCode"] = json!("AccessDenied");
    let mut foreign = new_action();
    foreign["recipientAccountId"] = json!("999988887777");
    assert!(watch.sees(failed).is_empty() && watch.sees(foreign).is_empty());
    let ahead = watch.now + Duration::from_secs(301);
    assert!(watch.sees_at(ahead, new_action()).is_empty());
    let ancient = "2009-12-31T23:59:59Z".parse().expect("RFC 3339");
    assert!(watch.sees_at(ancient, new_action()).is_empty());
    assert_eq!(watch.state, before);
}

#[test]
fn nothing_is_learned_while_a_severe_finding_is_fresh() {
    let mut watch = Watch::established();
    assert_eq!(watch.sees(new_action()).len(), 1);
    watch.passes(20 * HOUR);
    let severe = watch.sees(json!({"eventName": "StopLogging", "readOnly": false}));
    assert_eq!(severe.len(), 1, "the rule speaks, the behaviour does not repeat it: {severe:?}");
    watch.passes(10 * HOUR);
    assert!(watch.sees(new_action()).is_empty(), "30 hours on probation, 10 since the alarm: it waits on");
    watch.floods_probation(0);
    assert_eq!(watch.sees(new_action()).len(), 1, "it was not learned");
    watch.passes(25 * HOUR);
    assert!(watch.sees(new_action()).is_empty());
    watch.floods_probation(32);
    assert!(watch.sees(new_action()).is_empty(), "now it is");
}

#[test]
fn the_same_activities_give_the_same_state_and_findings() {
    let run = || {
        let mut watch = Watch::established();
        let findings = watch.sees(new_action());
        (watch.state.to_bytes(), serde_json::to_string(&findings).expect("findings serialize"))
    };
    assert_eq!(run(), run());
    // A state that went through a snapshot goes on as if it had not.
    let mut watch = Watch::established();
    watch.state = ShardState::from_bytes(&watch.state.to_bytes()).expect("its own bytes");
    let findings = watch.sees(new_action());
    assert_eq!(
        (watch.state.to_bytes(), serde_json::to_string(&findings).expect("findings serialize")),
        run()
    );
}
