//! The certificate of a shredding: what was forgotten, by whom it was decided, and which copies it cannot vouch for.
//!
//! A JWS by the root's own key over canonical JSON; `docs/formats/shred-certificate.md`.

use base::{Id, Timestamp, digest, noun};
use crypto::{Provider, jws::Jws, sign::VerifyingKey};
use serde::{Deserialize, Serialize};

/// The `typ` of the signed certificate.
pub const TYPE: &str = "nexora-shred-certificate+json";

/// The `format` of its content.
pub const FORMAT: &str = "nexora/shred-certificate/1";

/// How many key ids stand in a certificate one by one; beyond, their number and hash stand alone.
const MAX_IDS: usize = 500;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`FORMAT`].
    pub format: String,
    /// The request that two persons decided on.
    pub shred: Id<noun::Approval>,
    /// Whose keys.
    pub organization: Id<noun::Organization>,
    /// The dataset, unless it is the whole organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Id<noun::Dataset>>,
    /// What the root forgot.
    pub unit: String,
    /// Who asked.
    pub requested_by: Id<noun::Person>,
    /// When.
    pub requested_at: Timestamp,
    /// Who approved.
    pub approved_by: Id<noun::Person>,
    /// When; from then on nothing opened here.
    pub approved_at: Timestamp,
    /// When the root had forgotten.
    pub forgotten_at: Timestamp,
    /// When this was signed.
    pub issued_at: Timestamp,
    /// The keys.
    pub keys: Keys,
    /// The root that forgot, and signed this.
    pub root: Root,
    /// What became of the recovery package.
    pub recovery: Package,
    /// The copies that this certificate cannot vouch for.
    pub not_vouched_for: Vec<Copies>,
}

/// Which keys were shredded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// How many versions.
    pub count: u64,
    /// SHA-256, in hexadecimal, of their ids in text, sorted, each followed by a newline.
    pub sha256: String,
    /// Their ids, sorted, where there are no more than 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<Id<noun::Key>>>,
}

impl Keys {
    /// These keys.
    #[must_use]
    pub fn of(mut ids: Vec<Id<noun::Key>>) -> Self {
        ids.sort_unstable();
        let text: String = ids.iter().map(|id| format!("{id}\n")).collect();
        Self {
            count: ids.len() as u64,
            sha256: digest::hex(&digest::sha256(text.as_bytes())),
            ids: (ids.len() <= MAX_IDS).then_some(ids),
        }
    }
}

/// The root that forgot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// What kind of root it is.
    pub kind: String,
    /// The thumbprint of its key.
    pub key: String,
}

/// What became of the recovery package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "package", rename_all = "snake_case", deny_unknown_fields)]
pub enum Package {
    /// No recovery is set up.
    None,
    /// It was written anew without the keys.
    Rewritten {
        /// Which writing of it this was.
        generation: u64,
        /// SHA-256 of the file, in hexadecimal.
        sha256: String,
    },
    /// It was overwritten and removed, and the recovery ended.
    Removed,
}

/// Copies that may be somewhere and that nobody here can destroy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "copies", rename_all = "snake_case", deny_unknown_fields)]
pub enum Copies {
    /// Older copies of the root's record: backups, snapshots of its file, what a disk kept of it. With a copy of the
    /// database they open the keys again.
    RootRecords,
    /// Older recovery packages. A quorum of the custodians of their setup opens them.
    RecoveryPackages {
        /// The setups whose packages held the keys.
        setups: Vec<Id<noun::Ceremony>>,
    },
    /// Keys that were exported, each sealed to a recipient.
    ExportedKeys {
        /// Which.
        keys: Vec<Id<noun::Key>>,
    },
    /// What was revealed, and keys of whole columns that were released to readers, before the shredding.
    Revealed,
}

impl Certificate {
    /// The bytes that are signed: canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// Where JSON cannot hold it, which is a fault of ours.
    pub fn canonical(&self) -> Result<Vec<u8>, crypto::Error> {
        let malformed =
            |_| crypto::Error::Malformed { what: "shred certificate", why: "JSON cannot hold it" };
        // `serde_json::Value` keeps names sorted, and there are no fractions.
        Ok(serde_json::to_value(self).map_err(malformed)?.to_string().into_bytes())
    }

    /// Reads a certificate, once its signature is this key's.
    ///
    /// # Errors
    /// [`crypto::Error::WrongSignature`], [`crypto::Error::Malformed`].
    pub fn verify(provider: &dyn Provider, root: &VerifyingKey, signed: &Jws) -> Result<Self, crypto::Error> {
        let payload = signed.verify(provider, root, TYPE)?;
        let malformed = |why| crypto::Error::Malformed { what: "shred certificate", why };
        let certificate: Self = serde_json::from_slice(&payload)
            .map_err(|_| malformed("it has not exactly the members of its format"))?;
        if certificate.format != FORMAT || certificate.root.key != root.thumbprint() {
            return Err(malformed("it is of another format or names another root"));
        }
        if certificate.canonical()? != payload {
            return Err(malformed("it is not canonical"));
        }
        Ok(certificate)
    }
}
