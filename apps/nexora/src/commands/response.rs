//! `response`.

use crate::cli::{Mode, Response};
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use api::Client;
use api::operation::Nothing;
use api::response::{Set, SetRequest};

impl Show for api::response::Response {
    fn table(&self) -> String {
        let limit = self.brake_limit.map_or_else(
            || "the larger of five and 1 % of the identities, within ten minutes".to_owned(),
            |limit| format!("{limit} within ten minutes"),
        );
        facts([
            ("mode", Some(self.mode.as_str().to_owned())),
            ("observes until", self.observes_until.map(|until| until.to_string())),
            ("brake", Some(limit)),
        ])
    }
}

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, command: Response) -> Result<(), Failure> {
    let response = match command {
        Response::Show => client.call::<api::response::Show>(&Nothing {}).await?,
        Response::Set { mode, brake_limit } => {
            let mode = mode.map(|mode| match mode {
                Mode::Observe => api::response::Mode::Observe,
                Mode::Ask => api::response::Mode::Ask,
                Mode::Automatic => api::response::Mode::Automatic,
            });
            client.call::<Set>(&SetRequest { mode, brake_limit }).await?
        }
    };
    output.show(&response)
}
