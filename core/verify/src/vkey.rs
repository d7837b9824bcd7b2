//! Verifier keys of C2SP signed notes: `name+hash+base64(type || public key)`.

use base::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{fmt, str::FromStr};

/// A kind of note signature, by its identifier byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// `0x01`: Ed25519 over the note's text (signed-note).
    Ed25519,
    /// `0x04`: Ed25519 over a header, a timestamp and the note's text (tlog-cosignature): witnesses, for old clients.
    Ed25519Cosignature,
    /// `0x06`: ML-DSA-44 over a `cosigned_message`, with a timestamp (tlog-cosignature).
    MlDsa44,
}

impl SignatureType {
    /// The identifier byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Ed25519Cosignature => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    /// Whether a timestamp stands before the signature, and is signed with it.
    #[must_use]
    pub const fn is_timestamped(self) -> bool {
        !matches!(self, Self::Ed25519)
    }

    /// Bytes of a public key.
    #[must_use]
    pub const fn public_key_bytes(self) -> usize {
        match self {
            Self::Ed25519 | Self::Ed25519Cosignature => 32,
            Self::MlDsa44 => 1_312,
        }
    }

    /// Bytes of a raw signature, without a timestamp.
    #[must_use]
    pub const fn signature_bytes(self) -> usize {
        match self {
            Self::Ed25519 | Self::Ed25519Cosignature => 64,
            Self::MlDsa44 => 2_420,
        }
    }

    /// The algorithm's name, as in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::Ed25519Cosignature => "Ed25519 cosignature",
            Self::MlDsa44 => "ML-DSA-44",
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::Ed25519Cosignature),
            0x06 => Some(Self::MlDsa44),
            _ => None,
        }
    }
}

/// A key that checks note signatures, under the name that it signs with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    kind: SignatureType,
    public_key: Vec<u8>,
}

/// A text or a key that makes no verifier key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongKey {
    /// Not `name+hash+key`, or the name is empty or holds spaces or a plus.
    #[error("not a verifier key: expected name+hash+base64, as C2SP signed-note has it")]
    Form,
    /// Another signature type than those used here.
    #[error(
        "a verifier key of signature type {0:#04x}; known are 0x01 and 0x04 (Ed25519) and 0x06 (ML-DSA-44)"
    )]
    Type(u8),
    /// The public key has a wrong length.
    #[error("a verifier key for {kind} of {bytes} bytes", kind = kind.as_str())]
    Length {
        /// The algorithm.
        kind: SignatureType,
        /// How many bytes there were.
        bytes: usize,
    },
    /// The hash in the text is not that of name, type and key.
    #[error("the verifier key's hash does not fit its name and key: it was changed or badly copied")]
    Hash,
}

/// Whether a text can be the name of a key: not empty, no Unicode space, no control character, no plus.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl VerifierKey {
    /// The key of this kind under a name.
    ///
    /// # Errors
    /// [`WrongKey`] for a name that no key may have, or a public key of the wrong length.
    pub fn new(name: &str, kind: SignatureType, public_key: &[u8]) -> Result<Self, WrongKey> {
        // 255 bytes is what a cosigned message can hold.
        if !is_name(name) || name.len() > 255 {
            return Err(WrongKey::Form);
        }
        if public_key.len() != kind.public_key_bytes() {
            return Err(WrongKey::Length { kind, bytes: public_key.len() });
        }
        Ok(Self { name: name.to_owned(), kind, public_key: public_key.to_vec() })
    }

    /// The name it signs with; for a log, its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of signature it checks.
    #[must_use]
    pub const fn kind(&self) -> SignatureType {
        self.kind
    }

    /// The raw public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The first four bytes of SHA-256 of name, newline, type and public key.
    #[must_use]
    pub fn key_id(&self) -> [u8; 4] {
        let mut named = self.name.clone().into_bytes();
        named.extend([b'\n', self.kind.byte()]);
        named.extend_from_slice(&self.public_key);
        let hash = digest::sha256(&named);
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![self.kind.byte()];
        typed.extend_from_slice(&self.public_key);
        write!(f, "{}+{}+{}", self.name, digest::hex(&self.key_id()), STANDARD.encode(typed))
    }
}

impl FromStr for VerifierKey {
    type Err = WrongKey;

    fn from_str(text: &str) -> Result<Self, WrongKey> {
        let (name, rest) = text.split_once('+').ok_or(WrongKey::Form)?;
        let (hash, encoded) = rest.split_once('+').ok_or(WrongKey::Form)?;
        let typed = STANDARD.decode(encoded).map_err(|_| WrongKey::Form)?;
        let (kind, public_key) = typed.split_first().ok_or(WrongKey::Form)?;
        let kind = SignatureType::from_byte(*kind).ok_or(WrongKey::Type(*kind))?;
        let key = Self::new(name, kind, public_key)?;
        if digest::hex(&key.key_id()) == hash { Ok(key) } else { Err(WrongKey::Hash) }
    }
}

#[cfg(test)]
mod tests {
    use super::{SignatureType, VerifierKey, WrongKey};

    /// The key of Go's checksum database, as compiled into the go command.
    const GO: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

    #[test]
    fn a_published_key_reads_and_writes_alike() {
        let key: VerifierKey = GO.parse().expect("a real key");
        assert_eq!((key.name(), key.kind()), ("sum.golang.org", SignatureType::Ed25519));
        assert_eq!(key.to_string(), GO);
    }

    #[test]
    fn a_changed_key_is_refused() {
        for at in 0..GO.len() {
            let mut text = GO.as_bytes().to_vec();
            text[at] ^= 1;
            let changed = String::from_utf8(text).expect("still ASCII");
            assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
        }
        assert_eq!("a b+00000000+AQ==".parse::<VerifierKey>(), Err(WrongKey::Form));
    }
}
