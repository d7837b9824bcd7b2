//! A ledger renewed by an operator: other keys, and another log where an older data directory was restored.

use crate::spine::House;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tests::cloudtrail::harmless;
use tests::organization::Organization;
use tests::server::{PATIENCE, Server, Start, nexora, run};
use tests::wait::until;

/// A command of the administrator's, as JSON.
fn ask(house: &House, arguments: &[&str]) -> Value {
    let data = house.server.dir.to_str().expect("UTF-8");
    let mut command = nexora(arguments);
    command.args(["--data", data, "-o", "json"]).env("NEXORA_TOKEN", &house.organization.admin);
    run(&mut command).ok().json()
}

#[test]
fn the_log_s_algorithms_do_not_follow_an_organization_s_suite() {
    let house = House::open();
    let before = house.ledger_verifies();
    let listed = ask(&house, &["keys", "ls", "--purpose", "organization"]);
    let rows = listed["items"].as_array().or(listed.as_array()).expect("keys");
    let key = rows[0]["id"].as_str().expect("an id");
    let turned = ask(&house, &["keys", "rotate", key, "--suite", "cnsa-2"]);
    assert_eq!(turned["algorithm"], "cnsa-2", "{turned}");
    let kinds = |status: &Value| -> Vec<&'static str> {
        let keys = status["keys"].as_array().expect("keys").iter();
        let parsed =
            keys.map(|key| key.as_str().expect("a key").parse::<verify::VerifierKey>().expect("a key"));
        parsed.map(|key| key.kind().as_str()).collect()
    };
    // Neither as it goes on nor when its keys are replaced.
    let after = house.ledger_verifies();
    assert_eq!(after["keys"], before["keys"]);
    assert_eq!(kinds(&after), ["Ed25519", "ML-DSA-44"]);
    let replaced = ask(&house, &["ledger", "rotate-keys"]);
    assert_ne!(replaced["keys"], before["keys"]);
    assert_eq!(kinds(&house.ledger_verifies()), ["Ed25519", "ML-DSA-44"]);
}

#[test]
fn rotated_keys_sign_what_follows_and_a_key_from_before_is_still_enough() {
    let house = House::open();
    let before = house.ledger_verifies();
    let rotated = ask(&house, &["ledger", "rotate-keys"]);
    assert_eq!(rotated["origin"], before["origin"]);
    assert_ne!(rotated["keys"], before["keys"]);
    house.send(&[harmless("n-1", 1, 1)]);
    let after = house.ledger_verifies();
    assert_eq!(after["keys"], rotated["keys"]);
    let dir = after["dir"].as_str().expect("a path");
    let home = tempfile::tempdir().expect("a home");
    for status in [&before, &after] {
        let key = status["keys"][0].as_str().expect("a key");
        let mut command = nexora(&["ledger", "verify", dir, "--key", key]);
        let _ = run(command.env("HOME", home.path())).ok();
    }
    let entries = tests::ledger::entries(Path::new(dir));
    let rotation = entries.iter().find(|entry| entry["kind"] == "ledger.keys_rotated").expect("an entry");
    assert_eq!(rotation["facts"]["signatures"].as_array().map(Vec::len), Some(4));
    // A restart signs with the new ones.
    let House { mut server, organization, _dir } = house;
    assert!(server.stop().success());
    let house = House { server: Server::start(&server.dir), organization, _dir };
    house.send(&[harmless("n-2", 2, 2)]);
    assert_eq!(house.ledger_verifies()["keys"], after["keys"]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it is made");
    for entry in fs::read_dir(from).expect("it lists") {
        let entry = entry.expect("it lists");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else if path.is_file() {
            fs::copy(path, target).expect("it copies");
        }
    }
}

fn check(house: &House, name: &str) -> Value {
    let checks = house.organization.get(&house.server, "/api/v1/diagnosis").ok().json();
    let found = checks["checks"].as_array().or(checks.as_array()).expect("checks").iter();
    found.clone().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {checks}")).clone()
}

#[test]
fn an_older_data_directory_is_seen_by_the_anchor_and_an_operator_begins_another_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup, file) =
        (dir.path().join("data"), dir.path().join("backup"), dir.path().join("anchor"));
    let file = file.to_str().expect("UTF-8");
    let serve = || {
        let arguments = ["--ledger-anchor", file];
        let mut server = Server::spawn(&data, &Start { arguments: &arguments, environment: &[] });
        server.ready();
        server
    };
    let server = serve();
    let organization = Organization::create(&server);
    let mut house = House { server, organization, _dir: dir };
    let of_log = |house: &House| {
        let origin = house.organization.get(&house.server, "/api/v1/ledger").ok().json()["origin"].clone();
        origin.as_str().expect("an origin").to_owned()
    };
    let origin = of_log(&house);
    let anchored = |size: u64| {
        until("the checkpoint is anchored", PATIENCE, || {
            let text = fs::read_to_string(file).unwrap_or_default();
            let notes = text.lines().filter_map(|line| {
                let line: Value = serde_json::from_str(line).ok()?;
                let note = STANDARD.decode(line["note"].as_str()?).ok()?;
                String::from_utf8(note).ok()
            });
            let mut heads = notes.filter(|note| note.lines().next() == Some(&*origin));
            heads
                .any(|note| note.lines().nth(1).and_then(|size| size.parse().ok()) == Some(size))
                .then_some(())
        });
    };
    assert_eq!(check(&house, "ledger's memory")["state"], "ok");
    let old = house.ledger_verifies();
    assert!(house.server.stop().success());
    copy(&data, &backup);

    house.server = serve();
    house.send(&[harmless("n-1", 1, 1)]);
    let lost = house.ledger_verifies();
    let known = lost["published"].as_u64().expect("a size");
    assert!(known > old["published"].as_u64().expect("a size"));
    anchored(known);
    assert!(house.server.stop().success());

    fs::remove_dir_all(&data).expect("it goes");
    copy(&backup, &data);
    house.server = serve();
    house.send(&[harmless("n-2", 2, 2)]);
    let stalled = until("the log says that it is behind", PATIENCE, || {
        let status = house.organization.get(&house.server, "/api/v1/ledger").ok().json();
        status["stalled"].is_string().then_some(status)
    });
    let why = stalled["stalled"].as_str().expect("a reason");
    assert!(why.contains("anchor") && why.contains(&format!("{known} entries")), "{why}");
    assert_eq!(stalled["published"], old["published"], "nothing was signed");
    assert_eq!(check(&house, "ledger")["state"], "failing");

    let restarted = ask(&house, &["ledger", "restart"]);
    assert_eq!(restarted["generation"], 2);
    house.send(&[harmless("n-3", 3, 3)]);
    let status = house.ledger_verifies();
    assert_eq!((&status["generation"], &status["stalled"]), (&2.into(), &Value::Null));
    let entries = tests::ledger::entries(Path::new(status["dir"].as_str().expect("a path")));
    assert_eq!(entries[0]["kind"], "ledger.started");
    assert_eq!(entries[0]["facts"]["previous"]["origin"], lost["origin"]);
    assert_eq!(entries[0]["facts"]["previous"]["size"], known);
    assert!(entries[0]["count"].as_u64().is_some_and(|count| count > 0), "what the old log never published");
    // What a search prints of either log is what `prove` takes.
    let data = data.to_str().expect("UTF-8");
    let say = |arguments: &[&str]| {
        let mut command = nexora(arguments);
        run(command.args(["--data", data]).env("NEXORA_TOKEN", &house.organization.admin)).ok().out
    };
    let found = say(&["ledger", "search", "--kind", "ledger.started"]);
    let places: Vec<&str> = found.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(places, ["2/0", "1/0"], "{found}");
    for (place, origin) in places.iter().zip([&status["origin"], &lost["origin"]]) {
        let proof = say(&["ledger", "prove", place]);
        assert!(proof.contains(&format!("\n{}\n", origin.as_str().expect("an origin"))), "{place}: {proof}");
    }
    // There is no reason for a third.
    let mut command = nexora(&["ledger", "restart", "--data", data]);
    let said = run(command.env("NEXORA_TOKEN", &house.organization.admin));
    assert_ne!(said.code, Some(0), "{}", said.out);
    assert!(said.err.contains("in order"), "{}", said.err);
}

#[test]
fn an_anchor_that_lost_what_it_took_is_named_by_doctor() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("anchor");
    let arguments = ["--ledger-anchor", file.to_str().expect("UTF-8")];
    let mut server =
        Server::spawn(&dir.path().join("data"), &Start { arguments: &arguments, environment: &[] });
    server.ready();
    let organization = Organization::create(&server);
    let house = House { server, organization, _dir: dir };
    let origin = house.ledger_verifies()["origin"].as_str().expect("an origin").to_owned();
    // A second checkpoint of the log is handed over once the receipt for the first is held.
    let lines = || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let notes = text.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            String::from_utf8(STANDARD.decode(line["note"].as_str()?).ok()?).ok()
        });
        notes.filter(|note| note.lines().next() == Some(&*origin)).count()
    };
    until("one is anchored", PATIENCE, || (lines() >= 1).then_some(()));
    house.organization.respond(&house.server, "ask");
    until("another one is", PATIENCE, || (lines() >= 2).then_some(()));
    assert_eq!(check(&house, "ledger's memory")["state"], "ok");
    fs::write(&file, "").expect("it is emptied");
    let said = check(&house, "ledger's memory");
    assert_eq!(said["state"], "failing", "{said}");
    assert!(said["message"].as_str().is_some_and(|text| text.contains("receipt")), "{said}");
}

#[test]
fn without_a_witness_and_an_anchor_doctor_says_that_a_restore_could_not_be_seen() {
    let house = House::open();
    let said = check(&house, "ledger's memory");
    assert_eq!(said["state"], "warning");
    assert!(said["message"].as_str().is_some_and(|text| text.contains("could not be seen")), "{said}");
}

/// The platform's log records what the others have published; without it none of them knows whether it is behind.
#[test]
fn with_the_platform_s_log_every_organization_s_begins_anew() {
    let mut house = House::open();
    let own = house.ledger_verifies();
    assert!(house.server.stop().success());
    let ledgers = house.server.dir.join("ledgers");
    let own_dir = own["dir"].as_str().expect("a path");
    let logs = fs::read_dir(&ledgers).expect("it lists").map(|entry| entry.expect("it lists").path());
    let platform = logs.filter(|log| log.join("checkpoint").is_file());
    let platform: Vec<_> = platform.filter(|log| Path::new(own_dir).file_name() != log.file_name()).collect();
    let [platform] = &platform[..] else { panic!("{platform:?}") };
    fs::write(platform.join("checkpoint"), "no checkpoint").expect("it is written");

    let start = Start { arguments: &["--administrator-secret"], environment: &[] };
    house.server = Server::spawn(&house.server.dir.clone(), &start);
    house.server.ready();
    let secret = tests::organization::administrator(&house.server);
    let data = house.server.dir.to_str().expect("UTF-8");
    let mut command = nexora(&["ledger", "restart", "--data", data, "-o", "json"]);
    let restarted = run(command.env("NEXORA_TOKEN", &secret)).ok().json();
    assert_eq!(restarted["generation"], 2, "{restarted}");
    house.send(&[harmless("n-1", 1, 1)]);
    let status = house.ledger_verifies();
    assert_eq!(status["generation"], 2);
    let entries = tests::ledger::entries(Path::new(status["dir"].as_str().expect("a path")));
    let previous = &entries[0]["facts"]["previous"];
    assert_eq!((&previous["origin"], &previous["size"]), (&own["origin"], &own["published"]));
}
