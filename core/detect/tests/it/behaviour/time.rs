//! What is learned at its time, and what is only judged by rules.

use super::world::{Act, DAY, START, organization};
use crate::event;
use base::Timestamp;
use detect::ShardState;
use detect::behaviour::RulesOnly;
use serde_json::json;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

/// One activity of a source, and when it arrived.
fn seen(state: &mut ShardState, time: i64, arrival: i64) -> Option<RulesOnly> {
    Act::of(1, time).with(|activity| state.observe(activity, organization(), at(arrival), None)).err()
}

#[test]
fn too_early_and_too_late_are_left_to_the_rules_and_counted() {
    let mut state = ShardState::default();
    assert_eq!(seen(&mut state, START, START + 5), None);
    let learned = state.clone();
    assert_eq!(seen(&mut state, START + 3_600, START + 10), Some(RulesOnly::Ahead));
    assert_eq!(seen(&mut state, 1_262_303_999, START + 10), Some(RulesOnly::Ancient));
    assert_eq!(state.risk(Act::of(1, 0).identity()), learned.risk(Act::of(1, 0).identity()));
    // Neither moved the watermark: what is on time is still so.
    assert_eq!(seen(&mut state, START + 60, START + 70), None);
    assert_eq!(seen(&mut state, START + 60 - 1_800, START + 80), None, "thirty minutes late");
    assert_eq!(seen(&mut state, START + 60 - 1_860, START + 80), Some(RulesOnly::Late { seconds: 1_860 }));
    let passed = state.passed_over();
    assert_eq!((passed.ahead, passed.ancient, passed.late), (1, 1, 1));
}

#[test]
fn what_is_a_little_late_is_inserted_at_its_time() {
    // The same hour of work, in order and shuffled within half an hour: nearly the same is known of it after.
    let run = |shuffled: bool| {
        let mut state = ShardState::default();
        let mut last = None;
        for step in 0..3_000_i64 {
            let place = if shuffled { step ^ 1 } else { step };
            let time = START + place * 600;
            last = Act::of(1, time).with(|one| state.observe(one, organization(), at(time + 900), None)).ok();
        }
        (state, last.expect("all are on time"))
    };
    let ((one, first), (other, second)) = (run(false), run(true));
    assert_eq!(other.passed_over().late, 0);
    assert!((first.p() - second.p()).abs() < 0.2 && (first.risk - second.risk).abs() < 0.5);
    assert_eq!((one.len(), one.waiting()), (other.len(), other.waiting()));
}

#[test]
fn a_rule_s_finding_on_what_came_too_late_says_so() {
    let judge = crate::judging::judge();
    let mut state = ShardState::default();
    let mut judged = |time: &str, name: &str, arrival: &str| {
        let record = event(json!({
            "eventTime": time, "eventSource": "cloudtrail.amazonaws.com", "eventName": name, "readOnly": false
        }));
        let activity = record.activity(judge.pack().fields()).expect("an activity");
        judge.judge(&mut state, &activity, organization(), arrival.parse().expect("RFC 3339"))
    };
    assert!(judged("2026-03-02T08:00:00Z", "ListRoles", "2026-03-02T08:01:00Z").is_empty());
    let late = judged("2026-03-02T07:13:00Z", "StopLogging", "2026-03-02T08:02:00Z");
    let reason = "it is 47 minutes behind the latest activity of its source; expected at most 30";
    assert!(late[0].reasons.iter().any(|one| one.contains(reason)), "{:?}", late[0].reasons);
    let ahead = judged("2026-03-02T09:00:00Z", "StopLogging", "2026-03-02T08:02:00Z");
    assert!(
        ahead[0].reasons.iter().any(|one| one.contains("ahead of its arrival")),
        "{:?}",
        ahead[0].reasons
    );
}

#[test]
fn a_long_silence_costs_no_more_than_a_short_one() {
    let mut state = ShardState::default();
    for year in 0..10 {
        assert_eq!(seen(&mut state, START + year * 365 * DAY, START + year * 365 * DAY), None);
    }
    assert_eq!(state.len(), 1);
}
