//! How far the response goes by itself, and what it decided about a finding.

use base::{Id, Timestamp, noun};
use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

/// For how long a new organization observes before it acts.
pub const OBSERVATION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The stretch of arrival time that the brake looks back over.
pub const BRAKE_WINDOW: Duration = Duration::from_secs(10 * 60);

/// How far the response goes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It records what would have been quarantined.
    Observe,
    /// It leaves a proposal on the finding.
    Ask,
    /// It quarantines.
    Automatic,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Observe, Self::Ask, Self::Automatic];

    /// The mode in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Ask => "ask",
            Self::Automatic => "automatic",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a response mode: expected observe, ask or automatic")]
pub struct WrongMode;

impl FromStr for Mode {
    type Err = WrongMode;

    fn from_str(text: &str) -> Result<Self, WrongMode> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or(WrongMode)
    }
}

/// An organization's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The mode as set; [`Settings::effective`] is the one that holds.
    pub mode: Mode,
    /// While the mode is the `observe` that an organization begins with: when it becomes `automatic`.
    pub observes_until: Option<Timestamp>,
    /// How many automatic quarantines [`BRAKE_WINDOW`] takes at most; `None` for the larger of five and 1 %
    /// of the identities.
    pub brake_limit: Option<NonZeroU32>,
}

impl Settings {
    /// What an organization that was created at `created` begins with.
    #[must_use]
    pub fn initial(created: Timestamp) -> Self {
        Self { mode: Mode::Observe, observes_until: Some(created + OBSERVATION), brake_limit: None }
    }

    /// The mode that holds now.
    #[must_use]
    pub fn effective(&self, now: Timestamp) -> Mode {
        match (self.mode, self.observes_until) {
            (Mode::Observe, Some(until)) if now >= until => Mode::Automatic,
            (mode, _) => mode,
        }
    }

    /// The brake's limit in an organization of this many identities.
    #[must_use]
    pub fn limit(&self, identities: u64) -> u64 {
        self.brake_limit.map_or_else(|| (identities / 100).max(5), |limit| u64::from(limit.get()))
    }
}

/// What to change of the settings; what is absent stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Another mode. It ends the observation that an organization begins with.
    pub mode: Option<Mode>,
    /// Another limit of the brake; `Some(None)` for the default.
    pub brake_limit: Option<Option<NonZeroU32>>,
}

/// What was done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Its identity was quarantined.
    Quarantined,
    /// A person may carry it out: `nexora identities quarantine ID --finding F`.
    Proposed,
    /// It would have been, had the mode been `automatic`.
    Observed,
    /// Nothing.
    Left,
}

impl Decision {
    /// All decisions.
    pub const ALL: [Self; 4] = [Self::Quarantined, Self::Proposed, Self::Observed, Self::Left];

    /// The decision in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Proposed => "proposed",
            Self::Observed => "observed",
            Self::Left => "left",
        }
    }
}

/// Why it was decided so. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The mode is `automatic`.
    Automatic,
    /// A person carried out the proposal.
    Proposal,
    /// The mode is `ask`.
    ModeAsk,
    /// The brake had just stopped a burst of quarantines.
    Braked,
    /// The mode is `observe`.
    ModeObserve,
    /// It is less than high.
    BelowHigh,
    /// No identity stands behind it.
    NoIdentity,
    /// Its identity is not in the inventory.
    UnknownIdentity,
    /// The actor was not authenticated.
    Unauthenticated,
    /// The call failed.
    Failed,
    /// The actor belongs to another account.
    CrossAccount,
    /// The session was interactive.
    Interactive,
    /// It belongs to the provider itself.
    ProviderOwned,
    /// It is a person.
    Person,
    /// It is on the list that is never cut automatically.
    Protected,
    /// It is quarantined already.
    AlreadyQuarantined,
    /// It was released after what the finding speaks of.
    Released,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 17] = [
        Self::Automatic,
        Self::Proposal,
        Self::ModeAsk,
        Self::Braked,
        Self::ModeObserve,
        Self::BelowHigh,
        Self::NoIdentity,
        Self::UnknownIdentity,
        Self::Unauthenticated,
        Self::Failed,
        Self::CrossAccount,
        Self::Interactive,
        Self::ProviderOwned,
        Self::Person,
        Self::Protected,
        Self::AlreadyQuarantined,
        Self::Released,
    ];

    /// The reason in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Proposal => "proposal",
            Self::ModeAsk => "mode_ask",
            Self::Braked => "braked",
            Self::ModeObserve => "mode_observe",
            Self::BelowHigh => "below_high",
            Self::NoIdentity => "no_identity",
            Self::UnknownIdentity => "unknown_identity",
            Self::Unauthenticated => "unauthenticated",
            Self::Failed => "failed",
            Self::CrossAccount => "cross_account",
            Self::Interactive => "interactive",
            Self::ProviderOwned => "provider_owned",
            Self::Person => "person",
            Self::Protected => "protected",
            Self::AlreadyQuarantined => "already_quarantined",
            Self::Released => "released",
        }
    }
}

/// The response to one finding, as it stands on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Which finding.
    pub finding: Id<noun::Finding>,
    /// Against whom.
    pub identity: Option<Id<noun::Identity>>,
    /// What was done.
    pub decision: Decision,
    /// Why.
    pub reason: Reason,
    /// Arrival of the activity that tipped the finding.
    pub arrival: Timestamp,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// One automatic quarantine, with the times that zero access is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acted {
    /// Who was cut off.
    pub identity: Id<noun::Identity>,
    /// For which finding.
    pub finding: Id<noun::Finding>,
    /// Arrival of the activity that tipped it.
    pub arrival: Timestamp,
    /// When the quarantine was committed; the view of this node changed right after.
    pub committed_at: Timestamp,
}

/// What one step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worked {
    /// How many findings were read. Where it is not zero, there may be more: step again.
    pub read: usize,
    /// The quarantines.
    pub acted: Vec<Acted>,
    /// Whether the brake switched the mode to `ask`.
    pub braked: bool,
}
