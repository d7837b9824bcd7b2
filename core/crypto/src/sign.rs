//! Signatures: Ed25519 (RFC 8032), ML-DSA-44, ML-DSA-65 and ML-DSA-87 (FIPS 204, empty context).
//!
//! A signing key is stored as its 32-byte seed under every algorithm. One key serves one algorithm and
//! one purpose.

use crate::{Error, Jwk, Provider, Signer, text};
use base::Secret;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// A signature algorithm. In text its JOSE name (RFC 9864, RFC 9964).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Algorithm {
    /// Ed25519.
    Ed25519,
    /// ML-DSA-44, NIST security category 2.
    MlDsa44,
    /// ML-DSA-65, NIST security category 3.
    MlDsa65,
    /// ML-DSA-87, NIST security category 5.
    MlDsa87,
}

impl Algorithm {
    /// Every algorithm that this version knows.
    pub const ALL: [Self; 4] = [Self::Ed25519, Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// The algorithm's JOSE name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// Bytes of a public key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::MlDsa44 => 1_312,
            Self::MlDsa65 => 1_952,
            Self::MlDsa87 => 2_592,
        }
    }

    /// Bytes of a signature.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Ed25519 => 64,
            Self::MlDsa44 => 2_420,
            Self::MlDsa65 => 3_309,
            Self::MlDsa87 => 4_627,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name);
        known.ok_or_else(|| Error::UnknownAlgorithm { name: Error::cut(name) })
    }
}

impl TryFrom<String> for Algorithm {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Algorithm> for String {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.as_str().to_owned()
    }
}

/// A key that signs. Cloning shares the loaded key.
#[derive(Clone)]
pub struct SigningKey {
    seed: Secret<Vec<u8>>,
    signer: Arc<dyn Signer>,
    public: VerifyingKey,
}

impl SigningKey {
    /// A new key.
    #[must_use]
    pub fn generate(provider: &dyn Provider, algorithm: Algorithm) -> Self {
        let seed = crate::secret::<32>(provider);
        Self::from_secret(provider, algorithm, Secret::new(seed.expose().to_vec()))
            .expect("32 bytes are a seed of every algorithm")
    }

    /// The key with this seed, as [`as_secret`](Self::as_secret) gave it.
    ///
    /// # Errors
    /// [`Error::WrongLength`] unless the seed has 32 bytes.
    pub fn from_secret(
        provider: &dyn Provider,
        algorithm: Algorithm,
        seed: Secret<Vec<u8>>,
    ) -> Result<Self, Error> {
        let signer: Arc<dyn Signer> = provider.signer(algorithm, &seed)?.into();
        let public = VerifyingKey::from_bytes(algorithm, &signer.public())?;
        Ok(Self { seed, signer, public })
    }

    /// The 32-byte seed.
    #[must_use]
    pub const fn as_secret(&self) -> &Secret<Vec<u8>> {
        &self.seed
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm
    }

    /// The half that verifies.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs the message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signer.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.algorithm)
    }
}

/// A key that verifies.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Jwk", into = "Jwk")]
pub struct VerifyingKey {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl VerifyingKey {
    /// The key with these bytes, as its algorithm encodes them.
    ///
    /// # Errors
    /// [`Error::WrongLength`]. Bytes of the right length that are no key verify nothing.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, Error> {
        let (expected, got) = (algorithm.public_len(), bytes.len());
        if expected != got {
            return Err(Error::WrongLength { what: "verifying key", expected, got });
        }
        Ok(Self { algorithm, bytes: bytes.to_vec() })
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key's name: its RFC 7638 thumbprint under SHA-256, in base64url. Used as `kid`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        Jwk::from(self.clone()).thumbprint()
    }

    /// Checks a signature over a message.
    ///
    /// # Errors
    /// [`Error::WrongSignature`].
    pub fn verify(&self, provider: &dyn Provider, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        if provider.verifies(self.algorithm, &self.bytes, message, signature) {
            Ok(())
        } else {
            Err(Error::WrongSignature { what: "the message" })
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, {}…)", self.algorithm, text::encode(&self.bytes[..6]))
    }
}
