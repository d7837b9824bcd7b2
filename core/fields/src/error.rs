//! What can be wrong with a file, a policy or a manifest.

use base::{Fault, Kind};

/// A failure of protecting or revealing. Lines are counted from 1, the header being the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A policy that cannot be followed.
    #[error("the field policy cannot be followed: {0}")]
    Policy(String),
    /// A column that the policy names and the data lacks.
    #[error("there is no column `{column}`: the columns are {columns}")]
    MissingColumn {
        /// The column that was named.
        column: String,
        /// The columns there are.
        columns: String,
    },
    /// A file that breaks the rules of CSV.
    #[error("line {line}: {why}")]
    Csv {
        /// The line on which the record begins.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A file that breaks the rules of JSON.
    #[error("line {line}, position {position}: {why}")]
    Json {
        /// The line, from 1.
        line: u64,
        /// The byte in it, from 1.
        position: u64,
        /// What is wrong.
        why: String,
    },
    /// A Parquet file that cannot be read.
    #[error("the Parquet file cannot be read: {0}")]
    Parquet(String),
    /// The place that a file is kept in while it is worked on.
    #[error("the encrypted spool failed: {0}")]
    Spool(String),
    /// A mode that an encrypt-only producer cannot follow.
    #[error(
        "mode {mode} needs {needs}, which a producer that only encrypts does not have: whoever holds it could \
         also reveal or compare values; protect this field on the node"
    )]
    NotOffline {
        /// The mode.
        mode: &'static str,
        /// The secret that it needs.
        needs: &'static str,
    },
    /// A mode that this build or this kind of data has not.
    #[error("mode {mode} cannot be used here: {why}")]
    Mode {
        /// The mode.
        mode: &'static str,
        /// Why not, and what to do.
        why: &'static str,
    },
    /// A field whose own key was not handed in.
    #[error("there is no key for field `{field}`, which mode {mode} needs")]
    MissingKey {
        /// The field.
        field: String,
        /// Its mode.
        mode: &'static str,
    },
    /// A batch whose column has another type than its mode takes.
    #[error("column `{column}` has type {found}, which mode {mode} does not take")]
    Type {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// The mode.
        mode: &'static str,
    },
    /// A value that cannot be protected or revealed.
    #[error("row {row}, column `{column}`: {why}")]
    Value {
        /// The row, counted from 1, without the header.
        row: u64,
        /// The line of the file on which it begins; 0 where the data has no lines.
        line: u64,
        /// The column.
        column: String,
        /// What is wrong.
        why: Why,
    },
    /// A manifest that cannot be used.
    #[error("the manifest cannot be used: {0}")]
    Manifest(String),
    /// A manifest that is not its producer's.
    #[error("the manifest is not signed by this producer, or was altered")]
    Signature,
    /// Data that is not what the manifest describes.
    #[error("the data is not what its manifest describes: {0}")]
    NotAsDescribed(String),
    /// A key that cannot be used.
    #[error("a key cannot be used")]
    Key(#[from] crypto::Error),
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Text that is no UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A value that has no characters.
    #[error("it is no text, which this mode works on")]
    NotText,
    /// A plain value that is not of the type that the manifest names.
    #[error("what it holds is no value of type {of}")]
    NotOfType {
        /// The type.
        of: String,
    },
    /// A value of another type than the field's values before it.
    #[error("the field's values were of type {expected} before, here they are {got}")]
    OtherType {
        /// The type before.
        expected: String,
        /// The type here.
        got: String,
    },
    /// More than an array can hold.
    #[error("the values of this batch have 2 GiB together: use smaller batches")]
    TooLarge,
    /// A vault that gave no token for a value, or knows no value of a token.
    #[error("the token vault does not know it")]
    NotInVault,
    /// A row without the key that binds its values.
    #[error("the row's key column is empty")]
    NoRowKey,
    /// Cryptography refused it.
    #[error("{0}")]
    Crypto(#[from] crypto::Error),
}

impl Error {
    /// A fault of the value at this index; the row counts from 1.
    pub(crate) fn value(at: usize, field: &str, why: Why) -> Self {
        Self::Value { row: at as u64 + 1, line: 0, column: field.to_owned(), why }
    }

    /// The same error with row and line of its value, which it has by its index so far.
    pub(crate) fn placed(mut self, place: impl FnOnce(usize) -> (u64, u64)) -> Self {
        if let Self::Value { row, line, .. } = &mut self {
            let index = usize::try_from(row.saturating_sub(1)).unwrap_or(usize::MAX);
            (*row, *line) = place(index);
        }
        self
    }

    /// The same error of a part of a file that has this many rows before it.
    pub(crate) fn behind(mut self, rows: u64) -> Self {
        if let Self::Value { row, .. } = &mut self {
            *row += rows;
        }
        self
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Signature | Self::NotAsDescribed(_) => Kind::CheckFailed,
            Self::Value { why, .. } => why.kind(),
            Self::Key(error) => error.kind(),
            Self::Spool(_) => Kind::Unavailable,
            Self::MissingKey { .. } => Kind::Internal,
            Self::Policy(_)
            | Self::MissingColumn { .. }
            | Self::Csv { .. }
            | Self::Json { .. }
            | Self::Parquet(_)
            | Self::NotOffline { .. }
            | Self::Mode { .. }
            | Self::Type { .. }
            | Self::Manifest(_) => Kind::BadInput,
        }
    }
}

impl Why {
    fn kind(&self) -> Kind {
        match self {
            // What is read as a protected value and is none was altered, or never one.
            Self::NotInVault | Self::NotOfType { .. } | Self::Crypto(crypto::Error::Malformed { .. }) => {
                Kind::CheckFailed
            }
            Self::Crypto(error) => error.kind(),
            Self::NotUtf8 | Self::NoRowKey | Self::NotText | Self::OtherType { .. } | Self::TooLarge => {
                Kind::BadInput
            }
        }
    }
}
