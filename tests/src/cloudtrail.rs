//! Events for the tests, as CloudTrail writes them.

use crate::organization::ACCOUNT;
use serde_json::{Value, json};

/// An access key for number `who`.
#[must_use]
pub fn key(who: u32) -> String {
    format!("AKIATESTKEY{who:09}")
}

/// The name of the user that owns the key of number `who`.
#[must_use]
pub fn user(who: u32) -> String {
    format!("program-{who}")
}

/// What the key of number `who` does at second `at` of 2 March 2026.
#[must_use]
pub fn call(id: &str, who: u32, at: u32, service: &str, action: &str, request: Value) -> Value {
    json!({
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": format!("AIDATESTUSER{who:09}"),
            "arn": format!("arn:aws:iam::{ACCOUNT}:user/{}", user(who)),
            "accountId": ACCOUNT,
            "accessKeyId": key(who),
            "userName": user(who),
        },
        "eventTime": format!("2026-03-02T{:02}:{:02}:{:02}Z", at / 3600, at / 60 % 60, at % 60),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": action,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.18.0.7",
        "userAgent": "aws-sdk-go-v2/1.32.2",
        "requestParameters": request,
        "responseElements": null,
        "requestID": format!("request-{id}"),
        "eventID": id,
        "readOnly": action.starts_with("Get") || action.starts_with("List") || action.starts_with("Describe"),
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    })
}

/// Something harmless.
#[must_use]
pub fn harmless(id: &str, who: u32, at: u32) -> Value {
    call(id, who, at, "ec2", "DescribeInstances", json!({"instancesSet": {}, "filterSet": {}}))
}

/// Something that a key is cut off for: its user is made an administrator.
#[must_use]
pub fn attack(id: &str, who: u32, at: u32) -> Value {
    let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
    call(id, who, at, "iam", "AttachUserPolicy", json!({"userName": user(who), "policyArn": policy}))
}

/// The same, as a call that the provider denied.
#[must_use]
pub fn denied(mut event: Value) -> Value {
    event["errorCode"] = "AccessDenied".into();
    event["errorMessage"] = "User is not authorized to perform this action".into();
    event
}
