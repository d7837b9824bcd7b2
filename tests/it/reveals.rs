//! A reveal on record: once for each request, however much it opens.

use crate::spine::{CSV, House};
use serde_json::Value;
use std::path::Path;
use tests::cloudtrail::{harmless, key};
use tests::dataset;

#[test]
fn a_reveal_has_one_entry_whatever_the_number_of_values_rows_and_batches() {
    let house = House::open();
    house.send(&[harmless("r-0", 9, 1)]);
    let identity = house.identity(&key(9))["id"].as_str().expect("an id").to_owned();
    let token = house.organization.bind(&house.server, &identity);
    // Some rows, none, and several batches of a megabyte.
    let rows = |count: u32| {
        let row = |row| format!("{row},person.{row}@example.com,078-05-{row:04},{:40}\n", "Köln");
        format!("id,email,ssn,city\n{}", (0..count).map(row).collect::<String>())
    };
    let files = [(CSV.to_owned(), 3), (rows(0), 0), (rows(40_000), 40_000)];
    assert!(files[2].0.len() > 3 << 20, "several batches");
    let (mut expected, mut datasets) = (Vec::new(), Vec::new());
    for (times, (csv, rows)) in files.iter().enumerate() {
        let protected = house.protect(&token, csv);
        let manifest: Value = serde_json::from_slice(&protected.manifest).expect("a manifest");
        assert!(manifest.is_object());
        for _ in 0..=times {
            let revealed = dataset::reveal(&house.server, &token, &protected).expect("an answer");
            assert_eq!((revealed.status, revealed.outcome()), (200, Some("ok")), "{}", revealed.message());
            assert!(revealed.text() == *csv, "what is revealed is what was protected");
            expected.push(*rows);
        }
    }
    let status = house.ledger_verifies();
    let entries = tests::ledger::entries(Path::new(status["dir"].as_str().expect("a path")));
    let revealed: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == "dataset.revealed").collect();
    let found: Vec<u64> =
        revealed.iter().map(|entry| entry["facts"]["rows"].as_u64().expect("a number")).collect();
    assert_eq!(found, expected, "one for each request");
    for entry in &revealed {
        assert_eq!(entry["facts"]["fields"], 2, "{entry}");
        assert!(entry["actor"].to_string().contains(&identity), "who: {entry}");
        datasets.push(entry["object"]["id"].clone());
    }
    let customers = house.organization.get(&house.server, "/api/v1/datasets/customers").ok().json();
    assert_eq!(datasets, vec![customers["dataset"]["id"].clone(); expected.len()], "which dataset");
}
