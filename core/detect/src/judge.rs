//! The judge: one activity in, its findings out.

use crate::behaviour::{self, RulesOnly, Signal, Verdict};
use crate::correlate::{Correlator, Hit};
use crate::crowd::Crowd;
use crate::finding::{Detector, Finding, MAX_EVIDENCE, Trigger, clip};
use crate::pack::Pack;
use crate::sequence::{self, Reached};
use crate::sigma::Rule;
use crate::state::ShardState;
use base::{Id, Severity, Timestamp, noun};
use events::{Activity, Facts};
use serde_json::value::RawValue;
use std::sync::Arc;

/// The rule of a finding that an identity's memory is filled on purpose, or might as well be.
const FLOODED: &str = "habits-flooded";

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

    /// Judges one activity: a finding for each rule that matches, by rule id, then what behaviour tells and the sequences reached.
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
        let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
        self.with(state, None, (activity, identity), organization, arrival)
    }

    /// The same, where the id of the identity that acted is known already, as [`shard_of`](crate::shard_of) asks for it.
    #[must_use]
    pub fn judge_of(
        &self,
        state: &mut ShardState,
        activity: &Activity<'_>,
        identity: Option<Id<noun::Identity>>,
        organization: Id<noun::Organization>,
        arrival: Timestamp,
    ) -> Vec<Finding> {
        self.with(state, None, (activity, identity), organization, arrival)
    }

    /// The same, and a finding for each correlation that matches now. Here activities must come in the order of
    /// event time, of all identities together: correlations group by whatever they like. There is no store behind it,
    /// and nobody is told of together with others.
    #[must_use]
    pub fn judge_in_order(
        &self,
        state: &mut ShardState,
        correlator: &mut Correlator,
        activity: &Activity<'_>,
        organization: Id<noun::Organization>,
        arrival: Timestamp,
    ) -> Vec<Finding> {
        let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
        self.with(state, Some(correlator), (activity, identity), organization, arrival)
    }

    fn with(
        &self,
        state: &mut ShardState,
        correlator: Option<&mut Correlator>,
        (activity, identity): (&Activity<'_>, Option<Id<noun::Identity>>),
        organization: Id<noun::Organization>,
        arrival: Timestamp,
    ) -> Vec<Finding> {
        if self.behaviour {
            // It is far away in memory; meanwhile the rules are asked.
            state.reach(identity);
        }
        let case = Case { activity, organization, identity, arrival };
        let stored = correlator.is_none();
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
        let verdict = if self.behaviour {
            behaviour::observe(state, activity, organization, identity, arrival, worst, false)
        } else {
            let source = behaviour::source(activity, organization.as_bytes());
            state.watermarks.admit(source, activity.time, arrival).and(Err(RulesOnly::Unknown))
        };
        match &verdict {
            Ok(verdict) => {
                if worst >= Some(Severity::High) {
                    // What is severe by itself is not told again; what is out of character with it is.
                    let reasons = &verdict.reasons;
                    findings.iter_mut().for_each(|finding| finding.reasons.extend(reasons.iter().cloned()));
                }
                findings.extend(by_behaviour(&case, verdict));
            }
            Err(why) => tell_why(*why, &mut findings),
        }
        let reached =
            sequence::observe(state, activity, self.pack.fields(), organization, identity, &verdict);
        findings.extend(reached.into_iter().map(|reached| by_sequence(&case, reached)));
        let severe = findings.iter().any(|finding| finding.severity >= Severity::High);
        if let (Some(identity), true, true) = (identity, severe, verdict.is_ok()) {
            // Of a rule it is known before; of a correlation or a sequence only now.
            state.opened(identity, activity.time);
        }
        if stored && !findings.is_empty() {
            let credible = !verdict.is_err_and(|why| why.is_of_time());
            if !(credible && state.knows_well(identity)) {
                together(&mut state.crowd, organization, arrival, &mut findings);
            }
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

/// Of the unknown only so many are told of one by one.
fn together(
    crowd: &mut Crowd,
    organization: Id<noun::Organization>,
    arrival: Timestamp,
    findings: &mut [Finding],
) {
    for finding in findings.iter_mut().filter(|finding| finding.detector != Detector::Sequence) {
        if !crowd.admit(finding, organization, arrival) {
            Crowd::join(finding, organization, arrival);
        }
    }
}

/// What was judged by rules alone because of its time says so.
fn tell_why(why: RulesOnly, findings: &mut [Finding]) {
    if let Some(reason) = why.reason() {
        findings.iter_mut().for_each(|finding| finding.reasons.push(reason.clone()));
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

fn by_sequence(case: &Case<'_, '_>, reached: Reached) -> Finding {
    Finding {
        attack: reached.attack.iter().copied().map(str::to_owned).collect(),
        reasons: reached.reasons,
        ..case.finding(Detector::Sequence, reached.id, reached.title, reached.severity)
    }
}

/// What behaviour has to tell: the finding of the activity, and that its identity's memory is being filled.
fn by_behaviour(case: &Case<'_, '_>, verdict: &Verdict) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let (Some(severity), Some(signal)) = (verdict.severity, verdict.top) {
        findings.push(Finding {
            score: verdict.score(),
            attack: vec!["attack.t1078.004".to_owned()],
            reasons: verdict.reasons.clone(),
            ..case.finding(Detector::Behaviour, signal.as_str(), title(signal), severity)
        });
    }
    if verdict.flooding {
        let mut reasons = vec![
            "it did as many new things within a day as half of its memory holds; expected a few".to_owned(),
        ];
        reasons.extend(verdict.reasons.iter().cloned());
        let title = "An identity's memory of habits is filled at once";
        findings.push(Finding {
            attack: vec!["attack.t1078.004".to_owned()],
            reasons,
            ..case.finding(Detector::Behaviour, FLOODED, title, Severity::Medium)
        });
    }
    findings
}

const fn title(signal: Signal) -> &'static str {
    match signal {
        Signal::Action => "First use of an action",
        Signal::Network => "First call from a network",
        Signal::Region => "First call in a region",
        Signal::Agent => "First call by a kind of client",
        Signal::Target => "First touch of a thing",
        Signal::Pair => "Actions in an order never seen",
        Signal::Hourly => "More calls than usual at this hour",
        Signal::Burst => "A burst of calls",
        Signal::Daily => "More calls than usual in a day",
        Signal::Targets => "More different things touched than usual",
        Signal::Actions => "More different actions than usual",
        Signal::Hour => "Work at an unusual hour",
        Signal::Edge => "A burst of one action",
        Signal::Mixed => "A rare combination of values",
        Signal::Space => "Unlike any of its peers",
    }
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
