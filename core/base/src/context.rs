//! Who acts, for which organization, in which request: the first argument of every service method.

use crate::{Id, noun};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The key to an organization's data. The store opens only for a `Context`, and a `Context` is made in
/// two places: by authentication in `server` and `gateway`, and by the background runner in `node`
/// (`clippy.toml` disallows the constructors everywhere else).
#[derive(Debug, Clone)]
pub struct Context {
    organization: Id<noun::Organization>,
    actor: Actor,
    request: Id<noun::Request>,
}

impl Context {
    /// For a caller whose credential has been read. Only authentication may call it.
    #[must_use]
    pub const fn authenticated(
        organization: Id<noun::Organization>,
        actor: Actor,
        request: Id<noun::Request>,
    ) -> Self {
        Self { organization, actor, request }
    }

    /// For work that nobody asked for by name: a background task. Only the runner in `node` may call it.
    #[must_use]
    pub const fn background(
        organization: Id<noun::Organization>,
        task: &'static str,
        request: Id<noun::Request>,
    ) -> Self {
        Self { organization, actor: Actor::System { task }, request }
    }

    /// Whose data.
    #[must_use]
    pub const fn organization(&self) -> Id<noun::Organization> {
        self.organization
    }

    /// Who acts.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// In which request.
    #[must_use]
    pub const fn request(&self) -> Id<noun::Request> {
        self.request
    }
}

/// Who acts in a [`Context`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The holder of the credential that names an organization but has not been looked up yet: what
    /// authentication itself acts as while it reads that credential. It may do nothing else.
    Unidentified,
    /// Whoever holds the one-time administrator secret.
    Administrator,
    /// A human with a role in the organization.
    Person {
        /// Which human.
        person: Id<noun::Person>,
        /// Which of their credentials.
        credential: Id<noun::Credential>,
        /// What they may do here.
        role: Role,
    },
    /// A machine identity with a credential of ours.
    Identity {
        /// Which identity; its standing is read on each use.
        identity: Id<noun::Identity>,
        /// Which credential.
        credential: Id<noun::Credential>,
    },
    /// A source that may only send events.
    Source {
        /// The ingest credential.
        credential: Id<noun::Credential>,
    },
    /// A background task of ours.
    System {
        /// Its name, as in metrics and logs.
        task: &'static str,
    },
}

/// What a person may do inside one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything inside the organization.
    OrgAdmin,
    /// Looks, protects and reveals; changes nothing of the organization itself.
    OrgUser,
    /// Reads everything that is on record; changes nothing, reveals nothing.
    Auditor,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::OrgAdmin, Self::OrgUser, Self::Auditor];

    /// The role in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrgAdmin => "org_admin",
            Self::OrgUser => "org_user",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a role: expected org_admin, org_user or auditor")]
pub struct WrongRole;

impl FromStr for Role {
    type Err = WrongRole;

    fn from_str(text: &str) -> Result<Self, WrongRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(WrongRole)
    }
}
