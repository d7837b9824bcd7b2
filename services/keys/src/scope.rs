//! What a breach or a shredding is about: the whole organization, or one of its datasets.

use crate::{Error, Unit};
use base::{Actor, Context, Id, noun};
use ledger::Object;
use policy::Resource;
use std::fmt;

/// The whole organization, or one dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every key of the organization, but those of its log.
    Organization,
    /// The keys of one dataset and of its fields.
    Dataset(Id<noun::Dataset>),
}

impl Scope {
    /// What a permit for it is about.
    #[must_use]
    pub const fn resource(self) -> Resource {
        match self {
            Self::Organization => Resource::Organization,
            Self::Dataset(dataset) => Resource::Dataset(dataset),
        }
    }

    /// What the root forgets with it.
    #[must_use]
    pub const fn unit(self, organization: Id<noun::Organization>) -> Unit {
        match self {
            Self::Organization => Unit::Organization(organization),
            Self::Dataset(dataset) => Unit::Dataset(organization, dataset),
        }
    }

    /// Whether this scope holds `other`.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self == Self::Organization || self == other
    }

    /// The dataset, if it is one.
    #[must_use]
    pub const fn dataset(self) -> Option<Id<noun::Dataset>> {
        match self {
            Self::Organization => None,
            Self::Dataset(dataset) => Some(dataset),
        }
    }

    pub(crate) fn of(dataset: Option<&[u8]>) -> Result<Self, Error> {
        Ok(match dataset {
            None => Self::Organization,
            Some(bytes) => Self::Dataset(Id::from_slice(bytes).ok_or(Error::Damaged { what: "dataset id" })?),
        })
    }

    pub(crate) fn object(self, organization: Id<noun::Organization>) -> Object {
        self.resource().object(organization)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization => f.write_str("the organization"),
            Self::Dataset(dataset) => fmt::Display::fmt(dataset, f),
        }
    }
}

/// The person who acts. What needs two persons is refused to everything that is none, whatever its permit says.
pub(crate) fn person(ctx: &Context) -> Result<Id<noun::Person>, Error> {
    match ctx.actor() {
        Actor::Person { person, .. } => Ok(*person),
        _ => Err(Error::NotAPerson),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

    use super::person;
    use crate::Error;
    use base::{Actor, Context, Fault as _, Id};

    // The rules of policy let nobody else come this far, so this is asked here and not through an act.
    #[test]
    fn what_is_no_person_is_refused() {
        let identity =
            Actor::Identity { identity: Id::from_bytes([1; 16]), credential: Id::from_bytes([2; 16]) };
        let ctx = Context::authenticated(Id::from_bytes([4; 16]), identity, Id::from_bytes([3; 16]));
        let error = person(&ctx).expect_err("it is none");
        assert!(matches!(error, Error::NotAPerson));
        assert!(error.is_refusal() && !error.on_record());
        assert_eq!(error.reason(), "not_a_person");
    }
}
