//! The proof of one entry.

use crate::Output;
use crate::operation::{Nothing, operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Proves one entry of the published ledger: a C2SP tlog-proof, version 1, with the entry and without any key.
    Prove: "ledger.prove", Get "/api/v1/ledger/proof", LedgerRead, None, ProveRequest => Nothing,
        gives Output::Bytes("text/plain; charset=utf-8");
}

/// Which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProveRequest {
    /// Its position in its log, from 0.
    pub position: u64,
    /// Which log of the organization, from 1; else the one that is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
}
