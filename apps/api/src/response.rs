//! Operations on how far the response goes by itself.

use crate::operation::{Nothing, operations};
use base::Timestamp;
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Shows how far the response goes by itself.
    Show: "response.show", Get "/api/v1/response", ResponseRead, None, Nothing => Response;
    /// Sets how far the response goes by itself.
    Set: "response.set", Put "/api/v1/response", ResponseSet, Some(Kind::ResponseSet),
        SetRequest => Response;
}

/// How far the response goes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Records what would have been quarantined.
    Observe,
    /// Leaves a proposal on the finding.
    Ask,
    /// Quarantines.
    Automatic,
}

impl Mode {
    /// The mode in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Ask => "ask",
            Self::Automatic => "automatic",
        }
    }
}

/// What to change; what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRequest {
    /// How far it goes.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// How many automatic quarantines within ten minutes of arrival time it takes at most; 0 sets the
    /// default, the larger of five and 1 % of the identities.
    #[serde(default)]
    pub brake_limit: Option<u32>,
}

/// How far the response goes by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Response {
    /// How far it goes now.
    pub mode: Mode,
    /// Until when a new organization observes, whatever comes after.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observes_until: Option<Timestamp>,
    /// The brake's limit as set; absent where the default holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake_limit: Option<u32>,
}
