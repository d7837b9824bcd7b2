//! The proof of one entry in one file: C2SP tlog-proof, version 1.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <the entry, base64>
//! index <its position>
//! <the hashes of its inclusion proof, base64, one a line>
//!
//! <the checkpoint, a signed note>
//! ```
//!
//! No key that it could be trusted by stands in it: who checks it brings the log's keys. The specification leaves
//! `extra` to the application; here it is the entry itself, so that the file needs nothing beside it.

use crate::checkpoint::{SignatureCheck, VerifiedCheckpoint};
use crate::entry;
use crate::failure::{Failure, Problem};
use crate::merkle::{Hash, included, leaf};
use crate::note;
use crate::vkey::VerifierKey;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::fmt;

/// The ending of a proof's file name.
pub const EXTENSION: &str = "tlog-proof";

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// No tree has more than 2^63 entries, so no proof more hashes.
const MAX_HASHES: usize = 63;

/// The largest entry that a log holds, in bytes.
const MAX_ENTRY: usize = 65_535;

/// The proof of one entry, as read: nothing in it is believed before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Its position in the log.
    pub index: u64,
    /// Its inclusion proof in the checkpoint's tree, from the leaf up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Vec<u8>,
}

/// A file that is no proof of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongProof {
    /// Another first line.
    #[error("not a proof: the first line is not `c2sp.org/tlog-proof@v1`")]
    Header,
    /// No entry in it.
    #[error("the proof has no line `extra` with the entry in base64")]
    Extra,
    /// No position in it.
    #[error("the proof has no line `index` with a position in decimal")]
    Index,
    /// A line that is no hash, or too many of them.
    #[error("line {0} of the proof is not a SHA-256 hash in base64, or one too many")]
    Hash(usize),
    /// No checkpoint after the blank line, or one that is too large.
    #[error("the proof has no checkpoint after a blank line")]
    Checkpoint,
}

impl Proof {
    /// Reads a proof file. Its one spelling reads, and no other.
    ///
    /// # Errors
    /// [`WrongProof`].
    pub fn read(file: &[u8]) -> Result<Self, WrongProof> {
        let rest = file.strip_prefix(HEADER.as_bytes()).ok_or(WrongProof::Header)?;
        let blank = rest.windows(2).position(|two| two == b"\n\n").ok_or(WrongProof::Checkpoint)?;
        let (lines, checkpoint) = (&rest[..blank], &rest[blank + 2..]);
        if checkpoint.is_empty() || checkpoint.len() > note::MAX_BYTES {
            return Err(WrongProof::Checkpoint);
        }
        let mut lines = lines.split(|&byte| byte == b'\n');
        let line = |line: Option<&'_ [u8]>, name: &[u8]| line?.strip_prefix(name).map(<[u8]>::to_vec);
        let extra = line(lines.next(), b"extra ").ok_or(WrongProof::Extra)?;
        let entry = (extra.len() <= MAX_ENTRY.div_ceil(3) * 4).then(|| STANDARD.decode(extra));
        let entry = entry.and_then(Result::ok).filter(|entry| !entry.is_empty() && entry.len() <= MAX_ENTRY);
        let index = line(lines.next(), b"index ").and_then(|text| decimal(&text)).ok_or(WrongProof::Index)?;
        let mut hashes = Vec::new();
        for (at, line) in lines.enumerate() {
            let wrong = WrongProof::Hash(at + 4);
            // 32 bytes are 44 characters; what is longer need not be decoded to be wrong.
            let hash = (line.len() == 44 && at < MAX_HASHES).then(|| STANDARD.decode(line)).ok_or(wrong)?;
            hashes.push(hash.ok().and_then(|hash| hash.try_into().ok()).ok_or(wrong)?);
        }
        let entry = entry.ok_or(WrongProof::Extra)?;
        Ok(Self { entry, index, hashes, checkpoint: checkpoint.to_vec() })
    }

    /// The proof file.
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        let mut file = self.to_string().into_bytes();
        file.push(b'\n');
        file.extend_from_slice(&self.checkpoint);
        file
    }

    /// Checks everything: the checkpoint's signatures under these keys, that the entry follows the schema and stands
    /// where it says, and that the checkpoint's tree holds it there.
    ///
    /// # Errors
    /// The first [`Failure`]; its file is the part of the proof that is wrong.
    pub fn verify(&self, keys: &[VerifierKey], check: &dyn SignatureCheck) -> Result<Proven, Failure> {
        let checkpoint = VerifiedCheckpoint::open(&self.checkpoint, keys, check)?;
        let wrong = |problem: Problem| Failure::new("extra", problem).at(self.index);
        let seen = entry::read(&self.entry).map_err(|error| wrong(error.into()))?;
        if seen.position != self.index {
            return Err(wrong(Problem::Position { said: seen.position }));
        }
        let tree = checkpoint.checkpoint();
        // An origin is `nexora.internal/<organization>/<generation>`: a log holds entries of its own alone.
        let organization = seen.organization.to_string();
        if tree.origin.split('/').nth(1) != Some(organization.as_str()) {
            return Err(wrong(Problem::Organization { said: organization }));
        }
        if !included(&leaf(&self.entry), self.index, tree.size, &self.hashes, &tree.root) {
            return Err(Failure::new("index", Problem::NotIncluded { size: tree.size }).at(self.index));
        }
        Ok(Proven { entry: seen, checkpoint })
    }
}

/// All but the checkpoint, with the newline of the last line.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        writeln!(f, "extra {}", STANDARD.encode(&self.entry))?;
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash)))
    }
}

/// What a proof proves.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The entry.
    pub entry: entry::Seen,
    /// The checkpoint whose tree holds it.
    pub checkpoint: VerifiedCheckpoint,
}

/// Decimal without leading zeroes or a sign.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text.first() != Some(&b'0'));
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Proof, WrongProof};

    /// The example of the specification, its checkpoint shortened there.
    const EXAMPLE: &str = "c2sp.org/tlog-proof@v1\nextra YWdl\nindex 73894\n\
        gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\n\
        example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n\
        \u{2014} example.com/fancylog hI2DJwAA\n";

    #[test]
    fn one_spelling_reads_and_is_written_again() {
        let proof = Proof::read(EXAMPLE.as_bytes()).expect("a proof");
        assert_eq!((proof.index, proof.entry.as_slice(), proof.hashes.len()), (73_894, &b"age"[..], 2));
        assert_eq!(proof.to_file(), EXAMPLE.as_bytes());
    }

    #[test]
    fn any_other_is_refused() {
        for (from, to, wrong) in [
            ("@v1", "@v2", WrongProof::Header),
            ("extra YWdl\n", "", WrongProof::Extra),
            ("YWdl", "YWdl=", WrongProof::Extra),
            ("YWdl", "", WrongProof::Extra),
            ("73894", "073894", WrongProof::Index),
            ("73894", "+73894", WrongProof::Index),
            ("73894", "99999999999999999999", WrongProof::Index),
            ("73894", "", WrongProof::Index),
            ("B95l", "B95", WrongProof::Hash(5)),
            ("c2sp", "C2SP", WrongProof::Header),
        ] {
            let changed = EXAMPLE.replacen(from, to, 1);
            assert_eq!(Proof::read(changed.as_bytes()), Err(wrong), "{from} as {to}");
        }
        let cut = EXAMPLE.split("\n\n").next().expect("its lines");
        assert_eq!(Proof::read(cut.as_bytes()), Err(WrongProof::Checkpoint));
        let line = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n";
        let long = EXAMPLE.replacen(line, &line.repeat(63), 1);
        assert_eq!(Proof::read(long.as_bytes()), Err(WrongProof::Hash(67)));
    }
}
