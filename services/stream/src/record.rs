//! A batch as bytes. Specified in `docs/formats/stream.md`.

use crate::Error;
use base::{Id, Timestamp, noun};

/// What each file begins with.
pub(crate) const FILE_MAGIC: &[u8; 8] = b"NXSTREAM";
/// Bytes of a file's header.
pub(crate) const FILE_HEADER: usize = 40;
/// What each record begins with.
pub(crate) const RECORD_MAGIC: &[u8; 4] = b"NXB\x01";
/// Bytes of a record's header.
pub(crate) const RECORD_HEADER: usize = 144;
/// The compression level of a block: the fastest that still finds what CloudTrail repeats.
const LEVEL: i32 = 1;
/// The most bytes that a block may hold, plain: what one request may inflate to, with lengths.
const MAX_PLAIN: usize = 1 << 30;

/// The redacted events of a batch, compressed. Made off the thread that writes.
#[derive(Debug, Clone)]
pub struct Block {
    count: u32,
    plain: u32,
    bytes: Vec<u8>,
}

impl Block {
    /// The block of these events.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over 1 GiB.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e str>) -> Result<Self, Error> {
        let mut plain = Vec::new();
        let mut count = 0u32;
        for event in events {
            let too_large = Error::TooLarge { bytes: plain.len().saturating_add(event.len()) };
            let length = u32::try_from(event.len()).map_err(|_| Error::TooLarge { bytes: event.len() })?;
            if plain.len() + event.len() + 4 > MAX_PLAIN {
                return Err(too_large);
            }
            plain.extend_from_slice(&length.to_le_bytes());
            plain.extend_from_slice(event.as_bytes());
            count += 1;
        }
        let too_large = |_| Error::TooLarge { bytes: plain.len() };
        let bytes =
            zstd::bulk::compress(&plain, LEVEL).map_err(|_| Error::TooLarge { bytes: plain.len() })?;
        Ok(Self { count, plain: u32::try_from(plain.len()).map_err(too_large)?, bytes })
    }

    /// How many events.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }
}

/// A batch to be appended.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Its id: the same for the same events from the same source.
    pub id: Id<noun::Batch>,
    /// The credential that sent it.
    pub source: Id<noun::Credential>,
    /// When it arrived.
    pub arrival: Timestamp,
    /// The hash of the compiled rule pack that judges it.
    pub pack: [u8; 32],
    /// The version of the behaviour models that judge it.
    pub model: u32,
    /// Its events.
    pub block: Block,
}

/// What a record says of its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The offset of its first event.
    pub first_offset: u64,
    /// How many events.
    pub count: u32,
    /// When it arrived.
    pub arrival: Timestamp,
    /// Its id.
    pub id: Id<noun::Batch>,
    /// The credential that sent it.
    pub source: Id<noun::Credential>,
    /// The hash of the compiled rule pack that judged it.
    pub pack: [u8; 32],
    /// The version of the behaviour models that judged it.
    pub model: u32,
    /// How much of its file was durable when it was written.
    pub(crate) durable: u64,
    /// Bytes of the block, compressed.
    pub(crate) block: u32,
    /// Bytes of the block, plain.
    pub(crate) plain: u32,
}

impl Header {
    /// The offset after its last event.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.first_offset + u64::from(self.count)
    }

    /// Bytes of the whole record.
    pub(crate) fn len(&self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.block)
    }

    /// The header in a record's first bytes, if it can be one. Its checksum is not looked at.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Cursor(bytes.get(..RECORD_HEADER)?);
        if bytes.take::<4>()? != *RECORD_MAGIC {
            return None;
        }
        let _checksum = bytes.take::<4>()?;
        let block = u32::from_le_bytes(bytes.take()?);
        let plain = u32::from_le_bytes(bytes.take()?);
        let first_offset = u64::from_le_bytes(bytes.take()?);
        let count = u32::from_le_bytes(bytes.take()?);
        let model = u32::from_le_bytes(bytes.take()?);
        let arrival = Timestamp::from_micros(i64::from_le_bytes(bytes.take()?));
        let durable = u64::from_le_bytes(bytes.take()?);
        let id = Id::from_bytes(bytes.take()?);
        let source = Id::from_bytes(bytes.take()?);
        let pack = bytes.take()?;
        let reserved = bytes.take::<32>()?;
        let fits = plain as usize <= MAX_PLAIN && reserved == [0; 32];
        fits.then_some(Self { first_offset, count, arrival, id, source, pack, model, durable, block, plain })
    }
}

/// Appends a record to `out`.
///
/// # Errors
/// [`Error::TooLarge`] where the block is longer than its length field can say.
pub(crate) fn encode(
    batch: &NewBatch,
    first_offset: u64,
    durable: u64,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let block = &batch.block;
    let length =
        u32::try_from(block.bytes.len()).map_err(|_| Error::TooLarge { bytes: block.bytes.len() })?;
    let from = out.len();
    out.extend_from_slice(RECORD_MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&block.plain.to_le_bytes());
    out.extend_from_slice(&first_offset.to_le_bytes());
    out.extend_from_slice(&block.count.to_le_bytes());
    out.extend_from_slice(&batch.model.to_le_bytes());
    out.extend_from_slice(&batch.arrival.micros().to_le_bytes());
    out.extend_from_slice(&durable.to_le_bytes());
    out.extend_from_slice(batch.id.as_bytes());
    out.extend_from_slice(batch.source.as_bytes());
    out.extend_from_slice(&batch.pack);
    out.extend_from_slice(&[0; 32]);
    out.extend_from_slice(&block.bytes);
    let checksum = crc32c::crc32c(&out[from + 8..]);
    out[from + 4..from + 8].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Whether a whole record's checksum is right.
pub(crate) fn is_whole(record: &[u8]) -> bool {
    let stored = record.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    record.len() >= RECORD_HEADER && stored == Some(crc32c::crc32c(&record[8..]))
}

/// The header of a file.
pub(crate) fn encode_file_header(
    organization: Id<noun::Organization>,
    first_offset: u64,
) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..8].copy_from_slice(FILE_MAGIC);
    header[8..12].copy_from_slice(&1u32.to_le_bytes());
    header[12..28].copy_from_slice(organization.as_bytes());
    header[28..36].copy_from_slice(&first_offset.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..36]);
    header[36..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// What a file's header says: whose log, and its first offset. `None` unless it is whole.
pub(crate) fn decode_file_header(bytes: &[u8]) -> Option<(Id<noun::Organization>, u64)> {
    let bytes = bytes.get(..FILE_HEADER)?;
    let checksum = u32::from_le_bytes(bytes[36..].try_into().ok()?);
    if bytes[..8] != *FILE_MAGIC
        || bytes[8..12] != 1u32.to_le_bytes()
        || checksum != crc32c::crc32c(&bytes[..36])
    {
        return None;
    }
    Some((Id::from_slice(&bytes[12..28])?, u64::from_le_bytes(bytes[28..36].try_into().ok()?)))
}

/// A batch as read.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What its record says.
    pub header: Header,
    plain: Vec<u8>,
}

impl Batch {
    /// The batch of a whole record. `None` where its block is not what its header says.
    pub(crate) fn decode(record: &[u8]) -> Option<Self> {
        let header = Header::decode(record)?;
        let plain = zstd::bulk::decompress(&record[RECORD_HEADER..], header.plain as usize).ok()?;
        let batch = Self { header, plain };
        let whole = batch.plain.len() == batch.header.plain as usize
            && batch.events().count() == batch.header.count as usize;
        whole.then_some(batch)
    }

    /// Its events, as JSON text, in order of their offsets.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.plain.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (event, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            std::str::from_utf8(event).ok()
        })
    }
}

struct Cursor<'b>(&'b [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Batch, Block, Header, NewBatch, RECORD_HEADER, decode_file_header, encode, encode_file_header,
        is_whole,
    };
    use base::{Id, Timestamp, digest};

    fn batch() -> NewBatch {
        NewBatch {
            id: Id::from_bytes([1; 16]),
            source: Id::from_bytes([2; 16]),
            arrival: Timestamp::from_micros(1_700_000_000_000_000),
            pack: [3; 32],
            model: 4,
            block: Block::of([r#"{"a":1}"#, r#"{"b":"ü"}"#]).expect("small"),
        }
    }

    /// The bytes of `docs/formats/stream.md`, field by field. The block is left to zstd: it is one that
    /// must be opened, not reproduced.
    #[test]
    fn the_header_is_the_documented_one() {
        let mut record = Vec::new();
        encode(&batch(), 5, 40, &mut record).expect("small");
        let at = |range: std::ops::Range<usize>| digest::hex(&record[range]);
        assert_eq!(at(0..4), "4e584201");
        assert_eq!(u32::from_le_bytes(record[8..12].try_into().expect("four")) as usize, record.len() - 144);
        assert_eq!(at(12..16), "19000000");
        assert_eq!(at(16..24), "0500000000000000");
        assert_eq!(at(24..28), "02000000");
        assert_eq!(at(28..32), "04000000");
        assert_eq!(at(32..40), "00401e18240a0600");
        assert_eq!(at(40..48), "2800000000000000");
        assert_eq!(at(48..64), "01".repeat(16));
        assert_eq!(at(64..80), "02".repeat(16));
        assert_eq!(at(80..112), "03".repeat(32));
        assert_eq!(at(112..144), "00".repeat(32));
        assert!(is_whole(&record));
        let read = Batch::decode(&record).expect("whole");
        assert_eq!(read.events().collect::<Vec<_>>(), [r#"{"a":1}"#, r#"{"b":"ü"}"#]);
        assert_eq!(read.header.next_offset(), 7);
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let mut record = Vec::new();
        encode(&batch(), 5, 40, &mut record).expect("small");
        for bit in 0..record.len() * 8 {
            let mut changed = record.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&changed).is_none() || !is_whole(&changed), "bit {bit}");
        }
        assert!(!is_whole(&record[..RECORD_HEADER]));
    }

    #[test]
    fn the_file_header_is_the_documented_one() {
        let header = encode_file_header(Id::from_bytes([7; 16]), 9);
        assert_eq!(
            digest::hex(&header[..36]),
            format!("4e5853545245414d01000000{}0900000000000000", "07".repeat(16))
        );
        assert_eq!(decode_file_header(&header), Some((Id::from_bytes([7; 16]), 9)));
        for bit in 0..header.len() * 8 {
            let mut changed = header;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_file_header(&changed), None);
        }
    }
}
