//! Witnesses as processes: what one answers, to the letter of C2SP tlog-witness; and a node that has some.

use base::digest::{hex, sha256};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto::sign::{Algorithm, SigningKey};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tests::cloudtrail::{harmless, key};
use tests::http::{Address, Answer, Request};
use tests::organization::{ACCOUNT, Organization};
use tests::server::{PATIENCE, Server, Start, nexora, run};
use tests::wait::until;

/// A log that somebody else keeps: one Ed25519 key, and leaves in memory. Written from the specifications.
struct Log {
    origin: String,
    key: SigningKey,
}

impl Log {
    fn new(origin: &str) -> Self {
        let key = SigningKey::generate(&*crypto::aws_lc(), Algorithm::Ed25519);
        Self { origin: origin.to_owned(), key }
    }

    fn key_id(&self) -> [u8; 4] {
        let mut named = format!("{}\n\u{1}", self.origin).into_bytes();
        named.extend_from_slice(self.key.verifying_key().as_bytes());
        sha256(&named)[..4].try_into().expect("four bytes")
    }

    fn vkey(&self) -> String {
        let typed = [&[1], self.key.verifying_key().as_bytes()].concat();
        format!("{}+{}+{}", self.origin, hex(&self.key_id()), STANDARD.encode(typed))
    }

    /// The note of a tree, signed.
    fn note(&self, size: usize, root: [u8; 32]) -> String {
        let text = format!("{}\n{size}\n{}\n", self.origin, STANDARD.encode(root));
        let signature = self.key.sign(text.as_bytes());
        let line = STANDARD.encode([self.key_id().as_slice(), &signature].concat());
        format!("{text}\n\u{2014} {} {line}\n", self.origin)
    }
}

/// RFC 6962, section 2.1.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha256(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[&[1], root(left).as_slice(), &root(right)].concat())
        }
    }
}

fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// RFC 6962, section 2.1.2.
fn proof(old: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    fn sub(old: usize, leaves: &[[u8; 32]], whole: bool) -> Vec<[u8; 32]> {
        if old == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(split(leaves.len()));
        if old <= left.len() {
            [sub(old, left, whole), vec![root(right)]].concat()
        } else {
            [sub(old - left.len(), right, false), vec![root(left)]].concat()
        }
    }
    if old == 0 { Vec::new() } else { sub(old, leaves, true) }
}

fn leaves(count: usize, of: &str) -> Vec<[u8; 32]> {
    (0..count).map(|n| sha256(format!("\0{of} {n}").as_bytes())).collect()
}

fn body(old: usize, proof: &[[u8; 32]], note: &str) -> String {
    let hashes: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    format!("old {old}\n{hashes}\n{note}")
}

fn ask(witness: &Server, body: impl Into<Vec<u8>>) -> Answer {
    let request = Request::new("POST", "/add-checkpoint").body("text/plain", body);
    request.send(&Address::Tcp(witness.address())).expect("an answer")
}

fn monitored(witness: &Server, origin: &str) -> Answer {
    let path = format!("/{}/checkpoint", hex(&sha256(origin.as_bytes())));
    Request::new("GET", &path).send(&Address::Tcp(witness.address())).expect("an answer")
}

fn write(path: PathBuf, text: &str) -> PathBuf {
    fs::write(&path, text).expect("written");
    path
}

/// The witness's keys as it shows them: ML-DSA-44, then Ed25519.
fn keys_of(witness: &Server) -> Vec<String> {
    let data = witness.dir.to_str().expect("UTF-8");
    let shown = run(&mut nexora(&["witness", "show", "--data", data, "-o", "json"])).json();
    let keys = shown["keys"].as_array().expect("keys").iter();
    keys.map(|key| key.as_str().expect("a text").to_owned()).collect()
}

/// Asks the foreign program.
fn foreign(work: &Value) -> Value {
    let program = tests::binary().expect("the binary").with_file_name("../foreign");
    let program = fs::canonicalize(&program).expect("the foreign reader: run `make test`, which builds it");
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the foreign reader starts");
    let input = serde_json::to_vec(work).expect("JSON");
    child.stdin.take().expect("it reads").write_all(&input).expect("it reads");
    serde_json::from_slice(&child.wait_with_output().expect("it ends").stdout).expect("it answers in JSON")
}

#[test]
fn every_answer_of_a_witness_is_the_protocol_s() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, stranger) = (Log::new("log.example/1"), Log::new("log.example/2"));
    let logs = write(dir.path().join("logs"), &format!("# one\nlog {}\n", log.vkey()));
    let mut witness = Server::witness(&dir.path().join("w"), &logs, "127.0.0.1:0");
    let tree = leaves(11, "entry");
    let note = |size: usize| log.note(size, root(&tree[..size]));
    let status = |body: String| ask(&witness, body).status;

    // 404: nothing was cosigned, and a log that it does not know.
    assert_eq!(monitored(&witness, &log.origin).status, 404);
    assert_eq!(status(body(0, &[], &stranger.note(3, root(&tree[..3])))), 404);
    // 403: signed by somebody else under the log's name; or by its key, and not this.
    let forged = Log { origin: log.origin.clone(), ..Log::new("x") };
    assert_eq!(status(body(0, &[], &forged.note(3, root(&tree[..3])))), 403);
    let changed = note(3).replacen("\n3\n", "\n4\n", 1);
    assert_eq!(status(body(0, &[], &changed)), 403);
    // 400: no request at all, of whatever kind; and an old size over the checkpoint's.
    let good = body(0, &[], &note(3));
    for (from, to) in
        [("old 0", "new 0"), ("old 0", "old 00"), ("old 0", "old -1"), ("\n\n", "\n"), ("\n3\n", "\n03\n")]
    {
        assert_eq!(status(good.replacen(from, to, 1)), 400, "{from:?} as {to:?}");
    }
    assert_eq!(status(body(4, &[], &note(3))), 400);
    assert_eq!(status(body(1, &[[0; 32]; 64], &note(3))), 400, "64 hashes");
    assert_eq!(status(body(1, &[[0; 32]; 63], &note(3))), 409, "63 are allowed");
    assert_eq!(status(String::new()), 400);
    assert_eq!(status("x".repeat(1 << 20)), 400);
    assert_eq!(ask(&witness, vec![0xff; 300]).status, 400);
    // 422: a proof from nothing, and an empty log of something.
    assert_eq!(status(body(0, &[[7; 32]], &note(3))), 422);
    assert_eq!(status(body(0, &[], &log.note(0, [7; 32]))), 422);
    // 200, with a line for each key.
    let cosigned = ask(&witness, good.clone());
    assert_eq!((cosigned.status, cosigned.text().lines().count()), (200, 2), "{}", cosigned.text());
    // 409 with the size that it knows, for every other.
    for old in [0, 2] {
        let answer = ask(&witness, body(old, &proof(old, &tree[..7]), &note(7)));
        let media = answer.headers.get("content-type").map(String::as_str);
        assert_eq!((answer.status, answer.text().as_str(), media), (409, "3\n", Some("text/x.tlog.size")));
    }
    // 422: a proof that does not lead there, none, that of another tree, and a split view.
    let way = proof(3, &tree[..7]);
    let mut wrong = way.clone();
    wrong[0][0] ^= 1;
    let other = leaves(7, "other");
    assert_eq!(status(body(3, &wrong, &note(7))), 422);
    assert_eq!(status(body(3, &[], &note(7))), 422);
    assert_eq!(status(body(3, &proof(3, &other), &log.note(7, root(&other)))), 422);
    assert_eq!(status(body(3, &[], &log.note(3, root(&other[..3])))), 422);
    assert_eq!(status(body(3, &way, &note(7))), 200);
    assert_eq!(status(body(7, &[], &note(7))), 200, "the same again");
    // Its monitoring address has the last one, under the log's signature and its own.
    let latest = monitored(&witness, &log.origin);
    assert_eq!(latest.status, 200);
    assert!(latest.text().starts_with(&note(7)), "{}", latest.text());
    assert_eq!(latest.text().lines().count(), 7);
    assert_eq!(monitored(&witness, &stranger.origin).status, 404);
    let get = Request::new("GET", "/add-checkpoint").send(&Address::Tcp(witness.address()));
    assert_eq!(get.expect("an answer").status, 405);

    // What it answered, it remembers, however it ends.
    let address = witness.address();
    witness.kill();
    let witness = Server::witness(&dir.path().join("w"), &logs, &address);
    assert_eq!(ask(&witness, body(3, &way, &note(7))).text(), "7\n");
    assert_eq!(monitored(&witness, &log.origin).text(), latest.text());
    assert_eq!(ask(&witness, body(7, &proof(7, &tree), &note(11))).status, 200);
}

#[test]
fn a_witness_that_lost_its_memory_or_its_key_does_not_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let logs = write(dir.path().join("logs"), &format!("log {}\n", Log::new("log.example/1").vkey()));
    let data = dir.path().join("w");
    let mut witness = Server::witness(&data, &logs, "127.0.0.1:0");
    assert_eq!(witness.stop().code(), Some(0));
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let start = || {
        run(&mut nexora(&[
            "witness",
            "serve",
            "--data",
            &text(&data),
            "--logs",
            &text(&logs),
            "--listen",
            "127.0.0.1:0",
        ]))
    };
    // Its key is its owner's alone, and is not used where it was open to others.
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&data.join("witness.key")), mode(&data)), (0o600, 0o700));
    fs::set_permissions(data.join("witness.key"), fs::Permissions::from_mode(0o640)).expect("it is changed");
    let said = start();
    assert_eq!((said.code, said.err.contains("open to others (mode 640)")), (Some(8), true), "{}", said.err);
    fs::set_permissions(data.join("witness.key"), fs::Permissions::from_mode(0o600)).expect("it is changed");
    fs::rename(data.join("organizations"), dir.path().join("memory")).expect("moved");
    let said = start();
    assert_eq!((said.code, said.err.contains("not its memory")), (Some(6), true), "{}", said.err);
    fs::rename(dir.path().join("memory"), data.join("organizations")).expect("moved");
    fs::rename(data.join("witness.key"), dir.path().join("key")).expect("moved");
    let said = start();
    assert_eq!((said.code, said.err.contains("no key of a witness")), (Some(6), true), "{}", said.err);
}

#[test]
fn the_list_of_logs_is_followed_without_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (one, two) = (Log::new("log.example/1"), Log::new("log.example/2"));
    let logs = write(dir.path().join("logs"), &format!("log {}\n", one.vkey()));
    let witness = Server::witness(&dir.path().join("w"), &logs, "127.0.0.1:0");
    let tree = leaves(3, "entry");
    let status = |log: &Log| ask(&witness, body(0, &[], &log.note(3, root(&tree)))).status;
    assert_eq!((status(&one), status(&two)), (200, 404));
    // One that does not read changes nothing; the next one does.
    write(logs.clone(), "log nothing\n");
    assert_eq!((status(&one), status(&two)), (409, 404));
    write(logs, &format!("log {}\n", two.vkey()));
    until("the second log is known", PATIENCE, || (status(&two) == 200).then_some(()));
    assert_eq!((status(&one), monitored(&witness, &one.origin).status), (404, 200));
}

/// Tessera keeps a log of its own, and asks our witness with a client of its own.
#[test]
fn a_log_of_somebody_else_s_is_cosigned_and_its_keeper_believes_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = foreign(&json!({"origin": "tessera.example/log"}));
    let logs = write(dir.path().join("logs"), &format!("log {}\n", made["key"].as_str().expect("a key")));
    let witness = Server::witness(&dir.path().join("w"), &logs, "127.0.0.1:0");
    let keys = keys_of(&witness);
    let policy = format!("witness w {} http://{}\nquorum w\n", keys[1], witness.address());
    let appended = foreign(&json!({
        "root": dir.path().join("log"), "append": 5, "signer": made["signer"], "policy": policy,
        "keys": [made["key"]], "cosigners": [keys[1]],
    }));
    assert_eq!(appended, json!({"size": 5}));
    // Both of its keys, as others read them.
    let latest = monitored(&witness, "tessera.example/log").text();
    assert!(latest.contains("\n5\n"), "{latest}");
}

/// A node's log of logs, three witnesses, and what happens to them.
struct House {
    dir: tempfile::TempDir,
    witnesses: Vec<Server>,
    addresses: Vec<String>,
    policy: PathBuf,
}

impl House {
    /// A node that ran once without witnesses, so that it has a log; then `count` witnesses of it.
    fn begin(count: usize, needed: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        let mut server = Server::start(&data);
        until("the platform's log begins", PATIENCE, || {
            platform_log(&data).join("checkpoint").exists().then_some(())
        });
        assert_eq!(server.stop().code(), Some(0));
        let logs = write(dir.path().join("logs"), &log_lines(&data));
        let (mut witnesses, mut addresses, mut policy, mut names) =
            (Vec::new(), Vec::new(), String::new(), Vec::new());
        for at in 0..count {
            let witness = Server::witness(&dir.path().join(format!("w{at}")), &logs, "127.0.0.1:0");
            let (keys, address) = (keys_of(&witness), witness.address());
            policy.push_str(&format!("witness W{at} {} http://{address}\n", keys[0]));
            policy.push_str(&format!("witness W{at}-old {} http://{address}\n", keys[1]));
            names.push(format!("W{at}"));
            witnesses.push(witness);
            addresses.push(address);
        }
        policy.push_str(&format!("group all {needed} {}\nquorum all\n", names.join(" ")));
        let policy = write(dir.path().join("policy"), &policy);
        Self { dir, witnesses, addresses, policy }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn serve(&self, data: &Path) -> Server {
        self.serve_with(data, &[])
    }

    fn serve_with(&self, data: &Path, more: &[&str]) -> Server {
        let policy = self.policy.to_str().expect("UTF-8");
        let arguments = [&["--ledger-policy", policy], more].concat();
        let mut server = Server::spawn(data, &Start { arguments: &arguments, ..Start::default() });
        server.ready();
        server
    }

    /// Starts a witness again where it listened before.
    fn revive(&mut self, at: usize) {
        let dir = self.dir.path().join(format!("w{at}"));
        self.witnesses[at] = Server::witness(&dir, &self.dir.path().join("logs"), &self.addresses[at]);
    }

    /// Which witness keys, by their names' ends, stand under the platform's checkpoint.
    fn cosigned(&self, data: &Path) -> (u64, usize) {
        let note = fs::read_to_string(platform_log(data).join("checkpoint")).unwrap_or_default();
        let size = note.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0);
        (size, note.lines().filter(|line| line.contains("/witness/")).count())
    }
}

/// The directory of the platform's log: the one that no organization has.
fn platform_log(data: &Path) -> PathBuf {
    let id = fs::read_to_string(data.join("organizations/platform")).unwrap_or_default();
    let bare = id.trim().trim_start_matches("org_").to_owned();
    data.join("ledgers").join(bare)
}

/// The platform's keys, as lines of a policy.
fn log_lines(data: &Path) -> String {
    log_lines_of(&platform_log(data))
}

fn log_lines_of(log: &Path) -> String {
    let shown = run(&mut nexora(&["ledger", "show", log.to_str().expect("UTF-8"), "-o", "json"])).json();
    let keys = shown["keys"].as_array().expect("keys");
    keys.iter().map(|key| format!("log {}\n", key.as_str().expect("a key"))).collect()
}

fn verified(log: &Path) -> tests::server::Said {
    run(&mut nexora(&["ledger", "verify", log.to_str().expect("UTF-8"), "-o", "json"]))
}

#[test]
fn the_platform_s_log_is_cosigned_by_a_quorum_and_stalls_without_one() {
    let mut house = House::begin(3, 2);
    let data = house.data();
    let server = house.serve(&data);
    let mut organization = Organization::observing(&server);
    let (size, _) = until("all three have cosigned", PATIENCE, || {
        let cosigned = house.cosigned(&data);
        (cosigned.1 == 6).then_some(cosigned)
    });
    let log = platform_log(&data);
    let said = verified(&log);
    assert_eq!(said.code, Some(0), "{}", said.err);

    // The proof of an organization's entry passes through it, and says so to somebody who knows keys and policy only.
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let proof = house.dir.path().join("entry.tlog-proof");
    until("the entry is provable", PATIENCE, || {
        let mut prove = nexora(&["ledger", "prove", "1", "--data", &text(&data), "--out", &text(&proof)]);
        (run(prove.env("NEXORA_TOKEN", &organization.admin)).code == Some(0)).then_some(())
    });
    let known = organization.get(&server, "/api/v1/ledger").json()["keys"][0].clone();
    let lines = log_lines(&data) + &fs::read_to_string(&house.policy).expect("it reads");
    let believed = write(house.dir.path().join("believed"), &lines);
    let said = run(&mut nexora(&[
        "ledger",
        "verify",
        &text(&proof),
        "--key",
        known.as_str().expect("a key"),
        "--policy",
        &text(&believed),
    ]));
    assert_eq!((said.code, said.out.contains("3 of 3")), (Some(0), true), "{}{}", said.out, said.err);

    organization.source = organization.ingest(&server, &[ACCOUNT]);
    let _ = organization.events(&server, &[harmless("w-1", 1, 1)]).expect("an answer").ok();
    let identity = until("it is seen", PATIENCE, || organization.identity(&server, &key(1)));
    let bound = organization.bind(&server, identity["id"].as_str().expect("an id"));

    // One is killed: the log goes on.
    house.witnesses[0].kill();
    organization.respond(&server, "ask");
    let (size, _) = until("it goes on with two", PATIENCE, || {
        let (grown, lines) = house.cosigned(&data);
        (grown > size && lines == 4).then_some((grown, lines))
    });
    // So is the second: it stalls and says so, and what must go on does.
    house.witnesses[1].kill();
    organization.respond(&server, "automatic");
    let doctor = until("doctor says that it stalls", PATIENCE, || {
        let doctor = organization.get(&server, "/api/v1/diagnosis").json().to_string();
        doctor.contains("stalls").then_some(doctor)
    });
    assert!(doctor.contains("W0") && doctor.contains("W1"), "{doctor}");
    let source = organization.ingest(&server, &["111122223333"]);
    assert!(!source.is_empty(), "credentials are issued all the same");
    let known = organization.identity(&server, &key(1)).expect("it was seen before");
    let path = format!("/api/v1/identities/{}/quarantine", known["id"].as_str().expect("an id"));
    let quarantine = Request::new("POST", &path).token(&organization.admin).json(&json!({}));
    assert_eq!(server.send(&quarantine).status, 200, "a quarantine goes on");
    let committed = || organization.get(&server, "/api/v1/ledger").json()["committed"].as_u64();
    let before = committed();
    let refused = server.send(&Request::new("GET", "/api/v1/identities").token(&bound));
    assert_eq!(refused.status, 403, "and so does what follows from it: {}", refused.text());
    assert!(committed() > before, "on record");
    let newest =
        organization.get(&server, "/api/v1/ledger").json()["committed"].as_u64().expect("a number") - 1;
    let pending = until("its entry is pending, and it is said why", PATIENCE, || {
        let mut prove = nexora(&["ledger", "prove", &newest.to_string(), "--data", &text(&data)]);
        let said = run(prove.env("NEXORA_TOKEN", &organization.admin));
        said.err.contains("publication stalls").then_some(said)
    });
    assert_eq!((pending.code, pending.out.as_str()), (Some(1), ""), "{}", pending.err);
    assert!(pending.err.contains(&format!("entry {newest} is pending, as all from ")), "{}", pending.err);
    let stalled = house.cosigned(&data);
    assert_eq!(verified(&log).code, Some(0));
    // It returns, and knows what it knew.
    house.revive(1);
    until("it goes on", PATIENCE, || {
        let (grown, lines) = house.cosigned(&data);
        (grown > stalled.0.max(size) && lines == 4).then_some(())
    });
    let said = verified(&log);
    assert_eq!(said.code, Some(0), "{}", said.err);

    // Others read those lines alike: both kinds, of two witnesses.
    drop(server);
    let keys: Vec<String> =
        log_lines(&data).lines().map(|line| line.trim_start_matches("log ").to_owned()).collect();
    let cosigners = [keys_of(&house.witnesses[1]), keys_of(&house.witnesses[2])].concat();
    let read = foreign(&json!({"root": log, "keys": keys, "cosigners": cosigners}));
    assert!(read["size"].as_u64().is_some_and(|read| read > size), "{read}");
    let absent = keys_of(&house.witnesses[0]);
    let read = foreign(&json!({"root": log, "keys": keys, "cosigners": absent}));
    assert!(read["error"].is_string(), "the one that was down has not: {read}");
}

#[test]
fn an_older_data_directory_signs_nothing_until_an_operator_begins_a_new_log() {
    let mut house = House::begin(1, 1);
    let data = house.data();
    let mut server = house.serve(&data);
    let organization = Organization::observing(&server);
    until("it is cosigned", PATIENCE, || (house.cosigned(&data).1 == 2).then_some(()));
    assert_eq!(server.stop().code(), Some(0));
    let backup = house.dir.path().join("backup");
    copy(&data, &backup);
    let before = house.cosigned(&data);
    let mut server = house.serve(&data);
    organization.respond(&server, "ask");
    until("the log grows", PATIENCE, || (house.cosigned(&data).0 > before.0).then_some(()));
    assert_eq!(server.stop().code(), Some(0));

    let known = house.cosigned(&data);

    // The directory is restored from its backup, root and all.
    fs::remove_dir_all(&data).expect("removed");
    copy(&backup, &data);
    let restored = house.cosigned(&data);
    let mut server = house.serve_with(&data, &["--administrator-secret"]);
    organization.respond(&server, "automatic");
    let doctor = until("doctor says that it is behind", PATIENCE, || {
        let doctor = organization.get(&server, "/api/v1/diagnosis").json().to_string();
        doctor.contains("witness W0").then_some(doctor)
    });
    assert!(doctor.contains("restored"), "{doctor}");
    assert_eq!(house.cosigned(&data), restored, "nothing was signed");
    assert_eq!(verified(&platform_log(&data)).code, Some(0), "in itself the old state is in order");
    let org_log = |data: &Path| {
        let bare = organization.id.trim_start_matches("org_").to_owned();
        data.join("ledgers").join(bare)
    };
    let before = fs::read(org_log(&data).join("checkpoint")).expect("it was published");

    // The administrator begins another: the platform's, and every organization's with it.
    let secret = tests::organization::administrator(&server);
    let text = data.to_str().expect("UTF-8");
    let mut restart = nexora(&["ledger", "restart", "--data", text, "-o", "json"]);
    let said = run(restart.env("NEXORA_TOKEN", &secret));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let fresh = with_end(platform_log(&data), ".2");
    until("the new log begins", PATIENCE, || fresh.join("checkpoint").exists().then_some(()));
    until("the organization's begins anew too", PATIENCE, || {
        with_end(org_log(&data), ".2").join("checkpoint").exists().then_some(())
    });
    assert_eq!(fs::read(org_log(&data).join("checkpoint")).expect("it stays"), before);
    let started = &tests::ledger::entries(&fresh)[0];
    assert_eq!(started["facts"]["previous"]["size"], known.0, "{started}");

    // The witness is told of the new log, and cosigns it.
    let mut lines = fs::read_to_string(house.dir.path().join("logs")).expect("it reads");
    lines.push_str(&log_lines_of(&fresh));
    let _ = write(house.dir.path().join("logs"), &lines);
    house.witnesses[0].kill();
    house.revive(0);
    until("the new log is cosigned", PATIENCE, || {
        let note = fs::read_to_string(fresh.join("checkpoint")).unwrap_or_default();
        (note.lines().filter(|line| line.contains("/witness/")).count() == 2).then_some(())
    });
    let said = verified(&fresh);
    assert_eq!(said.code, Some(0), "{}", said.err);

    // Details of the organization's log that has ended: one is erased, and the log in use says so.
    let ended = org_log(&data);
    let deep = || {
        let arguments =
            ["ledger", "verify", ended.to_str().expect("UTF-8"), "--deep", "--data", text, "-o", "json"];
        crate::ledger::Stranger::new().run(&arguments)
    };
    let whole = deep().ok().json()["beside"]["details"].as_u64().expect("a number");
    let entries = tests::ledger::entries(&ended);
    let one = entries.iter().position(|entry| entry["details"].is_string()).expect("an entry has details");
    let mut erase = nexora(&["ledger", "erase", &format!("1/{one}"), "--data", text, "-o", "json"]);
    let _ = run(erase.env("NEXORA_TOKEN", &organization.admin)).ok();
    let after = until("what is missing is on record in the log in use", PATIENCE, || {
        let said = deep();
        (said.code == Some(0)).then(|| said.json())
    });
    let beside = &after["beside"];
    assert_eq!(
        (beside["details"].as_u64(), beside["erased"].as_u64()),
        (Some(whole - 1), Some(1)),
        "{beside}"
    );
    assert_eq!(server.stop().code(), Some(0));
}

fn with_end(path: PathBuf, end: &str) -> PathBuf {
    let mut path = path.into_os_string();
    path.push(end);
    path.into()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a directory").map_while(Result::ok) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => copy(&from, &to),
            Ok(kind) if kind.is_file() => drop(fs::copy(&from, &to).expect("copied")),
            // A socket that a server left.
            _ => {}
        }
    }
}
