//! Operations on credentials: opaque, final, shown once.

use crate::Page;
use crate::operation::operations;
use base::{Id, Role, Timestamp, noun};
use ledger::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};
use zeroize::Zeroizing;

operations! {
    /// Issues a credential and shows its token, this once.
    Issue: "credentials.issue", Post "/api/v1/credentials", CredentialsIssue,
        Some(Kind::CredentialIssued), IssueRequest => Issued;
    /// Lists credentials, never their secrets.
    List: "credentials.ls", Get "/api/v1/credentials", CredentialsRead, None,
        ListRequest => Page<Credential>;
    /// Revokes a credential, for good.
    Revoke: "credentials.revoke", Post "/api/v1/credentials/{credential}/revoke", CredentialsRevoke,
        Some(Kind::CredentialRevoked), RevokeRequest => Credential;
}

/// What a credential is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Grant {
    /// Sends events of one format, for the accounts it may speak for.
    Ingest {
        /// The format, such as `aws.cloudtrail`.
        format: String,
        /// The accounts, as the source names them.
        accounts: Vec<String>,
    },
    /// Acts as a machine identity, while that is in good standing.
    Identity {
        /// Which identity.
        #[schemars(with = "String")]
        identity: Id<noun::Identity>,
    },
    /// Acts as a person.
    Person {
        /// Their name.
        name: String,
        /// What they may do.
        #[schemars(with = "String")]
        role: Role,
    },
}

/// What to issue.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// What the credential is for.
    pub grant: Grant,
}

/// Which page of credentials.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// How many, 1 to 1,000; else 100.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Which credential to revoke.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Its id.
    #[schemars(with = "String")]
    pub credential: Id<noun::Credential>,
}

/// A credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Credential {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Credential>,
    /// What it is for.
    pub grant: Grant,
    /// When it was issued.
    #[schemars(with = "String")]
    pub issued: Timestamp,
    /// When it was revoked.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// A credential that was just issued, with its token.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Issued {
    /// The credential.
    pub credential: Credential,
    /// The token to present. It is kept nowhere and shown this once.
    pub token: Token,
}

/// A token on its way to the one who asked for it: not printed by `Debug`, and wiped when dropped.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes a token into custody.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.expose().to_owned()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl JsonSchema for Token {
    fn schema_name() -> Cow<'static, str> {
        "Token".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}
