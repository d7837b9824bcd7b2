//! The error document: what a caller is told when a call fails.

use base::{Fault, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a call failed. The same document stands in the body of a failed reply and in the outcome of a
/// streamed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What sort of failure; decides the HTTP status and the exit code.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// What was wrong, with what, and what to do. For people; its wording may change.
    pub message: String,
    /// Where in the input: an index, a row, a column or a byte, named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The request's id: what finds it in the server's log and in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

impl Problem {
    /// A problem without a position.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), position: None, request: None }
    }

    /// The same problem at a position in the input.
    #[must_use]
    pub fn at(mut self, position: impl Into<String>) -> Self {
        self.position = Some(position.into());
        self
    }

    /// The problem that an error is to the caller: its message with the messages of its sources, once
    /// each. A fault of ours keeps its sources to itself, since they may name what a caller must not see.
    #[must_use]
    pub fn of(fault: &(impl Fault + ?Sized)) -> Self {
        let kind = fault.kind();
        let mut message = fault.to_string();
        let mut source = if kind == Kind::Internal { None } else { fault.source() };
        while let Some(error) = source {
            message.push_str(": ");
            message.push_str(&error.to_string());
            source = error.source();
        }
        Self::new(kind, message)
    }
}

impl Fault for Problem {
    fn kind(&self) -> Kind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;
    use base::{Fault, Kind};

    #[derive(Debug, thiserror::Error)]
    enum Wrong {
        #[error("cannot read the batch")]
        Input(#[source] std::num::ParseIntError),
        #[error("the store failed")]
        Ours(#[source] std::num::ParseIntError),
    }

    impl Fault for Wrong {
        fn kind(&self) -> Kind {
            match self {
                Self::Input(_) => Kind::BadInput,
                Self::Ours(_) => Kind::Internal,
            }
        }
    }

    #[test]
    fn a_caller_sees_the_cause_of_its_own_fault_only() {
        let cause = || "x".parse::<u8>().expect_err("no number");
        assert_eq!(
            Problem::of(&Wrong::Input(cause())).message,
            "cannot read the batch: invalid digit found in string"
        );
        assert_eq!(Problem::of(&Wrong::Ours(cause())).message, "the store failed");
    }
}
