//! Looks at the header of every page of a column chunk before the chunk is decoded, so that no page can claim a
//! size that fills the memory.
//!
//! A page header is a Thrift struct in the compact protocol; only the few members that matter are read, the rest
//! is walked over.

use super::damaged;
use crate::{Error, formats::spool::Spooled};

/// The largest page, uncompressed. Writers make pages of about 1 MiB; some put a whole column chunk in one.
const MAX_PAGE: i64 = 256 << 20;

/// The largest dictionary page, uncompressed: each of its values takes several times its bytes once read.
const MAX_DICTIONARY: i64 = 64 << 20;

/// The most values of a repeated column in one chunk: those of a row are read at once.
const MAX_REPEATED: i64 = 1 << 28;

/// The longest header, with the statistics in it.
const MAX_HEADER: u64 = 1 << 20;

/// Checks the pages between two offsets of the file.
pub(super) fn check(file: &Spooled, start: u64, end: u64, repeated: bool) -> Result<(), Error> {
    let (mut at, mut values) = (start, 0_i64);
    let mut bytes = Vec::new();
    while at < end {
        let mut room = 256;
        let (header, length) = loop {
            let take = (end - at).min(room);
            bytes.resize(usize::try_from(take).map_err(|_| damaged("a page header is too long"))?, 0);
            file.read_at(at, &mut bytes).map_err(|error| Error::Spool(error.to_string()))?;
            let mut thrift = Thrift { bytes: &bytes, at: 0 };
            match Header::read(&mut thrift) {
                Some(header) => break (header, thrift.at as u64),
                None if take < end - at && room < MAX_HEADER => room *= 8,
                None => return Err(damaged("a page header cannot be read")),
            }
        };
        let Header { uncompressed, compressed, values: there, dictionary } = header;
        let most = if dictionary { MAX_DICTIONARY } else { MAX_PAGE };
        if !(0..=most).contains(&uncompressed) {
            return Err(damaged(format!("a page claims {uncompressed} bytes; it may have {most}")));
        }
        if there < 0 || (dictionary && there.saturating_mul(4) > uncompressed.max(1 << 10)) {
            return Err(damaged(format!("a page of {uncompressed} bytes claims {there} values")));
        }
        if !dictionary {
            values = values.saturating_add(there);
        }
        if repeated && values > MAX_REPEATED {
            return Err(damaged(format!(
                "a repeated column has more than {MAX_REPEATED} values in a row group"
            )));
        }
        let next = u64::try_from(compressed).ok().and_then(|compressed| at.checked_add(length + compressed));
        at = next
            .filter(|next| *next <= end)
            .ok_or_else(|| damaged("a page is longer than its column chunk"))?;
    }
    Ok(())
}

/// What matters of a page header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    uncompressed: i64,
    compressed: i64,
    values: i64,
    dictionary: bool,
}

impl Header {
    fn read(thrift: &mut Thrift<'_>) -> Option<Self> {
        let mut header = Self { compressed: -1, uncompressed: -1, ..Self::default() };
        let mut id = 0;
        while let Some(kind) = thrift.field(&mut id)? {
            match (id, kind) {
                (2, Thrift::I32) => header.uncompressed = thrift.integer()?,
                (3, Thrift::I32) => header.compressed = thrift.integer()?,
                // The headers of data pages (versions 1 and 2) and of dictionary pages begin with the count.
                (5 | 7 | 8, Thrift::STRUCT) => {
                    header.dictionary |= id == 7;
                    let mut inner = 0;
                    while let Some(kind) = thrift.field(&mut inner)? {
                        match (inner, kind) {
                            (1, Thrift::I32) => header.values = thrift.integer()?,
                            _ => thrift.skip(kind, 0)?,
                        }
                    }
                }
                _ => thrift.skip(kind, 0)?,
            }
        }
        Some(header)
    }
}

/// A reader of the compact protocol; `None` where the bytes end, or are none of it.
struct Thrift<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Thrift<'_> {
    const I32: u8 = 5;
    const STRUCT: u8 = 12;

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let zigzag = self.varint()?;
        Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// The next member's type, and its number in `id`; the inner `None` at the end of the struct.
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *id = match byte >> 4 {
            0 => self.integer()?,
            delta => id.checked_add(i64::from(delta))?,
        };
        Some(Some(byte & 0x0f))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > 16 {
            return None;
        }
        match kind {
            1 | 2 => {}
            3 => drop(self.byte()?),
            4..=6 => drop(self.varint()?),
            7 => self.over(8)?,
            8 => {
                let length = self.varint()?;
                self.over(length)?;
            }
            9 | 10 => {
                let byte = self.byte()?;
                let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
                for _ in 0..count {
                    match byte & 0x0f {
                        // In a list a truth value has a byte of its own.
                        1 | 2 => drop(self.byte()?),
                        kind => self.skip(kind, depth + 1)?,
                    }
                }
            }
            Self::STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn over(&mut self, length: u64) -> Option<()> {
        let end = self.at.checked_add(usize::try_from(length).ok()?)?;
        (end <= self.bytes.len()).then(|| self.at = end)
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, Thrift};

    #[test]
    fn a_header_is_read_as_the_compact_protocol_writes_it() {
        // type 0, 100 bytes uncompressed, 80 compressed, a data page header with 7 values and a string in it.
        let bytes = [0x15, 0, 0x15, 200, 1, 0x15, 160, 1, 0x2c, 0x15, 14, 0x18, 2, b'h', b'i', 0, 0, 99];
        let mut thrift = Thrift { bytes: &bytes, at: 0 };
        let expected = Header { uncompressed: 100, compressed: 80, values: 7, dictionary: false };
        assert_eq!(Header::read(&mut thrift), Some(expected));
        assert_eq!(thrift.at, bytes.len() - 1);
        for cut in 0..bytes.len() - 1 {
            assert_eq!(Header::read(&mut Thrift { bytes: &bytes[..cut], at: 0 }), None);
        }
        // A list that claims more than there is, of things that take no bytes, comes to its end.
        let mut list = vec![0x19, 0xf1];
        list.extend([0xff; 9]);
        list.push(1);
        assert_eq!(Header::read(&mut Thrift { bytes: &list, at: 0 }), None);
    }
}
