//! `hunt` and `rules`: files judged on the spot, with neither server nor data directory.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use tests::server::{Said, nexora, run};

fn nexora_in(dir: &Path, arguments: &[&str]) -> Said {
    run(nexora(arguments).current_dir(dir))
}

fn lines(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// A CloudTrail event of a role's session.
fn event(number: u32, service: &str, action: &str, hour: u32) -> String {
    json!({
        "eventVersion": "1.10", "eventTime": format!("2026-03-04T{hour:02}:{:02}:00Z", number % 60),
        "eventSource": service, "eventName": action, "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.7", "userAgent": "aws-sdk", "eventID": format!("event-{number}"),
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "readOnly": false,
        "requestParameters": {"name": "trail", "password": format!("canary-{number}")},
        "userIdentity": {
            "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/ci/build",
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/ci"}}
        }
    })
    .to_string()
}

/// A cluster's user who starts a pod that mounts the host.
fn host_path() -> String {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "a-1", "verb": "create",
        "user": {"username": "maria@example.com"}, "stage": "ResponseComplete",
        "objectRef": {"resource": "pods", "namespace": "shop"}, "responseStatus": {"code": 201},
        "requestReceivedTimestamp": "2026-03-04T09:00:00.000000Z",
        "requestObject": {"spec": {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}}
    })
    .to_string()
}

fn rule(id: u32, logsource: &str, selection: &str, tags: &str) -> String {
    format!(
        "title: Test {id}\nid: 00000000-0000-4000-8000-{id:012}\nlevel: high\ntags: [{tags}]\nlogsource:\n  {logsource}\n\
         detection:\n  selection:\n    {selection}\n  condition: selection\n"
    )
}

const CLOUDTRAIL: &str = "{product: aws, service: cloudtrail}";
const KUBERNETES: &str = "{category: application, product: kubernetes, service: audit}";

fn logsource(flow: &str) -> String {
    flow.trim_matches(['{', '}']).split(", ").collect::<Vec<_>>().join("\n  ")
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

#[test]
fn a_hunt_is_the_same_in_any_order_of_files_and_in_any_encoding() {
    let dir = tempfile::tempdir().expect("a directory");
    let one: Vec<_> =
        (0..6).map(|number| event(number, "ec2.amazonaws.com", "DescribeInstances", 8)).collect();
    let two = [
        event(20, "cloudtrail.amazonaws.com", "StopLogging", 9),
        event(21, "cloudtrail.amazonaws.com", "StopLogging", 9),
    ];
    let three =
        [event(30, "cloudtrail.amazonaws.com", "DeleteTrail", 7), "{\"broken\":".to_owned(), host_path()];
    write(&dir.path().join("one.ndjson"), &one.join("\n"));
    let zipped = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    };
    fs::write(dir.path().join("two.json.gz"), zipped(&format!("{{\"Records\":[{}]}}", two.join(","))))
        .expect("a file");
    let packed = zstd::encode_all(three.join("\n").as_bytes(), 3).expect("memory");
    fs::write(dir.path().join("three.log.zst"), packed).expect("a file");
    write(&dir.path().join("README.txt"), "no log");

    let forward =
        nexora_in(dir.path(), &["hunt", "-o", "json", "one.ndjson", "two.json.gz", "three.log.zst"]).ok();
    let backward =
        nexora_in(dir.path(), &["hunt", "-o", "json", "three.log.zst", "two.json.gz", "one.ndjson"]).ok();
    assert_eq!(forward.out, backward.out);
    let by_folder = nexora_in(dir.path(), &["hunt", "-o", "json", "."]).ok();
    assert_eq!(by_folder.out.replace("./", ""), forward.out);
    assert!(by_folder.err.contains("passed over: ./README.txt"), "{}", by_folder.err);
    assert!(forward.err.contains("10 events, 1 rejected, 2 identities"), "{}", forward.err);
    assert!(forward.err.contains("rejected: 1 not_json"), "{}", forward.err);

    // Two stops within the hour are one finding, on the first of them.
    let found = lines(&forward);
    let stopped = found.iter().find(|line| line["event_id"] == "event-20").expect("it is found");
    assert_eq!(stopped["event_ids"], json!(["event-20", "event-21"]));
    assert_eq!(
        (&stopped["event_index"], &stopped["count"], &stopped["detector"]),
        (&json!(0), &json!(2), &json!("rule"))
    );
    assert_eq!(stopped["identity"], "arn:aws:iam::111122223333:role/ci");
    assert_eq!(stopped["file"], "two.json.gz");
    assert!(!stopped["reasons"].as_array().expect("reasons").is_empty());
    let times: Vec<_> = found.iter().map(|line| line["time"].as_str().expect("a time").to_owned()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(!forward.out.contains("canary"), "a secret is redacted before it is judged");

    // What was before, and what was after, can be left out.
    let since = nexora_in(dir.path(), &["hunt", "-o", "json", "--since", "2026-03-04T09:00:00Z", "."]).ok();
    let only: BTreeSet<_> =
        lines(&since).iter().map(|line| line["event_id"].as_str().map(str::to_owned)).collect();
    assert_eq!(only, BTreeSet::from([Some("event-20".to_owned())]));
    let until = nexora_in(dir.path(), &["hunt", "-o", "json", "--until", "2026-03-04T07:00:00Z", "."]).ok();
    assert_eq!(until.out, "");
}

#[test]
fn a_hunt_ends_with_the_code_that_says_what_came_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    write(&dir.path().join("stop.json"), &event(1, "cloudtrail.amazonaws.com", "StopLogging", 8));
    write(&dir.path().join("wrong.json"), "hello");
    let found = nexora_in(dir.path(), &["hunt", "-o", "json", "stop.json"]).ok();
    let severity = lines(&found)[0]["severity"].as_str().expect("a severity").to_owned();
    assert_eq!(nexora_in(dir.path(), &["hunt", "--fail-on", &severity, "stop.json"]).code, Some(8));
    assert_eq!(nexora_in(dir.path(), &["hunt", "--fail-on", "critical", "stop.json"]).code, Some(0));
    for unreadable in ["wrong.json", "missing.json"] {
        let said = nexora_in(dir.path(), &["hunt", unreadable]);
        assert_eq!(said.code, Some(7), "{}", said.err);
        assert!(said.err.contains(unreadable), "{}", said.err);
    }
    assert_eq!(nexora_in(dir.path(), &["hunt", "--format", "nothing", "stop.json"]).code, Some(7));
    assert_eq!(nexora_in(dir.path(), &["hunt"]).code, Some(2));
}

/// What an identity has done for days is known from the baseline, and what it does for the first time stands out.
#[test]
fn behaviour_is_learned_from_the_baseline() {
    let dir = tempfile::tempdir().expect("a directory");
    let days = (0..150).map(|number| {
        let text = event(number, "s3.amazonaws.com", "PutObject", number % 24);
        text.replace("2026-03-04", &format!("2026-02-{:02}", 1 + number / 24))
    });
    write(&dir.path().join("baseline/old.ndjson"), &days.collect::<Vec<_>>().join("\n"));
    let today = [event(1, "s3.amazonaws.com", "PutObject", 8), event(2, "lambda.amazonaws.com", "Invoke", 9)];
    write(&dir.path().join("today.ndjson"), &today.join("\n"));
    let hunt = |more: &[&str]| {
        let said = nexora_in(dir.path(), &[&["hunt", "-o", "json", "today.ndjson"], more].concat()).ok();
        lines(&said)
    };
    assert!(hunt(&[]).is_empty(), "without a baseline nothing is out of character");
    let found = hunt(&["--baseline", "baseline"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["detector"], &found[0]["event_id"]), (&json!("behaviour"), &json!("event-2")));
    assert!(hunt(&["--baseline", "baseline", "--no-behaviour"]).is_empty());
}

#[test]
fn rules_match_says_every_event_and_redacts_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = dir.path().join("rules");
    write(&rules.join("b.yml"), &rule(2, &logsource(CLOUDTRAIL), "eventName: StopLogging", "attack.impact"));
    write(
        &rules.join("a/a.yml"),
        &rule(1, &logsource(CLOUDTRAIL), "requestParameters.password: canary-1", "attack.impact"),
    );
    write(&rules.join("host.yml"), &rule(3, &logsource(KUBERNETES), "hostPath: '*'", "attack.impact"));
    write(&rules.join("no.yml"), "title: nothing");
    let events = [
        event(1, "cloudtrail.amazonaws.com", "StopLogging", 8),
        "{\"a\":".to_owned(),
        "{\"a\":1}".to_owned(),
        host_path(),
    ];
    write(&dir.path().join("e.ndjson"), &events.join("\n"));
    let said = nexora_in(dir.path(), &["rules", "match", "--rules", "rules", "e.ndjson", "e.ndjson"]).ok();
    let id = |number: u32| json!(format!("00000000-0000-4000-8000-{number:012}"));
    let line = |index: usize, rules: Value| json!({"event_index": index, "file": "e.ndjson", "rules": rules});
    let expected =
        [line(0, json!([id(1), id(2)])), line(1, json!([])), line(2, json!([])), line(3, json!([]))];
    assert_eq!(lines(&said), [&expected[..], &expected[..]].concat());
    assert!(said.err.contains("not loaded: rules/no.yml"), "{}", said.err);
    assert!(said.err.contains("2 events could not be read: unknown_format"), "{}", said.err);
    let said = nexora_in(dir.path(), &["rules", "match", "--aliases", "--rules", "rules", "e.ndjson"]).ok();
    assert_eq!(lines(&said)[3], line(3, json!([id(3)])), "the name that the rule uses is understood");
    // An event that does not say what it is, is what one says it is.
    write(
        &rules.join("b.yml"),
        &rule(2, "product: bitbucket\n  service: audit", "auditType.action: Deleted", "attack.impact"),
    );
    write(&dir.path().join("e.ndjson"), r#"{"auditType":{"action":"deleted"}}"#);
    let said = nexora_in(
        dir.path(),
        &["rules", "match", "--rules", "rules", "--format", "bitbucket.audit", "e.ndjson"],
    )
    .ok();
    assert_eq!(lines(&said)[0]["rules"], json!([id(2)]));
}

#[test]
fn rules_that_cannot_be_used_are_named_and_the_others_imported() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = dir.path().join("rules");
    write(
        &rules.join("good/one.yml"),
        &rule(1, &logsource(CLOUDTRAIL), "eventName: StopLogging", "attack.impact"),
    );
    write(&rules.join("retired.yml"), &rule(2, &logsource(CLOUDTRAIL), "eventName: X", "attack.t1562.008"));
    write(&rules.join("field.yml"), &rule(3, &logsource(CLOUDTRAIL), "status: x", "attack.impact"));
    write(
        &rules.join("source.yml"),
        &rule(4, "product: windows\n  service: security", "EventID: 1", "attack.impact"),
    );
    write(&rules.join("broken.yml"), "title: x");
    let said = nexora_in(dir.path(), &["rules", "lint", "-o", "json", "rules"]);
    assert_eq!(said.code, Some(8), "{}", said.err);
    let report: Value = serde_json::from_str(&said.out).expect("a report");
    assert_eq!(
        (&report["rules"], &report["not_loaded"], &report["cannot_fire"]),
        (&json!(4), &json!(1), &json!(2))
    );
    let problem = |name: &str| {
        let found = report["found"].as_array().expect("a list").iter();
        let mut found = found.filter(|rule| rule["path"].as_str().is_some_and(|path| path.ends_with(name)));
        found.next().map(|rule| rule["problems"].to_string()).unwrap_or_default()
    };
    assert!(problem("retired.yml").contains("is retired"), "{report}");
    assert!(problem("field.yml").contains("no event of its log source has: status"), "{report}");
    assert!(problem("source.yml").contains("no events of its log source"), "{report}");
    assert!(problem("broken.yml").contains("does not load"), "{report}");
    assert_eq!(problem("one.yml"), "");
    let said = nexora_in(dir.path(), &["rules", "import", "rules", "--into", "kept"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(dir.path().join("kept/good/one.yml").is_file());
    for name in ["retired.yml", "field.yml", "source.yml", "broken.yml"] {
        assert!(!dir.path().join("kept").join(name).exists(), "{name}");
    }
    let clean = nexora_in(dir.path(), &["rules", "lint", "kept"]);
    assert_eq!(clean.code, Some(0), "{}", clean.out);
}

/// Several matches within a time span are one finding, with the ids of all; what only serves it says nothing itself.
#[test]
fn a_correlation_is_hunted_across_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let denied = |number: u32| {
        let text = event(number, "s3.amazonaws.com", "ListBuckets", 8);
        text.replacen('{', "{\"errorCode\":\"AccessDenied\",", 1)
    };
    write(&dir.path().join("one.ndjson"), &[denied(1), denied(3)].join("\n"));
    write(&dir.path().join("two.ndjson"), &[denied(2), denied(59)].join("\n"));
    let denials = rule(1, &logsource(CLOUDTRAIL), "errorCode: AccessDenied", "attack.discovery");
    let correlation = "title: Many denials\nid: many\nlevel: high\ntags: [attack.discovery, attack.t1580]\ncorrelation:\n  \
                       type: event_count\n  rules: [00000000-0000-4000-8000-000000000001]\n  \
                       group-by: [userIdentity.arn]\n  timespan: 5m\n  condition: {gte: 3}\n";
    write(&dir.path().join("rules/many.yml"), &format!("{denials}---\n{correlation}"));
    let said =
        nexora_in(dir.path(), &["hunt", "-o", "json", "--rules", "rules", "two.ndjson", "one.ndjson"]).ok();
    let found = lines(&said);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["detector"], &found[0]["rule_id"]), (&json!("correlation"), &json!("many")));
    assert_eq!(found[0]["event_ids"], json!(["event-1", "event-2", "event-3"]));
    assert_eq!((&found[0]["file"], &found[0]["event_index"]), (&json!("one.ndjson"), &json!(1)));
    assert_eq!(found[0]["attack"], json!(["attack.discovery", "attack.t1580"]));
    assert!(
        found[0]["reasons"][0].as_str().expect("a reason").contains("3 events within 300 s"),
        "{found:?}"
    );
}
