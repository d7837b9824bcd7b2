//! Hostile input: each is a clean rejection of that event, and of no other.

use events::{FieldSet, Reason, Record, Redactor, frame};

const GOOD: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/a","accountId":"111122223333"},"eventTime":"2026-01-02T03:04:05Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","recipientAccountId":"111122223333"}"#;

fn read(event: &[u8]) -> Result<Record, Reason> {
    Record::read(event, &Redactor::unkeyed())
}

#[test]
fn a_huge_and_a_deep_event_leave_their_neighbours_valid() {
    let huge = GOOD.replace("ListUsers", &"x".repeat(10_000_000));
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let body = format!("[{GOOD},{huge},{deep},{GOOD}]");
    let events = frame(body.as_bytes()).expect("an array");
    let read: Vec<_> = events.into_iter().map(|range| read(&body.as_bytes()[range])).collect();
    assert!(read[0].is_ok() && read[3].is_ok());
    assert!(matches!(read[1], Err(Reason::TooLarge { bytes }) if bytes > 10_000_000));
    assert!(matches!(read[2], Err(Reason::TooDeep { at: 68 })), "{:?}", read[2]);
}

#[test]
fn nesting_is_allowed_to_the_limit_exactly() {
    let nested = |levels: usize| {
        let inner = format!("{}1{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        GOOD.replacen('{', &format!(r#"{{"x":{inner},"#), 1)
    };
    assert!(read(nested(64).as_bytes()).is_ok());
    assert!(matches!(read(nested(65).as_bytes()), Err(Reason::TooDeep { .. })));
}

#[test]
fn each_defect_has_its_code() {
    let code = |event: &[u8]| match read(event) {
        Err(reason) => reason.code(),
        Ok(record) => match record.activity(&FieldSet::default()) {
            Err(reason) => reason.code(),
            Ok(_) => "ok",
        },
    };
    assert_eq!(code(GOOD.as_bytes()), "ok");
    assert_eq!(code(b"[]"), "not_object");
    assert_eq!(code(b"17"), "not_object");
    assert_eq!(code(b""), "not_json");
    assert_eq!(code(br#"{"a":}"#), "not_json");
    assert_eq!(code(br#"{"a":1} trailing"#), "not_json");
    assert_eq!(code(b"{\"a\":\"\xff\"}"), "not_text");
    assert_eq!(code(br#"{"a":"\ud800"}"#), "not_json");
    assert_eq!(code(br#"{"hello":"world"}"#), "unknown_format");
    let with = |more: &str| GOOD.replacen('{', &format!("{{{more},"), 1);
    assert_eq!(code(with(r#""x":{"c":1,"d":2,"c":3}"#).as_bytes()), "duplicate_name");
    assert_eq!(code(with(r#""event\u004eame":"x""#).as_bytes()), "duplicate_name");
    let many: Vec<String> = (0..100).map(|number| format!(r#""n{}":1"#, number % 99)).collect();
    assert_eq!(code(with(&many.join(",")).as_bytes()), "duplicate_name");
    assert_eq!(code(with(&many[..99].join(",")).as_bytes()), "ok");
    assert_eq!(code(GOOD.replace("eventTime", "eventTimes").as_bytes()), "missing_field");
    assert_eq!(code(GOOD.replace("2026-01-02T03:04:05Z", "yesterday").as_bytes()), "malformed_field");
    assert_eq!(code(GOOD.replace(r#""2026-01-02T03:04:05Z""#, "17").as_bytes()), "malformed_field");
    for name in ["ListUsers", "iam.amazonaws.com", "user/a"] {
        let long = |length| GOOD.replace(name, &format!("{name}{}", "n".repeat(length - name.len())));
        assert_eq!(code(long(4_000).as_bytes()), "ok", "{name}");
        assert_eq!(code(long(4_097).as_bytes()), "malformed_field", "{name}");
    }
}

#[test]
fn wrong_types_everywhere_are_no_panic() {
    let values = ["null", "true", "1", "-1.5e300", "\"\"", "\"x\"", "[]", "{}", "[{\"arn\":1}]"];
    let names = [
        "type",
        "arn",
        "accountId",
        "principalId",
        "userName",
        "accessKeyId",
        "invokedBy",
        "sessionContext",
        "onBehalfOf",
        "identityProvider",
    ];
    let fields = FieldSet::new(["userIdentity.arn", "userIdentity.sessionContext.sessionIssuer.arn"]);
    for value in values {
        for name in names {
            let event = GOOD.replace(r#""type":"IAMUser""#, &format!(r#""{name}":{value},"kind":1"#));
            if let Ok(record) = read(event.as_bytes()) {
                record.activity(&fields).expect("the core is there");
            }
        }
        for name in ["userIdentity", "requestParameters", "responseElements", "errorCode", "readOnly"] {
            let event = GOOD.replacen('{', &format!(r#"{{"{name}":{value},"#), 1);
            let event = event.replacen(
                r#""userIdentity":{"type""#,
                r#""was":{"type""#,
                usize::from(name == "userIdentity"),
            );
            if let Ok(record) = read(event.as_bytes()) {
                record.activity(&fields).expect("the core is there");
            }
        }
    }
}

/// Every prefix, and every single byte changed, of a real shape: a clean answer, whatever it is.
#[test]
fn mutations_are_answered() {
    let fields = FieldSet::new(["userIdentity.arn"]);
    let mut seed = 1u64;
    for at in 0..GOOD.len() {
        let _ = read(&GOOD.as_bytes()[..at]);
        for _ in 0..4 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut changed = GOOD.as_bytes().to_vec();
            changed[at] = seed.to_be_bytes()[0];
            let Ok(found) = frame(&changed) else { continue };
            for range in found {
                if let Ok(record) = read(&changed[range]) {
                    let _ = record.activity(&fields);
                }
            }
        }
    }
}
