//! Correlations of ours speak on their positives, taken together and in order, and on no one of them alone.

use base::{Id, Timestamp};
use detect::{Correlator, Judge, ShardState};
use events::{Record, Redactor};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The ids of the rules and correlations that speak on these events.
fn spoken<'a>(judge: &Judge, events: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let (mut state, mut correlator) = (ShardState::default(), Correlator::default());
    let arrival = Timestamp::from_millis(1_800_000_000_000);
    let mut found = BTreeSet::new();
    for event in events {
        let record = Record::read(event.as_bytes(), &Redactor::unkeyed()).expect("an event");
        let activity = record.activity(judge.pack().fields()).expect("an activity");
        let findings =
            judge.judge_in_order(&mut state, &mut correlator, &activity, Id::from_bytes([1; 16]), arrival);
        found.extend(findings.into_iter().map(|finding| finding.rule));
    }
    found
}

#[test]
fn what_is_counted_is_found() {
    let judge = Judge::new(Arc::new(super::pack())).without_behaviour();
    let mut wrong = Vec::new();
    let mut count = 0;
    for correlation in judge.pack().correlations() {
        let rule = rules::ALL.iter().find(|rule| rule.name == correlation.path).expect("it is ours");
        let positive = || rule.positive.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        count += 1;
        if !spoken(&judge, positive()).contains(&correlation.id) {
            wrong.push(format!("{} does not speak on its positives", rule.name));
        }
        if spoken(&judge, positive().take(1)).contains(&correlation.id) {
            wrong.push(format!("{} speaks on one event alone", rule.name));
        }
        if spoken(&judge, rule.negative.lines()).contains(&correlation.id) {
            wrong.push(format!("{} speaks on its negatives", rule.name));
        }
    }
    assert!(count >= 5, "{count} correlations");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
