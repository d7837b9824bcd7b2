//! What can be asked of Nexora: one name per decision that `policy` makes.
//!
//! The names are vocabulary, not rules: who may do what stands in `services/policy`. They live here
//! because `policy` decides them, `api` names one in each operation, and a refusal in the ledger
//! repeats it, and those three may not use each other.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// One thing that can be asked. In text `noun.verb`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Action {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }
        impl Action {
            /// Every action, for tables and ratchets.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The action's code, `noun.verb`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

actions! {
    /// Create an organization and its first person.
    OrganizationsCreate = "organizations.create",
    /// Send events to be judged.
    EventsSend = "events.send",
    /// Read events as they arrive.
    EventsTail = "events.tail",
    /// List and show identities.
    IdentitiesRead = "identities.read",
    /// Cut an identity off.
    IdentitiesQuarantine = "identities.quarantine",
    /// Undo a quarantine.
    IdentitiesRelease = "identities.release",
    /// Put an identity on, or take it off, the list that is never cut automatically.
    IdentitiesProtect = "identities.protect",
    /// Issue a credential.
    CredentialsIssue = "credentials.issue",
    /// List credentials (never their secrets).
    CredentialsRead = "credentials.read",
    /// Revoke a credential.
    CredentialsRevoke = "credentials.revoke",
    /// List and show findings, with their evidence.
    FindingsRead = "findings.read",
    /// Read how far the response goes by itself.
    ResponseRead = "response.read",
    /// Change how far the response goes by itself.
    ResponseSet = "response.set",
    /// List datasets and read their public keys.
    DatasetsRead = "datasets.read",
    /// Protect fields of a dataset.
    DatasetsProtect = "datasets.protect",
    /// Reveal protected fields of a dataset.
    DatasetsReveal = "datasets.reveal",
    /// Register a producer's signing key.
    ProducersAdd = "producers.add",
    /// List registered producers.
    ProducersRead = "producers.read",
    /// Take a producer's signing key off the register.
    ProducersRevoke = "producers.revoke",
    /// Create a dataset, or change its field policy.
    DatasetsCreate = "datasets.create",
    /// List and show keys (never their private halves) and what goes on with them.
    KeysRead = "keys.read",
    /// Generate a new version of a key.
    KeysCreate = "keys.create",
    /// Make a generated version the one in use.
    KeysActivate = "keys.activate",
    /// Generate a new version and put it in use, or set when that happens by itself.
    KeysRotate = "keys.rotate",
    /// Wrap private halves anew, without touching data.
    KeysRewrap = "keys.rewrap",
    /// Protect data of old versions anew.
    KeysReencrypt = "keys.reencrypt",
    /// Suspend a key: nothing opens with it until it is resumed.
    KeysSuspend = "keys.suspend",
    /// Resume a suspended key.
    KeysResume = "keys.resume",
    /// Destroy a version that nothing refers to.
    KeysDestroy = "keys.destroy",
    /// Ask to export a secret key, sealed to a recipient.
    KeysExport = "keys.export",
    /// Approve another person's request to export a key.
    KeysApproveExport = "keys.approve_export",
    /// Release the key of a whole protected column to a reader that decrypts it itself.
    KeysRelease = "keys.release",
    /// Declare a breach: suspend keys at once.
    BreachesDeclare = "breaches.declare",
    /// Undo a declared breach.
    BreachesUndo = "breaches.undo",
    /// Ask to shred a dataset's or the organization's keys for good.
    ShredsRequest = "shreds.request",
    /// Approve another person's request to shred.
    ShredsApprove = "shreds.approve",
    /// Cancel a request to shred.
    ShredsCancel = "shreds.cancel",
    /// Name custodians and deal shares of a new recovery key.
    RecoverySetUp = "recovery.set_up",
    /// Approve another person's choice of custodians.
    RecoveryApproveSetUp = "recovery.approve_set_up",
    /// Cancel a choice of custodians that nobody has approved.
    RecoveryCancelSetUp = "recovery.cancel_set_up",
    /// Write the recovery package anew at once.
    RecoveryRepackage = "recovery.repackage",
    /// Begin a recovery ceremony or a rehearsal of one.
    RecoveryBegin = "recovery.begin",
    /// Give a custodian's share to a ceremony.
    RecoveryApprove = "recovery.approve",
    /// End a ceremony that has its quorum: restore.
    RecoveryRestore = "recovery.restore",
    /// Read the ledger and what waits to be published.
    LedgerRead = "ledger.read",
    /// Search an organization's ledger.
    LedgerSearch = "ledger.search",
    /// Say how long a ledger's entries are kept, and place or lift a legal hold.
    LedgerRetain = "ledger.retain",
    /// Erase the details of entries.
    LedgerErase = "ledger.erase",
    /// Replace the keys that sign a ledger.
    LedgerRotate = "ledger.rotate",
    /// Begin a new origin where a ledger is behind what others saw of it.
    LedgerRestart = "ledger.restart",
    /// Read the state of the node and of the organization.
    Diagnose = "node.diagnose",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
