//! Protects chosen fields of a dataset, and reveals them: over Arrow batches by a [`FieldPolicy`], and over
//! whole files through [`formats`].
//!
//! Protecting needs only the dataset's public key ([`DatasetKey`]); what comes out describes itself in a
//! [`Manifest`], which its producer signs. Revealing needs output, manifest and the opened data keys.
//!
//! Pure: bytes are pushed in and out, time, randomness and keys are arguments. A value that is null stays
//! null and is not sealed: whether a value is there is visible in the output.
#![forbid(unsafe_code)]

mod column;
mod dataset_key;
mod error;
pub mod formats;
mod key_name;
mod keyring;
mod leaves;
mod manifest;
mod mode;
mod open;
mod path;
mod plain_text;
mod policy;
mod protect;
mod reveal;
mod seal;
pub mod suggest;
mod tokens;
mod typed;

pub use dataset_key::DatasetKey;
pub use error::{Error, Why};
pub use key_name::KeyName;
pub use keyring::Keyring;
pub use leaves::Pending;
pub use manifest::{FieldKeyVersion, Manifest, Output, SealedKey, SignedManifest, TYPE};
pub use mode::{KeyNeed, Mode};
pub use open::Worker as RevealWorker;
pub use path::{MAX_STEPS, Path, Step};
pub use policy::{Field, FieldPolicy};
pub use protect::{Protector, Run};
pub use reveal::Revealer;
pub use seal::Worker;
pub use tokens::{Ran, Wants};
pub use typed::Type;
