//! `keys shred`.

use super::{named, scope};
use crate::cli::Shred;
use crate::commands::care::goes_on;
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use api::operation::Nothing;
use api::shreds::{ApprovalRequest, Approve, Cancel, List, Request, ShredRequest};
use api::{Client, Page};

fn of(shred: &api::shreds::Shred) -> String {
    shred.dataset.map_or_else(|| "the organization".to_owned(), |id| id.to_string())
}

/// The state; one that is approved is not done.
fn state(shred: &api::shreds::Shred) -> String {
    match shred.state.as_str() {
        "approved" => "approved, not finished".to_owned(),
        state => state.to_owned(),
    }
}

impl Show for api::shreds::Shred {
    fn table(&self) -> String {
        facts([
            ("request", Some(self.id.to_string())),
            ("keys of", Some(of(self))),
            ("state", Some(state(self))),
            ("waits", self.waits.as_ref().map(|why| format!("{why}; the node goes on by itself"))),
            ("reason", Some(self.reason.clone())),
            ("asked by", Some(self.requested_by.to_string())),
            ("asked", Some(self.requested.to_string())),
            ("expires", Some(self.expires.to_string())),
            ("approved by", self.approved_by.map(|person| person.to_string())),
            (
                "certificate",
                self.certificate.as_ref().map(|_| "signed by the root of trust: see -o json".to_owned()),
            ),
        ])
    }
}

impl Show for Page<api::shreds::Shred> {
    fn table(&self) -> String {
        rows(
            ["request", "keys of", "state", "asked by", "expires", "approved by", "reason"],
            self.items.iter().map(|shred| {
                [
                    shred.id.to_string(),
                    of(shred),
                    state(shred),
                    shred.requested_by.to_string(),
                    shred.expires.to_string(),
                    shred.approved_by.map_or_else(|| "-".to_owned(), |person| person.to_string()),
                    shred.reason.clone(),
                ]
            }),
        )
    }
}

/// Runs the command.
pub(super) async fn run(client: &Client, output: Output, command: Shred) -> Result<(), Failure> {
    match command {
        Shred::Request { scope: whose, reason, care } => {
            let scope = scope(whose);
            let what =
                format!("ask to shred {}; nothing happens before another person approves", named(&scope));
            if goes_on(output, care, &what)? {
                output.show(&client.call::<Request>(&ShredRequest { scope, reason }).await?)?;
                output.say("Another person approves it: nexora keys shred approve REQUEST");
            }
            Ok(())
        }
        Shred::Approve { request: approval, care } => {
            let request = ApprovalRequest { approval };
            let shred = client.call::<api::shreds::Show>(&request).await?;
            let what = format!(
                "shred the keys of {}, as {} asked ({}): what they protected is unreadable for good",
                of(&shred),
                shred.requested_by,
                shred.reason
            );
            if goes_on(output, care, &what)? {
                output.show(&client.call::<Approve>(&request).await?)?;
            }
            Ok(())
        }
        Shred::Cancel { request } => {
            output.show(&client.call::<Cancel>(&ApprovalRequest { approval: request }).await?)
        }
        Shred::Ls => output.show(&client.call::<List>(&Nothing {}).await?),
        Shred::Show { request } => {
            output.show(&client.call::<api::shreds::Show>(&ApprovalRequest { approval: request }).await?)
        }
    }
}
