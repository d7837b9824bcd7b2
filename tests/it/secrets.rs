//! What is secret in an event, in a CSV or in a credential stands in no file of the data directory.

use crate::spine::House;
use serde_json::json;
use std::fs;
use std::path::Path;
use tests::cloudtrail::{attack, call, key};
use tests::http::Request;

/// Texts that nothing else would contain.
const CANARIES: [&str; 6] = [
    "CANARYsessiontokenQmFzZTY0",
    "CANARYsecretaccesskeyQmFzZQ",
    "CANARYpasswordHunter2x",
    "canary.person@secret.example.org",
    "CANARYnewpasswordHunter3",
    "CANARYmasterpassword4x",
];

#[test]
fn canaries_are_in_no_file_of_the_data_directory() {
    let mut house = House::open();
    let mut assumed =
        call("s-1", 1, 1, "sts", "AssumeRole", json!({"roleArn": "arn:aws:iam::111122223333:role/x"}));
    assumed["responseElements"] = json!({"credentials": {
        "accessKeyId": "ASIATESTSESSION00001",
        "secretAccessKey": CANARIES[1],
        "sessionToken": CANARIES[0],
        "expiration": "Mar 2, 2026, 1:00:00 AM",
    }});
    let password = |id: &str, value: &str| {
        let request = json!({"userName": "program-1", "password": value, "passwordResetRequired": false});
        call(id, 1, 2, "iam", "CreateLoginProfile", request)
    };
    let changed = call(
        "s-4",
        1,
        3,
        "iam",
        "ChangePassword",
        json!({"oldPassword": CANARIES[2], "newPassword": CANARIES[4]}),
    );
    let database = call(
        "s-5",
        1,
        3,
        "rds",
        "ModifyDBInstance",
        json!({"dBInstanceIdentifier": "x", "masterUserPassword": CANARIES[5]}),
    );
    house.send(&[assumed, password("s-2", CANARIES[2]), changed, database, attack("s-3", 1, 4)]);
    house.quarantined(&key(1));
    let other = tests::cloudtrail::harmless("s-6", 2, 5);
    house.send(&[other]);
    let id = house.identity(&key(2))["id"].as_str().expect("an id").to_owned();
    let token = house.organization.bind(&house.server, &id);
    let csv = format!("id,email,ssn\n1,{},078-05-1120\n", CANARIES[3]);
    let protected = house.protect(&token, &csv);
    let back = tests::dataset::reveal(&house.server, &token, &protected).expect("an answer");
    assert_eq!(back.text(), csv);
    house.ledger_verifies();

    // What is kept says that something was there.
    let log = house.organization.log(&house.server);
    let kept = serde_json::to_string(&log).expect("JSON");
    assert!(kept.contains("redacted:"), "{kept}");
    let shown = house.organization.get(&house.server, "/api/v1/findings").ok().text();
    for canary in CANARIES {
        assert!(!kept.contains(canary) && !shown.contains(canary), "{canary}");
    }

    // While it runs, and after it has ended.
    let tokens = [token, house.organization.admin.clone(), house.organization.source.clone()];
    let secrets: Vec<&str> = tokens.iter().filter_map(|token| token.rsplit('_').next()).collect();
    let search = |dir: &Path| {
        let files = every_file(dir);
        assert!(files.len() > 5, "{files:?}");
        for (path, bytes) in &files {
            for canary in CANARIES.iter().chain(&secrets) {
                assert!(canary.len() > 20, "{canary} is long enough to mean something");
                let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
                assert!(!found, "{canary} stands in {path}");
            }
        }
    };
    let dir = house.server.dir.clone();
    search(&dir);
    assert!(house.server.stop().success());
    search(&dir);
    assert!(!house.server.told().join("\n").contains("CANARY"), "nor in what the server says");
}

/// Every file below a folder that holds data, with its bytes. The reserve is noise by design.
fn every_file(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().map_while(Result::ok) {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(every_file(&path));
        } else if kind.is_file() && entry.file_name() != "reserve" {
            found.push((path.display().to_string(), fs::read(&path).expect("a file")));
        }
    }
    found
}

/// Of every format that is recognised: the samples of its source hold canaries wherever a secret may stand.
#[test]
fn secrets_of_every_format_are_in_no_file_of_the_data_directory() {
    let mut house = House::open();
    let organization = &house.organization;
    // In base64 too: what a Kubernetes Secret holds.
    let canaries = ["canary", "Y2FuYXJ5"];
    let mut hidden = 0;
    for format in events::Format::all().filter(|format| !format.rules_only()) {
        let grant = json!({"kind": "ingest", "format": format.as_str(), "accounts": ["*"]});
        let token = organization.issue(&house.server, &grant);
        let samples = tests::repository().join("core/events/samples").join(format.as_str());
        for (path, sample) in every_file(&samples) {
            hidden +=
                usize::from(canaries.iter().any(|canary| String::from_utf8_lossy(&sample).contains(canary)));
            let request =
                Request::new("POST", "/api/v1/events").token(&token).body("application/json", sample);
            let receipt = house.server.send(&request).ok().json();
            assert!(receipt["accepted"].as_u64().is_some_and(|accepted| accepted > 0), "{path}: {receipt}");
            assert_eq!(receipt["rejected"], json!([]), "{path}");
        }
    }
    assert!(hidden >= 7, "{hidden} samples have canaries");
    let kept = serde_json::to_string(&organization.log(&house.server)).expect("JSON");
    let shown = organization.get(&house.server, "/api/v1/findings").ok().text();
    let dir = house.server.dir.clone();
    assert!(house.server.stop().success());
    for canary in canaries {
        assert!(kept.contains("redacted:") && !kept.contains(canary) && !shown.contains(canary), "{canary}");
        for (path, bytes) in every_file(&dir) {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} stands in {path}");
        }
    }
}
