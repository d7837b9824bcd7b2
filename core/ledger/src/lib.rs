//! Builds what [`verify`] checks: entries, the Merkle tree over them, tiles and checkpoints.
//!
//! Pure: an entry is sealed with the time, position and randomness that its caller hands in, and the
//! signers of a checkpoint come in as values.
#![forbid(unsafe_code)]

pub mod charter;
pub mod checkpoint;
pub mod entry;
pub mod kind;
pub mod prove;
pub mod published;
pub mod tree;

pub use checkpoint::{Signer, Unsigned};
pub use entry::{Entry, Object, Outcome, Sealed, Stamp, Unfit};
pub use kind::Kind;
pub use published::{Published, Unproven};
pub use tree::{Broken, Tile, Tree};
