//! Tests that read the shared data beside the repository; `make test-shared` runs them.

use crate::demo::{demo, quarantined};
use serde_json::Value;
use std::path::PathBuf;
use tests::http::Request;
use tests::organization::Organization;
use tests::server::{Server, nexora, run};

/// The folder of the shared data.
fn shared() -> PathBuf {
    let folder = tests::repository().join("../shared/data");
    assert!(folder.is_dir(), "missing folder: {}", folder.display());
    folder
}

#[test]
fn the_recorded_attack_is_answered() {
    let file = shared().join("cloudtrail-invictus.ndjson.zst");
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let told = demo(&data, &["--events", file.to_str().expect("UTF-8")]);
    assert_eq!(told["activities"], 2_900);
    let cut = quarantined(&told);
    assert!(cut.contains("AKIATFQR7NSC8Q4X20BJ"), "{cut:?}");
    assert!(
        !cut.iter()
            .any(|name| name.contains("benjamin")
                || name.starts_with("arn:aws:iam") && name.contains(":user/")),
        "people are not cut off: {cut:?}"
    );
}

#[test]
fn the_owners_console_session_has_findings_only() {
    let file = shared().join("cloudtrail-invictus.ndjson.zst");
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(&dir.path().join("data"));
    let mut organization = Organization::observing(&server);
    organization.respond(&server, "automatic");
    let bytes = zstd::decode_all(std::fs::File::open(&file).expect("the file")).expect("zstd");
    let text = String::from_utf8(bytes).expect("text");
    let mut accounts: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            Some(event["recipientAccountId"].as_str()?.to_owned())
        })
        .collect();
    accounts.sort();
    accounts.dedup();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    organization.source = organization.ingest(&server, &accounts);
    let send = Request::new("POST", "/api/v1/events").token(&organization.source);
    let receipt = server.send(&send.body("application/x-ndjson", text)).ok().json();
    assert_eq!(
        (receipt["accepted"].as_u64(), receipt["rejected"].as_array().map(Vec::len)),
        (Some(2_900), Some(0))
    );

    let key = tests::wait::until("the key is cut off", tests::server::PATIENCE, || {
        let key = organization.identity(&server, "AKIATFQR7NSC8Q4X20BJ")?;
        (key["standing"] == "quarantined").then_some(key)
    });
    let owner = key["owner"].as_str().expect("an owner").to_owned();
    let owner = organization.get(&server, &format!("/api/v1/identities/{owner}")).ok().json();
    assert_eq!((&owner["standing"], &owner["person"]), (&Value::from("good"), &Value::from(true)), "{owner}");
    let id = owner["id"].as_str().expect("an id");
    let against = organization.get(&server, &format!("/api/v1/findings?identity={id}")).ok().json();
    let against = against["items"].as_array().expect("a page").clone();
    assert!(!against.is_empty(), "the owner's console session has findings");
    let bound = organization.bind(&server, key["id"].as_str().expect("an id"));
    let refused = server.send(&Request::new("GET", "/api/v1/datasets").token(&bound));
    assert!(matches!(refused.status, 401 | 403), "a credential bound to it is refused: {}", refused.text());
    let _ = run(&mut nexora(&["ledger", "verify", ledger(&organization, &server).as_str()])).ok();
}

fn ledger(organization: &Organization, server: &Server) -> String {
    let status = tests::wait::until("all entries are published", tests::server::PATIENCE, || {
        let status = organization.get(server, "/api/v1/ledger").ok().json();
        (status["committed"] == status["published"]).then_some(status)
    });
    status["dir"].as_str().expect("a path").to_owned()
}
