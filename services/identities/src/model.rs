//! What the inventory says of an identity, and what one activity says of it.

use base::{Id, Timestamp, digest, noun};
use serde::{Deserialize, Serialize};
use standing::Standing;
use std::{borrow::Cow, fmt, str::FromStr};

/// Whether an identity is a human.
///
/// Evidence comes from the provider's record (console sign-ins, single sign-on), never from what a caller
/// sets itself. A person stays one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nature {
    /// A machine: a key, a role of a workload, a service account.
    Machine,
    /// A human, or the cloud user of one.
    Person,
    /// A cloud user that no evidence speaks of yet.
    Unknown,
}

impl Nature {
    /// All natures.
    pub const ALL: [Self; 3] = [Self::Machine, Self::Person, Self::Unknown];

    /// The nature in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Person => "person",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Nature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no nature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a nature: expected machine, person or unknown")]
pub struct WrongNature;

impl FromStr for Nature {
    type Err = WrongNature;

    fn from_str(text: &str) -> Result<Self, WrongNature> {
        Self::ALL.into_iter().find(|nature| nature.as_str() == text).ok_or(WrongNature)
    }
}

/// An identity of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id, derived from organization, provider and native name.
    pub id: Id<noun::Identity>,
    /// The provider that names it, such as `aws`.
    pub provider: String,
    /// What it is there, in the provider's terms, such as `access_key` or `role`.
    pub kind: String,
    /// The account, project or tenant it belongs to.
    pub account: Option<String>,
    /// The provider's own unique name of it: an ARN, a key id.
    pub native: String,
    /// A name to show.
    pub name: String,
    /// The identity that owns it: an access key's user.
    pub owner: Option<Id<noun::Identity>>,
    /// Whether it is a human.
    pub nature: Nature,
    /// Whether it belongs to the provider itself: a service, a service-linked role.
    pub provider_owned: bool,
    /// Whether it is on the list that is never cut automatically.
    pub protected: bool,
    /// Event time of its first known activity.
    pub first_seen: Timestamp,
    /// Event time of its last known activity; up to a minute old after a crash.
    pub last_seen: Timestamp,
    /// May it act?
    pub standing: Standing,
}

/// What one activity says of an identity: enough to enter it into the inventory.
///
/// Only from activities that the provider had authenticated and that succeeded in naming their actor:
/// `core/events` says which those are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The identity's id.
    pub id: Id<noun::Identity>,
    /// The provider that names it.
    pub provider: Cow<'static, str>,
    /// What it is there.
    pub kind: Cow<'static, str>,
    /// The account it belongs to.
    pub account: Option<String>,
    /// The provider's own unique name of it.
    pub native: String,
    /// A name to show.
    pub name: String,
    /// The identity that owns it.
    pub owner: Option<Id<noun::Identity>>,
    /// What this activity shows of its nature: [`Nature::Person`] only on evidence.
    pub nature: Nature,
    /// Whether it belongs to the provider itself.
    pub provider_owned: bool,
    /// Event time.
    pub at: Timestamp,
}

/// What an audit entry's hash covers of one change of the inventory: the id, and the nature it has now.
fn digest(id: Id<noun::Identity>, nature: Nature) -> [u8; 32] {
    digest::of_parts("nexora/identity-digest/1", &[id.as_bytes(), nature.as_str().as_bytes()])
}

/// What an audit entry's hash covers of a batch, in order of its ids (`docs/formats/batch-hash.md`).
pub(crate) fn batch(news: impl Iterator<Item = (Id<noun::Identity>, Nature)>) -> [u8; 32] {
    let digests: Vec<_> = news.map(|(id, nature)| digest(id, nature)).collect();
    let parts: Vec<&[u8]> = digests.iter().map(<[u8; 32]>::as_slice).collect();
    digest::of_parts("nexora/identities-batch/1", &parts)
}

/// What an audit entry's hash covers of identities that were evicted, in order of their ids
/// (`docs/formats/batch-hash.md`).
pub(crate) fn gone(identities: &[Id<noun::Identity>]) -> [u8; 32] {
    let parts: Vec<&[u8]> = identities.iter().map(|identity| identity.as_bytes().as_slice()).collect();
    digest::of_parts("nexora/identities-evicted/1", &parts)
}

/// Which identities a list is to hold. Every part that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Of this nature.
    pub nature: Option<Nature>,
    /// Of this provider.
    pub provider: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// With exactly this native name.
    pub native: Option<String>,
    /// Owned by this identity.
    pub owner: Option<Id<noun::Identity>>,
    /// On the protected list, or not on it.
    pub protected: Option<bool>,
    /// Quarantined, or in good standing.
    pub quarantined: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::{Nature, batch};
    use base::{Id, digest};

    #[test]
    fn the_hash_of_a_batch_is_the_documented_one() {
        let news = [(Id::from_bytes([1; 16]), Nature::Machine), (Id::from_bytes([2; 16]), Nature::Person)];
        // Computed from `docs/formats/batch-hash.md` with Python's hashlib.
        assert_eq!(
            digest::hex(&batch(news.into_iter())),
            "e102e2bc4f3823742738344870408b78567369e572af24c6c6e04e4ad355bc00"
        );
    }
}
