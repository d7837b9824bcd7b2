//! `hunt` and `rules`: files judged on the spot, with neither server nor data directory.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use tests::server::{PATIENCE, Said, nexora, run};
use tests::wait::until;

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

/// What stands outside of a rule's text, or only in a draft, is understood where it is said.
#[test]
fn placeholders_and_drafts_are_understood_on_demand() {
    let dir = tempfile::tempdir().expect("a directory");
    let named = rule(1, &logsource(CLOUDTRAIL), "eventName|expand: '%stops%'", "attack.impact");
    let made = rule(2, &logsource(CLOUDTRAIL), "eventName: CreateTrail", "attack.impact");
    let correlation = "title: Stopped, not made\nid: both\nlevel: high\ntags: [attack.impact]\ncorrelation:\n  type: temporal\n  \
                       rules: [stops, made]\n  group-by: [userIdentity.arn]\n  timespan: 5m\n  condition: stops and not made\n";
    write(&dir.path().join("rules/one.yml"), &named);
    write(&dir.path().join("e.json"), &event(1, "cloudtrail.amazonaws.com", "StopLogging", 8));
    let matches = |more: &[&str]| {
        let said =
            nexora_in(dir.path(), &[&["rules", "match", "--rules", "rules", "e.json"], more].concat()).ok();
        lines(&said)[0]["rules"].as_array().expect("a list").len()
    };
    assert_eq!(matches(&[]), 0);
    assert_eq!(matches(&["--placeholder", "stops=DeleteTrail", "--placeholder", "stops=StopLogging"]), 1);
    assert_eq!(
        nexora_in(dir.path(), &["rules", "match", "--rules", "rules", "--placeholder", "stops", "e.json"])
            .code,
        Some(2)
    );
    let stops = rule(1, &logsource(CLOUDTRAIL), "eventName: StopLogging", "attack.impact");
    let named = |text: &str, name: &str| text.replacen("id:", &format!("name: {name}\nid:"), 1);
    let text = format!("{}---\n{}---\n{correlation}", named(&stops, "stops"), named(&made, "made"));
    write(&dir.path().join("rules/one.yml"), &text);
    let hunt = |more: &[&str]| {
        let said =
            nexora_in(dir.path(), &[&["hunt", "-o", "json", "--rules", "rules", "e.json"], more].concat())
                .ok();
        lines(&said).iter().any(|line| line["rule_id"] == "both")
    };
    assert!(!hunt(&[]) && hunt(&["--drafts"]));
    let lint = |more: &[&str]| nexora_in(dir.path(), &[&["rules", "lint", "rules"], more].concat()).out;
    assert!(
        lint(&[]).contains("1 not loaded") && lint(&["--drafts"]).contains("0 not loaded"),
        "{}",
        lint(&[])
    );
}

/// Events of some kilobytes each, in no order of time; one in a hundred stops a trail.
fn bulk(from: u32, count: u32) -> String {
    let padding = "x".repeat(4_000);
    let lines = (from..from + count).map(|number| {
        let action = if number % 100 == 7 { "StopLogging" } else { "DescribeTrails" };
        let text = event(number, "cloudtrail.amazonaws.com", action, number * 7 % 24);
        text.replace("\"trail\"", &format!("\"{padding}\"")) + "\n"
    });
    lines.collect()
}

#[test]
fn what_memory_does_not_hold_is_sorted_on_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let scratch = dir.path().join("scratch");
    fs::create_dir(&scratch).expect("it is new");
    for (name, from) in [("a.ndjson", 0), ("b.ndjson", 700), ("c.ndjson", 1_400)] {
        write(&dir.path().join(name), &bulk(from, 700));
    }
    let hunt = |scratch: &Path, arguments: &[&str]| {
        let all = [&["hunt", "-o", "json"], arguments].concat();
        run(nexora(&all).current_dir(dir.path()).env("TMPDIR", scratch))
    };
    let whole = hunt(&scratch, &["a.ndjson", "b.ndjson", "c.ndjson"]).ok();
    assert!(!whole.err.contains("sorted on disk"), "{}", whole.err);
    assert!(whole.err.contains("2100 events, 0 rejected"), "{}", whole.err);
    assert!(lines(&whole).iter().any(|line| line["event_ids"].as_array().is_some_and(|ids| ids.len() > 1)));
    for order in [["a.ndjson", "b.ndjson", "c.ndjson"], ["c.ndjson", "a.ndjson", "b.ndjson"]] {
        let said = hunt(&scratch, &[&["--memory", "1"], &order[..]].concat()).ok();
        assert_eq!(said.out, whole.out, "{order:?}");
        assert!(said.err.contains("sorted on disk: "), "{}", said.err);
    }
    assert_eq!(fs::read_dir(&scratch).expect("it is there").count(), 0, "nothing is left");
    let nowhere = dir.path().join("nowhere");
    let said = hunt(&nowhere, &["--memory", "1", "a.ndjson"]);
    assert!(said.code != Some(0) && said.err.contains("nowhere"), "{said:?}");
    assert_eq!(hunt(&nowhere, &["a.ndjson"]).code, Some(0), "where memory holds all, nothing is asked for");
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The files that a process has open and that have no name.
fn nameless(pid: u32) -> Vec<Vec<u8>> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").map_while(Result::ok);
    let paths = open.map(|entry| entry.path());
    let deleted =
        paths.filter(|path| fs::read_link(path).is_ok_and(|to| to.to_string_lossy().ends_with("(deleted)")));
    deleted.filter_map(|path| fs::read(path).ok()).filter(|bytes| !bytes.is_empty()).collect()
}

/// However much comes: memory stays as it was, what is kept on disk is redacted, and it goes with the process.
#[test]
fn a_hunt_without_end_takes_no_more_memory_and_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = nexora(&["hunt", "-o", "json", "--memory", "1", "-"]);
    command.env("TMPDIR", dir.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary runs");
    let mut input = child.stdin.take().expect("piped");
    let bulk = bulk(0, 1_000);
    for _ in 0..3 {
        input.write_all(bulk.as_bytes()).expect("it reads");
    }
    until("something is spilled", PATIENCE, || (!nameless(child.id()).is_empty()).then_some(()));
    let before = peak(child.id());
    for _ in 0..6 {
        input.write_all(bulk.as_bytes()).expect("it reads");
    }
    let grown = peak(child.id()) - before;
    assert!(grown < 8 << 10, "{grown} KiB more for 24 MiB");
    let spilled = nameless(child.id());
    assert_eq!(spilled.len(), 1, "there is one file");
    let (mut rest, mut plain) = (&spilled[0][..], Vec::new());
    while let Some((lengths, blocks)) = rest.split_at_checked(8) {
        let [length, packed] =
            [0, 4].map(|at| u32::from_le_bytes(lengths[at..at + 4].try_into().expect("four bytes")) as usize);
        // The last block may be being written.
        let Some((packed, blocks)) = blocks.split_at_checked(packed) else { break };
        let Ok(block) = zstd::bulk::decompress(packed, length) else { break };
        plain.extend(block);
        rest = blocks;
    }
    let text = String::from_utf8_lossy(&plain);
    assert!(text.matches("\"password\":\"redacted:\"").count() > 1_000, "{} bytes", plain.len());
    assert!(!text.contains("canary"), "secrets are hidden before anything is kept");
    assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 0, "it has no name");
    child.kill().expect("it can be killed");
    child.wait().expect("it can be waited for");
    assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 0, "nothing is left");
}

#[test]
fn what_comes_by_standard_input_and_what_breaks_off_is_judged() {
    let dir = tempfile::tempdir().expect("a directory");
    let all = bulk(0, 300);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(all.as_bytes()).expect("memory");
    let packed = encoder.finish().expect("memory");
    let path = dir.path().join("a.ndjson.gz");
    fs::write(&path, &packed).expect("a file");
    let from_file = nexora_in(dir.path(), &["hunt", "-o", "json", "a.ndjson.gz"]).ok();
    let mut command = nexora(&["hunt", "-o", "json", "-"]);
    let from_input = run(command.stdin(fs::File::open(&path).expect("it is there"))).ok();
    assert_eq!(from_input.out, from_file.out.replace("a.ndjson.gz", "standard input"));
    assert!(!from_file.out.is_empty());

    // A copy that was cut, and one that is whole.
    fs::write(dir.path().join("cut.ndjson.gz"), &packed[..packed.len() * 2 / 3]).expect("a file");
    write(&dir.path().join("stop.json"), &event(1, "cloudtrail.amazonaws.com", "StopLogging", 8));
    let said = nexora_in(dir.path(), &["hunt", "-o", "json", "cut.ndjson.gz", "stop.json"]);
    assert_eq!(said.code, Some(7), "{}", said.err);
    assert!(said.err.contains("cut.ndjson.gz: the gzip stream ends in the middle"), "{}", said.err);
    assert!(said.err.contains("1 files could not be read to their end"), "{}", said.err);
    let files: BTreeSet<_> = lines(&said).iter().map(|line| line["file"].to_string()).collect();
    assert_eq!(files, BTreeSet::from(["\"cut.ndjson.gz\"".to_owned(), "\"stop.json\"".to_owned()]));
}

/// Malformed, oversized, deeply nested, of a wrong clock: each is counted with its reason, and stops nothing.
#[test]
fn bad_events_are_counted_and_stop_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let stop = |number: u32| event(number, "cloudtrail.amazonaws.com", "StopLogging", 8);
    let large = |size: usize| stop(2).replace("\"trail\"", &format!("\"{}\"", "x".repeat(size)));
    let events = [
        stop(1),
        "{\"broken\":".to_owned(),
        large(2 << 20),
        large(9 << 20),
        format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000)),
        "{\"eventName\":\"\u{1}\"}".to_owned(),
        "{\"hello\":\"world\"}".to_owned(),
        stop(3).replace("\"eventTime\"", "\"eventtime\""),
        stop(4).replacen('{', "{\"readOnly\":true,", 1),
        stop(5).replace("2026-03-04", "2009-03-04"),
        stop(6).replace("2026-03-04", "2099-03-04"),
        stop(7).replace("2026-03-04T08", "yesterday"),
        stop(8),
    ];
    write(&dir.path().join("bad.ndjson"), &events.join("\n"));
    let said = nexora_in(dir.path(), &["hunt", "-o", "json", "bad.ndjson"]).ok();
    for told in [
        "4 events, 9 rejected",
        "rejected: 2 too_large",
        "rejected: 1 too_deep",
        "rejected: 2 not_json",
        "rejected: 1 unknown_format",
        "rejected: 1 duplicate_name",
        "rejected: 1 missing_field",
        "rejected: 1 malformed_field",
        "by rules alone: 1 without a time, or from before 2010",
        "by rules alone: 1 whose time lies ahead",
    ] {
        assert!(said.err.contains(told), "{told}:\n{}", said.err);
    }
    let found = lines(&said);
    let ids: BTreeSet<_> = found
        .iter()
        .flat_map(|line| line["event_ids"].as_array().expect("a list").clone())
        .map(|id| id.to_string())
        .collect();
    for id in ["\"event-1\"", "\"event-5\"", "\"event-6\"", "\"event-8\""] {
        assert!(ids.contains(id), "{id}: {ids:?}");
    }
    let index =
        |id: &str| found.iter().find(|line| line["event_id"] == id).map(|line| line["event_index"].clone());
    assert_eq!(index("event-6"), Some(json!(10)), "rejected events are counted in the place of one");
}
