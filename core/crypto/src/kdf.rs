//! HKDF (RFC 5869) over SHA-256 and SHA-384, from the provider's HMAC.

use crate::{Error, Provider};
use base::Secret;

/// What HKDF hashes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256: pseudorandom keys of 32 bytes.
    Sha256,
    /// SHA-384: pseudorandom keys of 48 bytes.
    Sha384,
}

impl Hash {
    /// Bytes of a hash, and of a pseudorandom key.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    fn mac(self, provider: &dyn Provider, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
        match self {
            Self::Sha256 => Secret::new(provider.hmac_sha256(key, parts).expose().to_vec()),
            Self::Sha384 => Secret::new(provider.hmac_sha384(key, parts).expose().to_vec()),
        }
    }
}

/// HKDF-Extract: a pseudorandom key of [`Hash::size`] bytes. The input keying material is the parts, one after
/// the other.
#[must_use]
pub fn extract(provider: &dyn Provider, hash: Hash, salt: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
    hash.mac(provider, salt, parts)
}

/// HKDF-Expand: fills `out` from a pseudorandom key. The info is the parts, one after the other.
///
/// # Errors
/// [`Error::WrongLength`] for more than 255 times the hash's length, of which nothing is written.
pub fn expand(
    provider: &dyn Provider,
    hash: Hash,
    key: &Secret<Vec<u8>>,
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), Error> {
    let (expected, got) = (255 * hash.size(), out.len());
    if got > expected {
        return Err(Error::WrongLength { what: "derived key", expected, got });
    }
    let mut previous = Secret::new(Vec::new());
    for (chunk, round) in out.chunks_mut(hash.size()).zip(1_u8..=255) {
        let round = [round];
        let mut parts = Vec::with_capacity(info.len() + 2);
        parts.push(previous.expose().as_slice());
        parts.extend_from_slice(info);
        parts.push(&round);
        let block = hash.mac(provider, key.expose(), &parts);
        chunk.copy_from_slice(&block.expose()[..chunk.len()]);
        previous = block;
    }
    Ok(())
}
