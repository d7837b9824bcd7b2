//! Wrapping under a symmetric key: AES-256-GCM with the nonce in front.
//!
//! `0x01`, nonce (12 bytes), ciphertext, tag (16 bytes). For the few keys that a wrapping key holds,
//! never for values.

use crate::{Error, Provider, random};
use base::Secret;

const VERSION: u8 = 1;

/// Wraps a secret. Only the same `bound` opens it again.
#[must_use]
pub fn wrap(provider: &dyn Provider, key: &Secret<[u8; 32]>, bound: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let nonce = random::<12>(provider);
    let mut out = Vec::with_capacity(plaintext.len() + 29);
    out.push(VERSION);
    out.extend_from_slice(&nonce);
    provider.aes_256_gcm(key.expose()).seal(&nonce, bound, plaintext, &mut out);
    out
}

/// Unwraps a secret.
///
/// # Errors
/// [`Error::DoesNotOpen`] for another key, another `bound` or an altered envelope, [`Error::Malformed`].
pub fn unwrap(
    provider: &dyn Provider,
    key: &Secret<[u8; 32]>,
    bound: &[u8],
    envelope: &[u8],
) -> Result<Secret<Vec<u8>>, Error> {
    const WHAT: &str = "wrapped key";
    let Some((&VERSION, rest)) = envelope.split_first() else {
        return Err(Error::Malformed { what: WHAT, why: "its first byte is not 01" });
    };
    let (nonce, sealed) =
        rest.split_first_chunk::<12>().ok_or(Error::Malformed { what: WHAT, why: "it is too short" })?;
    let mut plaintext = Secret::new(Vec::with_capacity(sealed.len()));
    provider
        .aes_256_gcm(key.expose())
        .open(nonce, bound, sealed, plaintext.expose_mut())
        .map_err(|_| Error::DoesNotOpen { what: WHAT })?;
    Ok(plaintext)
}
