//! What a sealed thing is bound to: byte strings that both sides build alike, so that a value moved to
//! another column, dataset or organization does not open.
//!
//! All are made in one way: parts, each behind its length (4 bytes, big-endian), the first being the
//! format and its version. `docs/formats/` gives every one of them.

use crate::Suite;
use base::{Id, noun};

/// Parts, each behind its length.
#[must_use]
pub fn parts(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        push(&mut out, part);
    }
    out
}

fn push(out: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
}

/// Where a protected value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Whose data.
    pub organization: Id<noun::Organization>,
    /// In which dataset.
    pub dataset: Id<noun::Dataset>,
    /// In which field: the column's name, or a path.
    pub field: &'a str,
}

impl Place<'_> {
    /// The associated data of every value in this place: `nexora/field/1`, organization, dataset, field.
    #[must_use]
    pub fn associated_data(&self) -> Vec<u8> {
        parts(&[
            b"nexora/field/1",
            self.organization.to_string().as_bytes(),
            self.dataset.to_string().as_bytes(),
            self.field.as_bytes(),
        ])
    }

    /// The HPKE `info` under which a data key of this place is sealed: `nexora/data-key/1`, organization,
    /// dataset, field, key id (4 bytes, big-endian), mode, suite, run. The run ties it to its manifest: in
    /// another one it does not open.
    #[must_use]
    pub fn data_key_info(&self, key_id: u32, mode: &str, suite: Suite, run: Id<noun::Job>) -> Vec<u8> {
        parts(&[
            b"nexora/data-key/1",
            self.organization.to_string().as_bytes(),
            self.dataset.to_string().as_bytes(),
            self.field.as_bytes(),
            &key_id.to_be_bytes(),
            mode.as_bytes(),
            suite.as_str().as_bytes(),
            run.to_string().as_bytes(),
        ])
    }
}

/// Adds the value of the row's key column to a place's associated data, where the policy names one.
/// `place_len` is the length of the place's own part; what follows it is replaced.
pub fn with_row(associated_data: &mut Vec<u8>, place_len: usize, row_key: &[u8]) {
    associated_data.truncate(place_len);
    push(associated_data, row_key);
}

#[cfg(test)]
mod tests {
    use super::{Place, parts, with_row};
    use crate::Suite;
    use base::Id;

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let place =
            Place { organization: Id::from_bytes([1; 16]), dataset: Id::from_bytes([2; 16]), field: "email" };
        let mut expected = b"\0\0\0\x0enexora/field/1".to_vec();
        expected.extend_from_slice(b"\0\0\0\x1eorg_040g2081040g2081040g208104");
        expected.extend_from_slice(b"\0\0\0\x1edst_081040g2081040g2081040g208");
        expected.extend_from_slice(b"\0\0\0\x05email");
        let mut data = place.associated_data();
        assert_eq!(data, expected);
        let place_len = data.len();
        with_row(&mut data, place_len, b"17");
        with_row(&mut data, place_len, b"18");
        expected.extend_from_slice(b"\0\0\0\x0218");
        assert_eq!(data, expected);
        let info = place.data_key_info(0x0102_0304, "aead", Suite::Hybrid768, Id::from_bytes([0; 16]));
        assert!(info.starts_with(b"\0\0\0\x11nexora/data-key/1\0\0\0\x1eorg_"));
        let end = b"\0\0\0\x04\x01\x02\x03\x04\0\0\0\x04aead\0\0\0\x0ahybrid-768\
            \0\0\0\x1ejob_00000000000000000000000000";
        assert!(info.ends_with(end));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(parts(&[b"ab", b"c"]), parts(&[b"a", b"bc"]));
        assert_ne!(parts(&[b"ab"]), parts(&[b"ab", b""]));
    }
}
