//! `identities`.

use super::Paging;
use base::{Id, noun};
use clap::Subcommand;

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
