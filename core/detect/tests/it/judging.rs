//! What a match becomes: findings with reasons, bounded and foldable.

use crate::event;
use base::{Id, Severity, Timestamp, noun};
use detect::{Detector, Finding, Judge, Pack, RuleText, ShardState};
use serde_json::json;
use std::sync::Arc;

const RULE: &str = "
title: Trail stopped
id: 5b1d1a10-0000-4000-8000-000000000001
tags: [attack.defense-impairment, attack.t1685.002, owasp.nhi5]
logsource: {product: aws, service: cloudtrail}
detection:
  sel:
    eventSource: cloudtrail.amazonaws.com
    eventName: [StopLogging, DeleteTrail]
  condition: sel
level: high
";

pub(crate) fn judge() -> Judge {
    let (pack, skipped) = Pack::compile(&[RuleText { path: "t", text: RULE }]);
    assert!(skipped.is_empty());
    Judge::new(Arc::new(pack))
}

fn judged(fields: serde_json::Value) -> Vec<Finding> {
    let judge = judge();
    let record = event(fields);
    let activity = record.activity(judge.pack().fields()).expect("it is an activity");
    let arrival: Timestamp = "2026-03-02T08:01:00Z".parse().expect("RFC 3339");
    judge.judge(&mut ShardState::default(), &activity, Id::from_bytes([9; 16]), arrival)
}

pub(crate) fn stopped() -> serde_json::Value {
    json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "readOnly": false})
}

#[test]
fn a_match_is_a_finding_that_says_why_and_keeps_its_event() {
    let findings = judged(stopped());
    let [finding] = findings.as_slice() else { unreachable!("one rule, one finding: {findings:?}") };
    assert_eq!((finding.detector, finding.severity, finding.count), (Detector::Rule, Severity::High, 1));
    assert_eq!(finding.rule, "5b1d1a10-0000-4000-8000-000000000001");
    assert!(finding.reasons.contains(&"`eventName` is `StopLogging`".to_owned()), "{:?}", finding.reasons);
    assert_eq!(finding.attack, ["attack.defense-impairment", "attack.t1685.002"]);
    assert_eq!(finding.owasp, ["owasp.nhi5"]);
    assert_eq!(finding.event_ids, ["6f3c2c5e-0000-4000-8000-000000000001"]);
    assert!(finding.evidence[0].get().contains("StopLogging"));
    assert!(finding.trigger.may_tip());
    let identity = finding.identity.expect("a long-lived key is an identity");
    let organization: Id<noun::Organization> = Id::from_bytes([9; 16]);
    assert_eq!(
        finding.id,
        Finding::id_of(organization, Detector::Rule, &finding.rule, Some(identity), finding.first_seen)
    );
}

#[test]
fn a_failed_call_is_found_and_may_not_tip() {
    let mut fields = stopped();
    fields["errorCode"] = json!("AccessDenied");
    let findings = judged(fields);
    assert_eq!(findings.len(), 1);
    assert!(!findings[0].trigger.may_tip());
}

#[test]
fn invented_names_without_an_identity_fold_into_one_finding() {
    let ids: std::collections::BTreeSet<_> = (0..1_000)
        .flat_map(|number| {
            let mut fields = stopped();
            fields["errorCode"] = json!("AccessDenied");
            fields["userIdentity"] = json!({"type": "Unknown", "userName": format!("invented-{number}")});
            judged(fields)
        })
        .map(|finding| (finding.identity, finding.id))
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(ids.iter().all(|(identity, _)| identity.is_none()));
}

#[test]
fn what_the_event_says_is_cut_for_a_sentence() {
    let mut fields = stopped();
    fields["eventID"] = json!("x".repeat(100_000));
    let findings = judged(fields);
    assert!(findings[0].event_ids[0].chars().count() < 200);
}
