//! SHA-256 over named, length-prefixed parts: how ids of things that the world names are derived.
//!
//! From `sha2` rather than aws-lc-rs, because `core/verify` hashes too and must also run in a browser
//! (`docs/decisions/0003-sha2-in-core.md`).

use sha2::{Digest as _, Sha256};

/// SHA-256 of the bytes as they are.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of a domain and of parts, each behind its length (8 bytes, big-endian), so that no two
/// different lists of parts hash alike. The domain says what is hashed, and its version, such as
/// `nexora/finding/1`.
#[must_use]
pub fn of_parts(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

#[cfg(test)]
mod tests {
    use super::{hex, of_parts, sha256};

    #[test]
    fn fips_180_4_example() {
        assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(of_parts("d", &[b"ab", b"c"]), of_parts("d", &[b"a", b"bc"]));
        assert_ne!(of_parts("d", &[b"ab"]), of_parts("da", &[b"b"]));
    }
}
