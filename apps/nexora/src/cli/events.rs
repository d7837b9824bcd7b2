//! `events`.

use clap::Subcommand;
use std::path::PathBuf;

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
