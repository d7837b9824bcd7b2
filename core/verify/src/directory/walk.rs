//! The way through all files: from the entries up, every hash is computed again and held against the
//! tile that claims it.

use super::{Expected, Opened, read};
use crate::charter::STARTED;
use crate::checkpoint::{self, Checkpoint};
use crate::entry;
use crate::failure::{Failure, Problem};
use crate::merkle::{Frontier, Hash, leaf};
use crate::tiles::{self, Stack, TilePath, WIDTH};
use crate::{LedgerFiles, VerifiedCheckpoint};
use base::{Id, Timestamp, noun};

pub(super) struct Walk<'a> {
    files: &'a dyn LedgerFiles,
    opened: &'a Opened,
    size: u64,
    /// The hashes of the tile that is being filled, for each level.
    levels: Vec<Vec<Hash>>,
    tree: Frontier,
    earlier: Expected,
    /// The first hash in a tile that is not the computed one. Whether the tile or what lies below it was
    /// changed is known at the end, when the computed root meets the signed one.
    differs: Option<Difference>,
    /// The first older partial file that is no beginning of the present one.
    stale: Option<String>,
    last: Timestamp,
}

struct Difference {
    tile: TilePath,
    slot: usize,
}

pub(super) struct Walked {
    pub(super) last: Timestamp,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        files: &'a dyn LedgerFiles,
        opened: &'a Opened,
        earlier: Option<&Checkpoint>,
    ) -> Result<Self, Failure> {
        let size = opened.checkpoint.checkpoint().size;
        // Nothing that the checkpoint does not reach may stand beside what it does.
        for (&(stack, index), widths) in &opened.inventory.tiles {
            let reach = TilePath::at(stack, index, size).map_or(0, TilePath::width);
            if let Some(beyond) = widths.iter().find(|&&width| width > reach) {
                let path = TilePath::new(stack, index, *beyond).map(|path| path.to_string());
                return Err(Failure::new(path.unwrap_or_default(), Problem::Beyond { size }));
            }
        }
        Ok(Self {
            files,
            opened,
            size,
            levels: Vec::new(),
            tree: Frontier::new(),
            earlier: earlier.map(|earlier| (earlier.size, earlier.root)),
            differs: None,
            stale: None,
            last: opened.first,
        })
    }

    pub(super) fn run(mut self) -> Result<Walked, Failure> {
        self.compare_earlier()?;
        let mut index = 0;
        while let Some(path) = TilePath::at(Stack::Entries, index, self.size) {
            self.bundle(path)?;
            index += 1;
        }
        // What is left over is the partial tile at the right edge of each level.
        let mut level = 0;
        while level < self.levels.len() {
            if !self.levels[level].is_empty() {
                self.tile(level)?;
            }
            level += 1;
        }
        self.judge()
    }

    fn bundle(&mut self, path: TilePath) -> Result<(), Failure> {
        let bytes = self.present(path)?;
        let start = path.index() * u64::from(WIDTH);
        let entries = tiles::entries(&bytes).map_err(|cut| {
            let entry = start + cut.entry;
            Failure::new(path.to_string(), cut).at(entry)
        })?;
        if entries.len() != usize::from(path.width()) {
            let (expected, found) = (path.width().into(), entries.len() as u64);
            return Err(Failure::new(path.to_string(), Problem::Width { expected, found }));
        }
        let (mut ends, mut end) = (Vec::with_capacity(entries.len()), 0);
        for (index, bytes) in (start..).zip(&entries) {
            self.entry(index, bytes).map_err(|problem| Failure::new(path.to_string(), problem).at(index))?;
            end += 2 + bytes.len();
            ends.push(end);
            let hash = leaf(bytes);
            self.tree.push(hash);
            self.compare_earlier()?;
            self.add(0, hash)?;
        }
        self.older(path, |width| Some(bytes.get(..*ends.get(width.checked_sub(1)?)?)?.to_vec()))
    }

    fn entry(&mut self, index: u64, bytes: &[u8]) -> Result<(), Problem> {
        let seen = entry::read(bytes)?;
        if seen.position != index {
            return Err(Problem::Position { said: seen.position });
        }
        if seen.organization != self.opened.organization {
            return Err(Problem::Organization {
                said: Id::<noun::Organization>::to_string(&seen.organization),
            });
        }
        if (seen.kind == STARTED) != (index == 0) {
            return Err(Problem::Started);
        }
        self.last = seen.time;
        Ok(())
    }

    /// Adds a hash to a level; a tile that is full with it is compared, and its root goes up.
    fn add(&mut self, level: usize, hash: Hash) -> Result<(), Failure> {
        if self.levels.len() == level {
            self.levels.push(Vec::with_capacity(WIDTH.into()));
        }
        self.levels[level].push(hash);
        if self.levels[level].len() == usize::from(WIDTH) { self.tile(level) } else { Ok(()) }
    }

    /// Holds the level's hashes against their tile, and begins the next tile.
    fn tile(&mut self, level: usize) -> Result<(), Failure> {
        let hashes = std::mem::take(&mut self.levels[level]);
        let stack = Stack::Level(u8::try_from(level).unwrap_or(u8::MAX));
        // How many hashes of this level the entries seen so far make.
        let done = stack.items(self.tree.size());
        let Some(path) = TilePath::holding(stack, done.saturating_sub(1), self.tree.size()) else {
            return Ok(());
        };
        let claimed = self.present(path)?;
        let computed = hashes.concat();
        if claimed.len() != computed.len() {
            let (expected, found) = (path.width().into(), (claimed.len() / 32) as u64);
            return Err(Failure::new(path.to_string(), Problem::Width { expected, found }));
        }
        let slot = claimed.chunks(32).zip(&hashes).position(|(claimed, computed)| claimed != computed);
        if let (Some(slot), None) = (slot, &self.differs) {
            self.differs = Some(Difference { tile: path, slot });
        }
        self.older(path, |width| Some(computed.get(..width * 32)?.to_vec()))?;
        if path.is_full() {
            let root = hashes.into_iter().collect::<Frontier>().root();
            self.add(level + 1, root)?;
        }
        Ok(())
    }

    /// Older, narrower files of the same tile, which tlog-tiles lets stand: each must be the beginning of
    /// the present one.
    fn older(&mut self, path: TilePath, beginning: impl Fn(usize) -> Option<Vec<u8>>) -> Result<(), Failure> {
        let widths = self.opened.inventory.tiles.get(&(path.stack(), path.index()));
        for &width in widths.into_iter().flatten().filter(|&&width| width < path.width()) {
            let Some(older) = path.with_width(width) else { continue };
            let bytes = read(self.files, &older.to_string(), older.max_bytes())?;
            if Some(bytes) != beginning(width.into()) {
                self.stale.get_or_insert(older.to_string());
            }
        }
        Ok(())
    }

    fn compare_earlier(&mut self) -> Result<(), Failure> {
        match self.earlier {
            Some((size, root)) if size == self.tree.size() => {
                self.earlier = None;
                if self.tree.root() == root {
                    Ok(())
                } else {
                    Err(Failure::new(checkpoint::FILE, Problem::Inconsistent { earlier: size }))
                }
            }
            _ => Ok(()),
        }
    }

    fn present(&self, path: TilePath) -> Result<Vec<u8>, Failure> {
        let widths = self.opened.inventory.tiles.get(&(path.stack(), path.index()));
        if !widths.is_some_and(|widths| widths.contains(&path.width())) {
            return Err(Failure::new(path.to_string(), Problem::Missing));
        }
        read(self.files, &path.to_string(), path.max_bytes())
    }

    /// The signed root decides. If the entries have it, they are as signed, and whatever differs from
    /// them was changed; if they do not, they were changed, where the lowest difference is.
    fn judge(self) -> Result<Walked, Failure> {
        let signed: &VerifiedCheckpoint = &self.opened.checkpoint;
        let entries_hold = self.tree.root() == signed.checkpoint().root;
        match (entries_hold, self.differs, self.stale) {
            (true, None, None) => Ok(Walked { last: self.last }),
            (true, Some(Difference { tile, slot }), _) => {
                Err(Failure::new(tile.to_string(), Problem::TileChanged { slot }))
            }
            (true, None, Some(stale)) => Err(Failure::new(stale, Problem::PartialChanged)),
            (false, Some(Difference { tile, slot }), _) => Err(below(tile, slot, self.size)),
            (false, None, _) => Err(Failure::new(
                bundle_of(0, self.size),
                Problem::Rewritten {
                    from: 0,
                    to: self.size.saturating_sub(1),
                    above: checkpoint::FILE.into(),
                },
            )),
        }
    }
}

/// The failure of what lies below a hash that the tree does not have.
fn below(tile: TilePath, slot: usize, size: u64) -> Failure {
    let item = tile.index() * u64::from(WIDTH) + slot as u64;
    match tile.stack() {
        Stack::Entries | Stack::Level(0) => {
            Failure::new(bundle_of(item, size), Problem::EntryChanged { tile: tile.to_string() }).at(item)
        }
        Stack::Level(level) => {
            let span = 8 * u32::from(level);
            let from = item.checked_shl(span).unwrap_or(u64::MAX);
            let to = from.saturating_add(1u64.checked_shl(span).unwrap_or(u64::MAX)).saturating_sub(1);
            Failure::new(bundle_of(from, size), Problem::Rewritten { from, to, above: tile.to_string() })
        }
    }
}

fn bundle_of(entry: u64, size: u64) -> String {
    TilePath::holding(Stack::Entries, entry, size).map(|path| path.to_string()).unwrap_or_default()
}
