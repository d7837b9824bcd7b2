//! A root of trust is one process's, one user's and one store's; and what it does not open protects nothing more.

use crate::custody::{Custodians, set_up};
use crate::spine::{CSV, House};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tests::dataset::{self, Protected};
use tests::http::{Answer, Request};
use tests::server::{PATIENCE, Said, Server, nexora, run};
use tests::wait::until;

/// Where the root of trust of a data directory stands.
fn root_of(data: &Path) -> PathBuf {
    data.with_extension("root")
}

/// What every log under a data directory has published.
fn entries(data: &Path) -> Vec<Value> {
    let logs = fs::read_dir(data.join("ledgers")).expect("it can be listed").map_while(Result::ok);
    logs.flat_map(|log| tests::ledger::entries(&log.path())).collect()
}

/// A start that is refused, over a data directory and a root.
fn refused(data: &Path, root: &Path) -> Said {
    let (data, root) = (data.to_str().expect("UTF-8"), root.to_str().expect("UTF-8"));
    let said = run(&mut nexora(&["serve", "--data", data, "--root", root, "--listen", "127.0.0.1:0"]));
    assert!(said.code.is_some_and(|code| code > 2), "{said:?}");
    said
}

#[test]
fn a_root_is_one_process_s_one_user_s_and_one_store_s() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, other, fresh) = (dir.path().join("data"), dir.path().join("other"), dir.path().join("fresh"));
    let mut server = Server::start(&data);
    let said = refused(&fresh, &root_of(&data));
    assert!(said.err.contains(&format!("held by process {}", server.pid())), "{}", said.err);
    let mut theirs = Server::start(&other);
    assert!(server.stop().success() && theirs.stop().success());

    // Data that nobody has begun, and data that another root wrapped.
    for data in [&fresh, &other] {
        let before = fs::read(root_of(&dir.path().join("data")).join("root.sealed")).expect("it is there");
        let said = refused(data, &root_of(&dir.path().join("data")));
        assert!(said.err.contains("the keys of other data"), "{}", said.err);
        let after = fs::read(root_of(&dir.path().join("data")).join("root.sealed")).expect("it is there");
        assert_eq!(before, after, "nothing of it was enrolled");
    }

    // What others can reach they could have put there.
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    let root = root_of(&data);
    for (path, open, private) in [(root.clone(), 0o755, 0o700), (root.join("root.sealed"), 0o644, 0o600)] {
        mode(&path, open);
        let said = refused(&data, &root);
        assert!(said.err.contains("open to others") && said.err.contains("chmod"), "{}", said.err);
        mode(&path, private);
    }
    drop(Server::start(&data));
}

impl House {
    fn protects(&self, dataset: &str) -> Result<Protected, Answer> {
        dataset::protect(&self.server, &self.organization.admin, dataset, "email", CSV).expect("an answer")
    }

    fn comes_back(&self, protected: &Protected) -> bool {
        let answer = dataset::reveal(&self.server, &self.organization.admin, protected).expect("an answer");
        answer.status == 200 && answer.text() == CSV
    }

    fn check(&self, name: &str) -> (String, String) {
        let doctor = self.organization.get(&self.server, "/api/v1/diagnosis").ok().json();
        let checks = doctor["checks"].as_array().expect("checks").clone();
        let check = checks.into_iter().find(|check| check["name"] == name).expect("a check");
        let text = |what: &str| check[what].as_str().expect("text").to_owned();
        (text("state"), text("message"))
    }

    fn send_to(&self, path: &str, body: &Value) -> Answer {
        self.server.send(&Request::new("POST", path).token(&self.organization.admin).json(body))
    }

    fn newest(&self, dataset: &str) -> String {
        let path = format!("/api/v1/keys?dataset={dataset}&purpose=dataset");
        let rows = self.organization.get(&self.server, &path).ok().json();
        let rows = rows["items"].as_array().expect("rows").clone();
        rows.last().expect("a version")["id"].as_str().expect("an id").to_owned()
    }
}

/// What a fresh root takes from a backup is what its data was wrapped under, or nothing.
#[test]
fn a_backup_of_the_root_of_other_data_is_refused_and_the_right_one_is_taken_then() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, other) = (dir.path().join("data"), dir.path().join("other"));
    let backup_of = |data: &Path| data.with_extension("backup");
    let command = |act: &str, data: &Path, backup: &Path| {
        let (data, backup) = (data.to_str().expect("UTF-8"), backup.to_str().expect("UTF-8"));
        let mut command = nexora(&["keys", "root", act, backup, "--data", data]);
        command.args((act == "restore").then_some("--yes"));
        run(command.env("NEXORA_PASSPHRASE", "of the backup"))
    };
    for data in [&data, &other] {
        let mut server = Server::start(data);
        assert!(server.stop().success());
        let _ = command("backup", data, &backup_of(data)).ok();
    }
    fs::remove_dir_all(root_of(&data)).expect("the root is lost");
    for fresh in [false, true] {
        if fresh {
            let _ = run(&mut nexora(&[
                "keys",
                "root",
                "replace",
                "--yes",
                "--data",
                data.to_str().expect("UTF-8"),
            ]))
            .ok();
        }
        let said = command("restore", &data, &backup_of(&other));
        assert!(said.code.is_some_and(|code| code > 2), "{said:?}");
        assert!(
            said.err.contains("another root") && said.err.contains("nothing was changed"),
            "{}",
            said.err
        );
        assert_eq!(root_of(&data).exists(), fresh, "nothing is made");
    }
    let _ = command("restore", &data, &backup_of(&data)).ok();
    drop(Server::start(&data));
}

/// An older root is back, and with it the recovery package from before the newest dataset: who brings that, or one that
/// somebody made up, ran into what protects the organization's keys.
#[test]
fn a_package_that_is_older_or_made_up_is_refused_on_record() {
    let mut house = House::open();
    house.protects("customers").expect("it protects");
    let admin = house.organization.admin.clone();
    let custodians = Custodians::new(&["cleo", "dora"]);
    let recovery = set_up(&house, &admin, &json!({"threshold": 2, "custodians": custodians.public()}));
    let package = || house.organization.get(&house.server, "/api/v1/recovery/package").ok().body;
    let older = package();
    let data = house.server.dir.clone();
    let place = tempfile::tempdir().expect("a directory");
    let backup = place.path().join("root.backup");
    let command = |arguments: &[&str]| {
        let mut command = nexora(&["keys", "root"]);
        let data = data.to_str().expect("UTF-8");
        run(command.args(arguments).args(["--data", data]).env("NEXORA_PASSPHRASE", "of the backup"))
    };
    let backup = backup.to_str().expect("UTF-8");
    let _ = command(&["backup", backup]).ok();
    house.protects("orders").expect("it protects");
    until("the package has the new key", PATIENCE, || (package() != older).then_some(()));
    assert!(house.server.stop().success());
    fs::remove_dir_all(root_of(&data)).expect("the root is lost");
    let _ = command(&["restore", backup, "--yes"]).ok();
    house.server = Server::start(&data);

    let begin = |package: &[u8], older: bool| {
        let path = format!("/api/v1/recovery/ceremonies?aim=restore&older={older}");
        let request = Request::new("POST", &path).token(&admin);
        house.server.send(&request.body("application/octet-stream", package))
    };
    let refused = begin(&older, false);
    assert_eq!(refused.status, 409, "{}", refused.text());
    let mut made_up: Value = serde_json::from_slice(&older).expect("JSON");
    made_up["setup"]["check"]["hash"] = "00".repeat(32).into();
    let foreign = begin(made_up.to_string().as_bytes(), true);
    assert_eq!(foreign.status, 422, "{}", foreign.text());
    let begun = begin(&older, true).ok().json();
    custodians.attend(&begun, &recovery);
    let ceremony = format!("/api/v1/recovery/ceremonies/{}", begun["id"].as_str().expect("an id"));
    for _ in 0..2 {
        let _ =
            house.send_to(&format!("{ceremony}/approve"), &json!({"contribution": custodians.next()})).ok();
    }
    let refused = house.send_to(&format!("{ceremony}/restore"), &json!({}));
    assert_eq!(refused.status, 409, "{}", refused.text());

    house.ledger_verifies();
    let entries = entries(&data);
    let of = |operation: &str| {
        let own =
            |entry: &&Value| entry["kind"] == "access.refused" && entry["facts"]["operation"] == operation;
        let count = |entry: &Value| entry["count"].as_u64().unwrap_or(1);
        entries.iter().filter(own).map(count).sum::<u64>()
    };
    assert!(of("recovery.begin") >= 1, "at the beginning");
    assert_eq!(of("recovery.restore"), 1, "and at the end");
}

/// The root comes back from a backup that is older than a dataset; or it is missing, and an older copy of it stands
/// where earlier releases had it.
#[test]
fn nothing_is_protected_under_keys_that_an_older_root_does_not_open() {
    for restored in [true, false] {
        let mut house = House::open();
        let kept = house.protects("customers").expect("it protects");
        let data = house.server.dir.clone();
        let (root, inside) = (root_of(&data), data.join("root"));
        let place = tempfile::tempdir().expect("a directory");
        let backup = place.path().join("root.backup");
        let backup = backup.to_str().expect("UTF-8");
        let command = |arguments: &[&str]| {
            let mut command = nexora(&["keys", "root"]);
            let data = data.to_str().expect("UTF-8");
            run(command.args(arguments).args(["--data", data]).env("NEXORA_PASSPHRASE", "of the backup"))
        };
        let _ = command(&["backup", backup]).ok();
        let stale = fs::read(root.join("root.sealed")).expect("it is there");
        let passphrase = fs::read(root.join("passphrase")).expect("it is there");
        let lost = house.protects("orders").expect("it protects");
        assert!(house.comes_back(&lost));
        let key = house.newest("orders");
        assert_eq!(house.check("keys").0, "ok");

        assert!(house.server.stop().success());
        fs::remove_dir_all(&root).expect("the root is lost");
        if restored {
            let _ = command(&["restore", backup, "--yes"]).ok();
        } else {
            fs::create_dir(&inside).expect("made");
            fs::set_permissions(&inside, fs::Permissions::from_mode(0o700)).expect("it is ours");
            for (name, content) in [("root.sealed", &stale), ("passphrase", &passphrase)] {
                fs::write(inside.join(name), content).expect("written");
                fs::set_permissions(inside.join(name), fs::Permissions::from_mode(0o600))
                    .expect("it is ours");
            }
        }
        house.server = Server::start(&data);
        let (state, message) = house.check("keys");
        assert_eq!(state, "failing");
        assert!(message.contains(&key) && message.contains("nexora keys root restore"), "{message}");
        let refused = house.protects("orders").expect_err("nobody would open it");
        assert_eq!(refused.status, 409, "{}", refused.text());
        assert!(refused.message().contains("keys root restore"), "{}", refused.text());
        let out = house.send_to("/api/v1/datasets/orders/public-key", &json!({}));
        assert_eq!(out.status, 409, "no producer gets it either: {}", out.text());
        assert!(house.comes_back(&kept) && !house.comes_back(&lost));
        house.protects("customers").expect("others go on");
        until("it is on record", PATIENCE, || {
            entries(&data).iter().any(|entry| entry["reason"] == "does_not_open").then_some(())
        });

        // The dataset gets a version that opens.
        let _ = house.send_to(&format!("/api/v1/keys/{key}/rotate"), &json!({})).ok();
        let anew = house.protects("orders").expect("it protects again");
        assert!(house.comes_back(&anew));
        assert_eq!(house.check("keys").0, "ok");
        house.ledger_verifies();
    }
}
