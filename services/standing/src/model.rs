//! The fact itself, and the refusal that follows from it.

use base::{Fault, Id, Kind, Timestamp, noun};
use serde::{Deserialize, Serialize};

/// May this identity act?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing stands against it. Also the standing of every identity that was never spoken of.
    Good,
    /// It is cut off.
    Quarantined(Quarantine),
}

impl Standing {
    /// The standing in snake case.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Quarantined(_) => "quarantined",
        }
    }
}

/// Since when and why an identity is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quarantine {
    /// When it was decided.
    pub since: Timestamp,
    /// What led to it.
    pub reason: Reason,
    /// The finding that tipped it, where there is one.
    pub finding: Option<Id<noun::Finding>>,
    /// Who decided.
    pub by: By,
}

/// What led to a quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A finding, by the organization's response mode.
    Automatic,
    /// A person carried out what a finding proposed.
    Proposal,
    /// A person, for reasons of their own.
    Manual,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Automatic, Self::Proposal, Self::Manual];

    /// The reason in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Proposal => "proposal",
            Self::Manual => "manual",
        }
    }

    /// The reason of this code.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == code)
    }
}

/// Who decided a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The response to a finding.
    Nexora,
    /// A person.
    Person(Id<noun::Person>),
}

/// What to do to a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Cut the identity off.
    Quarantine {
        /// What led to it.
        reason: Reason,
        /// The finding that tipped it.
        finding: Option<Id<noun::Finding>>,
    },
    /// Undo that.
    Release,
}

/// Why an enforcement point must refuse. No refusal is ever cached: the next check reads again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is cut off.
    #[error("the identity is quarantined since {}: release it with `nexora identities release`", .0.since)]
    Quarantined(Quarantine),
    /// This node has not loaded the organization's standings.
    #[error("the standings of this organization are not loaded on this node: try again once it is ready")]
    Unknown,
    /// This node has not heard from the store for longer than [`GRACE`](crate::GRACE).
    #[error("this node has not read the organization's standings for {seconds} s and refuses until it has")]
    Unheard {
        /// For how long, in whole seconds.
        seconds: u64,
    },
}

impl Refusal {
    /// The refusal's code, as it stands in the ledger.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Quarantined(_) => "standing_quarantined",
            Self::Unknown => "standing_unknown",
            Self::Unheard { .. } => "standing_unheard",
        }
    }
}

impl Fault for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Self::Quarantined(_) => Kind::Refused,
            Self::Unknown | Self::Unheard { .. } => Kind::Unavailable,
        }
    }
}
