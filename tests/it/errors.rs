//! What goes wrong is said, with its position or name, and costs nothing that was acknowledged.

use crate::spine::{CSV, House, gzip, zstd};
use serde_json::{Value, json};
use tests::cloudtrail::{harmless, key};
use tests::dataset;
use tests::http::{Answer, Request};
use tests::server::{nexora, run};

fn send(house: &House, body: Vec<u8>) -> Answer {
    let request = Request::new("POST", "/api/v1/events")
        .token(&house.organization.source)
        .body("application/json", body);
    house.server.send(&request)
}

fn refused(answer: &Answer, words: &[&str]) {
    assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.text());
    let text = answer.text().to_lowercase();
    assert!(words.iter().any(|word| text.contains(word)), "it says none of {words:?}: {text}");
}

#[test]
fn a_batch_that_cannot_be_read_is_refused_with_its_position_and_nothing_of_it_is_kept() {
    let house = House::open();
    house.send(&[harmless("good-1", 1, 1)]);
    let good = harmless("x-1", 1, 2).to_string();

    let broken = format!("{{\"Records\":[{good},{{\"eventName\":");
    let answer = send(&house, broken.into_bytes());
    refused(&answer, &["json"]);
    assert!(answer.json()["position"].is_string(), "where: {}", answer.text());

    let whole = gzip(format!("{good}\n").repeat(50).as_bytes());
    refused(&send(&house, whole[..whole.len() / 2].to_vec()), &["gzip", "truncated", "ended"]);
    let whole = zstd(format!("{good}\n").repeat(50).as_bytes());
    refused(&send(&house, whole[..whole.len() / 2].to_vec()), &["zstd", "truncated", "ended"]);

    let bomb = vec![b' '; 200 << 20];
    for packed in [gzip(&bomb), zstd(&bomb)] {
        let answer = send(&house, packed);
        refused(&answer, &["100", "ratio", "512", "times", "larger"]);
    }
    refused(&send(&house, vec![b' '; (64 << 20) + 1]), &["larger", "64", "67108864"]);
    refused(&send(&house, b"neither one nor the other".to_vec()), &["json", "format"]);

    let log = house.organization.log(&house.server);
    assert_eq!(log.len(), 1, "only what was acknowledged");
    house.send(&[harmless("good-2", 1, 3)]);
}

#[test]
fn an_event_that_cannot_be_used_is_rejected_by_its_index_and_the_others_are_kept() {
    let house = House::open();
    let mut large = harmless("large", 1, 2);
    large["requestParameters"]["padding"] = "x".repeat(10 << 20).into();
    let deep = format!(
        "{{\"eventVersion\":\"1.10\",\"requestParameters\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let stranger = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "get"});
    let mut timeless = harmless("timeless", 1, 3);
    timeless["eventTime"] = "yesterday".into();
    let lines = [
        harmless("kept-1", 1, 1).to_string(),
        large.to_string(),
        deep,
        stranger.to_string(),
        timeless.to_string(),
        harmless("kept-2", 1, 4).to_string(),
    ];
    let answer = send(&house, lines.join("\n").into_bytes()).ok().json();
    assert_eq!(answer["accepted"], 2, "{answer}");
    let rejected = answer["rejected"].as_array().expect("a list");
    let indices: Vec<u64> = rejected.iter().filter_map(|row| row["index"].as_u64()).collect();
    assert_eq!(indices, [1, 2, 3, 4], "{answer}");
    for row in rejected {
        let code = row["code"].as_str().unwrap_or_default();
        assert!(
            !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{row}"
        );
        assert!(row["message"].as_str().is_some_and(|message| message.len() > 5), "{row}");
    }
    let log = house.organization.log(&house.server);
    let kept: Vec<&str> = log.iter().filter_map(|row| row["event"]["eventID"].as_str()).collect();
    assert_eq!(kept, ["kept-1", "kept-2"]);
}

#[test]
fn events_of_accounts_that_a_credential_may_not_speak_for_are_on_record() {
    let house = House::open();
    let foreign = |id: &str| {
        let mut event = harmless(id, 1, 1);
        event["recipientAccountId"] = "999999999999".into();
        event["userIdentity"]["accountId"] = "999999999999".into();
        event.to_string()
    };
    for batch in ["a", "b"] {
        let lines = [
            foreign(&format!("{batch}-1")),
            foreign(&format!("{batch}-2")),
            harmless(batch, 1, 2).to_string(),
        ];
        let answer = send(&house, lines.join("\n").into_bytes()).ok().json();
        assert_eq!(
            (&answer["accepted"], &answer["rejected"][0]["code"]),
            (&json!(1), &json!("foreign_account"))
        );
    }
    let entries = tests::ledger::entries(&crate::ledger::directory(&house));
    let told = |entry: &&Value| entry["kind"] == "access.refused" && entry["reason"] == "foreign_account";
    let told: Vec<_> = entries.iter().filter(told).collect();
    assert_eq!(told.len(), 1, "the second batch of the minute is counted: {told:?}");
    let facts = &told[0]["facts"];
    assert_eq!((&facts["operation"], &facts["events"]), (&json!("events.send"), &json!(2)), "{facts}");
}

#[test]
fn a_wrong_column_credential_or_format_is_named() {
    let house = House::open();
    house.send(&[harmless("w-1", 1, 1)]);
    let id = house.identity(&key(1))["id"].as_str().expect("an id").to_owned();
    let token = house.organization.bind(&house.server, &id);
    let answer = dataset::protect(&house.server, &token, "customers", "email,passport", CSV)
        .expect("an answer")
        .expect_err("there is no such column");
    let said = format!("{} {}", answer.text(), answer.outcome().unwrap_or_default());
    assert!(said.contains("passport"), "{}: {said}", answer.status);

    let grant = json!({"grant": {"kind": "ingest", "format": "morse", "accounts": ["1"]}});
    let request = Request::new("POST", "/api/v1/credentials").token(&house.organization.admin).json(&grant);
    let answer = house.server.send(&request);
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("morse"), "{}", answer.text());

    let wrong = Request::new("GET", "/api/v1/findings").token("nxa_wrong");
    let answer = house.server.send(&wrong);
    assert_eq!((answer.status, answer.json()["kind"].as_str()), (401, Some("not_signed_in")));
    assert!(!answer.text().contains("nxa_wrong"), "it does not repeat what may be a secret");

    let altered = {
        let mut protected = house.protect(&token, CSV);
        let at = protected.manifest.len() / 2;
        protected.manifest[at] ^= 1;
        protected
    };
    let answer = dataset::reveal(&house.server, &token, &altered).expect("an answer");
    assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.text());
}

#[test]
fn the_command_line_ends_with_the_code_of_the_failure() {
    let house = House::open();
    house.send(&[harmless("k-1", 1, 1)]);
    let data = house.server.dir.to_str().expect("UTF-8").to_owned();
    let with = |token: &str, arguments: &[&str]| {
        let mut command = nexora(arguments);
        command.args(["--data", &data]).env("NEXORA_TOKEN", token);
        run(&mut command)
    };
    let admin = &house.organization.admin;
    let auditor = house.organization.person(&house.server, "otto", "auditor");
    let nobody = format!("idn_{}", "0".repeat(26));
    let broken = house.server.dir.parent().expect("a parent").join("broken.json");
    std::fs::write(&broken, "{\"Records\":[").expect("written");
    let broken = broken.to_str().expect("UTF-8");
    let wanted: [(i32, &str, &[&str]); 8] = [
        (0, admin, &["identities", "ls"]),
        (2, admin, &["identities", "paint"]),
        (2, admin, &["identities", "show", "not-an-id"]),
        (3, "nxa_wrong", &["identities", "ls"]),
        (4, &auditor, &["identities", "release", &nobody]),
        (5, admin, &["identities", "show", &nobody]),
        (7, &house.organization.source, &["events", "send", broken]),
        (8, admin, &["ledger", "verify", "/"]),
    ];
    for (code, token, arguments) in wanted {
        let said = with(token, arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {}{}", said.out, said.err);
        if code > 2 {
            assert!(said.out.is_empty(), "{arguments:?}: data alone goes to stdout: {}", said.out);
            assert!(!said.err.is_empty(), "{arguments:?}: it says why");
        }
    }
    let id = house.identity(&key(1))["id"].as_str().expect("an id").to_owned();
    assert_eq!(with(admin, &["identities", "quarantine", &id]).code, Some(0));
    let again = with(admin, &["identities", "quarantine", &id]);
    assert!(matches!(again.code, Some(0 | 6)), "{}", again.err);
}

#[test]
fn control_characters_of_an_event_do_not_reach_the_terminal() {
    let house = House::open();
    let mut event: Value = tests::cloudtrail::attack("\u{1b}[2Jc-1", 1, 1);
    event["userIdentity"]["userName"] = "evil\u{1b}[31m\u{7}name".into();
    event["userAgent"] = "agent\u{1b}]0;title\u{7}".into();
    house.send(&[event]);
    house.quarantined(&key(1));
    let finding = house.identity(&key(1))["finding"].as_str().expect("a finding").to_owned();
    let data = house.server.dir.to_str().expect("UTF-8").to_owned();
    let commands: [&[&str]; 4] = [
        &["identities", "ls"],
        &["findings", "ls"],
        &["findings", "show", &finding],
        &["events", "tail", "--from", "0", "--no-follow"],
    ];
    for arguments in commands {
        let mut command = nexora(arguments);
        command.args(["--data", &data]).env("NEXORA_TOKEN", &house.organization.admin);
        let said = run(&mut command).ok();
        assert!(!said.out.contains(['\u{1b}', '\u{7}']), "{arguments:?}: {:?}", said.out);
    }
}
