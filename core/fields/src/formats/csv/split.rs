//! Cuts bytes into records and cells, without copying or interpreting them.

use crate::Error;
use memchr::{memchr, memchr_iter, memchr2};
use std::ops::Range;

/// The largest record: 16 MiB. A file with an unclosed quote is refused instead of filling memory.
pub const MAX_RECORD: usize = 16 << 20;

/// Where a file has been read to.
#[derive(Debug)]
pub(super) struct Splitter {
    delimiter: u8,
    /// The line on which the next record begins, from 1.
    line: u64,
}

/// What stands at some place of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A record of this many cells, ending (with its line break) before `end`.
    Record { cells: usize, end: usize },
    /// Its end has not arrived yet.
    More,
}

impl Splitter {
    pub(super) const fn new(delimiter: u8, line: u64) -> Self {
        Self { delimiter, line }
    }

    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Reads the record at `start`, which lies before the end of `bytes`. `last` says that nothing follows
    /// `bytes`. Each cell is handed to `cell` with its index, quotes included.
    pub(super) fn record(
        &mut self,
        bytes: &[u8],
        start: usize,
        last: bool,
        cell: impl FnMut(usize, Range<usize>),
    ) -> Result<Step, Error> {
        self.wanted(bytes, start, last, usize::MAX, cell)
    }

    /// As [`record`](Self::record), but the cells behind the first `wanted` need not be handed out: they are counted,
    /// at once where no quote stands in them.
    pub(super) fn wanted(
        &mut self,
        bytes: &[u8],
        start: usize,
        last: bool,
        mut wanted: usize,
        mut cell: impl FnMut(usize, Range<usize>),
    ) -> Result<Step, Error> {
        let (mut at, mut cells, mut quoted) = (start, 0, false);
        loop {
            if cells >= wanted {
                if let Some((more, end)) = self.plain(bytes, at) {
                    self.line += match quoted {
                        true => memchr_iter(b'\n', &bytes[start..end]).count() as u64,
                        false => 1,
                    };
                    return Ok(Step::Record { cells: cells + more, end });
                }
                // Looked for at each cell it would cost the square of the record's length.
                wanted = usize::MAX;
            }
            quoted |= bytes.get(at) == Some(&b'"');
            let Some((range, next)) = self.cell(bytes, at, last)? else {
                if bytes.len() - start > MAX_RECORD {
                    return Err(self.wrong("the record is longer than 16 MiB; is a quote left open?"));
                }
                return Ok(Step::More);
            };
            cell(cells, range);
            cells += 1;
            match next {
                Next::Cell(next) => at = next,
                Next::Record(end) => {
                    // Only quotes hold line breaks inside a record.
                    self.line += match quoted {
                        true => memchr_iter(b'\n', &bytes[start..end]).count() as u64,
                        false => u64::from(bytes[..end].ends_with(b"\n")),
                    };
                    return Ok(Step::Record { cells, end });
                }
            }
        }
    }

    /// How many cells stand from `at` to the end of the record, and that end, where it comes before any quote.
    fn plain(&self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let end = at + memchr2(b'\n', b'"', &bytes[at..])?;
        (bytes[end] == b'\n').then(|| (memchr_iter(self.delimiter, &bytes[at..end]).count() + 1, end + 1))
    }

    /// The cell at `at`, and what comes after it; `None` where its end has not arrived.
    fn cell(&self, bytes: &[u8], at: usize, last: bool) -> Result<Option<(Range<usize>, Next)>, Error> {
        if bytes.get(at) == Some(&b'"') {
            return self.quoted_cell(bytes, at, last);
        }
        let found = memchr2(self.delimiter, b'\n', &bytes[at..]).map(|offset| at + offset);
        Ok(match found {
            Some(end) if bytes[end] == b'\n' => {
                let cell = if end > at && bytes[end - 1] == b'\r' { end - 1 } else { end };
                Some((at..cell, Next::Record(end + 1)))
            }
            Some(end) => Some((at..end, Next::Cell(end + 1))),
            None if last => Some((at..bytes.len(), Next::Record(bytes.len()))),
            None => None,
        })
    }

    fn quoted_cell(
        &self,
        bytes: &[u8],
        at: usize,
        last: bool,
    ) -> Result<Option<(Range<usize>, Next)>, Error> {
        let mut from = at + 1;
        let end = loop {
            let Some(quote) = memchr(b'"', &bytes[from..]).map(|offset| from + offset) else {
                return if last { Err(self.wrong("a quote is never closed")) } else { Ok(None) };
            };
            match bytes.get(quote + 1) {
                Some(b'"') => from = quote + 2,
                Some(_) => break quote + 1,
                None if last => break quote + 1,
                None => return Ok(None),
            }
        };
        let next = match &bytes[end..] {
            [] => Next::Record(end),
            [b'\n', ..] => Next::Record(end + 1),
            [b'\r', b'\n', ..] => Next::Record(end + 2),
            [b'\r'] if !last => return Ok(None),
            [byte, ..] if *byte == self.delimiter => Next::Cell(end + 1),
            _ => return Err(self.wrong("text follows a closing quote")),
        };
        Ok(Some((at..end, next)))
    }

    pub(super) fn wrong(&self, why: impl Into<String>) -> Error {
        Error::Csv { line: self.line, why: why.into() }
    }
}

enum Next {
    Cell(usize),
    Record(usize),
}

#[cfg(test)]
mod tests {
    use super::{Splitter, Step};

    fn cells(bytes: &[u8]) -> Vec<Vec<String>> {
        let mut splitter = Splitter::new(b',', 1);
        let (mut at, mut records) = (0, Vec::new());
        while at < bytes.len() {
            let mut record = Vec::new();
            let step = splitter
                .record(bytes, at, true, |_, range| {
                    record.push(String::from_utf8_lossy(&bytes[range]).into_owned());
                })
                .expect("valid CSV");
            let Step::Record { end, .. } = step else { return records };
            at = end;
            records.push(record);
        }
        records
    }

    #[test]
    fn rfc_4180() {
        assert_eq!(cells(b"aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n"), [["aaa", "bbb", "ccc"], ["zzz", "yyy", "xxx"]]);
        assert_eq!(cells(b"a,b\n\"x\r\ny\",z"), [["a", "b"], ["\"x\r\ny\"", "z"]]);
        assert_eq!(cells(b"\"a\"\"b\",\"\"\n"), [["\"a\"\"b\"", "\"\""]]);
        assert_eq!(cells(b"a\"b,c\rd\n,"), [["a\"b", "c\rd"], ["", ""]]);
    }

    /// What is wanted of a record changes neither its end, its line nor the number of its cells.
    #[test]
    fn cells_that_are_not_wanted_are_counted_as_the_others_are() {
        let files: [&[u8]; 6] = [
            b"a,b,c,d\ne,f,g,h\n",
            b"a,b,c,d\r\n,,,\r\n",
            b"\"a\n\",b,\"c,\n\",d\nx,y\"z,\"\",\"\"\n",
            b"a,b,c,d",
            b"a\nb\n\nc",
            b"a,b,\"c\"\"\n,\",d\n1,2,3,4\n",
        ];
        for bytes in files {
            for wanted in 0..6 {
                let (mut plain, mut quick) = (Splitter::new(b',', 1), Splitter::new(b',', 1));
                let mut at = 0;
                while at < bytes.len() {
                    let (mut all, mut some) = (Vec::new(), Vec::new());
                    let expected =
                        plain.record(bytes, at, true, |_, range| all.push(range)).expect("valid CSV");
                    let step = quick.wanted(bytes, at, true, wanted, |_, range| some.push(range));
                    assert_eq!(step.expect("valid CSV"), expected, "{wanted} of {bytes:?} at {at}");
                    assert_eq!(quick.line(), plain.line(), "{wanted} of {bytes:?} at {at}");
                    assert!(some.len() >= wanted.min(all.len()) && all.starts_with(&some), "{some:?}");
                    let Step::Record { end, .. } = expected else { break };
                    at = end;
                }
            }
        }
    }

    #[test]
    fn a_cut_record_waits_wherever_it_is_cut() {
        let whole = b"\"a \"\"quoted\"\"\nline\",b\r\nnext";
        for cut in 0..whole.len() - 4 {
            let mut splitter = Splitter::new(b',', 1);
            let step = splitter.record(&whole[..cut], 0, false, |_, _| {}).expect("valid so far");
            assert_eq!(step, Step::More, "cut at {cut}");
            assert_eq!(splitter.line(), 1);
        }
        let mut splitter = Splitter::new(b',', 1);
        let step = splitter.record(whole, 0, false, |_, _| {}).expect("valid");
        assert_eq!((step, splitter.line()), (Step::Record { cells: 2, end: whole.len() - 4 }, 3));
    }

    #[test]
    fn broken_quotes_name_their_line() {
        let mut splitter = Splitter::new(b',', 1);
        let bytes = b"a,b\n\"x\"y,z\n";
        splitter.record(bytes, 0, true, |_, _| {}).expect("the header");
        let error = splitter.record(bytes, 4, true, |_, _| {}).expect_err("text after a quote");
        assert_eq!(error.to_string(), "line 2: text follows a closing quote");
        let error = splitter.record(b"\"x", 0, true, |_, _| {}).expect_err("an open quote");
        assert_eq!(error.to_string(), "line 2: a quote is never closed");
    }
}
