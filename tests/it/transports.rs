//! Every command that names an operation, over all three transports: a server's address, the socket of the
//! server that owns the directory, and the same router in the command's own process.

use api::OPERATIONS;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tests::cloudtrail::{attack, harmless, key};
use tests::dataset;
use tests::organization::{ACCOUNT, administrator};
use tests::server::{PATIENCE, Said, Server, nexora, run};
use tests::wait::until;

/// How commands reach the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Server,
    Socket,
    InProcess,
}

/// What each operation's command printed: the names in its reply.
type Shapes = BTreeMap<&'static str, Vec<String>>;

struct Walk {
    place: tempfile::TempDir,
    transport: Vec<String>,
    seen: Shapes,
}

impl Walk {
    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_str().expect("UTF-8").to_owned()
    }

    fn command(&self, token: &str, arguments: &[&str]) -> std::process::Command {
        let mut command = nexora(arguments);
        command.args(&self.transport).args(["-o", "json"]).env("NEXORA_TOKEN", token);
        command
    }

    /// Runs the command of an operation, and takes down the shape of what it prints.
    fn run(&mut self, operation: &'static str, token: &str, arguments: &[&str]) -> Value {
        let said = run(&mut self.command(token, arguments));
        self.take(operation, arguments, &said)
    }

    fn take(&mut self, operation: &'static str, arguments: &[&str], said: &Said) -> Value {
        assert_eq!(said.code, Some(0), "{:?} {arguments:?}: {}{}", self.transport, said.out, said.err);
        let value: Value = match said.out.lines().next() {
            // A stream prints one document a line.
            Some(line) => serde_json::from_str(&said.out)
                .or_else(|_| serde_json::from_str(line))
                .unwrap_or_else(|_| Value::String(said.out.clone())),
            None => Value::Null,
        };
        let names = value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
        self.seen.entry(operation).or_insert(names);
        value
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

fn walk(way: Way) -> Shapes {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    let mut server = Server::start(&data);
    let secret = administrator(&server);
    let directory = vec!["--data".to_owned(), data.to_str().expect("UTF-8").to_owned()];
    let transport = match way {
        Way::Server => vec!["--server".to_owned(), format!("http://{}", server.address())],
        Way::Socket | Way::InProcess => directory,
    };
    if way == Way::InProcess {
        assert!(server.stop().success());
    }
    let mut walk = Walk { place, transport, seen: Shapes::new() };
    everything(&mut walk, &secret);
    assert_eq!(server.ended().is_some(), way == Way::InProcess);
    walk.seen
}

fn everything(walk: &mut Walk, secret: &str) {
    let created =
        walk.run("organizations.create", secret, &["organizations", "create", "Example", "--person", "ada"]);
    let admin = text(&created["person"]["token"]);
    walk.run("response.show", &admin, &["response", "show"]);
    walk.run("response.set", &admin, &["response", "set", "--mode", "automatic"]);
    let issued =
        walk.run("credentials.issue", &admin, &["credentials", "issue", "--ingest", "--account", ACCOUNT]);
    let source = text(&issued["token"]);

    let events = walk.path("events.ndjson");
    fs::write(&events, format!("{}\n{}\n", harmless("w-1", 1, 1), harmless("w-2", 2, 2))).expect("written");
    walk.run("events.send", &source, &["events", "send", &events]);
    let mut piped = walk.command(&source, &["events", "send", "-"]);
    piped.stdin(Stdio::from(piped_file(&walk.file("attack"), &attack("w-3", 2, 3).to_string())));
    let said = run(&mut piped);
    walk.take("events.send", &["events", "send", "-"], &said);
    let tailed = run(&mut walk.command(&admin, &["events", "tail", "--from", "0", "--no-follow"]));
    walk.take("events.tail", &["events", "tail"], &tailed);
    assert_eq!(tailed.out.lines().count(), 3, "{}", tailed.out);

    let find = |walk: &mut Walk, name: &str| {
        let listed = walk.run("identities.ls", &admin, &["identities", "ls"]);
        let rows = listed["items"].as_array().expect("rows").clone();
        rows.into_iter().find(|row| row["name"] == name)
    };
    // In process every command is a whole node: the first one after the attack answers it.
    let bad = until("the attacker is cut off", PATIENCE, || {
        find(walk, &key(2)).filter(|identity| identity["standing"] == "quarantined")
    });
    let good = text(&find(walk, &key(1)).expect("it is known")["id"]);
    for (operation, act) in [
        ("identities.show", "show"),
        ("identities.protect", "protect"),
        ("identities.unprotect", "unprotect"),
        ("identities.quarantine", "quarantine"),
        ("identities.release", "release"),
    ] {
        let identity = walk.run(operation, &admin, &["identities", act, &good]);
        assert_eq!(text(&identity["id"]), good);
    }
    let finding = text(&bad["finding"]);
    walk.run("findings.ls", &admin, &["findings", "ls"]);
    let shown = run(&mut walk.command(&admin, &["findings", "show", &finding]));
    walk.take("findings.show", &["findings", "show"], &shown);
    assert!(shown.out.contains("w-3"), "{}", shown.out);
    // For people: the rule's text and the command that releases.
    let mut plain = nexora(&["findings", "show", &finding]);
    let told = run(plain.args(&walk.transport).env("NEXORA_TOKEN", &admin)).ok().out;
    assert!(told.contains("detection:") && told.contains("identities release"), "{told}");

    let bound =
        text(&walk.run("credentials.issue", &admin, &["credentials", "issue", "--identity", &good])["token"]);
    let arguments = ["credentials", "issue", "--person", "otto", "--role", "auditor"];
    let person = walk.run("credentials.issue", &admin, &arguments);
    walk.run("credentials.ls", &admin, &["credentials", "ls"]);
    let id = text(&person["credential"]["id"]);
    walk.run("credentials.revoke", &admin, &["credentials", "revoke", &id, "--yes"]);
    let revoked = run(&mut walk.command(&text(&person["token"]), &["identities", "ls"]));
    assert_eq!(revoked.code, Some(3), "{}", revoked.err);

    let csv = walk.path("customers.csv");
    fs::write(&csv, crate::spine::CSV).expect("written");
    let (out, back) = (walk.path("out.csv"), walk.path("back.csv"));
    walk.run("datasets.protect", &bound, &["protect", &csv, "--fields", "email,ssn", "--out", &out]);
    walk.run("datasets.reveal", &bound, &["reveal", &out, "--out", &back]);
    assert_eq!(fs::read_to_string(&back).expect("revealed"), crate::spine::CSV);
    walk.run("datasets.ls", &admin, &["datasets", "ls"]);

    // A producer that has the public key alone.
    let public = run(&mut walk.command(&bound, &["keys", "export", "--public", "--dataset", "customers"]));
    walk.take("datasets.public_key", &["keys", "export", "--public"], &public);
    let (public_key, signing_key) = (walk.path("customers.pub"), walk.path("producer.key"));
    fs::write(&public_key, &public.out).expect("written");
    let (name, wrapped) = dataset::column_key(&public.out);
    let arguments = ["keys", "release", "--key-name", &name, "--wrapped-key", &wrapped];
    let released = walk.run("datasets.release_key", &admin, &arguments);
    assert_eq!(text(&released["key"]), STANDARD.encode([5; 32]));
    let made = run(&mut nexora(&["keys", "producer", "new", &signing_key])).ok();
    let producer = walk.path("producer.pub");
    fs::write(&producer, made.out).expect("written");
    walk.run("producers.add", &admin, &["keys", "producer", "add", "partner", "--public-key", &producer]);
    walk.run("producers.ls", &admin, &["keys", "producer", "ls"]);
    let offline = walk.path("offline.csv");
    let arguments = [
        "protect",
        &csv,
        "--fields",
        "email",
        "--public-key",
        &public_key,
        "--signing-key",
        &signing_key,
        "--out",
        &offline,
    ];
    let _ = run(&mut nexora(&arguments)).ok();
    assert!(!fs::read_to_string(&offline).expect("protected").contains("ada@example.com"));
    walk.run("datasets.reveal", &bound, &["reveal", &offline, "--out", &back, "--force"]);
    assert_eq!(fs::read_to_string(&back).expect("revealed"), crate::spine::CSV);

    let arguments = ["credentials", "issue", "--person", "bela", "--role", "org_admin"];
    let second = text(&walk.run("credentials.issue", &admin, &arguments)["token"]);
    datasets(walk, &admin, &bound);
    keys(walk, &admin, &second, &producer);
    recovery(walk, &admin, &second);

    ledger(walk, &admin);
    walk.run("ledger.rotate_keys", &admin, &["ledger", "rotate-keys"]);
    let status = walk.run("ledger.status", &admin, &["ledger", "status"]);
    // Another log is begun only where there is a reason to.
    let checkpoint = Path::new(&text(&status["dir"])).join("checkpoint");
    fs::write(checkpoint, "no checkpoint").expect("written");
    let restarted = walk.run("ledger.restart", &admin, &["ledger", "restart"]);
    assert_eq!(restarted["generation"], 2, "{restarted}");
    walk.run("node.diagnose", &admin, &["doctor"]);
    let mut yaml = nexora(&["identities", "ls", "-o", "yaml"]);
    let yaml = run(yaml.args(&walk.transport).env("NEXORA_TOKEN", &admin)).ok();
    assert!(yaml.out.contains("items:"), "{}", yaml.out);
}

/// What is asked of the ledger, and how long it is kept; all but beginning it anew.
fn ledger(walk: &mut Walk, admin: &str) {
    let found = walk.run("ledger.search", admin, &["ledger", "search", "--kind", "person.admitted"]);
    let entry = found["items"][0]["position"].to_string();
    let proof = walk.path("entry.tlog-proof");
    walk.run("ledger.prove", admin, &["ledger", "prove", &entry, "--out", &proof]);
    assert!(fs::read_to_string(&proof).expect("text").starts_with("c2sp.org/tlog-proof@v1\n"));
    walk.run("ledger.set_retention", admin, &["ledger", "retention", "set", "--days", "400"]);
    let held = walk.run("ledger.place_hold", admin, &["ledger", "hold", "place", "--reason", "a drill"]);
    let kept = walk.run("ledger.retention", admin, &["ledger", "retention", "show"]);
    assert_eq!((&kept["days"], &kept["holds"][0]["id"]), (&400.into(), &held["id"]));
    walk.run("ledger.lift_hold", admin, &["ledger", "hold", "lift", &text(&held["id"])]);
    walk.run("ledger.erase", admin, &["ledger", "erase", "0-100000", "--reason", "a drill"]);
}

/// What is done with datasets, but for protecting and revealing.
fn datasets(walk: &mut Walk, admin: &str, bound: &str) {
    let arguments =
        ["datasets", "create", "orders", "--fields", "email=siv,ssn=ff1:digits", "--row-key", "id"];
    let made = walk.run("datasets.create", admin, &arguments);
    assert_eq!(made["policy"]["row_key"], "id", "{made}");
    walk.run("datasets.set_policy", admin, &["datasets", "set-policy", "orders", "--fields", "email=siv"]);
    let csv = walk.path("orders.csv");
    fs::write(&csv, crate::spine::CSV).expect("written");
    // By the dataset's own policy; and from one pipe into another.
    let out = walk.path("orders.protected.csv");
    let mut piped = walk.command(bound, &["protect", "-", "--dataset", "orders", "--format", "csv"]);
    piped.args(["--manifest", &format!("{out}.manifest.json")]);
    piped.stdin(Stdio::from(fs::File::open(&csv).expect("it is there")));
    let said = run(&mut piped).ok();
    fs::write(&out, &said.out).expect("written");
    assert!(!said.out.contains("ada@example.com") && said.out.contains("Berlin"), "{}", said.out);
    let mut piped = walk.command(bound, &["reveal", "-", "--manifest", &format!("{out}.manifest.json")]);
    piped.stdin(Stdio::from(fs::File::open(&out).expect("it is there")));
    assert_eq!(run(&mut piped).ok().out, crate::spine::CSV);

    let shown = walk.run("datasets.show", admin, &["datasets", "show", "orders"]);
    let key = text(&shown["key"]);
    walk.run("keys.rotate", admin, &["keys", "rotate", &key]);
    let listed = walk.run("datasets.outputs", admin, &["datasets", "outputs", "orders", "--old"]);
    let run_id = text(&listed["items"][0]["run"]);
    let anew = walk.path("orders.anew.csv");
    let arguments = ["keys", "reencrypt", "--dataset", "orders", "--file", &out, "--out", &anew];
    walk.run("datasets.reencrypt", admin, &arguments);
    let back = run(&mut walk.command(bound, &["reveal", &anew])).ok();
    assert_eq!(back.out, crate::spine::CSV);
    walk.run("keys.reencrypt", admin, &["keys", "reencrypt", "--dataset", "orders"]);
    walk.run("keys.reencryption", admin, &["keys", "reencrypt", "--dataset", "orders", "--status"]);
    let arguments = ["datasets", "forget-output", "orders", &run_id, "--yes"];
    walk.run("datasets.forget_output", admin, &arguments);
}

/// The life of keys.
fn keys(walk: &mut Walk, admin: &str, second: &str, producer: &str) {
    let listed = walk.run("keys.ls", admin, &["keys", "ls", "--dataset", "orders", "--purpose", "dataset"]);
    let key = text(&listed["items"].as_array().expect("rows").last().expect("a key")["id"]);
    walk.run("keys.show", admin, &["keys", "show", &key]);
    let made = walk.run("keys.create", admin, &["keys", "create", &key, "--suite", "cnsa-2"]);
    assert_eq!((&made["state"], &made["algorithm"]), (&"generated".into(), &"cnsa-2".into()), "{made}");
    let made = text(&made["id"]);
    let active = walk.run("keys.activate", admin, &["keys", "activate", &made]);
    assert_eq!(active["state"], "active", "{active}");
    walk.run("keys.set_rotation", admin, &["keys", "rotate", &made, "--every", "90"]);
    walk.run("keys.suspend", admin, &["keys", "suspend", &made]);
    walk.run("keys.resume", admin, &["keys", "resume", &made]);
    walk.run("keys.rotate", admin, &["keys", "rotate", &made]);
    walk.run("keys.rewrap", admin, &["keys", "rewrap"]);
    let dry = run(&mut walk.command(admin, &["keys", "destroy", &made, "--dry-run"])).ok();
    assert!(dry.err.contains("would destroy") && dry.out.is_empty(), "{}", dry.err);
    let unasked = run(&mut walk.command(admin, &["keys", "destroy", &made]));
    assert_eq!(unasked.code, Some(7), "nobody could be asked: {}", unasked.err);
    let gone = walk.run("keys.destroy", admin, &["keys", "destroy", &made, "--yes"]);
    assert_eq!(gone["state"], "destroyed", "{gone}");

    let pair = crypto::hpke::KeyPair::generate(&*crypto::aws_lc(), crypto::Suite::Hybrid768);
    let recipient = walk.path("recipient.pub");
    fs::write(&recipient, crypto::text::encode(pair.public.as_bytes())).expect("written");
    let listed = walk.run("keys.ls", admin, &["keys", "ls", "--dataset", "orders", "--purpose", "field"]);
    let field = text(&listed["items"][0]["id"]);
    let arguments = ["keys", "export", &field, "--format", "tink", "--to", &recipient, "--yes"];
    let asked = text(&walk.run("keys.export", admin, &arguments)["id"]);
    let own = run(&mut walk.command(admin, &["keys", "export", "--approve", &asked, "--yes"]));
    assert_eq!(own.code, Some(4), "nobody approves their own request: {}", own.err);
    walk.run("keys.exports", admin, &["keys", "export", "--requests"]);
    walk.run("keys.approve_export", second, &["keys", "export", "--approve", &asked, "--yes"]);
    walk.run("keys.fetch_export", admin, &["keys", "export", "--fetch", &asked]);

    let arguments = ["keys", "breach", "declare", "--dataset", "orders", "--reason", "a drill", "--yes"];
    walk.run("breaches.declare", admin, &arguments);
    walk.run("breaches.ls", admin, &["keys", "breach", "ls"]);
    walk.run("breaches.undo", admin, &["keys", "breach", "undo", "--dataset", "orders"]);
    let arguments = ["keys", "shred", "request", "--dataset", "orders", "--reason", "a drill", "--yes"];
    let first = text(&walk.run("shreds.request", admin, &arguments)["id"]);
    walk.run("shreds.cancel", admin, &["keys", "shred", "cancel", &first]);
    let asked = text(&walk.run("shreds.request", admin, &arguments)["id"]);
    walk.run("shreds.ls", admin, &["keys", "shred", "ls"]);
    walk.run("shreds.approve", second, &["keys", "shred", "approve", &asked, "--yes"]);
    walk.run("shreds.show", admin, &["keys", "shred", "show", &asked]);

    let listed = walk.run("producers.ls", admin, &["keys", "producer", "ls"]);
    let id = text(&listed["items"][0]["id"]);
    walk.run("producers.revoke", admin, &["keys", "producer", "revoke", &id, "--yes"]);
    let arguments = ["keys", "producer", "add", "again", "--public-key", producer];
    let _ = run(&mut walk.command(admin, &arguments));
}

/// Two of three custodians, by their own commands.
fn recovery(walk: &mut Walk, admin: &str, second: &str) {
    let mut arguments = vec!["keys", "recovery", "setup", "--threshold", "2"];
    let files: Vec<(String, String)> =
        ["cleo", "dora", "emil"].map(|name| (walk.path(&format!("{name}.key")), walk.path(name))).into();
    for (key, public) in &files {
        let mut make = nexora(&["keys", "recovery", "custodian", key, "--name", public]);
        let made = run(make.env("NEXORA_PASSPHRASE", "a custodian's passphrase")).ok();
        fs::write(public, made.out).expect("written");
        arguments.extend(["--custodian", public]);
    }
    let shares = walk.path("shares");
    let dropped = text(&run(&mut walk.command(admin, &arguments)).ok().json()["id"]);
    walk.run("recovery.cancel_set_up", admin, &["keys", "recovery", "cancel", &dropped]);
    let asked = walk.run("recovery.set_up", admin, &arguments);
    let fingerprints: Vec<String> = asked["custodians"]
        .as_array()
        .expect("custodians")
        .iter()
        .map(|row| text(&row["fingerprint"]))
        .collect();
    let asked = text(&asked["id"]);
    let mut arguments = vec!["keys", "recovery", "setup", "--approve", &asked, "--out", &shares, "--yes"];
    let unseen = run(walk.command(second, &arguments).args(["--fingerprint", "0000"]));
    assert_eq!(unseen.code, Some(8), "another fingerprint approves nothing: {}", unseen.err);
    for fingerprint in &fingerprints {
        assert!(unseen.err.contains(fingerprint.as_str()), "whoever approves sees what: {}", unseen.err);
        arguments.extend(["--fingerprint", fingerprint]);
    }
    let setup = walk.run("recovery.approve_set_up", second, &arguments);
    let written = walk.path("written");
    walk.run("recovery.repackage", admin, &["keys", "recovery", "repackage", "--out", &written]);
    for name in fs::read_dir(&shares).expect("a directory").map(|entry| entry.expect("a name").file_name()) {
        assert!(Path::new(&written).join(&name).exists(), "{} is written again", name.display());
    }
    let again = run(&mut walk.command(admin, &["keys", "recovery", "repackage", "--out", &written]));
    assert_eq!(again.code, Some(6), "and replaced only where that is said: {}", again.err);
    walk.run("recovery.show", admin, &["keys", "recovery", "show"]);
    let package = walk.path("package");
    let _ = run(&mut walk.command(admin, &["keys", "recovery", "package", "--out", &package])).ok();
    walk.seen.insert("recovery.package", Vec::new());
    let custodians: Vec<String> =
        setup["custodians"].as_array().expect("custodians").iter().map(|row| text(&row["id"])).collect();
    for restore in [false, true] {
        let invitation = walk.path(if restore { "invitation" } else { "of-the-rehearsal" });
        let again = walk.path("new-shares");
        let begun = if restore {
            let arguments = ["keys", "recovery", "restore", "--out", &invitation, "--yes"];
            walk.run("recovery.begin", admin, &arguments)
        } else {
            walk.run("recovery.begin", admin, &["keys", "recovery", "rehearse", "--out", &invitation])
        };
        let (ceremony, fingerprint) = (text(&begun["id"]), text(&begun["fingerprint"]));
        for (which, (key, _)) in files.iter().enumerate().take(2) {
            let share = format!("{shares}/{}.share.json", custodians[which]);
            let given = walk.path("given");
            let open = |fingerprint: &str| {
                let mut open = nexora(&["keys", "recovery", "open-share", &share, "--key", key]);
                open.args(["--invitation", &invitation, "--out", &given, "--fingerprint", fingerprint]);
                run(open.env("NEXORA_PASSPHRASE", "a custodian's passphrase"))
            };
            assert_eq!(open("0000").code, Some(8), "another fingerprint opens nothing");
            let _ = open(&fingerprint).ok();
            walk.run("recovery.approve", admin, &["keys", "recovery", "approve", &ceremony, &given]);
            fs::remove_file(&given).expect("it was written");
        }
        walk.run("recovery.ceremony", admin, &["keys", "recovery", "ceremony", &ceremony]);
        if restore {
            let arguments = ["keys", "recovery", "restore", &ceremony, "--out", &again, "--yes"];
            walk.run("recovery.restore", admin, &arguments);
        }
    }
}

fn piped_file(path: &Path, contents: &str) -> fs::File {
    fs::write(path, contents).expect("written");
    fs::File::open(path).expect("it is there")
}

#[test]
fn every_command_of_an_operation_says_the_same_over_all_three_transports() {
    let ways = [Way::Server, Way::Socket, Way::InProcess].map(walk);
    let operations: Vec<&str> = {
        let mut names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        names.sort_unstable();
        names
    };
    for shapes in &ways {
        assert_eq!(shapes.keys().copied().collect::<Vec<_>>(), operations, "every operation has a command");
    }
    assert_eq!(ways[0], ways[1], "an address and a socket say the same");
    assert_eq!(ways[0], ways[2], "a server and this process say the same");
}
