//! Operations on an organization's ledger. The files themselves are no operations: they are read at the standard
//! paths of tlog-tiles below [`PREFIX`], which any tool for such logs speaks.

mod prove;
mod search;

pub use prove::{Prove, ProveRequest};
pub use search::{Found, Search, SearchReply, SearchRequest};

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
    /// Entries that are committed with their change.
    pub committed: u64,
    /// Entries under the published checkpoint.
    pub published: u64,
    /// Where the log's files are: a directory on the node's machine, or the place in an object storage.
    pub dir: String,
}
