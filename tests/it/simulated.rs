//! The simulator before the judge: benign identities do nothing that would cut them off, attacks are found.

use base::{Id, Severity, Timestamp};
use detect::{
    Correlator, Finding, Judge, Pack, RuleText, SHARDS, ShardState, behaviour, incident, sequence, shard_of,
};
use events::{Record, Redactor};
use simulate::{Attacks, Event, Plot, Scenario, Spread};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// What the judge said of each event: its findings without their evidence, and whether one would cut its actor off.
struct Judged {
    event: Event,
    findings: Vec<Finding>,
    tips: bool,
}

impl Judged {
    fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

fn judge(scenario: &Scenario) -> Vec<Judged> {
    let texts: Vec<_> = rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text }).collect();
    let (pack, skipped) = Pack::compile(&texts);
    assert!(skipped.is_empty(), "{skipped:#?}");
    let judge = Judge::new(Arc::new(pack));
    let organization = Id::from_bytes([1; 16]);
    let (mut shards, mut correlator) = (vec![ShardState::default(); SHARDS], Correlator::default());
    let mut judged = Vec::new();
    for event in scenario.simulate().expect("a valid scenario") {
        let record = Record::read(event.json.as_bytes(), &Redactor::unkeyed())
            .unwrap_or_else(|reason| panic!("{reason:?}: {}", event.json));
        let activity = record.activity(judge.pack().fields()).expect("an activity");
        let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
        behaviour::advance(&mut shards, event.time);
        let state = &mut shards[shard_of(identity)];
        let mut findings = judge.judge_in_order(state, &mut correlator, &activity, organization, event.time);
        sequence::deliver(&mut shards);
        let tips =
            findings.iter().any(|finding| finding.severity >= Severity::High && finding.trigger.may_tip());
        findings.iter_mut().for_each(|finding| finding.evidence.clear());
        judged.push(Judged { event, findings, tips });
    }
    judged
}

#[test]
fn no_benign_identity_of_the_demo_is_cut_off_and_the_stolen_key_is() {
    let judged = judge(&Scenario::demo());
    let mut cut: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut noisy = 0;
    for one in &judged {
        match &one.event.label {
            None => {
                assert!(!one.tips, "{:?}: {}", one.findings, one.event.json);
                noisy += usize::from(one.worst() >= Some(Severity::Medium));
            }
            Some(label) if one.tips => {
                cut.entry(label.chain.clone()).or_default().insert(label.identity.clone());
            }
            Some(_) => {}
        }
    }
    let chains = Scenario::demo().simulate().expect("a valid scenario").chains().to_vec();
    let stolen = chains.iter().find(|chain| chain.plot == Plot::StolenKey).expect("a stolen key");
    assert!(cut.get(&stolen.name).is_some_and(|cut| cut.contains(&stolen.identity)), "{cut:?}");
    let all: BTreeSet<&String> = cut.values().flatten().collect();
    assert!((2..=5).contains(&all.len()), "several, and fewer than the brake allows: {cut:?}");
    assert!(noisy * 100 < judged.len(), "{noisy} benign activities have a finding of medium or higher");
}

/// The short form of `make bench-detect`: a thousand identities and two days, in which nobody comes to have habits.
fn two_days(attacks: Attacks) -> Scenario {
    Scenario {
        seed: 20_260_302,
        start: Timestamp::from_millis(1_772_409_600_000),
        duration: Duration::from_secs(2 * 86_400),
        identities: 1_000,
        rate: 10.0,
        spread: Spread::Zipf,
        attacks,
    }
}

#[test]
fn two_ordinary_days_of_a_thousand_identities_are_quiet() {
    let judged = judge(&two_days(Attacks::None));
    let told = judged.iter().filter(|one| !one.findings.is_empty()).count();
    assert!(judged.len() > 15_000 && told * 100 <= judged.len(), "{told} of {} with a finding", judged.len());
    let mut severe: HashMap<_, Finding> = HashMap::new();
    for one in judged {
        assert!(!one.tips, "{:?}: {}", one.findings, one.event.json);
        for finding in one.findings.into_iter().filter(|finding| finding.severity >= Severity::Medium) {
            match severe.get_mut(&finding.id) {
                Some(first) => first.fold(finding),
                None => drop(severe.insert(finding.id, finding)),
            }
        }
    }
    let severe: Vec<Finding> = severe.into_values().collect();
    let incidents = incident::group(&severe);
    assert!(incidents.len() <= 40, "twenty a day: {incidents:#?}");
}

#[test]
fn of_the_attacks_of_two_days_those_that_rules_know_are_found_before_their_last_step() {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for one in judge(&two_days(Attacks::Count(26))) {
        let medium = one.worst() >= Some(Severity::Medium);
        match &one.event.label {
            None => assert!(!one.tips, "{:?}: {}", one.findings, one.event.json),
            Some(label) => *found.entry(label.chain.clone()).or_default() |= medium && !label.last,
        }
    }
    assert_eq!(found.len(), 26);
    let missed: BTreeSet<&str> =
        found.iter().filter(|(_, found)| !**found).filter_map(|(chain, _)| chain.split('/').next()).collect();
    // What these do before their last step is harmless by itself: it takes habits to see that it is not theirs.
    assert_eq!(missed, BTreeSet::from(["database-copy", "hijack", "shared-snapshot"]));
}
