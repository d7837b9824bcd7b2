//! Deterministic encryption: AES-256-SIV (RFC 5297) in Tink's deterministic ciphertext format.
//!
//! `0x01`, key id (4 bytes, big-endian), synthetic IV (16 bytes), ciphertext. S2V takes one component of
//! associated data, then the value. Equal values in the same place under the same key give equal
//! ciphertexts: that is what the mode is for (joins, equality search), and what it leaks. A change, a wrong
//! key or a moved value does not open. `docs/formats/field-value.md` specifies the bytes.

use crate::{
    Error, FieldAlgorithm, FieldKey,
    value::{HEAD, VERSION, WHAT, prefixed},
};
use aes_siv::{KeyInit as _, Tag, siv::Aes256Siv};
use std::fmt;

/// Bytes that a protected value is longer than the plain one.
pub const OVERHEAD: usize = HEAD + SIV;
const SIV: usize = 16;

/// Seals and opens values under one field key. Loaded once per field and run: a value costs no allocation
/// beyond its output. The loaded keys are wiped on drop.
pub struct Siv {
    id: u32,
    cipher: Aes256Siv,
}

impl Siv {
    /// For the values of a field in mode `siv`.
    ///
    /// # Errors
    /// [`Error::WrongAlgorithm`] unless the key is for [`FieldAlgorithm::AesSiv`].
    pub fn new(key: &FieldKey) -> Result<Self, Error> {
        Self::load(key, FieldAlgorithm::AesSiv)
    }

    /// For the values that a token vault keeps.
    ///
    /// # Errors
    /// [`Error::WrongAlgorithm`] unless the key is for [`FieldAlgorithm::Token`].
    pub fn for_tokens(key: &FieldKey) -> Result<Self, Error> {
        Self::load(key, FieldAlgorithm::Token)
    }

    fn load(key: &FieldKey, algorithm: FieldAlgorithm) -> Result<Self, Error> {
        let bytes: &[u8; 64] = key.bytes_for(algorithm)?;
        Ok(Self { id: key.id(), cipher: Aes256Siv::new(bytes.into()) })
    }

    /// The id of the key.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.id
    }

    /// Appends the sealed value to `out`.
    pub fn seal(&mut self, associated_data: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        out.reserve(plaintext.len() + OVERHEAD);
        out.push(VERSION);
        out.extend_from_slice(&self.id.to_be_bytes());
        let at = out.len();
        out.extend_from_slice(&[0; SIV]);
        out.extend_from_slice(plaintext);
        let (siv, body) = out[at..].split_at_mut(SIV);
        let tag = self
            .cipher
            .encrypt_inout_detached([associated_data], body.into())
            .expect("S2V takes one component of associated data");
        siv.copy_from_slice(&tag);
    }

    /// Appends the plain value to `out`, which is left as it was on failure.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] where value, key or associated data is another, [`Error::WrongKeyId`],
    /// [`Error::Malformed`].
    pub fn open(&mut self, associated_data: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let got = key_id(value)?;
        if got != self.id {
            return Err(Error::WrongKeyId { got });
        }
        let (siv, body) = value[HEAD..]
            .split_first_chunk::<SIV>()
            .ok_or(Error::Malformed { what: WHAT, why: "it is too short" })?;
        let at = out.len();
        out.extend_from_slice(body);
        let opened =
            self.cipher.decrypt_inout_detached([associated_data], (&mut out[at..]).into(), &Tag::from(*siv));
        opened.map_err(|_| {
            out.truncate(at);
            Error::DoesNotOpen { what: WHAT }
        })
    }
}

impl fmt::Debug for Siv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Siv({:08x})", self.id)
    }
}

/// The id of the key that a value names.
///
/// # Errors
/// [`Error::Malformed`] where it is too short, or not in this format.
pub fn key_id(value: &[u8]) -> Result<u32, Error> {
    prefixed(value, OVERHEAD)
}
