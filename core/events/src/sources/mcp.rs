//! MCP tool calls: what an AI agent asks a Model Context Protocol server to do. The format is ours
//! (`docs/events.md`); the request and the answer inside it are JSON-RPC as the protocol has them.

use crate::class::Actions::Named;
use crate::source::{Actor, Find, How, Mapping, Secrets, Source, at, text};
use crate::{Class, IdentityKind, Logsource, PrincipalKind, secrets};
use sonic_rs::{JsonValueTrait as _, Value};
use std::borrow::Cow;

pub(crate) static SOURCE: Source = Source {
    name: "nexora.mcp",
    nicknames: &["mcp"],
    logsource: |_| Logsource { category: "application", ..Logsource::of("mcp", "tool_call") },
    further: &[],
    recognises: |event| text(event, &["format"]) == Some("nexora.mcp/1"),
    how: How::Table(Mapping {
        time: &["time"],
        service: Find::At(&["server.name", "server.url"]),
        action: Find::By(|event| {
            let method = text(event, &["request.method"])?;
            // The tool, the resource or the prompt that is asked for says more than the method.
            let name = text(event, &["request.params.name", "request.params.uri"]);
            Some(name.map_or(Cow::Borrowed(method), |name| Cow::Owned(format!("{method} {name}"))))
        }),
        failure: |event| {
            if at(event, "response.error").is_some_and(|error| !error.is_null()) {
                return text(event, &["response.error.message"]).or(Some("error"));
            }
            let failed = at(event, "response.result.isError").and_then(|wrong| wrong.as_bool());
            (failed == Some(true)).then_some("isError")
        },
        read_only: |event| at(event, "tool.annotations.readOnlyHint")?.as_bool(),
        classes: &[("", Named(&["initialize"]), Class::Authentication)],
        target: &["request.params.uri", "request.params.name"],
        source_ip: &["client.ip"],
        user_agent: &["client.name"],
        event_id: &["id"],
        actor,
        ..Mapping::EMPTY
    }),
    account: |event| text(event, &["account"]),
    secrets: Secrets { named: secrets::is_secret, below: |_| &[], looks: Some(secrets::looks) },
    aliases: &[],
    tops: &[
        "account", "agent", "client", "format", "id", "request", "response", "server", "session", "time",
        "tool",
    ],
    closed: &[],
};

/// The agent acts, as the gateway authenticated it; for whom stands behind it.
fn actor(event: &Value) -> Actor<'_> {
    let Some(id) = text(event, &["agent.id"]) else { return Actor::UNKNOWN };
    let kind = (PrincipalKind::Agent, IdentityKind::Agent);
    let mut actor = Actor::of("nexora", kind, format!("agent/{id}"), text(event, &["account"]));
    actor = actor.called(text(event, &["agent.name"]));
    actor.authenticated = at(event, "agent.authenticated").and_then(|known| known.as_bool()) == Some(true);
    actor.session.name = text(event, &["session"]);
    actor.session.on_behalf_of = text(event, &["agent.on_behalf_of"]);
    actor.delegation = text(event, &["agent.on_behalf_of"]).map(Cow::Borrowed).into_iter().collect();
    actor
}
