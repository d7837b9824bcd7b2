//! Verifying keys as JSON Web Keys: `AKP` for ML-DSA (RFC 9964), `OKP` for Ed25519 (RFC 8037).

use crate::{
    Error,
    sign::{Algorithm, VerifyingKey},
    text,
};
use serde::{Deserialize, Serialize};

/// A JSON Web Key of a verifying key. It has no private members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty", deny_unknown_fields)]
pub enum Jwk {
    /// An algorithm key pair: ML-DSA.
    #[serde(rename = "AKP")]
    Akp {
        /// The algorithm, such as `ML-DSA-65`.
        alg: Algorithm,
        /// The public key, base64url.
        #[serde(rename = "pub")]
        public: String,
        /// The key's name: its thumbprint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kid: Option<String>,
    },
    /// An octet key pair: Ed25519.
    #[serde(rename = "OKP")]
    Okp {
        /// The curve: `Ed25519`.
        crv: Algorithm,
        /// The public key, base64url.
        x: String,
        /// The key's name: its thumbprint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kid: Option<String>,
    },
}

impl Jwk {
    /// The RFC 7638 thumbprint under SHA-256, in base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // The required members in lexicographic order, without white space. Names and base64url need no
        // escapes.
        let members = match self {
            Self::Akp { alg, public, .. } => format!(r#"{{"alg":"{alg}","kty":"AKP","pub":"{public}"}}"#),
            Self::Okp { crv, x, .. } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
        };
        text::encode(&base::digest::sha256(members.as_bytes()))
    }
}

impl From<VerifyingKey> for Jwk {
    fn from(key: VerifyingKey) -> Self {
        let bytes = text::encode(key.as_bytes());
        let mut jwk = match key.algorithm() {
            Algorithm::Ed25519 => Self::Okp { crv: Algorithm::Ed25519, x: bytes, kid: None },
            alg => Self::Akp { alg, public: bytes, kid: None },
        };
        let name = jwk.thumbprint();
        let (Self::Akp { kid, .. } | Self::Okp { kid, .. }) = &mut jwk;
        *kid = Some(name);
        jwk
    }
}

impl TryFrom<Jwk> for VerifyingKey {
    type Error = Error;

    fn try_from(jwk: Jwk) -> Result<Self, Error> {
        let malformed = |why| Error::Malformed { what: "JSON Web Key", why };
        let (algorithm, public, kid) = match &jwk {
            Jwk::Akp { alg: Algorithm::Ed25519, .. } => return Err(malformed("Ed25519 is an OKP key")),
            Jwk::Akp { alg, public, kid } => (*alg, public, kid),
            Jwk::Okp { crv: Algorithm::Ed25519, x, kid } => (Algorithm::Ed25519, x, kid),
            Jwk::Okp { .. } => return Err(malformed("ML-DSA is an AKP key")),
        };
        let key = Self::from_bytes(algorithm, &text::decode(public, "JSON Web Key")?)?;
        if kid.as_ref().is_some_and(|kid| *kid != jwk.thumbprint()) {
            return Err(malformed("`kid` is not the key's thumbprint"));
        }
        Ok(key)
    }
}
