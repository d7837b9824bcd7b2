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
    /// Identities that say the least were taken out of the inventory, which had no room for others.
    IdentitiesEvicted = "identities.evicted",
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
    /// A producer's signing key was taken off the register.
    ProducerRevoked = "producer.revoked",
    /// A dataset's field policy was set.
    DatasetPolicySet = "dataset.policy_set",
    /// Somebody asked to protect a dataset's outputs anew, in the background.
    DatasetReencryptionAsked = "dataset.reencryption_asked",
    /// A protected output was protected anew under the keys in use.
    DatasetReencrypted = "dataset.reencrypted",
    /// A person said that a protected output is no more: its keys are not kept for its sake.
    DatasetOutputForgotten = "dataset.output_forgotten",
    /// A version of a key was put in use.
    KeyActivated = "key.activated",
    /// A key was rotated: a new version is in use.
    KeyRotated = "key.rotated",
    /// When a key rotates by itself was set.
    KeyRotationSet = "key.rotation_set",
    /// Private halves were wrapped anew.
    KeysRewrapped = "keys.rewrapped",
    /// A key was suspended.
    KeySuspended = "key.suspended",
    /// A suspended key was resumed.
    KeyResumed = "key.resumed",
    /// A version of a key was destroyed.
    KeyDestroyed = "key.destroyed",
    /// A person asked to export a secret key.
    KeyExportRequested = "key.export_requested",
    /// A secret key was exported, sealed to a recipient.
    KeyExported = "key.exported",
    /// The key of a whole protected column was released.
    KeyReleased = "key.released",
    /// A breach was declared: keys are suspended.
    BreachDeclared = "breach.declared",
    /// A declared breach was undone.
    BreachUndone = "breach.undone",
    /// A person asked to shred keys.
    ShredRequested = "shred.requested",
    /// A request to shred was approved by a second person.
    ShredApproved = "shred.approved",
    /// A request to shred was cancelled.
    ShredCancelled = "shred.cancelled",
    /// Keys were shredded; the entry names the certificate.
    KeysShredded = "keys.shredded",
    /// A person asked to set recovery up with custodians that the entry names.
    RecoveryRequested = "recovery.requested",
    /// A request to set recovery up was cancelled.
    RecoveryCancelled = "recovery.cancelled",
    /// Recovery was set up: custodians and commitments to their shares.
    RecoverySetUp = "recovery.set_up",
    /// A recovery was rehearsed.
    RecoveryRehearsed = "recovery.rehearsed",
    /// A recovery ceremony began.
    RecoveryBegun = "recovery.begun",
    /// A custodian gave its share to a ceremony.
    RecoveryApproved = "recovery.approved",
    /// The recovery package was written anew.
    RecoveryPackaged = "recovery.packaged",
    /// The recovery package was handed out; the entry names its hash.
    RecoveryPackageFetched = "recovery.package_fetched",
    /// A ceremony restored the organization's keys under a new root.
    RecoveryRestored = "recovery.restored",
    /// Versions of keys that a restore wrapped, regained or closed: a batch, each named with its change.
    KeysRestored = "keys.restored",
    /// A request was refused.
    AccessRefused = "access.refused",
    /// The public half of a dataset's key was handed out, to protect under without this node.
    KeyHandedOut = "key.handed_out",
    /// The record of the root of trust was backed up (in the platform's log).
    RootBackedUp = "root.backed_up",
    /// The record of the root of trust was restored from a backup (in the platform's log).
    RootRestored = "root.restored",
    /// A fresh root of trust was put in the place of one that is lost (in the platform's log).
    RootReplaced = "root.replaced",
    /// The keys that sign the log were replaced; the entry names the new ones, and both old and new signed that.
    LedgerKeysRotated = "ledger.keys_rotated",
    /// Which witnesses cosign the log was set; the entry names their keys and the quorum.
    LedgerWitnessesSet = "ledger.witnesses_set",
    /// A prefix of the log has expired and is gone; the entry names the first index that is still there.
    LedgerPruned = "ledger.pruned",
    /// A person searched the ledger.
    LedgerSearched = "ledger.searched",
    /// Checkpoints of organizations' logs, as the platform saw them (in the platform's log).
    CheckpointsRecorded = "checkpoints.recorded",
    /// How long entries are kept was set.
    RetentionSet = "retention.set",
    /// A legal hold was placed: nothing expires.
    HoldPlaced = "hold.placed",
    /// A legal hold was lifted.
    HoldLifted = "hold.lifted",
    /// The details of entries were erased, with their salts.
    DetailsErased = "details.erased",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
