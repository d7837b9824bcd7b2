//! What a decision is about, and what comes of it: a [`Permit`] or a [`Refused`].

use crate::rules;
use base::{Action, Actor, Context, Fault, Id, Kind, Timestamp, noun};
use ledger::{Entry, Object};
use standing::{Refusal, View};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// How long after the decision an act may begin.
pub const EXPIRY: Duration = Duration::from_secs(30);

/// What an act is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The organization of the context as a whole: lists, settings, what is yet to be made.
    Organization,
    /// One identity.
    Identity(Id<noun::Identity>),
    /// One credential.
    Credential(Id<noun::Credential>),
    /// One finding.
    Finding(Id<noun::Finding>),
    /// One dataset.
    Dataset(Id<noun::Dataset>),
    /// One producer.
    Producer(Id<noun::Producer>),
    /// One version of a key.
    Key(Id<noun::Key>),
    /// One request that a second person must approve.
    Approval(Id<noun::Approval>),
    /// One ceremony of recovery.
    Ceremony(Id<noun::Ceremony>),
}

impl Resource {
    /// The same as the object of a ledger entry.
    #[must_use]
    pub fn object(self, organization: Id<noun::Organization>) -> Object {
        match self {
            Self::Organization => Object::of(organization),
            Self::Identity(id) => Object::of(id),
            Self::Credential(id) => Object::of(id),
            Self::Finding(id) => Object::of(id),
            Self::Dataset(id) => Object::of(id),
            Self::Producer(id) => Object::of(id),
            Self::Key(id) => Object::of(id),
            Self::Approval(id) => Object::of(id),
            Self::Ceremony(id) => Object::of(id),
        }
    }
}

/// Proof that `policy` allowed one actor one act on one resource of one organization.
///
/// Made only here. Whoever opens a key, destroys or enforces takes one and calls [`Permit::covers`] as the
/// act begins, and [`Permit::check`] on every key it opens and every batch of a long run: the first is
/// bound by [`EXPIRY`], the second reads the actor's standing again, however long the run
/// (`docs/decisions/0061-permit-expiry.md`).
#[derive(Debug, Clone)]
#[must_use = "a permit that nothing checks protects nothing"]
pub struct Permit {
    organization: Id<noun::Organization>,
    actor: Actor,
    request: Id<noun::Request>,
    action: Action,
    resource: Resource,
    expires: Timestamp,
    standing: View,
}

impl Permit {
    pub(crate) fn decide(
        ctx: &Context,
        action: Action,
        resource: Resource,
        (standing, platform): (&View, Id<noun::Organization>),
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let refused = |reason| Refused { organization: ctx.organization(), action, resource, reason };
        rules::decide(ctx.actor(), action).map_err(refused)?;
        // The secret is the platform's: of an organization it only admits the first person, which takes no permit.
        if *ctx.actor() == Actor::Administrator && ctx.organization() != platform {
            return Err(refused(Reason::ActorKind));
        }
        let permit = Self {
            organization: ctx.organization(),
            actor: ctx.actor().clone(),
            request: ctx.request(),
            action,
            resource,
            expires: now + EXPIRY,
            standing: standing.clone(),
        };
        permit.check(now)?;
        Ok(permit)
    }

    /// Whether this permit is for this act on this resource of the context's organization, by the context's
    /// actor, and may still begin: what a service asks first of a permit that it is handed.
    ///
    /// # Errors
    /// [`Refused`] with [`Reason::WrongPermit`] for any other act, [`Reason::Expired`] past [`EXPIRY`], or
    /// what [`check`](Self::check) says.
    pub fn covers(
        &self,
        ctx: &Context,
        action: Action,
        resource: Resource,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let refused = |reason| Refused { organization: ctx.organization(), action, resource, reason };
        let same = self.organization == ctx.organization()
            && self.actor == *ctx.actor()
            && self.action == action
            && self.resource == resource;
        if !same {
            return Err(refused(Reason::WrongPermit));
        }
        if now > self.expires {
            return Err(refused(Reason::Expired));
        }
        self.check(now)
    }

    /// Reads the actor's standing again; in memory, some ten nanoseconds. Called on every key that is
    /// opened and every batch of a running reveal. It does not look at [`EXPIRY`], which bounds the
    /// beginning of an act and not its length.
    ///
    /// # Errors
    /// [`Refused`] with the standing's reason.
    pub fn check(&self, now: Timestamp) -> Result<(), Refused> {
        let checked = match &self.actor {
            Actor::Identity { identity, .. } => self.standing.check(self.organization, *identity, now),
            _ if rules::opens_data(self.action) => self.standing.heard(self.organization, now),
            _ => Ok(()),
        };
        checked.map_err(|refusal| Refused {
            organization: self.organization,
            action: self.action,
            resource: self.resource,
            reason: Reason::Standing(refusal),
        })
    }

    /// In whose data.
    #[must_use]
    pub const fn organization(&self) -> Id<noun::Organization> {
        self.organization
    }

    /// For whom.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// In which request it was given.
    #[must_use]
    pub const fn request(&self) -> Id<noun::Request> {
        self.request
    }

    /// For which act.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// On what.
    #[must_use]
    pub const fn resource(&self) -> Resource {
        self.resource
    }

    /// Until when the act may begin.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// The answer no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action} is refused: {reason}")]
pub struct Refused {
    organization: Id<noun::Organization>,
    action: Action,
    resource: Resource,
    reason: Reason,
}

impl Refused {
    /// What was asked.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// On what.
    #[must_use]
    pub const fn resource(&self) -> Resource {
        self.resource
    }

    /// Why not.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The entry that puts the refusal on record.
    pub fn entry(&self) -> Entry {
        Entry::refused(self.action, self.resource.object(self.organization), self.reason.code())
    }
}

/// Where a request came from that nobody known has made: one IPv4 address, one IPv6 network of 64 bits (as much as
/// one subscriber has), or this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(Option<IpAddr>);

impl Address {
    /// From this machine, by a way that has no address: the socket in the data directory, or the same process.
    pub const LOCAL: Self = Self(None);

    /// The address of a connection. What a header says of it is not believed: anyone can write one.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address => address,
        }))
    }

    /// As the details of an entry: an address may be somebody's, so it does not stand in the entry itself.
    #[must_use]
    pub fn details(self) -> serde_json::Value {
        serde_json::json!({ "address": self.to_string() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("local"),
            Some(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Some(address) => address.fmt(f),
        }
    }
}

/// A refusal of an operation, to be put on record.
#[derive(Debug)]
pub struct Denial {
    /// Of which operation: what is folded together, with its source.
    pub operation: &'static str,
    /// What it is to do.
    pub action: Action,
    /// Where it came from, where the context's actor is nobody known.
    pub address: Option<Address>,
    /// What goes on record of it.
    pub entry: Entry,
}

impl Fault for Refused {
    fn kind(&self) -> Kind {
        match self.reason {
            Reason::NotSignedIn => Kind::NotSignedIn,
            Reason::Standing(refusal) => refusal.kind(),
            // A service was handed the permit of another act: the fault is ours.
            Reason::WrongPermit => Kind::Internal,
            Reason::Role | Reason::ActorKind | Reason::Expired => Kind::Refused,
        }
    }
}

/// Why an act is refused. The codes are stable: they stand in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nobody is signed in.
    #[error("no credential was read")]
    NotSignedIn,
    /// A person, in a role that may not.
    #[error("your role does not allow it; ask an org_admin of the organization")]
    Role,
    /// A kind of actor that may not, whatever its role.
    #[error("a credential of this kind cannot do this")]
    ActorKind,
    /// The identity's standing, or this node's knowledge of it.
    #[error("{0}")]
    Standing(Refusal),
    /// The permit is too old to begin with.
    #[error("the permit has expired; ask again")]
    Expired,
    /// The permit was given for something else.
    #[error("the permit was given for another act")]
    WrongPermit,
}

impl Reason {
    /// The reason's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSignedIn => "not_signed_in",
            Self::Role => "role",
            Self::ActorKind => "actor_kind",
            Self::Standing(refusal) => refusal.code(),
            Self::Expired => "permit_expired",
            Self::WrongPermit => "wrong_permit",
        }
    }
}
