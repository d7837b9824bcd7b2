//! Findings against those whom nobody knows: whatever is invented, few writes.

use super::world::{Act, DAY, HOUR, START, Shards, benign, organization};
use base::{Id, Timestamp, noun};
use detect::{Finding, Judge, MAX_IDENTITIES, Pack, RuleText, SHARDS, ShardState};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

/// How many names are invented.
const NAMES: u64 = 10_000_000;
/// What a shard judges of a group of 50,000 events, which is one transaction.
const GROUP: usize = 50_000 / SHARDS;
/// How many findings of one rule against the unknown stand for themselves in an hour and a shard, and the one of the rest.
const EACH: usize = 256 + 1;

/// A rule that matches whatever stops a log.
fn judge() -> Judge {
    let text = "
title: Trail stopped
id: 5b1d1a10-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
  words: [StopLogging]
  condition: words
level: high
";
    let (pack, skipped) = Pack::compile(&[RuleText { path: "t", text }]);
    assert!(skipped.is_empty(), "{skipped:?}");
    Judge::new(Arc::new(pack))
}

fn stops(who: u64, time: i64) -> Act {
    Act::of(who, time).calls("cloudtrail.amazonaws.com", "StopLogging")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

/// What a store is asked to write: of each group of events each different finding once.
#[derive(Default)]
struct Store {
    ids: BTreeSet<Id<noun::Finding>>,
    writes: usize,
    hits: u64,
}

impl Store {
    fn group(&mut self, findings: &[Finding]) {
        let ids: BTreeSet<_> = findings.iter().map(|finding| finding.id).collect();
        self.writes += ids.len();
        self.hits += findings.iter().map(|finding| finding.count).sum::<u64>();
        self.ids.extend(ids);
    }
}

/// One who has done much before.
fn known() -> Act {
    stops(u64::MAX, START)
}

/// A hundred seconds of 100,000 events, each of another name and each matched: what one shard holds then, and what its
/// store was asked for.
fn flooded(judge: &Judge, shard: u64) -> (ShardState, Store) {
    let (mut state, mut store, mut group) = (ShardState::default(), Store::default(), Vec::new());
    for call in 0..200 {
        let act = Act { time: START - 200 + call, ..known() };
        store.group(&act.with(|one| judge.judge(&mut state, one, organization(), at(act.time + 60))));
    }
    let mut act = stops(0, START);
    for (at_of_shard, name) in (shard..NAMES).step_by(SHARDS).enumerate() {
        (act.who, act.time) = (name, START + i64::try_from(name / 100_000).expect("small"));
        let arrival = at(act.time + 60);
        group.extend(act.with(|one| judge.judge(&mut state, one, organization(), arrival)));
        if at_of_shard % GROUP == GROUP - 1 {
            store.group(&group);
            group.clear();
        }
    }
    store.group(&group);
    (state, store)
}

/// What each shard takes of ten million names, a hundred thousand a second: shards know nothing of each other, so that
/// two stand for all. Which one a name belongs to is nothing that a shard asks.
#[test]
fn ten_million_invented_names_a_hundred_thousand_a_second_keep_memory_and_writes_bounded() {
    let judge = judge();
    thread::scope(|scope| {
        for shard in [17, 40] {
            let judge = &judge;
            scope.spawn(move || {
                let (state, store) = flooded(judge, shard);
                assert_eq!(store.hits, NAMES / SHARDS as u64 + 200, "none is lost");
                assert!(state.len() <= MAX_IDENTITIES, "shard {shard}: {}", state.len());
                let bytes = state.identity_bytes() as f64 / state.len() as f64;
                assert!(bytes < 1_126.0, "shard {shard}: {bytes} bytes each");
                assert!(state.to_bytes().len() < 24 << 20, "shard {shard}");
                assert!(state.evicted() > NAMES / SHARDS as u64 - MAX_IDENTITIES as u64, "shard {shard}");
                assert!(
                    state.risk(known().identity()).is_some(),
                    "shard {shard}: who is known is still known"
                );
                // Those of the behaviour models fold likewise; here there are none.
                assert_eq!(store.ids.len(), EACH, "shard {shard}");
                let alone = EACH as u64 - 2;
                assert_eq!(state.told_together(), NAMES / SHARDS as u64 - alone, "shard {shard}");
                assert!(store.writes < 700, "shard {shard}: {} writes", store.writes);
            });
        }
    });
}

#[test]
fn invented_hours_are_told_together_too_and_the_next_hour_of_arrival_begins_anew() {
    let judge = judge();
    let mut state = ShardState::default();
    let mut sees = |act: &Act, arrival: i64| {
        let found = act.with(|one| judge.judge(&mut state, one, organization(), at(arrival)));
        let [finding] = found.as_slice() else { unreachable!("one rule: {found:?}") };
        (finding.id, finding.identity, finding.reasons.clone())
    };
    let mut ids = BTreeSet::new();
    for hour in 0..5_000 {
        ids.insert(sees(&stops(1, START - hour * HOUR), START + 60).0);
    }
    assert_eq!(ids.len(), EACH);
    let (_, identity, reasons) = sees(&stops(2, START - 6_000 * HOUR), START + 70);
    assert_eq!(identity, None);
    assert!(reasons.iter().any(|one| one.contains("told together")), "{reasons:?}");
    // What was told already stands for itself, however many come after.
    assert_eq!(sees(&stops(1, START), START + 80).1, Some(stops(1, START).identity()));
    let (_, identity, _) = sees(&stops(2, START + HOUR), START + HOUR + 60);
    assert!(identity.is_some(), "another hour");
}

#[test]
fn whom_everybody_knows_is_not_hidden_in_a_crowd() {
    let judge = judge();
    let mut shards = Shards::new(5_000);
    for act in benign(5, 20, 10, 60.0) {
        assert!(shards.sees(&act).is_ok());
    }
    let now = START + 10 * DAY;
    let known = stops(3, now);
    let state = &mut shards.states[detect::shard_of(Some(known.identity()))];
    for name in 1_000..3_000 {
        drop(stops(name, now).with(|one| judge.judge(state, one, organization(), at(now))));
    }
    assert!(state.told_together() > 1_000);
    let found = known.with(|one| judge.judge(state, one, organization(), at(now)));
    assert!(found.iter().all(|finding| finding.identity == Some(known.identity())), "{found:?}");
    // A snapshot in the middle of it tells the same.
    let restored = ShardState::restored(&state.to_bytes(), Arc::clone(state.epoch())).expect("its own bytes");
    let next = |mut state: ShardState| {
        let found = stops(5_000, now).with(|one| judge.judge(&mut state, one, organization(), at(now)));
        found.iter().map(|finding| finding.id).collect::<Vec<_>>()
    };
    assert_eq!(next(restored), next(state.clone()));
}
