//! What a search of the ledger gave, and how long its entries are kept, on the wire.

use crate::failure::Failure;
use api::ledgers::{Found, Hold, Retention, SearchReply, Still, Unread};
use audit::search::{Head, Results};
use base::{Id, Kind, noun};
use serde_json::value::RawValue;

/// A page of entries.
pub(crate) fn found(
    organization: Id<noun::Organization>,
    results: Results,
    head: Head,
) -> Result<SearchReply, Failure> {
    let items = results.found.into_iter().map(|found| {
        let log = match found.at.generation {
            1 => organization.to_string(),
            later => format!("{organization}.{later}"),
        };
        let entry = String::from_utf8(found.entry).ok().and_then(|text| RawValue::from_string(text).ok());
        let entry = entry.ok_or_else(|| Failure::new(Kind::Internal, "an entry of the ledger is no JSON"))?;
        Ok(Found { log, position: found.at.position, entry })
    });
    Ok(SearchReply {
        items: items.collect::<Result<_, Failure>>()?,
        next: results.next.map(|next| next.to_string()),
        covered: results.covered,
        committed: head.committed,
        generation: head.generation,
        unread: results
            .unread
            .into_iter()
            .map(|unread| Unread { generation: unread.generation, first: unread.first, end: unread.end })
            .collect(),
    })
}

/// How long entries are kept.
pub(crate) fn retention(kept: audit::retention::Retention) -> Retention {
    let audit::retention::Retention { days, set, still, holds, minimum } = kept;
    let still = still.map(|still| Still { days: still.days, until: still.until });
    Retention { days, set, still, holds: holds.into_iter().map(hold).collect(), minimum }
}

/// A legal hold.
pub(crate) fn hold(hold: audit::retention::Hold) -> Hold {
    Hold { id: hold.id, reason: hold.reason, placed_at: hold.placed_at }
}
