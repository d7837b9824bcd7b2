//! Seeds, and mutants of them: the same ones in every run.

use std::{fs, io};

/// A file's name and its bytes.
pub type Seed = (String, Vec<u8>);

/// The seeds of a target, by name.
///
/// # Errors
/// Where the target has no folder, or it cannot be read.
pub fn seeds(target: &str) -> io::Result<Vec<Seed>> {
    let folder = crate::repository().join("tests/fuzz-corpus").join(target);
    let mut seeds = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        seeds.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
    }
    seeds.sort();
    Ok(seeds)
}

/// Words that parsers have views about.
const WORDS: [&[u8]; 16] = [
    b"\"",
    b"\\",
    b"\n",
    b"\r\n",
    b",",
    b"{",
    b"[[[[",
    b"null",
    b"-1",
    b"1e999",
    b"\xff\xfe",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"\0",
    b"\xff\xff\xff\xff",
    b"4294967296",
];

/// Endless mutants of some seeds.
#[derive(Debug)]
pub struct Mutants<'a> {
    seeds: &'a [Seed],
    state: u64,
}

impl<'a> Mutants<'a> {
    /// Mutants of these seeds; the same for the same number.
    #[must_use]
    pub const fn new(seeds: &'a [Seed], number: u64) -> Self {
        Self { seeds, state: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// xorshift64*.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let drawn = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap_or(0) % end.max(1)
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        match self.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = u8::try_from(self.below(256)).unwrap_or(0),
            2 => bytes.truncate(at),
            3 => drop(bytes.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
            4 => {
                let end = (at + self.below(16)).min(bytes.len());
                drop(bytes.drain(at..end));
            }
            5 => {
                // A piece of its own, once more.
                let from = self.below(bytes.len() + 1);
                let to = (from + self.below(32)).min(bytes.len());
                let piece = bytes[from..to].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => {
                // The rest from another seed.
                let other = &self.seeds[self.below(self.seeds.len())].1;
                bytes.truncate(at);
                bytes.extend_from_slice(&other[self.below(other.len() + 1)..]);
            }
        }
    }
}

impl Iterator for Mutants<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let seeds = self.seeds;
        let mut bytes = seeds.get(self.below(seeds.len()))?.1.clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes);
        }
        Some(bytes)
    }
}
