//! Makes and signs checkpoints, and names the log that they belong to.

use crate::{Entry, Kind};
use base::{Id, Timestamp, noun};
use verify::{Checkpoint, Origin, SignatureType, VerifierKey, note};

/// A key of the log that signs. The keys come in as values; the raw signature is what
/// [`verify::SignatureCheck`] checks.
pub trait Signer: Send + Sync {
    /// The key that checks its signatures, under the log's origin as its name.
    fn verifier_key(&self) -> &VerifierKey;

    /// Signs a message: RFC 8032 for Ed25519, FIPS 204 with an empty context for ML-DSA-44.
    ///
    /// # Errors
    /// [`Unsigned`] where the key does not answer.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned>;
}

/// A key that could not sign, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log's key could not sign: {0}")]
pub struct Unsigned(pub String);

pub use verify::origin::FIRST_GENERATION;

/// The name of an organization's log, in text.
#[must_use]
pub fn origin(organization: Id<noun::Organization>, generation: u32) -> String {
    Origin { organization, generation }.to_string()
}

/// Writes a checkpoint signed by each of the signers, in their order, at this time (whole seconds since
/// 1970 are part of an ML-DSA-44 signature).
///
/// # Errors
/// [`Unsigned`] from the first signer that fails.
pub fn sign(checkpoint: &Checkpoint, time: Timestamp, signers: &[&dyn Signer]) -> Result<Vec<u8>, Unsigned> {
    let mut text = checkpoint.to_string();
    text.push('\n');
    let seconds = u64::try_from(time.seconds()).unwrap_or(0);
    for signer in signers {
        let key = signer.verifier_key();
        let raw = signer.sign(&checkpoint.message(key.kind(), key.name(), seconds))?;
        let signature = match key.kind() {
            SignatureType::Ed25519 => raw,
            SignatureType::Ed25519Cosignature | SignatureType::MlDsa44 => {
                [seconds.to_be_bytes().to_vec(), raw].concat()
            }
        };
        text.push_str(&note::signature_line(key.name(), key.key_id(), &signature));
    }
    Ok(text.into_bytes())
}

/// The first entry of a log: its origin, and the keys that check its checkpoints, Ed25519 first.
pub fn started(
    organization: Id<noun::Organization>,
    generation: u32,
    ed25519: &VerifierKey,
    ml_dsa_44: &VerifierKey,
) -> Entry {
    Entry::done(Kind::LedgerStarted, organization)
        .fact("origin", origin(organization, generation))
        .fact("keys", [ed25519.to_string(), ml_dsa_44.to_string()])
}
