//! Checks what `core/ledger` builds: entries, Merkle proofs, checkpoints, and a whole
//! ledger directory from its files alone.
//!
//! Everything that is read here is hostile until it is checked, so nothing here panics, allocates by a
//! number it was told, or trusts a length. Signature checks come in as a value ([`SignatureCheck`]) and
//! hashing is `sha2`, so that the same code runs in a browser. The formats are those of C2SP:
//! tlog-tiles, tlog-checkpoint, signed-note and tlog-cosignature, with RFC 6962 hashing;
//! `docs/formats/ledger.md` says which parts of them we use.
#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod directory;
pub mod entry;
pub mod failure;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod quorum;
pub mod tiles;
pub mod vkey;
pub mod witness;

pub use checkpoint::{Checkpoint, SignatureCheck, VerifiedCheckpoint};
pub use directory::{KeyTrust, LedgerFiles, Pins, Report, Shown, Unreadable, directory, settled, show};
pub use failure::{Failure, Problem};
pub use merkle::{Frontier, Hash};
pub use proof::{Proof, Proven, WrongProof};
pub use tiles::{Stack, TilePath};
pub use vkey::{SignatureType, VerifierKey};
