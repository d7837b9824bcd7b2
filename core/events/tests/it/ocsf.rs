//! What is emitted is OCSF, by the schemas that its makers publish, in a validator that nobody here wrote.

use events::{Class, FieldSet, Format, Record, Redactor, frame};
use sonic_rs::{JsonContainerTrait as _, JsonValueMutTrait as _, JsonValueTrait as _, Value};
use std::{
    collections::BTreeSet,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// What is wrong with each event; empty where nothing is.
fn wrong(events: &[Value]) -> Vec<String> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "{} is missing: run `make test`, which prepares it", python.display());
    let mut child = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/oracle/ocsf.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let question = sonic_rs::to_string(events).expect("JSON");
    child.stdin.take().expect("a pipe").write_all(question.as_bytes()).expect("the script reads");
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    sonic_rs::from_slice(&output.stdout).expect("the script answers in JSON")
}

/// Every sample of every format, as OCSF.
fn emitted() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut found = Vec::new();
    for format in Format::all() {
        for entry in std::fs::read_dir(root.join(format.as_str())).expect("the folder is there") {
            let path = entry.expect("readable").path();
            let bytes = std::fs::read(&path).expect("readable");
            for range in frame(&bytes).expect("framed") {
                let record = Record::read_as(&bytes[range], format, &Redactor::unkeyed()).expect("valid");
                let activity = record.activity(&FieldSet::default()).expect("valid");
                let text = activity.to_ocsf();
                found.push((path.display().to_string(), sonic_rs::from_str(&text).expect("JSON")));
            }
        }
    }
    found
}

#[test]
fn every_emitted_class_is_valid_by_the_published_schemas() {
    let emitted = emitted();
    let events: Vec<Value> = emitted.iter().map(|(_, event)| event.clone()).collect();
    let problems: Vec<_> =
        wrong(&events).into_iter().zip(&emitted).filter(|(wrong, _)| !wrong.is_empty()).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let classes: BTreeSet<u64> = events.iter().filter_map(|event| event.get("class_uid")?.as_u64()).collect();
    assert_eq!(classes, Class::ALL.iter().map(|class| u64::from(class.uid())).collect());
}

/// The validator is one: it finds what is wrong.
#[test]
fn what_is_not_ocsf_is_found() {
    let (_, good) = emitted().swap_remove(0);
    let mut without = good.clone();
    without.as_object_mut().expect("an object").remove(&"metadata");
    let mut without_time = good.clone();
    without_time.as_object_mut().expect("an object").remove(&"time");
    let mut more = good.clone();
    more.as_object_mut().expect("an object").insert("ai_agent", "x");
    let mut type_uid = good.clone();
    type_uid.as_object_mut().expect("an object").insert("type_uid", 1);
    let answers = wrong(&[good, without_time, more, type_uid]);
    assert_eq!(answers[0], "");
    assert!(answers[1..].iter().all(|wrong| !wrong.is_empty()), "{answers:?}");
}

/// What 1.8.0 has no place for stands under `unmapped`, by the names of 1.9.0.
#[test]
fn agents_and_delegations_have_their_coming_names() {
    let emitted = emitted();
    let of = |name: &str| {
        let found = emitted.iter().find(|(path, _)| path.ends_with(name)).expect("the sample is there");
        found.1.get("unmapped").expect("it has some").clone()
    };
    let agent = of("nexora.mcp/tool-call.json");
    let agent = agent.get("ai_operation").and_then(|operation| operation.get("ai_agent")).expect("an agent");
    assert_eq!(agent.get("uid").and_then(|uid| uid.as_str()), Some("agent/a-1"));
    assert_eq!(agent.get("instance_uid").and_then(|uid| uid.as_str()), Some("s-1"));
    let chain = of("gcp.audit/delegated.json");
    let chain = chain.get("delegation").and_then(|chain| chain.as_array()).expect("a chain");
    let uid =
        |at: usize, name: &str| chain.get(at).and_then(|link| link.get(name)?.as_str()).map(str::to_owned);
    let ci = "serviceAccount:ci@build.iam.gserviceaccount.com";
    assert_eq!(uid(0, "uid").as_deref(), Some(ci));
    assert_eq!(uid(0, "parent_uid").as_deref(), Some("maria@example.com"));
    assert_eq!((uid(1, "uid").as_deref(), uid(1, "parent_uid")), (Some("maria@example.com"), None));
}

#[test]
fn the_step_to_the_next_version_is_known() {
    assert_eq!(Class::AccountChange.next_uid(Some(events::IdentityKind::User)), 3007);
    assert_eq!(Class::AccountChange.next_uid(Some(events::IdentityKind::Role)), 3008);
    assert_eq!(Class::ApiActivity.next_uid(None), 6003);
}
