//! A log in memory, and doubles of its keys.

use base::{Actor, Id, Timestamp, digest, noun};
use ledger::{Entry, Kind, Signer, Stamp, Tile, Tree, Unsigned, checkpoint};
use std::collections::BTreeMap;
use verify::{
    Checkpoint, Failure, LedgerFiles, Pins, Report, SignatureCheck, SignatureType, Unreadable, VerifierKey,
};

pub(crate) const ORGANIZATION: [u8; 16] = *b"an organization.";

/// A key whose signature is a hash stretched to the length that its kind has: every bit of the message and
/// of the signature counts, as with a real one.
pub(crate) struct Double(VerifierKey);

impl Double {
    pub(crate) fn new(kind: SignatureType, seed: u8) -> Self {
        let origin = checkpoint::origin(Id::from_bytes(ORGANIZATION), checkpoint::FIRST_GENERATION);
        let public = vec![seed; kind.public_key_bytes()];
        Self(VerifierKey::new(&origin, kind, &public).expect("a name and a length that fit"))
    }
}

pub(crate) fn stretched(kind: SignatureType, public_key: &[u8], message: &[u8]) -> Vec<u8> {
    let seed = digest::of_parts("double", &[public_key, message]);
    let blocks = (0u8..).flat_map(|n| digest::of_parts("block", &[&[n], &seed]));
    blocks.take(kind.signature_bytes()).collect()
}

impl Signer for Double {
    fn verifier_key(&self) -> &VerifierKey {
        &self.0
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
        Ok(stretched(self.0.kind(), self.0.public_key(), message))
    }
}

pub(crate) struct Doubles;

impl SignatureCheck for Doubles {
    fn check(&self, kind: SignatureType, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        stretched(kind, public_key, message) == signature
    }
}

/// A log whose files are a map.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) tree: Tree,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    seed: u8,
}

impl LedgerFiles for Log {
    fn list(&self) -> Result<Vec<String>, Unreadable> {
        Ok(self.files.keys().cloned().collect())
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unreadable> {
        match self.files.get(path) {
            Some(bytes) if bytes.len() <= limit => Ok(bytes.clone()),
            Some(_) => Err(Unreadable("too large".into())),
            None => Err(Unreadable("no such file".into())),
        }
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        Self::with_keys(1)
    }

    pub(crate) fn with_keys(seed: u8) -> Self {
        Self { tree: Tree::new(), files: BTreeMap::new(), seed }
    }

    /// A log grown to the last of these sizes, with a checkpoint at each.
    pub(crate) fn grown(sizes: &[u64]) -> Self {
        let mut log = Self::new();
        for &size in sizes {
            log.grow(size);
        }
        log
    }

    pub(crate) fn keys(&self) -> [Double; 2] {
        [SignatureType::Ed25519, SignatureType::MlDsa44].map(|kind| Double::new(kind, self.seed))
    }

    pub(crate) fn entry(&self, position: u64) -> Vec<u8> {
        let organization = Id::<noun::Organization>::from_bytes(ORGANIZATION);
        let [ed25519, ml_dsa_44] = self.keys();
        let entry = match position {
            0 => checkpoint::started(organization, 1, ed25519.verifier_key(), ml_dsa_44.verifier_key()),
            n if n % 3 == 0 => Entry::done(Kind::FindingsRecorded, organization).batch(7, [9; 32]),
            _ => Entry::done(Kind::IdentityQuarantined, Id::<noun::Identity>::from_bytes([5; 16]))
                .reason("finding"),
        };
        let stamp = Stamp {
            organization,
            actor: &Actor::System { task: "respond" },
            request: Id::from_bytes([2; 16]),
            position,
            time: Timestamp::from_millis(1_700_000_000_000 + i64::try_from(position).expect("small")),
            nonce: [u8::try_from(position % 251).expect("small"); 16],
            salt: [4; 32],
        };
        entry.seal(&stamp).expect("it fits").json
    }

    /// Appends entries up to `size`, and signs.
    pub(crate) fn grow(&mut self, size: u64) -> Vec<Tile> {
        let entries: Vec<_> = (self.tree.size()..size).map(|position| self.entry(position)).collect();
        let tiles = self.tree.append(entries.iter().map(Vec::as_slice)).expect("entries of ours fit");
        self.files.extend(tiles.iter().map(|tile| (tile.path.to_string(), tile.bytes.clone())));
        self.sign();
        tiles
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let origin = checkpoint::origin(Id::from_bytes(ORGANIZATION), 1);
        Checkpoint { origin, size: self.tree.size(), root: self.tree.root() }
    }

    pub(crate) fn sign(&mut self) {
        let [ed25519, ml_dsa_44] = self.keys();
        let time = Timestamp::from_millis(1_700_000_500_000);
        let note = checkpoint::sign(&self.checkpoint(), time, &[&ed25519, &ml_dsa_44]).expect("doubles sign");
        self.files.insert("checkpoint".into(), note);
    }

    pub(crate) fn verify(&self) -> Result<Report, Failure> {
        verify::directory(self, &Doubles, &Pins::default())
    }
}
