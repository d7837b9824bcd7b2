//! The first behaviour signal: an action that an established identity has never taken.

use crate::event;
use base::{Id, Severity, Timestamp};
use detect::{Detector, ESTABLISHED_ACTIVITIES, Finding, Judge, Pack, ShardState};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const HOUR: u64 = 3_600;

struct Watch {
    judge: Judge,
    state: ShardState,
    now: Timestamp,
}

impl Watch {
    fn new() -> Self {
        let (pack, _) = Pack::compile(&[]);
        let now = "2026-03-02T08:00:00Z".parse().expect("RFC 3339");
        Self { judge: Judge::new(Arc::new(pack)), state: ShardState::default(), now }
    }

    /// A watch on an identity that has read roles every hour for five days.
    fn established() -> Self {
        let mut watch = Self::new();
        for _ in 0..ESTABLISHED_ACTIVITIES + 20 {
            let found = watch.sees(json!({}));
            assert!(found.is_empty(), "its habit is no news: {found:#?}");
            watch.passes(HOUR);
        }
        watch
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
    assert_eq!((finding.detector, finding.rule.as_str()), (Detector::Behaviour, "new-action"));
    assert_eq!(finding.severity, Severity::Low, "one improbable act");
    assert!(
        finding.reasons[0].starts_with("first `secretsmanager:PutSecretValue` in 5 days"),
        "{:?}",
        finding.reasons
    );
    assert!(watch.sees(new_action()).is_empty(), "its repetition is no news");
    assert_eq!(watch.state.waiting(), 2, "it waits, and so does what it came after");
    for _ in 0..14 {
        watch.passes(24 * HOUR);
        assert!(watch.sees(json!({})).is_empty());
    }
    assert!(watch.sees(new_action()).is_empty());
    assert!(watch.state.waiting() <= 1, "and now it is learned");
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
    let (ahead, ancient) = (watch.state.passed_over().ahead, watch.state.passed_over().ancient);
    assert_eq!((ahead, ancient), (1, 1), "and it is counted");
    assert_eq!(watch.state.waiting(), before.waiting());
    assert_eq!(watch.sees(new_action()).len(), 1, "it is still news");
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

/// A hunter's baseline: a week of work, three silent weeks, and then today.
#[test]
fn what_was_known_weeks_ago_is_still_known() {
    let mut watch = Watch::new();
    for hour in 0..150 {
        let found = watch
            .sees(json!({"eventSource": "s3.amazonaws.com", "eventName": "PutObject", "readOnly": false}));
        assert!(found.is_empty(), "hour {hour}: {found:?}");
        watch.passes(HOUR);
    }
    watch.passes(25 * 24 * HOUR);
    let habit =
        watch.sees(json!({"eventSource": "s3.amazonaws.com", "eventName": "PutObject", "readOnly": false}));
    assert!(habit.is_empty(), "{habit:?}");
    watch.passes(HOUR);
    let new = json!({"eventSource": "lambda.amazonaws.com", "eventName": "Invoke", "readOnly": false});
    assert_eq!(watch.sees(new).len(), 1);
}
