//! Operations on breaches: keys suspended at once, and resumed when it was none.

use crate::Page;
use crate::operation::operations;
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

operations! {
    /// Declares a breach: every key in its scope is suspended at once, and nothing opens with it.
    Declare: "breaches.declare", Post "/api/v1/breaches", BreachesDeclare, Some(Kind::BreachDeclared),
        DeclareRequest => Breach;
    /// Undoes a declared breach: the keys that it suspended open again.
    Undo: "breaches.undo", Post "/api/v1/breaches/undo", BreachesUndo, Some(Kind::BreachUndone),
        UndoRequest => Breach;
    /// Lists breaches that hold.
    List: "breaches.ls", Get "/api/v1/breaches", KeysRead, None, crate::operation::Nothing => Page<Breach>;
}

/// Whose keys: a dataset's, or all of the organization's. One of the two is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All keys of the organization.
    #[default]
    Organization,
    /// The keys of the dataset of this name.
    Dataset(String),
}

/// What was breached.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclareRequest {
    /// Whose keys.
    pub scope: Scope,
    /// What happened, for the record.
    pub reason: String,
}

/// What was no breach, or is over.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// Whose keys: the scope that was declared.
    pub scope: Scope,
}

/// A declared breach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Breach {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Breach>,
    /// The dataset whose keys are suspended; absent where all of the organization's are.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Id<noun::Dataset>>,
    /// What happened.
    pub reason: String,
    /// Who declared it.
    #[schemars(with = "String")]
    pub declared_by: Id<noun::Person>,
    /// When it was declared.
    #[schemars(with = "String")]
    pub declared: Timestamp,
    /// Who undid it.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<Id<noun::Person>>,
    /// When it was undone.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Timestamp>,
}
