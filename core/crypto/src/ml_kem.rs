//! ML-KEM (FIPS 203) as a KEM of HPKE (draft-ietf-hpke-pq, section 3): its shared secret is the KEM's, its
//! encodings are the KEM's.
//!
//! The private key is the *expanded* decapsulation key of FIPS 203. The draft's 64-byte seed is not used,
//! because `aws-lc-rs` makes no ML-KEM key from a seed.

use crate::{Error, MlKem, Provider, equal};
use base::Secret;

/// The public key inside a private one, after the checks of FIPS 203, section 7.3: the length, and the hash of
/// the public key that stands beside it.
pub(crate) fn public(
    provider: &dyn Provider,
    set: MlKem,
    private: &Secret<Vec<u8>>,
) -> Result<Vec<u8>, Error> {
    let bytes = private.expose();
    let (expected, got) = (set.private_len(), bytes.len());
    if expected != got {
        return Err(Error::WrongLength { what: "ML-KEM private key", expected, got });
    }
    // FIPS 203, algorithm 16: the key of the inner scheme, the public key, its hash, and a random value.
    let hash_at = expected - 64;
    let public = &bytes[hash_at - set.public_len()..hash_at];
    if !equal(&provider.sha3_256(&[public]), &bytes[hash_at..hash_at + 32]) {
        return Err(Error::NotAKey { what: "ML-KEM private key" });
    }
    Ok(public.to_vec())
}
