//! Commands that cannot be undone, or shut something, say what they would do and do nothing before they are told to go on.

use crate::spine::{CSV, House};
use serde_json::{Value, json};
use std::process::Command;
use tests::dataset;
use tests::http::Request;
use tests::server::{nexora, run};

impl House {
    fn first(&self, path: &str, member: &str) -> String {
        let rows = self.organization.get(&self.server, path).ok().json();
        rows["items"][0][member].as_str().unwrap_or_else(|| panic!("{path}: {rows}")).to_owned()
    }

    /// What the commands would change, as the organization's people see it.
    fn state(&self) -> Vec<Value> {
        let paths = ["keys", "breaches", "shreds", "credentials", "producers", "datasets/customers/outputs"];
        let read = |path: &&str| {
            let mut rows = self.organization.list(&self.server, &format!("/api/v1/{path}"));
            for row in &mut rows {
                // Said of a credential with every command.
                row.as_object_mut().expect("a row").remove("last_used_at");
            }
            Value::from(rows)
        };
        paths.iter().map(read).collect()
    }

    fn asked(&self, arguments: &[&str]) -> Command {
        let mut command = nexora(arguments);
        command.args(["--data", self.server.dir.to_str().expect("UTF-8")]);
        command.env("NEXORA_TOKEN", &self.organization.admin).env("NEXORA_PASSPHRASE", "of a backup");
        command
    }
}

#[test]
fn a_dry_run_does_nothing_and_nothing_is_done_unasked() {
    let mut house = House::open();
    let admin = house.organization.admin.clone();
    let made = dataset::protect(&house.server, &admin, "customers", "email", CSV).expect("an answer");
    made.unwrap_or_else(|answer| panic!("{}", answer.text()));
    let file = tempfile::tempdir().expect("a directory");
    let backup = file.path().join("root.backup");
    let backup = backup.to_str().expect("UTF-8");
    let _ = run(&mut house.asked(&["keys", "root", "backup", backup])).ok();
    let signer = crypto::sign::SigningKey::generate(&*crypto::aws_lc(), crypto::sign::Algorithm::MlDsa65);
    let public = crypto::text::encode(signer.verifying_key().as_bytes());
    let producer = json!({"name": "a plant", "public_key": public});
    let request = Request::new("POST", "/api/v1/producers").token(&admin).json(&producer);
    let _ = house.server.send(&request).ok();
    let shred = json!({"scope": {"dataset": "customers"}, "reason": "a drill"});
    let request = Request::new("POST", "/api/v1/shreds").token(&admin).json(&shred);
    let shred = house.server.send(&request).ok().json();

    let key = house.first("/api/v1/keys?dataset=customers", "id");
    let (run_id, credential) =
        (house.first("/api/v1/datasets/customers/outputs", "run"), house.first("/api/v1/credentials", "id"));
    let producer = house.first("/api/v1/producers", "id");
    let shred = shred["id"].as_str().expect("an id").to_owned();
    let commands: [&[&str]; 8] = [
        &["keys", "destroy", &key],
        &["keys", "breach", "declare", "--dataset", "customers", "--reason", "a drill"],
        &["keys", "shred", "request", "--organization", "--reason", "a drill"],
        &["keys", "shred", "approve", &shred],
        &["keys", "producer", "revoke", &producer],
        &["credentials", "revoke", &credential],
        &["datasets", "forget-output", "customers", &run_id],
        &["keys", "root", "restore", backup],
    ];
    let before = house.state();
    for command in commands {
        let dry = run(house.asked(command).arg("--dry-run"));
        assert_eq!(dry.code, Some(0), "{command:?}: {}", dry.err);
        assert!(
            dry.err.contains("would ") && dry.err.contains("nothing was done"),
            "{command:?}: {}",
            dry.err
        );
        let unasked = run(&mut house.asked(command));
        assert_eq!(unasked.code, Some(7), "{command:?}: nobody could be asked: {}", unasked.err);
        assert!(
            unasked.err.contains("--yes") && unasked.err.contains("--dry-run"),
            "{command:?}: {}",
            unasked.err
        );
        assert_eq!(house.state(), before, "{command:?}");
    }
    // Where no server runs, and the root is lost.
    assert!(house.server.stop().success());
    let root = house.server.dir.with_extension("root");
    std::fs::rename(&root, file.path().join("lost")).expect("moved");
    let dry = run(house.asked(&["keys", "root", "replace"]).arg("--dry-run")).ok();
    assert!(dry.err.contains("nothing was done"), "{}", dry.err);
    assert_eq!(run(&mut house.asked(&["keys", "root", "replace"])).code, Some(7));
    assert!(!root.exists());
}
