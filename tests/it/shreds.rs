//! A shredding and packages of recovery that something is in the way of: everybody who asks is told.

use crate::custody::{Custodians, set_up};
use crate::spine::{CSV, House};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tests::dataset;
use tests::http::Request;
use tests::server::{PATIENCE, nexora, run};
use tests::wait::until;

impl House {
    /// What `nexora doctor` has of a check: its state and its message.
    fn doctor(&self, name: &str) -> (String, String) {
        let doctor = self.organization.get(&self.server, "/api/v1/diagnosis").ok().json();
        let checks = doctor["checks"].as_array().expect("checks").iter();
        let check = checks.clone().find(|check| check["name"] == name).expect("a check of that name");
        let text = |member: &str| check[member].as_str().expect("text").to_owned();
        (text("state"), text("message"))
    }

    /// The organization's folder, where its recovery packages stand.
    fn folder(&self) -> PathBuf {
        let bare = self.organization.id.strip_prefix("org_").expect("an organization's id");
        self.server.dir.join("organizations").join(bare)
    }

    fn said(&self, arguments: &[&str]) -> String {
        let mut command = nexora(arguments);
        command.args(["--data", self.server.dir.to_str().expect("UTF-8")]);
        run(command.env("NEXORA_TOKEN", &self.organization.admin)).ok().out
    }

    fn asks(&self, token: &str, path: &str, body: &Value) -> Value {
        self.server.send(&Request::new("POST", path).token(token).json(body)).ok().json()
    }
}

#[test]
fn a_shredding_that_cannot_be_finished_is_told_as_decided_and_goes_on_by_itself() {
    let house = House::open();
    let admin = house.organization.admin.clone();
    let protected = house.protect(&admin, CSV);
    let custodians = Custodians::new(&["cleo", "dora"]);
    set_up(&house, &admin, &json!({"threshold": 2, "custodians": custodians.public()}));
    let second = house.organization.person(&house.server, "bela", "org_admin");
    let scope = json!({"scope": {"dataset": "customers"}, "reason": "the contract ended"});
    let asked = house.asks(&admin, "/api/v1/shreds", &scope);
    let id = asked["id"].as_str().expect("an id");

    // The next package cannot be put: a folder stands where it is written first.
    let obstacle = house.folder().join("recovery.new");
    fs::create_dir(&obstacle).expect("a directory");
    let told = house.asks(&second, &format!("/api/v1/shreds/{id}/approve"), &json!({}));
    assert_eq!(told["state"], "approved", "an error would say that nothing was done: {told}");
    assert!(told["waits"].as_str().is_some_and(|why| why.contains("package")), "{told}");
    let closed = dataset::reveal(&house.server, &admin, &protected).expect("an answer");
    assert_ne!(closed.status, 200, "nothing of it opens from the approval on: {}", closed.text());
    let listed = house.said(&["keys", "shred", "ls"]);
    assert!(listed.contains(id) && listed.contains("approved, not finished"), "{listed}");
    let shown = house.said(&["keys", "shred", "show", id]);
    assert!(shown.contains("package") && shown.contains("goes on by itself"), "{shown}");
    let (state, message) = house.doctor("keys");
    assert_eq!(state, "failing", "{message}");
    for part in [id, "approved and not finished", "package"] {
        assert!(message.contains(part), "{part}: {message}");
    }

    fs::remove_dir(&obstacle).expect("removed");
    let done = until("it is done", PATIENCE, || {
        let path = format!("/api/v1/shreds/{id}");
        let shred = house.organization.get(&house.server, &path).ok().json();
        (shred["state"] == "done").then_some(shred)
    });
    assert!(done["certificate"].is_object() && done["waits"].is_null(), "{done}");
    assert_eq!(house.doctor("keys").0, "ok");
    house.ledger_verifies();
}

#[test]
fn an_earlier_package_that_does_not_read_is_named_where_it_stands() {
    let house = House::open();
    let admin = house.organization.admin.clone();
    let custodians = Custodians::new(&["cleo", "dora"]);
    let recovery = set_up(&house, &admin, &json!({"threshold": 2, "custodians": custodians.public()}));
    let (state, message) = house.doctor("recovery");
    assert!(state == "warning" && message.contains("never rehearsed"), "{message}");

    let setup = recovery["setup"].as_str().expect("an id");
    let name = format!("{setup}.1");
    let file = house.folder().join(format!("recovery.{name}.package"));
    fs::write(&file, "torn").expect("written");
    let (state, message) = house.doctor("recovery");
    assert!(state == "failing" && message.contains("do not read"), "{message}");
    let named = message.split_whitespace().next().expect("a file");
    assert_eq!(house.server.dir.join(named), file, "it is named as it stands below the data directory");
    assert!(house.said(&["keys", "recovery", "show"]).contains(&name));
    fs::remove_file(&file).expect("removed");
    assert_eq!(house.doctor("recovery").0, "warning");
}
