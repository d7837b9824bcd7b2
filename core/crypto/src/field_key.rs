//! The keys of fields whose protection is the same in every run: one per dataset and field, made once and
//! changed only by rotation.

use crate::{Error, Provider, value::fresh_id};
use base::Secret;
use std::fmt;

/// What a field key is used for: one key serves one algorithm. What uses a key asks for its algorithm and
/// takes no other, so that an FF1 key cannot become a blind-index key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldAlgorithm {
    /// Deterministic AES-256-SIV (RFC 5297), mode `siv`: [`crate::siv`].
    AesSiv,
    /// FF1 with AES-256 (SP 800-38G), mode `ff1`: [`crate::ff1`].
    Ff1,
    /// HMAC-SHA256 cut short, mode `blind-index`: [`crate::blind_index`].
    BlindIndex,
    /// AES-256-SIV of the values in a token vault, mode `token`: found again by their ciphertext, so that a
    /// vault needs one key and no second one for looking up ([`crate::siv::Siv::for_tokens`]).
    Token,
}

impl FieldAlgorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::AesSiv, Self::Ff1, Self::BlindIndex, Self::Token];

    /// Its name, as it is stored with the key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AesSiv => "aes-256-siv",
            Self::Ff1 => "ff1-aes-256",
            Self::BlindIndex => "blind-index-hmac-sha256",
            Self::Token => "token-aes-256-siv",
        }
    }

    /// The algorithm of this name.
    ///
    /// # Errors
    /// [`Error::UnknownFieldAlgorithm`].
    pub fn parse(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name);
        known.ok_or_else(|| Error::UnknownFieldAlgorithm { name: Error::cut(name) })
    }

    /// Bytes of a key: 64 for AES-SIV, which is two AES-256 keys, else 32.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesSiv | Self::Token => 64,
            Self::Ff1 | Self::BlindIndex => 32,
        }
    }
}

impl fmt::Display for FieldAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The key of one field, for one algorithm.
#[derive(Debug, Clone)]
pub struct FieldKey {
    id: u32,
    algorithm: FieldAlgorithm,
    key: Secret<Vec<u8>>,
}

impl FieldKey {
    /// A new key under a random id that is not zero.
    #[must_use]
    pub fn generate(provider: &dyn Provider, algorithm: FieldAlgorithm) -> Self {
        let mut key = Secret::new(vec![0; algorithm.key_len()]);
        provider.fill(key.expose_mut());
        Self { id: fresh_id(provider), algorithm, key }
    }

    /// The key with these bytes, as opened.
    ///
    /// # Errors
    /// [`Error::WrongLength`] unless there are [`FieldAlgorithm::key_len`].
    pub fn from_secret(algorithm: FieldAlgorithm, id: u32, key: Secret<Vec<u8>>) -> Result<Self, Error> {
        let (expected, got) = (algorithm.key_len(), key.expose().len());
        if got != expected {
            return Err(Error::WrongLength { what: "field key", expected, got });
        }
        Ok(Self { id, algorithm, key })
    }

    /// The id by which a manifest and, where the format has room for it, a value names it.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What it is for.
    #[must_use]
    pub const fn algorithm(&self) -> FieldAlgorithm {
        self.algorithm
    }

    /// The key's bytes.
    #[must_use]
    pub const fn as_secret(&self) -> &Secret<Vec<u8>> {
        &self.key
    }

    /// The key's bytes, for this algorithm only.
    pub(crate) fn bytes_for<const N: usize>(&self, algorithm: FieldAlgorithm) -> Result<&[u8; N], Error> {
        if self.algorithm != algorithm {
            let (expected, got) = (algorithm.as_str(), self.algorithm.as_str());
            return Err(Error::WrongAlgorithm { expected, got });
        }
        let (bytes, got) = (self.key.expose(), self.key.expose().len());
        bytes.as_slice().try_into().map_err(|_| Error::WrongLength { what: "field key", expected: N, got })
    }
}
