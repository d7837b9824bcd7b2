//! `bench NAME…`: measures what is claimed, beside a peer or the floor, in the same run on the same machine.
//!
//! A benchmark prints a small table and, as its last line, one JSON object: `{bench, unit, ours, other,
//! other_name, ratio, mode}`; `ratio` is ours ÷ other, null where there is no peer. `all` runs every one
//! but `detect`; without a name it lists them. What each measures stands in `docs/benchmarks.md`.
//! The figures mean something in release mode alone, and the last line says which mode it was.
#![forbid(unsafe_code)]

mod activities;
mod chance;
mod csv_protect;
mod fields_aead;
mod fields_python;
mod home;
mod judge;
mod ledger_append;
mod ledger_files;
mod ledger_latency;
mod ledger_prove;
mod ledger_verify;
mod machine;
mod models;
mod python;
mod report;
mod reveal;
mod rules;
mod seal;
mod start;
mod stream_memory;
mod truth;
mod zero_access;

use report::Report;
use std::io::Write as _;
use std::process::ExitCode;

/// Anything that keeps a benchmark from its figure.
type Failure = Box<dyn std::error::Error>;

/// The benchmarks by name.
const BENCHMARKS: &[&str] = &[
    "loop",
    "zero-access",
    "start",
    "stream-memory",
    "csv-protect",
    "fields-aead",
    "fields-python",
    "reveal",
    "seal",
    "ledger-append",
    "ledger-latency",
    "ledger-prove",
    "ledger-verify",
    "rules",
    "judge",
    "judge-bytes",
    "models",
];

/// Not one of `all`: what it measures is no matter of speed, and it takes a while.
const TRUTH: &str = "detect";

async fn measure(name: &str) -> Result<Report, Failure> {
    match name {
        "loop" => activities::measure().await,
        "zero-access" => zero_access::measure().await,
        "start" => start::measure(),
        "stream-memory" => stream_memory::measure(),
        "csv-protect" => csv_protect::measure(),
        "fields-aead" => fields_aead::measure(),
        "fields-python" => fields_python::measure(),
        "reveal" => reveal::measure().await,
        "seal" => seal::measure(),
        "ledger-append" => ledger_append::measure().await,
        "ledger-latency" => ledger_latency::measure().await,
        "ledger-prove" => ledger_prove::measure(),
        "ledger-verify" => ledger_verify::measure(),
        "rules" => rules::measure(),
        "judge" => judge::measure(),
        "judge-bytes" => judge::measure_bytes(),
        "models" => models::measure(),
        TRUTH => truth::measure(),
        other => {
            let names = BENCHMARKS.join(", ");
            Err(format!("there is no benchmark `{other}`; there are: {names}, {TRUTH}, all").into())
        }
    }
}

async fn run(names: Vec<String>) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    if names.is_empty() {
        writeln!(out, "{}\n{TRUTH}\nall", BENCHMARKS.join("\n"))?;
        return Ok(());
    }
    let names = names.iter().flat_map(|name| match name.as_str() {
        "all" => BENCHMARKS.to_vec(),
        one => vec![one],
    });
    for name in names {
        let report = measure(name).await.map_err(|error| format!("{name}: {error}"))?;
        writeln!(out, "{}", report.text()?)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a root of its own")]
    let names = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(names)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nowhere is left to say it if this fails.
            let _ = writeln!(std::io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}
