//! `completions`.

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::Output;
use clap::CommandFactory as _;
use std::process::ExitCode;

/// Prints the completions for a shell.
pub(crate) fn print(output: Output, shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nexora", &mut script);
    output.write(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
