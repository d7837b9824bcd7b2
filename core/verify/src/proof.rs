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
//! `extra` to the application; here it is the entry itself, so that the file needs nothing beside it. Where the
//! witnesses cosign the platform's log instead of the organization's, a newline follows, and a second such file: the
//! proof of the platform's entry that records the checkpoint of the first.

use crate::checkpoint::{self, Checkpoint, SignatureCheck, VerifiedCheckpoint};
use crate::failure::{Failure, Problem};
use crate::merkle::{Hash, included, leaf};
use crate::origin::Origin;
use crate::trust::{Pins, Vouched};
use crate::vkey::{SignatureType, VerifierKey};
use crate::{charter, entry, note};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::fmt;

/// The ending of a proof's file name.
pub const EXTENSION: &str = "tlog-proof";

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// No tree has more than 2^63 entries, so no proof more hashes.
const MAX_HASHES: usize = 63;

/// The largest entry that a log holds, in bytes.
const MAX_ENTRY: usize = 65_535;

/// The largest `extra`, in bytes: an entry, and the proof of an entry of the platform's log.
const MAX_EXTRA: usize = 2 * MAX_ENTRY + note::MAX_BYTES;

/// The largest proof file, in bytes.
pub const MAX_BYTES: usize = 2 * MAX_EXTRA + note::MAX_BYTES;

/// The proof of one entry, as read: nothing in it is believed before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// The proof of the entry of the platform's log that records this proof's checkpoint: for an organization whose own
    /// log is not witnessed. It has none itself.
    pub platform: Option<Box<Proof>>,
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
    /// Behind the entry stands something else than the platform's proof.
    #[error(
        "behind the proof's entry stands something else than the proof of an entry of the platform's log"
    )]
    Chain,
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
        Self::parse(file, true)
    }

    fn parse(file: &[u8], chained: bool) -> Result<Self, WrongProof> {
        let rest = file.strip_prefix(HEADER.as_bytes()).ok_or(WrongProof::Header)?;
        let blank = rest.windows(2).position(|two| two == b"\n\n").ok_or(WrongProof::Checkpoint)?;
        let (lines, checkpoint) = (&rest[..blank], &rest[blank + 2..]);
        if checkpoint.is_empty() || checkpoint.len() > note::MAX_BYTES {
            return Err(WrongProof::Checkpoint);
        }
        let mut lines = lines.split(|&byte| byte == b'\n');
        let line = |line: Option<&'_ [u8]>, name: &[u8]| line?.strip_prefix(name).map(<[u8]>::to_vec);
        let extra = line(lines.next(), b"extra ").ok_or(WrongProof::Extra)?;
        let extra = (extra.len() <= MAX_EXTRA.div_ceil(3) * 4).then(|| STANDARD.decode(extra));
        let extra = extra.and_then(Result::ok);
        let index = line(lines.next(), b"index ").and_then(|text| decimal(&text)).ok_or(WrongProof::Index)?;
        let mut hashes = Vec::new();
        for (at, line) in lines.enumerate() {
            let wrong = WrongProof::Hash(at + 4);
            // 32 bytes are 44 characters; what is longer need not be decoded to be wrong.
            let hash = (line.len() == 44 && at < MAX_HASHES).then(|| STANDARD.decode(line)).ok_or(wrong)?;
            hashes.push(hash.ok().and_then(|hash| hash.try_into().ok()).ok_or(wrong)?);
        }
        let mut entry = extra.ok_or(WrongProof::Extra)?;
        // An entry has no newline.
        let platform = match entry.iter().position(|&byte| byte == b'\n') {
            None => None,
            Some(_) if !chained => return Err(WrongProof::Chain),
            Some(end) => {
                let platform = Self::parse(&entry[end + 1..], false).map_err(|_| WrongProof::Chain)?;
                entry.truncate(end);
                Some(Box::new(platform))
            }
        };
        if entry.is_empty() || entry.len() > MAX_ENTRY {
            return Err(WrongProof::Extra);
        }
        Ok(Self { entry, platform, index, hashes, checkpoint: checkpoint.to_vec() })
    }

    /// The proof file.
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        let mut file = self.to_string().into_bytes();
        file.push(b'\n');
        file.extend_from_slice(&self.checkpoint);
        file
    }

    /// Checks everything: the checkpoint's signatures under the keys that the pins have for its log, that the entry
    /// follows the schema and stands where it says, that the checkpoint's tree holds it there, and the same of the
    /// platform's proof, which must record just this checkpoint. The policy's quorum, if there is one, is met by either
    /// checkpoint, by the platform's only if the policy [speaks of](crate::quorum::Policy::speaks_of) it. A pinned checkpoint of the same log and size has the same root.
    ///
    /// # Errors
    /// The first [`Failure`]; its file is the part of the proof that is wrong.
    pub fn verify(&self, pins: &Pins, check: &dyn SignatureCheck) -> Result<Proven, Failure> {
        let own = self.link(pins, check)?;
        let platform = match &self.platform {
            None => None,
            Some(platform) => {
                Some(platform.records(own.checkpoint.checkpoint(), pins, check).map_err(in_platform)?)
            }
        };
        let quorum = |checkpoint: &VerifiedCheckpoint| match &pins.policy {
            None => Ok(Vouched::default()),
            Some(policy) => Vouched::under(policy, checkpoint, true),
        };
        let above = |checkpoint: &VerifiedCheckpoint| match &pins.policy {
            None => Ok(Vouched::default()),
            Some(policy) => Vouched::above(policy, checkpoint),
        };
        let vouched = match (quorum(&own.checkpoint), &platform) {
            (Ok(vouched), None) => vouched,
            // Whichever of the two is witnessed better.
            (direct, Some(platform)) => match (direct, above(platform)) {
                (Ok(direct), Ok(above)) if above.cosigned() > direct.cosigned() => above,
                (Ok(direct), _) => direct,
                (Err(_), above) => {
                    above.map_err(|problem| in_platform(Failure::new(checkpoint::FILE, problem)))?
                }
            },
            (Err(problem), None) => return Err(Failure::new(checkpoint::FILE, problem)),
        };
        Ok(Proven { entry: own.entry, checkpoint: own.checkpoint, key: own.key, platform, vouched })
    }

    /// The proof by itself, without what stands above it.
    fn link(&self, pins: &Pins, check: &dyn SignatureCheck) -> Result<Link, Failure> {
        let unread = |problem: Problem| Failure::new(checkpoint::FILE, problem);
        let note = note::read(&self.checkpoint).map_err(|wrong| unread(wrong.into()))?;
        let tree = Checkpoint::read(note.text).ok_or_else(|| unread(Problem::Checkpoint))?;
        let keys: Vec<_> = signing_keys(&note, pins.keys_of(&tree.origin));
        let checkpoint =
            VerifiedCheckpoint::open_known(&self.checkpoint, &keys, &pins.known_witnesses(), check)?;
        let wrong = |problem: Problem| Failure::new("extra", problem).at(self.index);
        let seen = entry::read(&self.entry).map_err(|error| wrong(error.into()))?;
        if seen.position != self.index {
            return Err(wrong(Problem::Position { said: seen.position }));
        }
        // A log holds entries of its own organization alone.
        if tree.origin.parse::<Origin>().map(|origin| origin.organization) != Ok(seen.organization) {
            return Err(wrong(Problem::Organization { said: seen.organization.to_string() }));
        }
        if !included(&leaf(&self.entry), self.index, tree.size, &self.hashes, &tree.root) {
            return Err(Failure::new("index", Problem::NotIncluded { size: tree.size }).at(self.index));
        }
        let same = |earlier: &&Checkpoint| earlier.origin == tree.origin && earlier.size == tree.size;
        if pins.checkpoints().find(same).is_some_and(|earlier| earlier.root != tree.root) {
            return Err(unread(Problem::Inconsistent { earlier: tree.size }));
        }
        let key = keys.into_iter().next().ok_or_else(|| unread(Problem::NoKey { origin: tree.origin }))?;
        Ok(Link { entry: seen, checkpoint, key })
    }

    /// As the platform's proof: its checkpoint, if its entry records this one.
    fn records(
        &self,
        recorded: &Checkpoint,
        pins: &Pins,
        check: &dyn SignatureCheck,
    ) -> Result<VerifiedCheckpoint, Failure> {
        let link = self.link(pins, check)?;
        let names = link.entry.kind == charter::RECORDED
            && charter::recorded(&link.entry).is_some_and(|checkpoints| checkpoints.contains(recorded));
        let origin = || recorded.origin.clone();
        let wrong = || Failure::new("extra", Problem::NotRecorded { origin: origin() }).at(self.index);
        if names { Ok(link.checkpoint) } else { Err(wrong()) }
    }
}

/// A proof without what stands above it.
struct Link {
    entry: entry::Seen,
    checkpoint: VerifiedCheckpoint,
    key: VerifierKey,
}

/// The keys whose signatures a checkpoint needs: of those that are known, the ones that a line claims to be by, for a
/// log that rotated its keys has older ones as well; at least one of each type that is known, so that no line is
/// missed.
fn signing_keys<'k>(note: &note::Note<'_>, known: impl Iterator<Item = &'k VerifierKey>) -> Vec<VerifierKey> {
    let known: Vec<_> = known.collect();
    let mut keys: Vec<VerifierKey> = Vec::new();
    for kind in [SignatureType::Ed25519, SignatureType::MlDsa44] {
        let of_kind = || known.iter().filter(|key| key.kind() == kind);
        let claimed = of_kind().find(|key| note.signatures.iter().any(|line| line.is_by(key)));
        keys.extend(claimed.or_else(|| of_kind().next()).map(|key| (*key).clone()));
    }
    keys
}

fn in_platform(failure: Failure) -> Failure {
    Failure { file: format!("platform/{}", failure.file), ..failure }
}

/// All but the checkpoint, with the newline of the last line.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        match &self.platform {
            None => writeln!(f, "extra {}", STANDARD.encode(&self.entry))?,
            Some(platform) => {
                let extra = [&self.entry, &b"\n"[..], &platform.to_file()].concat();
                writeln!(f, "extra {}", STANDARD.encode(extra))?;
            }
        }
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
    /// The pinned key of the log that is trusted, the first of those that signed.
    pub key: VerifierKey,
    /// The platform's checkpoint under which that checkpoint is recorded, if the proof passes through it.
    pub platform: Option<VerifiedCheckpoint>,
    /// Who vouches for it besides: the witnesses of the pinned policy that cosigned one of the two checkpoints. Without
    /// a policy nobody: their keys are not in the proof.
    pub vouched: Vouched,
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
