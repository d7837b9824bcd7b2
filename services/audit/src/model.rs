//! What the log of an organization is called, and how far it is.

use base::{Id, Timestamp, noun};

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How many entries it published.
    pub published: u64,
    /// Whether more are waiting already.
    pub more: bool,
}

/// How far a log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which log of the organization, from 1.
    pub generation: u32,
    /// Entries committed by the store.
    pub committed: u64,
    /// Entries whose tiles are durable. More than `published` while a quorum of witnesses is awaited.
    pub sequenced: u64,
    /// Entries under the published checkpoint.
    pub published: u64,
    /// When that checkpoint was signed; unknown before this process has opened the log.
    pub checkpoint_at: Option<Timestamp>,
    /// Why publication does not go on, if it does not.
    pub stalled: Option<String>,
    /// Whether an operator must begin a new log: this one is behind what others remember of it.
    pub behind: bool,
}

/// The name of a log's directory below `ledgers`, or of its prefix in an object storage: the organization's id
/// without its prefix, and the generation where it is not the first (`ID`, `ID.2`).
#[must_use]
pub fn log_name(organization: Id<noun::Organization>, generation: u32) -> String {
    match generation {
        0 | 1 => organization.bare(),
        more => format!("{}.{more}", organization.bare()),
    }
}
