//! `credentials`.

use super::{Care, Paging};
use base::{Id, Role, noun};
use clap::{Args, Subcommand};

/// `credentials`.
#[derive(Debug, Subcommand)]
pub(crate) enum Credentials {
    /// Issue a credential; its token is shown this once
    Issue(Issue),
    /// List credentials, never their secrets
    Ls {
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Revoke a credential, for good
    Revoke {
        /// Its id
        credential: Id<noun::Credential>,
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
}

/// `credentials issue`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("grant").required(true).args(["ingest", "identity", "person"]))]
pub(crate) struct Issue {
    /// To send events of one format
    #[arg(long, requires = "account")]
    pub(crate) ingest: bool,
    /// The format of the events
    #[arg(long, requires = "ingest", default_value = "aws.cloudtrail")]
    pub(crate) format: String,
    /// An account that the source may speak for; may be repeated
    #[arg(long, requires = "ingest", value_name = "ACCOUNT")]
    pub(crate) account: Vec<String>,
    /// To act as a machine identity, while that is in good standing
    #[arg(long, value_name = "ID")]
    pub(crate) identity: Option<Id<noun::Identity>>,
    /// To act as a person of this name
    #[arg(long, value_name = "NAME", requires = "role")]
    pub(crate) person: Option<String>,
    /// What the person may do: org_admin, org_user or auditor
    #[arg(long, requires = "person")]
    pub(crate) role: Option<Role>,
}
