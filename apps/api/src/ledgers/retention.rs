//! How long a ledger's entries are kept, what holds them, and erasing their details.

use crate::operation::{Nothing, operations};
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Shows how long entries are kept, the legal holds that stand, and what has expired.
    ShowRetention: "ledger.retention", Get "/api/v1/ledger/retention", LedgerRead, None, Nothing => Retention;
    /// Sets how long entries are kept, counted from their arrival; a shorter time takes effect after seven days.
    SetRetention: "ledger.set_retention", Post "/api/v1/ledger/retention", LedgerRetain,
        Some(Kind::RetentionSet), SetRetentionRequest => Retention;
    /// Places a legal hold: until it is lifted, nothing of the ledger expires or is erased.
    PlaceHold: "ledger.place_hold", Post "/api/v1/ledger/holds", LedgerRetain, Some(Kind::HoldPlaced),
        PlaceHoldRequest => Hold;
    /// Lifts a legal hold.
    LiftHold: "ledger.lift_hold", Post "/api/v1/ledger/holds/{hold}/lift", LedgerRetain,
        Some(Kind::HoldLifted), LiftHoldRequest => Retention;
    /// Erases the details of entries, with their salts; the entries stay.
    Erase: "ledger.erase", Post "/api/v1/ledger/erase", LedgerErase, Some(Kind::DetailsErased),
        EraseRequest => Erased;
}

/// How long entries are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Retention {
    /// For how many days from their arrival on.
    pub days: u32,
    /// Whether the organization has set that; else it is what everyone has.
    pub set: bool,
    /// Where that is a shorter time than before: how long they are still kept, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still: Option<Still>,
    /// The holds that stand, oldest first.
    pub holds: Vec<Hold>,
    /// The first entry of the log that is kept.
    pub minimum: u64,
}

/// A longer time that holds until a shorter one takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Still {
    /// For how many days from their arrival on.
    pub days: u32,
    /// Until when.
    #[schemars(with = "String")]
    pub until: Timestamp,
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Hold>,
    /// Why it was placed.
    pub reason: String,
    /// When.
    #[schemars(with = "String")]
    pub placed_at: Timestamp,
}

/// For how long to keep entries.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRetentionRequest {
    /// In days, 30 to 36,525.
    pub days: u32,
}

/// Why a hold is placed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceHoldRequest {
    /// In your words, 1 to 1,024 bytes.
    pub reason: String,
}

/// Which hold.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftHoldRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub hold: Id<noun::Hold>,
}

/// Whose details to erase: of entries by their positions, or of all that a search finds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// Positions of entries, each as `N` or as `FIRST-LAST`; those of an earlier log as `G/N` or `G/FIRST-LAST`.
    #[serde(default)]
    pub entries: Vec<String>,
    /// All entries of this actor, as in a search.
    #[serde(default)]
    pub actor: Option<String>,
    /// All entries in which this identity acted, was acted on, or is named.
    #[schemars(with = "Option<String>")]
    #[serde(default)]
    pub identity: Option<Id<noun::Identity>>,
    /// All entries about this object, or in whose facts it is named.
    #[serde(default)]
    pub object: Option<String>,
    /// Why, in your words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    /// The position of the (first) entry that says so.
    pub entry: u64,
    /// The details of how many entries.
    pub erased: u64,
    /// Whether their bytes have left the database's files already; else a background step finishes that.
    pub complete: bool,
    /// How many entries a search covered, from the first on; absent where entries were named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered: Option<u64>,
    /// How many of these are entries of earlier logs, which have ended.
    pub earlier: u64,
}
