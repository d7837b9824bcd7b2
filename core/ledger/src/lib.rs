//! Builds what [`verify`] checks: entries, the Merkle tree over them, tiles and checkpoints.
//!
//! Pure: an entry is sealed with the time, position and randomness that its caller hands in, and the
//! signers of a checkpoint come in as values.
#![forbid(unsafe_code)]

pub mod entry;
pub mod kind;

pub use entry::{Entry, Object, Outcome, Sealed, Stamp};
pub use kind::Kind;
