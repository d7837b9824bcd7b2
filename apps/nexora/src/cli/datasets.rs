//! `datasets`, `fields`, `protect` and `reveal`.

use super::{Care, Paging};
use base::{Id, noun};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What the modes are, in `--help`.
const MODES: &str = "\
Fields: NAME[=MODE], separated by commas; a comma, an equals sign or a backslash in a name is written \\, \\= \\\\.
A name that begins with $ is a path into nested values: '$.customer.email', '$.items[*].sku'.
Modes:
  aead              AES-256-GCM under a key of this run; equal values look different (the default)
  gcm-siv           the same with AES-256-GCM-SIV
  siv               deterministic AES-SIV: equal values look equal, and can be joined
  ff1:ALPHABET      format-preserving FF1: the result has the same form. Alphabets: digits, hex, lower, upper,
                    letters, alphanumeric, alphanumeric-lower, alphanumeric-upper; separators stay, other letters
                    and digits are refused; ff1:digits+luhn computes the check digit of a card anew.
                    FF1 CANNOT DETECT a wrong key or a changed value: it reveals to something else, without an
                    error. Its key is named by the signed manifest alone, so nothing is revealed without that
  blind-index:BITS  a keyed hash of so many bits, for search; +lowercase and the like normalize. It leaks which
                    values are equal, and does not open
  mask:FIRST-LAST   all but the first and last characters hidden; does not open
  token             a random token, whose value the token vault keeps
  parquet-aead      a whole Parquet column by Parquet Modular Encryption (in builds with that feature)
With --public-key only aead, gcm-siv, mask and parquet-aead: the others need a secret key that would also reveal.";

/// `datasets`.
#[derive(Debug, Subcommand)]
pub(crate) enum Datasets {
    /// Create a dataset with its keys, and the field policy that its runs follow
    #[command(after_help = MODES)]
    Create {
        /// Its name
        name: String,
        /// The field policy that its runs follow.
        #[command(flatten)]
        policy: Policy,
    },
    /// Set the field policy that a dataset's runs follow from now on
    #[command(after_help = MODES)]
    SetPolicy {
        /// Its name
        name: String,
        /// The field policy.
        #[command(flatten)]
        policy: Policy,
    },
    /// List datasets
    Ls {
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a dataset: its policy, its key, and how much of it stands under which version of the key
    Show {
        /// Its name
        name: String,
    },
    /// List what was protected as a dataset, and under which version of its key
    Outputs {
        /// The dataset's name
        name: String,
        /// Only what stands under an old version
        #[arg(long)]
        old: bool,
        /// Which page.
        #[command(flatten)]
        paging: Paging,
    },
    /// Record that an output is no more, so that the version of the key it needed can be destroyed
    ForgetOutput {
        /// The dataset's name
        name: String,
        /// The run that wrote it
        run: Id<noun::Job>,
        /// Whether to ask.
        #[command(flatten)]
        care: Care,
    },
}

/// Which fields, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct Policy {
    /// The fields and how each is protected: email=siv,card=ff1:digits+luhn,name
    #[arg(long, value_name = "FIELD[=MODE],…", conflicts_with = "policy")]
    pub(crate) fields: Option<String>,
    /// The column whose value every value of its row is bound to, so that it opens in no other row
    #[arg(long, value_name = "NAME", requires = "fields")]
    pub(crate) row_key: Option<String>,
    /// A file with a whole field policy, in JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// What a file is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Form {
    /// The file's format; else as its name and its beginning tell
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormat>,
    /// What separates the columns of a CSV; else as its first line tells
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) delimiter: Option<char>,
}

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// RFC 4180.
    Csv,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl FileFormat {
    /// The format's code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }
}

/// `fields`.
#[derive(Debug, Subcommand)]
pub(crate) enum Fields {
    /// Suggest which fields of a file are sensitive, from their names and sampled values, with the reason
    Suggest {
        /// The file; `-` is standard input. Only its beginning is read
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What it is.
        #[command(flatten)]
        form: Form,
        /// Write a field policy with what is suggested to this file, to be read, changed and given to --policy
        #[arg(long, value_name = "FILE")]
        write_policy: Option<PathBuf>,
    },
}

/// `protect`.
#[derive(Debug, Args)]
#[command(after_help = MODES)]
pub(crate) struct Protect {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which fields, and how; else as the dataset's own policy says.
    #[command(flatten)]
    pub(crate) policy: Policy,
    /// What the file is.
    #[command(flatten)]
    pub(crate) form: Form,
    /// The dataset; else the file's name without its ending
    #[arg(long)]
    pub(crate) dataset: Option<String>,
    /// Where the output goes; `-` is standard output. Else FILE.protected.ENDING, or, from standard input, standard
    /// output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Where the manifest goes; else beside the output. It is written only after the whole output was
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Replace an output or a manifest that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Protect offline with a dataset's public key, from `keys export --public`
    #[arg(long, value_name = "FILE", requires = "signing_key")]
    pub(crate) public_key: Option<PathBuf>,
    /// The producer's signing key, from `keys producer new`
    #[arg(long, value_name = "FILE", requires = "public_key")]
    pub(crate) signing_key: Option<PathBuf>,
}

/// `reveal`.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is revealed without its signed manifest: it names the keys, and the order, number and \
                        hash of the rows. A field protected with ff1 is revealed without any check of its own: FF1 \
                        cannot detect a wrong key or a changed value."
)]
pub(crate) struct Reveal {
    /// The protected file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Its manifest; else the one beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// The columns to reveal; else every protected one that opens
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub(crate) fields: Vec<String>,
    /// Where the output goes; else standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace an output that is there already
    #[arg(long)]
    pub(crate) force: bool,
}
