//! A dataset, and its name.

use crate::Error;
use base::{Id, Timestamp, noun};
use std::{fmt, str::FromStr};

/// The longest name, in characters.
pub const MAX_NAME: usize = 100;

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its id.
    pub id: Id<noun::Dataset>,
    /// Its name, unique in the organization.
    pub name: Name,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A dataset's name: 1 to [`MAX_NAME`] characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the organization's dataset of this name, whether it is there or not: what `policy` is asked
    /// about before anything is read.
    #[must_use]
    pub fn dataset(&self, organization: Id<noun::Organization>) -> Id<noun::Dataset> {
        Id::derived("nexora/dataset/1", &[organization.as_bytes(), self.0.as_bytes()])
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let length = text.chars().count();
        if length == 0 || length > MAX_NAME || text.chars().any(char::is_control) {
            return Err(Error::BadName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;
    use base::Id;

    #[test]
    fn names_are_checked_and_name_one_dataset_per_organization() {
        for wrong in ["", "a\nb", "\u{7f}", &"x".repeat(101)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
        let name: Name = "customers 2026/ü".parse().expect("a name");
        let (one, two) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        assert_eq!(name.dataset(one), name.dataset(one));
        assert_ne!(name.dataset(one), name.dataset(two));
    }
}
