//! Operations on events.

use crate::operation::{Input, Output, operations};
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

operations! {
    /// Sends a batch of events: kept and judged as one, or not kept at all.
    Send: "events.send", Post "/api/v1/events", EventsSend, Some(Kind::IdentitiesDiscovered),
        SendRequest => Receipt, takes Input::Bytes("application/json");
    /// Reads events as they arrive, from an offset on.
    Tail: "events.tail", Get "/api/v1/events", EventsTail, None, TailRequest => Event,
        gives Output::Lines;
}

/// How the body is to be read. Its `content-encoding` may be `gzip` or `zstd`; else it is recognised.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendRequest {}

/// What became of a batch. When it is given, every accepted event is durable and judged.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The batch's id.
    #[schemars(with = "String")]
    pub batch: Id<noun::Batch>,
    /// How many events were accepted.
    pub accepted: u64,
    /// Those that were not, each by its place in the batch.
    pub rejected: Vec<Rejected>,
    /// The offset of the first accepted event in the organization's log; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_offset: Option<u64>,
}

/// An event that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejected {
    /// Its place in the batch, from 0.
    pub index: u64,
    /// Why, as a code in snake case.
    pub code: String,
    /// Why, in words.
    pub message: String,
}

/// Where to begin, and whether to stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TailRequest {
    /// The first offset to read; else what arrives from now on.
    pub from: Option<u64>,
    /// Whether to wait for more at the end of the log.
    #[serde(default)]
    pub follow: bool,
}

/// An event as the log keeps it: redacted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its offset in the organization's log.
    pub offset: u64,
    /// When it arrived.
    #[schemars(with = "String")]
    pub arrival: Timestamp,
    /// The event.
    #[schemars(with = "serde_json::Value")]
    pub event: Box<RawValue>,
}
