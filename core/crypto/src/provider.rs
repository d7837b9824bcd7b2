//! The primitives, as a value: who computes them is decided where the program is put together.

use crate::{Error, sign::Algorithm};
use base::Secret;
use std::fmt;

/// A source of primitives and of randomness.
///
/// Keys are handed in as bytes and come back as loaded objects, so that an implementation may keep its
/// own form of them. All methods may be called from any thread.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// The implementation's name, for `doctor` and logs.
    fn name(&self) -> &'static str;

    /// Fills the buffer with cryptographically secure random bytes: the only randomness there is.
    /// Does not fail; a system without randomness ends the process.
    fn fill(&self, out: &mut [u8]);

    /// AES-256-GCM with a 12-byte nonce and a 16-byte tag (SP 800-38D) under this key.
    fn aes_256_gcm(&self, key: &[u8; 32]) -> Box<dyn Aead>;

    /// AES-256-GCM-SIV (RFC 8452) with a 12-byte nonce and a 16-byte tag under this key.
    fn aes_256_gcm_siv(&self, key: &[u8; 32]) -> Box<dyn Aead>;

    /// HMAC-SHA256 (RFC 2104) over the parts, one after the other.
    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> Secret<[u8; 32]>;

    /// HMAC-SHA384 (RFC 2104) over the parts, one after the other.
    fn hmac_sha384(&self, key: &[u8], parts: &[&[u8]]) -> Secret<[u8; 48]>;

    /// SHA3-256 (FIPS 202) over the parts, one after the other.
    fn sha3_256(&self, parts: &[&[u8]]) -> [u8; 32];

    /// A new ML-KEM key pair (FIPS 203): the expanded decapsulation key and the encapsulation key.
    fn ml_kem_generate(&self, set: MlKem) -> (Secret<Vec<u8>>, Vec<u8>);

    /// Encapsulates to a key: the ciphertext and the 32-byte shared secret.
    ///
    /// # Errors
    /// Where the bytes are no encapsulation key.
    fn ml_kem_encapsulate(&self, set: MlKem, key: &[u8]) -> Result<(Vec<u8>, Secret<[u8; 32]>), Error>;

    /// Decapsulates with an expanded key. An altered ciphertext gives another secret, not an error
    /// (implicit rejection).
    ///
    /// # Errors
    /// Where lengths are wrong or the bytes are no decapsulation key.
    fn ml_kem_decapsulate(
        &self,
        set: MlKem,
        key: &Secret<Vec<u8>>,
        ciphertext: &[u8],
    ) -> Result<Secret<[u8; 32]>, Error>;

    /// The X25519 public key (RFC 7748) of a private one.
    fn x25519_public(&self, key: &Secret<[u8; 32]>) -> [u8; 32];

    /// The X25519 public key of a private one, and the secret that it shares with another's public key: who
    /// agrees needs both, and loading a key costs as much as computing its public half.
    ///
    /// # Errors
    /// Where the other key is of small order, so that the secret would be all zero.
    fn x25519(&self, key: &Secret<[u8; 32]>, peer: &[u8; 32]) -> Result<([u8; 32], Secret<[u8; 32]>), Error>;

    /// Loads a signing key from its 32-byte seed.
    ///
    /// # Errors
    /// Where the seed has another length.
    fn signer(&self, algorithm: Algorithm, seed: &Secret<Vec<u8>>) -> Result<Box<dyn Signer>, Error>;

    /// Whether the signature over the message is this public key's.
    fn verifies(&self, algorithm: Algorithm, public: &[u8], message: &[u8], signature: &[u8]) -> bool;
}

/// An authenticated cipher under one key.
pub trait Aead: Send + Sync {
    /// Appends ciphertext and tag to `out`. The caller sees to it that no nonce comes twice.
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>);

    /// Appends the plaintext to `out`, which is left as it was on failure.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`].
    fn open(&self, nonce: &[u8; 12], aad: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;
}

/// A loaded signing key.
pub trait Signer: Send + Sync {
    /// The public half, as its algorithm encodes it.
    fn public(&self) -> Vec<u8>;

    /// Signs a message (ML-DSA: with an empty context).
    fn sign(&self, message: &[u8]) -> Vec<u8>;
}

/// A parameter set of ML-KEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlKem {
    /// ML-KEM-768, NIST security category 3.
    MlKem768,
    /// ML-KEM-1024, NIST security category 5.
    MlKem1024,
}

impl MlKem {
    /// Bytes of an encapsulation key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        match self {
            Self::MlKem768 => 1_184,
            Self::MlKem1024 => 1_568,
        }
    }

    /// Bytes of an expanded decapsulation key.
    #[must_use]
    pub const fn private_len(self) -> usize {
        match self {
            Self::MlKem768 => 2_400,
            Self::MlKem1024 => 3_168,
        }
    }

    /// Bytes of a ciphertext.
    #[must_use]
    pub const fn ciphertext_len(self) -> usize {
        match self {
            Self::MlKem768 => 1_088,
            Self::MlKem1024 => 1_568,
        }
    }
}

/// `N` random bytes that are no secret: ids, nonces, salts.
#[must_use]
pub fn random<const N: usize>(provider: &dyn Provider) -> [u8; N] {
    let mut bytes = [0; N];
    provider.fill(&mut bytes);
    bytes
}

/// `N` random bytes that are a key.
#[must_use]
pub fn secret<const N: usize>(provider: &dyn Provider) -> Secret<[u8; N]> {
    let mut bytes = Secret::new([0; N]);
    provider.fill(bytes.expose_mut());
    bytes
}
