//! Keys as a Tink keyset, so that a foreign client opens values with them.
//!
//! A keyset is a protocol buffer (`google.crypto.tink.Keyset`) in its binary or its JSON form. It is the key in
//! clear: what leaves the product is sealed to a recipient (`nexora keys export`), never this.
//! `docs/formats/field-value.md` says with which associated data the values then open.

use crate::{
    Error, FieldAlgorithm, FieldKey,
    value::{Cipher, DataKey},
};
use base::Secret;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// A key that Tink knows.
#[derive(Debug, Clone)]
pub struct TinkKey {
    kind: Kind,
    id: u32,
    /// The key's own message (`AesGcmKey`, …).
    message: Secret<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gcm,
    GcmSiv,
    Siv,
    HmacPrf,
}

/// What a keyset is used for: all its keys for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Primitive {
    Aead,
    DeterministicAead,
    PrfSet,
}

impl Kind {
    const fn type_url(self) -> &'static str {
        match self {
            Self::Gcm => "type.googleapis.com/google.crypto.tink.AesGcmKey",
            Self::GcmSiv => "type.googleapis.com/google.crypto.tink.AesGcmSivKey",
            Self::Siv => "type.googleapis.com/google.crypto.tink.AesSivKey",
            Self::HmacPrf => "type.googleapis.com/google.crypto.tink.HmacPrfKey",
        }
    }

    /// The number of the field `key_value` in the key's message.
    const fn key_value(self) -> u8 {
        match self {
            Self::Gcm | Self::GcmSiv | Self::HmacPrf => 3,
            Self::Siv => 2,
        }
    }

    const fn primitive(self) -> Primitive {
        match self {
            Self::Gcm | Self::GcmSiv => Primitive::Aead,
            Self::Siv => Primitive::DeterministicAead,
            Self::HmacPrf => Primitive::PrfSet,
        }
    }

    /// What stands before an output: Tink's prefix with the key id, or nothing. Its number, and its name.
    const fn prefix(self) -> (u32, &'static str) {
        match self {
            Self::HmacPrf => (3, "RAW"),
            _ => (1, "TINK"),
        }
    }
}

impl TinkKey {
    fn new(kind: Kind, id: u32, key: &[u8]) -> Self {
        let mut message = Secret::new(Vec::with_capacity(key.len() + 6));
        if kind == Kind::HmacPrf {
            // `params`: the hash is SHA256.
            bytes(message.expose_mut(), 2, &[1 << 3, 3]);
        }
        bytes(message.expose_mut(), kind.key_value(), key);
        Self { kind, id, message }
    }
}

impl From<&DataKey> for TinkKey {
    fn from(key: &DataKey) -> Self {
        let kind = match key.cipher() {
            Cipher::Gcm => Kind::Gcm,
            Cipher::GcmSiv => Kind::GcmSiv,
        };
        Self::new(kind, key.id(), key.as_secret().expose())
    }
}

impl TryFrom<&FieldKey> for TinkKey {
    type Error = Error;

    /// An FF1 key has no form in Tink.
    fn try_from(key: &FieldKey) -> Result<Self, Error> {
        Ok(match key.algorithm() {
            algorithm @ (FieldAlgorithm::AesSiv | FieldAlgorithm::Token) => {
                Self::new(Kind::Siv, key.id(), key.bytes_for::<64>(algorithm)?)
            }
            FieldAlgorithm::BlindIndex => {
                Self::new(Kind::HmacPrf, key.id(), key.bytes_for::<32>(FieldAlgorithm::BlindIndex)?)
            }
            FieldAlgorithm::Ff1 => {
                return Err(Error::Parameter { what: "Tink key", why: "Tink has no FF1" });
            }
        })
    }
}

/// The keys of one field, newest first: Tink seals with the first and opens with all.
#[derive(Debug, Clone)]
pub struct Keyset(Vec<TinkKey>);

impl Keyset {
    /// A keyset whose first key is the primary one.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there is no key, two have one id, or they are not of one primitive (AEAD,
    /// deterministic AEAD, or PRF).
    pub fn new(keys: Vec<TinkKey>) -> Result<Self, Error> {
        let bad = |why| Error::Parameter { what: "Tink keyset", why };
        let first = keys.first().ok_or(bad("it has no key"))?;
        if keys.iter().any(|key| key.kind.primitive() != first.kind.primitive()) {
            return Err(bad("it has keys of different primitives"));
        }
        let mut ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(bad("it has two keys of one id"));
        }
        Ok(Self(keys))
    }

    fn primary(&self) -> u32 {
        self.0.first().map_or(0, |key| key.id)
    }

    /// The binary form, as `tink.proto_keyset_format` parses it.
    #[must_use]
    pub fn to_binary(&self) -> Secret<Vec<u8>> {
        let mut out = Secret::new(Vec::with_capacity(self.0.len() * 192 + 8));
        number(out.expose_mut(), 1, self.primary());
        for key in &self.0 {
            let mut data = Zeroizing::new(Vec::with_capacity(160));
            bytes(&mut data, 1, key.kind.type_url().as_bytes());
            bytes(&mut data, 2, key.message.expose());
            number(&mut data, 3, 1); // SYMMETRIC
            let mut entry = Zeroizing::new(Vec::with_capacity(192));
            bytes(&mut entry, 1, &data);
            number(&mut entry, 2, 1); // ENABLED
            number(&mut entry, 3, key.id);
            number(&mut entry, 4, key.kind.prefix().0);
            bytes(out.expose_mut(), 2, &entry);
        }
        out
    }

    /// The JSON form, as `tink.json_proto_keyset_format` parses it.
    #[must_use]
    pub fn to_json(&self) -> Secret<String> {
        let mut out = Secret::new(String::with_capacity(self.0.len() * 320 + 64));
        let json = out.expose_mut();
        json.push_str(&format!(r#"{{"primaryKeyId":{},"key":["#, self.primary()));
        for (at, key) in self.0.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            let (url, id) = (key.kind.type_url(), key.id);
            json.push_str(&format!(r#"{{"keyData":{{"typeUrl":"{url}","value":""#));
            STANDARD.encode_string(key.message.expose(), json);
            json.push_str(&format!(
                r#"","keyMaterialType":"SYMMETRIC"}},"status":"ENABLED","keyId":{id},"outputPrefixType":"{}"}}"#,
                key.kind.prefix().1
            ));
        }
        json.push_str("]}");
        out
    }
}

/// A number field of a protocol buffer.
fn number(out: &mut Vec<u8>, field: u8, value: u32) {
    out.push(field << 3);
    varint(out, value);
}

/// A field of bytes, text or a message.
fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, u32::try_from(value.len()).expect("a keyset's parts are short"));
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
