//! Events that are in OCSF already, of whatever product; what 6003, 3001, 3002, 3006 and 6005 have in
//! common is read, the rest by rules.

use crate::source::{Actor, Find, How, Mapping, Secrets, Source, at, has_object, text};
use crate::{Class, class::Actions::Begins};
use crate::{IdentityKind, Logsource, PrincipalKind};
use sonic_rs::{JsonValueTrait as _, Value};
use std::borrow::Cow;

pub(crate) static SOURCE: Source = Source {
    name: "ocsf",
    nicknames: &[],
    logsource: |_| Logsource::of("ocsf", ""),
    further: &[],
    recognises: |event| {
        event.get("class_uid").is_some_and(|class| class.is_number()) && has_object(event, "metadata")
    },
    how: How::Table(Mapping {
        time: &["time"],
        // The class stands in front, so that a table can tell it.
        service: Find::At(&[
            "api.service.name",
            "service.name",
            "dst_endpoint.svc_name",
            "metadata.product.name",
            "class_name",
        ]),
        action: Find::By(|event| {
            let class = at(event, "class_uid")?.as_i64()?;
            match text(event, &["api.operation", "activity_name"]) {
                Some(name) => Some(Cow::Owned(format!("{class}:{name}"))),
                None => Some(Cow::Owned(format!("{class}:{}", at(event, "activity_id")?.as_i64()?))),
            }
        }),
        failure: |event| {
            let failed = at(event, "status_id").and_then(|status| status.as_i64()) == Some(2);
            failed.then(|| text(event, &["status_code", "api.response.error", "status"]).unwrap_or("Failure"))
        },
        classes: &[
            ("", Begins(&["3001:"]), Class::AccountChange),
            ("", Begins(&["3002:"]), Class::Authentication),
            ("", Begins(&["3006:"]), Class::GroupManagement),
            ("", Begins(&["6005:"]), Class::DatastoreActivity),
        ],
        target: &[
            "user.name",
            "user.uid",
            "group.name",
            "resources.name",
            "resources.uid",
            "databucket.name",
            "database.name",
            "table.name",
        ],
        region: &["cloud.region"],
        source_ip: &["src_endpoint.ip", "src_endpoint.domain"],
        user_agent: &["http_request.user_agent"],
        event_id: &["metadata.uid", "metadata.original_event_uid"],
        actor,
        ..Mapping::EMPTY
    }),
    account: |event| text(event, &["cloud.account.uid"]),
    secrets: Secrets::COMMON,
    aliases: &[],
    tops: &[],
    closed: &[],
};

/// Another product says who it was, and how it knows is not told: nobody is authenticated by it.
fn actor(event: &Value) -> Actor<'_> {
    let id = text(
        event,
        &[
            "actor.user.uid",
            "actor.user.name",
            "actor.session.uid",
            "actor.app_uid",
            "actor.app_name",
            "user.uid",
            "user.name",
        ],
    );
    let Some(id) = id else { return Actor::UNKNOWN };
    let name = text(event, &["actor.user.name", "actor.user.uid", "actor.app_name", "user.name"]);
    let app = text(event, &["actor.user.uid", "actor.user.name"]).is_none()
        && text(event, &["actor.app_uid", "actor.app_name"]).is_some();
    let kind = if app {
        (PrincipalKind::App, IdentityKind::App)
    } else {
        (PrincipalKind::Unknown, IdentityKind::User)
    };
    let actor = Actor::of("ocsf", kind, id, text(event, &["cloud.account.uid"])).called(name);
    Actor { authenticated: false, ..actor }
}
