//! `rules`: rules tested, matched, linted, imported. No server, no data directory.

mod lint;
mod matching;
pub(crate) mod read;
mod test;

use crate::cli::Rules;
use crate::failure::Failure;
use crate::output::Output;
use std::process::ExitCode;

/// Runs one of them.
pub(crate) fn run(output: Output, command: &Rules) -> Result<ExitCode, Failure> {
    match command {
        Rules::Test { dir } => test::run(output, dir.as_deref()),
        Rules::Match(command) => matching::run(output, command),
        Rules::Lint { dir, dialect } => lint::run(output, dialect, dir, None),
        Rules::Import { dir, into, dialect } => lint::run(output, dialect, dir, Some(into)),
    }
}
