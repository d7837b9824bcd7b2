//! Protected field values with a random nonce: AES-256-GCM or AES-256-GCM-SIV, in Tink's ciphertext format.
//!
//! `0x01`, key id (4 bytes, big-endian), nonce (12 bytes), ciphertext, tag (16 bytes). A foreign client
//! that holds the data key as a Tink keyset ([`crate::tink`]) opens it; `docs/formats/field-value.md`
//! specifies it and the associated data.
//!
//! Both ciphers give equal values different ciphertexts. They differ in what a repeated nonce costs: under
//! GCM (SP 800-38D) it gives away the key's authentication and the two values' difference; under GCM-SIV
//! (RFC 8452) only that the two values are equal. Nonces do not repeat here, so GCM is the default; GCM-SIV
//! is for those who do not want to depend on it, at the price of a second pass over the value.

use crate::{Aead, Error, Provider, nonces::Nonces};
use base::Secret;
use std::{fmt, sync::Arc};

/// Bytes that a protected value is longer than the plain one.
pub const OVERHEAD: usize = HEAD + 12 + 16;
pub(crate) const HEAD: usize = 5;
pub(crate) const VERSION: u8 = 1;
pub(crate) const WHAT: &str = "protected value";

/// How many values one data key may seal: with random nonces, two of these meet with a probability
/// under 2⁻³³ (SP 800-38D asks for at most 2⁻³² and 2³² values). GCM-SIV would bear more; one limit for
/// both keeps the count simple.
pub const LIMIT: u64 = 1 << 31;

/// The cipher that a data key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES-256-GCM (SP 800-38D), mode `aead`.
    Gcm,
    /// AES-256-GCM-SIV (RFC 8452), mode `gcm-siv`.
    GcmSiv,
}

impl Cipher {
    fn load(self, provider: &dyn Provider, key: &[u8; 32]) -> Box<dyn Aead> {
        match self {
            Self::Gcm => provider.aes_256_gcm(key),
            Self::GcmSiv => provider.aes_256_gcm_siv(key),
        }
    }
}

/// An AES-256 key for the values of one field in one run, and the one cipher it is used with.
#[derive(Debug, Clone)]
pub struct DataKey {
    id: u32,
    cipher: Cipher,
    key: Secret<[u8; 32]>,
}

impl DataKey {
    /// A new key under a random id that is not zero.
    #[must_use]
    pub fn generate(provider: &dyn Provider, cipher: Cipher) -> Self {
        Self { id: fresh_id(provider), cipher, key: crate::secret(provider) }
    }

    /// The key with these bytes, as opened.
    ///
    /// # Errors
    /// [`Error::WrongLength`] unless there are 32.
    pub fn from_secret(cipher: Cipher, id: u32, bytes: &Secret<Vec<u8>>) -> Result<Self, Error> {
        let mut key = Secret::new([0; 32]);
        let got = bytes.expose().len();
        let wrong = Error::WrongLength { what: "data key", expected: 32, got };
        *key.expose_mut() = bytes.expose().as_slice().try_into().map_err(|_| wrong)?;
        Ok(Self { id, cipher, key })
    }

    /// The id that every value sealed under this key bears.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The cipher it is for.
    #[must_use]
    pub const fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// The key's bytes.
    #[must_use]
    pub const fn as_secret(&self) -> &Secret<[u8; 32]> {
        &self.key
    }
}

/// Seals values under one data key, and counts them.
pub struct Sealer {
    id: u32,
    aead: Box<dyn Aead>,
    nonces: Nonces,
    remaining: u64,
}

impl Sealer {
    /// A sealer with its whole [`LIMIT`] before it. A data key has one sealer in its life: the count dies
    /// with the run, and so does the key.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, key: &DataKey) -> Self {
        let aead = key.cipher.load(&*provider, key.key.expose());
        Self { id: key.id, aead, nonces: Nonces::new(provider), remaining: LIMIT }
    }

    /// The same sealer with a lower limit, for those who want their keys changed sooner.
    #[must_use]
    pub fn limited(mut self, values: u64) -> Self {
        self.remaining = self.remaining.min(values);
        self
    }

    /// How many values it may still seal.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Begins a batch of values: to be called in the process and the thread that seals them.
    pub fn batch(&mut self) -> Batch<'_> {
        self.nonces.check_owner();
        Batch(self)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({:08x}, {} left)", self.id, self.remaining)
    }
}

/// A batch of values that is being sealed.
#[derive(Debug)]
pub struct Batch<'a>(&'a mut Sealer);

impl Batch<'_> {
    /// How many values the key may still seal.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.0.remaining
    }

    /// Appends the sealed value to `out`.
    ///
    /// # Errors
    /// [`Error::Exhausted`] once the key has sealed its last value.
    pub fn seal(&mut self, associated_data: &[u8], plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let sealer = &mut *self.0;
        sealer.remaining = sealer.remaining.checked_sub(1).ok_or(Error::Exhausted)?;
        let nonce = sealer.nonces.draw();
        out.reserve(plaintext.len() + OVERHEAD);
        out.push(VERSION);
        out.extend_from_slice(&sealer.id.to_be_bytes());
        out.extend_from_slice(&nonce);
        sealer.aead.seal(&nonce, associated_data, plaintext, out);
        Ok(())
    }
}

/// Opens values that were sealed under one data key.
pub struct Opener {
    id: u32,
    aead: Box<dyn Aead>,
}

impl Opener {
    /// An opener for this key.
    #[must_use]
    pub fn new(provider: &dyn Provider, key: &DataKey) -> Self {
        Self { id: key.id, aead: key.cipher.load(provider, key.key.expose()) }
    }

    /// The id of the key.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.id
    }

    /// Appends the plain value to `out`, which is left as it was on failure.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] where value, key or associated data is another, [`Error::WrongKeyId`],
    /// [`Error::Malformed`].
    pub fn open(&self, associated_data: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let got = key_id(value)?;
        if got != self.id {
            return Err(Error::WrongKeyId { got });
        }
        let (nonce, sealed) = value[HEAD..]
            .split_first_chunk::<12>()
            .ok_or(Error::Malformed { what: WHAT, why: "it is too short" })?;
        self.aead.open(nonce, associated_data, sealed, out).map_err(|_| Error::DoesNotOpen { what: WHAT })
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener({:08x})", self.id)
    }
}

/// The id of the key that a value names.
///
/// # Errors
/// [`Error::Malformed`] where it is too short, or not in this format.
pub fn key_id(value: &[u8]) -> Result<u32, Error> {
    prefixed(value, OVERHEAD)
}

/// The key id in Tink's prefix of a value that has at least `least` bytes.
pub(crate) fn prefixed(value: &[u8], least: usize) -> Result<u32, Error> {
    let (true, Some((&[version, a, b, c, d], _))) = (value.len() >= least, value.split_first_chunk()) else {
        return Err(Error::Malformed { what: WHAT, why: "it is too short" });
    };
    if version != VERSION {
        return Err(Error::Malformed { what: WHAT, why: "its first byte is not 01" });
    }
    Ok(u32::from_be_bytes([a, b, c, d]))
}

/// A random key id, which is not zero: Tink knows no key 0.
pub(crate) fn fresh_id(provider: &dyn Provider) -> u32 {
    loop {
        let id = u32::from_be_bytes(crate::random(provider));
        if id != 0 {
            return id;
        }
    }
}
