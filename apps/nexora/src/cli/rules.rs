//! `rules` and `hunt`: what needs neither server nor data directory.

use base::Severity;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `rules`.
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Run every rule against its positive and negative events
    Test {
        /// A directory of rules with their samples; else our own
        dir: Option<PathBuf>,
    },
    /// Say which rules match each event: the rule engine alone, nothing redacted
    Match(Match),
    /// Say what is wrong with rules, and which of them cannot fire
    Lint {
        /// A directory of Sigma rules
        dir: PathBuf,
        #[command(flatten)]
        dialect: Dialect,
    },
    /// Check rules like `lint`, and copy those that can be used
    Import {
        /// A directory of Sigma rules
        dir: PathBuf,
        /// Where to copy them: a directory for `hunt --rules`
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        #[command(flatten)]
        dialect: Dialect,
    },
}

/// What rules may use beyond what stands in their text alone.
#[derive(Debug, Args)]
pub(crate) struct Dialect {
    /// Also understand what is only drafted in Sigma: a condition over the rules of a temporal correlation
    #[arg(long)]
    pub(crate) drafts: bool,
    /// A value that %NAME% stands for in rules with `expand`; may be repeated
    #[arg(long = "placeholder", value_name = "NAME=VALUE", value_parser = placeholder)]
    pub(crate) placeholders: Vec<(String, String)>,
}

fn placeholder(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim_matches('%').to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// `rules match`.
#[derive(Debug, Args)]
pub(crate) struct Match {
    /// A directory of Sigma rules; may be repeated
    #[arg(long = "rules", value_name = "DIR", required = true)]
    pub(crate) dirs: Vec<PathBuf>,
    /// Also understand the names that rules use for fields of each format
    #[arg(long)]
    pub(crate) aliases: bool,
    #[command(flatten)]
    pub(crate) dialect: Dialect,
    /// What the events are, where they do not say so themselves
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<String>,
    /// Files of events; `-` is standard input
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// `hunt`.
#[derive(Debug, Args)]
pub(crate) struct Hunt {
    /// Files and directories of logs, plain or compressed; `-` is standard input
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// A directory of further Sigma rules; may be repeated
    #[arg(long = "rules", value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) dialect: Dialect,
    /// A directory of older logs: what the identities in them did is known, and no finding
    #[arg(long, value_name = "DIR")]
    pub(crate) baseline: Option<PathBuf>,
    /// Judge by rules alone
    #[arg(long)]
    pub(crate) no_behaviour: bool,
    /// Leave out what happened before, such as 2026-03-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<base::Timestamp>,
    /// Leave out what happened at this time or later
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<base::Timestamp>,
    /// Exit with 8 if there is a finding this bad or worse
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
    /// What the events are, where they do not say so themselves
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<String>,
    /// How much of the logs is held in memory, in MiB; more is sorted on disk, in the directory for temporary files
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) memory: u64,
}
