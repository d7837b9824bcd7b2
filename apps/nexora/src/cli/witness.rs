//! `witness`.

use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `witness`.
#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Cosign the checkpoints of logs: a witness, in a data directory of its own (--data)
    Serve(ServeWitness),
    /// Show the keys that check its cosignatures, as policies name them
    Show,
}

/// `witness serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeWitness {
    /// Whose checkpoints to cosign: a file of `log VKEY` lines, as a C2SP tlog-policy has them; followed while it runs
    #[arg(long, value_name = "FILE")]
    pub(crate) logs: PathBuf,
    /// Where to listen; other than this machine only with --tls-certificate and --tls-key. Else 127.0.0.1:7744
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// What its keys are called, at the first start: a URL without scheme, such as witness.example/w1
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The certificate chain, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
}
