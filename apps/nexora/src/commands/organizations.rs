//! `organizations`.

use crate::cli::Organizations;
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use api::Client;
use api::organizations::{Create, CreateRequest, Created};

impl Show for Created {
    fn table(&self) -> String {
        facts([
            ("organization", Some(self.organization.to_string())),
            ("name", Some(self.name.clone())),
            ("credential", Some(self.person.credential.id.to_string())),
            ("token", Some(self.person.token.expose().to_owned())),
        ])
    }
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Organizations) -> Result<(), Failure> {
    match command {
        Organizations::Create { name, person } => {
            let created = client.call::<Create>(&CreateRequest { name, person }).await?;
            output.show(&created)?;
            output.say(
                "The token is shown this once. Keep it, and hand it over in NEXORA_TOKEN or --token-file.",
            );
        }
    }
    Ok(())
}
