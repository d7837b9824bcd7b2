//! `ledger`: verified from its files alone.

use crate::cli::{Global, Ledger};
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::{Output, Show, facts};
use api::Client;
use api::ledgers::{LedgerStatus, Status};
use api::operation::Nothing;
use base::{Id, Kind, Timestamp, noun};
use node::{LedgerDirectory, Signatures};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use verify::{Pins, VerifierKey};

/// How long a ledger that a server writes meanwhile is left alone, and how often.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
const PAUSES: u32 = 20;

/// What was verified.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    /// Always true; a ledger that does not verify is an error.
    pub(crate) verified: bool,
    /// The log's name.
    pub(crate) origin: String,
    /// Whose log.
    pub(crate) organization: Id<noun::Organization>,
    /// Why its keys are believed.
    pub(crate) key: &'static str,
    /// How many entries.
    pub(crate) size: u64,
    /// The root over them, in base64.
    pub(crate) root: String,
    /// How many files were checked.
    pub(crate) files: usize,
    /// When the first entry was committed.
    pub(crate) first: Timestamp,
    /// When the last one was.
    pub(crate) last: Timestamp,
}

impl Show for Verified {
    fn table(&self) -> String {
        let key = match self.key {
            "UNPINNED" => {
                "UNPINNED: the log vouches for its own keys; give --key with one that you know".to_owned()
            }
            known => known.to_owned(),
        };
        facts([
            ("verified", Some("every entry, inclusion, consistency and signature".to_owned())),
            ("origin", Some(self.origin.clone())),
            ("key", Some(key)),
            ("size", Some(self.size.to_string())),
            ("root", Some(self.root.clone())),
            ("files", Some(self.files.to_string())),
            ("from", Some(self.first.to_string())),
            ("to", Some(self.last.to_string())),
        ])
    }
}

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
            ("published", Some(self.published.to_string())),
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

fn open(dir: &Path) -> Result<(LedgerDirectory, Signatures), Failure> {
    Ok((LedgerDirectory::open(dir)?, Signatures::new(crypto::aws_lc())))
}

/// Verifies a ledger's directory.
pub(crate) fn check(dir: &Path, keys: &[String]) -> Result<Verified, Failure> {
    let mut pins = Pins::default();
    for key in keys {
        let key: Result<VerifierKey, _> = key.parse();
        pins.keys.push(key.map_err(|error| Failure::new(Kind::BadInput, format!("--key: {error}")))?);
    }
    let (files, signatures) = open(dir)?;
    let report = verify::settled(pause(), || verify::directory(&files, &signatures, &pins))?;
    let checkpoint = report.checkpoint.checkpoint();
    Ok(Verified {
        verified: true,
        origin: checkpoint.origin.clone(),
        organization: report.organization,
        key: report.trust.as_str(),
        size: checkpoint.size,
        root: verify::settled(pause(), || verify::show(&files, &signatures))?.root,
        files: report.files,
        first: report.first,
        last: report.last,
    })
}

/// Runs a command that works on what its arguments name.
pub(super) async fn offline(
    _global: &Global,
    _surroundings: &Surroundings,
    output: Output,
    command: Ledger,
) -> Result<ExitCode, Failure> {
    match command {
        Ledger::Verify(verify) => output.show(&check(&verify.dir, &verify.key)?)?,
        Ledger::Show { dir } => show(output, &dir)?,
        // Asked of a node.
        Ledger::Status => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a command that asks a node.
pub(super) async fn run(client: &Client, output: Output, command: Ledger) -> Result<ExitCode, Failure> {
    match command {
        Ledger::Status => output.show(&client.call::<Status>(&Nothing {}).await?)?,
        // Run before a client is made.
        Ledger::Verify(_) | Ledger::Show { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// `ledger show`.
fn show(output: Output, dir: &Path) -> Result<(), Failure> {
    let (files, signatures) = open(dir)?;
    let verify::Shown { origin, keys, size, root } =
        verify::settled(pause(), || verify::show(&files, &signatures))?;
    output.show(&Shown { origin, keys, size, root })
}

/// Waits for a publication that may be running just now: a short while, twenty times at most.
fn pause() -> impl FnMut() -> bool {
    let mut pauses = 0;
    move || {
        pauses += 1;
        std::thread::park_timeout(PAUSE);
        pauses < PAUSES
    }
}
