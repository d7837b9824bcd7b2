//! Inclusion and consistency proofs (RFC 6962, section 2.1), from the tiles of a log.
//!
//! Every hash that a proof needs is the root of a perfect subtree, or folds a few of them; a perfect subtree lies
//! in one tile. So a proof over ten million entries reads some six tiles, however large the log.

use std::collections::HashMap;
use verify::merkle::{Frontier, Hash, fold};
use verify::tiles::{Stack, TilePath};

/// Where the tiles come from: for each path the hashes in that tile, in order.
pub trait Tiles {
    /// Why a tile cannot be had.
    type Error;

    /// The hashes of a tile.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn tile(&mut self, path: TilePath) -> Result<Vec<Hash>, Self::Error>;
}

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoProof<E> {
    /// The tree is smaller than what was asked for.
    #[error("the log has {size} entries, so there is nothing to prove about {asked}")]
    Beyond {
        /// The tree's size.
        size: u64,
        /// The position, or the older size, that was asked for.
        asked: u64,
    },
    /// A tile holds fewer hashes than its path says.
    #[error("{0} does not hold as many hashes as its name says")]
    Short(TilePath),
    /// A tile cannot be read.
    #[error("a tile of the log cannot be read")]
    Tile(#[source] E),
}

/// The proof that the tree of `size` entries holds the entry at `index`: its hashes from the leaf up.
///
/// # Errors
/// [`NoProof`].
pub fn inclusion<T: Tiles>(tiles: &mut T, index: u64, size: u64) -> Result<Vec<Hash>, NoProof<T::Error>> {
    if index >= size {
        return Err(NoProof::Beyond { size, asked: index });
    }
    let mut reader = Reader { tiles, size, read: HashMap::new() };
    let (mut from, mut to, mut proof) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            proof.push(reader.root(middle, to)?);
            to = middle;
        } else {
            proof.push(reader.root(from, middle)?);
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` entries is a prefix of the tree of `size` entries.
///
/// # Errors
/// [`NoProof`].
pub fn consistency<T: Tiles>(tiles: &mut T, old: u64, size: u64) -> Result<Vec<Hash>, NoProof<T::Error>> {
    if old > size {
        return Err(NoProof::Beyond { size, asked: old });
    }
    let mut proof = Vec::new();
    if old == 0 || old == size {
        return Ok(proof);
    }
    let mut reader = Reader { tiles, size, read: HashMap::new() };
    // The subtree that the old tree's right edge lies in; `whole` while the old tree is all of its left side.
    let (mut from, mut to, mut whole) = (0, size, true);
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            proof.push(reader.root(middle, to)?);
            to = middle;
        } else {
            proof.push(reader.root(from, middle)?);
            from = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(reader.root(from, to)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The largest power of two under `count`, which is over 1: where RFC 6962 splits.
const fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

struct Reader<'t, T: Tiles> {
    tiles: &'t mut T,
    size: u64,
    read: HashMap<TilePath, Vec<Hash>>,
}

impl<T: Tiles> Reader<'_, T> {
    /// The root over the entries from `from` to before `to`: a range as the splits give it, which begins at a
    /// multiple of the power of two that it fits in.
    fn root(&mut self, from: u64, to: u64) -> Result<Hash, NoProof<T::Error>> {
        let (mut at, mut peaks) = (from, Vec::new());
        while at < to {
            let height = 63 - (to - at).leading_zeros();
            peaks.push(self.perfect(at, height)?);
            at += 1 << height;
        }
        Ok(fold(&peaks))
    }

    /// The root of the perfect subtree of `2^height` entries that begins at `from`.
    fn perfect(&mut self, from: u64, height: u32) -> Result<Hash, NoProof<T::Error>> {
        let (level, width) = (height / 8, 1usize << (height % 8));
        let first = from >> (8 * level);
        let stack = Stack::Level(u8::try_from(level).unwrap_or(u8::MAX));
        let beyond = NoProof::Beyond { size: self.size, asked: from };
        let path = TilePath::holding(stack, first, self.size).ok_or(beyond)?;
        if !self.read.contains_key(&path) {
            let hashes = self.tiles.tile(path).map_err(NoProof::Tile)?;
            self.read.insert(path, hashes);
        }
        let start = usize::try_from(first % 256).unwrap_or(usize::MAX);
        let hashes = self.read.get(&path).and_then(|hashes| hashes.get(start..)?.get(..width));
        let hashes = hashes.ok_or(NoProof::Short(path))?;
        Ok(hashes.iter().copied().collect::<Frontier>().root())
    }
}

#[cfg(test)]
mod tests {
    use super::{NoProof, Tiles, consistency, inclusion};
    use crate::Tree;
    use std::collections::HashMap;
    use std::convert::Infallible;
    use verify::merkle::{Frontier, Hash, consistent, included, leaf};
    use verify::tiles::{self, TilePath};

    #[derive(Default)]
    struct Files {
        tiles: HashMap<TilePath, Vec<u8>>,
        reads: usize,
    }

    impl Tiles for Files {
        type Error = Infallible;

        fn tile(&mut self, path: TilePath) -> Result<Vec<Hash>, Infallible> {
            self.reads += 1;
            Ok(self.tiles.get(&path).and_then(|bytes| tiles::hashes(bytes)).unwrap_or_default())
        }
    }

    fn entry(n: u64) -> [u8; 8] {
        n.to_be_bytes()
    }

    /// A log that was published at every one of these sizes, and the roots there.
    fn log(sizes: &[u64]) -> (Files, Vec<Hash>) {
        let (mut tree, mut files, mut frontier) = (Tree::new(), Files::default(), Frontier::new());
        let mut roots = Vec::new();
        for &size in sizes {
            let fresh: Vec<_> = (tree.size()..size).map(entry).collect();
            for entry in &fresh {
                frontier.push(leaf(entry));
            }
            let grown = tree.append(fresh.iter().map(<[u8; 8]>::as_slice)).expect("entries fit");
            files.tiles.extend(grown.into_iter().map(|tile| (tile.path, tile.bytes)));
            roots.push(frontier.root());
        }
        (files, roots)
    }

    #[test]
    fn every_proof_of_trees_around_the_edges_of_tiles_holds() {
        let sizes: Vec<u64> =
            [1, 2, 3, 7, 8, 9, 255, 256, 257, 300, 511, 512, 513, 769, 65_535, 65_536, 65_537, 66_000].into();
        let (mut files, roots) = log(&sizes);
        for (&size, root) in sizes.iter().zip(&roots) {
            let near = (0..size.min(600)).chain(size.saturating_sub(3)..size).chain([size / 2]);
            for index in near {
                let proof = inclusion(&mut files, index, size).expect("a proof");
                assert!(included(&leaf(&entry(index)), index, size, &proof, root), "{index} of {size}");
            }
            for (&old, old_root) in sizes.iter().zip(&roots).filter(|(old, _)| **old <= size) {
                let proof = consistency(&mut files, old, size).expect("a proof");
                assert!(consistent(old, old_root, size, root, &proof), "{old} in {size}");
            }
            assert_eq!(consistency(&mut files, 0, size), Ok(vec![]));
        }
    }

    #[test]
    fn nothing_is_proved_of_what_is_not_there() {
        let (mut files, _) = log(&[300]);
        assert_eq!(inclusion(&mut files, 300, 300), Err(NoProof::Beyond { size: 300, asked: 300 }));
        assert_eq!(consistency(&mut files, 301, 300), Err(NoProof::Beyond { size: 300, asked: 301 }));
        files.tiles.values_mut().for_each(|bytes| bytes.truncate(32));
        assert!(matches!(inclusion(&mut files, 100, 300), Err(NoProof::Short(_))));
    }

    #[test]
    fn a_proof_reads_few_tiles() {
        let (mut files, _) = log(&[66_000]);
        inclusion(&mut files, 40_000, 66_000).expect("a proof");
        assert!(files.reads <= 5, "{} tiles were read", files.reads);
    }
}
