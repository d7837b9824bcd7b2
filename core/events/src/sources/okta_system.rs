//! Okta's system log.

use crate::class::Actions::{Begins, Every};
use crate::source::{Actor, Find, How, Mapping, Secrets, Source, has_object, text};
use crate::{Class, IdentityKind, Logsource, PrincipalKind};
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _, Value};
use std::borrow::Cow;

pub(crate) static SOURCE: Source = Source {
    name: "okta.system",
    nicknames: &["okta"],
    logsource: |_| Logsource::of("okta", "okta"),
    further: &[],
    recognises: |event| {
        text(event, &["eventType"]).is_some()
            && text(event, &["published"]).is_some()
            && has_object(event, "actor")
            && (event.get("outcome").is_some() || event.get("uuid").is_some())
    },
    how: How::Table(Mapping {
        time: &["published"],
        service: Find::By(|event| {
            let kind = text(event, &["eventType"])?;
            Some(Cow::Borrowed(kind.rsplit_once('.').map_or(kind, |(service, _)| service)))
        }),
        action: Find::At(&["eventType"]),
        failure: |event| match text(event, &["outcome.result"])? {
            "FAILURE" | "DENY" | "ABANDONED" => text(event, &["outcome.reason", "outcome.result"]),
            _ => None,
        },
        classes: &[
            ("user.session", Every, Class::Authentication),
            ("user.authentication", Every, Class::Authentication),
            ("app.oauth2.token.grant", Every, Class::Authentication),
            (
                "",
                Begins(&["user.authentication.", "app.oauth2.token.grant", "policy.evaluate_sign_on"]),
                Class::Authentication,
            ),
            (
                "",
                Begins(&["user.lifecycle.", "user.account.", "user.mfa.", "system.api_token."]),
                Class::AccountChange,
            ),
            ("", Begins(&["group."]), Class::GroupManagement),
        ],
        target: &["target.alternateId", "target.displayName", "target.id"],
        region: &["client.geographicalContext.country"],
        source_ip: &["client.ipAddress"],
        user_agent: &["client.userAgent.rawUserAgent"],
        event_id: &["uuid"],
        actor,
        ..Mapping::EMPTY
    }),
    account: |_| None,
    secrets: Secrets::COMMON,
    aliases: &[],
    tops: &[
        "actor",
        "authenticationContext",
        "client",
        "debugContext",
        "device",
        "displayMessage",
        "eventType",
        "legacyEventType",
        "outcome",
        "published",
        "request",
        "securityContext",
        "severity",
        "target",
        "transaction",
        "uuid",
        "version",
    ],
    closed: &[("outcome", &["reason", "result"])],
};

fn actor(event: &Value) -> Actor<'_> {
    let Some(id) = text(event, &["actor.id"]) else { return Actor::UNKNOWN };
    let name = text(event, &["actor.alternateId", "actor.displayName"]).filter(|name| *name != "unknown");
    let of = |kind, prefix: &str| Actor::of("okta", kind, format!("{prefix}/{id}"), None).called(name);
    let mut actor = match text(event, &["actor.type"]).unwrap_or_default() {
        "SystemPrincipal" => {
            Actor { provider_owned: true, ..of((PrincipalKind::Service, IdentityKind::Service), "system") }
        }
        kind if kind.contains("App") || kind.contains("Client") => {
            of((PrincipalKind::App, IdentityKind::App), "app")
        }
        "User" => Actor { person: true, ..of((PrincipalKind::User, IdentityKind::User), "user") },
        _ => of((PrincipalKind::Unknown, IdentityKind::User), "user"),
    };
    let failed =
        text(event, &["outcome.result"]).is_some_and(|result| result == "FAILURE" || result == "DENY");
    let signing_in = text(event, &["eventType"]).is_some_and(|kind| {
        kind.starts_with("user.session.start") || kind.starts_with("user.authentication.")
    });
    if failed && signing_in {
        actor.authenticated = false;
    }
    // An API token is an identity, and its user the owner.
    let token = event.get("transaction").and_then(|transaction| transaction.get("detail"));
    let token = token.and_then(|detail| detail.as_object()?.get(&"requestApiTokenId")?.as_str());
    match token.filter(|token| !token.is_empty()) {
        Some(token) => {
            let name = actor.name.clone();
            let kind = (PrincipalKind::Token, IdentityKind::Token);
            Actor { name, ..actor.by_credential(kind, format!("token/{token}")) }
        }
        None => actor,
    }
}
