//! Proofs from a log as it is published: its checkpoint, its tiles and its entry bundles, wherever they are.
//!
//! What a node answers and what anybody makes for themselves who can read the files is the same: a proof needs
//! nothing that is not published. Nothing read here is believed: a proof that does not lead to the checkpoint's root is
//! never given out, so files that were changed make an error, not a proof that fails elsewhere.

use crate::prove::{self, NoProof, Tiles};
use base::{Fault, Kind};
use verify::merkle::{Hash, consistent, included, leaf};
use verify::tiles::{self, Stack, TilePath};
use verify::{Checkpoint, LedgerFiles, Proof, Unreadable, checkpoint, note};

/// A published log under its checkpoint.
pub struct Published<'f> {
    files: &'f dyn LedgerFiles,
    head: Checkpoint,
    signed: Vec<u8>,
}

/// Why nothing is proved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The log does not reach that far.
    #[error("the published log has {size} entries: there is no entry {asked} in it")]
    Beyond {
        /// How many entries are published.
        size: u64,
        /// Which one was asked for, or an earlier size.
        asked: u64,
    },
    /// The entry expired, and the log says that it dropped it.
    #[error("entry {asked} is not kept any more: the log begins with entry {minimum}")]
    Pruned {
        /// Which one was asked for.
        asked: u64,
        /// The first one that is kept.
        minimum: u64,
    },
    /// A file of the log cannot be read.
    #[error("{file} {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: Unreadable,
    },
    /// A file holds something else than the log needs there.
    #[error("{file} is not what the log's checkpoint needs there: it was changed or is damaged")]
    Changed {
        /// The file.
        file: String,
    },
}

impl Fault for Unproven {
    fn kind(&self) -> Kind {
        match self {
            Self::Beyond { .. } | Self::Pruned { .. } => Kind::NotFound,
            Self::Unreadable { .. } => Kind::Unavailable,
            Self::Changed { .. } => Kind::CheckFailed,
        }
    }
}

impl<'f> Published<'f> {
    /// Reads the checkpoint; its signatures are not looked at.
    ///
    /// # Errors
    /// [`Unproven`] where there is none, or something else.
    pub fn open(files: &'f dyn LedgerFiles) -> Result<Self, Unproven> {
        let file = || checkpoint::FILE.to_owned();
        let signed = files.read(checkpoint::FILE, note::MAX_BYTES);
        Self::at(files, signed.map_err(|source| Unproven::Unreadable { file: file(), source })?)
    }

    /// The same log under a checkpoint that it published, now or earlier.
    ///
    /// # Errors
    /// [`Unproven::Changed`] for what is no signed checkpoint.
    pub fn at(files: &'f dyn LedgerFiles, signed: Vec<u8>) -> Result<Self, Unproven> {
        let head = note::read(&signed).ok().and_then(|note| Checkpoint::read(note.text));
        let changed = || Unproven::Changed { file: checkpoint::FILE.to_owned() };
        Ok(Self { files, head: head.ok_or_else(changed)?, signed })
    }

    /// What the checkpoint says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.head
    }

    /// The signed checkpoint.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The entry at a position. Reads one bundle; where that is not there, those behind it until one says why.
    ///
    /// # Errors
    /// [`Unproven`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, Unproven> {
        let beyond = || Unproven::Beyond { size: self.head.size, asked: index };
        let path = TilePath::holding(Stack::Entries, index, self.head.size);
        let path = path.filter(|_| index < self.head.size).ok_or_else(beyond)?;
        let pruned = || verify::kept_from(self.files, self.head.size).filter(|minimum| index < *minimum);
        let bytes = self.read(path).map_err(|unreadable| match pruned() {
            Some(minimum) => Unproven::Pruned { asked: index, minimum },
            None => unreadable,
        })?;
        let entries = tiles::entries(&bytes).ok();
        let at = usize::try_from(index % u64::from(tiles::WIDTH)).unwrap_or(usize::MAX);
        let entry = entries.as_deref().and_then(|entries| entries.get(at)).map(|entry| entry.to_vec());
        entry.ok_or_else(|| Unproven::Changed { file: path.to_string() })
    }

    /// The proof of one entry: the entry itself, its way to the root, and the checkpoint. Reads one bundle and a tile or
    /// two for each factor of 256 in the log's size.
    ///
    /// # Errors
    /// [`Unproven`].
    pub fn prove(&self, index: u64) -> Result<Proof, Unproven> {
        let entry = self.entry(index)?;
        let Checkpoint { size, root, .. } = self.head;
        let hashes = prove::inclusion(&mut Reading(self), index, size).map_err(|error| self.told(error))?;
        if !included(&leaf(&entry), index, size, &hashes, &root) {
            // Which of them it is, a verification of the whole log says.
            let file = TilePath::holding(Stack::Entries, index, size).map(|path| path.to_string());
            return Err(Unproven::Changed { file: file.unwrap_or_default() });
        }
        Ok(Proof { entry, platform: None, index, hashes, checkpoint: self.signed.clone() })
    }

    /// The proof that the tree under one of the log's checkpoints is the beginning of the tree under another.
    /// Both are in reach of the published one.
    ///
    /// # Errors
    /// [`Unproven`]; of trees that are not consistent there is a proof too, and it does not hold.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Unproven> {
        let beyond = |asked| Unproven::Beyond { size: self.head.size, asked };
        if new > self.head.size {
            return Err(beyond(new));
        }
        prove::consistency(&mut Reading(self), old, new).map_err(|error| self.told(error))
    }

    /// Whether another checkpoint of this log has a tree that is the beginning of the published one.
    ///
    /// # Errors
    /// [`Unproven`], also for one that is larger.
    pub fn continues(&self, earlier: &Checkpoint) -> Result<bool, Unproven> {
        let proof = self.consistency(earlier.size, self.head.size)?;
        Ok(earlier.origin == self.head.origin
            && consistent(earlier.size, &earlier.root, self.head.size, &self.head.root, &proof))
    }

    /// A file as wide as the published size makes it. Meanwhile the log may have grown and dropped a partial file, but
    /// only where the full one stands.
    fn read(&self, path: TilePath) -> Result<Vec<u8>, Unproven> {
        let read = |path: TilePath| self.files.read(&path.to_string(), path.max_bytes());
        let full = || path.with_width(tiles::WIDTH).filter(|_| !path.is_full());
        read(path).or_else(|source| {
            full()
                .and_then(|full| read(full).ok())
                .ok_or_else(|| Unproven::Unreadable { file: path.to_string(), source })
        })
    }

    fn told(&self, error: NoProof<Unproven>) -> Unproven {
        match error {
            NoProof::Beyond { size, asked } => Unproven::Beyond { size, asked },
            NoProof::Short(path) => Unproven::Changed { file: path.to_string() },
            NoProof::Tile(error) => error,
        }
    }
}

/// The tiles of a published log for a tree of any size within it.
struct Reading<'p, 'f>(&'p Published<'f>);

impl Tiles for Reading<'_, '_> {
    type Error = Unproven;

    fn tile(&mut self, path: TilePath) -> Result<Vec<Hash>, Unproven> {
        // A smaller tree's tile is the beginning of the published one, which stands for certain.
        let published = TilePath::at(path.stack(), path.index(), self.0.head.size).unwrap_or(path);
        let bytes = self.0.read(published)?;
        let hashes = tiles::hashes(&bytes).filter(|hashes| hashes.len() >= usize::from(path.width()));
        let mut hashes = hashes.ok_or_else(|| Unproven::Changed { file: published.to_string() })?;
        hashes.truncate(path.width().into());
        Ok(hashes)
    }
}
