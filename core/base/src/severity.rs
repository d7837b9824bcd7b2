//! How bad a finding is: the five levels that Sigma rules and OCSF share.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Severity of a rule or a finding, ordered from harmless to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Informational,
    /// Worth a look in a quiet hour.
    Low,
    /// Worth a look today.
    Medium,
    /// Acted on at once.
    High,
    /// Acted on at once, and someone is called.
    Critical,
}

impl Severity {
    /// All levels, mildest first.
    pub const ALL: [Self; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The level in lower case, as everywhere in text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a severity: expected informational, low, medium, high or critical")]
pub struct WrongSeverity;

impl FromStr for Severity {
    type Err = WrongSeverity;

    fn from_str(text: &str) -> Result<Self, WrongSeverity> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(WrongSeverity)
    }
}
