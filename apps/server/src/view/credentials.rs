//! Credentials on the wire.

use crate::failure::Failure;
use api::credentials::{Credential, Grant, Issued, Token};
use base::Kind;
use issuer::Accounts;

/// What a credential is to be for, from the wire.
pub(crate) fn granted(grant: Grant) -> Result<issuer::Grant, Failure> {
    let wrong = |what: &dyn std::fmt::Display| Failure::new(Kind::BadInput, what.to_string());
    Ok(match grant {
        Grant::Ingest { format, accounts } => issuer::Grant::Ingest {
            format: format.parse().map_err(|error: events::format::WrongFormat| {
                wrong(&format_args!("`{}` is {error}", format.escape_debug()))
            })?,
            accounts: Accounts::try_from(accounts).map_err(|error| wrong(&error))?,
        },
        Grant::Identity { identity } => issuer::Grant::Identity { identity },
        Grant::Person { name, role } => {
            let name = name.parse().map_err(|error: issuer::WrongName| wrong(&error))?;
            issuer::Grant::Person { name, role }
        }
    })
}

/// A credential.
pub(crate) fn credential(credential: issuer::Credential) -> Result<Credential, Failure> {
    let grant = match credential.grant {
        issuer::Grant::Ingest { format, accounts } => {
            Grant::Ingest { format: format.as_str().to_owned(), accounts: accounts.into() }
        }
        issuer::Grant::Identity { identity } => Grant::Identity { identity },
        issuer::Grant::Person { name, role } => Grant::Person { name: name.into(), role },
        // Of the platform's organization, which no caller's context names.
        issuer::Grant::Administrator { .. } => {
            return Err(Failure::new(Kind::Internal, "an administrator secret is in no list"));
        }
    };
    Ok(Credential { id: credential.id, grant, issued: credential.issued_at, revoked: credential.revoked_at })
}

/// A credential that was just issued.
pub(crate) fn issued(issued: issuer::Issued) -> Result<Issued, Failure> {
    let token = Token::new(issued.token.expose().clone());
    Ok(Issued { credential: credential(issued.credential)?, token })
}
