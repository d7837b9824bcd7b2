//! Signed documents: JWS in flattened JSON serialization (RFC 7515, section 7.2.2), with the ML-DSA
//! algorithm names of RFC 9964.

use crate::{
    Error, Provider,
    sign::{Algorithm, SigningKey, VerifyingKey},
    text,
};
use serde::{Deserialize, Serialize};

const WHAT: &str = "signed document";

/// A signed document. There is no unprotected header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jws {
    payload: String,
    protected: String,
    signature: String,
}

/// The protected header. Any further member is refused, `crit` among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// What it is signed with.
    pub alg: Algorithm,
    /// The signing key's name: the RFC 7638 thumbprint of its public half.
    pub kid: String,
    /// What the document is, such as `nexora-manifest+json`.
    pub typ: String,
}

/// A document on its way to a signer that does not give its key away, such as a root of trust.
#[derive(Debug, Clone)]
pub struct Unsigned {
    payload: String,
    protected: String,
}

impl Unsigned {
    /// A document of type `typ` that this key's holder is to sign.
    #[must_use]
    pub fn new(key: &VerifyingKey, typ: &str, payload: &[u8]) -> Self {
        let header = Header { alg: key.algorithm(), kid: key.thumbprint(), typ: typ.to_owned() };
        let header = serde_json::to_vec(&header).expect("a header of strings is JSON");
        Self { payload: text::encode(payload), protected: text::encode(&header) }
    }

    /// The bytes to sign.
    #[must_use]
    pub fn input(&self) -> Vec<u8> {
        format!("{}.{}", self.protected, self.payload).into_bytes()
    }

    /// The document with its signature; nothing is checked.
    #[must_use]
    pub fn signed(self, signature: &[u8]) -> Jws {
        Jws { payload: self.payload, protected: self.protected, signature: text::encode(signature) }
    }
}

impl Jws {
    /// Signs a payload of type `typ`.
    #[must_use]
    pub fn sign(key: &SigningKey, typ: &str, payload: &[u8]) -> Self {
        let unsigned = Unsigned::new(key.verifying_key(), typ, payload);
        let signature = key.sign(&unsigned.input());
        unsigned.signed(&signature)
    }

    /// The header as it stands there; nothing has been checked. For finding the key to check with.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn header(&self) -> Result<Header, Error> {
        let bytes = text::decode(&self.protected, WHAT)?;
        serde_json::from_slice(&bytes).map_err(|_| Error::Malformed {
            what: WHAT,
            why: "its protected header is not exactly `alg`, `kid` and `typ`, or names an unknown algorithm",
        })
    }

    /// The payload as it stands there; nothing has been checked.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn unverified_payload(&self) -> Result<Vec<u8>, Error> {
        text::decode(&self.payload, WHAT)
    }

    /// The payload, once type, algorithm, key name and signature are those of this key.
    ///
    /// # Errors
    /// [`Error::WrongSignature`], [`Error::Malformed`].
    pub fn verify(&self, provider: &dyn Provider, key: &VerifyingKey, typ: &str) -> Result<Vec<u8>, Error> {
        let header = self.header()?;
        if header.typ != typ {
            return Err(Error::Malformed { what: WHAT, why: "it is a document of another type" });
        }
        if header.alg != key.algorithm() || header.kid != key.thumbprint() {
            return Err(Error::WrongSignature { what: "the document" });
        }
        let signature = text::decode(&self.signature, WHAT)?;
        let signed = format!("{}.{}", self.protected, self.payload);
        key.verify(provider, signed.as_bytes(), &signature)
            .map_err(|_| Error::WrongSignature { what: "the document" })?;
        text::decode(&self.payload, WHAT)
    }
}
