//! Sealing to a public key: HPKE in base mode, single shot (RFC 9180), with the suite's KEM.
//!
//! A sealed message is the encapsulated key (1,120 bytes for `hybrid-768`, 1,568 for `cnsa-2`) followed by
//! ciphertext and tag; `docs/formats/sealed-key.md` specifies it.

use crate::{Error, Provider, Suite, kdf, ml_kem, text, xwing};
use base::Secret;
use std::fmt;

/// A public key of a suite.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    suite: Suite,
    bytes: Vec<u8>,
}

impl PublicKey {
    /// The key with these bytes.
    ///
    /// # Errors
    /// [`Error::WrongLength`]. Bytes of the right length that are no key are found when sealing.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != suite.public_len() {
            let (expected, got) = (suite.public_len(), bytes.len());
            return Err(Error::WrongLength { what: "public key", expected, got });
        }
        Ok(Self { suite, bytes: bytes.to_vec() })
    }

    /// The key's bytes: for `hybrid-768` the X-Wing public key, 1,216 bytes; for `cnsa-2` the ML-KEM-1024
    /// encapsulation key, 1,568 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key's suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {}…)", self.suite, text::encode(&self.bytes[..6]))
    }
}

/// A private key of a suite. The bytes are wiped when dropped.
#[derive(Debug, Clone)]
pub struct PrivateKey {
    suite: Suite,
    bytes: Secret<Vec<u8>>,
}

impl PrivateKey {
    /// The key with these bytes, as [`as_secret`](Self::as_secret) gave them.
    ///
    /// # Errors
    /// [`Error::WrongLength`].
    pub fn from_secret(suite: Suite, bytes: Secret<Vec<u8>>) -> Result<Self, Error> {
        let (expected, got) = (suite.private_len(), bytes.expose().len());
        if expected != got {
            return Err(Error::WrongLength { what: "private key", expected, got });
        }
        Ok(Self { suite, bytes })
    }

    /// The key's bytes: for `hybrid-768` the expanded ML-KEM-768 decapsulation key (2,400 bytes), then
    /// the X25519 private key (32 bytes); for `cnsa-2` the expanded ML-KEM-1024 decapsulation key (3,168 bytes).
    #[must_use]
    pub const fn as_secret(&self) -> &Secret<Vec<u8>> {
        &self.bytes
    }

    /// The key's suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The public half.
    ///
    /// # Errors
    /// [`Error::NotAKey`] where the private key's own check value does not fit.
    pub fn public(&self, provider: &dyn Provider) -> Result<PublicKey, Error> {
        let bytes = match self.suite {
            Suite::Hybrid768 => xwing::public(provider, &self.bytes)?,
            Suite::Cnsa2 => ml_kem::public(provider, self.suite.ml_kem(), &self.bytes)?,
        };
        Ok(PublicKey { suite: self.suite, bytes })
    }
}

/// Both halves.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The half that opens.
    pub private: PrivateKey,
    /// The half that seals.
    pub public: PublicKey,
}

impl KeyPair {
    /// A new key pair.
    #[must_use]
    pub fn generate(provider: &dyn Provider, suite: Suite) -> Self {
        let (private, public) = match suite {
            Suite::Hybrid768 => xwing::generate(provider),
            Suite::Cnsa2 => provider.ml_kem_generate(suite.ml_kem()),
        };
        Self { private: PrivateKey { suite, bytes: private }, public: PublicKey { suite, bytes: public } }
    }
}

/// Seals to a public key. Only the same `info` and `aad` open it again.
///
/// # Errors
/// [`Error::NotAKey`] where the public key's bytes are no key.
pub fn seal(
    provider: &dyn Provider,
    to: &PublicKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let (mut sealed, shared) = match to.suite {
        Suite::Hybrid768 => xwing::encapsulate(provider, &to.bytes)?,
        Suite::Cnsa2 => provider.ml_kem_encapsulate(to.suite.ml_kem(), &to.bytes)?,
    };
    let (key, nonce) = schedule(provider, to.suite, &shared, info);
    provider.aes_256_gcm(key.expose()).seal(&nonce, aad, plaintext, &mut sealed);
    Ok(sealed)
}

/// Opens what was sealed to the public half.
///
/// # Errors
/// [`Error::DoesNotOpen`] where the message, `info` or `aad` is not the one sealed to this key,
/// [`Error::WrongLength`] where it is too short.
pub fn open(
    provider: &dyn Provider,
    with: &PrivateKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Secret<Vec<u8>>, Error> {
    const WHAT: &str = "sealed key";
    let expected = with.suite.encapsulated_len();
    let (encapsulated, ciphertext) = sealed.split_at_checked(expected).ok_or(Error::WrongLength {
        what: WHAT,
        expected: expected + 16,
        got: sealed.len(),
    })?;
    let shared = match with.suite {
        Suite::Hybrid768 => xwing::decapsulate(provider, &with.bytes, encapsulated),
        Suite::Cnsa2 => provider.ml_kem_decapsulate(with.suite.ml_kem(), &with.bytes, encapsulated),
    };
    // A point of small order or a foreign key: to the caller, one and the same failure.
    let shared = shared.map_err(|_| Error::DoesNotOpen { what: WHAT })?;
    let (key, nonce) = schedule(provider, with.suite, &shared, info);
    // Reserved before it is filled, so that no unwiped copy is left behind by growth.
    let mut plaintext = Secret::new(Vec::with_capacity(ciphertext.len()));
    provider
        .aes_256_gcm(key.expose())
        .open(&nonce, aad, ciphertext, plaintext.expose_mut())
        .map_err(|_| Error::DoesNotOpen { what: WHAT })?;
    Ok(plaintext)
}

/// The key schedule of RFC 9180, section 5.1, mode base: key and nonce of the first message.
fn schedule(
    provider: &dyn Provider,
    suite: Suite,
    shared: &Secret<[u8; 32]>,
    info: &[u8],
) -> (Secret<[u8; 32]>, [u8; 12]) {
    let (id, hash) = (suite.hpke_id(), suite.hash());
    let extract = |salt: &[u8], label: &[u8], ikm: &[u8]| {
        kdf::extract(provider, hash, salt, &[b"HPKE-v1", &id, label, ikm])
    };
    let psk_id_hash = extract(&[], b"psk_id_hash", &[]);
    let info_hash = extract(&[], b"info_hash", info);
    let secret = extract(shared.expose(), b"secret", &[]);
    let expand = |label: &[u8], length: u16, out: &mut [u8]| {
        let length = length.to_be_bytes();
        // Key schedule context: mode base, hash of the empty PSK id, hash of the info.
        let info: [&[u8]; 7] =
            [&length, b"HPKE-v1", &id, label, &[0], psk_id_hash.expose(), info_hash.expose()];
        kdf::expand(provider, hash, &secret, &info, out).expect("both outputs are shorter than a hash");
    };
    let (mut key, mut nonce) = (Secret::new([0; 32]), [0; 12]);
    expand(b"key", 32, key.expose_mut());
    expand(b"base_nonce", 12, &mut nonce);
    (key, nonce)
}
