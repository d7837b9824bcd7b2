//! GitHub's audit log of an organization or an enterprise, as streamed and as exported.

use crate::class::Actions::{Begins, Contains};
use crate::source::{Actor, Find, How, Mapping, Secrets, Source, at, text};
use crate::{Class, IdentityKind, Logsource, PrincipalKind};
use sonic_rs::{JsonValueTrait as _, Value};
use std::borrow::Cow;

pub(crate) static SOURCE: Source = Source {
    name: "github.audit",
    nicknames: &["github"],
    logsource: |_| Logsource::of("github", "audit"),
    further: &[],
    recognises: |event| {
        let stamped = event.get("@timestamp").or_else(|| event.get("created_at"));
        text(event, &["action"]).is_some_and(|action| action.contains('.'))
            && stamped.is_some_and(|time| time.is_number() || time.is_str())
            && ["_document_id", "actor", "actor_id", "org", "business"]
                .iter()
                .any(|name| event.get(name).is_some())
            && event.get("class_uid").is_none()
    },
    how: How::Table(Mapping {
        time: &["@timestamp", "created_at"],
        service: Find::By(|event| {
            let action = text(event, &["action"])?;
            Some(Cow::Borrowed(action.split('.').next().unwrap_or(action)))
        }),
        action: Find::At(&["action"]),
        failure: |event| failed(event).then_some("failed"),
        read_only: |event| match text(event, &["operation_type"])? {
            "access" => Some(true),
            "create" | "modify" | "remove" | "restore" | "transfer" => Some(false),
            _ => None,
        },
        classes: &[
            ("user", Contains(&["login", "two_factor"]), Class::Authentication),
            (
                "org",
                Contains(&["sso_response", "oauth_app_access", "credential_authorized"]),
                Class::Authentication,
            ),
            ("personal_access_token", Begins(&[""]), Class::AccountChange),
            ("public_key", Begins(&[""]), Class::AccountChange),
            (
                "org",
                Contains(&["add_member", "remove_member", "update_member", "invite_member"]),
                Class::AccountChange,
            ),
            ("team", Begins(&[""]), Class::GroupManagement),
            ("git", Begins(&[""]), Class::DatastoreActivity),
        ],
        target: &["user", "team", "repo", "repository", "name", "org"],
        region: &["actor_location.country_code"],
        source_ip: &["actor_ip"],
        user_agent: &["user_agent"],
        event_id: &["_document_id"],
        actor,
    }),
    account: |event| text(event, &["org", "business"]),
    secrets: Secrets::COMMON,
    aliases: &[],
    tops: &[],
    closed: &[],
};

fn failed(event: &Value) -> bool {
    text(event, &["operation_type"]) == Some("authentication_failed")
        || text(event, &["action"]).is_some_and(|action| action.ends_with(".failed_login"))
}

/// An app and a bot are identities; so is the token by which a person acts through the API.
fn actor(event: &Value) -> Actor<'_> {
    let Some(name) = text(event, &["actor"]) else { return Actor::UNKNOWN };
    let account = text(event, &["org", "business"]);
    let bot =
        at(event, "actor_is_bot").and_then(|bot| bot.as_bool()).unwrap_or(false) || name.ends_with("[bot]");
    let access = text(event, &["programmatic_access_type"]).unwrap_or_default();
    if bot || access.starts_with("GitHub App server") {
        let kind = (PrincipalKind::App, IdentityKind::App);
        let provider_owned =
            matches!(name, "github-actions[bot]" | "dependabot[bot]" | "github-advanced-security[bot]");
        return Actor {
            provider_owned,
            ..Actor::of("github", kind, format!("app/{name}"), account).called(Some(name))
        };
    }
    let person =
        Actor::of("github", (PrincipalKind::User, IdentityKind::User), format!("user/{name}"), account)
            .called(Some(name));
    let token = text(event, &["hashed_token"]);
    match token {
        Some(token) => {
            let native = format!("token/{token}");
            Actor {
                name: Cow::Borrowed(name),
                ..person.by_credential((PrincipalKind::Token, IdentityKind::Token), native)
            }
        }
        // Without a token it was the web: a person.
        None => Actor { person: access.is_empty(), authenticated: !failed(event), ..person },
    }
}
