//! `demo`: the whole loop, on the bundled scenario or on your own logs.
//!
//! Everything here is a client: the same operations, over the same router, that a server answers. A
//! [rehearsal](rehearsal) judges the events by themselves first, only to know where to pause: before the
//! activity that will tip a quarantine, its identity gets a credential and reveals a dataset; then the rest is
//! sent while that identity goes on revealing, until it is refused.

mod play;
mod rehearsal;
mod stage;
mod story;

use crate::cli::{Demo, Global};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress;
use rehearsal::Rehearsal;
use serde::Serialize;
use stage::Stage;
use std::{fs, process::ExitCode, time::Duration};

/// What the demo saw: the one object of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Seen {
    activities: u64,
    rejected: u64,
    identities: u64,
    findings: u64,
    quarantined: Vec<Quarantined>,
    fields_protected: usize,
    reveal_before: Option<&'static str>,
    reveal_after: Option<&'static str>,
    zero_access_ms: Option<f64>,
    ledger: Ledger,
    seconds: f64,
}

/// An identity that was cut off.
#[derive(Debug, Clone, Serialize)]
struct Quarantined {
    id: String,
    name: String,
    #[serde(skip)]
    finding: Option<String>,
}

/// The proof.
#[derive(Debug, Serialize)]
struct Ledger {
    dir: String,
    entries: u64,
    size: u64,
    verified: bool,
}

/// Runs the demo.
pub(crate) async fn run(global: &Global, output: Output, demo: &Demo) -> Result<ExitCode, Failure> {
    let bytes = match &demo.events {
        Some(path) => fs::read(path).map_err(|error| Failure::file(path, &error))?,
        None => rehearsal::bundled(demo.seed)?,
    };
    let stage = Stage::set(global).await?;
    let began = stage.now();
    let spinner = progress::spinner("rehearsing");
    let rehearsal = Rehearsal::of(&bytes, stage.organization(), began)?;
    spinner.finish_and_clear();
    let told = play::run(&stage, &rehearsal).await?;
    let dir = stage.ledger_directory();
    let ledger = stage.close().await.map(|report| Ledger {
        dir: dir.display().to_string(),
        entries: report.entries,
        size: report.entries,
        verified: report.verified,
    })?;
    let seconds = told.ended.since(began).as_secs_f64();
    let verified = ledger.verified;
    let seen = Seen {
        activities: told.accepted,
        rejected: told.rejected,
        identities: told.identities,
        findings: told.findings,
        quarantined: told.quarantined.clone(),
        fields_protected: play::FIELDS.len(),
        reveal_before: told.before.then_some("allowed"),
        reveal_after: told.refused_after.map(|_| "refused"),
        zero_access_ms: told.refused_after.map(milliseconds),
        ledger,
        seconds,
    };
    if demo.json {
        output.write(&serde_json::to_string(&seen).map_err(|error| Failure::ours(error.to_string()))?)?;
    } else {
        output.write(&story::tell(&seen, &told))?;
    }
    Ok(if verified { ExitCode::SUCCESS } else { ExitCode::from(base::Kind::CheckFailed.exit_code()) })
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
