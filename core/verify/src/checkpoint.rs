//! Checkpoints of C2SP tlog-checkpoint, and the signatures that make one believable.
//!
//! A log of ours signs each checkpoint twice, both times under its origin as the name: with Ed25519
//! (type `0x01`, over the note's text), which every tool knows, and with ML-DSA-44 (type `0x06` of
//! tlog-cosignature), which holds against quantum computers.

use crate::failure::{Failure, Problem};
use crate::merkle::Hash;
use crate::note;
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

/// A text behind its length in one byte. No name is longer: [`VerifierKey::new`] sees to it, and an
/// origin is compared with one.
fn short(message: &mut Vec<u8>, text: &str) {
    message.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    message.extend_from_slice(text.as_bytes());
}

/// A checkpoint that every key of its log has signed. It is made here and nowhere else, so whoever
/// holds one has checked it:
///
/// ```compile_fail
/// let forged = verify::VerifiedCheckpoint { checkpoint: todo!(), time: None };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    time: Option<Timestamp>,
}

impl VerifiedCheckpoint {
    /// Reads and checks a signed checkpoint: each of the log's keys has signed it exactly once, and there
    /// is no signature by anyone else. Strict on purpose: a line that is not checked is a line that can
    /// be changed unseen.
    ///
    /// # Errors
    /// A [`Failure`] that names the checkpoint's file and what is wrong.
    pub fn open(bytes: &[u8], keys: &[VerifierKey], check: &dyn SignatureCheck) -> Result<Self, Failure> {
        Self::verify(bytes, keys, check).map_err(|problem| Failure::new(FILE, problem))
    }

    fn verify(bytes: &[u8], keys: &[VerifierKey], check: &dyn SignatureCheck) -> Result<Self, Problem> {
        let note = note::read(bytes)?;
        let checkpoint = Checkpoint::read(note.text).ok_or(Problem::Checkpoint)?;
        if keys.is_empty() {
            return Err(Problem::StartedFacts);
        }
        let belongs = |signature: &note::Signature<'_>, key: &VerifierKey| {
            signature.name == key.name() && signature.key_id == key.key_id()
        };
        if let Some(foreign) = note.signatures.iter().find(|line| !keys.iter().any(|key| belongs(line, key)))
        {
            return Err(Problem::UnknownSigner { name: foreign.name.to_owned() });
        }
        let mut time = None;
        for key in keys {
            if key.name() != checkpoint.origin {
                return Err(Problem::Origin { found: checkpoint.origin, started: key.name().to_owned() });
            }
            let algorithm = key.kind().as_str();
            let of_key: Vec<_> = note.signatures.iter().filter(|line| belongs(line, key)).collect();
            let [line] = of_key.as_slice() else {
                return Err(Problem::SignatureCount { algorithm, count: of_key.len() });
            };
            let (seconds, raw) = match key.kind() {
                SignatureType::Ed25519 => (0, line.bytes.as_slice()),
                SignatureType::Ed25519Cosignature | SignatureType::MlDsa44 => {
                    let (stamp, raw) =
                        line.bytes.split_first_chunk::<8>().ok_or(Problem::Signature { algorithm })?;
                    (u64::from_be_bytes(*stamp), raw)
                }
            };
            let signed_at = i64::try_from(seconds).map_err(|_| Problem::Signature { algorithm })?;
            let message = checkpoint.message(key.kind(), key.name(), seconds);
            if raw.len() != key.kind().signature_bytes()
                || !check.check(key.kind(), key.public_key(), &message, raw)
            {
                return Err(Problem::Signature { algorithm });
            }
            if signed_at > 0 {
                time = Some(Timestamp::from_millis(signed_at.saturating_mul(1_000)));
            }
        }
        Ok(Self { checkpoint, time })
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
