//! What each command does.

mod care;
mod completions;
mod config;
mod credentials;
mod datasets;
mod demo;
mod events;
mod fields;
mod findings;
mod hunt;
mod identities;
mod keys;
mod ledger;
mod offline;
mod organizations;
mod place;
mod protect;
mod response;
mod rules;
mod serve;
mod simulate;
mod system;
mod witness;

use crate::cli::{Cli, Command, Config, Keys, Paging, Producers, Recovery};
use crate::connect::{Session, Surroundings};
use crate::failure::Failure;
use crate::output::Output;
use std::process::ExitCode;

/// Runs one command.
pub(crate) async fn run(cli: Cli, surroundings: &Surroundings, output: Output) -> Result<ExitCode, Failure> {
    let global = &cli.global;
    match cli.command {
        // What needs neither server nor credential.
        Command::Serve(serve) => serve::run(global, surroundings, output, &serve).await,
        Command::Demo(demo) => demo::run(global, surroundings, output, &demo).await,
        Command::Simulate(simulate) => simulate::run(output, &simulate),
        Command::Ledger(command) if command.is_offline() => {
            ledger::offline(global, surroundings, output, command).await
        }
        Command::Witness(command) => witness::run(global, output, &command).await,
        Command::Hunt(command) => hunt::run(surroundings, output, &command),
        Command::Rules(command) => rules::run(output, &command),
        Command::Config(Config::Show) => config::show(global, surroundings, output),
        Command::Completions { shell } => completions::print(output, shell),
        Command::Keys(Keys::Producer(Producers::New { key, suite })) => {
            keys::producers::new(output, &key, &suite)
        }
        Command::Keys(Keys::Root(command)) => keys::root::run(global, surroundings, output, &command).await,
        Command::Keys(Keys::Recovery(Recovery::Custodian { key, name, passphrase })) => {
            keys::recovery::custodian(surroundings, output, &key, name, &passphrase)
        }
        Command::Keys(Keys::Recovery(Recovery::OpenShare(share))) => {
            keys::recovery::open_share(surroundings, output, &share)
        }
        Command::Fields(command) => fields::run(output, command).await,
        Command::Protect(protect) if protect.public_key.is_some() => offline::protect(output, &protect).await,
        // Clients.
        command => {
            let session = Session::open(global, surroundings).await?;
            let result = ask(command, &session, output).await;
            session.close().await;
            result
        }
    }
}

async fn ask(command: Command, session: &Session, output: Output) -> Result<ExitCode, Failure> {
    let client = session.client();
    match command {
        Command::Organizations(command) => organizations::run(client, output, command).await?,
        Command::Events(command) => return events::run(client, output, command).await,
        Command::Identities(command) => identities::run(client, output, command).await?,
        Command::Credentials(command) => credentials::run(client, output, command).await?,
        Command::Findings(command) => findings::run(client, output, command).await?,
        Command::Response(command) => response::run(client, output, command).await?,
        Command::Datasets(command) => datasets::run(client, output, command).await?,
        Command::Keys(command) => keys::run(client, output, command).await?,
        Command::Protect(protect) => protect::protect(session, output, &protect).await?,
        Command::Reveal(reveal) => protect::reveal(client, output, &reveal).await?,
        Command::Ledger(command) => return ledger::run(client, output, command).await,
        Command::Doctor => return system::doctor(client, output).await,
        // Run before a client is made.
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Simulate(_)
        | Command::Witness(_)
        | Command::Hunt(_)
        | Command::Rules(_)
        | Command::Fields(_)
        | Command::Config(_)
        | Command::Completions { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Says where a list goes on.
fn next(output: Output, next: Option<&str>) {
    if let Some(next) = next {
        output.say(&format!("there is more: --after {next}"));
    }
}

/// The page that was asked for.
fn page(paging: Paging) -> (Option<u32>, Option<String>) {
    (paging.limit, paging.after)
}
