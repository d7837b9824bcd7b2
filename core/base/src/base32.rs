//! Crockford's base 32, lower case: the text form of ids and credentials.
//!
//! Without `i`, `l`, `o` and `u`, so that a value read aloud or copied by hand survives.

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Encodes bytes, most significant bit first; the last character is padded with zero bits.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity((bytes.len() * 8).div_ceil(5));
    let (mut buffer, mut bits) = (0u16, 0u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u16::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[usize::from((buffer >> bits) & 31)]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[usize::from((buffer << (5 - bits)) & 31)]));
    }
    out
}

/// Decodes exactly `N` bytes. `None` for a wrong length, a foreign character or non-zero padding,
/// so that every value has one text form only.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    let mut out = [0u8; N];
    let (mut buffer, mut bits, mut at) = (0u16, 0u32, 0usize);
    for character in text.bytes() {
        let value = ALPHABET.iter().position(|&known| known == character)?;
        buffer = (buffer << 5) | u16::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *out.get_mut(at)? = u8::try_from((buffer >> bits) & 0xff).ok()?;
            at += 1;
        }
        buffer &= (1 << bits) - 1;
    }
    (buffer == 0 && at == N).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn every_value_has_one_text_form() {
        for seed in 0..=255u8 {
            let bytes = [seed, seed.wrapping_mul(31), 255 - seed, 7, seed ^ 0x5a, 0, 255, seed];
            assert_eq!(decode::<8>(&encode(&bytes)), Some(bytes));
        }
        assert_eq!(encode(&[0xff; 16]).len(), 26);
        assert_eq!(decode::<1>("zz"), None, "padding bits must be zero");
        assert_eq!(decode::<1>("il"), None);
    }
}
