//! Every source, by its samples: recognised from the event itself, who acted, what was done, what is hidden.

use events::{Activity, FieldSet, Format, Logsource, Outcome, Record, Redactor, Value, frame};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect()
}

/// Every sample but CloudTrail's, which have a test of their own: `format/name` and its bytes.
fn samples() -> Vec<(Format, String, Vec<u8>)> {
    let mut found = Vec::new();
    for format in Format::all().filter(|format| *format != Format::AWS_CLOUDTRAIL) {
        let folder = root().join(format.as_str());
        for name in names(&folder) {
            let bytes = std::fs::read(folder.join(&name)).expect("readable");
            found.push((format, format!("{format}/{}", name.trim_end_matches(".json")), bytes));
        }
    }
    found
}

fn read(format: Format, bytes: &[u8]) -> Record {
    let read = if format.rules_only() {
        Record::read_as(bytes, format, &Redactor::unkeyed())
    } else {
        Record::read(bytes, &Redactor::unkeyed())
    };
    read.expect("the sample is valid")
}

#[test]
fn every_format_has_samples_and_every_folder_is_a_formats() {
    let formats: BTreeSet<String> = Format::all().map(|format| format.to_string()).collect();
    assert_eq!(names(&root()), formats);
    for format in Format::all() {
        assert_eq!(Format::named(format.as_str()), Some(format));
        assert_eq!(format.as_str().parse().ok(), (!format.rules_only()).then_some(format));
        assert!(!names(&root().join(format.as_str())).is_empty(), "{format}");
    }
}

#[test]
fn every_sample_is_recognised_by_itself_and_in_every_order_of_its_names() {
    for (format, name, bytes) in samples() {
        let record = read(format, &bytes);
        assert_eq!(record.format(), format, "{name}");
        // What the log keeps is read again as the same.
        let again = Record::read_as(record.text().as_bytes(), format, &Redactor::off())
            .expect("a record is an event");
        assert_eq!(again.text(), record.text(), "{name}");
        if !format.rules_only() {
            let again =
                Record::read(record.text().as_bytes(), &Redactor::off()).expect("it is recognised again");
            assert_eq!(again.format(), format, "{name}");
        }
    }
}

fn line(name: &str, activity: &Activity<'_>) -> String {
    let actor = &activity.actor;
    let facts = actor.facts;
    let marks: String = [
        ('c', actor.creates),
        ('p', actor.person_evidence),
        ('a', facts.authenticated),
        ('i', facts.interactive),
        ('f', facts.failed),
        ('x', facts.cross_account),
        ('o', facts.provider_owned),
    ]
    .into_iter()
    .filter_map(|(mark, set)| set.then_some(mark))
    .collect();
    let identity = actor.identity.as_ref().map_or_else(
        || "-".to_owned(),
        |key| format!("{}:{}:{}@{}", key.provider, key.kind, key.native, key.account.unwrap_or("-")),
    );
    let owner = actor.owner.as_ref().map_or_else(String::new, |key| format!(" of {}", key.native));
    let behind = if actor.delegation.is_empty() {
        String::new()
    } else {
        format!(" for {}", actor.delegation.join(" < "))
    };
    let outcome = match activity.outcome {
        Outcome::Success => "ok",
        Outcome::Failure { code } => code,
    };
    let Logsource { product, service, category, also } = activity.logsource;
    let sources: Vec<_> = std::iter::once(service).chain(also.iter().copied()).collect();
    format!(
        "{name}: {:?} {identity}{owner}{behind} \"{}\" [{marks}] {} | {} | {} | {outcome} | {} | {} | {} | {product}/{}{} | {} | {:?}\n",
        actor.kind,
        actor.name,
        activity.service,
        activity.action,
        activity.class,
        activity.target.unwrap_or("-"),
        activity.source_ip.unwrap_or("-"),
        activity.event_id.unwrap_or("-"),
        sources.join("+"),
        if category.is_empty() { String::new() } else { format!("/{category}") },
        activity.account.unwrap_or("-"),
        activity.read_only,
    )
}

/// Read line by line when it was written; a change is a change of what we say of an event.
#[test]
fn what_every_sample_says_is_pinned() {
    let mut found = String::new();
    for (format, name, bytes) in samples() {
        let record = read(format, &bytes);
        let activity = record.activity(&FieldSet::default()).expect("the sample is valid");
        if !format.rules_only() {
            assert!(
                activity.time.to_string().starts_with("2026-03-04T05:06:07"),
                "{name}: {}",
                activity.time
            );
        }
        found.push_str(&line(&name, &activity));
    }
    assert_eq!(found, include_str!("sources.txt"), "\n{found}");
}

/// The samples hold canaries wherever a secret may stand.
#[test]
fn no_canary_survives_in_any_format() {
    let mut seen = 0;
    for (format, name, bytes) in samples() {
        let before = String::from_utf8(bytes.clone()).expect("text");
        // In base64 too: what a Kubernetes Secret holds.
        let canaries = |text: &str| text.contains("canary") || text.contains("Y2FuYXJ5");
        seen += usize::from(canaries(&before));
        let record = read(format, &bytes);
        assert!(!canaries(record.text()), "{name}: {}", record.text());
    }
    assert!(seen >= 8, "{seen} samples have canaries");
}

/// Wrapped in every way in which a provider delivers it, an event is the same event.
#[test]
fn an_event_is_the_same_in_every_wrapper() {
    use base64::Engine as _;
    let plain = |folder: &str, name: &str| {
        let text = std::fs::read_to_string(root().join(folder).join(name)).expect("readable");
        text.trim().trim_matches(['[', ']']).trim().to_owned()
    };
    let aws = plain("aws.cloudtrail", "iam-user-access-key.json");
    let kubernetes = plain("kubernetes.audit", "exec.json");
    let azure = plain("azure.signin", "service-principal.json");
    let gcp = plain("gcp.audit", "delegated.json");
    let graph = plain("azure.audit", "by-graph.json");
    let workspace = plain("google.workspace", "admin.json");
    let text = |event: &str| sonic_rs::to_string(event).expect("text");
    let data = |event: &str| base64::engine::general_purpose::STANDARD.encode(event);
    let wrapped: Vec<(&str, String, usize)> = vec![
        (&aws, format!(r#"{{"Records":[{aws},{aws}]}}"#), 2),
        (
            &aws,
            format!(
                r#"{{"version":"0","id":"e","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","detail":{aws}}}"#
            ),
            1,
        ),
        (
            &kubernetes,
            format!(
                r#"{{"messageType":"DATA_MESSAGE","owner":"1","logEvents":[{{"id":"1","timestamp":1,"message":{0}}},{{"id":"2","timestamp":2,"message":{0}}}],"logGroup":"eks"}}"#,
                text(&kubernetes)
            ),
            2,
        ),
        (
            &kubernetes,
            format!(
                r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{kubernetes}]}}"#
            ),
            1,
        ),
        (
            &kubernetes,
            format!(r#"{{"items":[{kubernetes}],"apiVersion":"audit.k8s.io/v1","kind":"EventList"}}"#),
            1,
        ),
        (&azure, format!(r#"{{"records":[{azure},{azure},{azure}]}}"#), 3),
        (
            &gcp,
            format!(
                r#"{{"message":{{"data":"{}","messageId":"9","publishTime":"2026-03-04T05:06:07Z"}},"subscription":"s"}}"#,
                data(&gcp)
            ),
            1,
        ),
        (&gcp, format!(r#"{{"data":"{}","messageId":"9"}}"#, data(&gcp)), 1),
        (
            &gcp,
            format!(
                r#"{{"specversion":"1.0","id":"1","source":"//cloudaudit.googleapis.com/projects/shop","type":"google.cloud.audit.log.v1.written","data":{gcp}}}"#
            ),
            1,
        ),
        (
            &graph,
            format!(
                r#"{{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#auditLogs","value":[{graph}]}}"#
            ),
            1,
        ),
        (
            &workspace,
            format!(r#"{{"kind":"admin#reports#activities","etag":"x","items":[{workspace},{workspace}]}}"#),
            2,
        ),
    ];
    for (event, body, count) in wrapped {
        let found = frame(body.as_bytes()).expect("it is framed");
        assert_eq!(found.len(), count, "{body}");
        let expected = Record::read(event.as_bytes(), &Redactor::unkeyed()).expect("valid");
        for range in found {
            let record = Record::read(&body.as_bytes()[range], &Redactor::unkeyed()).expect("valid");
            assert_eq!(record.format(), expected.format());
            let parse = |text: &str| sonic_rs::from_str::<sonic_rs::Value>(text).expect("JSON");
            assert_eq!(parse(record.text()), parse(expected.text()), "{body}");
        }
    }
}

#[test]
fn what_stands_in_no_known_wrapper_stays_whole() {
    for body in [
        r#"{"items":[{"a":1}],"kind":"Pod"}"#,
        r#"{"value":[{"a":1}]}"#,
        r#"{"items":[{"a":1}]}"#,
        r#"{"kind":"EventList","items":{"a":1}}"#,
    ] {
        assert_eq!(frame(body.as_bytes()).expect("framed"), vec![0..body.len()], "{body}");
    }
}

/// A message inside a message inside a message … is opened three times and no more; a broken one is a clean
/// rejection.
#[test]
fn hostile_wrappers_are_answered() {
    let mut body =
        r#"{"eventVersion":"1.08","eventTime":"2026-01-02T03:04:05Z","eventSource":"a","eventName":"b"}"#
            .to_owned();
    for level in 1..=5 {
        body =
            format!(r#"{{"id":"1","timestamp":1,"message":{}}}"#, sonic_rs::to_string(&body).expect("text"));
        let read = Record::read(body.as_bytes(), &Redactor::unkeyed());
        assert_eq!(read.is_ok(), level <= 3, "{level}");
    }
    for broken in [
        r#"{"id":"1","timestamp":1,"message":"{\"a\":"}"#,
        r#"{"message":{"data":"!!!","messageId":"1"}}"#,
        r#"{"message":{"data":"/w==","messageId":"1"}}"#,
        r#"{"detail-type":"x","detail":{"a":{"a":1,"a":2}}}"#,
    ] {
        assert!(Record::read(broken.as_bytes(), &Redactor::unkeyed()).is_err(), "{broken}");
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    let around =
        format!(r#"{{"id":"1","timestamp":1,"message":{}}}"#, sonic_rs::to_string(&deep).expect("text"));
    assert!(matches!(
        Record::read(around.as_bytes(), &Redactor::unkeyed()),
        Err(events::Reason::TooDeep { .. })
    ));
}

/// Names that rules use reach the fields they mean, and never replace one that the event has.
#[test]
fn aliases_fill_what_is_missing() {
    let set = FieldSet::new(["hostPath", "capabilities", "objectRef.resource", "apiGroup"]).with_aliases();
    let bytes = std::fs::read(root().join("kubernetes.audit/pod-with-host-path.json")).expect("readable");
    let record = Record::read(&bytes, &Redactor::unkeyed()).expect("valid");
    let sight = record.sight(&set);
    assert_eq!(sight.fields.get(0), [Value::Str("/")]);
    assert_eq!(sight.fields.get(1), [Value::Str("SYS_ADMIN")]);
    assert_eq!(sight.fields.get(2), [Value::Str("pods")]);
    assert_eq!(sight.fields.get(3), []);
    let own = String::from_utf8(bytes).expect("text").replacen('{', r#"{"hostPath":"own","#, 1);
    let record = Record::read(own.as_bytes(), &Redactor::unkeyed()).expect("valid");
    assert_eq!(record.sight(&set).fields.get(0), [Value::Str("own")]);
    // Another source's names mean nothing here.
    let set = FieldSet::new(["gcp.audit.method_name"]).with_aliases();
    assert_eq!(record.sight(&set).fields.get(0), []);
}

/// Wrong types anywhere in any sample: a clean answer.
#[test]
fn wrong_types_in_every_place_are_no_panic() {
    let fields = FieldSet::new(["a", "actor.id"]).with_aliases();
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    for (format, _, bytes) in samples() {
        let text = String::from_utf8(bytes).expect("text");
        let mut places: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).collect();
        places.truncate(400);
        for at in places {
            for value in ["null", "1", "\"x\"", "[]", "{}", "[[{}]]", "-1e300"] {
                let changed = format!("{}{value},\"rest{at}\":{}", &text[..at], &text[at..]);
                let read = Record::read_as(changed.as_bytes(), format, &Redactor::unkeyed());
                let answer = read.and_then(|record| record.activity(&fields).map(|_| ()));
                *answers
                    .entry(answer.as_ref().map_or_else(|reason| reason.code(), |()| "ok"))
                    .or_default() += 1;
            }
        }
    }
    assert!(answers["ok"] > 1_000, "{answers:?}");
}

/// The table of names in the documentation is the one in the code.
#[test]
fn the_documented_names_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let documented: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let mut missing = String::new();
    for format in Format::all() {
        for (name, paths) in format.aliases() {
            let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
            let line = format!("| `{format}` | `{name}` | {} |", paths.join(", "));
            if !documented.contains(line.as_str()) {
                missing.push_str(&format!("{line}\n"));
            }
        }
        let listed = documented.iter().any(|line| line.starts_with(&format!("| `{format}` |")));
        assert!(listed, "{format} is not in the documentation");
    }
    assert!(missing.is_empty(), "\n{missing}");
    let names =
        documented.iter().filter(|line| line.matches(" | ").count() == 2 && line.contains("| `")).count();
    assert!(names > 0);
}

/// A field that no event of a format can have is known by its first name, and in objects that are known whole.
#[test]
fn what_no_event_can_have_is_known() {
    let can = |format: &str, field: &str| Format::named(format).expect("a format").can_have(field);
    for (format, field) in [
        ("aws.cloudtrail", "userIdentity.sessionContext.sessionIssuer.arn"),
        ("aws.cloudtrail", "userIdentity.sessionContext.attributes.mfaAuthenticated"),
        ("aws.cloudtrail", "requestParameters.whatever.it.is"),
        ("kubernetes.audit", "user.extra.anything"),
        ("kubernetes.audit", "objectRef.subresource"),
        ("kubernetes.audit", "hostPath"),
        ("gcp.audit", "protoPayload.request.policy.bindings"),
        ("gcp.audit", "gcp.audit.method_name"),
        ("okta.system", "outcome.result"),
        ("m365.audit", "Anything"),
    ] {
        assert!(can(format, field), "{format} {field}");
    }
    for (format, field) in [
        ("aws.cloudtrail", "status"),
        ("aws.cloudtrail", "userIdentity.userArn"),
        ("aws.cloudtrail", "userIdentity.sessionContext.sessionIssuer.name"),
        ("kubernetes.audit", "objectRef.resources"),
        ("kubernetes.audit", "user.name"),
        ("gcp.audit", "protoPayload.method"),
        ("gcp.audit", "protoPayload.authenticationInfo.principal"),
        ("okta.system", "outcome.status"),
    ] {
        assert!(!can(format, field), "{format} {field}");
    }
    // Whatever a sample has can be there.
    fn names(value: &sonic_rs::Value, path: &str, found: &mut BTreeSet<String>) {
        use sonic_rs::JsonContainerTrait as _;
        for inner in value.as_array().into_iter().flatten() {
            names(inner, path, found);
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            names(inner, &path, found);
            found.insert(path);
        }
    }
    let mut missing = Vec::new();
    for (format, name, bytes) in samples() {
        let mut found = BTreeSet::new();
        let record = read(format, &bytes);
        names(&sonic_rs::from_str(record.text()).expect("JSON"), "", &mut found);
        missing.extend(
            found.into_iter().filter(|field| !format.can_have(field)).map(|field| format!("{name}: {field}")),
        );
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
