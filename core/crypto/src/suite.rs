//! Suites: named sets of algorithms, stored with every key and every sealed thing.

use crate::{Error, MlKem, sign::Algorithm};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A named set of algorithms. Keys carry their suite; it changes only by rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Suite {
    /// `hybrid-768`: HPKE base mode with X-Wing (X25519 and ML-KEM-768, KEM 0x647a), HKDF-SHA256
    /// (0x0001) and AES-256-GCM (0x0002); ML-DSA-65.
    Hybrid768,
}

impl Suite {
    /// Every suite that this version knows.
    pub const ALL: [Self; 1] = [Self::Hybrid768];

    /// The suite's id, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hybrid768 => "hybrid-768",
        }
    }

    /// What signs under this suite.
    #[must_use]
    pub const fn signature(self) -> Algorithm {
        match self {
            Self::Hybrid768 => Algorithm::MlDsa65,
        }
    }

    /// `"HPKE"` and the ids of KEM, KDF and AEAD (RFC 9180, section 5.1).
    pub(crate) const fn hpke_id(self) -> [u8; 10] {
        match self {
            Self::Hybrid768 => *b"HPKE\x64\x7a\x00\x01\x00\x02",
        }
    }

    pub(crate) const fn ml_kem(self) -> MlKem {
        match self {
            Self::Hybrid768 => MlKem::MlKem768,
        }
    }

    /// Bytes of a public key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        self.ml_kem().public_len() + 32
    }

    /// Bytes of a private key as stored.
    #[must_use]
    pub const fn private_len(self) -> usize {
        self.ml_kem().private_len() + 32
    }

    /// Bytes of an encapsulated key.
    #[must_use]
    pub const fn encapsulated_len(self) -> usize {
        self.ml_kem().ciphertext_len() + 32
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
        assert_eq!("hybrid-768".parse(), Ok(Suite::Hybrid768));
        assert_eq!("kyber".parse::<Suite>(), Err(Error::UnknownSuite { id: "kyber".into() }));
        let error = serde_json::from_str::<Suite>("\"kyber\"").expect_err("it is unknown");
        assert!(error.to_string().contains("unknown suite `kyber`"));
    }
}
