//! Correlations in two stages over 64 shards, and another pack in the middle of the log: on a harness with an ordered
//! list as the log.

use crate::correlations::{BODIES, Timed, base_rules, compile, compile_drafts, correlation, events, rule};
use crate::event;
use base::{Id, Timestamp};
use detect::correlate::{self, Forward};
use detect::reload::{self, Refused};
use detect::samples::Case;
use detect::{Correlator, Pack, RuleText, SHARDS, shard_of};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// An entry of the log.
enum Entry {
    Event(Timed),
    Pack(Arc<Pack>),
}

const START: i64 = 1_772_600_000;

/// 64 shards, each with the windows of the groups that it owns and the pack by which it judges.
struct Harness {
    shards: Vec<(Arc<Pack>, Correlator)>,
    /// Which shards were forwarded something.
    owners: BTreeSet<usize>,
}

impl Harness {
    fn new(pack: &Arc<Pack>) -> Self {
        let shards = (0..SHARDS).map(|_| (Arc::clone(pack), Correlator::default())).collect();
        Self { shards, owners: BTreeSet::new() }
    }

    /// The log in batches: in each the shards of the identities judge first, one after the other; what they forward is
    /// counted by the shards that own the groups, by height. A pack ends a batch, and takes effect there on every shard.
    fn run(&mut self, log: &[Entry], batch: usize) -> Vec<BTreeSet<String>> {
        let mut found = vec![BTreeSet::new(); log.len()];
        let mut from = 0;
        while from < log.len() {
            if let Entry::Pack(new) = &log[from] {
                for (pack, correlator) in &mut self.shards {
                    correlator.go_on_with(new, pack);
                    *pack = Arc::clone(new);
                }
                from += 1;
                continue;
            }
            let ahead =
                log[from..].iter().take(batch).take_while(|entry| matches!(entry, Entry::Event(_))).count();
            self.batch(&log[from..from + ahead], from, &mut found);
            from += ahead;
        }
        found
    }

    fn batch(&mut self, entries: &[Entry], from: usize, found: &mut [BTreeSet<String>]) {
        let pack = Arc::clone(&self.shards[0].0);
        let mut judged: Vec<(usize, Vec<Forward>)> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let Entry::Event((seconds, fields)) = entry else { unreachable!("a batch is of events") };
            let time = Timestamp::from_millis((START + seconds) * 1_000);
            let mut fields = fields.clone();
            fields["eventTime"] = json!(time.to_string());
            fields["eventID"] = json!((from + at).to_string());
            let record = event(fields);
            let activity = record.activity(pack.fields()).expect("an activity");
            let identity = activity.actor.identity.as_ref().map(|key| key.id(Id::from_bytes([7; 16])));
            let matched = pack.matches(&activity);
            let order = (from + at) as u64;
            let forwards = correlate::forwards(
                &pack,
                &matched,
                &activity.fields,
                activity.time,
                order,
                activity.event_id,
            );
            judged.push((shard_of(identity), forwards));
        }
        // One shard after the other, each in its own order, as no order of time has it.
        judged.sort_by_key(|(shard, _)| std::cmp::Reverse(*shard));
        let mut forwarded: Vec<Forward> = judged.into_iter().flat_map(|(_, forwards)| forwards).collect();
        for height in 0.. {
            if forwarded.is_empty() {
                break;
            }
            let (now, later): (Vec<_>, Vec<_>) =
                forwarded.into_iter().partition(|forward| forward.height(&pack) == height);
            forwarded = later;
            for shard in 0..SHARDS {
                let own: Vec<_> = now.iter().filter(|forward| forward.shard() == shard).cloned().collect();
                if !own.is_empty() {
                    self.owners.insert(shard);
                }
                for (hit, next) in self.shards[shard].1.take(&pack, own) {
                    let last = hit.event_ids.last().expect("it holds its event");
                    found[last.parse::<usize>().expect("a place")].insert(hit.correlation.id.clone());
                    forwarded.extend(next);
                }
            }
        }
    }

    fn evicted(&self) -> u64 {
        self.shards.iter().map(|(_, correlator)| correlator.evicted()).sum()
    }
}

fn log(events: Vec<Timed>) -> Vec<Entry> {
    let by = |at: usize, (seconds, mut fields): Timed| {
        // A hundred identities, so that what is correlated comes from many shards.
        let name = format!("worker-{}", at % 100);
        fields["userIdentity"] = json!({
            "type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{name}"), "accountId": "111122223333",
            "accessKeyId": format!("AKIAEXAMPLEKEY{:06}", at % 100), "userName": name, "principalId": name,
        });
        Entry::Event((seconds, fields))
    };
    events.into_iter().enumerate().map(|(at, timed)| by(at, timed)).collect()
}

/// What one correlator says that sees every activity.
fn at_once(pack: &Pack, log: &[Entry]) -> Vec<BTreeSet<String>> {
    let mut correlator = Correlator::default();
    let observed = log.iter().map(|entry| {
        let Entry::Event((seconds, fields)) = entry else { unreachable!("there is one pack") };
        let time = Timestamp::from_millis((START + seconds) * 1_000);
        let record = event(fields.clone());
        let activity = record.activity(pack.fields()).expect("an activity");
        let matched = pack.matches(&activity);
        let hits = correlator.observe(pack, &matched, &activity.fields, time, None);
        hits.into_iter().map(|hit| hit.correlation.id.clone()).collect()
    });
    observed.collect()
}

#[test]
fn what_is_counted_on_the_shards_of_the_groups_is_what_is_counted_at_once() {
    let mut text = base_rules();
    for (id, body) in BODIES {
        text += &correlation(id, body);
    }
    text += &correlation(
        "chained",
        "type: temporal_ordered\nrules: [aliased, failed]\ngroup-by: [sourceIPAddress]\ntimespan: 5m",
    );
    text += &correlation(
        "twice",
        "type: event_count\nrules: [chained, made]\ngroup-by: [awsRegion]\ntimespan: 5m\ncondition: {gte: 3}",
    );
    text += &correlation(
        "drafted",
        "type: temporal\nrules: [failed, made, read]\ngroup-by: [sourceIPAddress]\ntimespan: 1m\ncondition: failed and not read",
    );
    let pack = Arc::new(compile_drafts(&text));
    for seed in 0..3 {
        let log = log(events(seed, 200));
        let expected = at_once(&pack, &log);
        let hits: usize = expected.iter().map(BTreeSet::len).sum();
        assert!(hits > 100, "{hits}");
        for batch in [1, 17, 200] {
            let mut harness = Harness::new(&pack);
            assert_eq!(harness.run(&log, batch), expected, "seed {seed}, batches of {batch}");
            assert!(harness.owners.len() > 10, "{:?}", harness.owners);
            assert_eq!(harness.evicted(), 0);
        }
    }
}

#[test]
fn windows_of_a_shard_are_bounded_and_what_is_given_up_is_counted() {
    let body = "type: event_count\nrules: [made]\ngroup-by: [awsRegion]\ntimespan: 1d\ncondition: {gte: 3}";
    let pack = Arc::new(compile(&(base_rules() + &correlation("c", body))));
    let mut harness = Harness::new(&pack);
    let loud = |_| (0, json!({"eventName": "CreateAccessKey", "awsRegion": "loud"}));
    let over = 100;
    let log = log((0..correlate::MAX_ENTRIES + over).map(loud).collect());
    let found = harness.run(&log, 1_000);
    assert!(found.last().expect("an event").contains("c"));
    assert_eq!(harness.evicted(), over as u64);
}

/// From the third event on, whatever else happens to the pack.
fn counted(body: &str) -> String {
    base_rules() + &correlation("kept", body) + &correlation("changed", body)
}

#[test]
fn another_pack_takes_effect_at_its_place_and_what_means_the_same_goes_on() {
    let body =
        "type: event_count\nrules: [failed]\ngroup-by: [sourceIPAddress]\ntimespan: 1h\ncondition: {gte: 3}";
    let old = Arc::new(compile(&counted(body)));
    let text = counted(body);
    let (before, changed) = text.rsplit_once("title: changed").expect("it is the last");
    let changed = changed.replace("gte: 3", "gte: 2");
    // Other rules before and behind, so that every place in the pack is another.
    let aa = rule("aa", "eventName: Other") + &correlation("aa-first", &body.replace("failed", "aa"));
    let new = Arc::new(compile(&format!("{aa}{before}title: changed{changed}")));
    let failed = |at: i64| (at, json!({"errorCode": "AccessDenied", "sourceIPAddress": "192.0.2.1"}));
    let with = |middle: Vec<Entry>| {
        let mut all = log(vec![failed(0), failed(1)]);
        all.extend(middle);
        all.extend(log(vec![failed(2), failed(3)]));
        let found = Harness::new(&old).run(&all, 10);
        found.into_iter().map(|ids| ids.into_iter().collect::<Vec<_>>().join("+")).collect::<Vec<_>>()
    };
    assert_eq!(with(Vec::new()), ["", "", "changed+kept", "changed+kept"]);
    // `kept` has counted two and matches with the third; `changed` begins anew.
    assert_eq!(with(vec![Entry::Pack(Arc::clone(&new))]), ["", "", "", "kept", "changed+kept"]);
    // A rule of which it is made is another now: it begins anew too.
    let other = text.replace("errorCode: AccessDenied", "errorCode|contains: AccessDenied");
    let other = Arc::new(compile(&other));
    assert_eq!(with(vec![Entry::Pack(other)]), ["", "", "", "", ""]);
    // There and back again.
    let back = vec![Entry::Pack(new), Entry::Pack(Arc::clone(&old))];
    assert_eq!(with(back), ["", "", "", "", "kept", "kept"]);
}

#[test]
fn a_bad_pack_changes_nothing() {
    let rule =
        rule("failed", "errorCode: AccessDenied").replace("level: low", "level: low\ntags: [attack.t1078]");
    let text = |fields| event(fields).text().to_owned();
    let (yes, no) = (text(json!({"errorCode": "AccessDenied"})), text(json!({})));
    let case = |rule, positive| Case { path: "failed", rule, positive, negative: &no };
    let good = reload::prepare(&[case(rule.as_str(), yes.as_str())], &[]).expect("it is good");
    assert_eq!(good.rules().len(), 1);
    let wrong = reload::prepare(&[case(rule.as_str(), no.as_str())], &[]);
    assert!(matches!(&wrong, Err(Refused::Samples(failed)) if failed.len() == 1), "{wrong:?}");
    assert!(wrong.expect_err("its sample does not match").to_string().contains("the pack in use stays"));
    let broken = RuleText { path: "b.yml", text: "title: [" };
    let broken = reload::prepare(&[case(rule.as_str(), yes.as_str())], &[broken]);
    assert!(matches!(broken, Err(Refused::NotLoaded(files)) if files[0].path == "b.yml"));
}
