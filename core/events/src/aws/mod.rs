//! AWS CloudTrail: one event of an account's trail → an activity.
//!
//! Field names follow the CloudTrail record contents reference (event versions 1.00 to 1.11). What a
//! table can say stands in [`class`]; who acted is worked out in [`identity`].

mod class;
mod identity;
pub(crate) mod redaction;

use crate::{Activity, FieldSet, Logsource, Outcome, Reason};
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _, Object, Value};

const LOGSOURCE: Logsource = Logsource { product: "aws", service: "cloudtrail", category: "" };

/// How long a name may be that is kept beyond its event, in bytes: of who acted, and of what was done. AWS
/// has none longer than an ARN's 2,048, and what the inventory and the models keep is bounded by it.
const MAX_NAME: usize = 4_096;

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
pub(crate) fn recognises(event: &Value) -> bool {
    let text = |name: &str| event.get(name).and_then(|value| value.as_str());
    let called = text("eventSource").is_some() && text("eventName").is_some();
    let written = text("eventVersion").is_some_and(|version| version.starts_with("1."))
        || text("eventType").is_some_and(|kind| kind.starts_with("Aws"))
        || event.get("userIdentity").is_some_and(|identity| identity.is_object());
    called && written
}

/// The account that the event speaks for.
pub(crate) fn account(event: &Value) -> Option<&str> {
    let recipient = event.get("recipientAccountId").and_then(|value| value.as_str());
    recipient.or_else(|| event.get("userIdentity")?.get("accountId")?.as_str())
}

/// The activity of one event.
pub(crate) fn activity<'e>(
    event: &'e Value,
    raw: &'e str,
    fields: &FieldSet,
) -> Result<Activity<'e>, Reason> {
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
        class: class::of(service, action),
        logsource: LOGSOURCE,
        service,
        action,
        actor,
        outcome,
        read_only: top.read_only,
        account: account(event),
        region: top.region,
        source_ip: top.address,
        user_agent: top.agent,
        event_id: top.id,
        fields: fields.extract(event),
        raw,
    })
}
