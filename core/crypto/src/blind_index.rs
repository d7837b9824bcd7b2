//! Blind index: a keyed hash of a value, cut so short that several values share one. It answers "may this row
//! hold that value?" and cannot be reversed.
//!
//! HMAC-SHA256 (RFC 2104, FIPS 198-1) under a key of its own over the associated data of the field's place and
//! the normalised value behind its length (4 bytes, big-endian); of the 32 bytes the first bits count.
//!
//! **It leaks equality:** rows with equal values have equal indexes, and how often an index occurs is visible.
//! Cut to [`suggest_bits`], at least two values share an index on expectation, so that an index is no proof of
//! a value; a search then finds a few rows too many and has to look at the values themselves.

use crate::{Error, FieldAlgorithm, FieldKey, Provider};
use base::Secret;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, sync::Arc};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};

/// A step of normalisation; a policy lists the steps in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// Without white space (Unicode White_Space) at both ends.
    Trim,
    /// Unicode's compatibility composition (UAX #15, NFKC), which is stable from version to version.
    Nfkc,
    /// Unicode's full lower case (SpecialCasing, final sigma included; no language).
    Lowercase,
    /// The ASCII digits only; everything else is left out. After `nfkc` that includes full-width digits.
    Digits,
}

/// A text after these steps, in their order.
#[must_use]
pub fn normalize<'a>(steps: &[Normalize], text: &'a str) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    for step in steps {
        text = match step {
            Normalize::Trim => match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
            },
            Normalize::Nfkc if is_nfkc_quick(text.chars()) == IsNormalized::Yes => text,
            Normalize::Nfkc => Cow::Owned(text.nfkc().collect()),
            Normalize::Lowercase if text.bytes().all(is_lower) => text,
            Normalize::Lowercase => Cow::Owned(text.to_lowercase()),
            Normalize::Digits if text.bytes().all(|byte| byte.is_ascii_digit()) => text,
            Normalize::Digits => Cow::Owned(text.chars().filter(char::is_ascii_digit).collect()),
        };
    }
    text
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_uppercase()
}

/// How many bits an index over this many distinct values should have: the most at which at least two of them
/// share each index on expectation; never fewer than one.
#[must_use]
pub fn suggest_bits(distinct_values: u64) -> u16 {
    let log = distinct_values.max(1).ilog2();
    u16::try_from(log.saturating_sub(1).max(1)).expect("at most 62")
}

/// Computes the indexes of one field.
pub struct BlindIndex {
    provider: Arc<dyn Provider>,
    id: u32,
    key: Secret<[u8; 32]>,
    bits: u16,
}

impl BlindIndex {
    /// Indexes of this many bits, 1 to 256.
    ///
    /// # Errors
    /// [`Error::WrongAlgorithm`] unless the key is for [`FieldAlgorithm::BlindIndex`], [`Error::Parameter`]
    /// for another number of bits.
    pub fn new(provider: Arc<dyn Provider>, key: &FieldKey, bits: u16) -> Result<Self, Error> {
        let bytes: &[u8; 32] = key.bytes_for(FieldAlgorithm::BlindIndex)?;
        if !(1..=256).contains(&bits) {
            return Err(Error::Parameter { what: "blind index", why: "it has 1 to 256 bits" });
        }
        let mut copy = Secret::new([0; 32]);
        copy.expose_mut().copy_from_slice(bytes);
        Ok(Self { provider, id: key.id(), key: copy, bits })
    }

    /// The id of the key. The manifest carries it; an index has no room for one.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.id
    }

    /// Bytes of an index: the bits, rounded up.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    /// Never: an index has at least one bit.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Appends the index of a normalised value to `out`: the first bits of the hash, the rest of the last
    /// byte zero. The associated data is that of the place alone, without a row's key: equal values of
    /// different rows must have equal indexes.
    pub fn index(&self, associated_data: &[u8], normalized: &[u8], out: &mut Vec<u8>) {
        let length = u32::try_from(normalized.len()).unwrap_or(u32::MAX).to_be_bytes();
        let parts: [&[u8]; 3] = [associated_data, &length, normalized];
        let hash = self.provider.hmac_sha256(self.key.expose(), &parts);
        out.extend_from_slice(&hash.expose()[..self.len()]);
        let unused = self.bits.wrapping_neg() % 8;
        if let Some(last) = out.last_mut() {
            *last &= u8::MAX << unused;
        }
    }
}

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlindIndex({:08x}, {} bits)", self.id, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::{Normalize, normalize, suggest_bits};
    use std::borrow::Cow;

    #[test]
    fn steps_run_in_their_order() {
        use Normalize::{Digits, Lowercase, Nfkc, Trim};
        assert_eq!(normalize(&[Trim, Nfkc, Lowercase], " \u{a0}ADA@Example.com\u{3000}"), "ada@example.com");
        assert_eq!(normalize(&[Nfkc], "e\u{301}ﬁ"), "éfi");
        assert_eq!(normalize(&[Lowercase], "ÎΟΔΟΣ"), "îοδος");
        assert_eq!(normalize(&[Nfkc, Digits], "+1 (５５5) 123"), "1555123");
        assert_eq!(normalize(&[Digits], "５x5"), "5", "without nfkc a full-width digit is no ASCII digit");
        assert_eq!(normalize(&[], " A "), " A ");
        assert!(matches!(normalize(&[Trim, Nfkc, Lowercase], " ada "), Cow::Borrowed("ada")));
        assert_eq!(serde_json::to_string(&[Trim, Digits]).expect("JSON"), r#"["trim","digits"]"#);
    }

    #[test]
    fn at_least_two_values_share_an_index() {
        for distinct in [4_u64, 5, 7, 8, 1_000, 1_000_000, u64::from(u32::MAX), u64::MAX] {
            let bits = u32::from(suggest_bits(distinct));
            assert!(distinct as f64 / 2_f64.powi(bits.cast_signed()) >= 2.0, "{distinct}: {bits}");
            let more = 2_f64.powi(bits.cast_signed() + 1);
            assert!(distinct == u64::MAX || (distinct as f64) / more < 2.0, "{distinct}: more would do");
        }
        assert_eq!([0, 1, 3, 4, 1_000_000].map(suggest_bits), [1, 1, 1, 1, 18]);
    }
}
