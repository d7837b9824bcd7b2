//! `keys`.

use super::Paging;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Export a key
    Export(Export),
    /// Parties that protect data with a dataset's public key alone
    #[command(subcommand)]
    Producer(Producers),
}

/// `keys export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A dataset's public key, for `protect --public-key`: enough to protect, not to reveal
    #[arg(long, requires = "dataset", required = true)]
    pub(crate) public: bool,
    /// The dataset's name
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
}

/// `keys producer`.
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
