//! The way through all files: from the entries up, every hash is computed again and held against the
//! tile that claims it.

use super::bundle::{Looked, View, look};
use super::{Hands, Job, LedgerFiles, Visit};
use crate::charter::{Charter, RECORDED};
use crate::checkpoint::{self, Checkpoint, SignatureCheck};
use crate::failure::{Failure, Problem};
use crate::merkle::{Frontier, Hash, fold};
use crate::records::Records;
use crate::tiles::{self, Stack, TilePath, WIDTH};
use crate::trust::Pins;
use base::Timestamp;
use std::ops::Range;

/// Bundles that are looked at before what they say is put together.
const AT_ONCE: u64 = 512;

/// Bundles that one job looks at: few, so that a small log is work for all hands too, and that all of them end together.
const A_JOB: usize = 2;

/// How bundles are looked at: one after the other, or several at once.
pub(super) enum Looks<'a> {
    InTurn(&'a dyn LedgerFiles),
    HandedOut(&'a (dyn LedgerFiles + Sync), &'a dyn Hands),
}

impl Looks<'_> {
    /// How many are asked for at once.
    const fn at_once(&self) -> u64 {
        match self {
            Self::InTurn(_) => 1,
            Self::HandedOut(..) => AT_ONCE,
        }
    }

    /// The bundles of these indices, in order; up to the first failure at least.
    fn at(&self, view: &View<'_>, indices: Range<u64>) -> Vec<Result<Looked, Failure>> {
        match self {
            Self::InTurn(files) => indices.map(|index| look(*files, view, index)).collect(),
            Self::HandedOut(files, hands) => {
                let indices: Vec<u64> = indices.collect();
                let mut looked: Vec<Vec<_>> = indices.chunks(A_JOB).map(|_| Vec::new()).collect();
                let jobs = indices.chunks(A_JOB).zip(&mut looked).map(|(indices, looked)| -> Job<'_> {
                    Box::new(move || looked.extend(indices.iter().map(|index| look(*files, view, *index))))
                });
                hands.run(jobs.collect());
                looked.into_iter().flatten().collect()
            }
        }
    }
}

pub(super) struct Walk<'a> {
    files: &'a dyn LedgerFiles,
    view: View<'a>,
    signed: &'a Checkpoint,
    minimum: u64,
    charter: Charter,
    /// Of a platform's log: what it records of others.
    records: Records,
    /// The hashes of the tile that is being filled, for each level from 1 on.
    levels: Vec<Vec<Hash>>,
    /// The tree over the roots of full tiles of level 0.
    tree: Frontier,
    /// What its last leaves are, if they make no full tile.
    rest: Vec<Hash>,
    /// Roots that were verified at sizes on the way, the smallest last.
    earlier: Vec<(u64, Hash)>,
    /// Those that the platform's log records, the smallest first.
    recorded: &'a [(u64, Hash)],
    /// The first hash in a tile that is not the computed one. Whether the tile or what lies below it was
    /// changed is known at the end, when the computed root meets the signed one.
    differs: Option<(TilePath, usize)>,
    /// The first older partial file that is no beginning of the present one.
    stale: Option<String>,
    times: Option<(Timestamp, Timestamp)>,
}

pub(super) struct Walked {
    pub(super) charter: Charter,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl<'a> Walk<'a> {
    /// Begins at the minimum index, a multiple of 256: the hashes of what lies before it are taken from the tiles that
    /// stay. They are as good as the root that they lead to.
    pub(super) fn new(
        files: &'a dyn LedgerFiles,
        view: View<'a>,
        signed: &'a Checkpoint,
        charter: Charter,
        pins: &'a Pins,
        minimum: u64,
    ) -> Result<Self, Failure> {
        // What is pinned has to be compared; of what is recorded, whatever is kept, and the last one.
        let passed_over = pins.recorded.partition_point(|(size, _)| *size < minimum);
        let recorded = &pins.recorded[passed_over.min(pins.recorded.len().saturating_sub(1))..];
        let mut earlier: Vec<_> = pins.checkpoints().map(|earlier| (earlier.size, earlier.root)).collect();
        earlier.sort_by(|a, b| b.cmp(a));
        let smallest = earlier.last().into_iter().chain(recorded.first()).map(|(size, _)| *size).min();
        if let Some(earlier) = smallest.filter(|size| *size < minimum) {
            let past = Problem::Past { earlier, minimum };
            return Err(Failure::new(checkpoint::FILE, past));
        }
        let mut levels = vec![Vec::new()];
        let mut peaks: Vec<Hash> = Vec::new();
        for level in 1..8u8 {
            let before = minimum >> (8 * u32::from(level));
            let given = usize::try_from(before % u64::from(WIDTH)).unwrap_or(0);
            if given == 0 {
                levels.push(Vec::new());
                continue;
            }
            let missing = || Failure::new(checkpoint::FILE, Problem::Missing);
            let path = TilePath::holding(Stack::Level(level), before, signed.size).or_else(|| {
                // The last of them may be the last hash of the level.
                TilePath::holding(Stack::Level(level), before.checked_sub(1)?, signed.size)
            });
            let path = path.ok_or_else(missing)?;
            let hashes = tiles::hashes(&view.inventory.present(files, path)?).unwrap_or_default();
            let Some(given) = hashes.get(..given) else {
                let (expected, found) = (path.width().into(), hashes.len() as u64);
                return Err(Failure::new(path.to_string(), Problem::Width { expected, found }));
            };
            peaks = [given.iter().copied().collect::<Frontier>().peaks(), &peaks].concat();
            levels.push(given.to_vec());
        }
        let tree = Frontier::from_peaks(minimum / u64::from(WIDTH), peaks).unwrap_or_default();
        let mut walk = Self {
            files,
            view,
            signed,
            minimum,
            charter,
            records: Records::default(),
            levels,
            tree,
            rest: Vec::new(),
            earlier,
            recorded,
            differs: None,
            stale: None,
            times: None,
        };
        walk.compare_earlier(minimum, &[])?;
        Ok(walk)
    }

    pub(super) fn run(
        mut self,
        looks: &Looks<'_>,
        check: &dyn SignatureCheck,
        visitor: &mut dyn Visit,
    ) -> Result<Walked, Failure> {
        let (mut next, end) = (self.minimum / u64::from(WIDTH), self.signed.size.div_ceil(WIDTH.into()));
        while next < end {
            let until = end.min(next.saturating_add(looks.at_once()));
            for looked in looks.at(&self.view, next..until) {
                self.take(looked?, check, visitor)?;
            }
            next = until;
        }
        // What is left over is the partial tile at the right edge of each level.
        let mut level = 1;
        while level < self.levels.len() {
            if !self.levels[level].is_empty() {
                self.tile(level)?;
            }
            level += 1;
        }
        self.judge()
    }

    /// Takes in the next bundle.
    fn take(
        &mut self,
        looked: Looked,
        check: &dyn SignatureCheck,
        visitor: &mut dyn Visit,
    ) -> Result<(), Failure> {
        let wants = self.view.wants;
        for seen in &looked.seen {
            let wrong = |problem| Failure::new(looked.path.to_string(), problem).at(seen.position);
            if Charter::concerns(&seen.kind) {
                self.charter.apply(seen, check).map_err(wrong)?;
            }
            if seen.kind == RECORDED {
                self.records.take(seen).map_err(wrong)?;
            }
            if wants.is_some_and(|wants| wants(seen)) {
                visitor.see(seen).map_err(wrong)?;
            }
        }
        if let Some((first, last)) = looked.first.zip(looked.last) {
            self.times = Some((self.times.map_or(first, |(first, _)| first), last));
        }
        if self.differs.is_none() {
            self.differs = looked.differs;
        }
        if self.stale.is_none() {
            self.stale = looked.stale;
        }
        self.compare_earlier(looked.path.index() * u64::from(WIDTH), &looked.leaves)?;
        if looked.path.is_full() {
            self.tree.push(looked.root);
            self.add(1, looked.root)
        } else {
            self.rest = looked.leaves;
            Ok(())
        }
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
        let reached = self.tree.size().saturating_mul(WIDTH.into()).saturating_add(self.rest.len() as u64);
        let done = stack.items(reached);
        let Some(path) = TilePath::holding(stack, done.saturating_sub(1), reached) else {
            return Ok(());
        };
        let claimed = self.view.inventory.present(self.files, path)?;
        let computed = hashes.as_flattened();
        if claimed.len() != computed.len() {
            let (expected, found) = (path.width().into(), (claimed.len() / 32) as u64);
            return Err(Failure::new(path.to_string(), Problem::Width { expected, found }));
        }
        let slot = claimed.chunks(32).zip(&hashes).position(|(claimed, computed)| claimed != computed);
        if let (Some(slot), None) = (slot, &self.differs) {
            self.differs = Some((path, slot));
        }
        let stale = self.view.inventory.stale(self.files, path, |width| computed.get(..width * 32))?;
        if self.stale.is_none() {
            self.stale = stale;
        }
        if path.is_full() {
            let root = hashes.into_iter().collect::<Frontier>().root();
            self.add(level + 1, root)?;
        }
        Ok(())
    }

    /// Holds the roots that are expected from here to behind these leaves against the tree.
    fn compare_earlier(&mut self, start: u64, leaves: &[Hash]) -> Result<(), Failure> {
        while let Some(&(size, root)) = self.earlier.last().into_iter().chain(self.recorded.first()).min() {
            let ahead = usize::try_from(size.saturating_sub(start)).unwrap_or(usize::MAX);
            let Some(leaves) = leaves.get(..ahead) else { return Ok(()) };
            let edge: Frontier = leaves.iter().copied().collect();
            if fold(&[self.tree.peaks(), edge.peaks()].concat()) != root {
                return Err(Failure::new(checkpoint::FILE, Problem::Inconsistent { earlier: size }));
            }
            if self.earlier.pop_if(|earlier| *earlier == (size, root)).is_none() {
                self.recorded = self.recorded.get(1..).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// The signed root decides. If the entries have it, they are as signed, and whatever differs from
    /// them was changed; if they do not, they were changed, where the lowest difference is.
    fn judge(self) -> Result<Walked, Failure> {
        let Checkpoint { size, root, .. } = *self.signed;
        let edge: Frontier = self.rest.iter().copied().collect();
        let entries_hold = fold(&[self.tree.peaks(), edge.peaks()].concat()) == root;
        let missing = || Failure::new("tile/entries/000", Problem::Missing);
        match (entries_hold, self.differs, self.stale) {
            (true, None, None) => {
                let (first, last) = self.times.ok_or_else(missing)?;
                Ok(Walked { charter: self.charter, first, last })
            }
            (true, Some((tile, slot)), _) => {
                Err(Failure::new(tile.to_string(), Problem::TileChanged { slot }))
            }
            (true, None, Some(stale)) => Err(Failure::new(stale, Problem::PartialChanged)),
            (false, Some((tile, slot)), _) => Err(below(tile, slot, size)),
            (false, None, _) => {
                let (from, to) = (self.minimum, size.saturating_sub(1));
                let rewritten = Problem::Rewritten { from, to, above: checkpoint::FILE.into() };
                Err(Failure::new(bundle_of(from, size), rewritten))
            }
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
