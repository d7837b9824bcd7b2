//! The growing log as a state machine: (tree, new entries) → the files to write. No I/O happens here.
//!
//! A [`Tree`] holds the right edge of the log: the hashes of the partial tile at each level, and the
//! partial entry bundle. [`Tree::append`] takes entries and gives the files that they fill or extend;
//! entries are fixed once sealed, so the same entries give the same files, however they are cut into
//! batches, and writing them again after a crash changes nothing.

use verify::merkle::{Frontier, Hash, fold, leaf};
use verify::tiles::{self, Stack, TilePath, WIDTH};
use verify::{Checkpoint, VerifiedCheckpoint};

/// The right edge of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// For each level the hashes of its partial tile: 0 to 255 of them.
    levels: Vec<Vec<Hash>>,
    /// The bytes of the partial entry bundle.
    bundle: Vec<u8>,
}

/// A file of the log, to be written as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Where.
    pub path: TilePath,
    /// What.
    pub bytes: Vec<u8>,
}

/// Files that do not make the tree that their checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A file holds something else than its place needs.
    #[error("{0} does not hold what the checkpoint needs there")]
    Tile(TilePath),
    /// The files of the right edge have another root than the checkpoint.
    #[error("the tiles at the right edge have another root than the checkpoint")]
    Root,
    /// An entry is empty or too large for a bundle; sealed entries are neither.
    #[error("an entry of {0} bytes does not fit a bundle")]
    Entry(usize),
}

impl Tree {
    /// The empty log.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, levels: Vec::new(), bundle: Vec::new() }
    }

    /// The files that [`resume`](Self::resume) needs for a log of this size: the partial tile of each
    /// level and the partial entry bundle. Few: one for each factor of 256 in the size.
    #[must_use]
    pub fn right_edge(size: u64) -> Vec<TilePath> {
        let levels = (0..8).map(Stack::Level).chain([Stack::Entries]);
        levels
            .filter_map(|stack| {
                let last = stack.items(size).checked_sub(1)?;
                TilePath::holding(stack, last, size).filter(|path| !path.is_full())
            })
            .collect()
    }

    /// The tree under a verified checkpoint, from the files that [`right_edge`](Self::right_edge) names.
    ///
    /// # Errors
    /// [`Broken`] where a file is missing from `files`, malformed, or the whole has another root than was
    /// signed.
    pub fn resume(checkpoint: &VerifiedCheckpoint, files: &[Tile]) -> Result<Self, Broken> {
        let Checkpoint { size, root, .. } = checkpoint.checkpoint();
        let mut tree = Self { size: *size, ..Self::new() };
        let mut entries: Option<(TilePath, Vec<Hash>)> = None;
        for path in Self::right_edge(*size) {
            let broken = || Broken::Tile(path);
            let file = files.iter().find(|file| file.path == path).ok_or_else(broken)?;
            match path.stack() {
                Stack::Entries => {
                    let bundle = tiles::entries(&file.bytes).map_err(|_| broken())?;
                    entries = Some((path, bundle.into_iter().map(leaf).collect()));
                    tree.bundle.clone_from(&file.bytes);
                }
                Stack::Level(level) => {
                    let hashes = tiles::hashes(&file.bytes).ok_or_else(broken)?;
                    if hashes.len() != usize::from(path.width()) {
                        return Err(broken());
                    }
                    *tree.level(usize::from(level)) = hashes;
                }
            }
        }
        if let Some((path, hashes)) = entries
            && *tree.level(0) != hashes
        {
            return Err(Broken::Tile(path));
        }
        if tree.root() == *root { Ok(tree) } else { Err(Broken::Root) }
    }

    /// How many entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The Merkle root over them.
    #[must_use]
    pub fn root(&self) -> Hash {
        let edge = self.levels.iter().rev().map(|hashes| hashes.iter().copied().collect::<Frontier>());
        fold(&edge.flat_map(|frontier| frontier.peaks().to_vec()).collect::<Vec<_>>())
    }

    /// Appends sealed entries, and says which files to write: each tile and bundle that became full, and
    /// the partial ones at the right edge as they are after the last entry. Entries are written before the
    /// hashes over them.
    ///
    /// # Errors
    /// [`Broken::Entry`], with the tree unchanged.
    pub fn append<'e>(&mut self, entries: impl IntoIterator<Item = &'e [u8]>) -> Result<Vec<Tile>, Broken> {
        let (mut grown, mut full) = (self.clone(), Vec::new());
        for entry in entries {
            grown.push(entry, &mut full)?;
        }
        // Levels below which nothing was added have the partial tile that is written already.
        let partial = Self::right_edge(grown.size).into_iter();
        let changed =
            partial.filter(|path| TilePath::at(path.stack(), path.index(), self.size) != Some(*path));
        full.extend(changed.map(|path| Tile {
            path,
            bytes: match path.stack() {
                Stack::Entries => grown.bundle.clone(),
                Stack::Level(level) => {
                    grown.levels.get(usize::from(level)).map(|l| l.concat()).unwrap_or_default()
                }
            },
        }));
        full.sort_by_key(|tile| tile.path);
        *self = grown;
        Ok(full)
    }

    fn push(&mut self, entry: &[u8], full: &mut Vec<Tile>) -> Result<(), Broken> {
        let length = u16::try_from(entry.len()).ok().filter(|length| *length > 0);
        self.bundle.extend(length.ok_or(Broken::Entry(entry.len()))?.to_be_bytes());
        self.bundle.extend_from_slice(entry);
        self.size += 1;
        if self.size.is_multiple_of(WIDTH.into()) {
            let bytes = std::mem::take(&mut self.bundle);
            full.extend(self.filled(Stack::Entries).map(|path| Tile { path, bytes }));
        }
        let (mut hash, mut level) = (leaf(entry), 0usize);
        loop {
            let hashes = self.level(level);
            hashes.push(hash);
            if hashes.len() < usize::from(WIDTH) {
                return Ok(());
            }
            let hashes = std::mem::take(hashes);
            let stack = Stack::Level(u8::try_from(level).unwrap_or(u8::MAX));
            full.extend(self.filled(stack).map(|path| Tile { path, bytes: hashes.concat() }));
            hash = hashes.into_iter().collect::<Frontier>().root();
            level += 1;
        }
    }

    /// The path of the tile that the last entry filled.
    fn filled(&self, stack: Stack) -> Option<TilePath> {
        TilePath::holding(stack, stack.items(self.size).checked_sub(1)?, self.size)
    }

    fn level(&mut self, level: usize) -> &mut Vec<Hash> {
        if self.levels.len() <= level {
            self.levels.resize(level + 1, Vec::new());
        }
        &mut self.levels[level]
    }
}

/// Which older files a log may drop once it has grown to `size`: partial tiles whose full tile is there.
/// tlog-tiles lets no other file go.
#[must_use]
pub fn is_superseded(path: TilePath, size: u64) -> bool {
    !path.is_full() && TilePath::at(path.stack(), path.index(), size).is_some_and(TilePath::is_full)
}
