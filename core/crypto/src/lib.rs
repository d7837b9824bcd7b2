//! Cryptography: a [`Provider`] of primitives as a value, suites with ids, and the sealed formats that
//! everything else stores: field values, sealed keys, passphrase-sealed files and signed documents.
//!
//! Field values: [`value`] (AES-256-GCM and GCM-SIV, under data keys), [`siv`], [`ff1`], [`blind_index`]
//! (each under a [`FieldKey`] for it alone) and [`mask`]; [`tink`] hands the keys of the first two to foreign
//! clients, and [`shamir`] shares a recovery key.
//!
//! QuantumTrust's design names CRYSTALS-Kyber and CRYSTALS-Dilithium: they were standardised as ML-KEM
//! (FIPS 203) and ML-DSA (FIPS 204), and these are what is used. The library behind the provider is
//! AWS-LC in its default build, which holds no FIPS validation; Nexora claims none.
//!
//! Pure: randomness comes only from a [`Provider`], there is no I/O and no clock. The one thing read
//! from the surroundings is the process and thread id, so that prepared nonces never survive a fork
//! ([`value::Sealer`]).
#![forbid(unsafe_code)]

mod aws;
pub mod bind;
pub mod blind_index;
pub mod digest;
pub mod envelope;
mod error;
pub mod ff1;
mod field_key;
pub mod hpke;
mod jwk;
pub mod jws;
pub mod kdf;
pub mod luhn;
pub mod mask;
mod ml_kem;
mod nonces;
pub mod passphrase;
mod provider;
pub mod shamir;
pub mod sign;
pub mod siv;
mod suite;
pub mod text;
pub mod tink;
pub mod value;
mod xwing;

pub use aws::{aws_lc, equal};
pub use error::Error;
pub use field_key::{FieldAlgorithm, FieldKey};
pub use jwk::Jwk;
pub use provider::{Aead, MlKem, Provider, Signer, random, secret};
pub use suite::Suite;
