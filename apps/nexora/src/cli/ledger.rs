//! `ledger` and `rules`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `ledger`.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Check every entry, inclusion, consistency and signature
    Verify(Verify),
    /// Show origin, keys, size and root
    Show {
        /// The ledger's directory
        dir: PathBuf,
    },
    /// Ask the server what is committed and what is published
    Status,
}

impl Ledger {
    /// Whether the command needs no server and no credential of one: it works on what its arguments name.
    pub(crate) const fn is_offline(&self) -> bool {
        matches!(self, Self::Verify(_) | Self::Show { .. })
    }
}

/// `ledger verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The ledger's directory
    pub(crate) dir: PathBuf,
    /// A verifier key to trust, in C2SP form; may be repeated. Else those that the ledger names
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: Vec<String>,
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
