//! Why a shredding is refused.

use super::ShredState;
use crate::recovery::Earlier;
use base::{Fault, Id, noun};

/// Why a request to shred is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShredRefused {
    /// There is no such request.
    #[error("there is no such request to shred here: `nexora keys shred ls` lists them")]
    Unknown,
    /// A request for this very scope waits already.
    #[error("{id} asks for the same already: approve or cancel it")]
    Pending {
        /// Which.
        id: Id<noun::Approval>,
    },
    /// The same person asked and approves.
    #[error("nobody approves their own request: another person has to")]
    SamePerson,
    /// It is over.
    #[error("the request is {}: make a new one", .state.as_str())]
    Over {
        /// What it is.
        state: ShredState,
    },
    /// The recovery package cannot be written without what is to be shredded and with all else that it has.
    #[error(
        "the recovery package holds {count} keys of others that the root does not open, {first} among them, and would lose them: hold a restore with that package (`nexora keys recovery restore`), or put the newest backup of the root back (`nexora keys root restore`), and ask again"
    )]
    NotWhole {
        /// How many.
        count: usize,
        /// One of them.
        first: Id<noun::Key>,
    },
    /// An earlier package has keys of what is to be shredded, and alone has others.
    #[error(
        "the earlier recovery package {name} has keys of it and would be erased, and {count} keys of others open nowhere else, {first} among them: bring them back first (`nexora keys recovery restore --earlier {name}`), and ask again"
    )]
    Alone {
        /// Which.
        name: Earlier,
        /// How many.
        count: usize,
        /// One of them.
        first: Id<noun::Key>,
    },
    /// The platform has no data, and its keys are no organization's.
    #[error("the platform's own keys are not shredded")]
    Platform,
}

impl Fault for ShredRefused {
    fn kind(&self) -> base::Kind {
        match self {
            Self::Unknown => base::Kind::NotFound,
            Self::Pending { .. } | Self::Over { .. } | Self::NotWhole { .. } | Self::Alone { .. } => {
                base::Kind::Conflict
            }
            Self::SamePerson => base::Kind::Refused,
            Self::Platform => base::Kind::BadInput,
        }
    }

    fn is_refusal(&self) -> bool {
        !matches!(self, Self::Unknown | Self::Pending { .. })
    }
}
