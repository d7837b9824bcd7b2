//! `config show`.

use crate::cli::Global;
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::{Output, Show, rows};
use node::config::Effective;
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Each effective value and where it came from.
#[derive(Debug, Serialize)]
struct Shown {
    settings: Vec<Effective>,
}

impl Show for Shown {
    fn table(&self) -> String {
        rows(
            ["setting", "value", "from"],
            self.settings.iter().map(|setting| {
                let value = setting.value.clone().unwrap_or_else(|| "-".to_owned());
                [setting.name.to_owned(), value, setting.source.clone()]
            }),
        )
    }
}

/// Prints the effective configuration.
pub(crate) fn show(
    global: &Global,
    surroundings: &Surroundings,
    output: Output,
) -> Result<ExitCode, Failure> {
    let (_, settings) = surroundings.config(global, BTreeMap::new())?;
    output.show(&Shown { settings })?;
    Ok(ExitCode::SUCCESS)
}
