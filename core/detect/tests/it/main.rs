//! Tests of the engine through its public door: rules as text, events as text.

mod behaviour;
mod correlations;
mod hostile;
mod incidents;
mod judging;
mod shared;
mod sigma;
mod stages;

use events::{Record, Redactor};

/// A CloudTrail event with these fields over a plain one.
fn event(fields: serde_json::Value) -> Record {
    let mut event = serde_json::json!({
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/build",
            "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLEKEY000001", "userName": "build"
        },
        "eventTime": "2026-03-02T08:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListRoles",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-sdk-rust/1.0",
        "requestParameters": null,
        "responseElements": null,
        "requestID": "r-1",
        "eventID": "6f3c2c5e-0000-4000-8000-000000000001",
        "readOnly": true,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management"
    });
    let serde_json::Value::Object(fields) = fields else { unreachable!("tests hand in objects") };
    event.as_object_mut().expect("it is an object").extend(fields);
    Record::read(event.to_string().as_bytes(), &Redactor::off()).expect("it is a CloudTrail event")
}
