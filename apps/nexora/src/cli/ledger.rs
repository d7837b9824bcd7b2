//! `ledger` and `rules`.

use clap::Subcommand;
use std::path::PathBuf;

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
