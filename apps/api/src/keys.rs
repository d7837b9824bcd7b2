//! Operations on keys: every version of each, where it stands in its life, and who takes it further.

use crate::Page;
use crate::operation::{Nothing, operations};
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Lists keys, every version, never their private halves.
    List: "keys.ls", Get "/api/v1/keys", KeysRead, None, ListRequest => Page<Key>;
    /// Shows one version of a key, and what refers to it.
    Show: "keys.show", Get "/api/v1/keys/{key}", KeysRead, None, KeyRequest => Shown;
    /// Makes a new version of a key, which is not in use yet.
    Create: "keys.create", Post "/api/v1/keys/{key}/versions", KeysCreate, Some(Kind::KeyGenerated),
        VersionRequest => Key;
    /// Puts a version that was made in use; the one before it only opens from then on.
    Activate: "keys.activate", Post "/api/v1/keys/{key}/activate", KeysActivate, Some(Kind::KeyActivated),
        KeyRequest => Key;
    /// Makes a new version and puts it in use.
    Rotate: "keys.rotate", Post "/api/v1/keys/{key}/rotate", KeysRotate, Some(Kind::KeyRotated),
        VersionRequest => Key;
    /// Sets when a key rotates by itself.
    SetRotation: "keys.set_rotation", Put "/api/v1/keys/{key}/rotation", KeysRotate,
        Some(Kind::KeyRotationSet), RotationRequest => Key;
    /// Wraps private halves anew, a batch at a time, without touching data.
    Rewrap: "keys.rewrap", Post "/api/v1/keys/rewrap", KeysRewrap, Some(Kind::KeysRewrapped),
        RewrapRequest => Rewrapped;
    /// Suspends a version: nothing opens with it until it is resumed.
    Suspend: "keys.suspend", Post "/api/v1/keys/{key}/suspend", KeysSuspend, Some(Kind::KeySuspended),
        KeyRequest => Key;
    /// Resumes a suspended version.
    Resume: "keys.resume", Post "/api/v1/keys/{key}/resume", KeysResume, Some(Kind::KeyResumed),
        KeyRequest => Key;
    /// Destroys a version that no output, package, share or other key refers to.
    Destroy: "keys.destroy", Post "/api/v1/keys/{key}/destroy", KeysDestroy, Some(Kind::KeyDestroyed),
        KeyRequest => Key;
    /// Asks to export a secret key, sealed to a recipient. Nothing leaves before another person approves.
    Export: "keys.export", Post "/api/v1/keys/{key}/export", KeysExport, Some(Kind::KeyExportRequested),
        ExportRequest => ExportOnRecord;
    /// Lists requests to export that hold.
    Exports: "keys.exports", Get "/api/v1/exports", KeysRead, None, Nothing => Page<ExportOnRecord>;
    /// Approves another person's request to export a key: the keyset, sealed to its recipient.
    ApproveExport: "keys.approve_export", Post "/api/v1/exports/{approval}/approve", KeysApproveExport,
        Some(Kind::KeyExported), ApprovalRequest => SealedExport;
    /// Fetches an approved export: the keyset, sealed to its recipient.
    FetchExport: "keys.fetch_export", Post "/api/v1/exports/{approval}/fetch", KeysExport,
        Some(Kind::KeyExported), ApprovalRequest => SealedExport;
}

/// Which keys.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// Only those of the dataset of this name.
    pub dataset: Option<String>,
    /// Only those for this purpose.
    pub purpose: Option<String>,
    /// Only those in this state.
    pub state: Option<String>,
    /// How many, 1 to 1,000; else 100.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Which version of a key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub key: Id<noun::Key>,
}

/// A new version of which key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionRequest {
    /// Any version of it.
    #[schemars(with = "String")]
    pub key: Id<noun::Key>,
    /// The suite of a key pair; else as before.
    #[serde(default)]
    pub suite: Option<String>,
}

/// When a key rotates by itself. What is absent is no reason.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationRequest {
    /// Any version of it.
    #[schemars(with = "String")]
    pub key: Id<noun::Key>,
    /// After so many days in use.
    #[serde(default)]
    pub every_days: Option<u32>,
    /// After so many uses.
    #[serde(default)]
    pub after_uses: Option<u64>,
}

/// Where to go on with wrapping anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RewrapRequest {
    /// The `next` of the batch before; else the first.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub after: Option<Id<noun::Key>>,
}

/// A batch of keys that were wrapped anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rewrapped {
    /// How many.
    pub keys: u64,
    /// How many of this batch do not open under the root of trust in place, and stay as they are.
    #[serde(default)]
    pub left: u64,
    /// Where the next batch begins; absent when all are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub next: Option<Id<noun::Key>>,
}

/// To whom a key is to be exported.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Which version.
    #[schemars(with = "String")]
    pub key: Id<noun::Key>,
    /// The recipient's X-Wing public key, base64.
    pub recipient: String,
}

/// Which request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub approval: Id<noun::Approval>,
}

/// A request to export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportOnRecord {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Approval>,
    /// Which version is to be exported.
    #[schemars(with = "String")]
    pub key: Id<noun::Key>,
    /// SHA-256 of the recipient's public key.
    pub recipient: String,
    /// Who asked.
    #[schemars(with = "String")]
    pub requested_by: Id<noun::Person>,
    /// When.
    #[schemars(with = "String")]
    pub requested: Timestamp,
    /// Until when it can be approved and fetched.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// Who approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub approved_by: Option<Id<noun::Person>>,
}

/// An exported key, sealed to its recipient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SealedExport {
    /// The sealed document.
    pub document: serde_json::Value,
}

/// One version of a key: everything but its private half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Key>,
    /// What it is for.
    pub purpose: String,
    /// The dataset it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub dataset: Option<Id<noun::Dataset>>,
    /// The field it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Which version, from 1.
    pub version: u32,
    /// `generated`, `active`, `retired`, `suspended` or `destroyed`.
    pub state: String,
    /// Its suite or algorithm.
    pub algorithm: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub created: Timestamp,
    /// When it was put in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub activated: Option<Timestamp>,
    /// When its private half was wrapped anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub rewrapped: Option<Timestamp>,
    /// How often it was used; never fewer than it was.
    pub uses: u64,
    /// After how many days it rotates by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u64>,
    /// After how many uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_uses: Option<u64>,
    /// When it does so next, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub rotates: Option<Timestamp>,
    /// That this version or one before it was exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported: Option<Exported>,
}

/// The mark of an export. It stays on the key for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exported {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Which version.
    pub version: u32,
    /// SHA-256 of the recipient's public key.
    pub to: String,
}

/// One version of a key in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The version.
    pub key: Key,
    /// How many protected outputs, recovery packages and shares name it.
    pub named_by: u64,
    /// How many versions of other keys are sealed to it.
    pub keys_under_it: u64,
    /// How often the root's record that it is wrapped under has wrapped; at 2,147,483,648 it wraps no more.
    pub wraps: u64,
}
