//! `serve`, `demo`, `simulate` and `config`.

use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// The directory of the root of trust; else it stands beside the data directory, named like it with `.root`
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// The file with the passphrase of the root of trust
    #[arg(long, value_name = "FILE")]
    pub(crate) root_passphrase_file: Option<PathBuf>,
    /// A directory in which this node may write protected outputs anew when a key has changed; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) destination: Vec<PathBuf>,
    /// The C2SP tlog-policy of the witnesses that cosign the ledger, with their URLs
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger_policy: Option<PathBuf>,
    /// A file outside the data directory to which published checkpoints are appended, to see a restored one
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger_anchor: Option<PathBuf>,
    /// Certificates to trust for witnesses instead of the system's, in PEM
    #[arg(long, value_name = "FILE", requires = "ledger_policy")]
    pub(crate) ledger_ca: Option<PathBuf>,
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

/// `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Each effective value and where it came from
    Show,
}
