//! What stands in a ledger's directory.

use super::{LedgerFiles, read};
use crate::checkpoint;
use crate::failure::{Failure, Problem};
use crate::tiles::{Stack, TilePath};
use std::collections::{BTreeMap, BTreeSet};

/// Which tiles are there, each with its widths.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    tiles: BTreeMap<(Stack, u64), BTreeSet<u16>>,
    files: usize,
}

impl Inventory {
    pub(super) fn read(files: &dyn LedgerFiles) -> Result<Self, Failure> {
        let mut inventory = Self::default();
        let mut has_checkpoint = false;
        for path in files.list().map_err(|error| Failure::new(".", error))? {
            inventory.files += 1;
            if path == checkpoint::FILE {
                has_checkpoint = true;
                continue;
            }
            let tile: TilePath = path.parse().map_err(|_| Failure::new(path, Problem::Unknown))?;
            inventory.tiles.entry((tile.stack(), tile.index())).or_default().insert(tile.width());
        }
        if has_checkpoint { Ok(inventory) } else { Err(Failure::new(checkpoint::FILE, Problem::Missing)) }
    }

    /// How many files there are.
    pub(super) const fn files(&self) -> usize {
        self.files
    }

    /// Nothing that a checkpoint of this size does not reach may stand beside what it does.
    pub(super) fn within(&self, size: u64) -> Result<(), Failure> {
        for path in self.tiles() {
            let reach = TilePath::at(path.stack(), path.index(), size).map_or(0, TilePath::width);
            if path.width() > reach {
                return Err(Failure::new(path.to_string(), Problem::Beyond { size }));
            }
        }
        Ok(())
    }

    /// Every tile and bundle that is there.
    pub(super) fn tiles(&self) -> impl Iterator<Item = TilePath> {
        self.tiles.iter().flat_map(|(&(stack, index), widths)| {
            widths.iter().filter_map(move |&width| TilePath::new(stack, index, width))
        })
    }

    /// Whether this very file is there.
    pub(super) fn has(&self, path: TilePath) -> bool {
        self.widths(path).any(|width| width == path.width())
    }

    /// The widths in which a tile is there.
    pub(super) fn widths(&self, path: TilePath) -> impl Iterator<Item = u16> {
        self.tiles.get(&(path.stack(), path.index())).into_iter().flatten().copied()
    }

    /// The bytes of a file that has to be there.
    pub(super) fn present(&self, files: &dyn LedgerFiles, path: TilePath) -> Result<Vec<u8>, Failure> {
        if self.has(path) {
            read(files, &path.to_string(), path.max_bytes())
        } else {
            Err(Failure::new(path.to_string(), Problem::Missing))
        }
    }

    /// The first of the older, narrower files of a tile, which tlog-tiles lets stand, that is no beginning of the
    /// present one.
    pub(super) fn stale<'b>(
        &self,
        files: &dyn LedgerFiles,
        path: TilePath,
        beginning: impl Fn(usize) -> Option<&'b [u8]>,
    ) -> Result<Option<String>, Failure> {
        for width in self.widths(path).filter(|&width| width < path.width()) {
            let Some(older) = path.with_width(width) else { continue };
            let bytes = read(files, &older.to_string(), older.max_bytes())?;
            if Some(bytes.as_slice()) != beginning(width.into()) {
                return Ok(Some(older.to_string()));
            }
        }
        Ok(None)
    }
}
