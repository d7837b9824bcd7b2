//! Operations on shredding: making data unreadable for good, by two persons.

use crate::Page;
use crate::breaches::Scope;
use crate::operation::{Nothing, operations};
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Asks to shred the keys of a dataset or of the organization. Nothing happens before another person
    /// approves.
    Request: "shreds.request", Post "/api/v1/shreds", ShredsRequest, Some(Kind::ShredRequested),
        ShredRequest => Shred;
    /// Approves another person's request, and shreds: what the keys protected is unreadable from then on.
    Approve: "shreds.approve", Post "/api/v1/shreds/{approval}/approve", ShredsApprove,
        Some(Kind::ShredApproved), ApprovalRequest => Shred;
    /// Cancels a request that was not approved yet.
    Cancel: "shreds.cancel", Post "/api/v1/shreds/{approval}/cancel", ShredsCancel,
        Some(Kind::ShredCancelled), ApprovalRequest => Shred;
    /// Lists requests to shred, and what became of them.
    List: "shreds.ls", Get "/api/v1/shreds", KeysRead, None, Nothing => Page<Shred>;
    /// Shows a request to shred, with the certificate where it was carried out.
    Show: "shreds.show", Get "/api/v1/shreds/{approval}", KeysRead, None, ApprovalRequest => Shred;
}

/// What to shred.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShredRequest {
    /// Whose keys.
    pub scope: Scope,
    /// Why, for the record.
    pub reason: String,
}

/// Which request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub approval: Id<noun::Approval>,
}

/// A request to shred, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shred {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Approval>,
    /// The dataset whose keys it is about; absent where it is all of the organization's.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Id<noun::Dataset>>,
    /// `requested`, `approved` (nothing of it opens any more, and it is not finished), `done`, `cancelled` or `expired`.
    pub state: String,
    /// Why it is approved and not finished, where that is known: the node goes on by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// Why.
    pub reason: String,
    /// Who asked.
    #[schemars(with = "String")]
    pub requested_by: Id<noun::Person>,
    /// When.
    #[schemars(with = "String")]
    pub requested: Timestamp,
    /// Until when it can be approved.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// Who approved.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Id<noun::Person>>,
    /// Who cancelled it.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<Id<noun::Person>>,
    /// The certificate that the keys are gone, signed by the root of trust: a JWS in its JSON form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<serde_json::Value>,
}
