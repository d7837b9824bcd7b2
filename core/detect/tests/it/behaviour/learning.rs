//! What is learned, when, and what is not.

use super::world::{Act, DAY, HOUR, START, Shards, benign};
use base::{Severity, Timestamp};
use detect::behaviour::{Disposition, Signal, Verdict};
use detect::{ShardState, shard_of};

/// Thirty days of forty identities, then what a test has to say of one of them.
fn settled(days: i64) -> (Shards, i64) {
    let mut shards = Shards::new(5_000);
    for act in benign(5, 40, days, 60.0) {
        assert!(shards.sees(&act).is_ok());
    }
    (shards, START + days * DAY)
}

fn verdict(shards: &mut Shards, act: &Act) -> Verdict {
    match shards.sees(act) {
        Ok(verdict) => verdict,
        Err(why) => unreachable!("it is vouched for: {why:?}"),
    }
}

fn waiting(shards: &Shards) -> usize {
    shards.states.iter().map(ShardState::waiting).sum()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

/// An attacker's call with the key of somebody else.
fn stolen(who: u64, time: i64, service: &'static str, action: &str) -> Act {
    let act = Act::of(who, time).calls(service, action);
    Act { from: "203.0.113.9".to_owned(), agent: "aws-cli/2.18.5", region: "us-west-2", ..act }
}

#[test]
fn a_stolen_key_is_found_within_a_few_harmless_calls_and_the_reasons_say_why() {
    let (mut shards, now) = settled(30);
    let first = verdict(&mut shards, &stolen(3, now + HOUR, "sts.amazonaws.com", "GetCallerIdentity"));
    assert!(first.p() < 1e-3 && first.severity.is_some(), "{first:?}");
    let reasons = first.reasons.join("\n");
    assert!(reasons.contains("first `sts:GetCallerIdentity` in 29 days; 0 of 40 peers"), "{reasons}");
    assert!(reasons.contains("first call from 203.0.113.0/24 in 29 days; 0 of 40 peers"), "{reasons}");
    let mut worst = first.severity;
    for (step, action) in ["ListFoundationModels", "GetFoundationModel", "InvokeModel"].iter().enumerate() {
        let time = now + HOUR + 60 * (1 + step as i64);
        worst = worst.max(verdict(&mut shards, &stolen(3, time, "bedrock.amazonaws.com", action)).severity);
    }
    assert_eq!(worst, Some(Severity::Medium));
    assert!(waiting(&shards) > 4, "and none of it is learned");
}

#[test]
fn a_legitimate_deployment_stops_alerting_within_a_day() {
    let (mut shards, now) = settled(30);
    let mut told = [0, 0, 0];
    for (day, told) in told.iter_mut().enumerate() {
        for hour in 8..18 {
            for call in 0..6_usize {
                // Three new actions, twice the work, from where it always works.
                let time = now + day as i64 * DAY + hour * HOUR + call as i64 * 500;
                let action = ["StartExecution", "DescribeExecution", "SendTaskSuccess"][call % 3];
                let act = Act::of(7, time).calls("states.amazonaws.com", action);
                *told += usize::from(verdict(&mut shards, &act).severity.is_some());
            }
        }
    }
    assert!(told[0] > 0, "a new service is told: {told:?}");
    assert!(told[0] < 12 && told[1..] == [0, 0], "and told once: {told:?}");
}

#[test]
fn what_waits_is_learned_after_fourteen_quiet_days() {
    let (mut shards, now) = settled(30);
    let act =
        |day: i64| Act::of(7, now + day * DAY + 9 * HOUR).calls("states.amazonaws.com", "StartExecution");
    let before = waiting(&shards);
    assert!(verdict(&mut shards, &act(0)).severity.is_some());
    assert!(waiting(&shards) > before);
    for day in 1..14 {
        assert_eq!(verdict(&mut shards, &act(day)).severity, None, "day {day}");
        assert!(waiting(&shards) > before, "day {day}");
    }
    verdict(&mut shards, &act(14));
    let known = verdict(&mut shards, &act(15));
    assert!(known.signals[Signal::Action.place()].is_some(), "it is compared again, as something known");
}

#[test]
fn nothing_is_learned_while_a_severe_finding_is_open_and_a_person_closes_it() {
    let (mut shards, now) = settled(30);
    let act =
        |day: i64| Act::of(7, now + day * DAY + 9 * HOUR).calls("states.amazonaws.com", "StartExecution");
    verdict(&mut shards, &act(0));
    let stop = Act::of(7, now + DAY).calls("cloudtrail.amazonaws.com", "StopLogging");
    let severe = shards.sees_with(&stop, Some(Severity::High)).expect("it is vouched for");
    assert_eq!(severe.severity, None, "the rule speaks");
    assert!(!severe.reasons.is_empty() && severe.risk > 12.0);
    for day in 2..40 {
        let seen = verdict(&mut shards, &act(day));
        assert_eq!(seen.signals[Signal::Action.place()], None, "day {day}: it still waits");
    }
    let state = &mut shards.states[shard_of(Some(stop.identity()))];
    let until = at(now + 40 * DAY);
    state.dispose(stop.identity(), Disposition { from: at(now), until, benign: false, still_open: false });
    verdict(&mut shards, &act(41));
    let known = verdict(&mut shards, &act(42));
    assert!(
        known.signals[Signal::Action.place()].is_some(),
        "nothing is open, and it has waited long enough"
    );
}

#[test]
fn what_a_person_calls_benign_is_learned_at_once() {
    let (mut shards, now) = settled(30);
    let act = |hour: i64| Act::of(7, now + hour * HOUR).calls("states.amazonaws.com", "StartExecution");
    assert!(verdict(&mut shards, &act(9)).severity.is_some());
    let span = Disposition { from: at(now), until: at(now + DAY), benign: true, still_open: false };
    shards.states[shard_of(Some(act(9).identity()))].dispose(act(9).identity(), span);
    let known = verdict(&mut shards, &act(10));
    assert!(known.signals[Signal::Action.place()].is_some_and(|p| p > 0.01), "{known:?}");
    // Of nobody who is known nothing is learned.
    let before = shards.states[0].to_bytes();
    shards.states[0].dispose(Act::of(9_999, now).identity(), span);
    assert_eq!(shards.states[0].to_bytes(), before);
}

#[test]
fn what_peers_independently_begin_to_do_is_learned_and_what_one_attacker_makes_them_do_is_not() {
    let rolled_out = |habitual: bool| {
        let (mut shards, now) = settled(30);
        let act = |who: u64, hour: i64| {
            let act = Act::of(who, now + hour * HOUR).calls("states.amazonaws.com", "StartExecution");
            if habitual { act } else { Act { from: "203.0.113.9".to_owned(), ..act } }
        };
        (10..16).for_each(|who| drop(verdict(&mut shards, &act(who, 9))));
        detect::behaviour::merge(&mut shards.states);
        (10..16).for_each(|who| drop(verdict(&mut shards, &act(who, 10))));
        verdict(&mut shards, &act(10, 11)).signals[Signal::Action.place()].is_some()
    };
    assert!(rolled_out(true), "six of them, each from its own network");
    assert!(!rolled_out(false), "one machine with six keys");
}

/// One identity that does the same every day, and from some day on more of it; the day of the first finding.
fn first_told(growth: f64, days: i64) -> Option<(i64, f64, Severity)> {
    let (mut shards, _) = settled(45);
    let mut told: Option<(i64, f64, Severity)> = None;
    for day in 0..45 + days {
        let volume = 200.0 * growth.powi(i32::try_from((day - 45).max(0)).expect("small"));
        #[expect(clippy::cast_possible_truncation, reason = "a few thousand")]
        let calls = volume.round() as i64;
        for call in 0..calls {
            let time = START + day * DAY + call * DAY / calls;
            let seen = verdict(&mut shards, &Act { who: 77, ..Act::of(77, time) });
            if let Some(severity) = seen.severity.filter(|_| day >= 45) {
                let known = told.get_or_insert((day - 45, volume / 200.0, severity));
                known.2 = known.2.max(severity);
            }
        }
    }
    told
}

#[test]
fn a_ramp_of_ten_percent_a_day_is_found() {
    let (day, times, _) = first_told(1.1, 30).expect("it is told");
    assert!(day < 25, "on day {day}, at {times:.1} times");
    assert_eq!(first_told(1.0, 30), None, "and who does not grow is not");
}
