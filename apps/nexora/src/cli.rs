//! The command line: what can be typed. What it does stands in `commands/`.

use base::{Id, Role, Severity, noun};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
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
    /// Look at datasets and their public keys
    #[command(subcommand)]
    Datasets(Datasets),
    /// Parties that protect data with a public key alone
    #[command(subcommand)]
    Producers(Producers),
    /// Protect fields of a CSV
    Protect(Protect),
    /// Reveal protected fields of a CSV
    Reveal(Reveal),
    /// Check a ledger from its files alone
    #[command(subcommand)]
    Ledger(Ledger),
    /// Test detection rules against their samples
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

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; other than this machine only with --tls-certificate and --tls-key
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// The certificate chain, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The file with the passphrase of the root of trust
    #[arg(long, value_name = "FILE")]
    pub(crate) root_passphrase_file: Option<PathBuf>,
    /// Make a one-time administrator secret also where there is an organization already: for one more
    #[arg(long)]
    pub(crate) administrator_secret: bool,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// CloudTrail logs to run on instead of the bundled scenario
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// The seed of the bundled scenario
    #[arg(long, default_value_t = 7, conflicts_with = "events")]
    pub(crate) seed: u64,
    /// Print exactly one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `simulate`.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Where the events go, as NDJSON; the labels go beside it with `.labels.ndjson` at the end
    #[arg(value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The seed: the same seed gives the same bytes
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// How many identities; else the bundled scenario's
    #[arg(long)]
    pub(crate) identities: Option<u32>,
    /// How many hours; else the bundled scenario's
    #[arg(long)]
    pub(crate) hours: Option<u32>,
    /// How many attacks, of all plots in turn; else the bundled scenario's
    #[arg(long)]
    pub(crate) attacks: Option<u32>,
}

/// `organizations`.
#[derive(Debug, Subcommand)]
pub(crate) enum Organizations {
    /// Create an organization and its first person, with the one-time administrator secret
    Create {
        /// What people call it
        name: String,
        /// The name of its first person, who becomes org_admin
        #[arg(long)]
        person: String,
    },
}

/// `events`.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Send events; `-` is standard input. Plain, gzip and zstd, any framing of CloudTrail
    Send {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print events as the log keeps them: redacted
    Tail {
        /// The first offset; else what arrives from now on
        #[arg(long)]
        from: Option<u64>,
        /// End at the end of the log, instead of waiting for more
        #[arg(long)]
        no_follow: bool,
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

/// `identities`.
#[derive(Debug, Subcommand)]
pub(crate) enum Identities {
    /// List identities
    Ls {
        /// Only the quarantined ones
        #[arg(long)]
        quarantined: bool,
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one identity
    Show {
        /// Its id
        identity: Id<noun::Identity>,
    },
    /// Cut an identity off: its credentials are refused and no data key opens for it
    Quarantine {
        /// Its id
        identity: Id<noun::Identity>,
        /// The finding whose proposal this carries out
        #[arg(long)]
        finding: Option<Id<noun::Finding>>,
    },
    /// Undo a quarantine
    Release {
        /// Its id
        identity: Id<noun::Identity>,
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
    },
    /// Put an identity on the list that is never cut automatically
    Protect {
        /// Its id
        identity: Id<noun::Identity>,
    },
    /// Take an identity off that list
    Unprotect {
        /// Its id
        identity: Id<noun::Identity>,
    },
}

/// `credentials`.
#[derive(Debug, Subcommand)]
pub(crate) enum Credentials {
    /// Issue a credential; its token is shown this once
    Issue(Issue),
    /// List credentials, never their secrets
    Ls {
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Revoke a credential, for good
    Revoke {
        /// Its id
        credential: Id<noun::Credential>,
    },
}

/// `credentials issue`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("grant").required(true).args(["ingest", "identity", "person"]))]
pub(crate) struct Issue {
    /// To send events of one format
    #[arg(long, requires = "account")]
    pub(crate) ingest: bool,
    /// The format of the events
    #[arg(long, requires = "ingest", default_value = "aws.cloudtrail")]
    pub(crate) format: String,
    /// An account that the source may speak for; may be repeated
    #[arg(long, requires = "ingest", value_name = "ACCOUNT")]
    pub(crate) account: Vec<String>,
    /// To act as a machine identity, while that is in good standing
    #[arg(long, value_name = "ID")]
    pub(crate) identity: Option<Id<noun::Identity>>,
    /// To act as a person of this name
    #[arg(long, value_name = "NAME", requires = "role")]
    pub(crate) person: Option<String>,
    /// What the person may do: org_admin, org_user or auditor
    #[arg(long, requires = "person")]
    pub(crate) role: Option<Role>,
}

/// `findings`.
#[derive(Debug, Subcommand)]
pub(crate) enum Findings {
    /// List findings, newest first
    Ls {
        /// Only those at least this bad: informational, low, medium, high or critical
        #[arg(long)]
        severity: Option<Severity>,
        /// Only those against this identity
        #[arg(long)]
        identity: Option<Id<noun::Identity>>,
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a finding with its events as kept, the rule's text and the command that releases
    Show {
        /// Its id
        finding: Id<noun::Finding>,
    },
}

/// `response`.
#[derive(Debug, Subcommand)]
pub(crate) enum Response {
    /// Show how far it goes
    Show,
    /// Set how far it goes
    Set {
        /// observe records, ask proposes, automatic acts
        #[arg(long, value_enum, required_unless_present = "brake_limit")]
        mode: Option<Mode>,
        /// Automatic quarantines within ten minutes, at most; 0 for the default
        #[arg(long)]
        brake_limit: Option<u32>,
    },
}

/// How far the response goes.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// Records what would have been quarantined.
    Observe,
    /// Leaves a proposal on the finding.
    Ask,
    /// Quarantines.
    Automatic,
}

/// `datasets`.
#[derive(Debug, Subcommand)]
pub(crate) enum Datasets {
    /// List datasets
    Ls {
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Print a dataset's public key, for `protect --public-key`
    PublicKey {
        /// Its name
        dataset: String,
    },
}

/// `producers`.
#[derive(Debug, Subcommand)]
pub(crate) enum Producers {
    /// Make a producer's signing key in a 0600 file, and print its public half
    New {
        /// Where the signing key goes
        #[arg(value_name = "FILE")]
        key: PathBuf,
    },
    /// Register a producer's public key, so that its manifests are accepted
    Add {
        /// What people call it
        name: String,
        /// The file with the public key
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
    },
    /// List producers
    Ls {
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
}

/// `protect`.
#[derive(Debug, Args)]
pub(crate) struct Protect {
    /// The CSV; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The columns to protect
    #[arg(long, required = true, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) fields: Vec<String>,
    /// The dataset; else the file's name without its ending
    #[arg(long)]
    pub(crate) dataset: Option<String>,
    /// Where the output goes; its manifest goes beside it. Else FILE.protected.csv
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Protect offline with a dataset's public key, from `datasets public-key`
    #[arg(long, value_name = "FILE", requires = "signing_key")]
    pub(crate) public_key: Option<PathBuf>,
    /// The producer's signing key, from `producers new`
    #[arg(long, value_name = "FILE", requires = "public_key")]
    pub(crate) signing_key: Option<PathBuf>,
}

/// `reveal`.
#[derive(Debug, Args)]
pub(crate) struct Reveal {
    /// The protected CSV
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Its manifest; else the one beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// The columns to reveal; else every protected one
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) fields: Vec<String>,
    /// Where the output goes; else standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `ledger`.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Check every entry, inclusion, consistency and signature
    Verify {
        /// The ledger's directory
        dir: PathBuf,
        /// A verifier key to trust, in C2SP form; may be repeated. Else those that the ledger names
        #[arg(long, value_name = "VKEY")]
        key: Vec<String>,
    },
    /// Show origin, keys, size and root
    Show {
        /// The ledger's directory
        dir: PathBuf,
    },
    /// Ask the server what is committed and what is published
    Status,
}

/// `rules`.
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Run every rule against its positive and negative events
    Test {
        /// A directory of rules with their samples; else our own
        dir: Option<PathBuf>,
    },
}

/// `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Each effective value and where it came from
    Show,
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
        let wrong: [&[&str]; 8] = [
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
        let right: [&[&str]; 4] = [
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
