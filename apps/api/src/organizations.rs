//! Operations on organizations.

use crate::credentials::Issued;
use crate::operation::operations;
use base::{Id, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Creates an organization and its first person, with the one-time administrator secret.
    Create: "organizations.create", Post "/api/v1/organizations", OrganizationsCreate,
        Some(Kind::OrganizationCreated), CreateRequest => Created;
}

/// Which organization to create.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// What people call it.
    pub name: String,
    /// The name of its first person, who gets the role `org_admin`.
    pub person: String,
}

/// The organization that was created.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// Its id.
    #[schemars(with = "String")]
    pub organization: Id<noun::Organization>,
    /// Its name.
    pub name: String,
    /// The credential of its first person, shown this once.
    pub person: Issued,
}
