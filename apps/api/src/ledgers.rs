//! Operations on an organization's ledger. The files themselves are no operations: they are read at the standard
//! paths of tlog-tiles below [`PREFIX`], which any tool for such logs speaks.

mod prove;
mod renewal;
mod retention;
mod search;

pub use prove::{Prove, ProveRequest};
pub use renewal::{Restart, RotateKeys};
pub use retention::{
    Erase, EraseRequest, Erased, Hold, LiftHold, LiftHoldRequest, PlaceHold, PlaceHoldRequest, Retention,
    SetRetention, SetRetentionRequest, ShowRetention, Still,
};
pub use search::{Found, Search, SearchReply, SearchRequest, Unread};

use crate::operation::{Nothing, operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where logs are served: `/ledgers/<log>/checkpoint`, `/ledgers/<log>/tile/…`. The log's name is the organization's
/// id, and for a log that an operator began anew (generation 2 on) `<organization>.<generation>`.
pub const PREFIX: &str = "/ledgers";

operations! {
    /// Shows the ledger's keys, its published head, and what is committed and not yet published.
    Status: "ledger.status", Get "/api/v1/ledger", LedgerRead, None, Nothing => LedgerStatus;
}

/// The ledger as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerStatus {
    /// The log's origin.
    pub origin: String,
    /// Its verifier keys, in C2SP note form.
    pub keys: Vec<String>,
    /// Which log of the organization it is: 2 and more were begun by an operator.
    pub generation: u32,
    /// Entries that are committed with their change.
    pub committed: u64,
    /// Entries whose tiles are durable; more than are published while witnesses are waited for.
    pub sequenced: u64,
    /// Entries under the published checkpoint.
    pub published: u64,
    /// Why publication does not go on, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    /// Where the log's files are: a directory on the node's machine, or the place in an object storage.
    pub dir: String,
}
