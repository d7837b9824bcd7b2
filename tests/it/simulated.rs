//! The simulator before the judge: benign identities do nothing that would cut them off, attacks are found.

use base::{Id, Severity, Timestamp};
use detect::{Judge, Pack, RuleText, ShardState};
use events::{Record, Redactor};
use simulate::{Attacks, Event, Plot, Scenario, Spread};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What the judge said of each event: its findings' titles with their severities, and whether one would
/// cut its actor off.
struct Judged {
    event: Event,
    findings: Vec<(Severity, String)>,
    tips: bool,
}

fn judge(scenario: &Scenario) -> Vec<Judged> {
    let texts: Vec<_> = rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text }).collect();
    let (pack, skipped) = Pack::compile(&texts);
    assert!(skipped.is_empty(), "{skipped:#?}");
    let judge = Judge::new(Arc::new(pack));
    let mut state = ShardState::default();
    let arrival = Timestamp::from_millis(1_800_000_000_000);
    let mut judged = Vec::new();
    for event in scenario.simulate().expect("a valid scenario") {
        let record = Record::read(event.json.as_bytes(), &Redactor::unkeyed())
            .unwrap_or_else(|reason| panic!("{reason:?}: {}", event.json));
        let activity = record.activity(judge.pack().fields()).expect("an activity");
        let found = judge.judge(&mut state, &activity, Id::from_bytes([1; 16]), arrival);
        let tips =
            found.iter().any(|finding| finding.severity >= Severity::High && finding.trigger.may_tip());
        let findings = found.into_iter().map(|finding| (finding.severity, finding.title)).collect();
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
                noisy += usize::from(one.findings.iter().any(|(severity, _)| *severity >= Severity::Medium));
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

#[test]
fn every_plot_but_one_is_found_and_no_benign_identity_is_cut_off_in_a_larger_world() {
    let scenario = Scenario {
        seed: 20_260_302,
        start: Timestamp::from_millis(1_772_409_600_000),
        duration: Duration::from_secs(4 * 86_400),
        identities: 300,
        rate: 24.0,
        spread: Spread::Uniform,
        attacks: Attacks::Count(13),
    };
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for one in judge(&scenario) {
        match &one.event.label {
            None => assert!(!one.tips, "{:?}: {}", one.findings, one.event.json),
            Some(label) => {
                let medium = one.findings.iter().any(|(severity, _)| *severity >= Severity::Medium);
                *found.entry(label.chain.clone()).or_default() |= medium;
            }
        }
    }
    assert_eq!(found.len(), 13);
    let missed: Vec<&str> =
        found.iter().filter(|(_, found)| !**found).map(|(chain, _)| chain.as_str()).collect();
    // A stolen key that only asks models makes calls that are each harmless: a matter for the behaviour
    // models, which this engine does not have yet.
    assert_eq!(missed, ["models/12"]);
}
