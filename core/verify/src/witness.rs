//! What a log asks of a witness, and whether the witness may say yes: C2SP tlog-witness, `add-checkpoint`.
//!
//! ```text
//! old <size>
//! <the hashes of a consistency proof, base64, one a line>
//!
//! <the checkpoint, a signed note>
//! ```
//!
//! Pure: what the witness knew before comes in, and what it may cosign goes out. Whoever calls compares and
//! persists in one transaction, before it answers.

use crate::checkpoint::{Checkpoint, SignatureCheck};
use crate::merkle::{Hash, consistent};
use crate::note;
use crate::vkey::VerifierKey;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The most hashes that a consistency proof has.
pub const MAX_HASHES: usize = 63;

/// The media type of the body that says which size a witness knows.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// The largest request that is read, in bytes: its lines and one note.
pub const MAX_BYTES: usize = note::MAX_BYTES + (MAX_HASHES + 2) * 64;

/// A request to cosign, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The size that the log believes the witness to know.
    pub old: u64,
    /// The proof that the new tree begins with the old one.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, as it came.
    pub note: Vec<u8>,
}

/// Why a witness says no. Each has its HTTP status in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: the request is none, or its old size is over the checkpoint's.
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    /// 404: a log that the witness does not know.
    #[error("the checkpoint's origin is not known here")]
    UnknownLog,
    /// 403: no signature by a key that the witness trusts for that log.
    #[error("no key that is trusted for this log has signed the checkpoint")]
    NotSigned,
    /// 409, with the size that the witness knows: the old size is another.
    #[error("the last checkpoint cosigned for this log has {known} entries")]
    Stale {
        /// That size.
        known: u64,
    },
    /// 409 as well: the same size with another root. The log has split its view.
    #[error("another tree of {known} entries was cosigned for this log: its view is split")]
    Split {
        /// The size of both.
        known: u64,
    },
    /// 422: the proof does not lead from the old tree to the new one.
    #[error("the consistency proof does not hold")]
    Inconsistent,
}

impl Refusal {
    /// The HTTP status that the protocol gives it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned => 403,
            Self::UnknownLog => 404,
            Self::Stale { .. } | Self::Split { .. } => 409,
            Self::Inconsistent => 422,
        }
    }
}

/// The last checkpoint that a witness cosigned for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Request {
    /// Reads a request body.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let wrong = Refusal::Malformed;
        if body.len() > MAX_BYTES {
            return Err(wrong("it is too large"));
        }
        let blank = body.windows(2).position(|two| two == b"\n\n").ok_or(wrong("no blank line"))?;
        let (lines, note) = (&body[..blank], &body[blank + 2..]);
        let mut lines = lines.split(|&byte| byte == b'\n');
        let old = lines.next().and_then(|line| line.strip_prefix(b"old ")).and_then(decimal);
        let old = old.ok_or(wrong("the first line is not `old` and a size"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == MAX_HASHES {
                return Err(wrong("more than 63 hashes"));
            }
            let hash = (line.len() == 44).then(|| STANDARD.decode(line).ok()).flatten();
            let hash = hash.and_then(|hash| hash.try_into().ok());
            proof.push(hash.ok_or(wrong("a line of the proof is no hash"))?);
        }
        Ok(Self { old, proof, note: note.to_vec() })
    }

    /// The request body.
    #[must_use]
    pub fn to_body(&self) -> Vec<u8> {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof {
            body.push_str(&STANDARD.encode(hash));
            body.push('\n');
        }
        body.push('\n');
        let mut body = body.into_bytes();
        body.extend_from_slice(&self.note);
        body
    }

    /// The origin that the checkpoint names: for finding the log's keys and what is known of it. Nothing is verified.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] where there is no checkpoint.
    pub fn origin(&self) -> Result<String, Refusal> {
        Ok(self.checkpoint()?.0.origin)
    }

    /// The checkpoint that may be cosigned: signed by one of the log's keys, of the size that is known or larger,
    /// and with the known tree as its beginning. `known` is what was cosigned last; none for a log not seen yet.
    ///
    /// # Errors
    /// The [`Refusal`] that the protocol asks for.
    pub fn admit(
        &self,
        keys: &[VerifierKey],
        known: Option<Known>,
        check: &dyn SignatureCheck,
    ) -> Result<Checkpoint, Refusal> {
        let (checkpoint, lines) = self.checkpoint()?;
        if keys.is_empty() {
            return Err(Refusal::UnknownLog);
        }
        if !keys.iter().any(|key| signed(&checkpoint, &lines, key, check)) {
            return Err(Refusal::NotSigned);
        }
        if self.old > checkpoint.size {
            return Err(Refusal::Malformed("the old size is over the checkpoint's"));
        }
        let before = known.unwrap_or(Known { size: 0, root: crate::merkle::fold(&[]) });
        if self.old != before.size {
            return Err(Refusal::Stale { known: before.size });
        }
        if before.size == checkpoint.size && before.root != checkpoint.root {
            return Err(Refusal::Split { known: before.size });
        }
        if !consistent(before.size, &before.root, checkpoint.size, &checkpoint.root, &self.proof) {
            return Err(Refusal::Inconsistent);
        }
        Ok(checkpoint)
    }

    fn checkpoint(&self) -> Result<(Checkpoint, Vec<note::Signature<'_>>), Refusal> {
        let wrong = Refusal::Malformed("it holds no signed checkpoint without extension lines");
        let note = note::read(&self.note).map_err(|_| wrong)?;
        Ok((Checkpoint::read(note.text).ok_or(wrong)?, note.signatures))
    }
}

/// Whether this key of the log has signed.
fn signed(
    checkpoint: &Checkpoint,
    lines: &[note::Signature<'_>],
    key: &VerifierKey,
    check: &dyn SignatureCheck,
) -> bool {
    if key.name() != checkpoint.origin {
        return false;
    }
    if key.kind().is_timestamped() {
        return checkpoint.cosigned(lines, key, check).is_some();
    }
    let message = checkpoint.message(key.kind(), key.name(), 0);
    lines.iter().filter(|line| line.name == key.name() && line.key_id == key.key_id()).any(|line| {
        line.bytes.len() == key.kind().signature_bytes()
            && check.check(key.kind(), key.public_key(), &message, &line.bytes)
    })
}

/// Decimal without leading zeroes or a sign.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text.first() != Some(&b'0'));
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Known, Refusal, Request};
    use crate::checkpoint::{Checkpoint, SignatureCheck};
    use crate::merkle::{Hash, fold, leaf, node};
    use crate::note::signature_line;
    use crate::vkey::{SignatureType, VerifierKey};

    /// The example of the specification.
    const EXAMPLE: &str = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\nexample.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

    /// Signatures are 64 bytes of the message's leaf hash, twice.
    struct Doubles;

    impl SignatureCheck for Doubles {
        fn check(&self, _: SignatureType, _: &[u8], message: &[u8], signature: &[u8]) -> bool {
            signature == [leaf(message), leaf(message)].concat()
        }
    }

    fn key() -> VerifierKey {
        VerifierKey::new("log.example", SignatureType::Ed25519, &[9; 32]).expect("it fits")
    }

    fn request(old: u64, size: u64, root: Hash, proof: &[Hash]) -> Request {
        let checkpoint = Checkpoint { origin: "log.example".into(), size, root };
        let hash = leaf(checkpoint.to_string().as_bytes());
        let line = signature_line("log.example", key().key_id(), &[hash, hash].concat());
        Request { old, proof: proof.to_vec(), note: format!("{checkpoint}\n{line}").into_bytes() }
    }

    #[test]
    fn the_specification_s_example_reads_and_is_written_alike() {
        let request = Request::read(EXAMPLE.as_bytes()).expect("a request");
        assert_eq!((request.old, request.proof.len()), (20_852_014, 4));
        assert_eq!(request.origin().as_deref(), Ok("example.com/behind-the-sofa"));
        assert_eq!(request.to_body(), EXAMPLE.as_bytes());
        for (from, to) in [
            ("old ", "new "),
            ("old 2", "old 02"),
            ("PlRN", "PlR"),
            ("\n\n", "\n"),
            ("old 20852014", "old -1"),
        ] {
            let changed = EXAMPLE.replacen(from, to, 1);
            let refused = Request::read(changed.as_bytes()).and_then(|request| request.origin());
            assert_eq!(refused.err().map(Refusal::status), Some(400), "{from} as {to}");
        }
        let line = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
        let long = EXAMPLE.replacen(line, &line.repeat(61), 1);
        assert_eq!(Request::read(long.as_bytes()), Err(Refusal::Malformed("more than 63 hashes")));
    }

    #[test]
    fn every_answer_is_the_protocol_s() {
        let leaves: Vec<Hash> = (0..3u8).map(|n| leaf(&[n])).collect();
        let two = node(&leaves[0], &leaves[1]);
        let three = node(&two, &leaves[2]);
        let known = Some(Known { size: 2, root: two });
        let keys = [key()];
        let admit = |request: &Request, known| request.admit(&keys, known, &Doubles).map(|head| head.size);
        assert_eq!(admit(&request(0, 2, two, &[]), None), Ok(2), "the first one");
        assert_eq!(admit(&request(2, 3, three, &[leaves[2]]), known), Ok(3), "grown");
        assert_eq!(admit(&request(2, 2, two, &[]), known), Ok(2), "the same again");
        assert_eq!(admit(&request(0, 0, fold(&[]), &[]), None), Ok(0), "an empty log");
        assert_eq!(admit(&request(0, 3, three, &[]), known), Err(Refusal::Stale { known: 2 }));
        assert_eq!(admit(&request(3, 3, three, &[]), known), Err(Refusal::Stale { known: 2 }));
        assert_eq!(admit(&request(2, 3, three, &[]), None), Err(Refusal::Stale { known: 0 }));
        assert_eq!(admit(&request(2, 2, three, &[]), known), Err(Refusal::Split { known: 2 }));
        assert_eq!(admit(&request(2, 3, three, &[leaves[1]]), known), Err(Refusal::Inconsistent));
        assert_eq!(admit(&request(2, 3, three, &[]), known), Err(Refusal::Inconsistent));
        assert_eq!(
            admit(&request(0, 2, two, &[two]), None),
            Err(Refusal::Inconsistent),
            "a proof from nothing"
        );
        assert_eq!(admit(&request(3, 2, two, &[]), known).map_err(Refusal::status), Err(400));
        let whole = request(2, 3, three, &[leaves[2]]);
        assert_eq!(whole.admit(&[], known, &Doubles), Err(Refusal::UnknownLog));
        let stranger = VerifierKey::new("log.example", SignatureType::Ed25519, &[8; 32]).expect("it fits");
        assert_eq!(whole.admit(&[stranger], known, &Doubles), Err(Refusal::NotSigned));
        let mut forged = whole;
        let end = forged.note.len() - 4;
        forged.note[end] = if forged.note[end] == b'A' { b'B' } else { b'A' };
        assert_eq!(forged.admit(&keys, known, &Doubles), Err(Refusal::NotSigned));
        let statuses = [
            Refusal::Malformed("").status(),
            Refusal::NotSigned.status(),
            Refusal::UnknownLog.status(),
            Refusal::Stale { known: 1 }.status(),
            Refusal::Split { known: 1 }.status(),
            Refusal::Inconsistent.status(),
        ];
        assert_eq!(statuses, [400, 403, 404, 409, 409, 422]);
    }
}
