//! Verifying keys as JSON Web Keys: `AKP` for ML-DSA (RFC 9964), `OKP` for Ed25519 (RFC 8037).

use crate::{
    Error, Provider,
    sign::{Algorithm, SigningKey, VerifyingKey},
    text,
};
use base::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

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

/// A private JSON Web Key: the public members, and the seed as `priv` (RFC 9964) or `d` (RFC 8037). For a key
/// that its owner keeps in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Private {
    kty: String,
    alg: Algorithm,
    #[serde(rename = "pub")]
    public: String,
    #[serde(rename = "priv")]
    seed: String,
    kid: Option<String>,
}

impl Drop for Private {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl SigningKey {
    /// The key as a private JSON Web Key (RFC 9964): `kty`, `alg`, `pub`, `priv`, `kid`. For ML-DSA only.
    ///
    /// # Errors
    /// [`Error::UnknownAlgorithm`] for Ed25519, which no file of ours holds.
    pub fn to_jwk(&self) -> Result<Secret<String>, Error> {
        if self.algorithm() == Algorithm::Ed25519 {
            return Err(Error::UnknownAlgorithm { name: self.algorithm().as_str().to_owned() });
        }
        let private = Private {
            kty: "AKP".to_owned(),
            alg: self.algorithm(),
            public: text::encode(self.verifying_key().as_bytes()),
            seed: text::encode(self.as_secret().expose()),
            kid: Some(self.verifying_key().thumbprint()),
        };
        Ok(Secret::new(serde_json::to_string_pretty(&private).expect("strings are JSON")))
    }

    /// The key in a private JSON Web Key.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is none, or its public half is not that of its seed.
    pub fn from_jwk(provider: &dyn Provider, jwk: &Secret<String>) -> Result<Self, Error> {
        let malformed = |why| Error::Malformed { what: "private JSON Web Key", why };
        let private: Private = serde_json::from_str(jwk.expose())
            .map_err(|_| malformed("it has not exactly `kty`, `alg`, `pub`, `priv` and `kid`"))?;
        if private.kty != "AKP" || private.alg == Algorithm::Ed25519 {
            return Err(malformed("it is no AKP key"));
        }
        let seed = Secret::new(text::decode(private.seed.as_bytes(), "private JSON Web Key")?);
        let key = Self::from_secret(provider, private.alg, seed)?;
        if text::encode(key.verifying_key().as_bytes()) != private.public {
            return Err(malformed("`pub` is not the public half of `priv`"));
        }
        Ok(key)
    }
}
