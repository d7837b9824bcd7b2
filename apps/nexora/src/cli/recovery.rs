//! `keys recovery` and `keys root`.

use super::Care;
use base::{Id, noun};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `keys recovery`.
#[derive(Debug, Subcommand)]
pub(crate) enum Recovery {
    /// Make a custodian's key pair: its private half in a file under a passphrase, its public half printed
    Custodian {
        /// Where the private half goes
        #[arg(value_name = "FILE")]
        key: PathBuf,
        /// The custodian's name
        #[arg(long)]
        name: String,
        /// Its passphrase.
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Ask to deal shares of a new recovery key to custodians, or, as another person, approve that; a rehearsal ends the
    /// setup
    Setup(Setup),
    /// Cancel a setup that was asked for and that nobody has approved
    Cancel {
        /// The request
        request: Id<noun::Approval>,
    },
    /// Show who the custodians are, and whether recovery was rehearsed and its package is current
    Show,
    /// Write the recovery package as it is now: keep it where neither the data nor the root is
    Package {
        /// Where it goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace what is there
        #[arg(long)]
        force: bool,
    },
    /// Have the node write the recovery package anew at once, and write it and the sealed shares of the setup in force into
    /// a directory, as the setup or the restore that dealt them does
    Repackage {
        /// The directory, which is new or empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Replace what is there
        #[arg(long)]
        force: bool,
    },
    /// Begin a rehearsal: custodians give their shares as in a restore, and nothing is changed
    Rehearse {
        /// Where the invitation goes, which each custodian's open-share is given
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace what is there
        #[arg(long)]
        force: bool,
    },
    /// Show how a ceremony stands
    Ceremony {
        /// The ceremony
        ceremony: Id<noun::Ceremony>,
    },
    /// As a custodian, on your own machine: open your share and seal it to a ceremony
    OpenShare(OpenShare),
    /// Give a custodian's share to a ceremony
    Approve {
        /// The ceremony
        ceremony: Id<noun::Ceremony>,
        /// What open-share wrote
        #[arg(value_name = "FILE")]
        share: PathBuf,
    },
    /// Begin a restore, or, with the ceremony that has its quorum, carry it out
    Restore(Restore),
}

/// `keys recovery setup`.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// How many shares it takes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..))]
    #[arg(required_unless_present = "approve")]
    pub(crate) threshold: Option<u8>,
    /// A file with a custodian's public half, from `keys recovery custodian`; once for each
    #[arg(long, value_name = "FILE", required_unless_present = "approve")]
    pub(crate) custodian: Vec<PathBuf>,
    /// Approve another person's request: compare each custodian's fingerprint first. The shares are dealt
    #[arg(long, value_name = "REQUEST", requires = "out", conflicts_with_all = ["threshold", "custodian"])]
    pub(crate) approve: Option<Id<noun::Approval>>,
    /// With --approve: the directory for the sealed shares, one file for each custodian, and the recovery package
    #[arg(long, value_name = "DIR", requires = "approve")]
    pub(crate) out: Option<PathBuf>,
    /// With --approve: the fingerprint of a custodian's key, as that custodian read it out; once for each. Where one is
    /// said, all must be, and be those of the request
    #[arg(long, value_name = "TEXT", requires = "approve")]
    pub(crate) fingerprint: Vec<String>,
    /// Replace what is there
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Where a recovery is set up already, its shares are of no use afterwards.
    #[command(flatten)]
    pub(crate) care: Care,
}

/// `keys recovery restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The ceremony that has its quorum; else a new one is begun
    pub(crate) ceremony: Option<Id<noun::Ceremony>>,
    /// The recovery package; else the one that the node has
    #[arg(long, value_name = "FILE", conflicts_with = "ceremony")]
    pub(crate) package: Option<PathBuf>,
    /// Begin with an earlier package that the node still has, and that the custodians of its setup open: `keys recovery
    /// show` lists them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ceremony", "package"])]
    pub(crate) earlier: Option<String>,
    /// Restore though packages that the node has hold keys which this one lacks: these are closed
    #[arg(long)]
    pub(crate) older: bool,
    /// Where the invitation goes, which each custodian's open-share is given; with a ceremony, the directory for
    /// the new shares
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Whether to ask.
    #[command(flatten)]
    pub(crate) care: Care,
}

/// `keys recovery open-share`.
#[derive(Debug, Args)]
pub(crate) struct OpenShare {
    /// Your sealed share
    #[arg(value_name = "SHARE")]
    pub(crate) share: PathBuf,
    /// Your private half, from `keys recovery custodian`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The ceremony's invitation
    #[arg(long, value_name = "FILE")]
    pub(crate) invitation: PathBuf,
    /// The fingerprint of the ceremony as you were told it by another way than the invitation; without it, it is shown
    /// and asked
    #[arg(long, value_name = "TEXT")]
    pub(crate) fingerprint: Option<String>,
    /// Where the share for the ceremony goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Your passphrase.
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
}

/// Where a passphrase comes from: never the command line.
#[derive(Debug, Clone, Args)]
pub(crate) struct Passphrase {
    /// A file with the passphrase; else NEXORA_PASSPHRASE
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// `keys root`.
#[derive(Debug, Subcommand)]
pub(crate) enum Root {
    /// Write a backup of the root of trust of a data directory (--data), under a passphrase of its own. Keep it where
    /// no backup of the data is: who has both has the keys
    Backup {
        /// Where the backup goes
        #[arg(value_name = "FILE")]
        out: PathBuf,
        /// The backup's passphrase.
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Put a fresh root of trust in the place of one that is lost with its backups, under a data directory (--data) that
    /// no server holds. Nothing opens under it until custodians bring the keys back (`keys recovery restore`)
    Replace {
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
    /// Put what a backup holds back into the root of trust of a data directory (--data) that no server holds: what is
    /// missing there. What is there is not replaced (units that differ are named), and what was shredded does not come
    /// back. Keys of datasets that are newer than the backup stay shut: `nexora doctor` names them
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        backup: PathBuf,
        /// The backup's passphrase.
        #[command(flatten)]
        passphrase: Passphrase,
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
}
