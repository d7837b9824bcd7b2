//! Signed notes of C2SP: a text and the lines that sign it. Read strictly: one note has one spelling.

use crate::vkey::{VerifierKey, is_name};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The most signatures a note may have here; C2SP asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

/// The largest note, in bytes.
pub const MAX_BYTES: usize = 512 * 1024;

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature<'n> {
    /// Who claims to have signed.
    pub name: &'n str,
    /// Which of their keys: the first four bytes of its hash.
    pub key_id: [u8; 4],
    /// The signature, with a timestamp in front where its type has one.
    pub bytes: Vec<u8>,
}

impl Signature<'_> {
    /// Whether the line claims to be by this key. The claim is not checked.
    #[must_use]
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.key_id == key.key_id()
    }
}

/// A note as read. Nothing in it is believed until a signature is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'n> {
    /// The signed text, with its last newline.
    pub text: &'n str,
    /// The signature lines, in order.
    pub signatures: Vec<Signature<'n>>,
}

/// What is wrong with a note's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongNote {
    /// Too large, not UTF-8, or with control characters.
    #[error("the signed note is no plain UTF-8 text of at most 512 KiB")]
    Text,
    /// No blank line between the text and the signatures, or no newline at the end.
    #[error("the signed note has no signatures after a blank line, or does not end in a newline")]
    Shape,
    /// A signature line that is none.
    #[error("signature line {0} of the note is malformed")]
    Line(usize),
    /// More signatures than are read here.
    #[error("the signed note has more than {MAX_SIGNATURES} signatures")]
    TooMany,
}

/// Reads a note.
///
/// # Errors
/// [`WrongNote`] for whatever signed-note does not allow.
pub fn read(bytes: &[u8]) -> Result<Note<'_>, WrongNote> {
    if bytes.len() > MAX_BYTES || bytes.iter().any(|&byte| byte < 0x20 && byte != b'\n') {
        return Err(WrongNote::Text);
    }
    let whole = std::str::from_utf8(bytes).map_err(|_| WrongNote::Text)?;
    let blank = whole.rfind("\n\n").ok_or(WrongNote::Shape)?;
    let (text, rest) = whole.split_at(blank + 1);
    let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n')).ok_or(WrongNote::Shape)?;
    let mut signatures = Vec::new();
    for (number, line) in lines.split('\n').enumerate() {
        if number == MAX_SIGNATURES {
            return Err(WrongNote::TooMany);
        }
        signatures.push(signature(line).ok_or(WrongNote::Line(number + 1))?);
    }
    Ok(Note { text, signatures })
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded).ok()?;
    let (key_id, bytes) = decoded.split_first_chunk::<4>()?;
    (is_name(name) && !bytes.is_empty()).then(|| Signature { name, key_id: *key_id, bytes: bytes.to_vec() })
}

/// Writes a signature line, with its newline.
#[must_use]
pub fn signature_line(name: &str, key_id: [u8; 4], signature: &[u8]) -> String {
    let encoded = STANDARD.encode([&key_id[..], signature].concat());
    format!("— {name} {encoded}\n")
}

#[cfg(test)]
mod tests {
    use super::{WrongNote, read, signature_line};

    /// The example of tlog-checkpoint.
    const NOTE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

    #[test]
    fn the_specification_s_example_reads() {
        let note = read(NOTE.as_bytes()).expect("a note");
        assert!(note.text.ends_with("q2I=\n"));
        let line = &note.signatures[0];
        assert_eq!((line.name, line.bytes.len()), ("example.com/behind-the-sofa", 64));
        assert!(NOTE.ends_with(&signature_line(line.name, line.key_id, &line.bytes)));
    }

    #[test]
    fn every_other_shape_is_refused() {
        assert_eq!(read(b"text\n"), Err(WrongNote::Shape));
        assert_eq!(read(b"text\n\n"), Err(WrongNote::Shape));
        assert_eq!(read(b"te\rxt\n\n\xe2\x80\x94 a AAAAAAA=\n"), Err(WrongNote::Text));
        assert_eq!(read(NOTE.trim_end().as_bytes()), Err(WrongNote::Shape));
        for wrong in [
            "— a AAAA\n",
            "— a AAAAAA\n",
            "- a AAAAAAA=\n",
            "— a+b AAAAAAA=\n",
            "—  AAAAAAA=\n",
            "— a AAAAAAB=\n",
        ] {
            assert_eq!(read(format!("text\n\n{wrong}").as_bytes()), Err(WrongNote::Line(1)), "{wrong}");
        }
    }
}
