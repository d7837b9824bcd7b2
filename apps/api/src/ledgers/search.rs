//! Searching the ledger. It is a `POST`, for it leaves an entry: who looked for whom is on record too.

use crate::operation::operations;
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

operations! {
    /// Searches the published ledger by actor, identity, object, kind and time, newest entry first.
    Search: "ledger.search", Post "/api/v1/ledger/search", LedgerSearch, Some(Kind::LedgerSearched),
        SearchRequest => SearchReply;
}

/// What to look for. An entry is found if all of what is given fits; nothing given finds every entry.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// Who acted: the id of a person, an identity or a credential, `administrator`, or the name of a task of ours.
    #[serde(default)]
    pub actor: Option<String>,
    /// An identity that acted, was acted on, or is named in the entry's facts.
    #[schemars(with = "Option<String>")]
    #[serde(default)]
    pub identity: Option<Id<noun::Identity>>,
    /// The id of what was acted on, or of anything else that the entry's facts name.
    #[serde(default)]
    pub object: Option<String>,
    /// The kind of the entry, such as `identity.quarantined`.
    #[serde(default)]
    pub kind: Option<String>,
    /// Committed at this time or later.
    #[schemars(with = "Option<String>")]
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Committed before this time.
    #[schemars(with = "Option<String>")]
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// How many, 1 to 1,000; else 100. A page may hold fewer although there are more: `next` says so.
    #[serde(default)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

/// A page of what was found, and how much of the ledger was searched.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SearchReply {
    /// The entries, newest first.
    pub items: Vec<Found>,
    /// Where to go on; absent where nothing is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many entries of the ledger the search covers, from the first on.
    pub covered: u64,
    /// How many are committed: those beyond `covered` are not published yet, or not indexed yet.
    pub committed: u64,
    /// Which log of the organization is in use, from 1: `covered` and `committed` are of that one.
    pub generation: u32,
    /// What of earlier logs was not searched, as far as this page went: their files are damaged or gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// Entries of an earlier log that were not searched.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// Which log of the organization, from 1.
    pub generation: u32,
    /// The first one.
    pub first: u64,
    /// The one after the last; absent where the log's checkpoint does not read either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
}

/// An entry that was found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The log it stands in, as in its address below [`PREFIX`](super::PREFIX).
    pub log: String,
    /// Its index in that log: what `ledger prove` takes.
    pub position: u64,
    /// The entry, byte for byte as its leaf hash covers it.
    #[schemars(with = "serde_json::Value")]
    pub entry: Box<RawValue>,
}
