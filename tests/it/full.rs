//! A full disk: what is lost is said, what must go on goes on, and nothing changes without its entry.

use crate::spine::{CSV, House};
use serde_json::json;
use std::fs;
use std::path::Path;
use tests::cloudtrail::{harmless, key};
use tests::dataset;
use tests::http::Request;
use tests::server::{PATIENCE, Server, Start};
use tests::wait::until;

#[test]
fn quarantine_and_refusal_go_on_from_the_reserve_until_it_is_spent() {
    let mut house = House::open();
    house.send(&[harmless("full-1", 1, 1), harmless("full-2", 2, 2)]);
    let id = |house: &House, who| house.identity(&key(who))["id"].as_str().expect("an id").to_owned();
    let (first, second) = (id(&house, 1), id(&house, 2));
    let bound = house.organization.bind(&house.server, &first);
    let protected = house.protect(&bound, CSV);
    house.ledger_verifies();
    assert!(house.server.stop().success());

    let data = house.server.dir.clone();
    let place = data.parent().expect("a parent").to_owned();
    let side = place.join("side");
    fs::create_dir(&side).expect("a directory");
    let shim = crate::disk::compile(&place);
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (shim, watched, beside) = (text(&shim), text(&data), text(&side));
    // Full from the moment that `full` stands beside it.
    let environment = [
        ("LD_PRELOAD", shim.as_str()),
        ("DISK_DIR", watched.as_str()),
        ("DISK_SIDE", beside.as_str()),
        ("DISK_MODE", "full"),
        ("DISK_AT", "0"),
        ("DISK_SHARE", "2"),
    ];
    house.server = Server::spawn(&data, &Start { environment: &environment, arguments: &[] });
    house.server.ready();
    house.send(&[harmless("full-3", 2, 3)]);
    fs::write(side.join("full"), "").expect("written");

    let answer = house.organization.events(&house.server, &[harmless("full-4", 2, 4)]).expect("an answer");
    assert_eq!((answer.status, answer.json()["kind"].as_str()), (507, Some("full")), "{}", answer.text());
    let path = format!("/api/v1/identities/{first}/quarantine");
    let quarantine = Request::new("POST", &path).token(&house.organization.admin).json(&json!({}));
    let answer = house.server.send(&quarantine);
    assert_eq!(answer.status, 200, "a quarantine goes on: {}", answer.text());
    let refused = dataset::reveal(&house.server, &bound, &protected).expect("an answer");
    assert_eq!(refused.status, 403, "and so does the refusal: {}", refused.text());
    let told = Request::new("GET", "/readyz").send(&house.server.socket()).expect("an answer");
    assert!(told.text().to_lowercase().contains("full") || told.status == 503, "{}", told.text());

    // Standings change until nothing of the reserve is left; then none does without its entry.
    let mut good = true;
    let mut changes = 0;
    let refused = (0..5_000).find_map(|_| {
        let act = if good { "quarantine" } else { "release" };
        let path = format!("/api/v1/identities/{second}/{act}");
        let request = Request::new("POST", &path).token(&house.organization.admin).json(&json!({}));
        let answer = house.server.send(&request);
        if answer.status == 200 {
            (good, changes) = (!good, changes + 1);
            return None;
        }
        Some((answer.status, answer.text()))
    });
    let (status, text) = refused.expect("the reserve comes to an end");
    assert_eq!(status, 507, "{text}");
    assert!(changes > 5, "the reserve serves some changes: {changes}");
    // Nor is a refusal answered as one: what is asked for is not done, and what is said is why.
    let first = Request::new("GET", "/api/v1/findings").token(&bound);
    let unrecorded = house.server.send(&first);
    assert_eq!(
        (unrecorded.status, unrecorded.json()["kind"].as_str()),
        (507, Some("full")),
        "{}",
        unrecorded.text()
    );
    assert!(unrecorded.text().contains("cannot be put on record"), "{}", unrecorded.text());
    let ready = Request::new("GET", "/readyz").send(&house.server.socket()).expect("an answer");
    assert_eq!(ready.status, 503, "{}", ready.text());
    let told = Request::new("GET", "/readyz").send(&house.server.socket()).expect("an answer").text();
    assert!(told.to_lowercase().contains("reserve"), "it says what is the matter: {told}");
    let doctor = house.organization.get(&house.server, "/api/v1/diagnosis").ok().json();
    assert_eq!(doctor["healthy"], false, "{doctor}");
    assert_eq!(house.identity(&key(2))["standing"], if good { "good" } else { "quarantined" });

    fs::write(side.join("release"), "").expect("written");
    until("there is room again", PATIENCE, || {
        let answer =
            house.organization.events(&house.server, &[harmless("full-5", 2, 5)]).expect("an answer");
        (answer.status == 200).then_some(())
    });
    house.ledger_verifies();
    let log = house.organization.log(&house.server);
    let ids: Vec<&str> = log.iter().filter_map(|row| row["event"]["eventID"].as_str()).collect();
    assert_eq!(ids, ["full-1", "full-2", "full-3", "full-5"]);
}
