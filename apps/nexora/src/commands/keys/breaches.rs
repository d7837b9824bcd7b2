//! `keys breach`.

use super::{named, scope};
use crate::cli::Breach;
use crate::commands::care::goes_on;
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use api::breaches::{Declare, DeclareRequest, List, Undo, UndoRequest};
use api::operation::Nothing;
use api::{Client, Page};

impl Show for api::breaches::Breach {
    fn table(&self) -> String {
        facts([
            ("breach", Some(self.id.to_string())),
            (
                "keys of",
                Some(self.dataset.map_or_else(|| "the organization".to_owned(), |id| id.to_string())),
            ),
            ("reason", Some(self.reason.clone())),
            ("declared", Some(self.declared.to_string())),
            ("declared by", Some(self.declared_by.to_string())),
            ("undone by", self.undone_by.map(|person| person.to_string())),
            ("undone", self.undone.map(|at| at.to_string())),
        ])
    }
}

impl Show for Page<api::breaches::Breach> {
    fn table(&self) -> String {
        rows(
            ["keys of", "declared", "undone", "reason"],
            self.items.iter().map(|breach| {
                [
                    breach.dataset.map_or_else(|| "the organization".to_owned(), |id| id.to_string()),
                    breach.declared.to_string(),
                    breach.undone.map_or_else(|| "-".to_owned(), |at| at.to_string()),
                    breach.reason.clone(),
                ]
            }),
        )
    }
}

/// Runs the command.
pub(super) async fn run(client: &Client, output: Output, command: Breach) -> Result<(), Failure> {
    match command {
        Breach::Declare { scope: whose, reason, care } => {
            let scope = scope(whose);
            let what =
                format!("suspend {} at once: nothing opens with them until it is undone", named(&scope));
            if goes_on(output, care, &what)? {
                output.show(&client.call::<Declare>(&DeclareRequest { scope, reason }).await?)?;
            }
            Ok(())
        }
        Breach::Undo { scope: whose } => {
            output.show(&client.call::<Undo>(&UndoRequest { scope: scope(whose) }).await?)
        }
        Breach::Ls => output.show(&client.call::<List>(&Nothing {}).await?),
    }
}
