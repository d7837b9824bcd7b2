//! The judge: one activity in, its findings out.

use crate::correlate::{Correlator, Hit};
use crate::finding::{Detector, Finding, MAX_EVIDENCE, Trigger};
use crate::pack::Pack;
use crate::profile::{self, FIRST_SEEN_ACTION, clip};
use crate::sigma::Rule;
use crate::state::ShardState;
use base::{Id, Severity, Timestamp, noun};
use events::{Activity, Facts};
use serde_json::value::RawValue;
use std::sync::Arc;

/// How many of the values that made a rule match are told as reasons.
const MAX_REASONS: usize = 8;

/// Judges activities by a pack and by the behaviour of their identities. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Judge {
    pack: Arc<Pack>,
    behaviour: bool,
}

/// What every finding of one activity has in common.
struct Case<'a, 'e> {
    activity: &'a Activity<'e>,
    organization: Id<noun::Organization>,
    identity: Option<Id<noun::Identity>>,
    arrival: Timestamp,
}

impl Judge {
    /// A judge by these rules and by behaviour.
    #[must_use]
    pub const fn new(pack: Arc<Pack>) -> Self {
        Self { pack, behaviour: true }
    }

    /// The same judge, by rules alone.
    #[must_use]
    pub fn without_behaviour(self) -> Self {
        Self { behaviour: false, ..self }
    }

    /// Its rules.
    #[must_use]
    pub const fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }

    /// Judges one activity: a finding for each rule that matches, by rule id, then the behaviour signal.
    /// The state must be that of the identity's shard ([`shard_of`](crate::shard_of)), and activities must
    /// come in the shard's order. Findings count one activity each; repeated ones fold by their id.
    ///
    /// Windows and ages use the activity's time; an activity that claims to be more than five minutes
    /// ahead of its arrival, or older than 2010, is judged by rules and never learned.
    #[must_use]
    pub fn judge(
        &self,
        state: &mut ShardState,
        activity: &Activity<'_>,
        organization: Id<noun::Organization>,
        arrival: Timestamp,
    ) -> Vec<Finding> {
        self.with(state, None, activity, organization, arrival)
    }

    /// The same, and a finding for each correlation that matches now. Here activities must come in the order of
    /// event time, of all identities together: correlations group by whatever they like.
    #[must_use]
    pub fn judge_in_order(
        &self,
        state: &mut ShardState,
        correlator: &mut Correlator,
        activity: &Activity<'_>,
        organization: Id<noun::Organization>,
        arrival: Timestamp,
    ) -> Vec<Finding> {
        self.with(state, Some(correlator), activity, organization, arrival)
    }

    fn with(
        &self,
        state: &mut ShardState,
        correlator: Option<&mut Correlator>,
        activity: &Activity<'_>,
        organization: Id<noun::Organization>,
        arrival: Timestamp,
    ) -> Vec<Finding> {
        let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
        let case = Case { activity, organization, identity, arrival };
        let rules = self.pack.matches(activity);
        let worst = rules.iter().map(|rule| rule.severity).max();
        let hits = correlator.map_or_else(Vec::new, |correlator| {
            correlator.observe(&self.pack, &rules, &activity.fields, activity.time, activity.event_id)
        });
        let speaking = rules.into_iter().filter(|rule| self.pack.speaks(rule));
        let mut findings: Vec<_> = speaking.map(|rule| self.by_rule(&case, rule)).collect();
        findings.extend(
            hits.iter().filter(|hit| self.pack.tells(hit.correlation)).map(|hit| by_correlation(&case, hit)),
        );
        if self.behaviour {
            findings.extend(by_behaviour(&case, state, worst >= Some(Severity::High)));
        }
        findings
    }

    fn by_rule(&self, case: &Case<'_, '_>, rule: &Rule) -> Finding {
        let values = self.pack.evidence(rule, case.activity).into_iter().take(MAX_REASONS);
        let reasons = values.map(|(path, value)| format!("`{}` is `{}`", clip(path), clip(&value)));
        Finding {
            attack: rule.attack().map(str::to_owned).collect(),
            owasp: rule.owasp().map(str::to_owned).collect(),
            reasons: reasons.collect(),
            ..case.finding(Detector::Rule, &rule.id, &rule.title, rule.severity)
        }
    }
}

/// On the activity that completed it, and with the ids of all.
fn by_correlation(case: &Case<'_, '_>, hit: &Hit<'_>) -> Finding {
    let correlation = hit.correlation;
    let named =
        |prefix: &str| correlation.tags.iter().filter(|tag| tag.starts_with(prefix)).cloned().collect();
    Finding {
        attack: named("attack."),
        owasp: named("owasp."),
        reasons: vec![correlation.told(hit.value)],
        event_ids: hit.event_ids.iter().take(MAX_EVIDENCE).map(|id| clip(id)).collect(),
        ..case.finding(Detector::Correlation, &correlation.id, &correlation.title, correlation.severity)
    }
}

/// Only what the provider vouches for, of machines, is learned and can be out of character.
fn by_behaviour(case: &Case<'_, '_>, state: &mut ShardState, severe: bool) -> Option<Finding> {
    let (activity, identity) = (case.activity, case.identity?);
    let facts = activity.actor.facts;
    let ours = facts.authenticated && !facts.failed && !facts.cross_account;
    let machine = !facts.interactive && !facts.provider_owned;
    if !ours || !machine || !profile::credible(activity.time, case.arrival) {
        return None;
    }
    let profile = if activity.actor.creates {
        state.profile_or_new(identity, activity.time.micros())
    } else {
        state.profile(identity)?
    };
    let signal = profile.observe(activity, case.organization, severe)?;
    Some(Finding {
        attack: vec!["attack.t1078.004".to_owned()],
        reasons: signal.reasons,
        ..case.finding(Detector::Behaviour, FIRST_SEEN_ACTION, &signal.title, signal.severity)
    })
}

impl Case<'_, '_> {
    fn finding(&self, detector: Detector, rule: &str, title: &str, severity: Severity) -> Finding {
        let activity = self.activity;
        Finding {
            id: Finding::id_of(self.organization, detector, rule, self.identity, activity.time),
            detector,
            rule: rule.to_owned(),
            title: title.to_owned(),
            severity,
            score: score(severity),
            reasons: Vec::new(),
            attack: Vec::new(),
            owasp: Vec::new(),
            identity: self.identity,
            principal: clip(&activity.actor.name),
            trigger: trigger(activity.actor.facts),
            first_seen: activity.time,
            last_seen: activity.time,
            arrival: self.arrival,
            count: 1,
            event_ids: activity.event_id.iter().map(|id| clip(id)).collect(),
            evidence: RawValue::from_string(activity.raw.to_owned()).into_iter().collect(),
        }
    }
}

/// The score of a single signal of this severity, 0 to 100.
const fn score(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 5,
        Severity::Low => 25,
        Severity::Medium => 50,
        Severity::High => 75,
        Severity::Critical => 95,
    }
}

const fn trigger(facts: Facts) -> Trigger {
    let Facts { authenticated, failed, cross_account, interactive, provider_owned } = facts;
    Trigger { authenticated, failed, cross_account, interactive, provider_owned }
}
