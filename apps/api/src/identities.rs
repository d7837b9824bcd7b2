//! Operations on identities and their standing.

use crate::Page;
use crate::operation::operations;
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Lists identities.
    List: "identities.ls", Get "/api/v1/identities", IdentitiesRead, None, ListRequest => Page<Identity>;
    /// Shows one identity.
    Show: "identities.show", Get "/api/v1/identities/{identity}", IdentitiesRead, None,
        ShowRequest => Identity;
    /// Cuts an identity off: its credentials are refused and no data key opens for it.
    Quarantine: "identities.quarantine", Post "/api/v1/identities/{identity}/quarantine",
        IdentitiesQuarantine, Some(Kind::IdentityQuarantined), QuarantineRequest => Identity;
    /// Undoes a quarantine.
    Release: "identities.release", Post "/api/v1/identities/{identity}/release", IdentitiesRelease,
        Some(Kind::IdentityReleased), ReleaseRequest => Identity;
    /// Puts an identity on the list that is never cut automatically.
    Protect: "identities.protect", Post "/api/v1/identities/{identity}/protect", IdentitiesProtect,
        Some(Kind::IdentityProtected), ShowRequest => Identity;
    /// Takes an identity off the list that is never cut automatically.
    Unprotect: "identities.unprotect", Post "/api/v1/identities/{identity}/unprotect", IdentitiesProtect,
        Some(Kind::IdentityUnprotected), ShowRequest => Identity;
}

/// Which page of identities.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// Only those of this standing.
    pub standing: Option<StandingState>,
    /// How many, 1 to 1,000; else 100.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Which identity.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub identity: Id<noun::Identity>,
}

/// Which identity to cut off, and why.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuarantineRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub identity: Id<noun::Identity>,
    /// The finding whose proposal this carries out.
    #[schemars(with = "Option<String>")]
    #[serde(default)]
    pub finding: Option<Id<noun::Finding>>,
}

/// Which identity to let act again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub identity: Id<noun::Identity>,
    /// Why, for the record.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Whether an identity may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StandingState {
    /// It may.
    Good,
    /// It may not.
    Quarantined,
}

impl StandingState {
    /// The state in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Quarantined => "quarantined",
        }
    }
}

/// An identity as the inventory knows it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Identity>,
    /// What people call it.
    pub name: String,
    /// What the provider calls it: an ARN, an access key id.
    pub native: String,
    /// The provider, such as `aws`.
    pub provider: String,
    /// What sort of principal, such as `access_key`.
    pub kind: String,
    /// Whether evidence says that a human acts through it.
    pub person: bool,
    /// The identity that owns it.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Id<noun::Identity>>,
    /// Whether it is on the list that is never cut automatically.
    pub protected: bool,
    /// Whether it may act.
    pub standing: StandingState,
    /// Since when it may not.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<Timestamp>,
    /// The finding that it was cut off for.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Id<noun::Finding>>,
    /// Time of its first activity.
    #[schemars(with = "String")]
    pub first_seen: Timestamp,
    /// Time of its last activity, at most a minute behind.
    #[schemars(with = "String")]
    pub last_seen: Timestamp,
}
