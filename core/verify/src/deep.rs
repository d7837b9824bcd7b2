//! What lies beside a log and is vouched for in it: details against their commitments, files against their hashes.
//!
//! A detail that an entry commits to is there and fits, or a later entry `details.erased` says that it is gone. A file
//! that an entry names by its SHA-256 is there unchanged, until a later entry replaces or forgets it; and no file is
//! there that no entry names. `docs/formats/ledger-entry.md` has the facts.

use crate::directory::{Report, Unreadable};

/// The details of entries, wherever they are kept.
pub trait Details {
    /// The details of the entry at this position: 32 bytes of salt and the value; none where there are none.
    ///
    /// # Errors
    /// [`Unreadable`] where they cannot be read.
    fn details(&self, position: u64) -> Result<Option<Vec<u8>>, Unreadable>;
}

/// The files that a ledger vouches for, wherever they are.
pub trait ObjectFiles {
    /// Every file's path, as the caller wants it named.
    ///
    /// # Errors
    /// [`Unreadable`] where the listing fails.
    fn list(&self) -> Result<Vec<String>, Unreadable>;

    /// The SHA-256 of one file's bytes.
    ///
    /// # Errors
    /// [`Unreadable`] where it cannot be read.
    fn sha256(&self, path: &str) -> Result<[u8; 32], Unreadable>;
}

/// What a deep verification found in order.
#[derive(Debug, Clone)]
pub struct DeepReport {
    /// The ledger itself.
    pub ledger: Report,
    /// How many details were held against their commitments; 0 where none were given.
    pub details: u64,
    /// How many details are erased, each by an entry that says so.
    pub erased: u64,
    /// How many files were held against their hashes.
    pub files: u64,
}
