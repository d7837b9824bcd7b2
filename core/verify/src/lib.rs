//! Checks what `core/ledger` builds: entries, Merkle proofs, checkpoints, and a whole
//! ledger directory from its files alone.
//!
//! Everything that is read here is hostile until it is checked, so nothing here panics, allocates by a
//! number it was told, or trusts a length. Signature checks come in as a value ([`SignatureCheck`]) and
//! hashing is `sha2`, so that the same code runs in a browser. The formats are those of C2SP:
//! tlog-tiles, tlog-checkpoint, signed-note and tlog-cosignature, with RFC 6962 hashing;
//! `docs/formats/ledger.md` says which parts of them we use.
#![forbid(unsafe_code)]

pub mod charter;
pub mod checkpoint;
pub mod deep;
pub mod directory;
pub mod entry;
pub mod failure;
pub mod merkle;
pub mod note;
pub mod origin;
pub mod proof;
pub mod quorum;
pub mod records;
pub mod tiles;
pub mod trust;
pub mod vkey;
pub mod witness;

pub use charter::Charter;
pub use checkpoint::{Checkpoint, Cosigned, SignatureCheck, VerifiedCheckpoint};
pub use deep::{DeepReport, Details, ObjectFiles, deep};
pub use directory::{
    Hands, Job, LedgerFiles, Report, Shown, Unreadable, directory, directory_by, kept_from, settled, show,
};
pub use failure::{Failure, Problem};
pub use merkle::{Frontier, Hash};
pub use origin::Origin;
pub use proof::{Proof, Proven, WrongProof};
pub use records::{records, records_by};
pub use tiles::{Stack, TilePath};
pub use trust::{KeyTrust, Pins, Vouched};
pub use vkey::{SignatureType, VerifierKey};
