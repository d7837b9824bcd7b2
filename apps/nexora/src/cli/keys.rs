//! `keys`, but for recovery.

use super::{Care, Paging, Recovery, Root};
use base::{Id, noun};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List keys: every version, where it stands, how often it was used
    Ls {
        /// Only those of this dataset
        #[arg(long, value_name = "NAME")]
        dataset: Option<String>,
        /// Only those for this purpose: organization, dataset, field, manifest, log_ed25519, log_ml_dsa_44, redaction
        #[arg(long)]
        purpose: Option<String>,
        /// Only those in this state: generated, active, retired, suspended, destroyed
        #[arg(long)]
        state: Option<String>,
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one version of a key, and what refers to it
    Show {
        /// Its id
        key: Id<noun::Key>,
    },
    /// Make a new version of a key; it is not in use before it is activated
    Create(Create),
    /// Put a version that was made in use; the one before it only opens from then on
    Activate {
        /// Its id
        key: Id<noun::Key>,
    },
    /// Make a new version and put it in use; or, with --every, --after-uses or --never, say when that happens by itself
    Rotate(Rotate),
    /// Wrap private halves anew, without touching data: after a change of root, or of the organization's own key
    Rewrap,
    /// Protect what stands under an old version of a dataset's key anew: in the background where the node can write,
    /// or one file with --file
    Reencrypt(Reencrypt),
    /// Suspend a version: nothing opens with it until it is resumed
    Suspend {
        /// Its id
        key: Id<noun::Key>,
    },
    /// Resume a suspended version
    Resume {
        /// Its id
        key: Id<noun::Key>,
    },
    /// Destroy a version that no output, package, share or other key refers to
    Destroy {
        /// Its id
        key: Id<noun::Key>,
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
    /// Export a dataset's public key, or, with a second person's approval, a secret key sealed to a recipient
    Export(Export),
    /// Release the key of a whole protected Parquet column to a reader that decrypts it itself
    Release {
        /// The key's name, as the file's key material has it (`masterKeyID`)
        #[arg(long, value_name = "TEXT")]
        key_name: String,
        /// The wrapped key, as the key material has it (`wrappedDEK`)
        #[arg(long, value_name = "BASE64")]
        wrapped_key: String,
    },
    /// Declare a breach, or undo that: keys are suspended at once
    #[command(subcommand)]
    Breach(Breach),
    /// Make data unreadable for good, by two persons
    #[command(subcommand)]
    Shred(Shred),
    /// Parties that protect data with a dataset's public key alone
    #[command(subcommand)]
    Producer(Producers),
    /// Custodians and their shares: what brings keys back when the root of trust is lost
    #[command(subcommand)]
    Recovery(Recovery),
    /// The root of trust of a data directory: its backup, and its restore
    #[command(subcommand)]
    Root(Root),
}

/// `keys create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// A version of this key, named by any of its versions
    #[arg(value_name = "KEY")]
    pub(crate) like: Id<noun::Key>,
    /// Its suite, for a key pair: hybrid-768 or cnsa-2; else as before
    #[arg(long)]
    pub(crate) suite: Option<String>,
}

/// `keys rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Any version of the key
    pub(crate) key: Id<noun::Key>,
    /// Rotate by itself after so many days in use
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) every: Option<u32>,
    /// Rotate by itself after so many uses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) after_uses: Option<u64>,
    /// Do not rotate by itself any more
    #[arg(long, conflicts_with_all = ["every", "after_uses"])]
    pub(crate) never: bool,
    /// The new version's suite, for a key pair: hybrid-768 or cnsa-2; else as before
    #[arg(long, conflicts_with_all = ["every", "after_uses", "never"])]
    pub(crate) suite: Option<String>,
}

/// `keys reencrypt`.
#[derive(Debug, Args)]
pub(crate) struct Reencrypt {
    /// The dataset's name
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: String,
    /// Only say how far it is
    #[arg(long, conflicts_with_all = ["file", "detach"])]
    pub(crate) status: bool,
    /// Do not wait for its end
    #[arg(long, conflicts_with = "file")]
    pub(crate) detach: bool,
    /// One protected file, its manifest beside it
    #[arg(long, value_name = "FILE", requires = "out")]
    pub(crate) file: Option<PathBuf>,
    /// With --file: where the output goes, its manifest beside it
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(crate) out: Option<PathBuf>,
}

/// `keys export`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["public", "key", "approve", "fetch", "requests"]))]
pub(crate) struct Export {
    /// A dataset's public key, for `protect --public-key`: enough to protect, not to reveal
    #[arg(long, requires = "dataset")]
    pub(crate) public: bool,
    /// With --public: the dataset's name
    #[arg(long, value_name = "NAME", requires = "public")]
    pub(crate) dataset: Option<String>,
    /// Ask to export this secret key; another person approves
    #[arg(requires = "to")]
    pub(crate) key: Option<Id<noun::Key>>,
    /// The form in which the key leaves
    #[arg(long, value_enum, default_value_t = KeyFormat::Tink)]
    pub(crate) format: KeyFormat,
    /// The file with the recipient's X-Wing public key, base64: nobody else opens the export
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// Approve another person's request
    #[arg(long, value_name = "REQUEST")]
    pub(crate) approve: Option<Id<noun::Approval>>,
    /// Fetch an approved export: the sealed document
    #[arg(long, value_name = "REQUEST")]
    pub(crate) fetch: Option<Id<noun::Approval>>,
    /// List requests that hold
    #[arg(long)]
    pub(crate) requests: bool,
    /// With --approve or --fetch: where the sealed document goes; else standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Whether to ask.
    #[command(flatten)]
    pub(crate) care: Care,
}

/// The form in which a secret key leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyFormat {
    /// A Tink keyset.
    Tink,
}

/// Whose keys.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Scope {
    /// The keys of the dataset of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// All keys of the organization
    #[arg(long)]
    pub(crate) organization: bool,
}

/// `keys breach`.
#[derive(Debug, Subcommand)]
pub(crate) enum Breach {
    /// Suspend all keys in a scope at once: nothing opens with them; can be undone
    Declare {
        /// Whose keys.
        #[command(flatten)]
        scope: Scope,
        /// What happened, for the record
        #[arg(long)]
        reason: String,
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
    /// Undo a declared breach: what it suspended opens again
    Undo {
        /// Whose keys: the scope that was declared.
        #[command(flatten)]
        scope: Scope,
    },
    /// List breaches that hold
    Ls,
}

/// `keys shred`.
#[derive(Debug, Subcommand)]
pub(crate) enum Shred {
    /// Ask to shred; nothing happens before another person approves
    Request {
        /// Whose keys.
        #[command(flatten)]
        scope: Scope,
        /// Why, for the record
        #[arg(long)]
        reason: String,
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
    /// Approve another person's request: what the keys protected is unreadable for good
    Approve {
        /// The request's id
        request: Id<noun::Approval>,
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
    /// Cancel a request that was not approved yet
    Cancel {
        /// The request's id
        request: Id<noun::Approval>,
    },
    /// List requests, and what became of them
    Ls,
    /// Show a request, with its certificate where it was carried out
    Show {
        /// The request's id
        request: Id<noun::Approval>,
    },
}

/// `keys producer`.
#[derive(Debug, Subcommand)]
pub(crate) enum Producers {
    /// Make a producer's signing key in a 0600 file, and print its public half
    New {
        /// Where the signing key goes
        #[arg(value_name = "FILE")]
        key: PathBuf,
        /// Its suite: hybrid-768 signs with ML-DSA-65, cnsa-2 with ML-DSA-87
        #[arg(long, default_value = "hybrid-768")]
        suite: String,
    },
    /// Register a producer's public key, so that its manifests are accepted
    Add {
        /// What people call it
        name: String,
        /// The file with the public key: what `keys producer new` printed, in any format
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
    },
    /// List producers
    Ls {
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Take a producer off the register: its manifests are refused from then on, the earlier ones too
    Revoke {
        /// Its id
        producer: Id<noun::Producer>,
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
}
