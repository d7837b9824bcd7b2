//! What a key is for, which state it is in, and what others see of one.

use base::{Id, Timestamp, noun};
use crypto::{FieldAlgorithm, FieldKey, hpke::PublicKey, sign::VerifyingKey};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// What a key is for. One key serves one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The organization's key pair: its datasets' private halves and its field keys are sealed to it.
    Organization,
    /// A dataset's key pair: data keys are sealed to it.
    Dataset,
    /// A field's key for one deterministic algorithm.
    Field,
    /// Signs the organization's manifests.
    Manifest,
    /// Signs the organization's log, Ed25519.
    LogEd25519,
    /// Signs the organization's log, ML-DSA-44.
    LogMlDsa44,
    /// Keys the hash that stands in place of a redacted secret.
    Redaction,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Organization,
        Self::Dataset,
        Self::Field,
        Self::Manifest,
        Self::LogEd25519,
        Self::LogMlDsa44,
        Self::Redaction,
    ];

    /// The purpose in snake case, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Dataset => "dataset",
            Self::Field => "field",
            Self::Manifest => "manifest",
            Self::LogEd25519 => "log_ed25519",
            Self::LogMlDsa44 => "log_ml_dsa_44",
            Self::Redaction => "redaction",
        }
    }

    /// Whether the key is of the organization's log ([`Unit::Log`](crate::Unit::Log)): what an organization is
    /// accountable with and opens no data. It outlives a breach and a shredded organization.
    #[must_use]
    pub const fn is_of_the_log(self) -> bool {
        matches!(self, Self::LogEd25519 | Self::LogMlDsa44 | Self::Redaction)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no purpose of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a purpose of a key: expected one of organization, dataset, field, manifest, log_ed25519, log_ml_dsa_44, redaction"
)]
pub struct WrongPurpose;

impl FromStr for Purpose {
    type Err = WrongPurpose;

    fn from_str(text: &str) -> Result<Self, WrongPurpose> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or(WrongPurpose)
    }
}

/// Where a version of a key stands in its life (`rules.rs` has every way from one to another).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Made, and not in use yet.
    Generated,
    /// In use: what is protected is protected under it. A line has at most one such version.
    Active,
    /// Opens what was protected under it, and protects nothing more.
    Retired,
    /// Opens nothing and protects nothing, until it is resumed.
    Suspended,
    /// Gone: its private half is erased.
    Destroyed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Generated, Self::Active, Self::Retired, Self::Suspended, Self::Destroyed];

    /// The state in snake case, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Suspended => "suspended",
            Self::Destroyed => "destroyed",
        }
    }

    /// Whether what was protected under it opens.
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, Self::Active | Self::Retired)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no state of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a key: expected generated, active, retired, suspended or destroyed")]
pub struct WrongState;

impl FromStr for State {
    type Err = WrongState;

    fn from_str(text: &str) -> Result<Self, WrongState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(WrongState)
    }
}

/// One version of a key: everything but its private half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: Id<noun::Key>,
    /// What it is for.
    pub purpose: Purpose,
    /// The dataset it belongs to, if it belongs to one.
    pub dataset: Option<Id<noun::Dataset>>,
    /// The field it belongs to: the path, as the manifest has it.
    pub field: Option<String>,
    /// Which version of its line, from 1.
    pub version: u32,
    /// Where it stands.
    pub state: State,
    /// Its suite or algorithm, as its own crate writes it: `hybrid-768`, `ML-DSA-65`, `aes-256-siv`.
    pub algorithm: String,
    /// The public half; empty for a secret key.
    pub public: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was put in use, if it was.
    pub activated_at: Option<Timestamp>,
    /// When its private half was wrapped anew, if it was.
    pub rewrapped_at: Option<Timestamp>,
    /// The version of the organization's key pair that its private half is sealed to.
    pub over: Option<Id<noun::Key>>,
    /// How often it was used: what it opened, the runs that refer to it, the values under it, the manifests it was
    /// handed out to sign; rewrapping and export are not counted. Never fewer than it was: after a crash the rest of
    /// a block counts as used.
    pub uses: u64,
    /// When it rotates by itself.
    pub rotation: Rotation,
    /// When it does so next, as far as that is known.
    pub rotates_at: Option<Timestamp>,
    /// That this version or one before it left the system in the clear of a recipient.
    pub exported: Option<Exported>,
    /// When its public half was first handed out: from then on outputs may exist that nobody here knows.
    pub handed_out_at: Option<Timestamp>,
}

/// When a key rotates by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// So long after it was put in use; whole seconds.
    pub every: Option<Duration>,
    /// After so many uses.
    pub uses: Option<u64>,
}

/// The mark of an export. It stays on the version and passes to every later one of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// When.
    pub at: Timestamp,
    /// Which version it was.
    pub version: u32,
    /// SHA-256 of the recipient's public key, in lower-case hexadecimal.
    pub to: String,
}

/// What stands in the way of destroying a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct References {
    /// Protected outputs that name it.
    pub named: u64,
    /// Recovery packages of earlier setups and of ceremonies under way that hold it, and the shares given to these. The
    /// package in place is none: it is written without the version as that is destroyed.
    pub packages: u64,
    /// Versions of other keys whose private half is sealed to it.
    pub keys: u64,
}

impl References {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.named.saturating_add(self.packages).saturating_add(self.keys)
    }
}

/// What refers to a version of a key, and says so as it does. Recovery packages are asked what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Referrer {
    /// A run that protected an output.
    Run(Id<noun::Job>),
}

impl Referrer {
    pub(crate) const fn parts(self) -> (&'static str, [u8; 16]) {
        match self {
            Self::Run(id) => ("run", *id.as_bytes()),
        }
    }
}

/// What a batch of rewrapping did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrapped {
    /// Versions wrapped anew in this batch.
    pub keys: u64,
    /// Versions of this batch that do not open under the root in place, and stay as they are.
    pub left: u64,
    /// Where the next batch begins; `None` when all are done.
    pub next: Option<Id<noun::Key>>,
}

/// The public half of a dataset's key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetKey {
    /// The key's id.
    pub id: Id<noun::Key>,
    /// Whose.
    pub dataset: Id<noun::Dataset>,
    /// What data keys are sealed to.
    pub public: PublicKey,
}

/// A field's key, open.
#[derive(Debug, Clone)]
pub struct OpenFieldKey {
    /// The version.
    pub key: Id<noun::Key>,
    /// The secret, its algorithm and the id that values bear.
    pub secret: FieldKey,
}

/// What a field key is for, to ask for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldUse<'a> {
    /// The dataset.
    pub dataset: Id<noun::Dataset>,
    /// The field's path.
    pub field: &'a str,
    /// The algorithm: one key serves one.
    pub algorithm: FieldAlgorithm,
}

/// A party outside that protects data with a dataset's public key and signs the manifests itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// Its id.
    pub id: Id<noun::Producer>,
    /// Its name, unique in the organization.
    pub name: String,
    /// What checks its signatures.
    pub key: VerifyingKey,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was taken off the register: manifests under its signature are refused from then on.
    pub revoked_at: Option<Timestamp>,
}

/// Who signed a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatory {
    /// A node of the organization.
    Organization,
    /// A registered producer.
    Producer(Id<noun::Producer>),
}

/// A request to export a secret key, and how far it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// Its id.
    pub id: Id<noun::Approval>,
    /// Which version is to be exported.
    pub key: Id<noun::Key>,
    /// SHA-256 of the recipient's public key, in lower-case hexadecimal.
    pub recipient: String,
    /// Who asked.
    pub requested_by: Id<noun::Person>,
    /// When.
    pub requested_at: Timestamp,
    /// Until when another person may approve it, and the document may be fetched.
    pub expires_at: Timestamp,
    /// Who approved it, if anyone did.
    pub approved_by: Option<Id<noun::Person>>,
}
