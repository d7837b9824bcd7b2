//! Redaction: nothing that a secret's name stands before comes through, in no spelling.

use base::Secret;
use events::{FieldSet, Record, Redactor, Value};

const EVENT: &str = r#"{"eventVersion":"1.08","eventTime":"2026-01-02T03:04:05Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"},"requestParameters":{"pas\u0073word":"canary-1","nested":[{"SecretString":"canary-2"},{"environment":[{"name":"DB","value":"canary-3"}]}],"masterUserPassword":{"a":["canary-4",17,null,true]},"passwordPolicy":"stays","X-Amz-Security-Token":"canary-5"},"responseElements":{"credentials":{"accessKeyId":"ASIAEXAMPLE","sessionToken":"canary-6","secretAccessKey":"canary-7"},"ConsoleLogin":"Success"}}"#;

#[test]
fn no_canary_survives() {
    let record = Record::read(EVENT.as_bytes(), &Redactor::keyed(Secret::new([9; 32]))).expect("it is fine");
    assert!(!record.text().contains("canary"), "{}", record.text());
    assert!(record.text().contains("ASIAEXAMPLE") && record.text().contains("stays"));
    let fields = FieldSet::new([
        "responseElements.credentials.sessionToken",
        "requestParameters.masterUserPassword.a",
    ]);
    let activity = record.activity(&fields).expect("it is fine");
    match activity.fields.get(0) {
        [Value::Str(text)] => assert!(text.starts_with("redacted:") && text.len() == 41),
        other => panic!("{other:?}"),
    }
    assert!(matches!(activity.fields.get(1), [Value::Str(_), Value::Str(_), Value::Null, Value::Bool(true)]));
    let again = Record::read(record.text().as_bytes(), &Redactor::off()).expect("a record is an event");
    assert_eq!(again.text(), record.text());
}

#[test]
fn equal_secrets_are_seen_to_be_equal() {
    let redacted = |secret: &str, key: u8| {
        let event = EVENT.replace("canary-7", secret);
        let record = Record::read(event.as_bytes(), &Redactor::keyed(Secret::new([key; 32]))).expect("fine");
        let fields = FieldSet::new(["responseElements.credentials.secretAccessKey"]);
        let activity = record.activity(&fields).expect("fine");
        format!("{:?}", activity.fields.get(0))
    };
    assert_eq!(redacted("one", 1), redacted("one", 1));
    assert_ne!(redacted("one", 1), redacted("two", 1));
    assert_ne!(redacted("one", 1), redacted("one", 2));
}

#[test]
fn an_event_without_secrets_stays_as_it_came() {
    let event = r#"{ "eventVersion":"1.08", "eventTime":"2026-01-02T03:04:05Z","eventSource":"a","eventName":"b" ,"n":1.50}"#;
    let record = Record::read(event.as_bytes(), &Redactor::unkeyed()).expect("fine");
    assert_eq!(record.text(), event);
}

/// What the log keeps is the same whenever it is made: names stand in the order in which they came.
#[test]
fn what_is_redacted_is_written_in_its_order() {
    let event = r#"{ "eventVersion":"1.08", "zone":{"b":1,"a":[2.5,{"d":null,"c":"\u00e9\n"}],"password":["x",7,true]},
        "eventTime":"2026-01-02T03:04:05Z","eventSource":"a","eventName":"b","big":18446744073709551615 }"#;
    for _ in 0..20 {
        let record = Record::read(event.as_bytes(), &Redactor::unkeyed()).expect("fine");
        assert_eq!(
            record.text(),
            "{\"eventVersion\":\"1.08\",\"zone\":{\"b\":1,\"a\":[2.5,{\"d\":null,\"c\":\"é\\n\"}],\"password\":[\"redacted:\",\"redacted:\",true]},\
             \"eventTime\":\"2026-01-02T03:04:05Z\",\"eventSource\":\"a\",\"eventName\":\"b\",\"big\":18446744073709551615}"
        );
    }
}
