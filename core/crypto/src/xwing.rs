//! X-Wing: X25519 and ML-KEM-768 as one KEM (draft-connolly-cfrg-xwing-kem), composed from the
//! provider's primitives.
//!
//! Public key: ML-KEM-768 encapsulation key, then X25519 public key. Ciphertext likewise. Private key:
//! the *expanded* decapsulation key of FIPS 203, then the X25519 private key; the draft's 32-byte seed
//! is not used, because `aws-lc-rs` generates no ML-KEM key from a seed.

use crate::{Error, MlKem, Provider, ml_kem};
use base::Secret;

const LABEL: &[u8; 6] = br"\.//^\";
const SET: MlKem = MlKem::MlKem768;

/// A new key pair: private and public bytes.
pub(crate) fn generate(provider: &dyn Provider) -> (Secret<Vec<u8>>, Vec<u8>) {
    let (ml_kem, mut public) = provider.ml_kem_generate(SET);
    let x25519 = crate::secret::<32>(provider);
    public.extend_from_slice(&provider.x25519_public(&x25519));
    let mut private = Vec::with_capacity(SET.private_len() + 32);
    private.extend_from_slice(ml_kem.expose());
    private.extend_from_slice(x25519.expose());
    (Secret::new(private), public)
}

/// The public key inside a private one, after the checks of FIPS 203, section 7.3.
pub(crate) fn public(provider: &dyn Provider, private: &Secret<Vec<u8>>) -> Result<Vec<u8>, Error> {
    let (ml_kem, x25519) = split_private(private)?;
    let mut out = ml_kem::public(provider, SET, &ml_kem)?;
    out.extend_from_slice(&provider.x25519_public(&x25519));
    Ok(out)
}

/// Encapsulates: ciphertext and shared secret.
pub(crate) fn encapsulate(
    provider: &dyn Provider,
    public: &[u8],
) -> Result<(Vec<u8>, Secret<[u8; 32]>), Error> {
    let (ml_kem, x25519) = split(public, SET.public_len(), "X-Wing public key")?;
    let ephemeral = crate::secret::<32>(provider);
    let (mut ciphertext, shared_m) = provider.ml_kem_encapsulate(SET, ml_kem)?;
    let (ephemeral, shared_x) = provider.x25519(&ephemeral, x25519)?;
    ciphertext.extend_from_slice(&ephemeral);
    Ok((ciphertext, combine(provider, &shared_m, &shared_x, &ephemeral, x25519)))
}

/// Decapsulates: the shared secret.
pub(crate) fn decapsulate(
    provider: &dyn Provider,
    private: &Secret<Vec<u8>>,
    ciphertext: &[u8],
) -> Result<Secret<[u8; 32]>, Error> {
    let (ml_kem, own) = split_private(private)?;
    let (ciphertext_m, ephemeral) = split(ciphertext, SET.ciphertext_len(), "X-Wing ciphertext")?;
    let shared_m = provider.ml_kem_decapsulate(SET, &ml_kem, ciphertext_m)?;
    let (public_x, shared_x) = provider.x25519(&own, ephemeral)?;
    Ok(combine(provider, &shared_m, &shared_x, ephemeral, &public_x))
}

fn combine(
    provider: &dyn Provider,
    shared_m: &Secret<[u8; 32]>,
    shared_x: &Secret<[u8; 32]>,
    ciphertext_x: &[u8; 32],
    public_x: &[u8; 32],
) -> Secret<[u8; 32]> {
    let parts: [&[u8]; 5] = [shared_m.expose(), shared_x.expose(), ciphertext_x, public_x, LABEL];
    Secret::new(provider.sha3_256(&parts))
}

fn split<'a>(bytes: &'a [u8], first: usize, what: &'static str) -> Result<(&'a [u8], &'a [u8; 32]), Error> {
    let wrong = Error::WrongLength { what, expected: first + 32, got: bytes.len() };
    let (head, tail) = bytes.split_at_checked(first).ok_or_else(|| wrong.clone())?;
    Ok((head, tail.try_into().map_err(|_| wrong)?))
}

type Halves = (Secret<Vec<u8>>, Secret<[u8; 32]>);

fn split_private(private: &Secret<Vec<u8>>) -> Result<Halves, Error> {
    let (ml_kem, x25519) = split(private.expose(), SET.private_len(), "X-Wing private key")?;
    Ok((Secret::new(ml_kem.to_vec()), Secret::new(*x25519)))
}

#[cfg(test)]
mod tests;
