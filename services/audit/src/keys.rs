//! The keys that sign a log, and the check of what they signed.

use crate::Error;
use base::{Id, noun};
use crypto::sign::{Algorithm, SigningKey, VerifyingKey};
use ledger::{Signer, Unsigned, checkpoint};
use std::sync::Arc;
use verify::{SignatureCheck, SignatureType, VerifierKey, note};

/// The keys of a log: pairs of Ed25519, which every tool reads, and ML-DSA-44. They are the log's own: no other log
/// and no other purpose uses them. One pair signs at a time; after a rotation the earlier one is here too, for as
/// long as a checkpoint from before it may still have to be signed.
#[derive(Clone)]
pub struct LogKeys {
    generation: u32,
    /// The oldest first; at least one.
    pairs: Vec<[Arc<dyn Signer>; 2]>,
}

impl LogKeys {
    /// The keys of an organization's first log, held in memory.
    ///
    /// # Errors
    /// [`Error::Key`] unless the first is an Ed25519 key and the second an ML-DSA-44 one.
    pub fn new(
        organization: Id<noun::Organization>,
        ed25519: SigningKey,
        ml_dsa_44: SigningKey,
    ) -> Result<Self, Error> {
        Self::of(organization, checkpoint::FIRST_GENERATION, vec![[ed25519, ml_dsa_44]])
    }

    /// The pairs of keys of one of an organization's logs, the oldest first, held in memory. Keys of an earlier log
    /// among them sign nothing.
    ///
    /// # Errors
    /// [`Error::Key`] unless there is a pair, and the first of each is an Ed25519 key and the second an ML-DSA-44
    /// one.
    pub fn of(
        organization: Id<noun::Organization>,
        generation: u32,
        pairs: Vec<[SigningKey; 2]>,
    ) -> Result<Self, Error> {
        let origin = checkpoint::origin(organization, generation);
        let named = |key: SigningKey| -> Result<Arc<dyn Signer>, Error> {
            let kind = kind(key.algorithm()).ok_or(Error::Key)?;
            let verifier = VerifierKey::new(&origin, kind, key.verifying_key().as_bytes());
            Ok(Arc::new(InMemory { verifier: verifier.map_err(|_| Error::Key)?, key }))
        };
        let pairs = pairs.into_iter().map(|[ed25519, ml_dsa_44]| Ok([named(ed25519)?, named(ml_dsa_44)?]));
        Self::from_signers(organization, generation, pairs.collect::<Result<_, Error>>()?)
    }

    /// The pairs of keys of one of an organization's logs, the oldest first, wherever they are kept.
    ///
    /// # Errors
    /// [`Error::Key`] unless there is a pair, and the first of each is an Ed25519 key and the second an ML-DSA-44
    /// one, both named as the log's origin ([`ledger::checkpoint::origin`]).
    pub fn from_signers(
        organization: Id<noun::Organization>,
        generation: u32,
        pairs: Vec<[Arc<dyn Signer>; 2]>,
    ) -> Result<Self, Error> {
        let origin = checkpoint::origin(organization, generation);
        let fits = |signer: &Arc<dyn Signer>, kind| {
            signer.verifier_key().kind() == kind && signer.verifier_key().name() == origin
        };
        let fit = |[ed25519, ml_dsa_44]: &[Arc<dyn Signer>; 2]| {
            fits(ed25519, SignatureType::Ed25519) && fits(ml_dsa_44, SignatureType::MlDsa44)
        };
        if !pairs.is_empty() && pairs.iter().all(fit) {
            Ok(Self { generation, pairs })
        } else {
            Err(Error::Key)
        }
    }

    /// The verifier keys of a pair, under the name of one of the organization's logs.
    pub(crate) fn named(
        organization: Id<noun::Organization>,
        generation: u32,
        pair: &[SigningKey; 2],
    ) -> Result<[VerifierKey; 2], Error> {
        let origin = checkpoint::origin(organization, generation);
        let named = |key: &SigningKey, wanted| {
            let kind = kind(key.algorithm()).filter(|kind| *kind == wanted).ok_or(Error::Key)?;
            VerifierKey::new(&origin, kind, key.verifying_key().as_bytes()).map_err(|_| Error::Key)
        };
        let [ed25519, ml_dsa_44] = pair;
        Ok([named(ed25519, SignatureType::Ed25519)?, named(ml_dsa_44, SignatureType::MlDsa44)?])
    }

    /// A pair that signs under these names.
    pub(crate) const fn borrowed<'k>(
        names: &'k [VerifierKey; 2],
        pair: &'k [SigningKey; 2],
    ) -> [Borrowed<'k>; 2] {
        [Borrowed { verifier: &names[0], key: &pair[0] }, Borrowed { verifier: &names[1], key: &pair[1] }]
    }

    /// Which log of the organization they are for.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// The keys that check the log's newest checkpoints, Ed25519 first.
    #[must_use]
    pub fn verifier_keys(&self) -> [VerifierKey; 2] {
        self.pairs.last().map(verifiers).unwrap_or_else(|| unreachable!("there is a pair"))
    }

    /// Every pair, the oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = [VerifierKey; 2]> {
        self.pairs.iter().map(verifiers)
    }

    /// The pair of these verifier keys.
    pub(crate) fn signers(&self, of: &[VerifierKey; 2]) -> Option<[&dyn Signer; 2]> {
        let [ed25519, ml_dsa_44] = self.pairs.iter().find(|pair| verifiers(pair) == *of)?;
        Some([&**ed25519, &**ml_dsa_44])
    }
}

fn verifiers([ed25519, ml_dsa_44]: &[Arc<dyn Signer>; 2]) -> [VerifierKey; 2] {
    [ed25519.verifier_key().clone(), ml_dsa_44.verifier_key().clone()]
}

/// Which keys sign the checkpoints of a log: those it began with, and those that a rotation put in their place from
/// the first checkpoint on that covers its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    first: [VerifierKey; 2],
    /// Position of the entry, and the keys that it brought; in order.
    rotated: Vec<(u64, [VerifierKey; 2])>,
}

impl Chain {
    pub(crate) const fn new(first: [VerifierKey; 2], rotated: Vec<(u64, [VerifierKey; 2])>) -> Self {
        Self { first, rotated }
    }

    /// The keys that sign a checkpoint of this size.
    pub(crate) fn at(&self, size: u64) -> &[VerifierKey; 2] {
        let rotated = self.rotated.iter().rev().find(|(position, _)| *position < size);
        rotated.map_or(&self.first, |(_, keys)| keys)
    }

    /// Whether a note claims to be signed by the log, and by none of its keys that are known here: as what a rotation
    /// brought that came after this chain.
    pub(crate) fn is_strange(&self, note: &[u8]) -> bool {
        let Ok(note) = note::read(note) else { return false };
        let known = || self.first.iter().chain(self.rotated.iter().flat_map(|(_, keys)| keys));
        let mut own = note.signatures.iter().filter(|line| line.name == self.first[0].name()).peekable();
        own.peek().is_some() && !own.any(|line| known().any(|key| line.is_by(key)))
    }

    /// Whether entry 0 names the keys that the log began with.
    pub(crate) fn began_in(&self, first: &[u8]) -> Result<(), Error> {
        let seen = verify::entry::read(first).map_err(|_| Error::WrongKeys)?;
        let (_, keys) = verify::charter::started_facts(&seen).map_err(|_| Error::WrongKeys)?;
        if keys == self.first { Ok(()) } else { Err(Error::WrongKeys) }
    }
}

/// A key that signs once, under a name.
pub(crate) struct Borrowed<'k> {
    verifier: &'k VerifierKey,
    key: &'k SigningKey,
}

impl Signer for Borrowed<'_> {
    fn verifier_key(&self) -> &VerifierKey {
        self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
        Ok(self.key.sign(message))
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
