//! Google Workspace: activities of the Reports API, and the same logs shared with Google Cloud.

use crate::class::Actions::{Contains, Every};
use crate::source::{Actor, Find, How, Lookup, Mapping, Secrets, Source, text};
use crate::{Class, IdentityKind, Logsource, PrincipalKind};
use sonic_rs::Value;

pub(crate) static SOURCE: Source = Source {
    name: "google.workspace",
    nicknames: &["gworkspace", "google_workspace"],
    logsource: |text| match application(text) {
        Some("login") => Logsource::of("gcp", "google_workspace.login"),
        Some("token") => Logsource::of("gcp", "google_workspace.token"),
        Some("drive") => Logsource::of("gcp", "google_workspace.drive"),
        _ => Logsource::of("gcp", "google_workspace.admin"),
    },
    further: &[
        Logsource::of("gcp", "google_workspace.login"),
        Logsource::of("gcp", "google_workspace.token"),
        Logsource::of("gcp", "google_workspace.drive"),
    ],
    recognises: |event| {
        text(event, &["kind"]) == Some("admin#reports#activity")
            || (text(event, &["id.applicationName"]).is_some() && text(event, &["events.name"]).is_some())
            || text(event, &["protoPayload.serviceName"])
                .is_some_and(|service| matches!(service, "login.googleapis.com" | "admin.googleapis.com"))
    },
    how: How::Table(Mapping {
        time: &["id.time", "timestamp"],
        service: Find::At(&["id.applicationName", "protoPayload.serviceName"]),
        action: Find::At(&[
            "events.name",
            "protoPayload.metadata.event.eventName",
            "protoPayload.methodName",
        ]),
        failure: |event| {
            let name = text(event, &["events.name", "protoPayload.metadata.event.eventName"])?;
            (name.ends_with("_failure") || name == "login_challenge_failed").then_some(name)
        },
        classes: &[
            ("login", Every, Class::Authentication),
            ("login.googleapis.com", Every, Class::Authentication),
            ("token", Every, Class::Authentication),
            ("admin", Contains(&["GROUP"]), Class::GroupManagement),
            (
                "admin",
                Contains(&["USER", "PASSWORD", "PRIVILEGE", "ROLE", "API_CLIENT"]),
                Class::AccountChange,
            ),
            ("drive", Every, Class::DatastoreActivity),
        ],
        target: &["events.parameters.value", "protoPayload.resourceName"],
        source_ip: &["ipAddress", "protoPayload.requestMetadata.callerIp"],
        user_agent: &["protoPayload.requestMetadata.callerSuppliedUserAgent"],
        event_id: &["id.uniqueQualifier", "insertId"],
        actor,
        ..Mapping::EMPTY
    }),
    account: |event| text(event, &["id.customerId", "resource.labels.organization_id"]),
    secrets: Secrets::COMMON,
    aliases: &[
        ("eventService", &["protoPayload.serviceName", "id.applicationName"]),
        ("eventName", &["events.name", "protoPayload.metadata.event.eventName"]),
        ("protoPayload.Servicename", &["protoPayload.serviceName"]),
        ("setting_name", &["events.parameters.value", "protoPayload.metadata.event.parameter.value"]),
        ("new_value", &["events.parameters.value", "protoPayload.metadata.event.parameter.value"]),
    ],
    tops: &[
        "actor",
        "etag",
        "events",
        "id",
        "insertId",
        "ipAddress",
        "kind",
        "labels",
        "logName",
        "ownerDomain",
        "protoPayload",
        "receiveTimestamp",
        "resource",
        "severity",
        "timestamp",
    ],
    closed: &[],
};

fn application<'e>(text: Lookup<'e>) -> Option<&'e str> {
    match text(&["id.applicationName"]) {
        Some(name) => Some(name),
        None => text(&["protoPayload.serviceName"])?.split('.').next(),
    }
}

fn actor(event: &Value) -> Actor<'_> {
    let email = text(event, &["actor.email", "protoPayload.authenticationInfo.principalEmail"]);
    let account = text(event, &["id.customerId"]);
    if let Some(key) = text(event, &["actor.key"]) {
        return Actor::of("google", (PrincipalKind::App, IdentityKind::App), format!("app/{key}"), account)
            .called(Some(key));
    }
    let Some(native) = text(event, &["actor.profileId"]).or(email) else { return Actor::UNKNOWN };
    let failed = text(event, &["events.name"]).is_some_and(|name| name == "login_failure");
    let machine = email.is_some_and(|email| email.ends_with(".gserviceaccount.com"));
    if machine {
        let kind = (PrincipalKind::ServiceAccount, IdentityKind::ServiceAccount);
        return Actor::of("google", kind, native, account).called(email);
    }
    let person =
        Actor::of("google", (PrincipalKind::User, IdentityKind::User), native, account).called(email);
    Actor { person: true, authenticated: !failed, ..person }
}
