//! Whether what was erased is really gone: a database overwrites what it deletes where that stands, and may have left
//! an older copy in an unused corner of a page, from a time when it moved rows about.
//!
//! The salt in front of details is 32 random bytes, so it is found if it is there, and nothing else is found for it.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

const SALT: usize = 32;
/// As much of a salt as is looked for. Each part of it, for a corner may be overwritten in part.
const PART: usize = 8;
const PIECE: usize = 1 << 20;

/// What was erased in one transaction.
#[derive(Debug, Clone, Default)]
pub struct Erased {
    positions: Vec<u64>,
    salts: HashSet<[u8; PART]>,
    unknown: bool,
}

impl Erased {
    /// Something that was erased by a process that is no more.
    #[must_use]
    pub fn unknown() -> Self {
        Self { unknown: true, ..Self::default() }
    }

    /// Whose details, by position in the outbox, ascending within each range that was asked for.
    #[must_use]
    pub fn positions(&self) -> &[u64] {
        &self.positions
    }

    /// What was erased in another transaction too.
    pub fn add(&mut self, other: Self) {
        self.positions.extend(other.positions);
        self.salts.extend(other.salts);
        self.unknown |= other.unknown;
    }

    pub(crate) const fn is_unknown(&self) -> bool {
        self.unknown
    }

    pub(crate) fn note(&mut self, position: u64, salted: &[u8]) {
        self.positions.push(position);
        let salt = salted.get(..SALT).unwrap_or(salted);
        self.salts.extend(salt.as_chunks::<PART>().0);
    }
}

/// A database as bytes.
pub(crate) struct Raw(File);

impl Raw {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(File::open(path)?))
    }

    /// Whether any part of what was erased stands in the file. Reads all of it.
    pub(crate) fn holds(&mut self, erased: &Erased) -> io::Result<bool> {
        if erased.salts.is_empty() {
            return Ok(false);
        }
        self.0.seek(SeekFrom::Start(0))?;
        let mut piece = vec![0; PART + PIECE];
        let mut kept = 0;
        loop {
            let read = self.0.read(&mut piece[kept..])?;
            if read == 0 {
                return Ok(false);
            }
            let filled = &piece[..kept + read];
            if filled.array_windows::<PART>().any(|window| erased.salts.contains(window)) {
                return Ok(true);
            }
            // What a piece ends with may begin a part.
            let rest = filled.len().saturating_sub(PART - 1);
            kept = filled.len() - rest;
            piece.copy_within(rest..rest + kept, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Erased, PIECE, Raw};

    #[test]
    fn a_part_of_a_salt_is_found_wherever_it_stands() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let salt: Vec<u8> = (1..=32).collect();
        let mut erased = Erased::default();
        erased.note(7, &[salt.as_slice(), b"details"].concat());
        for at in [0, 1, 4_095, PIECE - 4, PIECE, PIECE + 5, 2 * PIECE + 3] {
            for part in [&salt[..8], &salt[8..16], &salt[24..]] {
                let mut bytes = vec![0; at];
                bytes.extend_from_slice(part);
                std::fs::write(&path, &bytes).expect("it writes");
                assert!(Raw::open(&path).expect("it opens").holds(&erased).expect("it reads"), "{at}");
                bytes[at + 3] ^= 1;
                std::fs::write(&path, &bytes).expect("it writes");
                assert!(!Raw::open(&path).expect("it opens").holds(&erased).expect("it reads"), "{at}");
            }
        }
    }
}
