//! The port [`RootOfTrust`]: what stands above every key.

use base::{Fault, Id, Kind, Secret, noun};
use crypto::{jws::Jws, sign::VerifyingKey};
use futures::future::BoxFuture;
use std::{fmt, str::FromStr};

/// What the root keeps one record for. Forgetting the record shreds everything under the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// An organization.
    Organization(Id<noun::Organization>),
    /// One dataset of an organization.
    Dataset(Id<noun::Organization>, Id<noun::Dataset>),
    /// What an organization is accountable with and opens no data: the keys that sign its log, and the key of its
    /// redactions. Shredding the organization leaves this unit, so that its ledger goes on and stays provable.
    Log(Id<noun::Organization>),
}

impl Unit {
    /// Whose unit it is.
    #[must_use]
    pub const fn organization(self) -> Id<noun::Organization> {
        match self {
            Self::Organization(organization) | Self::Dataset(organization, _) | Self::Log(organization) => {
                organization
            }
        }
    }

    /// Whether forgetting this unit forgets `other`: itself, and an organization's datasets with it.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Organization(ours), Self::Dataset(theirs, _)) => ours == theirs,
            _ => self == other,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(organization) => write!(f, "{organization}"),
            Self::Dataset(organization, dataset) => write!(f, "{organization}/{dataset}"),
            Self::Log(organization) => write!(f, "{organization}/log"),
        }
    }
}

impl FromStr for Unit {
    type Err = base::id::WrongId;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('/') {
            None => Self::Organization(text.parse()?),
            Some((organization, "log")) => Self::Log(organization.parse()?),
            Some((organization, dataset)) => Self::Dataset(organization.parse()?, dataset.parse()?),
        })
    }
}

/// Keeps a random record per unit, where no database and no backup of the data directory holds it, and wraps
/// private keys under it. A unit has several records where those of two roots of the same data were brought together: the
/// first wraps, and each unwraps what was wrapped under it. Every call either has its whole effect, durably, or fails; after a failure the caller
/// does not know which, and calling again is safe.
pub trait RootOfTrust: Send + Sync + 'static {
    /// Makes the unit's record, durably, before it returns. Does nothing where there is one; refuses a unit that
    /// was forgotten ([`RootError::Forgotten`]).
    fn enroll(&self, unit: Unit) -> BoxFuture<'_, Result<(), RootError>>;

    /// Whether it has a record of the unit. Opens nothing, and costs next to nothing: a start asks it for every dataset.
    fn knows(&self, unit: Unit) -> BoxFuture<'_, Result<bool, RootError>>;

    /// Wraps a secret under the unit's record. Only the same unit and `bound` unwrap it.
    fn wrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        secret: &'a Secret<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Vec<u8>, RootError>>;

    /// Unwraps a secret, whichever of the unit's records it was wrapped under.
    fn unwrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Secret<Vec<u8>>, RootError>>;

    /// Forgets every record of every unit that this one [covers](Unit::covers), durably, before it returns, and keeps
    /// in mind that it did: the unit is never enrolled again, and a restored older copy of the records does not
    /// bring it back here. Does nothing more where that was done, and is no error for a unit it never had.
    fn forget(&self, unit: Unit) -> BoxFuture<'_, Result<(), RootError>>;

    /// The root's own signature over these bytes, by the key that [`attest`](Self::attest) names. For certificates
    /// of shredding and attestations only.
    fn sign<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, RootError>>;

    /// What the root is and the key that verifies what it signs, as a statement signed by that key.
    fn attest(&self) -> BoxFuture<'_, Result<Attestation, RootError>>;

    /// Whether it answers, and what it is.
    fn health(&self) -> BoxFuture<'_, Result<Health, RootError>>;
}

/// What a root says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What kind of root it is, such as `sealed file`.
    pub kind: &'static str,
    /// How many units it has a record of.
    pub units: usize,
}

/// A root's statement about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// What kind of root it is, such as `sealed file`.
    pub kind: &'static str,
    /// What verifies its signatures.
    pub key: VerifyingKey,
    /// The statement (`docs/formats/root.md`), of type [`Attestation::TYPE`], signed by `key`.
    pub statement: Jws,
}

impl Attestation {
    /// The `typ` of the signed statement.
    pub const TYPE: &'static str = "nexora-root-attestation+json";
}

/// A failure of the root of trust.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The unit has no record: it was never enrolled, or it was shredded.
    #[error("the root of trust has no record of {unit}: it was shredded, or this is another root")]
    UnknownUnit {
        /// Which unit.
        unit: Unit,
    },
    /// The unit's record was forgotten, and is not made again.
    #[error("the keys of {unit} were shredded: nothing brings them back, and the name is not used again")]
    Forgotten {
        /// Which unit.
        unit: Unit,
    },
    /// A backup is of a root that stands above other data than the root in place.
    #[error(
        "the backup is of another root: it knows none of the organizations that the root in place, or the data, knows; nothing was changed"
    )]
    OtherRoot,
    /// What was wrapped does not unwrap.
    #[error("a key does not open under the root of trust: it is damaged, or this is another root")]
    DoesNotOpen,
    /// The passphrase is wrong.
    #[error("the passphrase does not open the root of trust")]
    WrongPassphrase,
    /// The root's file is no such file.
    #[error("the root of trust's file is damaged")]
    Damaged(#[source] crypto::Error),
    /// The root's content is not what this release reads.
    #[error("the root of trust's content does not read: it was written by another release")]
    Content,
    /// The root's file cannot be read or written.
    #[error("the root of trust's file cannot be read or written")]
    Io(#[from] std::io::Error),
}

impl Fault for RootError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownUnit { .. } => Kind::NotFound,
            Self::Forgotten { .. } | Self::OtherRoot => Kind::Conflict,
            Self::WrongPassphrase => Kind::NotSignedIn,
            Self::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => Kind::Full,
            Self::Io(_) => Kind::Unavailable,
            Self::DoesNotOpen | Self::Damaged(_) | Self::Content => Kind::Internal,
        }
    }

    /// What is shredded stays shut.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Forgotten { .. } | Self::WrongPassphrase)
    }
}
