//! Tiles and entry bundles of C2SP tlog-tiles: their paths, their widths and what is in them.

use crate::merkle::Hash;
use std::{fmt, str::FromStr};

/// How many hashes, or entries, a full tile has.
pub const WIDTH: u16 = 256;

/// The largest tile of hashes, in bytes.
pub const MAX_TILE_BYTES: usize = 32 * WIDTH as usize;

/// The largest entry bundle, in bytes: 256 entries of 65,535 bytes behind two bytes of length each.
pub const MAX_BUNDLE_BYTES: usize = (2 + 65_535) * WIDTH as usize;

/// Which stack of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stack {
    /// The entries themselves, in bundles.
    Entries,
    /// Hashes: level 0 holds leaf hashes, level *n* the roots of full tiles of level *n* - 1.
    Level(u8),
}

impl Stack {
    /// How many things a tree of `size` entries has in this stack over all its tiles.
    #[must_use]
    pub const fn items(self, size: u64) -> u64 {
        match self {
            Self::Entries | Self::Level(0) => size,
            Self::Level(level) if level < 8 => size >> (8 * level as u32),
            Self::Level(_) => 0,
        }
    }
}

/// The path of one tile or bundle below the log's prefix, such as `tile/0/x001/234` or
/// `tile/entries/000.p/17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    stack: Stack,
    index: u64,
    width: u16,
}

impl TilePath {
    /// The tile of `index` in a stack, `width` (1 to 256) wide. `None` for any other width, or for a
    /// level over 63.
    #[must_use]
    pub const fn new(stack: Stack, index: u64, width: u16) -> Option<Self> {
        let level_fits = !matches!(stack, Stack::Level(64..));
        if width >= 1 && width <= WIDTH && level_fits { Some(Self { stack, index, width }) } else { None }
    }

    /// The tile that holds item `item` of the stack in a tree of `size` entries, as wide as that tree
    /// makes it. `None` where the tree does not reach.
    #[must_use]
    pub fn holding(stack: Stack, item: u64, size: u64) -> Option<Self> {
        Self::at(stack, item >> 8, size)
    }

    /// The tile of `index` as wide as a tree of `size` entries makes it; `None` where it is empty.
    #[must_use]
    pub fn at(stack: Stack, index: u64, size: u64) -> Option<Self> {
        let width = stack.items(size).checked_sub(index.checked_mul(256)?)?.min(u64::from(WIDTH));
        Self::new(stack, index, u16::try_from(width).ok()?)
    }

    /// Which stack.
    #[must_use]
    pub const fn stack(self) -> Stack {
        self.stack
    }

    /// Which tile of it, from 0.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds: 1 to 256.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// The index after the last entry that the full tile spans: what tlog-tiles calls its end index.
    #[must_use]
    pub fn end(self) -> u64 {
        let height = match self.stack {
            Stack::Entries => 8,
            Stack::Level(level) => 8 * (u32::from(level) + 1),
        };
        // What does not fit is beyond every log.
        let next = self.index.saturating_add(1);
        next.saturating_mul(1u64.checked_shl(height).unwrap_or(u64::MAX))
    }

    /// Whether a log with this minimum index may go without the tile: everything that it spans lies below.
    #[must_use]
    pub fn is_prunable(self, minimum: u64) -> bool {
        self.end() <= minimum
    }

    /// Whether it is full and so never superseded.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// The same tile with another width.
    #[must_use]
    pub const fn with_width(self, width: u16) -> Option<Self> {
        Self::new(self.stack, self.index, width)
    }

    /// The most bytes that a file of this kind can have.
    #[must_use]
    pub const fn max_bytes(self) -> usize {
        match self.stack {
            Stack::Entries => MAX_BUNDLE_BYTES,
            Stack::Level(_) => MAX_TILE_BYTES,
        }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stack {
            Stack::Entries => f.write_str("tile/entries/")?,
            Stack::Level(level) => write!(f, "tile/{level}/")?,
        }
        let mut divisor = 1u64;
        while self.index / divisor >= 1_000 {
            divisor *= 1_000;
        }
        while divisor > 1 {
            write!(f, "x{:03}/", self.index / divisor % 1_000)?;
            divisor /= 1_000;
        }
        write!(f, "{:03}", self.index % 1_000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// A path that names no tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile or of an entry bundle")]
pub struct WrongPath;

impl FromStr for TilePath {
    type Err = WrongPath;

    fn from_str(path: &str) -> Result<Self, WrongPath> {
        let rest = path.strip_prefix("tile/").ok_or(WrongPath)?;
        let (stack, rest) = rest.split_once('/').ok_or(WrongPath)?;
        let stack = match stack {
            "entries" => Stack::Entries,
            level => Stack::Level(level.parse().map_err(|_| WrongPath)?),
        };
        let (rest, width) = match rest.split_once(".p/") {
            Some((rest, width)) => (rest, width.parse().map_err(|_| WrongPath)?),
            None => (rest, WIDTH),
        };
        let mut index = 0u64;
        for element in rest.split('/') {
            let digits = element.strip_prefix('x').unwrap_or(element);
            let value: u64 = digits.parse().map_err(|_| WrongPath)?;
            if digits.len() != 3 || value > 999 {
                return Err(WrongPath);
            }
            index = index.checked_mul(1_000).and_then(|index| index.checked_add(value)).ok_or(WrongPath)?;
        }
        // One path, one spelling: whatever is not written back alike was not a path of ours.
        Self::new(stack, index, width).filter(|tile| tile.to_string() == path).ok_or(WrongPath)
    }
}

/// Every tile and bundle that a log of `size` entries with this minimum index serves, each as wide as that size makes
/// it: what there is to read where nothing can be listed.
pub fn needed(size: u64, minimum: u64) -> impl Iterator<Item = TilePath> {
    [Stack::Entries].into_iter().chain((0..8).map(Stack::Level)).flat_map(move |stack| {
        let height = match stack {
            Stack::Entries => 8,
            Stack::Level(level) => 8 * (u32::from(level) + 1),
        };
        let first = minimum.checked_shr(height).unwrap_or(0);
        (first..).map_while(move |index| TilePath::at(stack, index, size))
    })
}

/// The hashes of a tile; `None` unless it has 1 to 256 whole ones.
#[must_use]
pub fn hashes(tile: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = tile.as_chunks::<32>();
    (rest.is_empty() && !hashes.is_empty() && tile.len() <= MAX_TILE_BYTES).then(|| hashes.to_vec())
}

/// A bundle that does not hold whole entries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bundle is cut within its entry {entry}")]
pub struct Cut {
    /// Which entry of the bundle, from 0.
    pub entry: u64,
}

/// The entries of a bundle: each behind its length in two bytes, big-endian.
///
/// # Errors
/// [`Cut`] where the bytes end within an entry.
pub fn entries(bundle: &[u8]) -> Result<Vec<&[u8]>, Cut> {
    let (mut found, mut rest) = (Vec::new(), bundle);
    while !rest.is_empty() {
        let cut = Cut { entry: found.len() as u64 };
        let (length, after) = rest.split_first_chunk::<2>().ok_or_else(|| cut.clone())?;
        let (entry, after) = after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(cut)?;
        found.push(entry);
        rest = after;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Cut, Stack, TilePath, entries};

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |stack, index, width| TilePath::new(stack, index, width).expect("it exists").to_string();
        assert_eq!(path(Stack::Level(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(Stack::Entries, 0, 17), "tile/entries/000.p/17");
        assert_eq!(path(Stack::Level(63), 1_000, 1), "tile/63/x001/000.p/1");
        for text in ["tile/0/x001/x234/067", "tile/entries/000.p/17", "tile/5/999.p/255"] {
            assert_eq!(text.parse::<TilePath>().map(|tile| tile.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn no_other_spelling_is_a_path() {
        for text in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/00/000",
            "tile/64/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000/",
            "tile/0/+00",
            "tile/-1/000",
            "tile/+1/000",
            "tile/entries/000.p/1/2",
            "tile/Entries/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(text.parse::<TilePath>().is_err(), "{text}");
        }
    }

    /// The two examples of tlog-tiles, "Partial Tiles".
    #[test]
    fn widths_are_those_of_the_specification() {
        let width = |level, index, size| TilePath::at(Stack::Level(level), index, size).map(TilePath::width);
        assert_eq!(width(0, 272, 70_000), Some(256));
        assert_eq!(width(0, 273, 70_000), Some(112));
        assert_eq!(width(0, 274, 70_000), None);
        assert_eq!(width(1, 0, 70_000), Some(256));
        assert_eq!(width(1, 1, 70_000), Some(17));
        assert_eq!(width(2, 0, 70_000), Some(1));
        assert_eq!(width(3, 0, 70_000), None);
        assert_eq!((width(0, 0, 256), width(1, 0, 256)), (Some(256), Some(1)));
        assert_eq!(width(0, 1, 256), None);
    }

    #[test]
    fn bundles_hold_whole_entries_only() {
        assert_eq!(entries(&[0, 1, 7, 0, 0, 0, 2, 8, 9]), Ok(vec![&[7u8][..], &[], &[8, 9]]));
        assert_eq!(entries(&[0, 1, 7, 0]), Err(Cut { entry: 1 }));
        assert_eq!(entries(&[0, 3, 7, 0]), Err(Cut { entry: 0 }));
    }
}
