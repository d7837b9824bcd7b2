//! What a key is for, and what others see of one.

use base::{Id, Timestamp, noun};
use crypto::{hpke::PublicKey, sign::VerifyingKey};

/// What a key is for. One key serves one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The organization's key pair: its datasets' private halves are sealed to it.
    Organization,
    /// A dataset's key pair: data keys are sealed to it.
    Dataset,
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
    pub(crate) const ALL: [Self; 6] = [
        Self::Organization,
        Self::Dataset,
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
            Self::Manifest => "manifest",
            Self::LogEd25519 => "log_ed25519",
            Self::LogMlDsa44 => "log_ml_dsa_44",
            Self::Redaction => "redaction",
        }
    }
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
}

/// Who signed a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatory {
    /// A node of the organization.
    Organization,
    /// A registered producer.
    Producer(Id<noun::Producer>),
}
