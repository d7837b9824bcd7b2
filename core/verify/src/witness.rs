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
//! persists in one transaction, before it answers. The other side stands here too: what an answer says, and which
//! of its lines are cosignatures.
//!
//! Followed is the text of July 2026: 409 is an old size that is not the witness's, and nothing else; a split view
//! is 422, as is an empty log with another root than that of nothing.

use crate::checkpoint::{Checkpoint, SignatureCheck};
use crate::merkle::{Hash, consistent};
use crate::note;
use crate::vkey::{SignatureType, VerifierKey};
use base::{Timestamp, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The most hashes that a consistency proof has.
pub const MAX_HASHES: usize = 63;

/// The media type of the body that says which size a witness knows.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// The largest request that is read, in bytes: its lines and one note.
pub const MAX_BYTES: usize = note::MAX_BYTES + (MAX_HASHES + 2) * 64;

/// The largest answer that is read, in bytes: a note's worth of signature lines.
pub const MAX_ANSWER: usize = note::MAX_BYTES;

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
    /// 403: no signature by a key that the witness trusts for that log, or one of such a key that does not hold.
    #[error("no key that is trusted for this log has signed the checkpoint, or its signature does not hold")]
    NotSigned,
    /// 409, with the size that the witness knows: the old size is another.
    #[error("the last checkpoint cosigned for this log has {known} entries")]
    Stale {
        /// That size.
        known: u64,
    },
    /// 422: the same size with another root. The log has split its view.
    #[error("another tree of {known} entries was cosigned for this log: its view is split")]
    Split {
        /// The size of both.
        known: u64,
    },
    /// 422: the proof does not lead from the old tree to the new one, or an empty log has a root of something.
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
            Self::Stale { .. } => 409,
            Self::Split { .. } | Self::Inconsistent => 422,
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
        let held: Vec<_> = keys.iter().filter_map(|key| signed(&checkpoint, &lines, key, check)).collect();
        if held.is_empty() || held.contains(&false) {
            return Err(Refusal::NotSigned);
        }
        if self.old > checkpoint.size {
            return Err(Refusal::Malformed("the old size is over the checkpoint's"));
        }
        let empty = crate::merkle::fold(&[]);
        let before = known.unwrap_or(Known { size: 0, root: empty });
        if self.old != before.size {
            return Err(Refusal::Stale { known: before.size });
        }
        if checkpoint.size == 0 && checkpoint.root != empty {
            return Err(Refusal::Inconsistent);
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

/// Whether this key of the log has signed; none where no line claims to be by it.
fn signed(
    checkpoint: &Checkpoint,
    lines: &[note::Signature<'_>],
    key: &VerifierKey,
    check: &dyn SignatureCheck,
) -> Option<bool> {
    if key.name() != checkpoint.origin {
        return None;
    }
    let mut by_key = lines.iter().filter(|line| belongs(line, key)).peekable();
    by_key.peek()?;
    Some(by_key.all(|line| time_of(checkpoint, line, key, check).is_some()))
}

fn belongs(line: &note::Signature<'_>, key: &VerifierKey) -> bool {
    line.name == key.name() && line.key_id == key.key_id()
}

/// The time that a signature states, where it holds; 0 for a kind that states none.
fn time_of(
    checkpoint: &Checkpoint,
    line: &note::Signature<'_>,
    key: &VerifierKey,
    check: &dyn SignatureCheck,
) -> Option<u64> {
    let (time, raw) = match key.kind() {
        SignatureType::Ed25519 => (0, line.bytes.as_slice()),
        SignatureType::Ed25519Cosignature | SignatureType::MlDsa44 => {
            let (stamp, raw) = line.bytes.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*stamp), raw)
        }
    };
    let message = checkpoint.message(key.kind(), key.name(), time);
    let fits = raw.len() == key.kind().signature_bytes() && i64::try_from(time).is_ok();
    (fits && check.check(key.kind(), key.public_key(), &message, raw)).then_some(time)
}

/// The address of what a witness knows of a log, below its monitoring prefix: `<hex SHA-256 of origin>/checkpoint`.
#[must_use]
pub fn monitoring_path(origin: &str) -> String {
    format!("{}/checkpoint", digest::hex(&digest::sha256(origin.as_bytes())))
}

/// What a witness's answer to a request says, where it is not 200. None: not an answer of the protocol. A 422 is
/// [`Refusal::Inconsistent`] here; whether it means a split view, whoever asked can tell.
#[must_use]
pub fn refusal(status: u16, media: &str, body: &[u8]) -> Option<Refusal> {
    match status {
        400 => Some(Refusal::Malformed("says the witness")),
        403 => Some(Refusal::NotSigned),
        404 => Some(Refusal::UnknownLog),
        409 if media.eq_ignore_ascii_case(SIZE_TYPE) => {
            let known = body.strip_suffix(b"\n").filter(|digits| !digits.is_empty()).and_then(decimal)?;
            Some(Refusal::Stale { known })
        }
        422 => Some(Refusal::Inconsistent),
        _ => None,
    }
}

/// A cosignature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Which of the keys that were asked for, by its place among them.
    pub key: usize,
    /// When the witness says it signed.
    pub time: Timestamp,
    /// The signature line, with its newline.
    pub line: String,
}

/// The cosignatures of these keys over the checkpoint among the signature lines that a witness answered: of each
/// key the first that holds and states a time. Everything else is passed over.
#[must_use]
pub fn cosignatures(
    checkpoint: &Checkpoint,
    answer: &[u8],
    keys: &[VerifierKey],
    check: &dyn SignatureCheck,
) -> Vec<Cosignature> {
    let mut whole = format!("{checkpoint}\n").into_bytes();
    whole.extend_from_slice(answer);
    let Ok(read) = note::read(&whole) else { return Vec::new() };
    // An answer with a blank line in it would move the border between text and signatures.
    if read.text != checkpoint.to_string() {
        return Vec::new();
    }
    let of = |(at, key): (usize, &VerifierKey)| {
        let lines = read.signatures.iter().filter(|line| key.kind().is_timestamped() && belongs(line, key));
        lines.into_iter().find_map(|line| {
            let seconds = time_of(checkpoint, line, key, check).filter(|seconds| *seconds > 0)?;
            let millis = i64::try_from(seconds).ok()?.saturating_mul(1_000);
            Some(Cosignature {
                key: at,
                time: Timestamp::from_millis(millis),
                line: note::signature_line(line.name, line.key_id, &line.bytes),
            })
        })
    };
    keys.iter().enumerate().filter_map(of).collect()
}

/// Decimal without leading zeroes or a sign.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text.first() != Some(&b'0'));
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Known, Refusal, Request, SIZE_TYPE, cosignatures, refusal};
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
        assert_eq!(statuses, [400, 403, 404, 409, 422, 422]);
        assert_eq!(
            admit(&request(0, 0, two, &[]), None),
            Err(Refusal::Inconsistent),
            "an empty log of something"
        );
    }

    /// One line that holds does not make up for another of a known key that does not.
    #[test]
    fn a_line_of_a_known_key_that_does_not_hold_spoils_the_note() {
        let root = leaf(b"0");
        let other = VerifierKey::new("log.example", SignatureType::Ed25519, &[8; 32]).expect("it fits");
        let mut note = request(0, 1, root, &[]);
        note.note.extend(signature_line("log.example", other.key_id(), &[0; 64]).into_bytes());
        assert_eq!(note.admit(&[key()], None, &Doubles).map(|head| head.size), Ok(1), "it is a stranger's");
        assert_eq!(note.admit(&[key(), other], None, &Doubles), Err(Refusal::NotSigned));
    }

    #[test]
    fn an_answer_is_read_as_the_protocol_has_it() {
        assert_eq!(refusal(409, SIZE_TYPE, b"17\n"), Some(Refusal::Stale { known: 17 }));
        for (media, body) in
            [(SIZE_TYPE, "17"), (SIZE_TYPE, "017\n"), (SIZE_TYPE, "\n"), ("text/plain", "17\n")]
        {
            assert_eq!(refusal(409, media, body.as_bytes()), None, "{media} {body:?}");
        }
        let known = [400, 403, 404, 422].map(|status| refusal(status, "", b"").map(Refusal::status));
        assert_eq!(known, [400, 403, 404, 422].map(Some));
        assert_eq!(refusal(500, "", b""), None);
    }

    #[test]
    fn only_cosignatures_that_hold_are_taken_of_an_answer() {
        let witness =
            VerifierKey::new("w.example", SignatureType::Ed25519Cosignature, &[3; 32]).expect("it fits");
        let checkpoint = Checkpoint { origin: "log.example".into(), size: 1, root: leaf(b"0") };
        let line = |time: u64| {
            let hash = leaf(&checkpoint.message(witness.kind(), witness.name(), time));
            let bytes = [time.to_be_bytes().as_slice(), &hash, &hash].concat();
            signature_line(witness.name(), witness.key_id(), &bytes)
        };
        let taken = |answer: &str| {
            let keys = [key(), witness.clone()];
            let found = cosignatures(&checkpoint, answer.as_bytes(), &keys, &Doubles);
            found.into_iter().map(|found| (found.key, found.time.seconds(), found.line)).collect::<Vec<_>>()
        };
        let good = line(7);
        let strange = signature_line("x.example", [1; 4], &[5; 72]);
        let ours = (1, 7, good.clone());
        assert_eq!(taken(&good), std::slice::from_ref(&ours));
        assert_eq!(taken(&format!("{strange}{good}")), std::slice::from_ref(&ours));
        assert_eq!(taken(&format!("{}{good}", line(0))), [ours], "a time of nothing is no time");
        let forged = signature_line(witness.name(), witness.key_id(), &[9; 72]);
        for none in [String::new(), forged, good.trim_end().to_owned(), format!("x\n\n{good}"), "\n".into()] {
            assert_eq!(taken(&none), [], "{none:?}");
        }
    }
}
