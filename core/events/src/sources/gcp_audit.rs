//! Google Cloud audit logs: `LogEntry` with an `AuditLog` in `protoPayload`.
//!
//! The principal's subject acts; who acted through it by delegation stands behind it, nearest first.

use crate::class::Actions::{Begins, Contains, Every};
use crate::source::{Actor, Find, How, Mapping, Secrets, Source, at, has_object, text};
use crate::{Class, IdentityKind, Logsource, PrincipalKind, secrets};
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _, Value};
use std::borrow::Cow;

const WHO: &str = "protoPayload.authenticationInfo";

pub(crate) static SOURCE: Source = Source {
    name: "gcp.audit",
    nicknames: &["gcp"],
    logsource: |_| Logsource::of("gcp", "gcp.audit"),
    further: &[],
    recognises: |event| {
        has_object(event, "protoPayload")
            && (text(event, &["logName"]).is_some_and(|name| name.contains("cloudaudit.googleapis.com"))
                || text(event, &["protoPayload.@type"]).is_some_and(|kind| kind.ends_with(".AuditLog")))
    },
    how: How::Table(Mapping {
        time: &["timestamp", "receiveTimestamp"],
        service: Find::At(&["protoPayload.serviceName"]),
        action: Find::At(&["protoPayload.methodName"]),
        failure,
        read_only: |event| {
            let log = text(event, &["logName"])?;
            if log.ends_with("%2Factivity") || log.ends_with("/activity") { Some(false) } else { None }
        },
        classes: &[
            ("iam.googleapis.com", Contains(&["ServiceAccount"]), Class::AccountChange),
            ("iamcredentials.googleapis.com", Every, Class::Authentication),
            ("sts.googleapis.com", Every, Class::Authentication),
            ("login.googleapis.com", Every, Class::Authentication),
            ("storage.googleapis.com", Begins(&["storage.objects."]), Class::DatastoreActivity),
            (
                "bigquery.googleapis.com",
                Contains(&["TableData", "jobservice", "JobService"]),
                Class::DatastoreActivity,
            ),
            ("datastore.googleapis.com", Every, Class::DatastoreActivity),
            ("cloudidentity.googleapis.com", Contains(&["Group"]), Class::GroupManagement),
        ],
        target: &["protoPayload.resourceName"],
        region: &["resource.labels.location", "resource.labels.zone", "resource.labels.region"],
        source_ip: &["protoPayload.requestMetadata.callerIp"],
        user_agent: &["protoPayload.requestMetadata.callerSuppliedUserAgent"],
        event_id: &["insertId"],
        actor,
    }),
    account: |event| text(event, &["resource.labels.project_id"]).or_else(|| project(event)),
    secrets: Secrets {
        named: |parent, name| {
            secrets::is_secret(parent, name) || matches!(name, "privateKeyData" | "keyString")
        },
        ..Secrets::COMMON
    },
    aliases: &[
        ("gcp.audit.method_name", &["protoPayload.methodName"]),
        ("gcp.audit.service_name", &["protoPayload.serviceName"]),
        ("gcp.audit.resource_name", &["protoPayload.resourceName"]),
        ("data.protoPayload.methodName", &["protoPayload.methodName"]),
        ("data.protoPayload.serviceName", &["protoPayload.serviceName"]),
        ("data.protoPayload.logName", &["logName"]),
        ("data.protoPayload.resource.type", &["resource.type"]),
        ("data.protoPayload.resourceName", &["protoPayload.resourceName"]),
        ("data.protoPayload.authorizationInfo.permission", &["protoPayload.authorizationInfo.permission"]),
        ("data.protoPayload.authorizationInfo.granted", &["protoPayload.authorizationInfo.granted"]),
    ],
    tops: &[
        "httpRequest",
        "insertId",
        "labels",
        "logName",
        "operation",
        "protoPayload",
        "receiveTimestamp",
        "resource",
        "severity",
        "sourceLocation",
        "split",
        "spanId",
        "timestamp",
        "trace",
    ],
    closed: &[
        (
            "protoPayload",
            &[
                "@type",
                "authenticationInfo",
                "authorizationInfo",
                "metadata",
                "methodName",
                "numResponseItems",
                "policyViolationInfo",
                "request",
                "requestMetadata",
                "resourceLocation",
                "resourceName",
                "resourceOriginalState",
                "response",
                "serviceData",
                "serviceName",
                "status",
            ],
        ),
        (
            "protoPayload.authenticationInfo",
            &[
                "authoritySelector",
                "oauthInfo",
                "principalEmail",
                "principalSubject",
                "serviceAccountDelegationInfo",
                "serviceAccountKeyName",
                "thirdPartyPrincipal",
            ],
        ),
        (
            "protoPayload.authorizationInfo",
            &["granted", "permission", "permissionType", "resource", "resourceAttributes"],
        ),
    ],
};

/// `projects/NAME/logs/…`.
fn project(event: &Value) -> Option<&str> {
    text(event, &["logName"])?.strip_prefix("projects/")?.split('/').next()
}

/// A status with a code other than 0, by its name in `google.rpc.Code`.
fn failure(event: &Value) -> Option<&str> {
    const CODES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let code = at(event, "protoPayload.status.code")?.as_u64().filter(|code| *code != 0)?;
    Some(usize::try_from(code).ok().and_then(|code| CODES.get(code)).copied().unwrap_or("UNKNOWN"))
}

fn actor(event: &Value) -> Actor<'_> {
    let who = at(event, WHO);
    let subject = text(event, &["protoPayload.authenticationInfo.principalSubject"]);
    let email = text(event, &["protoPayload.authenticationInfo.principalEmail"]);
    // `user:…`, `serviceAccount:…`, or a principal of a federated pool.
    let kind_of =
        |subject: &str| subject.split_once(':').map(|(kind, _)| kind.to_owned()).unwrap_or_default();
    let named = subject.and_then(|subject| subject.split_once(':')).map(|(_, name)| name);
    let named = named.filter(|name| !name.starts_with("//")).or(email);
    let mut actor = match (subject.map(kind_of).as_deref(), named) {
        (Some("principal" | "principalSet"), _) => {
            let native = subject.unwrap_or_default();
            Actor::of("gcp", (PrincipalKind::WebIdentity, IdentityKind::WebIdentity), native, account(event))
        }
        (_, Some(name)) if name.ends_with(".gserviceaccount.com") => {
            let kind = (PrincipalKind::ServiceAccount, IdentityKind::ServiceAccount);
            let actor =
                Actor::of("gcp", kind, format!("serviceAccount:{name}"), home(name)).called(Some(name));
            Actor { provider_owned: is_googles(name), ..actor }
        }
        (_, Some(name)) if name.starts_with("system:") => {
            let kind = (PrincipalKind::Service, IdentityKind::Service);
            Actor {
                provider_owned: true,
                ..Actor::of("gcp", kind, format!("service/{name}"), None).called(Some(name))
            }
        }
        (_, Some(name)) => {
            let kind = (PrincipalKind::User, IdentityKind::User);
            Actor { person: true, ..Actor::of("gcp", kind, format!("user:{name}"), None).called(Some(name)) }
        }
        (_, None) => return Actor::UNKNOWN,
    };
    if failure(event) == Some("UNAUTHENTICATED") {
        actor.authenticated = false;
    }
    actor.delegation = delegation(who);
    // A long-lived key of a service account is an identity, and the account its owner.
    match text(event, &["protoPayload.authenticationInfo.serviceAccountKeyName"]) {
        Some(key) => {
            let name = actor.name.clone();
            let kind = (PrincipalKind::AccessKey, IdentityKind::AccessKey);
            Actor { name, ..actor.by_credential(kind, key.trim_start_matches("//iam.googleapis.com/")) }
        }
        None => actor,
    }
}

fn account(event: &Value) -> Option<&str> {
    text(event, &["resource.labels.project_id"])
}

/// `NAME@PROJECT.iam.gserviceaccount.com`.
fn home(email: &str) -> Option<&str> {
    email.split_once('@')?.1.strip_suffix(".iam.gserviceaccount.com")
}

/// The service agents that Google runs as.
fn is_googles(email: &str) -> bool {
    let project = home(email);
    project.is_some_and(|project| project.starts_with("gcp-sa-"))
        || email.ends_with("@cloudservices.gserviceaccount.com")
        || email.ends_with("@system.gserviceaccount.com")
        || project.is_some_and(|project| project.ends_with("-robot") || project.ends_with("-system"))
}

/// Those who acted through the principal, in the order of the log.
fn delegation(who: Option<&Value>) -> Vec<Cow<'_, str>> {
    let chain = who.and_then(|who| who.get("serviceAccountDelegationInfo")?.as_array());
    let name = |link: &'static str, value| text(value, &[link]);
    let named = |value| {
        name("principalSubject", value)
            .or_else(|| name("firstPartyPrincipal.principalEmail", value))
            .or_else(|| name("thirdPartyPrincipal.thirdPartyClaims.sub", value))
    };
    chain.into_iter().flatten().filter_map(named).map(Cow::Borrowed).collect()
}
