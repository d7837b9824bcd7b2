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
    /// A row without the key that binds its values.
    #[error("the row's key column is empty")]
    NoRowKey,
    /// Cryptography refused it.
    #[error("{0}")]
    Crypto(#[from] crypto::Error),
}

impl Error {
    /// The same error with the line of its row, for files that have lines.
    pub(crate) fn on_line(mut self, lines: &[u64], rows_before: u64) -> Self {
        if let Self::Value { row, line, .. } = &mut self {
            *line = usize::try_from(row.saturating_sub(rows_before + 1))
                .ok()
                .and_then(|index| lines.get(index).copied())
                .unwrap_or(0);
        }
        self
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Policy(_)
            | Self::MissingColumn { .. }
            | Self::Csv { .. }
            | Self::Json { .. }
            | Self::Parquet(_)
            | Self::Type { .. } => Kind::BadInput,
            Self::Value { why: Why::NotUtf8 | Why::NoRowKey, .. } => Kind::BadInput,
            Self::Value { .. } | Self::Signature | Self::NotAsDescribed(_) => Kind::CheckFailed,
            Self::Manifest(_) => Kind::BadInput,
            Self::Spool(_) => Kind::Unavailable,
            Self::Key(error) => error.kind(),
        }
    }
}
