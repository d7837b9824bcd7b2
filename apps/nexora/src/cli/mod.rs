//! The command line: what can be typed, one module a noun. What it does stands in `commands/`.

mod credentials;
mod datasets;
mod events;
mod findings;
mod identities;
mod keys;
mod ledger;
mod node;
mod organizations;
mod recovery;
mod rules;
mod witness;

pub(crate) use credentials::{Credentials, Issue};
pub(crate) use datasets::{Datasets, Fields, Policy, Protect, Reveal};
pub(crate) use events::Events;
pub(crate) use findings::{Findings, Mode, Response};
pub(crate) use identities::Identities;
pub(crate) use keys::{Breach, Create, Export, Keys, Producers, Reencrypt, Rotate, Scope, Shred};
pub(crate) use ledger::{
    Consistency, Ledger, LedgerErase, LedgerRetention, LegalHold, Pins, Place, Prove, Search, Trusted, Verify,
};
pub(crate) use node::{Config, Demo, Serve, Simulate};
pub(crate) use organizations::Organizations;
pub(crate) use recovery::{OpenShare, Passphrase, Recovery, Restore, Root, Setup};
pub(crate) use rules::{Dialect, Hunt, Match, Rules};
pub(crate) use witness::{ServeWitness, Witness};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Secures machine identities and the data they touch.
#[derive(Debug, Parser)]
#[command(name = "nexora", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = EXITS)]
pub(crate) struct Cli {
    /// What every command knows.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXITS: &str = "\
Credential: NEXORA_TOKEN, or --token-file; never on the command line.
Exit codes: 0 ok, 2 usage, 3 not signed in, 4 refused, 5 not found, 6 conflict, 7 bad input, 8 a check \
failed, 1 other.";

/// What every command knows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// How to print what comes back
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// The server to ask: https://HOST[:PORT], or http:// on this machine
    #[arg(long, global = true, value_name = "URL", conflicts_with = "data")]
    pub(crate) server: Option<String>,
    /// The data directory: the server that owns it is asked by its socket, or, where none runs, the
    /// directory is opened in this process
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A configuration file in TOML
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A file that holds the credential's token
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates to trust instead of the system's, in PEM
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON document; streams as one line each.
    Json,
    /// One YAML document; streams as one document each.
    Yaml,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server on an empty or existing data directory
    Serve(Serve),
    /// Run the whole loop on a bundled scenario or on your own logs, and prove it
    Demo(Demo),
    /// Write the events of a simulated cloud to a file, with their labels beside it
    Simulate(Simulate),
    /// Create organizations
    #[command(subcommand)]
    Organizations(Organizations),
    /// Send events, and watch them arrive
    #[command(subcommand)]
    Events(Events),
    /// Look at identities, cut them off, release them
    #[command(subcommand)]
    Identities(Identities),
    /// Issue, list and revoke credentials
    #[command(subcommand)]
    Credentials(Credentials),
    /// Look at findings
    #[command(subcommand)]
    Findings(Findings),
    /// How far the response goes by itself
    #[command(subcommand)]
    Response(Response),
    /// Create datasets, and look at them
    #[command(subcommand)]
    Datasets(Datasets),
    /// Find out what is sensitive in a file
    #[command(subcommand)]
    Fields(Fields),
    /// Keys, from the root of trust down to a dataset's, and who may use them
    #[command(subcommand)]
    Keys(Keys),
    /// Protect fields of a CSV, JSON, NDJSON or Parquet file
    Protect(Protect),
    /// Reveal protected fields of a file
    Reveal(Reveal),
    /// Verify, prove, search and keep a ledger
    #[command(subcommand)]
    Ledger(Ledger),
    /// Run a witness of logs, or show its keys
    #[command(subcommand)]
    Witness(Witness),
    /// Judge files of logs on the spot, with neither server nor data directory
    Hunt(Hunt),
    /// Test, match and check detection rules
    #[command(subcommand)]
    Rules(Rules),
    /// Say how the node and the organization are
    Doctor,
    /// The effective configuration
    #[command(subcommand)]
    Config(Config),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Which page.
#[derive(Debug, Args)]
pub(crate) struct Paging {
    /// How many rows, 1 to 1000
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: Option<u32>,
    /// Where to go on: the `next` of the page before
    #[arg(long, value_name = "NEXT")]
    pub(crate) after: Option<String>,
}

/// Whether to do what cannot be undone.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Care {
    /// Say what would happen, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; where standard input is no terminal, nothing is done without this
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_command_line_is_sound_and_every_command_has_help() {
        Cli::command().debug_assert();
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            assert!(command.get_about().is_some(), "{} says what it does", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn usage_is_refused_before_anything_is_asked() {
        const KEY: &str = "key_00000000000000000000000000";
        let wrong: [&[&str]; 16] = [
            &["keys", "export"],
            &["keys", "export", KEY],
            &["keys", "export", "--public"],
            &["keys", "breach", "declare", "--reason", "x"],
            &["keys", "shred", "request", "--reason", "x", "--dataset", "d", "--organization"],
            &["keys", "destroy", KEY, "--dry-run", "--yes"],
            &["keys", "rotate", KEY, "--never", "--every", "9"],
            &["protect", "a.csv", "--fields", "a", "--policy", "b"],
            &[],
            &["nonsense"],
            &["credentials", "issue"],
            &["credentials", "issue", "--person", "Ada"],
            &["credentials", "issue", "--ingest"],
            &["identities", "show", "fnd_00000000000000000000000000"],
            &["findings", "ls", "--limit", "0"],
            &["doctor", "--server", "https://a", "--data", "b"],
        ];
        for line in wrong {
            let error = Cli::try_parse_from(std::iter::once(&"nexora").chain(line)).expect_err("usage");
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
        let right: [&[&str]; 10] = [
            &["keys", "export", KEY, "--format", "tink", "--to", "r.pub"],
            &["keys", "export", "--public", "--dataset", "d"],
            &["keys", "shred", "request", "--reason", "x", "--organization"],
            &["keys", "recovery", "restore", "--out", "invitation.json"],
            &["protect", "-", "--manifest", "m.json"],
            &["protect", "a.csv", "--fields", "email=siv,card=ff1:digits+luhn", "--row-key", "id"],
            &["credentials", "issue", "--ingest", "--account", "1", "--account", "2"],
            &["credentials", "issue", "--person", "Ada", "--role", "auditor"],
            &["-o", "json", "findings", "ls", "--severity", "high"],
            &["protect", "a.csv", "--fields", "email,ssn", "-o", "yaml"],
        ];
        for line in right {
            assert!(Cli::try_parse_from(std::iter::once(&"nexora").chain(line)).is_ok(), "{line:?}");
        }
    }
}
