//! A finding: what the engine holds against an identity, and the evidence for it.
//!
//! Repeated hits of one detector's rule on one identity fold into one finding per hour of event time,
//! with a count, so that a loud attacker cannot flood the store. Its id is a hash of what makes it that
//! finding, so that a replay comes to the same one.

use base::{Id, Severity, Timestamp, digest, noun};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How many events a finding keeps as evidence: the first ones.
pub const MAX_EVIDENCE: usize = 20;

/// Which part of the engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detector {
    /// A Sigma rule.
    Rule,
    /// A Sigma correlation.
    Correlation,
    /// The steps of an attack, in order.
    Sequence,
    /// A behaviour signal.
    Behaviour,
    /// Nexora about itself, such as the brake on automatic quarantines.
    System,
}

impl Detector {
    /// Every part.
    pub const ALL: [Self; 5] = [Self::Rule, Self::Correlation, Self::Sequence, Self::Behaviour, Self::System];

    /// The detector in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Correlation => "correlation",
            Self::Sequence => "sequence",
            Self::Behaviour => "behaviour",
            Self::System => "system",
        }
    }
}

/// What is known of the activity that tipped a finding: the facts that `respond` decides by.
///
/// Each is set by the provider of the log, never by the caller it describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The provider had authenticated the actor.
    pub authenticated: bool,
    /// The call failed or was denied.
    pub failed: bool,
    /// The actor belongs to another account than the one that reports the activity.
    pub cross_account: bool,
    /// The actor is a human, or the session an interactive one.
    pub interactive: bool,
    /// The actor is a service of the cloud provider, or a service-linked role.
    pub provider_owned: bool,
}

/// One finding, folded over its hour.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finding {
    /// [`Finding::id_of`].
    pub id: Id<noun::Finding>,
    /// Which part of the engine.
    pub detector: Detector,
    /// The rule's id (a UUID for Sigma rules), or the behaviour signal's name.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// 0 to 100.
    pub score: u8,
    /// Why, in words: observed against expected.
    pub reasons: Vec<String>,
    /// ATT&CK tags, such as `attack.t1098`.
    pub attack: Vec<String>,
    /// OWASP NHI tags, such as `owasp.nhi5`.
    pub owasp: Vec<String>,
    /// Against whom; `None` where no identity stands behind the activity.
    pub identity: Option<Id<noun::Identity>>,
    /// The principal as the log names it.
    pub principal: String,
    /// The facts of the last activity that may tip a quarantine, or, where none may, of the first.
    pub trigger: Trigger,
    /// Event time of the first activity.
    pub first_seen: Timestamp,
    /// Event time of the last activity.
    pub last_seen: Timestamp,
    /// Arrival of the activity that [`Finding::trigger`] describes.
    pub arrival: Timestamp,
    /// How many activities.
    pub count: u64,
    /// The native ids of the activities in evidence.
    pub event_ids: Vec<String>,
    /// The first [`MAX_EVIDENCE`] events, redacted, as JSON.
    pub evidence: Vec<Box<RawValue>>,
}

impl Finding {
    /// The id of the finding that a hit belongs to: a hash of organization, detector, rule, identity (or
    /// principal) and hour of event time.
    #[must_use]
    pub fn id_of(
        organization: Id<noun::Organization>,
        detector: Detector,
        rule: &str,
        identity: Option<Id<noun::Identity>>,
        event_time: Timestamp,
    ) -> Id<noun::Finding> {
        let hour = event_time.seconds().div_euclid(3_600).to_be_bytes();
        let who: &[u8] = identity.as_ref().map_or(&[], |identity| identity.as_bytes());
        Id::derived(
            "nexora/finding/1",
            &[organization.as_bytes(), detector.as_str().as_bytes(), rule.as_bytes(), who, &hour],
        )
    }

    /// Takes in a later hit of the same finding.
    pub fn fold(&mut self, later: Self) {
        // The last one that may tip: whoever was released and does it again is judged by the new act.
        if later.trigger.may_tip() {
            self.arrival =
                if self.trigger.may_tip() { self.arrival.max(later.arrival) } else { later.arrival };
            self.trigger = later.trigger;
        }
        self.severity = self.severity.max(later.severity);
        self.score = self.score.max(later.score);
        self.first_seen = self.first_seen.min(later.first_seen);
        self.last_seen = self.last_seen.max(later.last_seen);
        self.count = self.count.saturating_add(later.count);
        let room = MAX_EVIDENCE.saturating_sub(self.evidence.len());
        self.event_ids.extend(later.event_ids.into_iter().take(room));
        self.evidence.extend(later.evidence.into_iter().take(room));
    }

    /// What an audit entry's hash covers: id, severity and count.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        digest::of_parts(
            "nexora/finding-digest/1",
            &[self.id.as_bytes(), self.severity.as_str().as_bytes(), &self.count.to_be_bytes()],
        )
    }
}

impl Trigger {
    /// Whether an activity of this kind may tip an automatic quarantine.
    #[must_use]
    pub const fn may_tip(self) -> bool {
        self.authenticated && !self.failed && !self.cross_account && !self.interactive && !self.provider_owned
    }
}

/// A text of the event, cut for a sentence.
pub(crate) fn clip(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
