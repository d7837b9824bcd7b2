//! The ledger to somebody outside: proofs by mail, pins, logs by their URL, and everything that a forger would try on the
//! command line.

mod forged;
mod served;
mod split;

use crate::spine::House;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tests::cloudtrail::{attack, harmless, key};
use tests::server::{PATIENCE, Said, Server, nexora, run};
use tests::wait::until;

/// Somebody with a home of their own, and nothing in it.
pub(crate) struct Stranger {
    home: tempfile::TempDir,
}

impl Stranger {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a home") }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.with(arguments, &[])
    }

    pub(crate) fn with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
        run(nexora(arguments).env("HOME", self.home.path()).envs(environment.iter().copied()))
    }

    pub(crate) fn verify(&self, what: &str) -> Said {
        self.run(&["ledger", "verify", what, "-o", "json"])
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn pins(&self) -> PathBuf {
        self.file(".config/nexora/ledger-pins.json")
    }

    /// A file of this stranger's with this content; its path.
    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.file(name), content).expect("written");
        self.file(name).to_str().expect("UTF-8").to_owned()
    }
}

/// A failed check: the exit code, and nothing that looks like success.
pub(crate) fn fails(said: &Said, word: &str) {
    assert_eq!(said.code, Some(8), "{}\n{}", said.out, said.err);
    assert!(said.out.is_empty(), "{}", said.out);
    assert!(said.err.contains(word), "it does not say `{word}`: {}", said.err);
}

/// A house with a few entries of different kinds, all published.
pub(crate) fn house() -> House {
    let house = House::open();
    house.send(&[harmless("l-1", 1, 1), attack("l-2", 1, 2)]);
    house.quarantined(&key(1));
    house.ledger_verifies();
    house
}

pub(crate) fn directory(house: &House) -> PathBuf {
    house.ledger_verifies()["dir"].as_str().expect("a path").into()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The log's verifier keys, as an operator would publish them.
pub(crate) fn keys(house: &House) -> Vec<String> {
    let status = house.ledger_verifies();
    status["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .filter_map(|key| key.as_str())
        .map(str::to_owned)
        .collect()
}

/// The proof of an entry, made by the node.
pub(crate) fn prove(house: &House, position: usize) -> Said {
    let (data, position) = (text(&house.server.dir), position.to_string());
    let mut command = nexora(&["--data", data, "ledger", "prove", &position]);
    run(command.env("NEXORA_TOKEN", &house.organization.admin))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("an entry");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().expect("a type").is_dir() {
            copy(&path, &to);
        } else if entry.file_type().expect("a type").is_file() {
            fs::copy(&path, &to).expect("copied");
        }
    }
}

#[test]
fn every_entry_is_proven_to_a_stranger_who_has_the_keys_and_nothing_else() {
    let house = house();
    let (keys, entries) = (keys(&house), tests::ledger::entries(&directory(&house)));
    let stranger = Stranger::new();
    for (position, entry) in entries.iter().enumerate() {
        let proof = stranger.put("mail", prove(&house, position).ok().out);
        let proof_text = fs::read_to_string(&proof).expect("text");
        assert!(keys.iter().all(|key| !proof_text.contains(key.as_str())), "no trusted key stands in it");
        let said =
            stranger.with(&["ledger", "verify", &proof, "-o", "json", "--key", &keys[1]], &[]).ok().json();
        assert_eq!(
            (&said["verified"], &said["entry"], &said["position"]),
            (&true.into(), entry, &position.into())
        );
        assert_eq!(said["witnesses"]["cosigned"], serde_json::json!([]));
    }
    // The key was given, so it is pinned; what it is not pinned for is not proven.
    let proof = stranger.put("mail", prove(&house, 1).ok().out);
    let said = stranger.verify(&proof).ok().json();
    assert!(said["key"].as_str().is_some_and(|key| key.starts_with("pinned: given on")), "{said}");
    fails(&Stranger::new().verify(&proof), "key: UNPINNED");
    let other = self::house();
    let foreign = stranger.put("foreign", prove(&other, 1).ok().out);
    fails(&stranger.verify(&foreign), "key: UNPINNED");
    fails(&stranger.run(&["ledger", "verify", &foreign, "--key", &keys[0]]), "no key of --key is its");
    fails(&stranger.run(&["ledger", "verify", &foreign, "--require-pin"]), "UNPINNED");
    // From published files alone the same proof is made, while nobody runs.
    let dir = directory(&house);
    let offline = stranger.run(&["ledger", "prove", "1", "--log", text(&dir)]).ok();
    assert_eq!(offline.out, prove(&house, 1).ok().out);
    assert_eq!(stranger.run(&["ledger", "prove", "9999", "--log", text(&dir)]).code, Some(5));
    assert_eq!(prove(&house, 9_999).code, Some(5));
    // A file is not overwritten unless it is a proof.
    let out = stranger.put("customers.csv", "id\n1\n");
    assert_eq!(stranger.run(&["ledger", "prove", "1", "--log", text(&dir), "--out", &out]).code, Some(6));
    assert_eq!(fs::read_to_string(&out).expect("it is there"), "id\n1\n");
    let _ = stranger.run(&["ledger", "prove", "2", "--log", text(&dir), "--out", &foreign]).ok();
    let _ = stranger.verify(&foreign).ok();
}

#[test]
fn a_first_use_is_said_and_pinned_and_a_pin_is_required_where_that_is_asked_for() {
    let house = house();
    let (dir, stranger) = (directory(&house), Stranger::new());
    let strict = ["ledger", "verify", text(&dir), "--require-pin"];
    fails(&stranger.run(&strict), "key: UNPINNED");
    assert!(!stranger.pins().exists(), "what is refused is not pinned");
    let first = stranger.verify(text(&dir)).ok();
    assert!(first.err.contains("key: UNPINNED"), "{}", first.err);
    assert!(first.json()["key"].as_str().is_some_and(|key| key.starts_with("UNPINNED")));
    let table = Stranger::new().run(&["ledger", "verify", text(&dir)]).ok();
    assert!(table.out.contains("excludes outsiders only, not the operator"), "{}", table.out);
    assert_eq!(fs::metadata(stranger.pins()).expect("pinned").permissions().mode() & 0o777, 0o600);
    let second = stranger.run(&strict).ok();
    assert!(second.out.contains("pinned: taken from the log itself on first use"), "{}", second.out);
    assert!(second.out.contains("the same"), "{}", second.out);

    // Listed, shown whole, contradicted, forgotten.
    let origin = first.json()["origin"].as_str().expect("a name").to_owned();
    let listed = stranger.run(&["ledger", "pins", "ls", "-o", "json"]).ok().json();
    assert_eq!(
        (&listed["logs"][0]["origin"], &listed["logs"][0]["trust"]),
        (&origin.clone().into(), &"first_use".into())
    );
    let shown = stranger.run(&["ledger", "pins", "show", &origin]).ok();
    assert!(keys(&house).iter().all(|key| shown.out.contains(key.as_str())));
    let forged = another_key(&origin);
    assert_eq!(stranger.run(&["ledger", "pins", "add", &forged.replacen('+', "-", 1)]).code, Some(7));
    let said = stranger.run(&["ledger", "pins", "add", &forged]);
    assert_eq!(said.code, Some(6), "{}", said.err);
    assert!(said.err.contains("may be forged"), "{}", said.err);
    fails(&stranger.run(&["ledger", "verify", text(&dir), "--key", &forged]), "keys");
    let _ = stranger.run(&["ledger", "pins", "add", &keys(&house)[0]]).ok();
    let given = stranger.run(&strict).ok();
    assert!(given.out.contains("pinned: given on"), "{}", given.out);
    let _ = stranger.run(&["ledger", "pins", "rm", &origin]).ok();
    assert_eq!(stranger.run(&["ledger", "pins", "rm", &origin]).code, Some(5));
    fails(&stranger.run(&strict), "key: UNPINNED");
}

/// A verifier key of this name that is nobody's (C2SP signed-note, by hand).
fn another_key(name: &str) -> String {
    use base64::Engine as _;
    let typed = [&[1][..], &[7; 32]].concat();
    let hash = base::digest::sha256(&[name.as_bytes(), b"\n", &typed].concat());
    let encoded = base64::engine::general_purpose::STANDARD.encode(typed);
    format!("{name}+{}+{encoded}", base::digest::hex(&hash[..4]))
}

#[test]
fn pins_that_were_damaged_or_stand_in_the_log_are_no_reason_to_believe_it() {
    let house = house();
    let (dir, stranger) = (directory(&house), Stranger::new());
    let _ = stranger.verify(text(&dir)).ok();
    let whole = fs::read(stranger.pins()).expect("pinned");
    for damaged in [&whole[..whole.len() / 2], b"", b"{}"] {
        fs::write(stranger.pins(), damaged).expect("written");
        let said = stranger.verify(text(&dir));
        assert_eq!((said.code, said.out.as_str()), (Some(7), ""), "{}", said.err);
    }
    fs::write(stranger.pins(), &whole).expect("written");
    fs::set_permissions(stranger.pins(), fs::Permissions::from_mode(0o666)).expect("it is ours");
    assert_eq!(stranger.verify(text(&dir)).code, Some(7), "others could have written it");
    // Whoever keeps the log keeps these pins too.
    let said = stranger.with(&["ledger", "verify", text(&dir)], &[("XDG_CONFIG_HOME", text(&dir))]);
    assert!(said.code == Some(8) || !dir.join("nexora").exists(), "{}", said.err);
    let data = text(&house.server.dir);
    let said = stranger.with(&["ledger", "verify", text(&dir)], &[("XDG_CONFIG_HOME", data)]);
    assert!(said.code.is_some(), "{}", said.err);
    // Without a place for pins it is said that nothing is remembered.
    let nowhere = run(&mut nexora(&["ledger", "verify", text(&dir)])).ok();
    assert!(nowhere.err.contains("nothing is remembered"), "{}", nowhere.err);
}

#[test]
fn a_log_that_was_restored_cut_or_replaced_fails_for_whoever_verified_it_before() {
    let mut house = house();
    let (dir, stranger) = (directory(&house), Stranger::new());
    let _ = stranger.verify(text(&dir)).ok();
    assert!(house.server.stop().success());
    let (data, old) = (house.server.dir.clone(), stranger.file("backup"));
    let root = data.with_extension("root");
    copy(&data, &old);
    house.server = Server::start(&data);
    house.send(&[harmless("l-3", 2, 3), harmless("l-4", 3, 4)]);
    let grown = directory(&house);
    let said = stranger.run(&["ledger", "verify", text(&grown)]).ok();
    assert!(said.out.contains("none of them changed"), "{}", said.out);
    let larger = stranger.put("larger", fs::read(dir.join("checkpoint")).expect("a checkpoint"));

    // The older directory comes back. Nobody outside remembers, so the node goes on; the pins do remember.
    assert!(house.server.stop().success());
    fs::remove_dir_all(&data).expect("removed");
    copy(&old, &data);
    house.server = Server::start(&data);
    assert!(root.parent().is_some_and(Path::is_dir));
    let said = stranger.run(&["ledger", "verify", text(&dir)]);
    fails(&said, "an earlier checkpoint had");
    // It grows beyond what was verified, with another history.
    house.send(&[attack("l-5", 4, 5), attack("l-6", 5, 6), attack("l-7", 6, 7)]);
    (4..7).for_each(|who| house.quarantined(&key(who)));
    let _ = directory(&house);
    fails(&stranger.verify(text(&dir)), "history was rewritten");
    // Two checkpoints that the log has signed convict it.
    let said = stranger.run(&["ledger", "consistency", &larger, "--log", text(&dir)]);
    fails(&said, "not consistent");
    // A proof from the other history is signed by the right keys, and proves what it says; it is not compared with the
    // log. What was seen in it is: the log as it was verified does not hold any more.
    let proof = stranger.put("mail", prove(&house, 1).ok().out);
    let said = stranger.verify(&proof).ok();
    assert!(said.json()["before"]["size"].is_number(), "{}", said.out);

    // Another log in the same place is no first use, whatever it is called.
    let other = self::house();
    let theirs = directory(&other);
    fs::remove_dir_all(&dir).expect("removed");
    copy(&theirs, &dir);
    fails(&stranger.verify(text(&dir)), "another log was verified");
    let strangers = self::house();
    fails(
        &stranger.run(&["ledger", "verify", text(&theirs), "--key", &keys(&strangers)[0]]),
        "no key of --key is its",
    );
}

#[test]
fn consistency_holds_between_any_two_checkpoints_and_names_what_is_not_comparable() {
    let house = house();
    let (dir, stranger) = (directory(&house), Stranger::new());
    let mut checkpoints = Vec::new();
    for round in 0..3_u32 {
        house.send(&[harmless(&format!("c-{round}"), 10 + round, round)]);
        let _ = house.organization.person(&house.server, &format!("p{round}"), "auditor");
        let _ = directory(&house);
        let name = format!("checkpoint.{round}");
        checkpoints.push(stranger.put(&name, fs::read(dir.join("checkpoint")).expect("a checkpoint")));
    }
    let compare =
        |old: &str, new: &str| stranger.run(&["ledger", "consistency", old, new, "--log", text(&dir)]);
    for (at, old) in checkpoints.iter().enumerate() {
        for new in &checkpoints[at..] {
            let said = compare(old, new).ok();
            assert!(said.out.contains("consistent"), "{}", said.out);
        }
    }
    assert_eq!(compare(&checkpoints[2], &checkpoints[0]).code, Some(7), "the wrong way round");
    // A proof holds a checkpoint, too.
    let proof = stranger.put("mail", prove(&house, 1).ok().out);
    let _ = compare(&checkpoints[0], &proof).ok();
    // Another log's, and one whose signature was changed.
    let other = self::house();
    let foreign =
        stranger.put("foreign", fs::read(directory(&other).join("checkpoint")).expect("a checkpoint"));
    fails(&compare(&foreign, &checkpoints[2]), "origin");
    let mut bent = fs::read(&checkpoints[0]).expect("a checkpoint");
    let end = bent.len() - 20;
    bent[end] = if bent[end] == b'A' { b'B' } else { b'A' };
    fails(&compare(&stranger.put("bent", bent), &checkpoints[2]), "signature");
    assert_eq!(stranger.run(&["ledger", "consistency", &checkpoints[0], "--log", &proof]).code, Some(7));
}

#[test]
fn what_is_not_published_yet_is_pending_and_says_why() {
    let mut house = house();
    let dir = directory(&house);
    let published = tests::ledger::entries(&dir).len();
    // Where files are made ready stands a file: publication stalls, and everything else goes on.
    assert!(house.server.stop().success());
    let (data, staging) = (house.server.dir.clone(), house.server.dir.join("ledgers/.staging"));
    fs::remove_dir_all(&staging).expect("removed");
    fs::write(&staging, "").expect("written");
    house.server = Server::start(&data);
    let _ = house.organization.person(&house.server, "otto", "auditor");
    let said = until("publication stalls", PATIENCE, || {
        let said = prove(&house, published);
        said.err.contains("stalls").then_some(said)
    });
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
    let words = format!("entry {published} is pending, as all from {published} to");
    assert!(said.err.contains(&words), "{}", said.err);
    let _ = prove(&house, published - 1).ok();
    assert!(house.server.stop().success());
    fs::remove_file(&staging).expect("removed");
    house.server = Server::start(&data);
    let _ = directory(&house);
    let _ = prove(&house, published).ok();
}

#[test]
fn what_is_secret_or_personal_enters_neither_the_ledger_nor_a_proof() {
    const NAME: &str = "CANARYperson Ada Lovelace";
    const REASON: &str = "CANARYreason she told me on the phone";
    const VALUE: &str = "canary.value@secret.example.org";
    let house = house();
    let token = house.organization.person(&house.server, NAME, "org_user");
    let csv = format!("id,email,ssn\n1,{VALUE},078-05-1120\n");
    let protected = house.protect(&token, &csv);
    let back = tests::dataset::reveal(&house.server, &token, &protected).expect("an answer");
    assert_eq!(back.text(), csv);
    let id = house.identity(&key(1))["id"].as_str().expect("an id").to_owned();
    let release = tests::http::Request::new("POST", &format!("/api/v1/identities/{id}/release"))
        .token(&house.organization.admin)
        .json(&serde_json::json!({"reason": REASON}));
    let _ = house.server.send(&release).ok();
    let dir = directory(&house);
    let secrets = [&token, &house.organization.admin, &house.organization.source]
        .map(|token| token.rsplit('_').next().expect("its secret").to_owned());
    let canaries: Vec<&str> = [NAME, REASON, VALUE, "078-05-1120", "CANARY"]
        .into_iter()
        .chain(secrets.iter().map(String::as_str))
        .collect();
    let free = |what: &str, bytes: &[u8]| {
        for canary in &canaries {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} stands in {what}");
        }
    };
    let entries = tests::ledger::entries(&dir);
    assert!(entries.iter().any(|entry| entry["kind"] == "identity.released" && entry["details"].is_string()));
    for (position, entry) in entries.iter().enumerate() {
        free(&format!("entry {position}"), entry.to_string().as_bytes());
        let proof = prove(&house, position).ok().out;
        free(&format!("the proof of {position}"), proof.as_bytes());
        let stranger = Stranger::new();
        let mail = stranger.put("mail", &proof);
        let told = stranger.run(&["ledger", "verify", &mail, "-o", "json", "--key", &keys(&house)[0]]).ok();
        free("what is said of it", told.out.as_bytes());
    }
    let mut folders = vec![dir];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                free(text(&path), &fs::read(&path).expect("a file"));
            }
        }
    }
    let found = search(&house);
    assert!(found["items"].as_array().is_some_and(|items| items.len() > 3), "{found}");
    free("what a search finds", found.to_string().as_bytes());
}

/// Everything that a search of the ledger finds, once it has it all.
fn search(house: &House) -> Value {
    until("the search covers the ledger", PATIENCE, || {
        let request = tests::http::Request::new("POST", "/api/v1/ledger/search")
            .token(&house.organization.admin)
            .json(&serde_json::json!({"limit": 1000}));
        let found = house.server.send(&request).ok().json();
        (found["covered"].as_u64() >= found["committed"].as_u64().map(|all| all - 1)).then_some(found)
    })
}
