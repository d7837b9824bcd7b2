//! `doctor`.

use crate::failure::Failure;
use crate::output::{Output, Show, rows};
use api::Client;
use api::node::{Diagnose, Diagnosis};
use api::operation::Nothing;
use base::Kind;
use std::process::ExitCode;

impl Show for Diagnosis {
    fn table(&self) -> String {
        rows(
            ["part", "state", "what was seen"],
            self.checks
                .iter()
                .map(|check| [check.name.clone(), check.state.as_str().to_owned(), check.message.clone()]),
        )
    }
}

/// Asks how node and organization are. A part that does not work is a check that failed.
pub(crate) async fn doctor(client: &Client, output: Output) -> Result<ExitCode, Failure> {
    let diagnosis = client.call::<Diagnose>(&Nothing {}).await?;
    output.show(&diagnosis)?;
    Ok(if diagnosis.healthy { ExitCode::SUCCESS } else { ExitCode::from(Kind::CheckFailed.exit_code()) })
}
