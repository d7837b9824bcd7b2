//! Operations on recovery: custodians, their shares, and the ceremonies in which they put them together.

use crate::operation::{Input, Nothing, Output, operations};
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

operations! {
    /// Asks to set recovery up with these custodians. Nothing is dealt before another person approves.
    SetUp: "recovery.set_up", Post "/api/v1/recovery", RecoverySetUp, Some(Kind::RecoveryRequested),
        SetUpRequest => SetUpOnRecord;
    /// Approves another person's choice of custodians: deals shares of a new recovery key, each sealed to its
    /// custodian's own key. A rehearsal ends the setup.
    ApproveSetUp: "recovery.approve_set_up", Post "/api/v1/recovery/requests/{approval}/approve",
        RecoveryApproveSetUp, Some(Kind::RecoverySetUp), SetUpApproval => Recovery;
    /// Cancels a choice of custodians that nobody has approved.
    CancelSetUp: "recovery.cancel_set_up", Post "/api/v1/recovery/requests/{approval}/cancel",
        RecoveryCancelSetUp, Some(Kind::RecoveryCancelled), SetUpApproval => SetUpOnRecord;
    /// Shows who the custodians are, their sealed shares, and whether it was rehearsed.
    Show: "recovery.show", Get "/api/v1/recovery", KeysRead, None, Nothing => RecoveryReply;
    /// Fetches the recovery package: the organization's private keys under the recovery key, to be kept elsewhere.
    Package: "recovery.package", Get "/api/v1/recovery/package", KeysRead, Some(Kind::RecoveryPackageFetched),
        Nothing => Nothing, gives Output::Bytes(BYTES);
    /// Writes the recovery package anew at once, as it is written anyway a moment after a key changed.
    Repackage: "recovery.repackage", Post "/api/v1/recovery/package", RecoveryRepackage,
        Some(Kind::RecoveryPackaged), Nothing => Recovery;
    /// Begins a ceremony: a rehearsal, or a restore, with a package where this node has none.
    Begin: "recovery.begin", Post "/api/v1/recovery/ceremonies", RecoveryBegin, Some(Kind::RecoveryBegun),
        BeginRequest => Ceremony, takes Input::Bytes(BYTES);
    /// Shows a ceremony.
    ShowCeremony: "recovery.ceremony", Get "/api/v1/recovery/ceremonies/{ceremony}", KeysRead, None,
        CeremonyRequest => Ceremony;
    /// Gives a custodian's share to a ceremony. A rehearsal ends by itself with the quorum.
    Approve: "recovery.approve", Post "/api/v1/recovery/ceremonies/{ceremony}/approve", RecoveryApprove,
        Some(Kind::RecoveryApproved), ApproveRequest => Ceremony;
    /// Ends a ceremony that has its quorum: the keys are wrapped under this root of trust, and new shares are
    /// dealt.
    Restore: "recovery.restore", Post "/api/v1/recovery/ceremonies/{ceremony}/restore", RecoveryRestore,
        Some(Kind::RecoveryRestored), RestoreRequest => Restoration;
}

const BYTES: &str = "application/octet-stream";

/// Who gets shares, and how many it takes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUpRequest {
    /// How many shares open the package, at least 2.
    pub threshold: u8,
    /// The custodians' public keys, as `nexora keys recovery custodian` prints them.
    pub custodians: Vec<Value>,
}

/// Which request to set recovery up.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUpApproval {
    /// Its id.
    #[schemars(with = "String")]
    pub approval: Id<noun::Approval>,
}

/// A setup that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetUpOnRecord {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Approval>,
    /// How many shares it will take.
    pub threshold: u8,
    /// Who will be custodians.
    pub custodians: Vec<CustodianToBe>,
    /// Who asked.
    #[schemars(with = "String")]
    pub requested_by: Id<noun::Person>,
    /// When.
    #[schemars(with = "String")]
    pub requested: Timestamp,
    /// Until when another person may approve.
    #[schemars(with = "String")]
    pub expires: Timestamp,
}

/// One who is to hold a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustodianToBe {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Custodian>,
    /// Its name.
    pub name: String,
    /// The fingerprint of its key, which it reads out and whoever approves compares.
    pub fingerprint: String,
}

/// Whether a recovery was set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryReply {
    /// The setup in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// The setups that wait for another person's approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requested: Vec<SetUpOnRecord>,
}

/// A setup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recovery {
    /// Its id.
    #[schemars(with = "String")]
    pub setup: Id<noun::Ceremony>,
    /// How many shares it takes.
    pub threshold: u8,
    /// The custodians.
    pub custodians: Vec<Custodian>,
    /// When it was set up.
    #[schemars(with = "String")]
    pub set_up: Timestamp,
    /// When it was last rehearsed with a quorum.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsed: Option<Timestamp>,
    /// Whether the package holds every key that there is now.
    pub current: bool,
    /// The sealed shares, each for its custodian alone.
    pub shares: Vec<Value>,
    /// How many keys the package lacks because the root of trust did not open them as it was written.
    #[serde(default)]
    pub left_out: u64,
    /// Earlier packages that are kept until this setup is rehearsed, or because they alone have keys: a restore may
    /// begin with one. Each is named by its setup, or by setup and generation (`SETUP.GENERATION`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
    /// That the shares are dealt, and the package could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwritten: Option<Unwritten>,
}

/// A recovery package that could not be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unwritten {
    /// The file, below the node's data directory.
    pub file: String,
    /// Why it could not be written.
    pub why: String,
    /// What to do.
    pub next: String,
}

/// One who holds a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Custodian {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Custodian>,
    /// Its name.
    pub name: String,
    /// The number of its share, from 1.
    pub share: u8,
}

/// Which ceremony to begin. For a restore the body may hold a package.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginRequest {
    /// What it is for.
    pub aim: Aim,
    /// The earlier package that it is over, in place of the one that the node has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<String>,
    /// That the package may lack keys which others that the node has hold: a restore closes these.
    #[serde(default)]
    pub older: bool,
}

/// What a ceremony is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// To see that the shares open the package; nothing is changed.
    Rehearsal,
    /// To wrap the organization's keys under this root of trust.
    Restore,
}

/// Which ceremony.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CeremonyRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub ceremony: Id<noun::Ceremony>,
}

/// Which ceremony to carry out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub ceremony: Id<noun::Ceremony>,
    /// That its package may lack keys which the one in place has: these are closed.
    #[serde(default)]
    pub older: bool,
}

/// A custodian's share for a ceremony.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// The ceremony's id.
    #[schemars(with = "String")]
    pub ceremony: Id<noun::Ceremony>,
    /// The share sealed to the ceremony, as `nexora keys recovery open-share` writes it.
    pub contribution: Value,
}

/// A ceremony.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ceremony {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Ceremony>,
    /// What it is for.
    pub aim: Aim,
    /// How it stands.
    pub state: String,
    /// How many shares it takes.
    pub threshold: u8,
    /// Who has given a share.
    pub approved: Vec<String>,
    /// Until when.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// The fingerprint of its one-time key, which each custodian compares before it gives its share.
    pub fingerprint: String,
    /// What a custodian's `open-share` is given.
    pub invitation: Value,
    /// The sealed shares, in the package: for a custodian that has lost its own copy.
    pub shares: Vec<Value>,
}

/// A restore that was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Restoration {
    /// How many keys are under this root of trust now.
    pub keys: u64,
    /// How many of them the database had lost.
    pub regained: u64,
    /// What the package has keys of and stays shredded.
    pub shredded: Vec<String>,
    /// Keys that the database has and the package has not: made after it was written.
    pub missing: Vec<String>,
    /// The new setup, with new shares.
    pub recovery: Recovery,
    /// Why the node did not open the organization with its keys; absent where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
}
