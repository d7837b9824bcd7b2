//! `datasets`, `protect` and `reveal`.

use super::Paging;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `datasets`.
#[derive(Debug, Subcommand)]
pub(crate) enum Datasets {
    /// List datasets
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
    /// Protect offline with a dataset's public key, from `keys export --public`
    #[arg(long, value_name = "FILE", requires = "signing_key")]
    pub(crate) public_key: Option<PathBuf>,
    /// The producer's signing key, from `keys producer new`
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
