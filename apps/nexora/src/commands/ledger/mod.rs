//! `ledger`: verified, proven and compared from published files alone, held against what the user knows.

mod book;
mod consistency;
mod deep;
mod pins;
mod platform;
mod prove;
mod quorum;
mod retention;
mod search;
mod source;
mod trust;
mod verify;

use crate::cli::{Global, Ledger};
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use ::verify::Pins;
use api::Client;
use api::ledgers::{LedgerStatus, Restart, RotateKeys, Status};
use api::operation::Nothing;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node::{LedgerDirectory, Signatures};
use serde::Serialize;
use source::Source;
use std::path::Path;
use std::process::ExitCode;

/// What a log is.
#[derive(Debug, Serialize)]
struct Shown {
    origin: String,
    keys: Vec<String>,
    size: u64,
    root: String,
}

impl Show for Shown {
    fn table(&self) -> String {
        let mut lines = vec![("origin", Some(self.origin.clone()))];
        lines.extend(self.keys.iter().map(|key| ("key", Some(short(key)))));
        lines.extend([("size", Some(self.size.to_string())), ("root", Some(self.root.clone()))]);
        facts(lines)
    }
}

impl Show for LedgerStatus {
    fn table(&self) -> String {
        let mut lines = vec![("origin", Some(self.origin.clone()))];
        lines.extend(self.keys.iter().map(|key| ("key", Some(short(key)))));
        lines.extend([
            ("committed", Some(self.committed.to_string())),
            ("sequenced", (self.sequenced > self.published).then(|| self.sequenced.to_string())),
            ("published", Some(self.published.to_string())),
            ("stalled", self.stalled.clone()),
            ("directory", Some(self.dir.clone())),
        ]);
        facts(lines)
    }
}

/// A verifier key as people compare it: name, hash and the beginning. `-o json` has the whole.
fn short(key: &str) -> String {
    if key.len() <= 200 {
        key.to_owned()
    } else {
        format!("{}… (whole with -o json)", &key.get(..120).unwrap_or(key))
    }
}

/// A log that verified.
pub(crate) struct Checked {
    /// How many entries.
    pub(crate) size: u64,
    /// The root over them, in base64.
    pub(crate) root: String,
}

/// Verifies a ledger's directory without anything from elsewhere: for a caller that has just seen it made.
pub(crate) fn check(dir: &Path) -> Result<Checked, Failure> {
    let report = Source::Directory(LedgerDirectory::open(dir)?, dir.to_owned()).verify(&Pins::default())?;
    let head = report.checkpoint.checkpoint();
    Ok(Checked { size: head.size, root: STANDARD.encode(head.root) })
}

/// Runs a command that works on what its arguments name. What it does blocks, so it stands on a thread that may.
pub(super) async fn offline(
    global: &Global,
    surroundings: &Surroundings,
    output: Output,
    command: Ledger,
) -> Result<ExitCode, Failure> {
    tokio::task::block_in_place(|| match command {
        Ledger::Verify(command) => verify::run(global, surroundings, output, &command),
        Ledger::Consistency(command) => consistency::run(global, surroundings, output, &command),
        Ledger::Pins(command) => pins::run(surroundings, output, command),
        Ledger::Show { log } => show(global, surroundings, output, &log),
        Ledger::Prove(command) => match &command.log {
            Some(log) => prove::from_files(global, surroundings, output, &command, log),
            // Asked of a node.
            None => Ok(()),
        },
        Ledger::Search(_)
        | Ledger::Status
        | Ledger::RotateKeys
        | Ledger::Restart
        | Ledger::Retention(_)
        | Ledger::Hold(_)
        | Ledger::Erase(_) => Ok(()),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a command that asks a node.
pub(super) async fn run(client: &Client, output: Output, command: Ledger) -> Result<ExitCode, Failure> {
    match command {
        Ledger::Status => output.show(&client.call::<Status>(&Nothing {}).await?)?,
        Ledger::RotateKeys => output.show(&client.call::<RotateKeys>(&Nothing {}).await?)?,
        Ledger::Restart => output.show(&client.call::<Restart>(&Nothing {}).await?)?,
        Ledger::Prove(command) => prove::by_node(client, output, &command).await?,
        Ledger::Search(command) => search::run(client, output, command).await?,
        Ledger::Retention(command) => retention::retention(client, output, command).await?,
        Ledger::Hold(command) => retention::hold(client, output, command).await?,
        Ledger::Erase(command) => retention::erase(client, output, command).await?,
        // Run before a client is made.
        Ledger::Verify(_) | Ledger::Consistency(_) | Ledger::Pins(_) | Ledger::Show { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// `ledger show`.
fn show(global: &Global, surroundings: &Surroundings, output: Output, log: &str) -> Result<(), Failure> {
    let source = Source::open(log, global, surroundings)?;
    let files = source.log()?;
    let shown = ::verify::settled(source.pause(), || ::verify::show(files, &signatures()));
    let ::verify::Shown { origin, keys, size, root } = shown.map_err(|failure| source.told(failure))?;
    output.show(&Shown { origin, keys, size, root })
}

/// What checks signatures.
fn signatures() -> Signatures {
    Signatures::new(crypto::aws_lc())
}
