//! A simulated organization that changes, before the judge, as a hunt judges it: our rules, correlations, sequences and behaviour.

use crate::Failure;
use base::{Id, Severity, Timestamp, noun};
use detect::{
    Correlator, Detector, Finding, Judge, Pack, RuleText, ShardState, behaviour, sequence, shard_of,
};
use events::{Record, Redactor};
use simulate::{Attacks, Event, Scenario, Spread};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Monday, 2 March 2026, 00:00 UTC.
const START: Timestamp = Timestamp::from_millis(1_772_409_600_000);
pub(crate) const IDENTITIES: u32 = if cfg!(debug_assertions) { 400 } else { 10_000 };
pub(crate) const DAYS: u64 = if cfg!(debug_assertions) { 5 } else { 14 };
/// Days that are judged and not counted.
pub(crate) const WARM_UP: u64 = 3;
/// Activities of an identity and day: five million in all, and a few more.
const RATE: f64 = 42.0;
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// The organization of this seed.
pub(crate) const fn scenario(seed: u64, spread: Spread, attacks: Attacks) -> Scenario {
    Scenario {
        seed,
        start: START,
        duration: Duration::from_secs(DAYS * 86_400),
        identities: IDENTITIES,
        rate: RATE,
        spread,
        attacks,
    }
}

/// Who acted, and what was found.
pub(crate) type Judged = (Option<Id<noun::Identity>>, Vec<Finding>);

/// The judge and what it remembers.
pub(crate) struct World {
    judge: Judge,
    shards: Vec<ShardState>,
    correlator: Correlator,
}

impl World {
    pub(crate) fn new() -> Result<Self, Failure> {
        let texts: Vec<_> =
            rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text }).collect();
        let (pack, skipped) = Pack::compile(&texts);
        if let Some(skipped) = skipped.first() {
            return Err(format!("{}: {}", skipped.path, skipped.reason).into());
        }
        let judge = Judge::new(Arc::new(pack.with_aliases()));
        let shards = vec![ShardState::default(); detect::SHARDS];
        Ok(Self { judge, shards, correlator: Correlator::default() })
    }

    /// Whose event it is, and its findings, as it arrives.
    pub(crate) fn judge(&mut self, event: &[u8], arrival: Timestamp) -> Result<Judged, Failure> {
        let record = Record::read(event, &Redactor::unkeyed());
        let record = record.map_err(|reason| format!("an event is refused: {reason:?}"))?;
        let activity = record.activity(self.judge.pack().fields());
        let activity = activity.map_err(|reason| format!("an event is no activity: {reason:?}"))?;
        let organization = Id::from_bytes([1; 16]);
        let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
        behaviour::advance(&mut self.shards, arrival);
        let state = &mut self.shards[shard_of(identity)];
        let found = self.judge.judge_in_order(state, &mut self.correlator, &activity, organization, arrival);
        sequence::deliver(&mut self.shards);
        Ok((identity, found))
    }
}

/// Whether a finding would cut its identity off where the response is automatic.
pub(crate) fn cuts(finding: &Finding) -> bool {
    finding.severity >= Severity::High && finding.trigger.may_tip() && finding.identity.is_some()
}

/// What was seen of an organization to which nothing happens, after its warm-up.
#[derive(Default)]
pub(crate) struct Baseline {
    /// In all, with the warm-up.
    pub(crate) all: u64,
    pub(crate) activities: u64,
    /// Activities with any finding at all.
    pub(crate) with_finding: u64,
    /// Identities that would have been cut off, the warm-up included.
    pub(crate) cut: HashSet<Id<noun::Identity>>,
    /// Findings of medium or higher, folded by their hour.
    findings: HashMap<Id<noun::Finding>, Finding>,
    /// How often each detector's rule spoke, by its title: in all, and as medium or higher.
    pub(crate) by_rule: BTreeMap<(Detector, String), (u64, u64)>,
}

impl Baseline {
    /// Judges all of it.
    pub(crate) fn of(scenario: &Scenario) -> Result<Self, Failure> {
        let mut world = World::new()?;
        let mut seen = Self::default();
        let counted = scenario.start + DAY * u32::try_from(WARM_UP)?;
        for event in scenario.simulate()?.changing() {
            let (_, found) = world.judge(event.json.as_bytes(), event.time)?;
            seen.all += 1;
            seen.cut.extend(found.iter().filter(|one| cuts(one)).filter_map(|one| one.identity));
            if event.time < counted {
                continue;
            }
            seen.activities += 1;
            seen.with_finding += u64::from(!found.is_empty());
            found.into_iter().for_each(|finding| seen.keep(finding));
        }
        Ok(seen)
    }

    fn keep(&mut self, mut finding: Finding) {
        let medium = finding.severity >= Severity::Medium;
        let counts = self.by_rule.entry((finding.detector, finding.title.clone())).or_default();
        counts.0 += 1;
        counts.1 += u64::from(medium);
        if medium {
            (finding.evidence, finding.event_ids) = (Vec::new(), Vec::new());
            match self.findings.get_mut(&finding.id) {
                Some(first) => first.fold(finding),
                None => drop(self.findings.insert(finding.id, finding)),
            }
        }
    }

    /// Incidents of medium or higher, by the day on which they begin.
    pub(crate) fn incidents(&self, scenario: &Scenario) -> BTreeMap<u64, u64> {
        let findings: Vec<_> = self.findings.values().cloned().collect();
        let mut by_day = BTreeMap::new();
        for incident in detect::incident::group(&findings) {
            *by_day.entry(incident.first_seen.since(scenario.start).as_secs() / 86_400).or_default() += 1;
        }
        by_day
    }
}

/// What was seen of one injected chain.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    pub(crate) events: u32,
    /// Its first finding of medium or higher on one of its own events: at which of them, and by what.
    pub(crate) found: Option<(u32, Detector)>,
    /// Whether that was before its last step.
    pub(crate) before_last: bool,
    /// Whether behaviour alone had a finding of medium before its last step.
    pub(crate) by_behaviour: bool,
    /// Whether one of its identities would have been cut off before its last step.
    pub(crate) cut: bool,
}

/// What was seen of the labelled events of one technique.
#[derive(Debug, Default)]
pub(crate) struct Technique {
    pub(crate) events: u64,
    /// With a finding on it, of any severity; of medium or higher.
    pub(crate) any: u64,
    pub(crate) medium: u64,
    /// Chains that use it; those in which it has a finding of any severity.
    pub(crate) chains: HashSet<String>,
    pub(crate) told: HashSet<String>,
}

/// What was seen of the injected attacks.
#[derive(Default)]
pub(crate) struct Attacked {
    /// By name, such as `stolen-key/2`.
    pub(crate) chains: BTreeMap<String, Chain>,
    pub(crate) techniques: BTreeMap<String, Technique>,
    /// Identities beside the victims that would have been cut off.
    pub(crate) cut: HashSet<Id<noun::Identity>>,
}

impl Attacked {
    /// Judges all of it.
    pub(crate) fn of(scenario: &Scenario) -> Result<Self, Failure> {
        let mut world = World::new()?;
        let mut seen = Self::default();
        let mut victims: HashSet<Id<noun::Identity>> = HashSet::new();
        for event in scenario.simulate()?.changing() {
            let (identity, found) = world.judge(event.json.as_bytes(), event.time)?;
            if event.label.is_some() {
                victims.extend(identity);
                seen.labelled(&event, &found);
            } else {
                seen.cut.extend(found.iter().filter(|one| cuts(one)).filter_map(|one| one.identity));
            }
        }
        // What a victim does by itself after its attack belongs to that.
        seen.cut.retain(|identity| !victims.contains(identity));
        Ok(seen)
    }

    fn labelled(&mut self, event: &Event, found: &[Finding]) {
        let Some(label) = &event.label else { return };
        let worst = found.iter().max_by_key(|finding| finding.severity);
        let medium = worst.filter(|finding| finding.severity >= Severity::Medium);
        let chain = self.chains.entry(label.chain.clone()).or_default();
        chain.events += 1;
        if let (Some(finding), None) = (medium, chain.found) {
            chain.found = Some((chain.events, finding.detector));
            chain.before_last = !label.last;
        }
        let behaviour =
            |one: &Finding| one.detector == Detector::Behaviour && one.severity >= Severity::Medium;
        chain.by_behaviour |= !label.last && found.iter().any(behaviour);
        chain.cut |= !label.last && found.iter().any(cuts);
        let technique = self.techniques.entry(label.technique.clone()).or_default();
        technique.events += 1;
        technique.any += u64::from(!found.is_empty());
        technique.medium += u64::from(medium.is_some());
        technique.chains.insert(label.chain.clone());
        if !found.is_empty() {
            technique.told.insert(label.chain.clone());
        }
    }
}
