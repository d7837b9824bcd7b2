//! The keys that sign a log, and the check of what they signed.

use crate::Error;
use base::{Id, noun};
use crypto::sign::{Algorithm, SigningKey, VerifyingKey};
use ledger::{Signer, Unsigned, checkpoint};
use std::sync::Arc;
use verify::{SignatureCheck, SignatureType, VerifierKey};

/// The two keys of a log: Ed25519, which every tool reads, and ML-DSA-44. They are the log's own: no other
/// log and no other purpose uses them.
#[derive(Clone)]
pub struct LogKeys {
    ed25519: Arc<dyn Signer>,
    ml_dsa_44: Arc<dyn Signer>,
}

impl LogKeys {
    /// The keys of an organization's log, held in memory.
    ///
    /// # Errors
    /// [`Error::Key`] unless the first is an Ed25519 key and the second an ML-DSA-44 one.
    pub fn new(
        organization: Id<noun::Organization>,
        ed25519: SigningKey,
        ml_dsa_44: SigningKey,
    ) -> Result<Self, Error> {
        let origin = checkpoint::origin(organization, checkpoint::FIRST_GENERATION);
        let named = |key: SigningKey| -> Result<Arc<dyn Signer>, Error> {
            let kind = kind(key.algorithm()).ok_or(Error::Key)?;
            let verifier = VerifierKey::new(&origin, kind, key.verifying_key().as_bytes());
            Ok(Arc::new(InMemory { verifier: verifier.map_err(|_| Error::Key)?, key }))
        };
        Self::from_signers(organization, named(ed25519)?, named(ml_dsa_44)?)
    }

    /// The keys of an organization's log, wherever they are kept.
    ///
    /// # Errors
    /// [`Error::Key`] unless the first is an Ed25519 key and the second an ML-DSA-44 one, both named as the
    /// log's origin ([`ledger::checkpoint::origin`]).
    pub fn from_signers(
        organization: Id<noun::Organization>,
        ed25519: Arc<dyn Signer>,
        ml_dsa_44: Arc<dyn Signer>,
    ) -> Result<Self, Error> {
        let origin = checkpoint::origin(organization, checkpoint::FIRST_GENERATION);
        let fits = |signer: &Arc<dyn Signer>, kind| {
            signer.verifier_key().kind() == kind && signer.verifier_key().name() == origin
        };
        if fits(&ed25519, SignatureType::Ed25519) && fits(&ml_dsa_44, SignatureType::MlDsa44) {
            Ok(Self { ed25519, ml_dsa_44 })
        } else {
            Err(Error::Key)
        }
    }

    /// The keys that check the log's checkpoints, Ed25519 first.
    #[must_use]
    pub fn verifier_keys(&self) -> [VerifierKey; 2] {
        [self.ed25519.verifier_key().clone(), self.ml_dsa_44.verifier_key().clone()]
    }

    pub(crate) fn signers(&self) -> [&dyn Signer; 2] {
        [&*self.ed25519, &*self.ml_dsa_44]
    }

    /// Whether entry 0 names these keys.
    pub(crate) fn are_in(&self, first: &[u8]) -> Result<(), Error> {
        let seen = verify::entry::read(first).map_err(|_| Error::WrongKeys)?;
        let (_, keys) = verify::directory::started_facts(&seen).map_err(|_| Error::WrongKeys)?;
        if keys == self.verifier_keys() { Ok(()) } else { Err(Error::WrongKeys) }
    }
}

struct InMemory {
    verifier: VerifierKey,
    key: SigningKey,
}

impl Signer for InMemory {
    fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
        Ok(self.key.sign(message))
    }
}

const fn kind(algorithm: Algorithm) -> Option<SignatureType> {
    match algorithm {
        Algorithm::Ed25519 => Some(SignatureType::Ed25519),
        Algorithm::MlDsa44 => Some(SignatureType::MlDsa44),
        Algorithm::MlDsa65 | Algorithm::MlDsa87 => None,
    }
}

/// Checks signatures with `crypto`: what [`verify::directory`](fn@verify::directory) is handed.
#[derive(Clone)]
pub struct Signatures(Arc<dyn crypto::Provider>);

impl Signatures {
    /// By this provider.
    #[must_use]
    pub fn new(provider: Arc<dyn crypto::Provider>) -> Self {
        Self(provider)
    }
}

impl SignatureCheck for Signatures {
    fn check(&self, kind: SignatureType, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match kind {
            SignatureType::Ed25519 | SignatureType::Ed25519Cosignature => Algorithm::Ed25519,
            SignatureType::MlDsa44 => Algorithm::MlDsa44,
        };
        VerifyingKey::from_bytes(algorithm, public_key)
            .is_ok_and(|key| key.verify(&*self.0, message, signature).is_ok())
    }
}
