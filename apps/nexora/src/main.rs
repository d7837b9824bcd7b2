//! `nexora`: the server and the command line in one binary.
//!
//! A command that names an operation is a client of [`api`]: over the network, over the socket of the server
//! that owns a data directory, or with the same router in this process. Only this file reads argv and the
//! environment.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod connect;
mod failure;
mod files;
mod output;
mod progress;

use clap::Parser as _;
use connect::Surroundings;
use failure::Failure;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the owner of argv and the environment")]
    let (arguments, environment) = (std::env::args_os(), std::env::vars_os());
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are no failures; clap knows the stream and the code.
            drop(usage.print());
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let environment = environment
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let output = Output::standard(cli.global.output);
    match run(cli, Surroundings { environment }, output) {
        Ok(code) => code,
        Err(failure) => {
            output.failed(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: cli::Cli, surroundings: Surroundings, output: Output) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("nexora")
        .build()
        .map_err(|error| Failure::io("the runtime", &error))?;
    let result = runtime.block_on(commands::run(cli, &surroundings, output));
    // What still runs on a blocking thread (a read of standard input) is not waited for.
    runtime.shutdown_background();
    result
}
