//! Microsoft 365 unified audit log, by the Management Activity API.

use crate::class::Actions::{Begins, Contains};
use crate::source::{Actor, Find, How, Mapping, Secrets, Source, at, text};
use crate::{Class, IdentityKind, Logsource, PrincipalKind};
use sonic_rs::{JsonValueTrait as _, Value};

pub(crate) static SOURCE: Source = Source {
    name: "m365.audit",
    nicknames: &["m365", "office365"],
    logsource: |text| match text(&["Workload"]) {
        // Alerts of the compliance centre: rules call the service by either name.
        Some("SecurityComplianceCenter") => {
            Logsource { also: &["threat_detection", "audit"], ..Logsource::of("m365", "threat_management") }
        }
        Some("Exchange") => Logsource { also: &["exchange"], ..Logsource::of("m365", "audit") },
        _ => Logsource::of("m365", "audit"),
    },
    further: &[
        Logsource { also: &["threat_detection", "audit"], ..Logsource::of("m365", "threat_management") },
        Logsource { also: &["exchange"], ..Logsource::of("m365", "audit") },
    ],
    recognises: |event| {
        text(event, &["CreationTime"]).is_some()
            && text(event, &["Operation"]).is_some()
            && (text(event, &["Workload"]).is_some() || event.get("RecordType").is_some())
    },
    how: How::Table(Mapping {
        time: &["CreationTime"],
        service: Find::At(&["Workload", "Source"]),
        action: Find::At(&["Operation"]),
        failure: |event| {
            let status = text(event, &["ResultStatus"])?;
            let failed =
                ["fail", "Fail", "FAIL", "False", "false"].iter().any(|word| status.starts_with(word));
            failed.then(|| text(event, &["LogonError", "ResultStatusDetail"]).unwrap_or(status))
        },
        classes: &[
            ("", Begins(&["UserLogin", "UserLogged"]), Class::Authentication),
            ("", Contains(&["group", "Group"]), Class::GroupManagement),
            (
                "AzureActiveDirectory",
                Contains(&["user", "role", "password", "application", "service principal"]),
                Class::AccountChange,
            ),
            ("SharePoint", Begins(&["File"]), Class::DatastoreActivity),
            ("OneDrive", Begins(&["File"]), Class::DatastoreActivity),
            ("Exchange", Begins(&["MailItemsAccessed"]), Class::DatastoreActivity),
        ],
        target: &["ObjectId", "ItemName", "MailboxOwnerUPN"],
        source_ip: &["ClientIP", "ClientIPAddress", "ActorIpAddress"],
        user_agent: &["UserAgent", "ClientInfoString"],
        event_id: &["Id"],
        actor,
        ..Mapping::EMPTY
    }),
    account: |event| text(event, &["OrganizationId"]),
    secrets: Secrets::COMMON,
    aliases: &[
        ("eventSource", &["Workload", "Source"]),
        ("eventName", &["Name", "Operation"]),
        ("status", &["ResultStatus", "Status"]),
        ("Payload", &["Data", "Parameters", "CmdletParameters"]),
        ("RequestType", &["ExtendedProperties.Value"]),
    ],
    tops: &[],
    closed: &[],
};

/// By `UserType`: 4 a system account, 5 an application, 6 a service principal.
fn actor(event: &Value) -> Actor<'_> {
    let account = text(event, &["OrganizationId"]);
    let id = text(event, &["UserKey", "UserId"]).filter(|id| *id != "Not Available");
    let Some(id) = id.or_else(|| text(event, &["UserId"])) else { return Actor::UNKNOWN };
    let name = text(event, &["UserId"]);
    let of = |kind| Actor::of("m365", kind, id, account).called(name);
    let actor = match at(event, "UserType").and_then(|kind| kind.as_i64()) {
        Some(1 | 3 | 4) => {
            Actor { provider_owned: true, ..of((PrincipalKind::Service, IdentityKind::Service)) }
        }
        Some(5 | 6) => of((PrincipalKind::App, IdentityKind::App)),
        _ if name.is_some_and(|name| name.starts_with("ServicePrincipal_")) => {
            of((PrincipalKind::App, IdentityKind::App))
        }
        _ => Actor { person: true, ..of((PrincipalKind::User, IdentityKind::User)) },
    };
    let refused = text(event, &["Operation"]) == Some("UserLoginFailed");
    Actor { authenticated: !refused, ..actor }
}
