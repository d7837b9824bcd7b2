//! Kubernetes audit log (`audit.k8s.io/v1`), of whatever distribution.
//!
//! The user who sent the request acts, also where it impersonates another: that one is named behind it. The
//! log names no cluster, so that names are unique within one cluster only.

use crate::class::Actions::Every;
use crate::source::{Actor, Find, How, Mapping, Secrets, Source, at, text};
use crate::{Class, IdentityKind, Logsource, PrincipalKind, secrets};
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _, Value};
use std::borrow::Cow;

const LOGSOURCE: Logsource = Logsource { category: "application", ..Logsource::of("kubernetes", "audit") };

const USER: &[&str] = &["extra", "groups", "uid", "username"];

pub(crate) static SOURCE: Source = Source {
    name: "kubernetes.audit",
    nicknames: &["kubernetes", "k8s"],
    logsource: |_| LOGSOURCE,
    further: &[],
    recognises,
    how: How::Table(Mapping {
        time: &["requestReceivedTimestamp", "stageTimestamp", "timestamp"],
        service: Find::By(service),
        action: Find::At(&["verb"]),
        failure,
        read_only: |event| {
            let verb = text(event, &["verb"])?;
            Some(matches!(verb, "get" | "list" | "watch" | "head" | "options"))
        },
        classes: &[
            ("serviceaccounts", Every, Class::AccountChange),
            ("serviceaccounts/token", Every, Class::Authentication),
            ("tokenreviews", Every, Class::Authentication),
        ],
        target: &["objectRef.name", "requestURI"],
        source_ip: &["sourceIPs"],
        user_agent: &["userAgent"],
        event_id: &["auditID"],
        actor,
        ..Mapping::EMPTY
    }),
    account: |_| None,
    secrets: Secrets {
        named: |parent, name| {
            // Plain values of environment variables; the copy of an object that `kubectl apply` leaves in it.
            secrets::is_secret(parent, name)
                || (name == "value" && parent == "env")
                || name == "kubectl.kubernetes.io/last-applied-configuration"
        },
        below: secret_bodies,
        looks: None,
    },
    aliases: &[
        ("apiGroup", &["objectRef.apiGroup"]),
        (
            "hostPath",
            &[
                "requestObject.spec.volumes.hostPath.path",
                "requestObject.spec.template.spec.volumes.hostPath.path",
                "requestObject.spec.jobTemplate.spec.template.spec.volumes.hostPath.path",
            ],
        ),
        (
            "capabilities",
            &[
                "requestObject.spec.containers.securityContext.capabilities.add",
                "requestObject.spec.initContainers.securityContext.capabilities.add",
                "requestObject.spec.template.spec.containers.securityContext.capabilities.add",
                "requestObject.spec.jobTemplate.spec.template.spec.containers.securityContext.capabilities.add",
            ],
        ),
    ],
    tops: &[
        "annotations",
        "apiVersion",
        "auditID",
        "authenticationMetadata",
        "impersonatedUser",
        "kind",
        "level",
        "metadata",
        "objectRef",
        "requestObject",
        "requestReceivedTimestamp",
        "requestURI",
        "responseObject",
        "responseStatus",
        "sourceIPs",
        "stage",
        "stageTimestamp",
        "timestamp",
        "user",
        "userAgent",
        "verb",
    ],
    closed: &[
        ("impersonatedUser", USER),
        (
            "objectRef",
            &[
                "apiGroup",
                "apiVersion",
                "name",
                "namespace",
                "resource",
                "resourceVersion",
                "subresource",
                "uid",
            ],
        ),
        (
            "responseStatus",
            &["apiVersion", "code", "details", "kind", "message", "metadata", "reason", "status"],
        ),
        ("user", USER),
    ],
};

fn recognises(event: &Value) -> bool {
    let version = text(event, &["apiVersion"]).is_some_and(|version| version.starts_with("audit.k8s.io/"));
    let shape = || text(event, &["auditID"]).is_some() && text(event, &["verb"]).is_some();
    (version || shape()) && text(event, &["verb"]).is_some()
}

/// The resource, with its subresource: `pods/exec` is another thing than `pods`.
fn service(event: &Value) -> Option<Cow<'_, str>> {
    let Some(resource) = text(event, &["objectRef.resource"]) else {
        return Some(Cow::Borrowed("nonresource"));
    };
    match text(event, &["objectRef.subresource"]) {
        Some(part) => Some(Cow::Owned(format!("{resource}/{part}"))),
        None => Some(Cow::Borrowed(resource)),
    }
}

fn failure(event: &Value) -> Option<&str> {
    let code = at(event, "responseStatus.code")?.as_i64().filter(|code| *code >= 400)?;
    text(event, &["responseStatus.reason"]).or(Some(match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        _ => "Failure",
    }))
}

fn actor(event: &Value) -> Actor<'_> {
    let Some(user) = text(event, &["user.username"]) else { return Actor::UNKNOWN };
    let refused = at(event, "responseStatus.code").and_then(|code| code.as_i64()) == Some(401);
    let of = |kind, native: String| Actor::of("kubernetes", kind, native, None).called(Some(user));
    let mut actor = if user == "system:anonymous" {
        Actor { name: Cow::Borrowed(user), ..Actor::UNKNOWN }
    } else if let Some(account) = user.strip_prefix("system:serviceaccount:") {
        // `namespace:name`; accounts of the control plane live in kube-system and stay identities.
        let kind = (PrincipalKind::ServiceAccount, IdentityKind::ServiceAccount);
        of(kind, format!("serviceaccount/{}", account.replacen(':', "/", 1)))
    } else if user.starts_with("system:") || user.starts_with("eks:") || user == "aksService" {
        let kind = (PrincipalKind::Service, IdentityKind::Service);
        Actor { provider_owned: true, ..of(kind, format!("service/{user}")) }
    } else {
        of((PrincipalKind::User, IdentityKind::User), format!("user/{user}"))
    };
    actor.authenticated &= !refused;
    actor.session.name = text(event, &["user.extra.authentication.kubernetes.io/pod-name"]);
    // The impersonator acts; whom it acts as stands behind it.
    actor.delegation = text(event, &["impersonatedUser.username"]).map(Cow::Borrowed).into_iter().collect();
    actor.session.on_behalf_of = text(event, &["impersonatedUser.username"]);
    actor
}

/// What a Secret holds, what a token review asks and answers, what a token request hands out.
fn secret_bodies(event: &Value) -> &'static [&'static [&'static str]] {
    const SECRETS: &[&[&str]] = &[
        &["requestObject", "data"],
        &["requestObject", "stringData"],
        &["requestObject", "items", "data"],
        &["requestObject", "items", "stringData"],
        &["responseObject", "data"],
        &["responseObject", "stringData"],
        &["responseObject", "items", "data"],
        &["responseObject", "items", "stringData"],
    ];
    const TOKENS: &[&[&str]] = &[
        &["requestObject", "spec", "token"],
        &["requestObject", "status", "token"],
        &["responseObject", "spec", "token"],
        &["responseObject", "status", "token"],
    ];
    let kind = |object: &str| event.get(object).and_then(|object| object.get("kind")?.as_str());
    let kinds = [kind("requestObject"), kind("responseObject")];
    let resource = text(event, &["objectRef.resource"]);
    if resource == Some("secrets")
        || kinds.iter().flatten().any(|kind| matches!(*kind, "Secret" | "SecretList"))
    {
        // A patch may be a list of operations: then everything in it.
        if event.get("requestObject").is_some_and(|object| object.as_array().is_some()) {
            return &[&["requestObject"], &["responseObject", "data"], &["responseObject", "stringData"]];
        }
        return SECRETS;
    }
    let token = resource == Some("tokenreviews") || text(event, &["objectRef.subresource"]) == Some("token");
    if token { TOKENS } else { &[] }
}
