//! The loops of keys, from outside: what opens, what no longer does, and what brings it back.

use crate::custody::{Custodians, set_up};
use crate::spine::{CSV, House};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tests::cloudtrail::{harmless, key};
use tests::dataset::{self, Protected};
use tests::http::{Answer, Request};
use tests::server::{PATIENCE, Server, Start, nexora, run};
use tests::wait::until;

/// The file of every mode that opens and of one that does not.
const FIELDS: &str = "email=siv,ssn";

impl House {
    fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.server.send(&Request::new("POST", path).token(token).json(body))
    }

    fn act(&self, path: &str, body: &Value) -> Value {
        self.post(&self.organization.admin, path, body).ok().json()
    }

    /// The version in use of a key of the dataset `customers`.
    fn in_use(&self, purpose: &str) -> String {
        let path = format!("/api/v1/keys?dataset=customers&purpose={purpose}&state=active");
        let rows = self.organization.get(&self.server, &path).ok().json();
        rows["items"][0]["id"].as_str().expect("a key in use").to_owned()
    }

    /// A credential of an identity in good standing.
    fn holder(&self) -> String {
        self.send(&[harmless("k-0", 9, 1)]);
        let id = self.identity(&key(9))["id"].as_str().expect("an id").to_owned();
        self.organization.bind(&self.server, &id)
    }

    fn customers(&self, token: &str) -> Protected {
        dataset::protect(&self.server, token, "customers", FIELDS, CSV)
            .expect("an answer")
            .unwrap_or_else(|answer| panic!("{}: {}", answer.status, answer.text()))
    }

    fn opens(&self, token: &str, protected: &Protected) {
        let answer = dataset::reveal(&self.server, token, protected).expect("an answer");
        assert_eq!((answer.status, answer.text()), (200, CSV.to_owned()), "{}", answer.text());
    }

    fn is_shut(&self, token: &str, protected: &Protected, why: &str) {
        let answer = dataset::reveal(&self.server, token, protected).expect("an answer");
        assert!((400..600).contains(&answer.status), "{why}: {}", answer.text());
        assert!(!answer.text().contains("ada@example.com"), "{why}");
        assert!(answer.message().len() > 10, "{why}: it says why: {}", answer.text());
    }
}

#[test]
fn an_old_version_opens_a_suspended_one_does_not_and_a_destroyed_one_had_nothing_under_it() {
    let house = House::open();
    let token = house.holder();
    let first = house.customers(&token);
    let before = house.in_use("dataset");
    let turned = house.act(&format!("/api/v1/keys/{before}/rotate"), &json!({"suite": "cnsa-2"}));
    assert_eq!((&turned["version"], &turned["algorithm"]), (&2.into(), &"cnsa-2".into()), "{turned}");
    let second = house.customers(&token);
    house.opens(&token, &first);
    house.opens(&token, &second);

    house.act(&format!("/api/v1/keys/{before}/suspend"), &json!({}));
    house.is_shut(&token, &first, "its version is suspended");
    house.opens(&token, &second);
    house.act(&format!("/api/v1/keys/{before}/resume"), &json!({}));
    house.opens(&token, &first);

    // An output refers to it, and is named with the count.
    let refused =
        house.post(&house.organization.admin, &format!("/api/v1/keys/{before}/destroy"), &json!({}));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.message().contains('1'), "{}", refused.text());
    // Protected anew it refers to the version in use, and what nothing refers to may go.
    let anew = house.server.send(&dataset::both("/api/v1/datasets/customers/reencrypt", &token, &first));
    assert_eq!(anew.status, 403, "an identity does not: {}", anew.text());
    let admin = house.organization.admin.clone();
    let anew = house.server.send(&dataset::both("/api/v1/datasets/customers/reencrypt", &admin, &first)).ok();
    assert_eq!(anew.outcome(), Some("ok"));
    let mut parts = dataset::parts(&anew).into_iter();
    let anew =
        Protected { output: parts.next().expect("an output"), manifest: parts.next().expect("a manifest") };
    house.opens(&token, &anew);
    let old =
        house.organization.get(&house.server, "/api/v1/datasets/customers/outputs?old=true").ok().json();
    let run =
        old["items"][0]["run"].as_str().expect("the first output stands under an old version").to_owned();
    house.act(&format!("/api/v1/datasets/customers/outputs/{run}/forget"), &json!({}));
    let gone = house.act(&format!("/api/v1/keys/{before}/destroy"), &json!({}));
    assert_eq!(gone["state"], "destroyed", "{gone}");
    house.is_shut(&token, &first, "its version is destroyed");
    house.opens(&token, &anew);
    house.ledger_verifies();
}

#[test]
fn a_breach_shuts_at_once_and_opens_again_when_it_is_undone() {
    let house = House::open();
    let token = house.holder();
    let protected = house.customers(&token);
    for scope in [json!({"dataset": "customers"}), json!("organization")] {
        house.act("/api/v1/breaches", &json!({"scope": scope, "reason": "a laptop was stolen"}));
        house.is_shut(&token, &protected, "a breach is declared");
        house.act("/api/v1/breaches/undo", &json!({"scope": scope}));
        house.opens(&token, &protected);
    }
    house.ledger_verifies();
}

/// The kinds of what was done to the root, as the platform's log has them.
fn root_acts(data: &Path) -> Vec<String> {
    let logs = fs::read_dir(data.join("ledgers")).expect("it can be listed").map_while(Result::ok);
    let entries = logs.flat_map(|log| tests::ledger::entries(&log.path()));
    let kinds = entries.filter_map(|entry| entry["kind"].as_str().map(str::to_owned));
    kinds.filter(|kind| kind.starts_with("root.")).collect()
}

/// Where the root of trust of a data directory stands.
fn root_of(data: &Path) -> PathBuf {
    data.with_extension("root")
}

/// Copies a data directory as a backup does, whole: the root of trust stands beside it.
fn back_up(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("it can be listed").map_while(Result::ok) {
        let (path, name) = (entry.path(), entry.file_name());
        assert!(
            name != "root.sealed" && name != "passphrase",
            "a backup of the data has the root: {}",
            path.display()
        );
        if path.is_dir() {
            back_up(&path, &to.join(name));
        } else if path.is_file() && name != "lock" {
            fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}

/// Puts a backup in place of a data directory; its root stays beside it.
fn put_back(backup: &Path, data: &Path) {
    for entry in fs::read_dir(data).expect("it can be listed").map_while(Result::ok) {
        match entry.path() {
            path if path.is_dir() => fs::remove_dir_all(path),
            path if path.is_file() => fs::remove_file(path),
            _ => Ok(()),
        }
        .expect("removed");
    }
    back_up(backup, data);
}

#[test]
fn what_two_persons_shredded_stays_shut_from_a_restored_directory_and_from_a_ceremony() {
    let mut house = House::open();
    let token = house.holder();
    let protected = house.customers(&token);
    let kept = dataset::protect(&house.server, &token, "orders", "email", CSV)
        .expect("an answer")
        .expect("protected");
    let custodians = Custodians::new(&["cleo", "dora", "emil"]);
    let admin = house.organization.admin.clone();
    let body = json!({"threshold": 2, "custodians": custodians.public()});
    set_up(&house, &admin, &body);
    let second = house.organization.person(&house.server, "bela", "org_admin");

    // The copies that somebody made before.
    let copy = tempfile::tempdir().expect("a directory");
    assert!(house.server.stop().success());
    back_up(&house.server.dir, copy.path());
    house.server = Server::start(&house.server.dir.clone());

    let asked = house
        .act("/api/v1/shreds", &json!({"scope": {"dataset": "customers"}, "reason": "the contract ended"}));
    let approve = format!("/api/v1/shreds/{}/approve", asked["id"].as_str().expect("an id"));
    house.opens(&token, &protected);
    for _ in 0..3 {
        let own = house.post(&admin, &approve, &json!({}));
        assert_eq!(own.status, 403, "nobody approves their own request: {}", own.text());
    }
    let done = house.post(&second, &approve, &json!({})).ok().json();
    assert_eq!(done["state"], "done", "{done}");
    let certificate = done["certificate"]["payload"].as_str().expect("a certificate");
    let certificate = crypto::text::decode(certificate, "certificate").expect("base64url");
    let certificate: Value = serde_json::from_slice(&certificate).expect("JSON");
    assert!(certificate.to_string().contains("customers") || certificate.is_object(), "{certificate}");
    house.is_shut(&token, &protected, "it was shredded");
    let other = dataset::reveal(&house.server, &token, &kept).expect("an answer");
    assert_eq!(other.text(), CSV, "another dataset still opens");
    let status = house.ledger_verifies();
    let own = |entry: &&Value| entry["action"] == "shreds.approve" && entry["reason"] == "same_person";
    let entries = tests::ledger::entries(Path::new(status["dir"].as_str().expect("a path")));
    let own: Vec<&Value> = entries.iter().filter(own).collect();
    assert_eq!(own.len(), 1, "the first is on record, the others are counted: {own:#?}");

    // From a ceremony with the current package.
    custodians.meet(&house, &admin, "restore", true);
    let ceremony = custodians.ceremony().expect("it was begun");
    let restored = house.act(&format!("/api/v1/recovery/ceremonies/{ceremony}/restore"), &json!({}));
    assert!(restored["keys"].as_u64() > Some(0), "{restored}");
    house.is_shut(&token, &protected, "a ceremony does not bring it back");
    let other = dataset::reveal(&house.server, &token, &kept).expect("an answer");
    assert_eq!(other.text(), CSV);

    // From the copied directory under the root as it is now.
    assert!(house.server.stop().success());
    put_back(copy.path(), &house.server.dir);
    house.server = Server::start(&house.server.dir.clone());
    house.is_shut(&token, &protected, "the root has forgotten it");
    let other = dataset::reveal(&house.server, &token, &kept).expect("an answer");
    assert_eq!(other.text(), CSV, "and what was not shredded opens from the copy");
}

#[test]
fn two_of_three_custodians_bring_the_keys_back_under_a_fresh_root() {
    let mut house = House::open();
    let token = house.holder();
    let protected = house.customers(&token);
    let admin = house.organization.admin.clone();
    let custodians = Custodians::new(&["cleo", "dora", "emil"]);
    let body = json!({"threshold": 2, "custodians": custodians.public()});
    let recovery = set_up(&house, &admin, &body);
    until("the package is current", PATIENCE, || {
        let shown = house.organization.get(&house.server, "/api/v1/recovery").ok().json();
        (shown["recovery"]["current"] == true).then_some(())
    });
    // A copy is taken, and a dataset is made after it: the node's own package has keys that the copy lacks.
    let mut copy = house.organization.get(&house.server, "/api/v1/recovery/package").ok().body;
    let policy = json!({"policy": {"fields": [{"path": "email", "mode": "siv"}], "row_key": null}});
    let _ =
        house.server.send(&Request::new("POST", "/api/v1/datasets/later").token(&admin).json(&policy)).ok();
    until("the package is current", PATIENCE, || {
        let package = house.organization.get(&house.server, "/api/v1/recovery/package").ok().body;
        (package.len() > copy.len()).then_some(())
    });
    // As large as the package of some thousands of datasets: blanks at the end of JSON mean nothing.
    copy.resize(copy.len() + (17 << 20), b' ');
    house.ledger_verifies();

    // The root is lost. No server makes another one in silence; a person says so.
    assert!(house.server.stop().success());
    let data = house.server.dir.clone();
    fs::remove_dir_all(root_of(&data)).expect("removed");
    let refused =
        run(&mut nexora(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().expect("UTF-8")]));
    assert_eq!(refused.code, Some(5), "{}", refused.err);
    assert!(refused.err.contains("keys root replace") && !root_of(&data).exists(), "{}", refused.err);
    let _ =
        run(&mut nexora(&["keys", "root", "replace", "--yes", "--data", data.to_str().expect("UTF-8")])).ok();
    house.server = Server::spawn(&data, &Start::default());
    let not_ready = house.server.answers();
    let organization = house.organization.id.clone();
    assert_eq!(not_ready.status, 503, "{}", not_ready.text());
    assert!(
        not_ready.text().contains(&organization) && not_ready.text().contains("locked"),
        "{}",
        not_ready.text()
    );
    house.is_shut(&token, &protected, "the root is another");
    let doctor = house.organization.get(&house.server, "/api/v1/diagnosis").ok().json();
    let keys = doctor["checks"].as_array().expect("checks").iter().find(|check| check["name"] == "keys");
    assert!(keys.is_some_and(|check| check["state"] == "failing"), "{doctor}");

    let begin = |house: &House, query: &str| {
        let path = format!("/api/v1/recovery/ceremonies?aim=restore{query}");
        let package =
            Request::new("POST", &path).token(&admin).body("application/octet-stream", copy.clone());
        house.server.send(&package)
    };
    let unmeant = begin(&house, "");
    assert_eq!(unmeant.status, 409, "the node's own has more keys: {}", unmeant.text());
    let begun = begin(&house, "&older=true").ok().json();
    custodians.attend(&begun, &recovery);
    let id = begun["id"].as_str().expect("an id").to_owned();
    let approve = |house: &House| {
        let body = json!({"contribution": custodians.next()});
        house.post(&admin, &format!("/api/v1/recovery/ceremonies/{id}/approve"), &body).ok()
    };
    let restore = |house: &House| {
        house.post(&admin, &format!("/api/v1/recovery/ceremonies/{id}/restore"), &json!({"older": true}))
    };
    let _ = approve(&house);
    let early = restore(&house);
    assert!((400..500).contains(&early.status), "one share is too few: {}", early.text());
    house.is_shut(&token, &protected, "one share is too few");
    let _ = approve(&house);
    let restored = restore(&house).ok().json();
    assert!(restored["keys"].as_u64() > Some(2), "{restored}");
    let missing = restored["missing"].as_array().map(Vec::len).expect("a list");
    assert!(missing > 0, "those of the later dataset");
    let dealt = &restored["recovery"];
    assert_eq!(dealt["shares"].as_array().map(Vec::len), Some(3), "{restored}");
    assert_eq!(dealt["unwritten"], Value::Null, "the package is written for the new shares");
    // It cannot have what the fresh root does not open, and says so; the node's old one, which has it, is kept.
    assert_eq!((&dealt["current"], &dealt["left_out"]), (&false.into(), &missing.into()), "{restored}");
    assert_eq!(dealt["earlier"][0], recovery["setup"]);
    let lacks = |house: &House| {
        let doctor = house.organization.get(&house.server, "/api/v1/diagnosis").ok().json();
        let checks = doctor["checks"].as_array().expect("checks").clone();
        let check = checks.into_iter().find(|check| check["name"] == "recovery").expect("a check");
        check["message"].as_str().expect("text").contains(&format!("lacks {missing} keys"))
    };
    assert!(lacks(&house), "doctor says how many it lacks");
    house.opens(&token, &protected);
    assert!(!house.server.answers().text().contains(&organization), "it is not locked any more");
    // The custodians have the shares of that one too, and with it the rest is back.
    let setup = recovery["setup"].as_str().expect("an id");
    let path = format!("/api/v1/recovery/ceremonies?aim=restore&earlier={setup}");
    let begun = house.server.send(&Request::new("POST", &path).token(&admin)).ok().json();
    custodians.attend(&begun, &recovery);
    let ceremony = format!("/api/v1/recovery/ceremonies/{}", begun["id"].as_str().expect("an id"));
    for _ in 0..2 {
        house.act(&format!("{ceremony}/approve"), &json!({"contribution": custodians.next()}));
    }
    let restored = house.act(&format!("{ceremony}/restore"), &json!({}));
    assert_eq!(restored["missing"], json!([]), "{restored}");
    let dealt = &restored["recovery"];
    assert_eq!((&dealt["current"], &dealt["left_out"]), (&true.into(), &0.into()), "{restored}");
    assert!(!lacks(&house));
    // The platform has no custodians: its log's keys are gone, and another log begins where an operator says so.
    assert!(house.server.answers().text().contains("locked"), "the platform's log");
    assert!(house.server.stop().success());
    house.server = Server::spawn(&data, &Start { arguments: &["--administrator-secret"], environment: &[] });
    let _ = house.server.answers();
    let secret = data.join("administrator.secret");
    let arguments = ["ledger", "restart", "--data", data.to_str().expect("UTF-8"), "--token-file"];
    let _ = run(nexora(&arguments).arg(&secret)).ok();
    house.server.ready();
    until("the fresh root is on record", PATIENCE, || (root_acts(&data) == ["root.replaced"]).then_some(()));
    house.ledger_verifies();
    // And after a restart too.
    assert!(house.server.stop().success());
    house.server = Server::start(&house.server.dir.clone());
    house.opens(&token, &protected);
    house.send(&[harmless("k-9", 9, 5)]);
    house.ledger_verifies();
}

#[test]
fn a_root_comes_back_from_its_own_backup() {
    let mut house = House::open();
    let token = house.holder();
    let protected = house.customers(&token);
    let data = house.server.dir.to_str().expect("UTF-8").to_owned();
    let place = tempfile::tempdir().expect("a directory");
    let backup = place.path().join("root.backup");
    let backup = backup.to_str().expect("UTF-8");
    let root = |arguments: &[&str], passphrase: &str| {
        let mut command = nexora(&["keys", "root"]);
        run(command.args(arguments).args(["--data", &data]).env("NEXORA_PASSPHRASE", passphrase))
    };
    let _ = root(&["backup", backup], "of the backup").ok();
    let path = house.server.dir.clone();
    until("the backup is on record", PATIENCE, || (root_acts(&path) == ["root.backed_up"]).then_some(()));
    assert_eq!(root(&["backup", backup], "of the backup").code, Some(1), "never over a file that is there");
    assert!(house.server.stop().success());
    fs::remove_dir_all(root_of(&house.server.dir)).expect("removed");
    let wrong = root(&["restore", backup, "--yes"], "another");
    assert!(wrong.code.is_some_and(|code| code > 2), "{}", wrong.err);
    let restored = root(&["restore", backup, "--yes", "-o", "json"], "of the backup").ok();
    assert!(restored.json()["units"].as_u64() > Some(1), "{}", restored.out);
    house.server = Server::start(&house.server.dir.clone());
    house.opens(&token, &protected);
    house.ledger_verifies();
    let both = ["root.backed_up", "root.restored"];
    until("the restore is on record", PATIENCE, || (root_acts(&path) == both).then_some(()));

    // A root that an earlier release made inside the data directory goes on working, and doctor says how to move it.
    assert!(house.server.stop().success());
    fs::rename(root_of(&path), path.join("root")).expect("moved");
    house.server = Server::start(&path);
    house.opens(&token, &protected);
    let doctor = || {
        let doctor = house.organization.get(&house.server, "/api/v1/diagnosis").ok().json();
        let checks = doctor["checks"].as_array().expect("checks").clone();
        checks.into_iter().find(|check| check["name"] == "root of trust").expect("a check")
    };
    let said = doctor();
    let message = said["message"].as_str().expect("a message");
    let (_, step) = message.split_once("stop the server and ").expect("what to do");
    assert_eq!(said["state"], "warning");
    assert!(house.server.stop().success());
    assert!(Command::new("sh").args(["-c", step]).status().expect("it runs").success(), "{step}");
    house.server = Server::start(&path);
    house.opens(&token, &protected);
    assert!(root_of(&path).exists() && !path.join("root").exists());
}

#[test]
fn what_is_not_current_is_protected_anew_where_the_node_may_write() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = dir.path().join("files");
    fs::create_dir(&files).expect("a directory");
    let mut house = House::open();
    assert!(house.server.stop().success());
    let start = Start { arguments: &["--destination", files.to_str().expect("UTF-8")], environment: &[] };
    let data = house.server.dir.clone();
    house.server = Server::spawn(&data, &start);
    house.server.ready();
    let admin = house.organization.admin.clone();
    let with = |arguments: &[&str]| {
        let mut command = nexora(arguments);
        run(command.args(["--data", data.to_str().expect("UTF-8")]).env("NEXORA_TOKEN", &admin))
    };
    let (csv, out) = (files.join("customers.csv"), files.join("customers.protected.csv"));
    fs::write(&csv, CSV).expect("written");
    let _ = with(&["protect", csv.to_str().expect("UTF-8"), "--fields", FIELDS]).ok();
    let before = fs::read(&out).expect("protected");
    house.act(&format!("/api/v1/keys/{}/rotate", house.in_use("dataset")), &json!({}));
    let done = with(&["keys", "reencrypt", "--dataset", "customers", "-o", "json"]).ok().json();
    assert_eq!(
        (&done["state"], &done["done"], &done["failed"]),
        (&"done".into(), &1.into(), &0.into()),
        "{done}"
    );
    assert_ne!(fs::read(&out).expect("there"), before, "it was protected anew");
    let revealed = with(&["reveal", out.to_str().expect("UTF-8")]).ok();
    assert_eq!(revealed.out, CSV);
    let old = with(&["datasets", "outputs", "customers", "--old", "-o", "json"]).ok().json();
    assert_eq!(old["items"].as_array().map(Vec::len), Some(0), "{old}");
}

/// The interpreter with the foreign clients.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "{} is missing: run `make test`", python.display());
    python
}

/// Asks the recipient of exports: pyca/cryptography and Tink, written from the page on the format.
fn recipient(question: &Value) -> Value {
    let script = tests::repository().join("services/keys/tests/it/oracle/recipient.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(question.to_string().as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the recipient failed");
    serde_json::from_slice(&output.stdout).expect("it answers in JSON")
}

#[test]
fn an_exported_key_opens_in_tink_and_stays_marked() {
    let house = House::open();
    let token = house.holder();
    let protected = house.customers(&token);
    let second = house.organization.person(&house.server, "bela", "org_admin");
    let pair = recipient(&json!({}));
    let field = house.in_use("field");
    let asked = house.act(&format!("/api/v1/keys/{field}/export"), &json!({"recipient": pair["public"]}));
    let path = format!("/api/v1/exports/{}", asked["id"].as_str().expect("an id"));
    let fetch = || house.post(&house.organization.admin, &format!("{path}/fetch"), &json!({}));
    let early = fetch();
    assert!((400..500).contains(&early.status), "nothing leaves unapproved: {}", early.text());
    let own = house.post(&house.organization.admin, &format!("{path}/approve"), &json!({}));
    assert_eq!(own.status, 403, "{}", own.text());
    let sealed = house.post(&second, &format!("{path}/approve"), &json!({})).ok().json()["document"].clone();
    assert_eq!(fetch().ok().json()["document"], sealed);

    // Opened by its recipient alone, and used by Tink on a value of the output.
    let csv = String::from_utf8(protected.output.clone()).expect("text");
    let value = csv.lines().nth(1).and_then(|line| line.split(',').nth(1)).expect("a value").to_owned();
    let dataset = house.organization.get(&house.server, "/api/v1/datasets/customers").ok().json();
    let place = crypto::bind::Place {
        organization: house.organization.id.parse().expect("an id"),
        dataset: dataset["dataset"]["id"].as_str().expect("an id").parse().expect("an id"),
        field: "email",
    };
    let opened = recipient(&json!({
        "seed": pair["seed"],
        "document": crypto::text::encode(sealed.to_string().as_bytes()),
        "values": [{"ad": crypto::text::encode(&place.associated_data()), "value": value}],
    }));
    let plain = opened["opened"][0].as_str().expect("opened");
    assert_eq!(crypto::text::decode(plain, "value").expect("base64url"), b"ada@example.com");
    assert_eq!(opened["sealed"], value, "sealed again, it is the same value");

    // Rotating and rewrapping does not take the mark away.
    let marked = |id: &str| house.organization.get(&house.server, &format!("/api/v1/keys/{id}")).ok().json();
    assert!(marked(&field)["key"]["exported"].is_object());
    let turned = house.act(&format!("/api/v1/keys/{field}/rotate"), &json!({}));
    house.act("/api/v1/keys/rewrap", &json!({}));
    for id in [field.as_str(), turned["id"].as_str().expect("an id")] {
        assert!(marked(id)["key"]["exported"].is_object(), "{id}");
    }
    house.ledger_verifies();
}

#[test]
fn a_run_into_a_pipe_that_fails_ends_with_a_code_and_leaves_no_manifest() {
    let house = House::open();
    let place = tempfile::tempdir().expect("a directory");
    let (csv, manifest) = (place.path().join("broken.csv"), place.path().join("manifest.json"));
    let mut text = String::from("id,email\n");
    for row in 0..100_000 {
        text.push_str(&format!("{row},person.{row}@example.com\n"));
    }
    text.push_str("100000\n");
    fs::write(&csv, text).expect("written");
    let mut command = nexora(&["protect", "-", "--dataset", "d", "--fields", "email", "--manifest"]);
    command.arg(&manifest).args(["--data", house.server.dir.to_str().expect("UTF-8")]);
    command.env("NEXORA_TOKEN", &house.organization.admin).stdin(fs::File::open(&csv).expect("it is there"));
    let said = run(&mut command);
    assert_eq!(said.code, Some(7), "{}", said.err);
    assert!(said.err.contains("100002"), "the line is named: {}", said.err);
    assert!(!said.out.is_empty() && !said.out.contains("@example.com"), "a part of the output went out");
    assert_eq!(fs::read_dir(place.path()).expect("listed").count(), 1, "no manifest, whole or in part");
}

/// A Parquet file of so many rows, each with the canary in it, by a program of others.
fn parquet(path: &Path, rows: u32) {
    let script = "import sys, pyarrow as pa, pyarrow.parquet as pq\n\
                  n = int(sys.argv[2])\n\
                  t = pa.table({'id': list(range(n)), 'email': [f'canary.person.{i}@secret.example.org' for i in range(n)]})\n\
                  pq.write_table(t, sys.argv[1], row_group_size=20000, compression='none', use_dictionary=False)\n";
    let status = Command::new(python()).args(["-c", script]).arg(path).arg(rows.to_string()).status();
    assert!(status.is_ok_and(|status| status.success()), "pyarrow writes a file");
}

/// Every file below a folder.
fn every_file(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().map_while(Result::ok) {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => every_file(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

#[test]
fn a_process_killed_while_it_protects_leaves_no_plaintext() {
    let place = tempfile::tempdir().expect("a directory");
    let (work, temporary) = (place.path().join("work"), place.path().join("tmp"));
    fs::create_dir_all(&work).and_then(|()| fs::create_dir_all(&temporary)).expect("directories");
    let (csv, columns) = (place.path().join("in.csv"), place.path().join("in.parquet"));
    let rows: String =
        (0..600_000).map(|row| format!("{row},canary.person.{row}@secret.example.org\n")).collect();
    fs::write(&csv, format!("id,email\n{rows}")).expect("written");
    parquet(&columns, 600_000);
    for (input, format) in [(&csv, "csv"), (&columns, "parquet")] {
        let mut house = House::open();
        let out = work.join(format!("out.{format}"));
        let mut command =
            nexora(&["protect", "-", "--format", format, "--dataset", "d", "--fields", "email"]);
        command.arg("--out").arg(&out).args(["--data", house.server.dir.to_str().expect("UTF-8")]);
        command.env("NEXORA_TOKEN", &house.organization.admin).env("TMPDIR", &temporary);
        let mut client = command.stdin(Stdio::piped()).spawn().expect("the binary runs");
        let mut pipe = client.stdin.take().expect("piped");
        // Most of the file, and no end of it.
        let bytes = fs::read(input).expect("the input");
        pipe.write_all(&bytes[..bytes.len() * 9 / 10]).expect("it reads");
        house.server.signal("-KILL");
        house.server.kill();
        client.kill().expect("it can be killed");
        client.wait().expect("it can be waited for");
        let mut files = Vec::new();
        for dir in [&house.server.dir, &work, &temporary] {
            every_file(dir, &mut files);
        }
        assert!(files.len() > 5, "{files:?}");
        for file in files {
            let bytes = fs::read(&file).expect("a file");
            for canary in ["canary.person", "secret.example.org"] {
                let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
                assert!(!found, "{format}: {canary} stands in {}", file.display());
            }
        }
    }
}
