//! Checkpoints of C2SP tlog-checkpoint, and the signatures that make one believable.
//!
//! A log of ours signs each checkpoint twice, both times under its origin as the name: with Ed25519
//! (type `0x01`, over the note's text), which every tool knows, and with ML-DSA-44 (type `0x06` of
//! tlog-cosignature), which holds against quantum computers.

use crate::failure::{Failure, Problem};
use crate::merkle::Hash;
use crate::note;
use crate::quorum::{Policy, Witness};
use crate::vkey::{SignatureType, VerifierKey};
use base::Timestamp;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::fmt;

/// The checkpoint's name in the log's directory.
pub const FILE: &str = "checkpoint";

/// Checks one raw signature. Handed in, so that this crate needs no cryptography beyond hashing.
pub trait SignatureCheck {
    /// Whether `signature` is by the key over the message: RFC 8032 for Ed25519, FIPS 204 with an empty
    /// context for ML-DSA-44. The lengths of key and signature have been checked.
    fn check(&self, kind: SignatureType, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool;
}

/// The head of a log: which log, how many entries, and the root over them. Its `Display` is the text
/// that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The Merkle root over them.
    pub root: Hash,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }
}

impl Checkpoint {
    /// Reads the text of a note as a checkpoint without extension lines. Nothing is verified.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let root: Hash = STANDARD.decode(root).ok()?.try_into().ok()?;
        let checkpoint = Self { origin: origin.to_owned(), size: size.parse().ok()?, root };
        // Written back alike: no leading zero, plus sign or extension line.
        (!origin.is_empty() && checkpoint.to_string() == text).then_some(checkpoint)
    }

    /// The bytes that a key of this kind and name signs. `time` (seconds since 1970) is part of the
    /// message of timestamped kinds only.
    #[must_use]
    pub fn message(&self, kind: SignatureType, name: &str, time: u64) -> Vec<u8> {
        match kind {
            SignatureType::Ed25519 => self.to_string().into_bytes(),
            SignatureType::Ed25519Cosignature => format!("cosignature/v1\ntime {time}\n{self}").into_bytes(),
            SignatureType::MlDsa44 => {
                let mut message = b"subtree/v1\n\0".to_vec();
                short(&mut message, name);
                message.extend(time.to_be_bytes());
                short(&mut message, &self.origin);
                message.extend(0u64.to_be_bytes());
                message.extend(self.size.to_be_bytes());
                message.extend(self.root);
                message
            }
        }
    }
}

impl Checkpoint {
    /// When this line says that it was made, if its type says so; the line is by this key.
    fn signed_at(
        &self,
        line: &note::Signature<'_>,
        key: &VerifierKey,
        check: &dyn SignatureCheck,
    ) -> Result<Option<Timestamp>, Problem> {
        let wrong = || Problem::Signature { algorithm: key.kind().as_str() };
        let (seconds, raw) = if key.kind().is_timestamped() {
            let (stamp, raw) = line.bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
            (u64::from_be_bytes(*stamp), raw)
        } else {
            (0, line.bytes.as_slice())
        };
        let time = i64::try_from(seconds).map_err(|_| wrong())?;
        let message = self.message(key.kind(), key.name(), seconds);
        let holds = raw.len() == key.kind().signature_bytes()
            && check.check(key.kind(), key.public_key(), &message, raw);
        if !holds {
            return Err(wrong());
        }
        Ok((time > 0).then(|| Timestamp::from_millis(time.saturating_mul(1_000))))
    }

    /// When this witness cosigned the checkpoint, if one of the lines is its cosignature: the time it states, which
    /// is never zero. Lines of others, and lines that do not hold, are passed over, as signed-note asks.
    #[must_use]
    pub fn cosigned(
        &self,
        lines: &[note::Signature<'_>],
        witness: &VerifierKey,
        check: &dyn SignatureCheck,
    ) -> Option<Timestamp> {
        let kind = witness.kind();
        let ours = lines.iter().filter(|line| line.name == witness.name() && line.key_id == witness.key_id());
        ours.filter(|_| kind.is_timestamped()).find_map(|line| {
            let (stamp, raw) = line.bytes.split_first_chunk::<8>()?;
            let seconds = u64::from_be_bytes(*stamp);
            let time = i64::try_from(seconds).ok().filter(|time| *time > 0)?;
            let message = self.message(kind, witness.name(), seconds);
            let holds =
                raw.len() == kind.signature_bytes() && check.check(kind, witness.public_key(), &message, raw);
            holds.then(|| Timestamp::from_millis(time.saturating_mul(1_000)))
        })
    }
}

/// The one line by this key, and how many there are.
fn line_by<'l, 'n>(note: &'l note::Note<'n>, key: &VerifierKey) -> (Option<&'l note::Signature<'n>>, usize) {
    let lines: Vec<_> = note.signatures.iter().filter(|line| line.is_by(key)).collect();
    match lines.as_slice() {
        [line] => (Some(line), 1),
        lines => (None, lines.len()),
    }
}

/// A text behind its length in one byte. No name is longer: [`VerifierKey::new`] sees to it, and an
/// origin is compared with one.
fn short(message: &mut Vec<u8>, text: &str) {
    message.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    message.extend_from_slice(text.as_bytes());
}

/// A witness's cosignature that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// What the policy calls the witness.
    pub witness: String,
    /// Its key.
    pub key: VerifierKey,
    /// When it says that it cosigned.
    pub time: Timestamp,
}

/// A checkpoint that every key of its log has signed. It is made here and nowhere else, so whoever
/// holds one has checked it:
///
/// ```compile_fail
/// let forged = verify::VerifiedCheckpoint { checkpoint: todo!(), note: vec![], time: None, cosigned: vec![] };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    note: Vec<u8>,
    time: Option<Timestamp>,
    cosigned: Vec<Cosigned>,
}

/// What becomes of signature lines by keys that nobody here knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strangers {
    Refused,
    PassedOver,
}

impl VerifiedCheckpoint {
    /// Reads and checks a signed checkpoint: each of the log's keys has signed it exactly once, and there
    /// is no signature by anyone else. Strict on purpose: a line that is not checked is a line that can
    /// be changed unseen.
    ///
    /// # Errors
    /// A [`Failure`] that names the checkpoint's file and what is wrong.
    pub fn open(bytes: &[u8], keys: &[VerifierKey], check: &dyn SignatureCheck) -> Result<Self, Failure> {
        Self::open_cosigned(bytes, keys, &[], check)
    }

    /// As [`open`](Self::open), and each of these witnesses may have cosigned it, once with each key. Their lines are
    /// checked as the log's are; whether they make a quorum is for [`meets`](Self::meets).
    ///
    /// # Errors
    /// A [`Failure`] that names the checkpoint's file and what is wrong.
    pub fn open_cosigned(
        bytes: &[u8],
        keys: &[VerifierKey],
        witnesses: &[Witness],
        check: &dyn SignatureCheck,
    ) -> Result<Self, Failure> {
        Self::verify(bytes, keys, witnesses, Strangers::Refused, check)
            .map_err(|problem| Failure::new(FILE, problem))
    }

    /// As [`open_cosigned`](Self::open_cosigned), for a checkpoint outside of its log: lines by keys that are not known
    /// here are passed over, as signed-note asks. They change nothing of what is believed.
    ///
    /// # Errors
    /// A [`Failure`] that names the checkpoint's file and what is wrong.
    pub fn open_known(
        bytes: &[u8],
        keys: &[VerifierKey],
        witnesses: &[Witness],
        check: &dyn SignatureCheck,
    ) -> Result<Self, Failure> {
        Self::verify(bytes, keys, witnesses, Strangers::PassedOver, check)
            .map_err(|problem| Failure::new(FILE, problem))
    }

    fn verify(
        bytes: &[u8],
        keys: &[VerifierKey],
        witnesses: &[Witness],
        strangers: Strangers,
        check: &dyn SignatureCheck,
    ) -> Result<Self, Problem> {
        let note = note::read(bytes)?;
        let checkpoint = Checkpoint::read(note.text).ok_or(Problem::Checkpoint)?;
        if keys.is_empty() {
            return Err(Problem::NoKey { origin: checkpoint.origin });
        }
        let known = |line: &note::Signature<'_>| {
            keys.iter().chain(witnesses.iter().map(|witness| &witness.key)).any(|key| line.is_by(key))
        };
        let foreign = note.signatures.iter().find(|line| !known(line));
        if let (Some(foreign), Strangers::Refused) = (foreign, strangers) {
            return Err(Problem::UnknownSigner { name: foreign.name.to_owned() });
        }
        let mut time = None;
        for key in keys {
            if key.name() != checkpoint.origin {
                return Err(Problem::Origin { found: checkpoint.origin, started: key.name().to_owned() });
            }
            let (line, count) = line_by(&note, key);
            let line = line.ok_or(Problem::SignatureCount { algorithm: key.kind().as_str(), count })?;
            time = checkpoint.signed_at(line, key, check)?.or(time);
        }
        let mut cosigned = Vec::new();
        for witness in witnesses {
            let algorithm = witness.key.kind().as_str();
            match line_by(&note, &witness.key) {
                (None, 0) => {}
                (None, count) => return Err(Problem::SignatureCount { algorithm, count }),
                (Some(line), _) => {
                    let time = checkpoint.signed_at(line, &witness.key, check)?;
                    cosigned.push(Cosigned {
                        witness: witness.name.clone(),
                        key: witness.key.clone(),
                        time: time.ok_or(Problem::Signature { algorithm })?,
                    });
                }
            }
        }
        Ok(Self { note: bytes.to_vec(), checkpoint, time, cosigned })
    }

    /// The witnesses whose cosignatures hold, in the order in which they were asked for. With
    /// [`open`](Self::open) there are none.
    #[must_use]
    pub fn cosigned_by(&self) -> &[Cosigned] {
        &self.cosigned
    }

    /// Whether the witnesses that cosigned are a quorum of this policy.
    #[must_use]
    pub fn meets(&self, policy: &Policy) -> bool {
        policy.is_met(|witness| self.cosigned.iter().any(|line| line.key == witness.key))
    }

    /// The signed note, as it came: with every line that was passed over, too.
    #[must_use]
    pub fn note(&self) -> &[u8] {
        &self.note
    }

    /// What was signed.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// When the log says it signed; known from its ML-DSA-44 signature.
    #[must_use]
    pub const fn time(&self) -> Option<Timestamp> {
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, SignatureType};

    #[test]
    fn only_the_plain_form_reads() {
        let text = "nexora.internal/x\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(Checkpoint::read(text).map(|read| read.to_string()).as_deref(), Some(text));
        for (from, to) in [
            ("20852163", "020852163"),
            ("20852163", "+20852163"),
            ("20852163", "-1"),
            ("q2I=\n", "q2I=\nextension\n"),
            ("q2I=\n", "q2I="),
            ("q2I=\n", "q2J=\n"),
            ("nexora.internal/x", ""),
        ] {
            assert_eq!(Checkpoint::read(&text.replace(from, to)), None, "{from} as {to}");
        }
    }

    /// The example of tlog-cosignature.
    #[test]
    fn the_ed25519_cosignature_s_message_is_the_specification_s() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::read(text).expect("a checkpoint");
        let message = checkpoint.message(SignatureType::Ed25519Cosignature, "w", 1_679_315_147);
        assert_eq!(message, format!("cosignature/v1\ntime 1679315147\n{text}").as_bytes());
    }

    /// The layout of `cosigned_message` in tlog-cosignature, written out by hand.
    #[test]
    fn the_cosigned_message_is_laid_out_as_specified() {
        let checkpoint = Checkpoint { origin: "log.example".into(), size: 258, root: [7; 32] };
        let mut expected = b"subtree/v1\n\0\x03wit".to_vec();
        expected.extend([0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb, 11]);
        expected.extend(b"log.example");
        expected.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        expected.extend([7; 32]);
        assert_eq!(checkpoint.message(SignatureType::MlDsa44, "wit", 0x6418_50cb), expected);
    }
}
