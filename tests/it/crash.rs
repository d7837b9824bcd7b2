//! Power goes at any moment: what was acknowledged is there, once.

use crate::spine::House;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tests::cloudtrail::{attack, harmless, key};
use tests::http::Request;
use tests::server::{Server, nexora, run};

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What was sent, and whether it was acknowledged.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<String>,
    unanswered: Vec<String>,
    /// Credentials whose making was acknowledged: each has an entry of its own.
    credentials: Vec<String>,
}

#[test]
fn fifty_kills_lose_nothing_that_was_acknowledged_and_double_nothing() {
    let mut house = House::open();
    let mut numbers = Numbers(50);
    let mut sent = Sent::default();
    let mut attackers = 0;
    for round in 0..50_u32 {
        // Between one and a dozen batches go through before the process is killed, in the middle of one
        // that a thread is sending.
        let quiet = numbers.below(12);
        for batch in 0..quiet {
            send(&house, round, u32::try_from(batch).unwrap_or(0), Some(&mut attackers), &mut sent);
        }
        let pause = std::time::Duration::from_micros(numbers.below(9_000));
        std::thread::scope(|scope| {
            let house = &house;
            let sending = scope.spawn(move || {
                let mut sent = Sent::default();
                for batch in 100..130 {
                    if !send(house, round, batch, None, &mut sent) {
                        break;
                    }
                }
                sent
            });
            // Where in the writing the kill falls is what is random here; nothing waits for this.
            std::thread::park_timeout(pause);
            house.server.signal("-KILL");
            let more = sending.join().expect("the sender ends");
            sent.acknowledged.extend(more.acknowledged);
            sent.unanswered.extend(more.unanswered);
            sent.credentials.extend(more.credentials);
        });
        house.server.kill();
        house.server = Server::start(&house.server.dir.clone());
    }
    check(&house, &sent, attackers);
}

/// Sends a batch of three events, now and then with an attack in it; whether it was acknowledged.
fn send(house: &House, round: u32, batch: u32, attackers: Option<&mut u32>, sent: &mut Sent) -> bool {
    let id = |event: u32| format!("kill-{round}-{batch}-{event}");
    let at = round * 200 + batch;
    let mut events = vec![harmless(&id(0), 500, at), harmless(&id(1), 501, at)];
    // Four may be cut off before the brake would ask.
    let attackers = attackers.filter(|attackers| batch == 0 && **attackers < 4);
    events.push(match &attackers {
        Some(attackers) => attack(&id(2), 1_000 + **attackers, at),
        None => harmless(&id(2), 502, at),
    });
    let grant = json!({"grant": {"kind": "person", "name": format!("p-{round}-{batch}"), "role": "auditor"}});
    let request = Request::new("POST", "/api/v1/credentials").token(&house.organization.admin).json(&grant);
    if let Ok(answer) = request.send(&house.server.socket())
        && answer.status == 200
    {
        sent.credentials.push(answer.json()["credential"]["id"].as_str().expect("an id").to_owned());
    }
    let ids = (0..3).map(id);
    match house.organization.events(&house.server, &events) {
        Ok(answer) if answer.status == 200 => {
            sent.acknowledged.extend(ids);
            attackers.into_iter().for_each(|attackers| *attackers += 1);
            true
        }
        _ => {
            sent.unanswered.extend(ids);
            false
        }
    }
}

fn check(house: &House, sent: &Sent, attackers: u32) {
    assert!(sent.acknowledged.len() > 300, "enough went through: {}", sent.acknowledged.len());
    let log = house.organization.log(&house.server);
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for event in log.iter().filter_map(|row| row["event"]["eventID"].as_str()) {
        *seen.entry(event).or_default() += 1;
    }
    for id in &sent.acknowledged {
        assert_eq!(seen.get(id.as_str()), Some(&1), "{id} was acknowledged");
    }
    for id in &sent.unanswered {
        assert!(seen.get(id.as_str()).is_none_or(|times| *times == 1), "{id} was never acknowledged");
    }
    // A batch is one unit.
    for chunk in sent.unanswered.chunks(3) {
        let kept = chunk.iter().filter(|id| seen.contains_key(id.as_str())).count();
        assert!(kept == 0 || kept == 3, "{chunk:?}: {kept} of 3 kept");
    }
    for who in 0..attackers {
        house.quarantined(&key(1_000 + who));
    }
    let findings = house.organization.list(&house.server, "/api/v1/findings");
    once(&findings);
    for who in 0..attackers {
        let id = house.identity(&key(1_000 + who))["id"].clone();
        let high: Vec<&Value> = findings
            .iter()
            .filter(|finding| {
                finding["identity"] == id
                    && (finding["severity"] == "high" || finding["severity"] == "critical")
            })
            .collect();
        assert!(!high.is_empty(), "the attack of {} is found", key(1_000 + who));
        assert!(high.iter().all(|finding| finding["count"] == 1), "and counted once: {high:?}");
    }
    let status = house.ledger_verifies();
    let entries = tests::ledger::entries(Path::new(status["dir"].as_str().expect("a path")));
    let mut made: BTreeMap<&str, u32> = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        assert_eq!(entry["position"], position, "one entry at each position");
        if entry["kind"] == "credential.issued" {
            *made.entry(entry["object"]["id"].as_str().expect("an id")).or_default() += 1;
        }
    }
    assert!(sent.credentials.len() > 100, "enough went through: {}", sent.credentials.len());
    for id in &sent.credentials {
        assert_eq!(made.get(id.as_str()), Some(&1), "the entry of {id} was acknowledged");
    }
    assert!(made.values().all(|times| *times == 1), "{made:?}");
    let kept = house.organization.list(&house.server, "/api/v1/credentials");
    let kept: BTreeSet<&str> = kept.iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(kept, made.into_keys().collect(), "an entry has its change, and a change its entry");
}

/// No finding stands there twice.
pub(crate) fn once(findings: &[Value]) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for finding in findings {
        *seen.entry(finding["id"].to_string()).or_default() += 1;
    }
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
}

#[test]
fn a_flipped_byte_anywhere_in_the_ledger_is_found_and_named() {
    let house = House::open();
    house.send(&[harmless("flip-1", 1, 1), attack("flip-2", 1, 2)]);
    house.quarantined(&key(1));
    let status = house.ledger_verifies();
    let dir = std::path::PathBuf::from(status["dir"].as_str().expect("a path"));
    let mut files = Vec::new();
    let mut folders = vec![dir.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    assert!(files.len() >= 3, "{files:?}");
    let mut numbers = Numbers(8);
    for file in files {
        let whole = std::fs::read(&file).expect("a file");
        assert!(!whole.is_empty(), "{} holds nothing that could be verified", file.display());
        let length = whole.len() as u64;
        // Both ends, and four places between.
        let places = [
            0,
            length - 1,
            numbers.below(length),
            numbers.below(length),
            numbers.below(length),
            numbers.below(length),
        ];
        for place in places {
            let mut flipped = whole.clone();
            let at = usize::try_from(place).expect("a small file");
            flipped[at] ^= 1 << numbers.below(8);
            std::fs::write(&file, &flipped).expect("written");
            let said = run(&mut nexora(&["ledger", "verify", dir.to_str().expect("UTF-8")]));
            assert_eq!(said.code, Some(8), "{} at {place}: {}{}", file.display(), said.out, said.err);
            let name = file.strip_prefix(&dir).expect("below it").display().to_string();
            let all = format!("{}{}", said.out, said.err);
            assert!(all.contains(&name) || all.contains("entry"), "{name} at {place} is named: {all}");
        }
        std::fs::write(&file, &whole).expect("written");
    }
    let _ = run(&mut nexora(&["ledger", "verify", dir.to_str().expect("UTF-8")])).ok();
}
