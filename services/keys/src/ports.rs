//! The port [`RootOfTrust`]: what stands above every key.

use base::{Fault, Id, Kind, Secret, noun};
use futures::future::BoxFuture;
use std::fmt;

/// What the root keeps one record for. Forgetting the record shreds everything under the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// An organization.
    Organization(Id<noun::Organization>),
    /// One dataset of an organization.
    Dataset(Id<noun::Organization>, Id<noun::Dataset>),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(organization) => write!(f, "{organization}"),
            Self::Dataset(organization, dataset) => write!(f, "{organization}/{dataset}"),
        }
    }
}

/// Keeps one random record per unit, where no database and no backup of the data directory holds it, and wraps
/// private keys under it.
pub trait RootOfTrust: Send + Sync + 'static {
    /// Makes the unit's record, durably, before it returns. Does nothing where there is one.
    fn enroll(&self, unit: Unit) -> BoxFuture<'_, Result<(), RootError>>;

    /// Wraps a secret under the unit's record. Only the same unit and `bound` unwrap it.
    fn wrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        secret: &'a Secret<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Vec<u8>, RootError>>;

    /// Unwraps a secret.
    fn unwrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Secret<Vec<u8>>, RootError>>;

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

/// A failure of the root of trust.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The unit has no record: it was never enrolled, or it was shredded.
    #[error("the root of trust has no record of {unit}: it was shredded, or this is another root")]
    UnknownUnit {
        /// Which unit.
        unit: Unit,
    },
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
            Self::WrongPassphrase => Kind::NotSignedIn,
            Self::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => Kind::Full,
            Self::Io(_) => Kind::Unavailable,
            Self::DoesNotOpen | Self::Damaged(_) | Self::Content => Kind::Internal,
        }
    }
}
