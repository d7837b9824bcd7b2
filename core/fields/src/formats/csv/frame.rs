//! Cuts a file into its header and pieces of whole records, faster than the records can be read: this part of
//! the work has to be done by one thread.

use super::{
    Dialect, cells,
    split::{MAX_RECORD, Splitter, Step},
};
use crate::Error;
use bytes::Bytes;
use memchr::{memchr, memchr_iter, memrchr};
use std::{collections::VecDeque, ops::Range};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The most columns: a header of 16 MiB could name so many that their names fill the memory.
const MAX_COLUMNS: usize = 1 << 14;

/// A piece is cut once it has this many bytes.
const PIECE: usize = 128 << 10;

/// How many buffers of pieces that are still worked on are remembered, to be filled again once they are not.
const GIVEN: usize = 16;

/// An unfinished record of this many bytes is read again only when it has doubled: pushed in piece by piece, it
/// would else cost the square of its length.
const LONG: usize = 64 << 10;

/// Whole records.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::formats) struct Piece {
    pub(super) bytes: Bytes,
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Nothing follows it.
    pub(super) last: bool,
}

/// Cuts one file.
#[derive(Debug)]
pub(in crate::formats) struct Framer {
    delimiter: u8,
    /// What has arrived and is not in a piece.
    pending: Vec<u8>,
    /// The buffers of pieces that were cut, the oldest first.
    given: VecDeque<Bytes>,
    /// How many pending bytes it takes to look for the end of a record again.
    enough: usize,
    line: u64,
    header: bool,
    /// How often pending bytes were looked at.
    #[cfg(test)]
    tries: u64,
}

/// What was cut off.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::formats) enum Cut {
    /// The header, its bytes and the names of its columns.
    Header(Vec<u8>, Vec<String>),
    /// Records.
    Records(Piece),
}

impl Framer {
    pub(in crate::formats) const fn new(dialect: Dialect) -> Self {
        Self {
            delimiter: dialect.delimiter,
            pending: Vec::new(),
            given: VecDeque::new(),
            enough: 0,
            line: 1,
            header: false,
            #[cfg(test)]
            tries: 0,
        }
    }

    /// Takes the next bytes, and gives what is whole.
    pub(in crate::formats) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Cut>, Error> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() < self.enough {
            return Ok(Vec::new());
        }
        let mut cuts = Vec::new();
        if !self.header && !self.read_header(false, &mut cuts)? {
            return Ok(cuts);
        }
        let mut from = 0;
        let mut ends = Vec::new();
        while let Some(end) = self.end_of_records(from) {
            ends.push(end);
            from = end;
        }
        if !ends.is_empty() {
            // What is left is less than a record, or than a piece: the only bytes that are copied.
            let empty = self.empty();
            let mut whole = std::mem::replace(&mut self.pending, empty);
            self.pending.extend_from_slice(&whole[from..]);
            whole.truncate(from);
            let whole = Bytes::from(whole);
            self.cut(&whole, &ends, false, &mut cuts);
            self.given.push_back(whole);
        }
        self.wait()?;
        Ok(cuts)
    }

    /// A buffer to fill: the oldest of those given, where its pieces are no more. Memory that the system hands out anew
    /// for each piece would cost more than cutting it.
    fn empty(&mut self) -> Vec<u8> {
        match self.given.pop_front() {
            Some(oldest) if !oldest.is_unique() && self.given.len() + 1 < GIVEN => {
                self.given.push_front(oldest);
                Vec::new()
            }
            Some(oldest) => oldest.try_into_mut().map_or_else(
                |_| Vec::new(),
                |mut bytes| {
                    bytes.clear();
                    bytes.into()
                },
            ),
            None => Vec::new(),
        }
    }

    /// What is left at the end of the file.
    pub(in crate::formats) fn finish(&mut self) -> Result<Vec<Cut>, Error> {
        let mut cuts = Vec::new();
        if !self.header {
            self.read_header(true, &mut cuts)?;
        }
        let rest = Bytes::from(std::mem::take(&mut self.pending));
        if !rest.is_empty() {
            self.cut(&rest, &[rest.len()], true, &mut cuts);
        }
        Ok(cuts)
    }

    fn cut(&mut self, whole: &Bytes, ends: &[usize], last: bool, cuts: &mut Vec<Cut>) {
        let mut from = 0;
        for &end in ends {
            let bytes = whole.slice(from..end);
            let line = self.line;
            self.line += memchr_iter(b'\n', &bytes).count() as u64;
            cuts.push(Cut::Records(Piece { bytes, line, last }));
            from = end;
        }
    }

    /// The end of the last whole record that begins a piece's length or less behind `from`, which is the start
    /// of one; else of the first that begins later.
    ///
    /// A quote opens a quoted cell only at the start of a cell, so that outside of one nothing but quotes and
    /// line breaks has to be looked at.
    fn end_of_records(&mut self, from: usize) -> Option<usize> {
        #[cfg(test)]
        {
            self.tries += 1;
        }
        let bytes = &self.pending;
        let (mut at, mut end) = (from, None);
        loop {
            if at - from >= PIECE && end.is_some() {
                return end;
            }
            // Outside of quotes up to `stop`.
            let limit = bytes.len().min(at.saturating_add(PIECE));
            let quote = memchr(b'"', &bytes[at..limit]).map(|offset| at + offset);
            let stop = quote.unwrap_or(limit);
            if let Some(offset) = memrchr(b'\n', &bytes[at..stop]) {
                end = Some(at + offset + 1);
            }
            let Some(quote) = quote else {
                if limit == bytes.len() {
                    return end;
                }
                at = limit;
                continue;
            };
            let opens =
                quote == from || matches!(bytes[quote - 1], byte if byte == self.delimiter || byte == b'\n');
            at = quote + 1;
            if !opens {
                continue;
            }
            loop {
                let Some(offset) = memchr(b'"', &bytes[at..]) else { return end };
                let close = at + offset;
                match bytes.get(close + 1) {
                    Some(b'"') => at = close + 2,
                    Some(_) => {
                        at = close + 1;
                        break;
                    }
                    // Whether it is doubled is not known yet.
                    None => return end,
                }
            }
        }
    }

    /// Keeps an unfinished record until more of it has arrived.
    fn wait(&mut self) -> Result<(), Error> {
        let pending = self.pending.len();
        if pending > MAX_RECORD {
            let why = "the record is longer than 16 MiB; is a quote left open?".to_owned();
            return Err(Error::Csv { line: self.line, why });
        }
        self.enough = if pending >= LONG { (pending * 2).min(MAX_RECORD + 1) } else { 0 };
        Ok(())
    }

    /// Reads the header, if it has arrived.
    fn read_header(&mut self, last: bool, cuts: &mut Vec<Cut>) -> Result<bool, Error> {
        let bytes = &self.pending;
        // Fewer bytes than a byte order mark may yet become one.
        if !last && bytes.len() < BOM.len() {
            return Ok(false);
        }
        let mut splitter = Splitter::new(self.delimiter, 1);
        let start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        if bytes.len() == start {
            if !last {
                return Ok(false);
            }
            return Err(splitter.wrong("the file is empty: a header row is expected"));
        }
        let mut ranges = Vec::new();
        #[cfg(test)]
        {
            self.tries += 1;
        }
        let step = splitter.record(bytes, start, last, |index, range| {
            if index < MAX_COLUMNS {
                ranges.push(range);
            }
        })?;
        let Step::Record { cells, end } = step else {
            self.wait()?;
            return Ok(false);
        };
        if cells > MAX_COLUMNS {
            let why = format!("the header has {cells} columns; there may be {MAX_COLUMNS}");
            return Err(Error::Csv { line: 1, why });
        }
        let name = |range: Range<usize>| {
            let name = cells::decode(&bytes[range]).unwrap_or_default().into_owned();
            String::from_utf8(name).map_err(|_| Error::Csv { line: 1, why: "the header is not UTF-8".into() })
        };
        let names = ranges.into_iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let header = self.pending.drain(..end).collect();
        self.line = splitter.line();
        self.header = true;
        cuts.push(Cut::Header(header, names));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cut, Framer, MAX_RECORD};
    use crate::formats::Dialect;

    #[test]
    fn a_record_that_arrives_in_small_pieces_is_not_read_again_at_each() {
        for begun in ["a\n\"", "\"a"] {
            let mut framer = Framer::new(Dialect::default());
            framer.push(begun.as_bytes()).expect("it has begun");
            let (piece, mut pushed) = ([b'x'; 8 << 10], 0);
            let error = loop {
                pushed += piece.len();
                if let Err(error) = framer.push(&piece) {
                    break error;
                }
            };
            assert!(error.to_string().contains("is a quote left open?"), "{error}");
            assert_eq!(pushed, MAX_RECORD, "it is refused as soon as it is too long");
            assert!(framer.tries < 32, "{} tries", framer.tries);
        }
    }

    #[test]
    fn a_piece_ends_between_records_wherever_the_file_is_cut() {
        let records =
            ["1,\"a\nb\"\r\n", "2,x\"y\n", "3,\"\"\"\n\"\"\"\n", "\"4\",\n", "\n", "5,z\" \"\n", "6,\"\"\n"];
        let file = format!("h,i\n{}", records.concat().repeat(3));
        let mut ends = vec![4];
        for record in records.iter().cycle().take(records.len() * 3) {
            ends.push(ends[ends.len() - 1] + record.len());
        }
        for piece in 1..file.len() {
            let mut framer = Framer::new(Dialect::default());
            let mut cuts = Vec::new();
            for piece in file.as_bytes().chunks(piece) {
                cuts.extend(framer.push(piece).expect("it is whole"));
            }
            cuts.extend(framer.finish().expect("it ends"));
            let (mut at, mut together) = (0, Vec::new());
            for cut in cuts {
                let bytes = match cut {
                    Cut::Header(bytes, names) => {
                        assert_eq!(names, ["h", "i"]);
                        bytes
                    }
                    Cut::Records(piece) => {
                        let line = file[..at].matches('\n').count() as u64 + 1;
                        assert_eq!(piece.line, line);
                        piece.bytes.to_vec()
                    }
                };
                at += bytes.len();
                assert!(ends.contains(&at), "cut inside a record at {at}, pieces of {piece}");
                together.extend(bytes);
            }
            assert_eq!(together, file.as_bytes());
        }
    }
}
