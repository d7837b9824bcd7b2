//! Merkle hashing and proofs of RFC 6962, with the proof checks of RFC 9162, section 2.1.
//!
//! Our own arithmetic, because it is short, and because no input from outside may reach code that can
//! panic.

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash of the tree.
pub type Hash = [u8; 32];

/// The hash of an entry as a leaf: SHA-256 of `0x00` and the entry.
#[must_use]
pub fn leaf(entry: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(entry);
    hash.finalize().into()
}

/// The hash of two subtrees: SHA-256 of `0x01`, left and right.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// The right edge of a growing tree: the roots of its perfect subtrees, largest first. What it takes to
/// append a leaf and to know the root, in space logarithmic in the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// The tree of this size with these peaks; `None` where the size has another number of them.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (u64::from(size.count_ones()) == peaks.len() as u64).then_some(Self { size, peaks })
    }

    /// How many leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf (or, in a tree over tile roots, the root of a full subtree).
    pub fn push(&mut self, hash: Hash) {
        let mut carried = hash;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                carried = node(&left, &carried);
            }
        }
        self.peaks.push(carried);
        self.size += 1;
    }

    /// The peaks, largest subtree first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }
}

impl FromIterator<Hash> for Frontier {
    fn from_iter<I: IntoIterator<Item = Hash>>(hashes: I) -> Self {
        let mut frontier = Self::new();
        for hash in hashes {
            frontier.push(hash);
        }
        frontier
    }
}

/// The root over perfect subtrees, largest first: smallest pair first, as RFC 6962 splits. The root of
/// nothing is SHA-256 of nothing.
#[must_use]
pub fn fold(peaks: &[Hash]) -> Hash {
    match peaks.split_last() {
        None => Sha256::digest([]).into(),
        Some((last, rest)) => rest.iter().rev().fold(*last, |right, left| node(left, &right)),
    }
}

/// Whether `proof` shows that the leaf hash stands at `index` of the tree of `size` leaves and this root
/// (RFC 9162, 2.1.3.2).
#[must_use]
pub fn included(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(step, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `old_size` leaves is a prefix of the tree of `new_size`
/// (RFC 9162, 2.1.4.2). The empty tree is a prefix of every tree, and needs an empty proof.
#[must_use]
pub fn consistent(old_size: u64, old_root: &Hash, new_size: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == fold(&[]);
    }
    let (seed, rest) = if old_size.is_power_of_two() {
        (*old_root, proof)
    } else {
        match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return false,
        }
    };
    let shift = (old_size - 1).trailing_ones();
    let (mut at, mut last) = ((old_size - 1) >> shift, (new_size - 1) >> shift);
    let (mut old, mut new) = (seed, seed);
    for step in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old = node(step, &old);
            new = node(step, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node(&new, step);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old == *old_root && new == *new_root
}

#[cfg(test)]
mod tests {
    use super::{Frontier, Hash, consistent, fold, included, leaf, node};
    use base::digest::hex;

    /// The test inputs and roots of certificate-transparency's reference implementation
    /// (`merkletree/merkle_tree_test.go` of `google/certificate-transparency-go`).
    const INPUTS: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// MTH and the proofs, straight from the recursive definitions of RFC 6962, 2.1.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => fold(&[]),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(&mth(left), &mth(right))
            }
        }
    }
    fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return vec![];
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut proof, other) = if index < left.len() {
            (path(index, left), mth(right))
        } else {
            (path(index - left.len(), right), mth(left))
        };
        proof.push(other);
        proof
    }
    fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if old == leaves.len() {
            return if whole { vec![] } else { vec![mth(leaves)] };
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut proof, other) = if old <= left.len() {
            (subproof(old, left, whole), mth(right))
        } else {
            (subproof(old - left.len(), right, false), mth(left))
        };
        proof.push(other);
        proof
    }

    #[test]
    fn roots_are_those_of_the_reference() {
        let mut frontier = Frontier::new();
        for (size, root) in ROOTS.iter().enumerate() {
            assert_eq!(&hex(&frontier.root()), root, "size {size}");
            if let Some(input) = INPUTS.get(size) {
                frontier.push(leaf(input));
            }
        }
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_changed_one_does() {
        let leaves: Vec<Hash> = (0..33u8).map(|n| leaf(&[n])).collect();
        for size in 1..=leaves.len() {
            let tree = &leaves[..size];
            let (root, wide) = (mth(tree), size as u64);
            assert_eq!(tree.iter().copied().collect::<Frontier>().root(), root);
            for index in 0..size {
                let proof = path(index, tree);
                assert!(included(&tree[index], index as u64, wide, &proof, &root));
                assert!(!included(&tree[index], index as u64 + 1, wide, &proof, &root));
                assert!(!included(&tree[index], index as u64, wide, &proof, &leaf(b"x")));
                for at in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[at][31] ^= 1;
                    assert!(!included(&tree[index], index as u64, wide, &wrong, &root));
                    wrong.remove(at);
                    assert!(!included(&tree[index], index as u64, wide, &wrong, &root));
                }
                let longer = [proof, vec![root]].concat();
                assert!(!included(&tree[index], index as u64, wide, &longer, &root));
            }
            for old in 1..=size {
                let (old_root, proof) = (mth(&tree[..old]), subproof(old, tree, true));
                assert!(consistent(old as u64, &old_root, wide, &root, &proof), "{old} in {size}");
                assert!(!consistent(old as u64, &leaf(b"x"), wide, &root, &proof));
                assert!(!consistent(old as u64, &old_root, wide, &leaf(b"x"), &proof));
                for at in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[at][0] ^= 1;
                    assert!(!consistent(old as u64, &old_root, wide, &root, &wrong));
                }
                let longer = [proof, vec![root]].concat();
                assert!(!consistent(old as u64, &old_root, wide, &root, &longer));
            }
            assert!(consistent(0, &fold(&[]), wide, &root, &[]));
            assert!(!consistent(wide + 1, &root, wide, &root, &[]));
        }
    }
}
