//! Shamir's secret sharing of a 32-byte key over GF(2⁸).
//!
//! The field is that of AES (x⁸ + x⁴ + x³ + x + 1); each byte of the secret is the value at 0 of a polynomial of
//! its own, of degree quorum − 1 with random coefficients, and share i holds their values at i, 1 to 255. Fewer
//! shares than the quorum say nothing about the secret, whatever is computed. A wrong share gives a wrong secret
//! and no error: `keys` keeps a salted hash of each share and a check value of the secret for that.

use crate::{Error, Provider};
use base::Secret;
use rand_core::{TryCryptoRng, TryRng};
use std::{convert::Infallible, fmt};
use vsss_rs::Gf256;

/// Bytes of a share as stored: its index and its 32 bytes.
pub const SHARE_LEN: usize = 33;

/// One custodian's share. Its bytes stay where they are when it is moved, so that their memory can be locked.
#[derive(Clone)]
pub struct Share {
    bytes: Secret<Vec<u8>>,
}

impl Share {
    /// The share of these 33 bytes: index, value.
    ///
    /// # Errors
    /// [`Error::WrongLength`]; [`Error::Shares`] where the index is 0, which would be the secret itself.
    pub fn from_bytes(bytes: Secret<Vec<u8>>) -> Result<Self, Error> {
        match bytes.expose().as_slice() {
            [0, rest @ ..] if rest.len() + 1 == SHARE_LEN => {
                Err(Error::Shares { why: "one has the index 0" })
            }
            whole if whole.len() == SHARE_LEN => Ok(Self { bytes }),
            other => Err(Error::WrongLength { what: "share", expected: SHARE_LEN, got: other.len() }),
        }
    }

    /// Its 33 bytes: index, value.
    #[must_use]
    pub const fn as_bytes(&self) -> &Secret<Vec<u8>> {
        &self.bytes
    }

    /// Which share it is, from 1.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.bytes.expose().first().copied().unwrap_or_default()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, …)", self.index())
    }
}

/// Splits a secret into a share for each custodian; any `quorum` of them give it back.
///
/// # Errors
/// [`Error::Parameter`] unless 2 ≤ quorum ≤ custodians.
pub fn split(
    provider: &dyn Provider,
    secret: &Secret<[u8; 32]>,
    custodians: u8,
    quorum: u8,
) -> Result<Vec<Share>, Error> {
    if quorum < 2 || quorum > custodians {
        let why = "it is at least two and no more than there are custodians";
        return Err(Error::Parameter { what: "quorum", why });
    }
    // One byte more than the secret: the library leaves the last byte's polynomial in freed memory, and this
    // way that is one of no meaning.
    let mut bytes = Secret::new(secret.expose().to_vec());
    bytes.expose_mut().push(0);
    let shares = Gf256::split_bytes(quorum.into(), custodians.into(), bytes.expose(), Drawn(provider))
        .map_err(|_| Error::Shares { why: "the library refuses the parameters" })?;
    let shares = shares.into_iter().map(|mut share| {
        share.truncate(SHARE_LEN);
        Share::from_bytes(Secret::new(share))
    });
    shares.collect()
}

/// The secret that these shares give. All of them are used: at least `quorum`, each with an index of its own. No copy
/// of them is made: the library has their buffers meanwhile.
///
/// # Errors
/// [`Error::Shares`] where there are too few, or two of one index.
pub fn combine(shares: &mut [Share], quorum: u8) -> Result<Secret<[u8; 32]>, Error> {
    if shares.len() < usize::from(quorum.max(2)) {
        return Err(Error::Shares { why: "there are fewer than the quorum" });
    }
    let mut seen = [false; 256];
    for share in &*shares {
        if std::mem::replace(&mut seen[usize::from(share.index())], true) {
            return Err(Error::Shares { why: "two have the same index" });
        }
    }
    let lent = shares.iter_mut().map(|share| std::mem::take(share.bytes.expose_mut()));
    let mut bytes: Secret<Vec<Vec<u8>>> = Secret::new(lent.collect());
    let combined = Gf256::combine_bytes(bytes.expose())
        .map(Secret::new)
        .map_err(|_| Error::Shares { why: "the library refuses them" });
    for (share, buffer) in shares.iter_mut().zip(bytes.expose_mut()) {
        *share.bytes.expose_mut() = std::mem::take(buffer);
    }
    let combined = combined?;
    let mut secret = Secret::new([0; 32]);
    *secret.expose_mut() = combined
        .expose()
        .as_slice()
        .try_into()
        .map_err(|_| Error::Shares { why: "they are not of a 32-byte secret" })?;
    Ok(secret)
}

/// A provider's randomness, as the library asks for it.
struct Drawn<'a>(&'a dyn Provider);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(crate::random(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(crate::random(self.0)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}
