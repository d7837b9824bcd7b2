//! What is seen at a glance is what a record shows.

use super::Glance;
use crate::{FieldSet, Format, Record, Redactor};

/// The paths that rules of several sources ask for.
fn fields() -> FieldSet {
    FieldSet::new([
        "eventName",
        "a",
        "a.b",
        "a.b.c",
        "a.x.value",
        "list.name",
        "list.NEW.value",
        "list.NEW",
        "h.i",
        "n",
        "deep",
        "Workload",
        "id.applicationName",
        "protoPayload.serviceName",
        "properties.loggedByService",
    ])
}

/// What a glance and a record make of it, and whether they agree.
fn alike(text: &[u8], glance: &mut Glance, format: Format, fields: &FieldSet) -> Option<String> {
    let record = Record::read_as(text, format, &Redactor::off());
    let expected = record.as_ref().map(|record| {
        let sight = record.sight(fields);
        format!("{:?} {:?} {}", sight.logsource, sight.fields, sight.text)
    });
    let seen = glance.read(text, format, fields, |sight| {
        format!("{:?} {:?} {}", sight.logsource, sight.fields, sight.text)
    });
    assert_eq!(
        seen.as_ref(),
        expected.as_ref().map_err(|reason| *reason),
        "{}",
        String::from_utf8_lossy(text)
    );
    seen.ok()
}

const EVENTS: [&str; 34] = [
    r#"{}"#,
    r#"{"a":1}"#,
    r#" {"a" : { "b" : [ {"c":1}, {"c":"x\ny"}, 7, null, [], [[{"c":true}]] ] } , "n":-0.5e+3 } "#,
    r#"{"a":[{"name":"x","value":1},{"x":{"value":2}}]}"#,
    r#"{"a":[{"name":"x","value":[1,{"value":3}]}]}"#,
    r#"{"list":[{"name":"NEW","value":"false"},{"name":"OLD","value":"true"},{"value":9,"name":"NEW"}]}"#,
    r#"{"list":[[{"name":"NEW","value":"false"}]]}"#,
    r#"{"list":[{"name":"N\u0045W","value":"\ud83d\ude00 \u00e9 \/"}]}"#,
    r#"{"h.i":true,"h":{"i":[]}}"#,
    r#"{"a.b":{"c":0},"a":{"b.c":"two"}}"#,
    r#"{"a":{"b":{},"b ":1}}"#,
    r#"{"n":[9007199254740993,18446744073709551615,18446744073709551616,1e400,0.1,1E5,-0]}"#,
    r#"{"n":9223372036854775808,"deep":-9223372036854775808}"#,
    r#"{"n":01}"#,
    r#"{"n":1.}"#,
    r#"{"n":+1}"#,
    r#"{"n":tru}"#,
    r#"{"n":1,}"#,
    r#"{"n":[1,]}"#,
    r#"{"other":[1 2]}"#,
    r#"{"other":{"a":1,"a":2}}"#,
    r#"{"a":1,"b":2,"a":3}"#,
    r#"{"\u0061":1,"n":2}"#,
    r#"{"other":{"\u0061":1,"a":2}}"#,
    r#"{"other":"\x"}"#,
    r#"{"other":"\ud800"}"#,
    "{\"other\":\"a\u{1}b\"}",
    r#"{"other":{"a":[{"b":"c\"d"},{}]},"n":"ärger"}"#,
    r#"{"n":1}{"#,
    r#"[{"n":1}]"#,
    r#"{"Workload":"Exchange","id":{"applicationName":"login"},"protoPayload":{"serviceName":"login.googleapis.com"}}"#,
    r#"{"properties":{"loggedByService":"PIM"}}"#,
    r#"{"detail-type":"x","detail":{"n":1}}"#,
    r#"{"message":{"messageId":"1","data":"eyJuIjoxfQ=="}}"#,
];

#[test]
fn a_glance_shows_what_a_record_shows() {
    let fields = fields();
    let mut glance = Glance::default();
    for format in Format::all() {
        for text in EVENTS {
            alike(text.as_bytes(), &mut glance, format, &fields);
        }
    }
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let skipped = |depth: usize| format!("{{\"z\":{}1{}}}", "[{\"k\":".repeat(depth), "}]".repeat(depth));
    for depth in [1, 31, 32, 62, 63, 64, 65, 5_000] {
        alike(nested(depth).as_bytes(), &mut glance, Format::AWS_CLOUDTRAIL, &fields);
        alike(skipped(depth).as_bytes(), &mut glance, Format::AWS_CLOUDTRAIL, &fields);
    }
    let many: String = (0..200).map(|at| format!("\"name{at:03}\":{at},")).collect();
    assert!(
        alike(format!("{{{many}\"n\":1}}").as_bytes(), &mut glance, Format::AWS_CLOUDTRAIL, &fields)
            .is_some()
    );
    alike(format!("{{{many}\"name000\":1}}").as_bytes(), &mut glance, Format::AWS_CLOUDTRAIL, &fields);
}

/// Every event above with a byte changed, cut off or put in, at every place.
#[test]
fn whatever_is_changed_in_an_event_a_glance_shows_what_a_record_shows() {
    let fields = fields().with_aliases();
    let mut glance = Glance::default();
    let format = Format::AWS_CLOUDTRAIL;
    let mut read = 0;
    for text in EVENTS {
        let bytes = text.as_bytes();
        for at in 0..bytes.len() {
            for byte in [b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'0', b'.', b'u', b' ', 0x1f, 0x80]
            {
                let mut changed = bytes.to_vec();
                changed[at] = byte;
                read += usize::from(alike(&changed, &mut glance, format, &fields).is_some());
                changed.insert(at, bytes[at]);
                read += usize::from(alike(&changed, &mut glance, format, &fields).is_some());
            }
            alike(&bytes[..at], &mut glance, format, &fields);
        }
    }
    assert!(read > 5_000, "{read}");
}

#[test]
fn names_of_rules_are_found_at_a_glance_too() {
    let fields = FieldSet::new(["gcp.audit.method_name", "gcp.audit.service_name", "n"]).with_aliases();
    let mut glance = Glance::default();
    let text = r#"{"protoPayload":{"@type":"x.AuditLog","serviceName":"iam.googleapis.com","methodName":"m"},"n":1}"#;
    let gcp = Format::named("gcp.audit").expect("a format");
    let seen = alike(text.as_bytes(), &mut glance, gcp, &fields).expect("it is read");
    assert!(seen.contains(r#"Str("m")"#), "{seen}");
}
