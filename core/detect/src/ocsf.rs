//! Findings and incidents as OCSF 1.8.0 events: Detection Finding (2004) and Incident Finding (2005), with
//! the `cloud` profile.

use crate::{Finding, Incident};
use base::Severity;
use serde_json::{Value, json};

const fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// A tag such as `attack.t1098.003` or `attack.persistence`.
fn attack(tag: &str) -> Option<Value> {
    let name = tag.strip_prefix("attack.")?;
    let numbered = name.strip_prefix('t').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    Some(match (numbered, name.split_once('.')) {
        (true, Some((technique, _))) => json!({
            "technique": {"uid": technique.to_uppercase()},
            "sub_technique": {"uid": name.to_uppercase()},
        }),
        (true, None) => json!({"technique": {"uid": name.to_uppercase()}}),
        (false, _) => json!({"tactic": {"name": name}}),
    })
}

fn metadata(version: &str) -> Value {
    json!({
        "version": events::ocsf::VERSION,
        "profiles": ["cloud"],
        "product": {"name": "Nexora", "vendor_name": "Nexora", "version": version},
    })
}

impl Finding {
    /// The finding as an OCSF 1.8.0 Detection Finding. `version` is that of the product which made it.
    #[must_use]
    pub fn to_ocsf(&self, version: &str) -> Value {
        let (severity_id, severity) = severity(self.severity);
        let evidence = |id: &String| json!({"data": {"event_id": id}});
        let mut evidences: Vec<Value> = self.event_ids.iter().map(evidence).collect();
        evidences.push(
            json!({"actor": {"user": {"name": self.principal, "uid": self.identity.map(|id| id.to_string())
            .unwrap_or_else(|| self.principal.clone())}}}),
        );
        json!({
            "activity_id": 1,
            "activity_name": "Create",
            "category_uid": 2,
            "category_name": "Findings",
            "class_uid": 2004,
            "class_name": "Detection Finding",
            "type_uid": 200_401,
            "severity_id": severity_id,
            "severity": severity,
            "time": self.last_seen.millis(),
            "start_time": self.first_seen.millis(),
            "end_time": self.last_seen.millis(),
            "count": self.count,
            "status_id": 1,
            "status": "New",
            "risk_score": self.score,
            "message": self.title,
            "metadata": metadata(version),
            "cloud": {"provider": "unknown"},
            "finding_info": {
                "uid": self.id.to_string(),
                "title": self.title,
                "desc": self.reasons.join("; "),
                "analytic": {"uid": self.rule, "name": self.title, "type_id": (if self.detector == crate::Detector::Behaviour { 2 } else { 1 })},
                "attacks": self.attack.iter().filter_map(|tag| attack(tag)).collect::<Vec<_>>(),
                "first_seen_time": self.first_seen.millis(),
                "last_seen_time": self.last_seen.millis(),
                "types": self.owasp,
            },
            "evidences": evidences,
        })
    }
}

impl Incident {
    /// The incident as an OCSF 1.8.0 Incident Finding. `version` is that of the product which made it.
    #[must_use]
    pub fn to_ocsf(&self, version: &str) -> Value {
        let (severity_id, severity) = severity(self.severity);
        let listed = |id: &base::Id<base::noun::Finding>| json!({"uid": id.to_string()});
        json!({
            "activity_id": 1,
            "activity_name": "Create",
            "category_uid": 2,
            "category_name": "Findings",
            "class_uid": 2005,
            "class_name": "Incident Finding",
            "type_uid": 200_501,
            "severity_id": severity_id,
            "severity": severity,
            "time": self.last_seen.millis(),
            "start_time": self.first_seen.millis(),
            "end_time": self.last_seen.millis(),
            "status_id": 1,
            "status": "New",
            "desc": self.principal,
            "count": self.findings.len(),
            "metadata": metadata(version),
            "cloud": {"provider": "unknown"},
            // Nobody is assigned yet, which the schema has no way to say but a name.
            "assignee": {"name": "unassigned"},
            "attacks": self.tactics.iter().map(|tactic| json!({"tactic": {"name": tactic}})).collect::<Vec<_>>(),
            "finding_info_list": self.findings.iter().map(listed).collect::<Vec<_>>(),
        })
    }
}
