//! A log in memory, and doubles of its keys.

use base::{Actor, Id, Timestamp, digest, noun};
use ledger::{Entry, Kind, Sealed, Signer, Stamp, Tile, Tree, Unsigned, charter, checkpoint};
use std::collections::BTreeMap;
use verify::{
    Charter, Checkpoint, Failure, LedgerFiles, Origin, Pins, Report, SignatureCheck, SignatureType, TilePath,
    Unreadable, VerifierKey,
};

pub(crate) const ORGANIZATION: [u8; 16] = *b"an organization.";

/// A key whose signature is a hash stretched to the length that its kind has: every bit of the message and
/// of the signature counts, as with a real one.
#[derive(Clone)]
pub(crate) struct Double(VerifierKey);

impl Double {
    pub(crate) fn named(name: &str, kind: SignatureType, seed: u8) -> Self {
        let public = vec![seed; kind.public_key_bytes()];
        Self(VerifierKey::new(name, kind, &public).expect("a name and a length that fit"))
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
    pub(crate) origin: Origin,
    /// Entries that are not the usual ones.
    pub(crate) special: BTreeMap<u64, Entry>,
    /// Details by position, salt in front.
    pub(crate) details: BTreeMap<u64, Vec<u8>>,
    /// Who cosigns each checkpoint.
    pub(crate) witnesses: Vec<Double>,
    /// The keys that sign.
    pub(crate) seed: u8,
    /// Those that entry 0 names.
    first_seed: u8,
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
        let organization = Id::from_bytes(ORGANIZATION);
        Self::named(Origin { organization, generation: checkpoint::FIRST_GENERATION }, seed)
    }

    pub(crate) fn named(origin: Origin, seed: u8) -> Self {
        Self {
            tree: Tree::new(),
            files: BTreeMap::new(),
            origin,
            special: BTreeMap::new(),
            details: BTreeMap::new(),
            witnesses: Vec::new(),
            seed,
            first_seed: seed,
        }
    }

    /// The entry at the position that the log has reached with its next one, in which it replaces its keys; the log is
    /// signed with the new ones from then on.
    pub(crate) fn rotate(&mut self, seed: u8) {
        let (old, new) = (self.keys(), self.keys_of(seed));
        let [a, b] = &old;
        let [c, d] = &new;
        let entry = charter::keys_rotated(self.origin, &[a, b], &[c, d]).expect("doubles sign");
        self.special.insert(self.tree.size(), entry);
        self.seed = seed;
        self.grow(self.tree.size() + 1);
    }

    /// What the log says of itself, read from its entries.
    pub(crate) fn charter(&self) -> Charter {
        let mut charter = Charter::new(self.origin);
        for position in 0..self.tree.size() {
            if position == 0 || self.special.contains_key(&position) {
                let seen = verify::entry::read(&self.entry(position)).expect("an entry");
                charter.apply(&seen, &Doubles).expect("it holds");
            }
        }
        charter
    }

    /// Prunes: the entry that says so, and then the files.
    pub(crate) fn prune(&mut self, minimum: u64) {
        let entry = charter::pruned(&self.charter(), minimum);
        self.special.insert(self.tree.size(), entry);
        self.grow(self.tree.size() + 1);
        self.files.retain(|path, _| !path.parse::<TilePath>().is_ok_and(|path| path.is_prunable(minimum)));
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
        self.keys_of(self.seed)
    }

    pub(crate) fn keys_of(&self, seed: u8) -> [Double; 2] {
        let origin = self.origin.to_string();
        [SignatureType::Ed25519, SignatureType::MlDsa44].map(|kind| Double::named(&origin, kind, seed))
    }

    pub(crate) fn verifier_keys(&self) -> Vec<VerifierKey> {
        self.keys().iter().map(|key| key.verifier_key().clone()).collect()
    }

    pub(crate) fn entry(&self, position: u64) -> Vec<u8> {
        self.sealed(position).json
    }

    fn sealed(&self, position: u64) -> Sealed {
        let organization = self.origin.organization;
        let keys = self.keys_of(self.first_seed).map(|key| key.verifier_key().clone());
        let entry = match (position, self.special.get(&position)) {
            (_, Some(special)) => special.clone(),
            (0, None) => charter::started(self.origin, &keys),
            (n, None) if n % 3 == 0 => Entry::done(Kind::FindingsRecorded, organization).batch(7, [9; 32]),
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
        entry.seal(&stamp).expect("it fits")
    }

    /// Appends entries up to `size`, and signs.
    pub(crate) fn grow(&mut self, size: u64) -> Vec<Tile> {
        let sealed: Vec<_> = (self.tree.size()..size).map(|at| (at, self.sealed(at))).collect();
        let details = sealed.iter().filter_map(|(at, sealed)| Some((*at, sealed.details.clone()?)));
        self.details.extend(details);
        let entries: Vec<_> = sealed.into_iter().map(|(_, sealed)| sealed.json).collect();
        let tiles = self.tree.append(entries.iter().map(Vec::as_slice)).expect("entries of ours fit");
        self.files.extend(tiles.iter().map(|tile| (tile.path.to_string(), tile.bytes.clone())));
        self.sign();
        tiles
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.to_string(), size: self.tree.size(), root: self.tree.root() }
    }

    pub(crate) fn sign(&mut self) {
        let [ed25519, ml_dsa_44] = self.keys();
        let mut signers: Vec<&dyn Signer> = vec![&ed25519, &ml_dsa_44];
        signers.extend(self.witnesses.iter().map(|witness| -> &dyn Signer { witness }));
        let time = Timestamp::from_millis(1_700_000_500_000);
        let note = checkpoint::sign(&self.checkpoint(), time, &signers).expect("doubles sign");
        self.files.insert("checkpoint".into(), note);
    }

    pub(crate) fn verify(&self) -> Result<Report, Failure> {
        self.verify_under(&Pins::default())
    }

    pub(crate) fn verify_under(&self, pins: &Pins) -> Result<Report, Failure> {
        verify::directory(self, &Doubles, pins)
    }
}
