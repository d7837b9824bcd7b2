//! Commands that cannot be undone, or shut something, say what they would do and do nothing before they are told to go on.

use crate::custody::{Custodians, set_up};
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
        let paths = [
            "keys",
            "breaches",
            "shreds",
            "exports",
            "credentials",
            "producers",
            "datasets/customers/outputs",
        ];
        let read = |path: &&str| {
            let mut rows = self.organization.list(&self.server, &format!("/api/v1/{path}"));
            for row in &mut rows {
                // Said of a credential with every command.
                row.as_object_mut().expect("a row").remove("last_used_at");
            }
            Value::from(rows)
        };
        let mut state: Vec<Value> = paths.iter().map(read).collect();
        state.push(self.organization.get(&self.server, "/api/v1/recovery").ok().json());
        state
    }

    fn does(&self, token: &str, path: &str, body: &Value) -> Value {
        self.server.send(&Request::new("POST", path).token(token).json(body)).ok().json()
    }

    fn asked(&self, arguments: &[&str]) -> Command {
        let mut command = nexora(arguments);
        command.args(["--data", self.server.dir.to_str().expect("UTF-8")]);
        command.env("NEXORA_TOKEN", &self.organization.admin).env("NEXORA_PASSPHRASE", "of a backup");
        command
    }
}

#[test]
fn what_ff1_cannot_detect_is_said_where_it_is_chosen() {
    for command in [&["protect"][..], &["datasets", "create"], &["datasets", "set-policy"]] {
        let help = run(nexora(command).arg("--help")).ok().out;
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for said in ["FF1 CANNOT DETECT a wrong key or a changed value", "nothing is revealed without that"] {
            assert!(words.contains(said), "{command:?}: {help}");
        }
    }
    let help = run(nexora(&["reveal"]).arg("--help")).ok().out;
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("cannot detect a wrong key or a changed value"), "{help}");
}

#[test]
fn a_dry_run_does_nothing_and_nothing_is_done_unasked() {
    let mut house = House::open();
    let admin = house.organization.admin.clone();
    let made = dataset::protect(&house.server, &admin, "customers", "email=siv", CSV).expect("an answer");
    made.unwrap_or_else(|answer| panic!("{}", answer.text()));
    let file = tempfile::tempdir().expect("a directory");
    let backup = file.path().join("root.backup");
    let backup = backup.to_str().expect("UTF-8");
    let _ = run(&mut house.asked(&["keys", "root", "backup", backup])).ok();
    let signer = crypto::sign::SigningKey::generate(&*crypto::aws_lc(), crypto::sign::Algorithm::MlDsa65);
    let public = crypto::text::encode(signer.verifying_key().as_bytes());
    let producer = json!({"name": "a plant", "public_key": public});
    house.does(&admin, "/api/v1/producers", &producer);
    let shred = json!({"scope": {"dataset": "customers"}, "reason": "a drill"});
    let shred = house.does(&admin, "/api/v1/shreds", &shred);
    // A recovery that is set up, and what another person asks for: a setup, a restore and an export.
    let custodians = Custodians::new(&["cleo", "dora"]);
    let setup = json!({"threshold": 2, "custodians": custodians.public()});
    let recovery = set_up(&house, &admin, &setup);
    let second = house.organization.person(&house.server, "bela", "org_admin");
    let setup = house.does(&second, "/api/v1/recovery", &setup);
    let begin = Request::new("POST", "/api/v1/recovery/ceremonies?aim=restore").token(&admin);
    let ceremony = house.server.send(&begin).ok().json();
    let field = house.first("/api/v1/keys?dataset=customers&purpose=field", "id");
    let pair = crypto::hpke::KeyPair::generate(&*crypto::aws_lc(), crypto::Suite::Hybrid768);
    let recipient = crypto::text::encode(pair.public.as_bytes());
    let export =
        house.does(&second, &format!("/api/v1/keys/{field}/export"), &json!({"recipient": recipient}));
    let place = |name: &str| file.path().join(name).to_str().expect("UTF-8").to_owned();
    let (to, custodian, out) = (place("recipient.pub"), place("custodian.json"), place("out"));
    std::fs::write(&to, &recipient).expect("written");
    std::fs::write(&custodian, custodians.public()[0].to_string()).expect("written");
    let id = |of: &Value| of["id"].as_str().expect("an id").to_owned();
    let (setup, ceremony, export) = (id(&setup), id(&ceremony), id(&export));
    assert!(recovery["setup"].is_string(), "{recovery}");

    let key = house.first("/api/v1/keys?dataset=customers", "id");
    let (run_id, credential) =
        (house.first("/api/v1/datasets/customers/outputs", "run"), house.first("/api/v1/credentials", "id"));
    let producer = house.first("/api/v1/producers", "id");
    let shred = shred["id"].as_str().expect("an id").to_owned();
    let commands: [&[&str]; 13] = [
        &["keys", "destroy", &key],
        &["keys", "breach", "declare", "--dataset", "customers", "--reason", "a drill"],
        &["keys", "shred", "request", "--organization", "--reason", "a drill"],
        &["keys", "shred", "approve", &shred],
        &["keys", "producer", "revoke", &producer],
        &["credentials", "revoke", &credential],
        &["datasets", "forget-output", "customers", &run_id],
        &["keys", "root", "restore", backup],
        &["keys", "export", &field, "--format", "tink", "--to", &to],
        &["keys", "export", "--approve", &export, "--out", &out],
        &["keys", "recovery", "setup", "--approve", &setup, "--out", &out],
        &["keys", "recovery", "restore", "--out", &out],
        &["keys", "recovery", "restore", &ceremony, "--out", &out],
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
        assert!(!file.path().join("out").exists(), "{command:?}");
    }
    // Nothing comes of asking for a setup before another person approves: it is only tried.
    let arguments = ["keys", "recovery", "setup", "--threshold", "2", "--custodian", &custodian, "--dry-run"];
    let dry = run(&mut house.asked(&arguments)).ok();
    assert!(dry.err.contains("would ") && dry.err.contains("nothing was done"), "{}", dry.err);
    assert_eq!(house.state(), before);
    // Where no server runs, and the root is lost.
    assert!(house.server.stop().success());
    let root = house.server.dir.with_extension("root");
    std::fs::rename(&root, file.path().join("lost")).expect("moved");
    let dry = run(house.asked(&["keys", "root", "replace"]).arg("--dry-run")).ok();
    assert!(dry.err.contains("nothing was done"), "{}", dry.err);
    assert_eq!(run(&mut house.asked(&["keys", "root", "replace"])).code, Some(7));
    assert!(!root.exists());
}
