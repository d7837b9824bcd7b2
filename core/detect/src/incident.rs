//! Incidents: the findings of one identity that belong to one attack, in the order of event time.
//!
//! Pure: the same findings in any order give the same incidents.

use crate::Finding;
use base::{Id, Severity, Timestamp, noun};
use std::collections::BTreeMap;

/// How long an identity may stay quiet, in seconds of event time, before what follows is another attack.
pub const QUIET_SECONDS: i64 = 24 * 3_600;

/// The tactics of ATT&CK in the order in which an attack usually takes them; `defense-evasion` is what older
/// rules call `stealth`.
const TACTICS: [&str; 15] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "stealth",
    "defense-impairment",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "exfiltration",
    "impact",
];

/// Several findings that one attack explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// The id of its first finding: an incident grows at its end.
    pub id: Id<noun::Finding>,
    /// Against whom; `None` where no identity stands behind the activities.
    pub identity: Option<Id<noun::Identity>>,
    /// The principal as the log names it.
    pub principal: String,
    /// The worst of its findings.
    pub severity: Severity,
    /// Its findings, by first event time.
    pub findings: Vec<Id<noun::Finding>>,
    /// The tactics of ATT&CK that its findings are of, in the order in which an attack takes them.
    pub tactics: Vec<&'static str>,
    /// Event time of the first activity.
    pub first_seen: Timestamp,
    /// Event time of the last activity.
    pub last_seen: Timestamp,
}

/// Groups findings into incidents: by identity (by the principal's name where there is none), cut where it
/// is quiet for more than [`QUIET_SECONDS`]. In order of their first activity. Cost: one sort.
#[must_use]
pub fn group(findings: &[Finding]) -> Vec<Incident> {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| (finding.first_seen, finding.id));
    let mut open: BTreeMap<(Option<Id<noun::Identity>>, &str), Incident> = BTreeMap::new();
    let mut closed = Vec::new();
    for finding in sorted {
        let principal = if finding.identity.is_some() { "" } else { finding.principal.as_str() };
        let key = (finding.identity, principal);
        let quiet =
            |incident: &Incident| finding.first_seen.seconds() - incident.last_seen.seconds() > QUIET_SECONDS;
        if open.get(&key).is_some_and(quiet) {
            closed.extend(open.remove(&key));
        }
        let incident = open.entry(key).or_insert_with(|| Incident {
            id: finding.id,
            identity: finding.identity,
            principal: finding.principal.clone(),
            severity: finding.severity,
            findings: Vec::new(),
            tactics: Vec::new(),
            first_seen: finding.first_seen,
            last_seen: finding.last_seen,
        });
        incident.severity = incident.severity.max(finding.severity);
        incident.last_seen = incident.last_seen.max(finding.last_seen);
        incident.findings.push(finding.id);
        let named = |tactic: &&'static str| {
            finding.attack.iter().any(|tag| tag.strip_prefix("attack.") == Some(*tactic))
        };
        let all = TACTICS.iter().copied();
        incident.tactics = all.filter(|tactic| named(tactic) || incident.tactics.contains(tactic)).collect();
    }
    closed.extend(open.into_values());
    closed.sort_by_key(|incident| (incident.first_seen, incident.id));
    closed
}
