//! What can go wrong with credentials.

use crate::Malformed;
use base::{Actor, Fault, Id, Kind, noun};
use standing::Refusal;

/// A failure of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no credential.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Unknown, revoked, expired or of another organization: which of them is not told.
    #[error("the credential is not valid: it was revoked, has expired or was never issued")]
    NotValid,
    /// The credential holds, and its identity must not act. To put the refusal on record, make a context
    /// for this actor and ask `policy`, which refuses for the same reason.
    #[error("{refusal}")]
    Standing {
        /// Who it is.
        actor: Actor,
        /// Why not.
        refusal: Refusal,
    },
    /// The permit does not allow it.
    #[error(transparent)]
    Refused(#[from] policy::Refused),
    /// No credential of that id in this organization.
    #[error("there is no credential {0}: list them with `nexora credentials ls`")]
    NotFound(Id<noun::Credential>),
    /// No identity of that id in this organization's inventory.
    #[error("there is no identity {0} to issue a credential to: list them with `nexora identities ls`")]
    NoIdentity(Id<noun::Identity>),
    /// A kind that nobody asks for by name.
    #[error("an administrator secret is made as the platform starts, and not issued")]
    NotIssued,
    /// Without it, nobody could change anything in the organization any more.
    #[error("this is the last credential with the role org_admin: issue another one first")]
    LastAdministrator,
    /// The organization has its first person already.
    #[error(
        "the organization has its first person already: sign in as an org_admin to issue more credentials"
    )]
    NotFirst,
    /// Only the holder of the administrator secret.
    #[error("this takes the one-time administrator secret")]
    NotAdministrator,
    /// The page's beginning is not one that a list gave.
    #[error("not the beginning of a page: pass on what `next` of the page before gave")]
    BadPage,
    /// A row does not read.
    #[error("a stored credential does not read: the file is damaged or was written by a newer release")]
    Damaged,
    /// The inventory said no.
    #[error("the identity could not be looked up")]
    Identities(#[source] identities::Error),
    /// The store said no.
    #[error("credentials could not be read or written")]
    Store(#[from] store::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed(_) | Self::NotValid => Kind::NotSignedIn,
            Self::Standing { refusal, .. } => refusal.kind(),
            Self::Refused(refused) => refused.kind(),
            Self::NotFound(_) | Self::NoIdentity(_) => Kind::NotFound,
            Self::NotIssued | Self::NotAdministrator => Kind::Refused,
            Self::LastAdministrator | Self::NotFirst => Kind::Conflict,
            Self::BadPage => Kind::BadInput,
            Self::Damaged => Kind::Internal,
            Self::Identities(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn is_refusal(&self) -> bool {
        matches!(self.kind(), Kind::Refused | Kind::NotSignedIn)
            || matches!(self, Self::LastAdministrator | Self::NotFirst)
    }
}
