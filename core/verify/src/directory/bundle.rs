//! One bundle of entries and the tile of their hashes: the part of the walk that needs nothing else, so that several may
//! be looked at at once.

use super::LedgerFiles;
use super::inventory::Inventory;
use crate::charter::{Charter, RECORDED, STARTED};
use crate::entry::{self, Seen};
use crate::failure::{Failure, Problem};
use crate::merkle::{Frontier, Hash, leaf};
use crate::tiles::{self, Stack, TilePath, WIDTH};
use base::{Id, Timestamp, noun};

/// What all bundles of a log have in common.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) inventory: &'a Inventory,
    /// The checkpoint's size.
    pub(super) size: u64,
    pub(super) organization: Id<noun::Organization>,
    /// The same in text.
    pub(super) name: &'a str,
    /// Which entries somebody wants to see, besides those that speak of the log.
    pub(super) wants: Option<fn(&Seen) -> bool>,
}

/// A bundle that is in order by itself.
pub(super) struct Looked {
    pub(super) path: TilePath,
    pub(super) leaves: Vec<Hash>,
    /// The root over the leaves.
    pub(super) root: Hash,
    /// The entries that are of interest later.
    pub(super) seen: Vec<Seen>,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    /// The first hash in the tile of level 0 that the entries do not have.
    pub(super) differs: Option<(TilePath, usize)>,
    /// The first older partial file that is no beginning of the present one.
    pub(super) stale: Option<String>,
}

/// Whether entries of this kind are read in every walk: what the log says of itself, and what it records of others.
fn is_read(kind: &str) -> bool {
    kind == RECORDED || Charter::concerns(kind)
}

/// Looks at the bundle of this index, which the checkpoint reaches.
pub(super) fn look(files: &dyn LedgerFiles, view: &View<'_>, index: u64) -> Result<Looked, Failure> {
    let at = |stack| TilePath::at(stack, index, view.size);
    let none = || Failure::new("tile/entries/000", Problem::Missing);
    let (path, tile) = at(Stack::Entries).zip(at(Stack::Level(0))).ok_or_else(none)?;
    let bytes = view.inventory.present(files, path)?;
    let start = index.saturating_mul(WIDTH.into());
    let entries = tiles::entries(&bytes).map_err(|cut| {
        let entry = start + cut.entry;
        Failure::new(path.to_string(), cut).at(entry)
    })?;
    if entries.len() != usize::from(path.width()) {
        let (expected, found) = (path.width().into(), entries.len() as u64);
        return Err(Failure::new(path.to_string(), Problem::Width { expected, found }));
    }
    let mut looked = Looked {
        path,
        leaves: Vec::with_capacity(entries.len()),
        root: [0; 32],
        seen: Vec::new(),
        first: None,
        last: None,
        differs: None,
        stale: None,
    };
    let (mut ends, mut end) = (Vec::with_capacity(entries.len()), 0);
    for (position, bytes) in (start..).zip(&entries) {
        looked
            .entry(view, position, bytes)
            .map_err(|problem| Failure::new(path.to_string(), problem).at(position))?;
        end += 2 + bytes.len();
        ends.push(end);
        looked.leaves.push(leaf(bytes));
    }
    looked.root = looked.leaves.iter().copied().collect::<Frontier>().root();
    looked.stale =
        view.inventory.stale(files, path, |width| bytes.get(..*ends.get(width.checked_sub(1)?)?))?;
    looked.tile(files, view, tile)?;
    Ok(looked)
}

impl Looked {
    fn entry(&mut self, view: &View<'_>, position: u64, bytes: &[u8]) -> Result<(), Problem> {
        // Most entries are passed at a glance; what is of interest, or not so plain, is read.
        if let (None, Some(glance)) = (view.wants, entry::glance(bytes))
            && !is_read(glance.kind)
            && glance.organization == view.name
            && glance.position == position
            && position != 0
        {
            self.first.get_or_insert(glance.time);
            self.last = Some(glance.time);
            return Ok(());
        }
        let seen = entry::read(bytes)?;
        if seen.position != position {
            return Err(Problem::Position { said: seen.position });
        }
        if seen.organization != view.organization {
            return Err(Problem::Organization { said: seen.organization.to_string() });
        }
        if (seen.kind == STARTED) != (position == 0) {
            return Err(Problem::Started);
        }
        self.first.get_or_insert(seen.time);
        self.last = Some(seen.time);
        if is_read(&seen.kind) || view.wants.is_some_and(|wants| wants(&seen)) {
            self.seen.push(seen);
        }
        Ok(())
    }

    /// Holds the leaves against their tile.
    fn tile(&mut self, files: &dyn LedgerFiles, view: &View<'_>, tile: TilePath) -> Result<(), Failure> {
        let claimed = view.inventory.present(files, tile)?;
        let computed = self.leaves.as_flattened();
        if claimed.len() != computed.len() {
            let (expected, found) = (tile.width().into(), (claimed.len() / 32) as u64);
            return Err(Failure::new(tile.to_string(), Problem::Width { expected, found }));
        }
        if claimed != computed {
            let slot = claimed.chunks(32).zip(&self.leaves).position(|(claimed, leaf)| claimed != leaf);
            self.differs = slot.map(|slot| (tile, slot));
        }
        let stale = view.inventory.stale(files, tile, |width| computed.get(..width * 32))?;
        if self.stale.is_none() {
            self.stale = stale;
        }
        Ok(())
    }
}
