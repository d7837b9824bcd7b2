//! Sigma 2.1.0: from the YAML of a rule to a tree of tests that is evaluated without allocation.
//!
//! What the specification says and this engine does not do yet is refused by name ([`Reason`]), so that
//! a rule that loads means what its author meant.
//!
//! Decisions where the specification leaves room, or other engines differ:
//! - `exists` asks whether the field is there; a field that is there and null exists.
//! - `field: null` matches a field that is null or missing.
//! - A keyword is searched in every value of the event, numbers and booleans in their JSON text.
//! - A field that holds an object has no text: no string test matches it.
//! - A field that holds an array, or is reached through one, matches where any of its elements does.
//! - `*` and `?` match line breaks too.
//! - Case is folded character by character (Unicode, simple lower case).

pub(crate) mod condition;
pub(crate) mod correlation;
pub(crate) mod expr;
pub(crate) mod keywords;
pub(crate) mod matcher;
pub(crate) mod modifier;
pub(crate) mod reference;
pub(crate) mod rule;
pub(crate) mod text;
pub(crate) mod time;

pub use correlation::Correlation;
pub use rule::{Pattern, Rule};

/// Why a rule was not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The text is larger than a rule may be.
    #[error("the rule is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The text is not YAML.
    #[error("not valid YAML: {0}")]
    Yaml(String),
    /// The document lacks something that every rule has, or has it in a wrong form.
    #[error("`{key}`: {problem}")]
    Shape {
        /// Which key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A part of Sigma that this engine does not have.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A value that its modifier cannot take.
    #[error("`{field}`: {problem}")]
    Value {
        /// The field with its modifiers.
        field: String,
        /// What is wrong with the value.
        problem: String,
    },
    /// The condition cannot be read.
    #[error("condition `{condition}`: {problem}")]
    Condition {
        /// The condition as written.
        condition: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A correlation or a filter names rules that it cannot have.
    #[error("it refers to {name}, {problem}")]
    Reference {
        /// The id or name of the rule.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Another rule of the same pack has this id.
    #[error("the id {id} is also that of {other}")]
    SameId {
        /// The id.
        id: String,
        /// The path of the rule that has it.
        other: String,
    },
}
