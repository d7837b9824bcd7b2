//! The loop, from outside: an identity acts, is judged, is cut off, its data closes, the proof is in the
//! ledger.

use serde_json::{Value, json};
use tests::cloudtrail::{attack, call, denied, harmless, key, user};
use tests::dataset::{self, Protected};
use tests::organization::{ACCOUNT, Organization};
use tests::server::{PATIENCE, Server, nexora, run};
use tests::wait::until;

/// A server with one organization that responds by itself.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) organization: Organization,
    // Dropped last: the server stands in it.
    pub(crate) _dir: tempfile::TempDir,
}

impl House {
    pub(crate) fn open() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(&dir.path().join("data"));
        let organization = Organization::create(&server);
        Self { server, organization, _dir: dir }
    }

    pub(crate) fn send(&self, events: &[Value]) -> Value {
        self.organization.events(&self.server, events).expect("an answer").ok().json()
    }

    pub(crate) fn identity(&self, native: &str) -> Value {
        self.organization.identity(&self.server, native).unwrap_or_else(|| panic!("{native} is not known"))
    }

    /// Waits until the identity is quarantined.
    pub(crate) fn quarantined(&self, native: &str) {
        until("the identity is quarantined", PATIENCE, || {
            let identity = self.organization.identity(&self.server, native)?;
            (identity["standing"] == "quarantined").then_some(())
        });
    }

    pub(crate) fn cut_off(&self) -> Vec<String> {
        let all = self.organization.list(&self.server, "/api/v1/identities").into_iter();
        all.filter(|identity| identity["standing"] == "quarantined")
            .map(|identity| identity["name"].to_string())
            .collect()
    }

    pub(crate) fn protect(&self, token: &str, csv: &str) -> Protected {
        dataset::protect(&self.server, token, "customers", "email,ssn", csv)
            .expect("an answer")
            .unwrap_or_else(|answer| panic!("{}: {}", answer.status, answer.text()))
    }

    /// The ledger verifies, with everything committed published.
    pub(crate) fn ledger_verifies(&self) -> Value {
        let status = until("all entries are published", PATIENCE, || {
            let status = self.organization.get(&self.server, "/api/v1/ledger").ok().json();
            (status["committed"] == status["published"]).then_some(status)
        });
        let dir = status["dir"].as_str().expect("a path");
        let _ = run(&mut nexora(&["ledger", "verify", dir])).ok();
        status
    }
}

pub(crate) const CSV: &str =
    "id,email,ssn,city\n1,ada@example.com,078-05-1120,Berlin\n2,\"o'neil, b\",219-09-9999,\"Köln\"\n3,,,\n";

#[test]
fn a_stolen_key_is_cut_off_its_data_closes_and_a_release_opens_it_again() {
    let house = House::open();
    let receipt = house.send(&[harmless("a-1", 1, 10), harmless("a-2", 1, 20), harmless("a-3", 2, 30)]);
    assert_eq!(
        (receipt["accepted"].as_u64(), receipt["rejected"].as_array().map(Vec::len)),
        (Some(3), Some(0))
    );
    let identity = house.identity(&key(1));
    assert_eq!(identity["standing"], "good");
    let id = identity["id"].as_str().expect("an id").to_owned();
    let token = house.organization.bind(&house.server, &id);

    let protected = house.protect(&token, CSV);
    let shown = String::from_utf8(protected.output.clone()).expect("a protected CSV is text");
    assert!(!shown.contains("ada@example.com") && !shown.contains("078-05-1120"), "{shown}");
    assert!(shown.contains("Berlin") && shown.contains("Köln"), "other columns stay: {shown}");
    let before = dataset::reveal(&house.server, &token, &protected).expect("an answer");
    assert_eq!((before.status, before.outcome()), (200, Some("ok")));
    assert_eq!(before.text(), CSV, "what is revealed is what was protected");

    house.send(&[attack("a-4", 1, 40)]);
    house.quarantined(&key(1));
    let after = dataset::reveal(&house.server, &token, &protected).expect("an answer");
    assert_eq!((after.status, after.json()["kind"].as_str()), (403, Some("refused")), "{}", after.text());
    assert_eq!(house.identity(&key(2))["standing"], "good");
    let owner = house.identity(&format!("arn:aws:iam::{ACCOUNT}:user/{}", user(1)));
    assert_eq!(owner["standing"], "good", "the owner's sessions are another identity");

    let finding = house.identity(&key(1))["finding"].as_str().expect("what it was cut off for").to_owned();
    let shown = house.organization.get(&house.server, &format!("/api/v1/findings/{finding}")).ok().text();
    assert!(shown.contains("a-4"), "its events are kept: {shown}");
    assert!(shown.contains(&id), "it says whom to release: {shown}");

    let path = format!("/api/v1/identities/{id}/release");
    let release = tests::http::Request::new("POST", &path)
        .token(&house.organization.admin)
        .json(&json!({"reason": "a drill"}));
    let _ = house.server.send(&release).ok();
    let again = dataset::reveal(&house.server, &token, &protected).expect("an answer");
    assert_eq!((again.status, again.text()), (200, CSV.to_owned()));
    house.ledger_verifies();
}

#[test]
fn forged_and_failed_events_quarantine_nobody() {
    let house = House::open();
    let all: Vec<Value> = (1..=12).map(|who| harmless(&format!("b-{who}"), who, who)).collect();
    house.send(&all);
    let protected = house.identity(&key(2))["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/identities/{protected}/protect");
    let _ =
        house.server.send(&tests::http::Request::new("POST", &path).token(&house.organization.admin)).ok();

    let with = |who, change: &dyn Fn(&mut Value)| {
        let mut event = attack(&format!("forged-{who}"), who, 100 + who);
        change(&mut event);
        event
    };
    let foreign = "999988887777";
    let events = [
        denied(attack("forged-1", 1, 100)),
        attack("forged-2", 2, 101),
        // Another account's principal.
        with(3, &|event| {
            event["userIdentity"]["accountId"] = foreign.into();
            event["userIdentity"]["arn"] = format!("arn:aws:iam::{foreign}:user/program-3").into();
        }),
        // Nobody.
        with(4, &|event| {
            event["userIdentity"] = json!({"type": "Unknown", "principalId": "", "accountId": ""})
        }),
        with(5, &|event| {
            event["userIdentity"] = json!({"type": "AWSAccount", "principalId": "ANONYMOUS_PRINCIPAL", "accountId": "ANONYMOUS_PRINCIPAL"});
        }),
        // A service of the cloud, and a role of one.
        with(6, &|event| {
            event["userIdentity"] = json!({"type": "AWSService", "invokedBy": "config.amazonaws.com"})
        }),
        with(7, &|event| {
            event["userIdentity"] = role(
                "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
                "AWSServiceRoleForConfig",
                "x",
            );
        }),
        // People.
        with(8, &|event| {
            event["userIdentity"] = role(
                "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef",
                "AWSReservedSSO_Admin_0123456789abcdef",
                "ada@example.com",
            );
        }),
        with(9, &|event| {
            event["userIdentity"] = json!({"type": "Root", "principalId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:root"), "accountId": ACCOUNT});
        }),
        // A console session of an IAM user.
        with(10, &|event| {
            event["userIdentity"]["accessKeyId"] = "ASIATESTSESSION00010".into();
            event["userIdentity"]["sessionContext"] =
                json!({"attributes": {"creationDate": "2026-03-02T00:00:00Z", "mfaAuthenticated": "true"}});
        }),
    ];
    let receipt = house.send(&events);
    let rejected: Vec<u64> = receipt["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["index"].as_u64())
        .collect();
    // What speaks for an account that the source may not speak for is refused; here every record is
    // reported by the account itself.
    assert!(rejected.is_empty(), "{receipt}");
    // A record that another account reports is refused and counted.
    let mut foreign_report = attack("forged-11", 11, 120);
    foreign_report["recipientAccountId"] = foreign.into();
    let receipt = house.send(&[foreign_report, harmless("b-20", 12, 130)]);
    assert_eq!(
        (receipt["accepted"].as_u64(), receipt["rejected"][0]["index"].as_u64()),
        (Some(1), Some(0)),
        "{receipt}"
    );

    // Findings are answered in order: once this one is cut off, all before it were decided.
    house.send(&[attack("real", 12, 140)]);
    house.quarantined(&key(12));
    assert_eq!(house.cut_off(), [format!("\"{}\"", key(12))]);
    let findings = house.organization.list(&house.server, "/api/v1/findings");
    assert!(findings.len() > 3, "they are found all the same: {}", findings.len());
    house.ledger_verifies();
}

fn role(path: &str, name: &str, session: &str) -> Value {
    json!({
        "type": "AssumedRole",
        "principalId": format!("AROATESTROLE000000001:{session}"),
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"),
        "accountId": ACCOUNT,
        "accessKeyId": "ASIATESTSESSION00001",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROATESTROLE000000001",
                "arn": format!("arn:aws:iam::{ACCOUNT}:role/{path}"),
                "accountId": ACCOUNT,
                "userName": name,
            },
            "attributes": {"creationDate": "2026-03-02T00:00:00Z", "mfaAuthenticated": "false"},
        },
    })
}

#[test]
fn a_running_reveal_stops_when_its_identity_is_cut_off() {
    let house = House::open();
    house.send(&[harmless("c-1", 1, 10)]);
    let id = house.identity(&key(1))["id"].as_str().expect("an id").to_owned();
    let token = house.organization.bind(&house.server, &id);
    // Larger than what sockets and queues between the two ends can hold.
    let mut csv = String::from("id,email,ssn,note\n");
    for row in 0..150_000 {
        csv.push_str(&format!("{row},person-{row}@example.com,{row:09},{:060}\n", row));
    }
    let protected = house.protect(&token, &csv);
    let mut open = dataset::begin_reveal(&house.server, &token, &protected).expect("an answer");
    assert_eq!(open.status, 200);
    let first = open.chunk().expect("a piece").expect("not the end");
    assert!(csv.as_bytes().starts_with(&first));
    house.send(&[attack("c-2", 1, 20)]);
    house.quarantined(&key(1));
    let rest = open.finish();
    if let Ok(answer) = rest {
        assert!(first.len() + answer.body.len() < csv.len(), "it did not come to its end");
        let outcome = answer.outcome().unwrap_or_default();
        assert!(outcome.contains("refused"), "it says why: {outcome}");
    }
    house.ledger_verifies();
}

#[test]
fn a_new_organization_observes_and_ask_waits_for_a_person() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(&dir.path().join("data"));
    let mut organization = Organization::observing(&server);
    organization.source = organization.ingest(&server, &[ACCOUNT]);
    let house = House { server, organization, _dir: dir };
    let response = house.organization.get(&house.server, "/api/v1/response").ok().json();
    assert!(response["observes_until"].is_string(), "{response}");

    house.send(&[harmless("d-1", 1, 1), attack("d-2", 1, 2)]);
    let decided = |native: &str, wanted: &str| {
        until("the finding is decided", PATIENCE, || {
            let identity = house.organization.identity(&house.server, native)?["id"].as_str()?.to_owned();
            let path = format!("/api/v1/findings?limit=100&identity={identity}");
            let findings = house.organization.get(&house.server, &path).ok().json();
            let finding = findings["items"]
                .as_array()?
                .iter()
                .find(|found| found["severity"] == "high" || found["severity"] == "critical")?;
            let shown = house
                .organization
                .get(&house.server, &format!("/api/v1/findings/{}", finding["id"].as_str()?));
            shown.ok().text().contains(wanted).then(|| finding["id"].as_str().map(str::to_owned))?
        })
    };
    decided(&key(1), "observed");
    assert!(house.cut_off().is_empty());

    house.organization.respond(&house.server, "ask");
    house.send(&[harmless("d-3", 2, 3), attack("d-4", 2, 4)]);
    let finding = decided(&key(2), "proposed");
    assert!(house.cut_off().is_empty());
    let id = house.identity(&key(2))["id"].as_str().expect("an id").to_owned();
    let request = tests::http::Request::new("POST", &format!("/api/v1/identities/{id}/quarantine"))
        .token(&house.organization.admin)
        .json(&json!({"finding": finding}));
    let done = house.server.send(&request).ok().json();
    assert_eq!(done["standing"], "quarantined");
    house.ledger_verifies();
}

#[test]
fn a_burst_of_quarantines_is_braked() {
    let house = House::open();
    let mut events = Vec::new();
    for who in 1..=9 {
        events.push(harmless(&format!("e-{who}"), who, who));
    }
    house.send(&events);
    for who in 1..=9 {
        house.send(&[attack(&format!("e-attack-{who}"), who, 100 + who)]);
    }
    until("the response falls back to asking", PATIENCE, || {
        let response = house.organization.get(&house.server, "/api/v1/response").ok().json();
        (response["mode"] == "ask").then_some(())
    });
    let cut = house.cut_off();
    assert!((1..=5).contains(&cut.len()), "{cut:?}");
    let findings = house.organization.list(&house.server, "/api/v1/findings");
    let told =
        findings.iter().any(|finding| finding["severity"] == "critical" && finding["detector"] == "system");
    assert!(told, "the brake is a critical finding");
}

#[test]
fn an_event_is_judged_once_whatever_it_comes_in() {
    let house = House::open();
    let event = |id: &str, at| call(id, 1, at, "s3", "ListBuckets", json!({}));
    let framings: Vec<(&str, Vec<u8>)> = vec![
        (
            "an object of records",
            json!({"Records": [event("f-1", 1), event("f-2", 2)]}).to_string().into_bytes(),
        ),
        ("an array", json!([event("f-3", 3), event("f-4", 4)]).to_string().into_bytes()),
        ("lines", format!("{}\n{}\n", event("f-5", 5), event("f-6", 6)).into_bytes()),
    ];
    let mut expected = Vec::new();
    for (number, (name, plain)) in framings.into_iter().enumerate() {
        for (packing, body) in [("plain", plain.clone()), ("gzip", gzip(&plain)), ("zstd", zstd(&plain))] {
            let request = tests::http::Request::new("POST", "/api/v1/events")
                .token(&house.organization.source)
                .body("application/json", body);
            let receipt = house.server.send(&request).ok().json();
            assert_eq!(receipt["accepted"], 2, "{name}, {packing}: {receipt}");
            expected.extend([format!("f-{}", 2 * number + 1), format!("f-{}", 2 * number + 2)]);
        }
    }
    let log = house.organization.log(&house.server);
    let found: Vec<&str> = log.iter().filter_map(|row| row["event"]["eventID"].as_str()).collect();
    assert_eq!(found, expected);
    let offsets: Vec<u64> = log.iter().filter_map(|row| row["offset"].as_u64()).collect();
    assert!(offsets.windows(2).all(|pair| pair[0] < pair[1]), "{offsets:?}");
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("it fits in memory");
    encoder.finish().expect("it fits in memory")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("it fits in memory")
}
