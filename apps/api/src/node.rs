//! Operations on the node itself.

use crate::operation::{Nothing, operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Says how the node and the organization are, part by part.
    Diagnose: "node.diagnose", Get "/api/v1/diagnosis", Diagnose, None, Nothing => Diagnosis;
}

/// How the node and the organization are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// The node's version.
    pub version: String,
    /// Whether every check is well.
    pub healthy: bool,
    /// One line for each part.
    pub checks: Vec<Check>,
}

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// The part.
    pub name: String,
    /// How it is.
    pub state: State,
    /// What was seen, and what to do where it is not well.
    pub message: String,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Well.
    Ok,
    /// It works, and someone should look.
    Warning,
    /// It does not work.
    Failing,
}

impl State {
    /// The state in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failing => "failing",
        }
    }
}
