//! What lies beside a ledger, from outside: files that it vouches for, details that are erased, and what a restored
//! backup must not bring back.

use crate::ledger::{Stranger, directory, fails};
use crate::spine::House;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tests::http::Request;
use tests::server::{Said, Server, nexora, run};

const NAME: &str = "canary-of-somebody-who-is-concerned";

/// A command of the house's administrator, asked of the server by its socket.
fn admin(house: &House, arguments: &[&str]) -> Said {
    let data = house.server.dir.to_str().expect("UTF-8").to_owned();
    let mut command = nexora(arguments);
    run(command.args(["--data", &data, "-o", "json"]).env("NEXORA_TOKEN", &house.organization.admin))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Protects a file into a directory of its own; the output.
fn protected(house: &House) -> PathBuf {
    let out = house._dir.path().join("out");
    fs::create_dir(&out).expect("it is new");
    let (plain, output) = (house._dir.path().join("people.csv"), out.join("people.csv"));
    fs::write(&plain, "id,email\n1,ada@example.com\n").expect("it writes");
    let arguments =
        ["protect", text(&plain), "--dataset", "people", "--fields", "email", "--out", text(&output)];
    let _ = admin(house, &arguments).ok();
    output
}

#[test]
fn a_protected_file_that_is_changed_removed_or_added_is_named() {
    let house = House::open();
    let output = protected(&house);
    let (log, stranger) = (directory(&house), Stranger::new());
    let data = house.server.dir.clone();
    let out = output.parent().expect("a directory");
    let by_hash = || stranger.run(&["ledger", "verify", text(&log), "--deep", text(out), "-o", "json"]);
    let deep = || {
        let arguments =
            ["ledger", "verify", text(&log), "--deep", text(out), "--data", text(&data), "-o", "json"];
        stranger.run(&arguments)
    };
    assert_eq!(by_hash().ok().json()["beside"]["files"], 2, "the output and its manifest");
    let told = deep().ok().json();
    assert_eq!(told["beside"]["files"], 2);
    assert!(told["beside"]["details"].as_u64().is_some_and(|details| details >= 3), "{told}");
    let plain = stranger.run(&["ledger", "verify", text(&log)]).ok();
    assert!(plain.out.contains("not looked at"), "plain verification says so: {}", plain.out);

    let manifest = out.join("people.csv.manifest.json");
    for path in [&output, &manifest] {
        let whole = fs::read(path).expect("it reads");
        let mut changed = whole.clone();
        changed[7] ^= 1;
        fs::write(path, &changed).expect("it writes");
        fails(&deep(), text(path));
        fails(&deep(), "changed");
        fails(&by_hash(), text(path));
        fs::remove_file(path).expect("it goes");
        fails(&deep(), text(path));
        fs::write(path, &whole).expect("it is back");
        let _ = deep().ok();
    }
    let added = out.join("another.csv");
    fs::write(&added, "id\n1\n").expect("it writes");
    fails(&deep(), text(&added));
    fs::remove_file(&added).expect("it goes");
    // Protected again in the same place: what stood there before is not missed.
    let plain = house._dir.path().join("people.csv");
    let again = ["protect", text(&plain), "--dataset", "people", "--fields", "email", "--force", "--out"];
    let _ = admin(&house, &[&again[..], &[text(&output)]].concat()).ok();
    house.ledger_verifies();
    assert_eq!(deep().ok().json()["beside"]["files"], 2);
}

/// The files below a directory that hold a text.
fn holding(dir: &Path, needle: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).contains(needle) {
            found.push(path);
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it is made");
    for entry in fs::read_dir(from).expect("it lists") {
        let entry = entry.expect("it lists");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::copy(entry.path(), target).expect("it copies");
        }
    }
}

/// Names somebody in a detail, and nowhere else: the reason of a hold that is lifted again. The entry's position.
fn name_somebody(house: &House) -> u64 {
    let reason = format!("asked for by {NAME}");
    let hold = admin(house, &["ledger", "hold", "place", "--reason", &reason]).ok().json();
    let id = hold["id"].as_str().expect("an id").to_owned();
    let refused = admin(house, &["ledger", "erase", "1-5"]);
    assert!(refused.code != Some(0) && refused.err.contains(&id), "a hold stops it: {}", refused.err);
    let refused = admin(house, &["ledger", "restart"]);
    assert!(refused.code != Some(0) && refused.err.contains("in order"), "{}", refused.err);
    let _ = admin(house, &["ledger", "hold", "lift", &id]).ok();
    let entries = tests::ledger::entries(&directory(house));
    let placed = entries.iter().find(|entry| entry["kind"] == "hold.placed").expect("it is published");
    assert!(!entries.iter().any(|entry| entry.to_string().contains(NAME)), "names do not stand in entries");
    for operation in ["ledger.erase", "ledger.restart"] {
        let told = |entry: &&Value| {
            entry["kind"] == "access.refused"
                && entry["facts"]["operation"] == operation
                && entry["reason"] == "rule"
        };
        assert_eq!(entries.iter().filter(told).count(), 1, "what a rule refuses is on record: {operation}");
    }
    placed["position"].as_u64().expect("a position")
}

#[test]
fn what_is_erased_is_in_no_file_and_a_restored_backup_does_not_bring_it_back() {
    let mut house = House::open();
    let position = name_somebody(&house);
    let data = house.server.dir.clone();
    assert!(!holding(&data, NAME).is_empty(), "it can be found");
    assert!(house.server.stop().success());
    let backup = house._dir.path().join("backup");
    copy(&data, &backup);
    assert!(!holding(&backup, NAME).is_empty(), "so it is in the backup");
    house.server = Server::start(&data);

    let erased =
        admin(&house, &["ledger", "erase", &position.to_string(), "--reason", "a request"]).ok().json();
    assert_eq!((&erased["erased"], &erased["complete"]), (&json!(1), &json!(true)));
    assert_eq!(holding(&data, NAME), Vec::<PathBuf>::new(), "neither the database nor its log has it");
    let log = directory(&house);
    let stranger = Stranger::new();
    let deep = |log: &Path| {
        stranger.run(&["ledger", "verify", text(log), "--deep", "--data", text(&data), "-o", "json"])
    };
    assert_eq!(deep(&log).ok().json()["beside"]["erased"], 1);
    let gone = house.server.send(
        &Request::new("POST", "/api/v1/ledger/erase")
            .token(&house.organization.admin)
            .json(&json!({"entries": [position.to_string()]})),
    );
    assert_eq!(gone.status, 404, "there is nothing left: {}", gone.text());

    // The databases of before, under the ledger of today.
    assert!(house.server.stop().success());
    fs::remove_dir_all(data.join("organizations")).expect("it goes");
    copy(&backup.join("organizations"), &data.join("organizations"));
    assert!(!holding(&data, NAME).is_empty(), "the restored database has it");
    let server = Server::spawn(&data, &tests::server::Start::default());
    let _ = server.answers();
    assert_eq!(holding(&data, NAME), Vec::<PathBuf>::new(), "it is erased again before anything is served");
    house.server = server;

    // The whole directory of before: nothing in it knows. What stands beside it does, and names nobody.
    assert!(house.server.stop().success());
    fs::remove_dir_all(&data).expect("it goes");
    copy(&backup, &data);
    assert!(!holding(&data, NAME).is_empty(), "the restored directory has it");
    house.server = Server::start(&data);
    assert_eq!(holding(house._dir.path(), NAME).iter().filter(|hit| !hit.starts_with(&backup)).count(), 0);
    let stranger = Stranger::new();
    let log = directory(&house);
    let said =
        stranger.run(&["ledger", "verify", text(&log), "--deep", "--data", text(&data), "-o", "json"]).ok();
    assert_eq!(said.json()["beside"]["erased"], 1, "and the log says so now");
}

#[test]
fn retention_is_shown_and_set_and_everything_of_it_is_on_record() {
    let house = House::open();
    let shown = admin(&house, &["ledger", "retention", "show"]).ok().json();
    assert_eq!((&shown["days"], &shown["set"], &shown["minimum"]), (&json!(2_557), &json!(false), &json!(0)));
    assert_ne!(admin(&house, &["ledger", "retention", "set", "--days", "29"]).code, Some(0));
    let set = admin(&house, &["ledger", "retention", "set", "--days", "400"]).ok().json();
    assert_eq!(
        (&set["days"], &set["set"], &set["still"]["days"]),
        (&json!(400), &json!(true), &json!(2_557))
    );
    let entries = tests::ledger::entries(&directory(&house));
    let entry = entries.iter().find(|entry| entry["kind"] == "retention.set").expect("it is on record");
    assert_eq!(entry["facts"], json!({"before": 2_557, "days": 400, "from": set["still"]["until"]}));
    // A longer time, or the same as before, takes it back at once.
    let set = admin(&house, &["ledger", "retention", "set", "--days", "2557"]).ok().json();
    assert_eq!((&set["days"], &set["still"]), (&json!(2_557), &Value::Null));
}
