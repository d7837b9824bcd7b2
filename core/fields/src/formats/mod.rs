//! File formats of datasets: whole files pushed in piece by piece, and out. The only reader and writer of
//! datasets.
//!
//! [`Protect`] and [`Reveal`] hide which [`Format`] a file has. What the policy does not name leaves as it came:
//! byte for byte in CSV, JSON and NDJSON, column chunk for column chunk in Parquet.
//!
//! ```text
//! push(bytes) …            what is complete comes out
//! more() until false       what is left, batch by batch
//! finish()                 the manifest, or the number of rows revealed
//! ```
//!
//! Parquet cannot be read from its front, so its bytes go into a [`spool`] first and come out of `more`; memory
//! stays flat in every format.

pub mod csv;
mod json;
pub mod parquet;
mod protect;
mod recognize;
mod reveal;
mod sample;
mod source;
pub mod spool;
mod work;

pub use csv::Dialect;
pub use protect::Protect;
pub use reveal::Reveal;
pub use sample::sample;
pub use spool::{Scratch, Spool};
pub use work::{Done, Job, Outcome, Waiting};

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Records of cells, RFC 4180, with a header.
    Csv(Dialect),
    /// One JSON document, RFC 8259: an array of records, or one record.
    Json,
    /// A JSON record on each line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Its code, as manifests and the command line write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// The format with this code; CSV with commas.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "csv" => Self::Csv(Dialect::default()),
            "json" => Self::Json,
            "ndjson" => Self::Ndjson,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }

    /// Whether its bytes must be kept in a [`Spool`] until the last has arrived.
    #[must_use]
    pub const fn spooled(self) -> bool {
        matches!(self, Self::Parquet)
    }

    /// The format of a file, by its first bytes (a few KiB; fewer where the file has fewer) and its name.
    /// `None` where neither tells. The bytes win where they leave no doubt; the delimiter of a CSV is the one of
    /// `,` `;` tab `|` that its first line has most of.
    #[must_use]
    pub fn recognize(name: Option<&str>, head: &[u8]) -> Option<Self> {
        recognize::format(name, head)
    }
}
