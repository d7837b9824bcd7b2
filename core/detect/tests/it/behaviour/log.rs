//! An ordered list as the log, 64 states as the shards: activities, dispositions, epochs and packs are its entries, and
//! whatever place it is taken up at, what comes out is the same.

use super::world::{Act, DAY, HOUR, START, benign, organization};
use base::Timestamp;
use detect::behaviour::{Disposition, Epoch, merge};
use detect::{Detector, Finding, Judge, Pack, RuleText, SHARDS, ShardState, shard_of};
use std::sync::Arc;

enum Entry {
    Act(Act),
    /// A person's judgement of what an identity did.
    Disposition(Act, Disposition),
    Epoch,
    Pack(Arc<Pack>),
}

#[derive(Clone)]
struct Harness {
    states: Vec<ShardState>,
    judge: Judge,
}

impl Harness {
    fn new(pack: &Arc<Pack>) -> Self {
        Self { states: vec![ShardState::default(); SHARDS], judge: Judge::new(Arc::clone(pack)) }
    }

    /// What comes out of one entry.
    fn takes(&mut self, entry: &Entry) -> Vec<Finding> {
        match entry {
            Entry::Act(act) => {
                let state = &mut self.states[shard_of(Some(act.identity()))];
                act.with(|one| self.judge.judge(state, one, organization(), at(act.time + 60)))
            }
            Entry::Disposition(act, disposition) => {
                self.states[shard_of(Some(act.identity()))].dispose(act.identity(), *disposition);
                Vec::new()
            }
            Entry::Epoch => {
                drop(merge(&mut self.states));
                Vec::new()
            }
            Entry::Pack(pack) => {
                self.judge = Judge::new(Arc::clone(pack));
                Vec::new()
            }
        }
    }

    /// The same, from the bytes of a snapshot.
    fn restored(&self) -> Self {
        let epoch = Epoch::from_bytes(&self.states[0].epoch().to_bytes()).expect("its own bytes");
        let epoch = Arc::new(epoch);
        let states = self
            .states
            .iter()
            .map(|state| ShardState::restored(&state.to_bytes(), Arc::clone(&epoch)).expect("its own bytes"));
        Self { states: states.collect(), judge: self.judge.clone() }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

/// A pack of one rule, about whatever holds this word.
fn pack(word: &str) -> Arc<Pack> {
    let text = format!(
        "title: {word}\nid: {word}\nlogsource: {{product: aws}}\ndetection:\n  words: [{word}]\n  condition: words\nlevel: high\n"
    );
    let (pack, skipped) = Pack::compile(&[RuleText { path: "t", text: &text }]);
    assert!(skipped.is_empty(), "{skipped:?}");
    Arc::new(pack)
}

/// Thirty days of thirty identities with an epoch every so often; then one deploys something, and stops a log.
fn log(disposition: Option<Disposition>) -> Vec<Entry> {
    let mut log = Vec::new();
    for (at, act) in benign(3, 30, 30, 40.0).into_iter().enumerate() {
        log.push(Entry::Act(act));
        if at % 3_000 == 2_999 {
            log.push(Entry::Epoch);
        }
    }
    let now = START + 30 * DAY;
    let deploys = |hour: i64| Act::of(7, now + hour * HOUR).calls("states.amazonaws.com", "StartExecution");
    let stops = |hour: i64| Act::of(7, now + hour * HOUR).calls("cloudtrail.amazonaws.com", "StopLogging");
    log.extend([Entry::Act(deploys(1)), Entry::Act(stops(2)), Entry::Pack(pack("StopLogging"))]);
    log.push(Entry::Act(stops(3)));
    log.extend(disposition.map(|disposition| Entry::Disposition(deploys(1), disposition)));
    (4..40).for_each(|hour| log.push(Entry::Act(deploys(hour))));
    log.push(Entry::Pack(pack("Nothing")));
    log.push(Entry::Act(stops(41)));
    log
}

fn told(found: &[Vec<Finding>]) -> Vec<String> {
    found.iter().map(|found| serde_json::to_string(found).expect("findings serialize")).collect()
}

#[test]
fn a_log_taken_up_at_any_place_from_a_snapshot_gives_the_same_findings_and_states() {
    let (from, until) = (START, START + 31 * DAY);
    let benign = Disposition { from: at(from), until: at(until), benign: true, still_open: false };
    let log = log(Some(benign));
    let mut harness = Harness::new(&pack("Nothing"));
    let mut found = Vec::new();
    let mut taken = Vec::new();
    for (place, entry) in log.iter().enumerate() {
        if place % 6_007 == 1 || place + 45 > log.len() {
            taken.push((place, harness.restored()));
        }
        found.push(harness.takes(entry));
    }
    assert!(taken.len() > 40, "{}", taken.len());
    let told = told(&found);
    for (place, mut again) in taken {
        for (entry, expected) in log[place..].iter().zip(&told[place..]) {
            let found = again.takes(entry);
            assert_eq!(&serde_json::to_string(&found).expect("findings serialize"), expected, "from {place}");
        }
        assert!(again.states == harness.states, "from {place}");
    }
}

#[test]
fn another_pack_judges_from_its_place_on_and_no_finding_before_it() {
    let log = log(None);
    let mut harness = Harness::new(&pack("Nothing"));
    let found: Vec<_> = log.iter().map(|entry| harness.takes(entry)).collect();
    let by_rule: Vec<_> = found
        .iter()
        .enumerate()
        .flat_map(|(place, found)| found.iter().map(move |finding| (place, finding)))
        .filter(|(_, finding)| finding.detector == Detector::Rule)
        .map(|(place, finding)| (place, finding.rule.as_str()))
        .collect();
    // The log was stopped thrice: before the pack that speaks of it, behind it, and behind the next.
    let first = log.iter().position(|entry| matches!(entry, Entry::Pack(_))).expect("there is one");
    assert_eq!(by_rule, [(first + 1, "StopLogging")]);
}

#[test]
fn a_disposition_in_the_log_is_learned_from_and_a_severe_finding_that_stays_open_is_not() {
    let disposition = |benign, still_open| {
        Some(Disposition { from: at(START), until: at(START + 31 * DAY), benign, still_open })
    };
    let waits = |disposition: Option<Disposition>| {
        let mut harness = Harness::new(&pack("Nothing"));
        let mut until = 0;
        for entry in log(disposition) {
            drop(harness.takes(&entry));
            until += 1;
        }
        assert!(until > 1_000);
        let who = Act::of(7, START).identity();
        harness.states[shard_of(Some(who))].waiting()
    };
    let (without, benign) = (waits(None), waits(disposition(true, false)));
    assert!(benign < without, "{benign} wait, without a word {without}");
    let malicious = waits(disposition(false, true));
    assert_eq!(malicious, without, "nothing of it is learned");
}

/// Probabilities of what is ordinary are worked out only for whoever asks: nothing hangs on them.
#[test]
fn what_is_judged_is_the_same_whether_all_probabilities_are_worked_out_or_not() {
    let mut harness = Harness::new(&pack("Nothing"));
    let mut others = vec![ShardState::default(); SHARDS];
    let acts = benign(9, 20, 20, 40.0);
    let strange = Act {
        from: "203.0.113.9".to_owned(),
        ..Act::of(3, START + 20 * DAY).calls("iam.amazonaws.com", "CreateAccessKey")
    };
    let mut told = 0;
    for act in acts.iter().chain([&strange]) {
        let found = harness.takes(&Entry::Act(act.clone()));
        let state = &mut others[shard_of(Some(act.identity()))];
        let verdict = act.with(|one| state.observe(one, organization(), at(act.time + 60), None));
        let verdict = verdict.expect("it is vouched for");
        let by_behaviour = found.iter().find(|finding| finding.detector == Detector::Behaviour);
        assert_eq!(by_behaviour.map(|finding| finding.severity), verdict.severity);
        told += usize::from(verdict.severity.is_some());
        let risk = |states: &[ShardState]| states[shard_of(Some(act.identity()))].risk(act.identity());
        assert_eq!(risk(&harness.states), risk(&others));
    }
    assert!(told > 0);
}
