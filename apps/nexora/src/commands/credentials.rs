//! `credentials`.

use super::care::goes_on;
use super::{next, page};
use crate::cli::{Credentials, Issue};
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use api::credentials::{Credential, Grant, IssueRequest, Issued, List, ListRequest, Revoke, RevokeRequest};
use api::{Client, Page};

impl Show for Credential {
    fn table(&self) -> String {
        let (kind, what) = described(&self.grant);
        facts([
            ("credential", Some(self.id.to_string())),
            ("kind", Some(kind.to_owned())),
            ("for", Some(what)),
            ("issued", Some(self.issued.to_string())),
            ("revoked", self.revoked.map(|at| at.to_string())),
        ])
    }
}

impl Show for Issued {
    fn table(&self) -> String {
        self.credential.table() + &facts([("token", Some(self.token.expose().to_owned()))])
    }
}

impl Show for Page<Credential> {
    fn table(&self) -> String {
        rows(
            ["credential", "kind", "for", "issued", "revoked"],
            self.items.iter().map(|credential| {
                let (kind, what) = described(&credential.grant);
                let revoked = credential.revoked.map_or_else(|| "-".to_owned(), |at| at.to_string());
                [credential.id.to_string(), kind.to_owned(), what, credential.issued.to_string(), revoked]
            }),
        )
    }
}

fn described(grant: &Grant) -> (&'static str, String) {
    match grant {
        Grant::Ingest { format, accounts } => ("ingest", format!("{format} of {}", accounts.join(", "))),
        Grant::Identity { identity } => ("identity", identity.to_string()),
        Grant::Person { name, role } => ("person", format!("{name} ({role})")),
    }
}

fn grant(issue: Issue) -> Option<Grant> {
    if issue.ingest {
        return Some(Grant::Ingest { format: issue.format, accounts: issue.account });
    }
    match (issue.identity, issue.person, issue.role) {
        (Some(identity), _, _) => Some(Grant::Identity { identity }),
        (None, Some(name), Some(role)) => Some(Grant::Person { name, role }),
        _ => None,
    }
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Credentials) -> Result<(), Failure> {
    match command {
        Credentials::Issue(issue) => {
            // The command line lets none through that names no grant.
            let grant = grant(issue).ok_or_else(|| Failure::ours("no grant"))?;
            let issued = client.call::<api::credentials::Issue>(&IssueRequest { grant }).await?;
            output.show(&issued)?;
            output.say("The token is shown this once.");
        }
        Credentials::Ls { paging } => {
            let (limit, after) = page(paging);
            let listed = client.call::<List>(&ListRequest { limit, after }).await?;
            output.show(&listed)?;
            next(output, listed.next.as_deref());
        }
        Credentials::Revoke { credential, care } => {
            if !goes_on(output, care, &format!("revoke {credential}, for good"))? {
                return Ok(());
            }
            output.show(&client.call::<Revoke>(&RevokeRequest { credential }).await?)?;
        }
    }
    Ok(())
}
