//! What an entry is about: one code per kind of decision on record.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// The kind of an entry. In text `noun.participle`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }
        impl Kind {
            /// Every kind, for tables and ratchets.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The kind's code, as it stands in the entry.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

kinds! {
    /// The log began; the entry names its verifier keys. Always entry 0, and only there.
    LedgerStarted = "ledger.started",
    /// An organization was created (in the platform's log).
    OrganizationCreated = "organization.created",
    /// A person was admitted to the organization.
    PersonAdmitted = "person.admitted",
    /// A credential was issued.
    CredentialIssued = "credential.issued",
    /// A credential was revoked.
    CredentialRevoked = "credential.revoked",
    /// A batch of identities was seen for the first time, or facts about them changed.
    IdentitiesDiscovered = "identities.discovered",
    /// An identity was put on the list that is never cut automatically.
    IdentityProtected = "identity.protected",
    /// An identity was taken off that list.
    IdentityUnprotected = "identity.unprotected",
    /// An identity was quarantined.
    IdentityQuarantined = "identity.quarantined",
    /// An identity was released from quarantine.
    IdentityReleased = "identity.released",
    /// A batch of findings was recorded.
    FindingsRecorded = "findings.recorded",
    /// The response to a batch of findings was decided without a change of standing: observed, proposed
    /// or left alone.
    ResponsesDecided = "responses.decided",
    /// The brake stopped a burst of automatic quarantines.
    ResponseBraked = "response.braked",
    /// How far the response goes by itself was changed.
    ResponseSet = "response.set",
    /// A key was generated.
    KeyGenerated = "key.generated",
    /// A producer's signing key was registered.
    ProducerAdded = "producer.added",
    /// A dataset was created.
    DatasetCreated = "dataset.created",
    /// Fields of a dataset were protected.
    DatasetProtected = "dataset.protected",
    /// A reveal was allowed, and begins.
    DatasetRevealed = "dataset.revealed",
    /// A running reveal was stopped.
    RevealStopped = "dataset.reveal_stopped",
    /// A request was refused.
    AccessRefused = "access.refused",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
