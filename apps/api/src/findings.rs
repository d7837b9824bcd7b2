//! Operations on findings.

use crate::Page;
use crate::identities::StandingState;
use crate::operation::operations;
use base::{Id, Severity, Timestamp, noun};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

operations! {
    /// Lists findings, newest first.
    List: "findings.ls", Get "/api/v1/findings", FindingsRead, None, ListRequest => Page<Finding>;
    /// Shows one finding with its events as kept, the rule's text and what was done about it.
    Show: "findings.show", Get "/api/v1/findings/{finding}", FindingsRead, None, ShowRequest => Shown;
}

/// Which page of findings.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// Only those at least this bad.
    #[schemars(with = "Option<String>")]
    pub severity: Option<Severity>,
    /// Only those against this identity.
    #[schemars(with = "Option<String>")]
    pub identity: Option<Id<noun::Identity>>,
    /// How many, 1 to 1,000; else 100.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Which finding.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub finding: Id<noun::Finding>,
}

/// A finding, without its evidence.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Finding>,
    /// Which part of the engine: `rule`, `correlation`, `sequence`, `behaviour` or `system`.
    pub detector: String,
    /// The rule's id, or the signal's name.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// How bad.
    #[schemars(with = "String")]
    pub severity: Severity,
    /// 0 to 100.
    pub score: u8,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// ATT&CK tags.
    pub attack: Vec<String>,
    /// OWASP NHI tags.
    pub owasp: Vec<String>,
    /// Against whom.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Id<noun::Identity>>,
    /// The principal as the log names it.
    pub principal: String,
    /// Event time of the first activity.
    #[schemars(with = "String")]
    pub first_seen: Timestamp,
    /// Event time of the last activity.
    #[schemars(with = "String")]
    pub last_seen: Timestamp,
    /// Arrival of the last activity that may tip a quarantine, or, where none may, of the first.
    #[schemars(with = "String")]
    pub arrival: Timestamp,
    /// How many activities.
    pub count: u64,
    /// What `respond` did about it; absent while it has not come to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
}

/// What was done about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Response {
    /// `quarantined`, `proposed`, `observed` or `left`.
    pub decision: String,
    /// Why, as a code in snake case.
    pub reason: String,
    /// Arrival of the activity that decided it.
    #[schemars(with = "String")]
    pub arrival: Timestamp,
}

/// One finding in full.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The finding.
    pub finding: Finding,
    /// Whether its identity may act now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingState>,
    /// The native ids of the events in evidence.
    pub event_ids: Vec<String>,
    /// The events as kept: redacted.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub events: Vec<Box<RawValue>>,
    /// The text of the rule, where a rule speaks and the current pack holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_text: Option<String>,
}
