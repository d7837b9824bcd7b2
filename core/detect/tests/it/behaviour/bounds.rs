//! What anybody can make the models hold, and how much comes out of a flood.

use super::world::{Act, HOUR, START, Shards, benign, organization};
use crate::event;
use base::{Id, Severity, Timestamp};
use detect::{Finding, MAX_IDENTITIES, SHARDS, ShardState, shard_of};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A part of the ten million of `crowd`: those of one shard out of 64, and then some.
const NAMES: u64 = 200_000;

#[test]
fn invented_names_keep_memory_bounded_and_push_out_nobody_who_is_known() {
    let mut state = ShardState::default();
    let arrival = Timestamp::from_millis((START + 24 * HOUR) * 1_000);
    let known = Act::of(u64::MAX, START);
    for call in 0..200 {
        let act = Act { time: START + call, ..known.clone() };
        assert!(act.with(|one| state.observe(one, organization(), arrival, None)).is_ok());
    }
    let mut act = Act::of(0, START + 300);
    for name in 0..NAMES {
        act.who = name;
        assert!(act.with(|one| state.observe(one, organization(), arrival, None)).is_ok());
        assert!(state.len() <= MAX_IDENTITIES);
    }
    assert_eq!(state.evicted() + state.len() as u64, NAMES + 1, "what was forgotten is counted");
    assert!(state.risk(known.identity()).is_some());
    let each = state.identity_bytes() as f64 / state.len() as f64;
    assert!(each < 1_126.0, "{each} bytes each, with their index");
    assert!(state.to_bytes().len() < 24 << 20);
}

#[test]
fn different_strings_take_no_memory_that_grows() {
    let mut state = ShardState::default();
    let arrival = Timestamp::from_millis((START + 24 * HOUR) * 1_000);
    let mut sizes = Vec::new();
    for step in 0..40_000_i64 {
        let act = Act {
            target: Some(format!("thing-{step}")),
            agent: "made-up",
            from: format!("198.{}.{}.7", 18 + step % 2, step / 2 % 256),
            ..Act::of(1, START + step).calls("s3.amazonaws.com", &format!("Action{step}"))
        };
        assert!(act.with(|one| state.observe(one, organization(), arrival, None)).is_ok());
        if step % 10_000 == 9_999 {
            sizes.push(state.to_bytes().len());
        }
    }
    assert!(sizes[3] <= sizes[1] + (64 << 10), "{sizes:?}");
}

#[test]
fn filling_the_memory_fast_is_itself_a_finding_and_a_full_one_says_so() {
    let mut shards = Shards::new(5_000);
    for act in benign(5, 20, 20, 60.0) {
        assert!(shards.sees(&act).is_ok());
    }
    let (mut flooded, mut full) = (false, false);
    for step in 0..400_i64 {
        let time = START + 20 * 24 * HOUR + step * 20;
        let act = Act::of(3, time).calls("s3.amazonaws.com", &format!("Action{step}"));
        let verdict = shards.sees(&act).expect("it is vouched for");
        flooded |= verdict.flooding;
    }
    assert!(flooded);
    // One that does very many things from the beginning has no room for habits.
    for step in 0..500_i64 {
        let time = START + 20 * 24 * HOUR + step * 900;
        let act = Act::of(99, time).calls("s3.amazonaws.com", &format!("Action{}", step % 80));
        let verdict = shards.sees(&act).expect("it is vouched for");
        full |= verdict.reasons.iter().any(|reason| reason.contains("its memory of habits is"));
    }
    for step in 0..300_i64 {
        let time = START + 20 * 24 * HOUR + step * 900;
        let act = Act::of(98, time).calls("s3.amazonaws.com", &format!("Action{step}"));
        assert!(shards.sees(&act).is_ok());
    }
    let wide: usize = shards.states.iter().map(ShardState::wide).sum();
    assert!(wide >= 1, "one that does so much has a page of its own");
    let strange = Act {
        from: "203.0.113.9".to_owned(),
        agent: "curl/8",
        ..Act::of(99, START + 30 * 24 * HOUR).calls("iam.amazonaws.com", "CreateUser")
    };
    let verdict = shards.sees(&strange).expect("it is vouched for");
    full |= verdict.reasons.iter().any(|reason| reason.contains("its memory of habits is"));
    assert!(full, "{verdict:?}");
}

/// A full shard in which one in ten does very many different things: two in a hundred have a page, and all together a
/// KiB each.
#[test]
fn wide_identities_are_two_in_a_hundred_and_all_take_a_kib_on_average() {
    let mut state = ShardState::default();
    let arrival = Timestamp::from_millis((START + 24 * HOUR) * 1_000);
    let million = 1_000_000 / SHARDS as u64;
    let mut sees =
        |act: &Act| assert!(act.with(|one| state.observe(one, organization(), arrival, None)).is_ok());
    (0..million).for_each(|who| sees(&Act::of(who, START)));
    for who in (0..million).step_by(10) {
        (0..120).for_each(|step| {
            sees(&Act::of(who, START + step).calls("s3.amazonaws.com", &format!("Action{step}")))
        });
    }
    assert_eq!(state.len() as u64, million);
    assert!((300..=state.len() / 50).contains(&state.wide()), "{} wide ones", state.wide());
    let each = state.identity_bytes() as f64 / state.len() as f64;
    assert!(each <= 1_024.0, "{each} bytes each, with index and pages");
}

#[test]
fn a_flood_of_matching_events_is_few_writes() {
    let judge = crate::judging::judge();
    let mut state = ShardState::default();
    let record = event(crate::judging::stopped());
    let activity = record.activity(judge.pack().fields()).expect("an activity");
    let arrival: Timestamp = "2026-03-02T08:01:00Z".parse().expect("RFC 3339");
    // A second of 100,000 matching events: what a store would hold of them.
    let mut store: BTreeMap<Id<_>, Finding> = BTreeMap::new();
    for _ in 0..100_000 {
        for finding in judge.judge(&mut state, &activity, Id::from_bytes([9; 16]), arrival) {
            match store.get_mut(&finding.id) {
                Some(known) => known.fold(finding),
                None => drop(store.insert(finding.id, finding)),
            }
        }
    }
    let findings: Vec<_> = store.into_values().collect();
    assert!(findings.len() <= 3, "{} findings", findings.len());
    let stopped = findings.iter().find(|finding| finding.severity == Severity::High).expect("it is found");
    assert_eq!(stopped.count, 100_000);
    assert!(stopped.evidence.len() <= 20 && stopped.reasons.len() <= 16);
}

#[test]
fn shards_with_an_epoch_survive_their_bytes() {
    let mut shards = Shards::new(2_000);
    let acts = benign(7, 30, 12, 60.0);
    let (before, after) = acts.split_at(acts.len() / 2);
    before.iter().for_each(|act| drop(shards.sees(act)));
    let epoch = Arc::clone(shards.states[0].epoch());
    assert!(epoch.number() > 2);
    let again = detect::behaviour::Epoch::from_bytes(&epoch.to_bytes()).expect("its own bytes");
    assert_eq!(again, *epoch);
    let again = Arc::new(again);
    let mut restored = Shards::new(2_000);
    restored.states = (shards.states.iter())
        .map(|state| ShardState::restored(&state.to_bytes(), Arc::clone(&again)).expect("its own bytes"))
        .collect();
    restored.goes_on_from(&shards);
    assert!(ShardState::from_bytes(&shards.states[0].to_bytes()).is_err(), "it belongs to an epoch");
    for act in after {
        assert_eq!(shards.sees(act), restored.sees(act));
    }
    assert!(shards.states == restored.states);
    assert_eq!(shards.states.len(), SHARDS);
    assert!(shard_of(None) == 0);
    // Every byte of an epoch is covered, and what cannot be is refused.
    let bytes = epoch.to_bytes();
    for at in (0..bytes.len()).step_by(97) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(detect::behaviour::Epoch::from_bytes(&flipped).is_err(), "byte {at}");
        assert!(detect::behaviour::Epoch::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
    }
}
