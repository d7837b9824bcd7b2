//! CloudEvents 1.0 whose data is of no format known here: what the envelope says is all that is known.

use crate::Logsource;
use crate::source::{Actor, Find, How, Mapping, Secrets, Source, text};

pub(crate) static SOURCE: Source = Source {
    name: "cloudevents",
    nicknames: &[],
    logsource: |_| Logsource::of("cloudevents", ""),
    further: &[],
    recognises: |event| {
        text(event, &["specversion"]).is_some()
            && text(event, &["type"]).is_some()
            && text(event, &["source"]).is_some()
    },
    how: How::Table(Mapping {
        time: &["time"],
        service: Find::At(&["source"]),
        action: Find::At(&["type"]),
        target: &["subject"],
        event_id: &["id"],
        actor: |_| Actor::UNKNOWN,
        ..Mapping::EMPTY
    }),
    account: |_| None,
    secrets: Secrets::COMMON,
    aliases: &[],
    tops: &[],
    closed: &[],
};
