//! The few kinds of failure, and what each means to a caller: an HTTP status and an exit code.
//!
//! Every service has an error type of its own that says what was wrong, with what, and what to do;
//! [`Fault::kind`] sorts it. The table below is the only one, and `docs/errors.md` repeats it.

use serde::{Deserialize, Serialize};

/// What sort of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// No credential, or one that is not valid.
    NotSignedIn,
    /// Known, and not allowed.
    Refused,
    /// Nothing of that name here.
    NotFound,
    /// In the way of something that is already so.
    Conflict,
    /// The input cannot be used as it is.
    BadInput,
    /// The input is larger than the stated limit.
    TooLarge,
    /// A check ran and its answer is no.
    CheckFailed,
    /// Too much at once; the same call may go through later.
    Busy,
    /// A part that is needed does not answer now.
    Unavailable,
    /// The disk is full.
    Full,
    /// A fault of ours.
    Internal,
}

impl Kind {
    /// All kinds, for tables and tests.
    pub const ALL: [Self; 11] = [
        Self::NotSignedIn,
        Self::Refused,
        Self::NotFound,
        Self::Conflict,
        Self::BadInput,
        Self::TooLarge,
        Self::CheckFailed,
        Self::Busy,
        Self::Unavailable,
        Self::Full,
        Self::Internal,
    ];

    /// The HTTP status.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::NotSignedIn => 401,
            Self::Refused => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::BadInput => 400,
            Self::TooLarge => 413,
            Self::CheckFailed => 422,
            Self::Busy => 429,
            Self::Unavailable => 503,
            Self::Full => 507,
            Self::Internal => 500,
        }
    }

    /// The exit code of the command line. 0 is success and 2 is wrong usage, which no kind maps to.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::NotSignedIn => 3,
            Self::Refused => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::BadInput | Self::TooLarge => 7,
            Self::CheckFailed => 8,
            Self::Busy | Self::Unavailable | Self::Full | Self::Internal => 1,
        }
    }

    /// The kind in snake case, as it stands in an error document.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSignedIn => "not_signed_in",
            Self::Refused => "refused",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::BadInput => "bad_input",
            Self::TooLarge => "too_large",
            Self::CheckFailed => "check_failed",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Full => "full",
            Self::Internal => "internal",
        }
    }
}

/// An error that knows its kind.
pub trait Fault: std::error::Error {
    /// What sort of failure this is.
    fn kind(&self) -> Kind;

    /// Whether a rule says no to somebody who asks for this: what must stand in the ledger before it is answered. A
    /// service says so of a conflict where the caller runs into such a rule, and not into how things just stand.
    fn is_refusal(&self) -> bool {
        matches!(self.kind(), Kind::Refused | Kind::NotSignedIn)
    }

    /// Why a rule says no, as a code for the ledger.
    fn reason(&self) -> &'static str {
        "rule"
    }

    /// Whether this refusal stands in the ledger already. Else whoever answers it puts it there first.
    fn on_record(&self) -> bool {
        false
    }
}
