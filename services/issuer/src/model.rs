//! What a credential is for, and what comes of presenting one.

use base::{Actor, Id, Role, Secret, Timestamp, noun};
use events::Format;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// A person's name: what makes two credentials those of one person.
///
/// Kept as given, without the white space around it; compared without case and with white space folded, so
/// that `Ada Lovelace` and `ada  lovelace` are not two pairs of eyes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A text that cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 128 characters and no control characters")]
pub struct WrongName;

impl Name {
    /// The name as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The person of this name in an organization.
    #[must_use]
    pub fn person(&self, organization: Id<noun::Organization>) -> Id<noun::Person> {
        let words: Vec<_> = self.0.split_whitespace().map(str::to_lowercase).collect();
        Id::derived("nexora/person/1", &[organization.as_bytes(), words.join(" ").as_bytes()])
    }
}

impl FromStr for Name {
    type Err = WrongName;

    fn from_str(text: &str) -> Result<Self, WrongName> {
        let text = text.trim();
        let fits = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(WrongName) }
    }
}

impl TryFrom<String> for Name {
    type Error = WrongName;

    fn try_from(text: String) -> Result<Self, WrongName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The accounts that a source may speak for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub enum Accounts {
    /// Any: written `*`. For a source that itself vouches for all of its accounts.
    Any,
    /// These, as the source names them.
    Only(BTreeSet<String>),
}

/// A list that names no accounts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 1 to 1000 accounts of 1 to 128 letters, digits, `-`, `_`, `.`, `:` or `/`, or `*` alone for any"
)]
pub struct WrongAccounts;

impl Accounts {
    /// Whether events of this account may come in.
    #[must_use]
    pub fn allow(&self, account: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(accounts) => accounts.contains(account),
        }
    }
}

impl TryFrom<Vec<String>> for Accounts {
    type Error = WrongAccounts;

    fn try_from(accounts: Vec<String>) -> Result<Self, WrongAccounts> {
        if accounts == ["*"] {
            return Ok(Self::Any);
        }
        let sound = |account: &String| {
            (1..=128).contains(&account.len())
                && account.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
        };
        if !(1..=1_000).contains(&accounts.len()) || !accounts.iter().all(sound) {
            return Err(WrongAccounts);
        }
        Ok(Self::Only(accounts.into_iter().collect()))
    }
}

impl From<Accounts> for Vec<String> {
    fn from(accounts: Accounts) -> Self {
        match accounts {
            Accounts::Any => vec!["*".to_owned()],
            Accounts::Only(accounts) => accounts.into_iter().collect(),
        }
    }
}

/// What a credential is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Sends events of one format, for the accounts it may speak for.
    Ingest {
        /// The format.
        format: Format,
        /// The accounts.
        accounts: Accounts,
    },
    /// Acts as a machine identity, while that is in good standing.
    Identity {
        /// Which identity.
        identity: Id<noun::Identity>,
    },
    /// Acts as a person.
    Person {
        /// Their name; [`Name::person`] gives the id.
        name: Name,
        /// What they may do.
        role: Role,
    },
    /// Creates one organization and its first person. Only in the platform's organization.
    Administrator {
        /// The organization that was begun with it, so that an interrupted creation can be finished.
        made: Option<Id<noun::Organization>>,
    },
}

impl Grant {
    /// The grant's kind in snake case.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ingest { .. } => "ingest",
            Self::Identity { .. } => "identity",
            Self::Person { .. } => "person",
            Self::Administrator { .. } => "administrator",
        }
    }
}

/// A credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: Id<noun::Credential>,
    /// What it is for.
    pub grant: Grant,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Until when it can be used, where that is bounded.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Credential {
    /// Who acts with it.
    #[must_use]
    pub fn actor(&self, organization: Id<noun::Organization>) -> Actor {
        match &self.grant {
            Grant::Ingest { .. } => Actor::Source { credential: self.id },
            Grant::Identity { identity } => Actor::Identity { identity: *identity, credential: self.id },
            Grant::Person { name, role } => {
                Actor::Person { person: name.person(organization), credential: self.id, role: *role }
            }
            Grant::Administrator { .. } => Actor::Administrator,
        }
    }
}

/// A credential that was just issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The credential.
    pub credential: Credential,
    /// Its text, `docs/formats/credential.md`: kept nowhere, shown this once.
    pub token: Secret<String>,
}

/// A credential that was presented and holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who acts: what the caller makes its context of.
    pub actor: Actor,
    /// The credential; for a source, what it may send.
    pub credential: Credential,
}

#[cfg(test)]
mod tests {
    use super::{Accounts, Name};
    use base::Id;

    #[test]
    fn one_name_is_one_person_however_it_is_typed() {
        let person = |name: &str| name.parse::<Name>().expect("a name").person(Id::from_bytes([1; 16]));
        assert_eq!(person("Ada Lovelace"), person("  ada   LOVELACE "));
        assert_ne!(person("Ada Lovelace"), person("Ada"));
        let elsewhere = "Ada".parse::<Name>().expect("a name").person(Id::from_bytes([2; 16]));
        assert_ne!(person("Ada"), elsewhere);
        for wrong in ["", "   ", "a\u{1b}[31m", "a\nb", &"x".repeat(129)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn accounts_are_named_or_any() {
        let accounts =
            |list: &[&str]| Accounts::try_from(list.iter().map(ToString::to_string).collect::<Vec<_>>());
        let two = accounts(&["123456789012", "210987654321"]).expect("accounts");
        assert!(two.allow("123456789012") && !two.allow("1234") && !two.allow("*"));
        assert!(accounts(&["*"]).expect("any").allow("123456789012"));
        for wrong in [&[][..], &[""], &["*", "1"], &["a b"]] {
            assert!(accounts(wrong).is_err(), "{wrong:?}");
        }
    }
}
