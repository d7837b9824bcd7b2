//! Findings that belong together, and what both look like in OCSF.

use base::{Id, Severity, Timestamp};
use detect::{Detector, Finding, Trigger, incident};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

const HOUR: i64 = 3_600_000;

fn finding(number: u8, identity: Option<u8>, hours: i64, severity: Severity, attack: &[&str]) -> Finding {
    let at = Timestamp::from_millis(1_772_600_000_000 + hours * HOUR);
    Finding {
        id: Id::from_bytes([number; 16]),
        detector: if number.is_multiple_of(2) { Detector::Rule } else { Detector::Behaviour },
        rule: "00000000-0000-4000-8000-000000000001".to_owned(),
        title: "An audit log was stopped".to_owned(),
        severity,
        score: 50,
        reasons: vec!["`eventName` is `StopLogging`".to_owned()],
        attack: attack.iter().map(|&tag| tag.to_owned()).collect(),
        owasp: vec!["owasp.nhi5".to_owned()],
        identity: identity.map(|number| Id::from_bytes([number; 16])),
        principal: identity.map_or_else(|| "somebody".to_owned(), |number| format!("role-{number}")),
        trigger: Trigger {
            authenticated: true,
            failed: false,
            cross_account: false,
            interactive: false,
            provider_owned: false,
        },
        first_seen: at,
        last_seen: at,
        arrival: at,
        count: 3,
        event_ids: vec!["e-1".to_owned()],
        evidence: Vec::new(),
    }
}

fn several() -> Vec<Finding> {
    vec![
        finding(2, Some(1), 3, Severity::High, &["attack.impact", "attack.t1485"]),
        finding(1, Some(1), 0, Severity::Low, &["attack.persistence", "attack.t1098.001"]),
        finding(3, Some(2), 1, Severity::Medium, &["attack.discovery"]),
        finding(4, Some(1), 28, Severity::Medium, &[]),
        finding(5, None, 2, Severity::Informational, &[]),
        finding(6, None, 5, Severity::Critical, &[]),
        finding(7, Some(1), 27, Severity::Low, &["attack.exfiltration"]),
    ]
}

#[test]
fn findings_of_one_identity_are_one_attack_until_a_quiet_day() {
    let mut findings = several();
    let incidents = incident::group(&findings);
    let shown: Vec<_> = incidents
        .iter()
        .map(|one| {
            (
                one.principal.as_str(),
                one.findings.iter().map(|id| id.as_bytes()[0]).collect::<Vec<_>>(),
                one.severity,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            // Exactly a day after the last one is the same attack; the hour after it too.
            ("role-1", vec![1, 2, 7, 4], Severity::High),
            ("role-2", vec![3], Severity::Medium),
            ("somebody", vec![5, 6], Severity::Critical),
        ]
    );
    assert_eq!(incidents[0].tactics, ["persistence", "exfiltration", "impact"]);
    for _ in 0..findings.len() {
        findings.rotate_left(1);
        assert_eq!(incident::group(&findings), incidents, "the order of findings does not matter");
    }
    findings.push(finding(9, Some(2), 26, Severity::Low, &[]));
    assert_eq!(incident::group(&findings).len(), 4, "a day and an hour later it is another attack");
}

/// Both are OCSF by the published schemas, in a validator that nobody here wrote.
#[test]
fn findings_and_incidents_are_valid_by_the_published_schemas() {
    let findings = several();
    let mut events: Vec<Value> = findings.iter().map(|finding| finding.to_ocsf("0.1.0")).collect();
    events.extend(incident::group(&findings).iter().map(|incident| incident.to_ocsf("0.1.0")));
    let count = events.len();
    let mut broken = events[0].clone();
    broken["finding_info"] = json!({});
    events.push(broken);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "{} is missing: run `make test`, which prepares it", python.display());
    let mut child = Command::new(python)
        .arg(here.join("../events/tests/it/oracle/ocsf.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let question = serde_json::to_vec(&events).expect("JSON");
    child.stdin.take().expect("a pipe").write_all(&question).expect("the script reads");
    let output = child.wait_with_output().expect("the script ends");
    let answers: Vec<String> = serde_json::from_slice(&output.stdout).expect("the script answers in JSON");
    assert!(answers[..count].iter().all(String::is_empty), "{answers:#?}");
    assert!(!answers[count].is_empty(), "a finding without its id is not OCSF");
}
