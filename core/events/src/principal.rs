//! Who acted, as the log names it, and the identity that this folds to.

use base::{Id, noun};
use std::{borrow::Cow, fmt};

/// The actor of an activity.
#[derive(Debug, Clone)]
pub struct Principal<'e> {
    /// What sort of principal the provider says it is.
    pub kind: PrincipalKind,
    /// The identity it folds to: sessions to their role or user, a long-lived access key to itself.
    /// `None` where nothing that the provider vouches for names one.
    pub identity: Option<IdentityKey<'e>>,
    /// Who owns [`identity`](Self::identity): for an access key, its user.
    pub owner: Option<IdentityKey<'e>>,
    /// For people to read: an ARN where there is one.
    pub name: Cow<'e, str>,
    /// Whether this activity may add [`identity`](Self::identity) to the inventory. Failed and
    /// unauthenticated requests never do.
    pub creates: bool,
    /// Whether this activity proves that [`identity`](Self::identity) is a person.
    pub person_evidence: bool,
    /// An identity other than the actor that this activity proves to be used by people: the role that
    /// a SAML sign-in opened a session of.
    pub person_role: Option<IdentityKey<'e>>,
    /// What is known of the actor, as set by the provider.
    pub facts: Facts,
    /// What else the session says of itself; kept with the activity, decides nothing.
    pub session: Session<'e>,
    /// Who stands behind the actor, nearest first: those who acted through a delegation that the provider
    /// has checked, and whom it acted as. Decides nothing.
    pub delegation: Vec<Cow<'e, str>>,
}

/// The facts of an activity that a response may be decided by. Each is set by the provider of the log,
/// never by the caller it describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The provider had authenticated the actor.
    pub authenticated: bool,
    /// The call failed or was denied.
    pub failed: bool,
    /// The actor belongs to another account than the one that reports the activity.
    pub cross_account: bool,
    /// The actor is a human, or the session an interactive one.
    pub interactive: bool,
    /// The actor is a service of the provider, or a service-linked role.
    pub provider_owned: bool,
}

/// What sort of principal acted. The first names are those of CloudTrail's `userIdentity.type`, without the
/// provider's prefix; other providers' principals stand beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A user of the account, by a session.
    User,
    /// A user of the account, or its root, by a long-lived access key.
    AccessKey,
    /// A session of a role.
    AssumedRole,
    /// A role itself.
    Role,
    /// A session that a user opened for somebody.
    FederatedUser,
    /// Somebody that an OpenID Connect provider vouches for.
    WebIdentity,
    /// Somebody that a SAML provider vouches for.
    Saml,
    /// A directory.
    Directory,
    /// Another account.
    Account,
    /// A service of the provider.
    Service,
    /// A person of the organization's identity center.
    IdentityCenter,
    /// The owner of the account.
    Root,
    /// An account that a workload runs as.
    ServiceAccount,
    /// An application that was registered with the provider: a service principal, a GitHub or OAuth app.
    App,
    /// Somebody by a long-lived token: a personal access token, an API token.
    Token,
    /// An AI agent.
    Agent,
    /// The log does not say, or says something new.
    Unknown,
}

/// What else a session says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Session<'e> {
    /// Its name. Set by the caller.
    pub name: Option<&'e str>,
    /// Who it was opened for, by `sourceIdentity`.
    pub source_identity: Option<&'e str>,
    /// The person an application acts for: `onBehalfOf.userId`.
    pub on_behalf_of: Option<&'e str>,
    /// The service that made the call for the actor.
    pub invoked_by: Option<&'e str>,
    /// The subject of the identity provider behind the session.
    pub federated_subject: Option<&'e str>,
    /// The key that signed: for a session a temporary one, which is never an identity.
    pub access_key: Option<&'e str>,
}

impl Session<'_> {
    /// It says nothing.
    pub const NONE: Self = Self {
        name: None,
        source_identity: None,
        on_behalf_of: None,
        invoked_by: None,
        federated_subject: None,
        access_key: None,
    };
}

/// What sort of thing an identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdentityKind {
    /// A long-lived access key.
    AccessKey,
    /// A user of an account.
    User,
    /// A role.
    Role,
    /// A service of the provider.
    Service,
    /// Another account as a whole.
    Account,
    /// A directory.
    Directory,
    /// Somebody that an OpenID Connect provider vouches for.
    WebIdentity,
    /// Somebody that a SAML provider vouches for.
    Saml,
    /// A person of the organization's identity center.
    IdentityCenter,
    /// The owner of an account.
    Root,
    /// An account that a workload runs as.
    ServiceAccount,
    /// An application that was registered with the provider.
    App,
    /// A long-lived token.
    Token,
    /// An AI agent.
    Agent,
}

impl IdentityKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::AccessKey,
        Self::User,
        Self::Role,
        Self::Service,
        Self::Account,
        Self::Directory,
        Self::WebIdentity,
        Self::Saml,
        Self::IdentityCenter,
        Self::Root,
        Self::ServiceAccount,
        Self::App,
        Self::Token,
        Self::Agent,
    ];

    /// The kind in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessKey => "access_key",
            Self::User => "user",
            Self::Role => "role",
            Self::Service => "service",
            Self::Account => "account",
            Self::Directory => "directory",
            Self::WebIdentity => "web_identity",
            Self::Saml => "saml",
            Self::IdentityCenter => "identity_center",
            Self::Root => "root",
            Self::ServiceAccount => "service_account",
            Self::App => "app",
            Self::Token => "token",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for IdentityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What names an identity at its provider: the same wherever and whenever it is seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdentityKey<'e> {
    /// Such as `aws`.
    pub provider: &'static str,
    /// What sort of thing it is.
    pub kind: IdentityKind,
    /// The provider's name of it, unique within the provider: an ARN where there is one.
    pub native: Cow<'e, str>,
    /// What people call it: an access key's id, else the native name.
    pub name: Cow<'e, str>,
    /// The account it belongs to.
    pub account: Option<&'e str>,
}

impl IdentityKey<'_> {
    /// The identity's id within an organization: `nexora/identity/1` over organization, provider and
    /// native name. Costs one SHA-256.
    #[must_use]
    pub fn id(&self, organization: Id<noun::Organization>) -> Id<noun::Identity> {
        Id::derived(
            "nexora/identity/1",
            &[organization.as_bytes(), self.provider.as_bytes(), self.native.as_bytes()],
        )
    }
}
