//! Protects chosen fields of a dataset, and reveals them: over Arrow batches by a [`FieldPolicy`], and over
//! whole files through [`formats`].
//!
//! Protecting needs only the dataset's public key ([`DatasetKey`]); what comes out describes itself in a
//! [`Manifest`], which its producer signs. Revealing needs output, manifest and the opened data keys.
//!
//! Pure: bytes are pushed in and out, time, randomness and keys are arguments. A value that is null stays
//! null and is not sealed: whether a value is there is visible in the output.
#![forbid(unsafe_code)]

mod dataset_key;
mod error;
pub mod formats;
mod manifest;
mod policy;
mod protect;
mod reveal;

pub use dataset_key::DatasetKey;
pub use error::Error;
pub use manifest::{Manifest, Output, SealedKey, SignedManifest, TYPE};
pub use policy::{Field, FieldPolicy, Mode};
pub use protect::{Protector, Run};
pub use reveal::Revealer;
