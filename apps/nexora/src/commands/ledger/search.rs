//! `ledger search`: which entries name somebody or something. What it prints is the entry as it stands in the log; the
//! position is what `ledger prove` takes.

use crate::cli;
use crate::commands::{next, page};
use crate::failure::Failure;
use crate::output::{Output, Show, rows};
use api::Client;
use api::ledgers::{Found, Search, SearchReply, SearchRequest, Unread};
use serde_json::Value;

impl Show for SearchReply {
    fn table(&self) -> String {
        let head = ["position", "time", "kind", "actor", "object", "outcome"];
        rows(head, self.items.iter().map(|found| row(found, self.generation)))
    }
}

/// What of an entry fits a line. The whole is in `-o json`.
fn row(found: &Found, generation: u32) -> [String; 6] {
    let entry: Value = serde_json::from_str(found.entry.get()).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let actor = &entry["actor"];
    let actor = ["id", "credential", "type"].iter().find_map(|name| actor[*name].as_str());
    let reason = entry["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
    [
        match found.log.split_once('.') {
            Some((_, log)) => format!("{log}/{}", found.position),
            // Where another log is in use, a position alone would be one of that.
            None if generation > 1 => format!("1/{}", found.position),
            None => found.position.to_string(),
        },
        text(&entry["time"]),
        text(&entry["kind"]),
        actor.unwrap_or_default().to_owned(),
        text(&entry["object"]["id"]),
        format!("{}{reason}", text(&entry["outcome"])),
    ]
}

/// What of an earlier log was passed over.
fn not_searched(unread: &Unread) -> String {
    let Unread { generation, first, end } = unread;
    let to = end.map(|end| format!(" to {generation}/{}", end.saturating_sub(1))).unwrap_or_default();
    format!(
        "entries {generation}/{first}{to} were not searched: their files are damaged or gone (nexora ledger verify)"
    )
}

/// Runs the command.
pub(super) async fn run(client: &Client, output: Output, command: cli::Search) -> Result<(), Failure> {
    let (limit, after) = page(command.paging);
    let cli::Search { actor, identity, object, kind, from, until, .. } = command;
    let request = SearchRequest { actor, identity, object, kind, from, until, limit, after };
    let reply = client.call::<Search>(&request).await?;
    output.show(&reply)?;
    if reply.covered < reply.committed {
        let (covered, committed) = (reply.covered, reply.committed);
        output.say(&format!(
            "{covered} of {committed} entries were searched: the others are not published yet"
        ));
    }
    for unread in &reply.unread {
        output.say(&not_searched(unread));
    }
    next(output, reply.next.as_deref());
    Ok(())
}
