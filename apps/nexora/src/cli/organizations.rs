//! `organizations`.

use clap::Subcommand;

/// `organizations`.
#[derive(Debug, Subcommand)]
pub(crate) enum Organizations {
    /// Create an organization and its first person, with the one-time administrator secret
    Create {
        /// What people call it
        name: String,
        /// The name of its first person, who becomes org_admin
        #[arg(long)]
        person: String,
    },
}
