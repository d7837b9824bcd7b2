//! Operations on producers: parties that protect data with a dataset's public key alone.

use crate::Page;
use crate::operation::operations;
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Registers a producer's verifying key, so that its manifests are accepted.
    Add: "producers.add", Post "/api/v1/producers", ProducersAdd, Some(Kind::ProducerAdded),
        AddRequest => Producer;
    /// Takes a producer's key off the register: its manifests are refused from then on, the earlier ones too.
    Revoke: "producers.revoke", Post "/api/v1/producers/{producer}/revoke", ProducersRevoke,
        Some(Kind::ProducerRevoked), RevokeRequest => Producer;
    /// Lists registered producers.
    List: "producers.ls", Get "/api/v1/producers", ProducersRead, None, ListRequest => Page<Producer>;
}

/// Which producer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    /// What people call it.
    pub name: String,
    /// Its ML-DSA-65 or ML-DSA-87 verifying key, base64.
    pub public_key: String,
}

/// Which producer to take off the register.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub producer: Id<noun::Producer>,
}

/// Which page of producers.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// How many, 1 to 1,000; else 100.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A registered producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Producer {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Producer>,
    /// Its name.
    pub name: String,
    /// Its verifying key, base64.
    pub public_key: String,
    /// When it was registered.
    #[schemars(with = "String")]
    pub added: Timestamp,
    /// When it was taken off the register.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}
