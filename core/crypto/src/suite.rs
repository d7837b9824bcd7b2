//! Suites: named sets of algorithms, stored with every key and every sealed thing.

use crate::{Error, MlKem, kdf::Hash, sign::Algorithm};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A named set of algorithms. Keys carry their suite; it changes only by rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Suite {
    /// `hybrid-768`: HPKE base mode with X-Wing (X25519 and ML-KEM-768, KEM 0x647a), HKDF-SHA256
    /// (0x0001) and AES-256-GCM (0x0002); ML-DSA-65.
    Hybrid768,
    /// `cnsa-2`: HPKE base mode with ML-KEM-1024 (KEM 0x0042), HKDF-SHA384 (0x0002) and AES-256-GCM
    /// (0x0002); ML-DSA-87. The algorithms of NSA's Commercial National Security Algorithm Suite 2.0, and
    /// none beside them.
    Cnsa2,
}

impl Suite {
    /// Every suite that this version knows.
    pub const ALL: [Self; 2] = [Self::Hybrid768, Self::Cnsa2];

    /// The suite's id, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hybrid768 => "hybrid-768",
            Self::Cnsa2 => "cnsa-2",
        }
    }

    /// What signs under this suite.
    #[must_use]
    pub const fn signature(self) -> Algorithm {
        match self {
            Self::Hybrid768 => Algorithm::MlDsa65,
            Self::Cnsa2 => Algorithm::MlDsa87,
        }
    }

    /// `"HPKE"` and the ids of KEM, KDF and AEAD (RFC 9180, section 5.1).
    pub(crate) const fn hpke_id(self) -> [u8; 10] {
        match self {
            Self::Hybrid768 => *b"HPKE\x64\x7a\x00\x01\x00\x02",
            Self::Cnsa2 => *b"HPKE\x00\x42\x00\x02\x00\x02",
        }
    }

    /// What the key schedule hashes with.
    pub(crate) const fn hash(self) -> Hash {
        match self {
            Self::Hybrid768 => Hash::Sha256,
            Self::Cnsa2 => Hash::Sha384,
        }
    }

    pub(crate) const fn ml_kem(self) -> MlKem {
        match self {
            Self::Hybrid768 => MlKem::MlKem768,
            Self::Cnsa2 => MlKem::MlKem1024,
        }
    }

    /// Bytes of an X25519 key beside each ML-KEM one: none where the suite is not hybrid.
    const fn x25519_len(self) -> usize {
        match self {
            Self::Hybrid768 => 32,
            Self::Cnsa2 => 0,
        }
    }

    /// Bytes of a public key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        self.ml_kem().public_len() + self.x25519_len()
    }

    /// Bytes of a private key as stored.
    #[must_use]
    pub const fn private_len(self) -> usize {
        self.ml_kem().private_len() + self.x25519_len()
    }

    /// Bytes of an encapsulated key.
    #[must_use]
    pub const fn encapsulated_len(self) -> usize {
        self.ml_kem().ciphertext_len() + self.x25519_len()
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Suite {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|suite| suite.as_str() == id);
        known.ok_or_else(|| Error::UnknownSuite { id: Error::cut(id) })
    }
}

impl TryFrom<String> for Suite {
    type Error = Error;

    fn try_from(id: String) -> Result<Self, Error> {
        id.parse()
    }
}

impl From<Suite> for String {
    fn from(suite: Suite) -> Self {
        suite.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Suite;
    use crate::Error;

    #[test]
    fn an_unknown_suite_is_named() {
        for suite in Suite::ALL {
            assert_eq!(suite.as_str().parse(), Ok(suite));
        }
        assert_eq!("kyber".parse::<Suite>(), Err(Error::UnknownSuite { id: "kyber".into() }));
        let error = serde_json::from_str::<Suite>("\"kyber\"").expect_err("it is unknown");
        assert!(error.to_string().contains("unknown suite `kyber`"));
    }
}
