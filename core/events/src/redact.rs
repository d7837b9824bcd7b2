//! Redaction: secrets in an event become `redacted:` and a keyed hash, before anything else sees them.
//!
//! The hash is the first 16 bytes of HMAC-SHA256 (RFC 2104, FIPS 198-1) under a key of the organization,
//! in hexadecimal, so that equal secrets stay equal within an organization and tell nothing outside it.
//! Which names hold secrets stands with each format; `docs/formats/redaction.md` lists them.

use base::{Secret, digest};
use sha2::{Digest as _, Sha256};
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _};

/// What every redacted value begins with.
pub const PREFIX: &str = "redacted:";

/// How secrets are replaced.
#[derive(Debug, Clone)]
pub struct Redactor {
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Keyed(Secret<[u8; 32]>),
    Unkeyed,
    Off,
}

impl Redactor {
    /// With a keyed hash: the way of a server.
    #[must_use]
    pub const fn keyed(key: Secret<[u8; 32]>) -> Self {
        Self { how: How::Keyed(key) }
    }

    /// Without a hash, where there is no organization to keep a key.
    #[must_use]
    pub const fn unkeyed() -> Self {
        Self { how: How::Unkeyed }
    }

    /// Not at all: for events that were redacted when they were written (the log, evidence, samples).
    #[must_use]
    pub const fn off() -> Self {
        Self { how: How::Off }
    }

    pub(crate) const fn is_off(&self) -> bool {
        matches!(self.how, How::Off)
    }

    /// What stands in place of a secret.
    #[must_use]
    pub fn replace(&self, secret: &str) -> String {
        match &self.how {
            How::Keyed(key) => {
                let hash = hmac_sha256(key.expose(), secret.as_bytes());
                format!("{PREFIX}{}", digest::hex(&hash[..16]))
            }
            How::Unkeyed => PREFIX.to_owned(),
            How::Off => secret.to_owned(),
        }
    }

    /// Writes a value whose name says that it is secret: every text and number inside replaced. `null`, `true`
    /// and `false` stay: they hide nothing.
    pub(crate) fn write_all(&self, value: &sonic_rs::Value, out: &mut String) {
        if let Some(object) = value.as_object() {
            write_list(out, '{', '}', object, |(name, inner), out| {
                write_text(name, out);
                out.push(':');
                self.write_all(inner, out);
            });
        } else if let Some(array) = value.as_array() {
            write_list(out, '[', ']', array, |inner, out| self.write_all(inner, out));
        } else if let Some(text) = value.as_str() {
            write_text(&self.replace(text), out);
        } else if let Some(number) = value.as_number() {
            write_text(&self.replace(&number.to_string()), out);
        } else {
            write_scalar(value, out);
        }
    }
}

/// Writes the elements of a list between brackets, with commas.
pub(crate) fn write_list<T>(
    out: &mut String,
    open: char,
    close: char,
    list: impl IntoIterator<Item = T>,
    mut each: impl FnMut(T, &mut String),
) {
    out.push(open);
    for (at, element) in list.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        each(element, out);
    }
    out.push(close);
}

pub(crate) fn write_text(text: &str, out: &mut String) {
    // A text is always written.
    out.push_str(&sonic_rs::to_string(text).unwrap_or_default());
}

/// Writes what is neither a list nor an object.
pub(crate) fn write_scalar(value: &sonic_rs::Value, out: &mut String) {
    out.push_str(&sonic_rs::to_string(value).unwrap_or_default());
}

/// HMAC-SHA256 for keys of at most one block.
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(block, key)| *block ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{Redactor, hmac_sha256};
    use base::{Secret, digest};

    #[test]
    fn rfc_4231_test_case_1() {
        // Its key is 20 bytes of 0x0b; HMAC pads a shorter key with zeros, so this is the same key.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            digest::hex(&hmac_sha256(&key, b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn equal_secrets_stay_equal_under_one_key_only() {
        let one = Redactor::keyed(Secret::new([1; 32]));
        let two = Redactor::keyed(Secret::new([2; 32]));
        assert_eq!(one.replace("s3cret"), one.replace("s3cret"));
        assert_ne!(one.replace("s3cret"), two.replace("s3cret"));
        assert_ne!(one.replace("s3cret"), one.replace("s3creT"));
        assert_eq!(one.replace("s3cret").len(), "redacted:".len() + 32);
        assert_eq!(Redactor::unkeyed().replace("s3cret"), "redacted:");
    }
}
