//! The simulator from outside: what every user of it relies on.

use base::Timestamp;
use serde_json::Value;
use simulate::{Attacks, Event, Plot, Scenario, Spread};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

fn scenario(identities: u32, days: u64, attacks: Attacks) -> Scenario {
    Scenario {
        seed: 11,
        start: Timestamp::from_millis(1_772_409_600_000),
        duration: Duration::from_secs(days * 86_400),
        identities,
        rate: 36.0,
        spread: Spread::Uniform,
        attacks,
    }
}

fn run(scenario: &Scenario) -> Vec<Event> {
    scenario.simulate().expect("a valid scenario").collect()
}

fn json(event: &Event) -> Value {
    serde_json::from_str(&event.json).expect("an event is JSON")
}

#[test]
fn the_demo_is_byte_for_byte_the_same_everywhere() {
    let mut whole = Vec::new();
    let mut events = 0;
    for event in run(&Scenario::demo()) {
        events += 1;
        whole.extend_from_slice(event.json.as_bytes());
        if let Some(label) = event.label {
            whole.extend_from_slice(label.to_line().as_bytes());
        }
    }
    let hash = base::digest::hex(&base::digest::sha256(&whole));
    assert_eq!(
        (events, hash.as_str()),
        (DEMO_EVENTS, DEMO_HASH),
        "a change of the demo is a change of the product"
    );
}

const DEMO_EVENTS: u64 = 4_128;
const DEMO_HASH: &str = "ac4700911e6ad674a1766245182b6f2454fe2c001438183abe3e9e5b60069622";

#[test]
fn the_demo_holds_a_few_thousand_activities_of_some_sixty_identities_and_one_stolen_key() {
    let events = run(&Scenario::demo());
    assert!((2_000..6_000).contains(&events.len()), "{}", events.len());
    let chains = Scenario::demo().simulate().expect("a valid scenario").chains().to_vec();
    let stolen = chains.iter().find(|chain| chain.plot == Plot::StolenKey).expect("one chain steals a key");
    assert!(stolen.identity.starts_with("AKIA"));
    let seen = events.iter().filter(|event| event.json.contains(&stolen.identity));
    let benign = seen.filter(|event| event.label.is_none()).count();
    assert!(benign > 20, "the key's owner is at work too: {benign}");
    let told: BTreeSet<_> =
        events.iter().filter_map(|event| Some(event.label.as_ref()?.chain.clone())).collect();
    assert_eq!(told, chains.into_iter().map(|chain| chain.name).collect());
}

#[test]
fn events_come_in_order_and_are_whole() {
    let scenario = scenario(400, 3, Attacks::Count(26));
    let accounts: HashSet<String> = scenario.accounts().into_iter().collect();
    let (mut before, mut bytes, mut ids) = (scenario.start, 0, HashSet::new());
    let events = run(&scenario);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.index, index as u64);
        assert!(event.time >= before, "event {index} comes before its predecessor");
        assert!(event.time < scenario.start + scenario.duration);
        before = event.time;
        bytes += event.json.len();
        let value = json(event);
        assert!(!event.json.contains('$'), "an open name: {}", event.json);
        assert_eq!(value["eventID"], event.id.as_str());
        assert!(ids.insert(event.id.clone()), "an id twice");
        let shown: Timestamp = value["eventTime"].as_str().expect("a text").parse().expect("a time");
        assert_eq!(shown.seconds(), event.time.seconds());
        let account = value["recipientAccountId"].as_str().expect("a text");
        assert!(accounts.contains(account), "{account}");
        assert!(value["userIdentity"]["type"].is_string());
    }
    let mean = bytes / events.len();
    assert!((900..1_500).contains(&mean), "an event has {mean} bytes in the mean");
}

#[test]
fn the_rate_is_kept_under_either_spread() {
    for spread in [Spread::Uniform, Spread::Zipf] {
        let scenario = Scenario { spread, ..scenario(1_000, 7, Attacks::None) };
        let wanted = 7.0 * 1_000.0 * 36.0;
        let ratio = f64::from(u32::try_from(run(&scenario).len()).expect("small")) / wanted;
        assert!((0.8..1.25).contains(&ratio), "{spread:?}: {ratio}");
    }
}

#[test]
fn every_chain_is_told_step_by_step_to_its_end() {
    let scenario = scenario(600, 4, Attacks::Count(39));
    let simulation = scenario.simulate().expect("a valid scenario");
    let planned: BTreeMap<String, Plot> =
        simulation.chains().iter().map(|chain| (chain.name.clone(), chain.plot)).collect();
    assert_eq!(planned.len(), 39);
    let mut told: BTreeMap<String, (u32, bool)> = BTreeMap::new();
    for event in simulation {
        let Some(label) = event.label else { continue };
        assert_eq!((label.event_index, &label.event_id), (event.index, &event.id));
        assert!(label.technique.starts_with('T'), "{}", label.technique);
        let (step, done) = told.entry(label.chain.clone()).or_insert((0, false));
        assert!(
            label.step == *step || label.step == *step + 1,
            "{}: {} after {step}",
            label.chain,
            label.step
        );
        (*step, *done) = (label.step, label.last);
        let back = serde_json::from_str(&label.to_line()).expect("a label is JSON");
        assert_eq!(label, back);
    }
    assert_eq!(told.keys().collect::<Vec<_>>(), planned.keys().collect::<Vec<_>>());
    assert!(told.values().all(|(_, done)| *done), "{told:?}");
}

#[test]
fn the_benign_world_is_the_same_with_and_without_attacks() {
    let strip = |attacks| {
        let events = run(&scenario(200, 2, attacks)).into_iter().filter(|event| event.label.is_none());
        events.map(|event| (event.time, event.json)).collect::<Vec<_>>()
    };
    assert_eq!(strip(Attacks::None), strip(Attacks::Count(13)));
}

#[test]
fn in_a_world_that_changes_identities_begin_move_and_are_rewritten() {
    let scenario = Scenario { rate: 12.0, ..scenario(400, 14, Attacks::None) };
    let week = scenario.start + Duration::from_secs(7 * 86_400);
    // By role or user: the first time, the networks (/16 of machines) and the clients.
    let seen = |events: &mut dyn Iterator<Item = Event>| {
        let mut seen: HashMap<String, (Timestamp, HashSet<String>, HashSet<String>)> = HashMap::new();
        for event in events {
            let value = json(&event);
            let issuer = &value["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"];
            let Some(name) = issuer.as_str().or_else(|| value["userIdentity"]["userName"].as_str()) else {
                continue;
            };
            let known =
                seen.entry(name.to_owned()).or_insert_with(|| (event.time, HashSet::new(), HashSet::new()));
            known.1.insert(value["sourceIPAddress"].as_str().expect("an address").to_owned());
            known.2.insert(value["userAgent"].as_str().expect("a client").to_owned());
        }
        seen
    };
    let still = seen(&mut scenario.simulate().expect("a valid scenario"));
    let changing = seen(&mut scenario.simulate().expect("a valid scenario").changing());
    let late = |seen: &HashMap<String, (Timestamp, _, _)>| {
        seen.values().filter(|(first, _, _)| *first > week).count()
    };
    assert!(late(&changing) >= 5 && late(&still) <= 2, "{} and {}", late(&changing), late(&still));
    let moved = |seen: &HashMap<String, (_, HashSet<String>, _)>| {
        seen.values().filter(|(_, from, _)| from.len() == 2).count()
    };
    let wide = changing.values().filter(|(_, from, _)| from.len() > 5).count();
    assert!(moved(&changing) >= moved(&still) + 10 && wide >= 10, "{} and {wide}", moved(&changing));
    let rewritten = changing.values().filter(|(_, _, by)| by.len() > 1).count();
    assert!(rewritten >= 5, "{rewritten}");
}

#[test]
fn a_seed_is_a_world() {
    let of = |seed| Scenario { seed, ..scenario(40, 1, Attacks::Count(1)) };
    assert_eq!(run(&of(1)), run(&of(1)));
    let (one, two) = (run(&of(1)), run(&of(2)));
    assert_ne!(one.first().map(|event| &event.json), two.first().map(|event| &event.json));
}

#[test]
fn a_million_identities_start_at_once() {
    for spread in [Spread::Uniform, Spread::Zipf] {
        let scenario = Scenario { spread, ..scenario(1_000_000, 14, Attacks::None) };
        let mut principals: HashMap<String, u32> = HashMap::new();
        for event in scenario.simulate().expect("a valid scenario").take(20_000) {
            // Services of the cloud have no principal of their own.
            if let Some(principal) = json(&event)["userIdentity"]["principalId"].as_str() {
                *principals.entry(principal.to_owned()).or_default() += 1;
            }
        }
        let busiest = principals.values().copied().max().unwrap_or(0);
        match spread {
            Spread::Uniform => assert!(principals.len() > 3_000 && busiest < 200, "{busiest}"),
            Spread::Zipf => assert!(principals.len() > 500, "{}", principals.len()),
        }
    }
}

#[test]
fn nonsense_is_refused() {
    assert!(Scenario { identities: 3, ..Scenario::demo() }.simulate().is_err());
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Scenario { rate, ..Scenario::demo() }.simulate().is_err(), "{rate}");
    }
}
