//! Why an event was not taken: a code for machines and a sentence for people.

use crate::Format;
use base::{Fault, Kind};

/// One event that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its place in what was sent, from 0, rejected ones counted.
    pub index: usize,
    /// Why.
    pub reason: Reason,
}

/// Why an event was not taken. It repeats no value of the event, only names and positions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// More than [`record::MAX_BYTES`](crate::record::MAX_BYTES).
    #[error("the event has {bytes} bytes; an event may have 1 MiB (1048576)")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Nested deeper than [`record::MAX_DEPTH`](crate::record::MAX_DEPTH).
    #[error("the event nests deeper than 64 levels, first at byte {at} of the event")]
    TooDeep {
        /// Where the 65th level opens.
        at: usize,
    },
    /// Not UTF-8.
    #[error("the event is not UTF-8 at byte {at} of the event")]
    NotText {
        /// The first wrong byte.
        at: usize,
    },
    /// Not JSON.
    #[error("the event is not JSON at byte {at} of the event")]
    NotJson {
        /// Where the parser stopped.
        at: usize,
    },
    /// JSON, but no object.
    #[error("the event is not a JSON object")]
    NotObject,
    /// One name twice in an object: two readers would see two different events.
    #[error("the event has the name `{name}` twice in one object")]
    DuplicateName {
        /// The name, cut to 64 characters.
        name: String,
    },
    /// No format is known that looks like this.
    #[error("the event is of no format known here (known: {})", Format::recognised())]
    UnknownFormat,
    /// Another format than its credential was issued for.
    #[error("the event is of format {found}; this credential sends {expected}")]
    WrongFormat {
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A field that the format always has is missing.
    #[error("the event has no `{field}`")]
    Missing {
        /// Its path.
        field: &'static str,
    },
    /// A field holds what it cannot hold.
    #[error("the event's `{field}` is not {expected}")]
    Malformed {
        /// Its path.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// It speaks for an account that its credential is not bound to.
    #[error("the event speaks for an account that this credential may not speak for")]
    ForeignAccount,
}

impl Reason {
    /// The reason as a code in snake case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
            Self::NotText { .. } => "not_text",
            Self::NotJson { .. } => "not_json",
            Self::NotObject => "not_object",
            Self::DuplicateName { .. } => "duplicate_name",
            Self::UnknownFormat => "unknown_format",
            Self::WrongFormat { .. } => "wrong_format",
            Self::Missing { .. } => "missing_field",
            Self::Malformed { .. } => "malformed_field",
            Self::ForeignAccount => "foreign_account",
        }
    }
}

impl Fault for Reason {
    fn kind(&self) -> Kind {
        match self {
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::ForeignAccount => Kind::Refused,
            _ => Kind::BadInput,
        }
    }
}
