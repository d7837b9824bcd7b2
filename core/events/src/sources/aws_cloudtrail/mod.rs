//! AWS CloudTrail: one event of an account's trail → an activity.
//!
//! Field names follow the CloudTrail record contents reference (event versions 1.00 to 1.11). What a
//! table can say stands in [`class`]; who acted is worked out in [`identity`].

mod class;
mod identity;

use crate::source::{How, MAX_NAME, Secrets, Source};
use crate::{Activity, Logsource, Outcome, Reason, Slots};
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _, Object, Value};
use std::borrow::Cow;

const LOGSOURCE: Logsource = Logsource::of("aws", "cloudtrail");

/// By code: CloudTrail is what most organizations send most of.
pub(crate) static SOURCE: Source = Source {
    name: "aws.cloudtrail",
    nicknames: &["cloudtrail"],
    logsource: |_| LOGSOURCE,
    further: &[],
    recognises,
    how: How::Code(activity),
    account,
    secrets: Secrets::COMMON,
    aliases: &[],
    tops: &[
        "additionalEventData",
        "addendum",
        "apiVersion",
        "awsRegion",
        "edgeDeviceDetails",
        "errorCode",
        "errorMessage",
        "eventCategory",
        "eventID",
        "eventName",
        "eventSource",
        "eventTime",
        "eventType",
        "eventVersion",
        "insightDetails",
        "managementEvent",
        "readOnly",
        "recipientAccountId",
        "requestID",
        "requestParameters",
        "resources",
        "responseElements",
        "serviceEventDetails",
        "sessionCredentialFromConsole",
        "sharedEventID",
        "sourceIPAddress",
        "tlsDetails",
        "userAgent",
        "userIdentity",
        "vpcEndpointAccountId",
        "vpcEndpointId",
    ],
    closed: &[
        (
            "userIdentity",
            &[
                "accessKeyId",
                "accountId",
                "arn",
                "credentialId",
                "identityProvider",
                "inScopeOf",
                "invokedBy",
                "onBehalfOf",
                "principalId",
                "sessionContext",
                "type",
                "userName",
            ],
        ),
        (
            "userIdentity.sessionContext",
            &[
                "assumedRoot",
                "attributes",
                "ec2RoleDelivery",
                "sessionIssuer",
                "sourceIdentity",
                "webIdFederationData",
            ],
        ),
        (
            "userIdentity.sessionContext.sessionIssuer",
            &["accountId", "arn", "principalId", "type", "userName"],
        ),
        ("tlsDetails", &["cipherSuite", "clientProvidedHostHeader", "keyExchange", "tlsVersion"]),
    ],
};

/// The top of an event, borrowed in one pass over its names.
#[derive(Default)]
pub(crate) struct Top<'e> {
    time: Option<&'e Value>,
    source: Option<&'e str>,
    name: Option<&'e str>,
    kind: Option<&'e str>,
    region: Option<&'e str>,
    address: Option<&'e str>,
    agent: Option<&'e str>,
    error: Option<&'e str>,
    id: Option<&'e str>,
    recipient: Option<&'e str>,
    read_only: Option<bool>,
    console: bool,
    identity: Option<&'e Object>,
    request: Option<&'e Object>,
    response: Option<&'e Object>,
}

impl<'e> Top<'e> {
    fn of(event: &'e Value) -> Self {
        let mut top = Self::default();
        // By length first: one comparison then tells most names apart.
        for (name, value) in event.as_object().into_iter().flatten() {
            match (name.len(), name) {
                (7, "eventID") => top.id = value.as_str(),
                (8, "readOnly") => top.read_only = truth(value),
                (9, "eventTime") => top.time = Some(value),
                (9, "eventName") => top.name = value.as_str(),
                (9, "eventType") => top.kind = value.as_str(),
                (9, "awsRegion") => top.region = value.as_str(),
                (9, "userAgent") => top.agent = value.as_str(),
                (9, "errorCode") => top.error = value.as_str().filter(|code| !code.is_empty()),
                (11, "eventSource") => top.source = value.as_str(),
                (12, "userIdentity") => top.identity = value.as_object(),
                (15, "sourceIPAddress") => top.address = value.as_str(),
                (16, "responseElements") => top.response = value.as_object(),
                (17, "requestParameters") => top.request = value.as_object(),
                (18, "recipientAccountId") => top.recipient = value.as_str(),
                (28, "sessionCredentialFromConsole") => top.console = truth(value) == Some(true),
                _ => {}
            }
        }
        top
    }

    /// What it was done to, by the parameters in which AWS names the one thing a call is about.
    fn target(&self) -> Option<&'e str> {
        const NAMES: [&str; 9] = [
            "userName",
            "roleName",
            "groupName",
            "bucketName",
            "tableName",
            "policyArn",
            "functionName",
            "roleArn",
            "secretId",
        ];
        let request = self.request?;
        NAMES.iter().find_map(|name| request.get(name)?.as_str())
    }

    /// A console sign-in fails without an error code.
    fn outcome(&self) -> Outcome<'e> {
        if let Some(code) = self.error {
            return Outcome::Failure { code };
        }
        let sign_in = self.response.and_then(|response| self.name.and_then(|name| response.get(&name)));
        match sign_in.and_then(|value| value.as_str()) {
            Some("Failure") => Outcome::Failure { code: "Failure" },
            _ => Outcome::Success,
        }
    }
}

/// AWS writes some truths as text.
fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| match value.as_str()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })
}

/// Whether this is a CloudTrail event: it says what was called where, and either its version or its type
/// is written as only CloudTrail does.
fn recognises(event: &Value) -> bool {
    let text = |name: &str| event.get(name).and_then(|value| value.as_str());
    let called = text("eventSource").is_some() && text("eventName").is_some();
    let written = text("eventVersion").is_some_and(|version| version.starts_with("1."))
        || text("eventType").is_some_and(|kind| kind.starts_with("Aws"))
        || event.get("userIdentity").is_some_and(|identity| identity.is_object());
    called && written
}

/// The account that the event speaks for.
fn account(event: &Value) -> Option<&str> {
    let recipient = event.get("recipientAccountId").and_then(|value| value.as_str());
    recipient.or_else(|| event.get("userIdentity")?.get("accountId")?.as_str())
}

/// The activity of one event.
fn activity<'e>(event: &'e Value, raw: &'e str, fields: Slots<'e>) -> Result<Activity<'e>, Reason> {
    let top = Top::of(event);
    let time = top.time.ok_or(Reason::Missing { field: "eventTime" })?;
    let wrong_time = Reason::Malformed { field: "eventTime", expected: "an RFC 3339 time" };
    let time = time.as_str().and_then(|text| text.parse().ok()).ok_or(wrong_time)?;
    let service = top.source.ok_or(Reason::Missing { field: "eventSource" })?;
    let action = top.name.ok_or(Reason::Missing { field: "eventName" })?;
    let outcome = top.outcome();
    let actor = identity::principal(&top, service, action, outcome);
    let names = [actor.identity.as_ref(), actor.owner.as_ref(), actor.person_role.as_ref()];
    let actors = names.into_iter().flatten().map(|key| key.native.len()).max().unwrap_or(0);
    for (field, length) in [
        ("eventSource", service.len()),
        ("eventName", action.len()),
        ("userIdentity", actors.max(actor.name.len())),
    ] {
        if length > MAX_NAME {
            return Err(Reason::Malformed { field, expected: "a name of at most 4,096 bytes" });
        }
    }
    Ok(Activity {
        time,
        class: crate::class::of(class::TABLE, service, action),
        logsource: LOGSOURCE,
        service: Cow::Borrowed(service),
        action: Cow::Borrowed(action),
        actor,
        outcome,
        read_only: top.read_only,
        account: account(event),
        region: top.region,
        target: top.target(),
        source_ip: top.address,
        user_agent: top.agent,
        event_id: top.id,
        fields,
        raw,
    })
}
