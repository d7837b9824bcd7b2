//! `findings` and `response`.

use super::Paging;
use base::{Id, Severity, noun};
use clap::{Subcommand, ValueEnum};

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
