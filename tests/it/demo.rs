//! `nexora demo`, `nexora simulate`: what a first user sees.

use base::Timestamp;
use serde_json::Value;
use simulate::{Attacks, Plot, Scenario};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tests::server::{nexora, run};

/// What `demo --json` prints: these names at least, as the issue lists them.
const NAMES: [&str; 10] = [
    "activities",
    "fields_protected",
    "findings",
    "identities",
    "ledger",
    "quarantined",
    "reveal_after",
    "reveal_before",
    "seconds",
    "zero_access_ms",
];

/// Runs a demo that keeps its data, and checks everything that is true of every demo.
pub(crate) fn demo(data: &Path, more: &[&str]) -> Value {
    let said = run(nexora(&["demo", "--json", "--data", data.to_str().expect("UTF-8")]).args(more)).ok();
    assert_eq!(said.out.trim().lines().count(), 1, "exactly one object: {}", said.out);
    let told = said.json();
    for name in NAMES {
        assert!(!told[name].is_null(), "{name}: {told}");
    }
    assert_eq!(
        (&told["reveal_before"], &told["reveal_after"]),
        (&Value::from("allowed"), &Value::from("refused"))
    );
    assert!(told["fields_protected"].as_u64() > Some(0), "{told}");
    assert!(told["findings"].as_u64() > Some(0), "{told}");
    assert!(told["zero_access_ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms < 60_000.0), "{told}");
    assert!(told["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{told}");
    let ledger = &told["ledger"];
    assert_eq!(ledger["verified"], true, "{told}");
    let dir = ledger["dir"].as_str().expect("a path");
    let _ = run(&mut nexora(&["ledger", "verify", dir])).ok();
    let shown = run(&mut nexora(&["ledger", "show", dir, "-o", "json"])).ok().json();
    assert_eq!(shown["size"], ledger["size"]);
    assert_eq!(
        tests::ledger::entries(Path::new(dir)).len() as u64,
        ledger["entries"].as_u64().expect("a number")
    );
    for name in ["origin", "keys", "size", "root"] {
        assert!(!shown[name].is_null(), "{name}: {shown}");
    }
    told
}

/// The names of what was quarantined.
pub(crate) fn quarantined(told: &Value) -> BTreeSet<String> {
    let rows = told["quarantined"].as_array().expect("a list").iter();
    rows.map(|row| {
        assert!(row["id"].as_str().is_some_and(|id| id.starts_with("idn_")), "{row}");
        row["name"].as_str().expect("a name").to_owned()
    })
    .collect()
}

#[test]
fn the_bundled_scenario_cuts_off_the_stolen_key_and_nobody_who_is_benign() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = demo(&dir.path().join("data"), &[]);
    let scenario = Scenario::demo();
    let simulation = scenario.simulate().expect("a valid scenario");
    let chains = simulation.chains().to_vec();
    let events: Vec<_> = simulation.collect();
    assert_eq!(told["activities"].as_u64(), Some(events.len() as u64));
    let stolen = chains.iter().find(|chain| chain.plot == Plot::StolenKey).expect("a stolen key");
    let cut = quarantined(&told);
    assert!(cut.contains(&stolen.identity), "{cut:?} lacks {}", stolen.identity);
    // Whoever is cut off took part in an attack.
    let bad: BTreeSet<String> =
        events.iter().filter_map(|event| event.label.as_ref()).map(|label| label.identity.clone()).collect();
    for name in &cut {
        assert!(bad.iter().any(|native| native.ends_with(name.as_str())), "{name} is benign; {bad:?}");
    }
}

#[test]
fn the_story_is_told_without_json_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let said = run(nexora(&["demo"]).current_dir(dir.path()).env("HOME", dir.path())).ok();
    for word in ["quarantined", "refused", "ledger"] {
        assert!(said.out.to_lowercase().contains(word), "{word}: {}", said.out);
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0, "nothing was asked to be kept");
}

#[test]
fn a_simulation_is_written_with_its_labels_and_can_be_the_demos_events() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("events.ndjson");
    let write = |seed: &str| {
        let _ = run(&mut nexora(&["simulate", file.to_str().expect("UTF-8"), "--seed", seed])).ok();
        fs::read(&file).expect("written")
    };
    let (first, again, other) = (write("3"), write("3"), write("4"));
    assert!(first == again, "the same seed gives the same bytes");
    assert!(first != other, "another seed does not");
    let labels = fs::read_to_string(dir.path().join("events.ndjson.labels.ndjson"))
        .or_else(|_| fs::read_to_string(dir.path().join("events.labels.ndjson")))
        .expect("labels beside it");
    let events = String::from_utf8(other).expect("text");
    let lines: Vec<&str> = events.lines().collect();
    assert!(labels.lines().count() > 3);
    for line in labels.lines() {
        let label: Value = serde_json::from_str(line).expect("JSON");
        let at = usize::try_from(label["event_index"].as_u64().expect("a number")).expect("small");
        let event: Value = serde_json::from_str(lines[at]).expect("JSON");
        assert_eq!(event["eventID"], label["event_id"]);
    }
}

#[test]
fn a_users_own_logs_can_be_the_demos_events() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("own.json.gz");
    let scenario = Scenario {
        seed: 21,
        start: Timestamp::from_millis(1_790_000_000_000),
        attacks: Attacks::Each(vec![Plot::StolenKey]),
        ..Scenario::demo()
    };
    let simulation = scenario.simulate().expect("a valid scenario");
    let stolen = simulation.chains()[0].identity.clone();
    let records: Vec<String> = simulation.map(|event| event.json).collect();
    fs::write(&file, crate::spine::gzip(format!("{{\"Records\":[{}]}}", records.join(",")).as_bytes()))
        .expect("written");
    let told = demo(&dir.path().join("data"), &["--events", file.to_str().expect("UTF-8")]);
    assert_eq!(told["activities"].as_u64(), Some(records.len() as u64));
    assert!(quarantined(&told).contains(&stolen), "{told}");
}
