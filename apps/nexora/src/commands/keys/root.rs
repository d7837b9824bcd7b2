//! `keys root`: the root of trust of a data directory. No server is asked: the root is above every organization,
//! and whoever has the directory and the passphrase has it.

use crate::cli::{Global, Root};
use crate::commands::care::goes_on;
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

/// A backup that was written.
#[derive(Debug, Serialize)]
struct Written {
    backup: String,
}

impl Show for Written {
    fn table(&self) -> String {
        facts([("backup", Some(self.backup.clone()))])
    }
}

/// A fresh root.
#[derive(Debug, Serialize)]
struct Replaced {
    root: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase_in: Option<String>,
}

impl Show for Replaced {
    fn table(&self) -> String {
        facts([("root", Some(self.root.to_owned())), ("passphrase in", self.passphrase_in.clone())])
    }
}

/// What a restore brought back.
#[derive(Debug, Serialize)]
struct Restored {
    units: usize,
    regained: usize,
    shredded: Vec<String>,
    /// The root in place had other records of these: it has both now.
    differing: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase_in: Option<String>,
}

impl Show for Restored {
    fn table(&self) -> String {
        facts([
            ("units", Some(self.units.to_string())),
            ("regained", Some(self.regained.to_string())),
            ("shredded", (!self.shredded.is_empty()).then(|| self.shredded.join(", "))),
            ("both records kept", (!self.differing.is_empty()).then(|| self.differing.join(", "))),
            ("passphrase in", self.passphrase_in.clone()),
        ])
    }
}

/// Runs the command.
pub(crate) async fn run(
    global: &Global,
    surroundings: &Surroundings,
    output: Output,
    command: &Root,
) -> Result<ExitCode, Failure> {
    let (config, _) = surroundings.config(global, BTreeMap::new())?;
    let own = surroundings.passphrase(&config)?;
    match command {
        Root::Backup { out, passphrase } => {
            let passphrase = surroundings.other_passphrase(passphrase)?;
            node::root::backup(&config, own, out, passphrase).await?;
            output.show(&Written { backup: out.display().to_string() })?;
        }
        Root::Replace { care } => {
            let what = format!(
                "put a fresh root of trust in the place of the lost one of {}: nothing opens under it until custodians \
                 bring the keys back",
                config.data.display()
            );
            if !goes_on(output, *care, &what)? {
                return Ok(ExitCode::SUCCESS);
            }
            let generated = node::root::replace(&config, own).await?;
            output.show(&Replaced {
                root: "fresh",
                passphrase_in: generated.map(|path| path.display().to_string()),
            })?;
        }
        Root::Restore { backup, passphrase, care } => {
            let what = format!(
                "put what {} holds back into the root of trust of {}",
                backup.display(),
                config.data.display()
            );
            if !goes_on(output, *care, &what)? {
                return Ok(ExitCode::SUCCESS);
            }
            let passphrase = surroundings.other_passphrase(passphrase)?;
            let document = fs::read(backup).map_err(|error| Failure::file(backup, &error))?;
            let (restored, generated) = node::root::restore(&config, own, document, passphrase).await?;
            output.show(&Restored {
                units: restored.units,
                regained: restored.regained,
                shredded: restored.forgotten,
                differing: restored.differing,
                passphrase_in: generated.map(|path| path.display().to_string()),
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
