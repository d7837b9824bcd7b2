//! Cuts a file into pieces of whole records, without reading what stands in them.

use super::scan::MAX_DEPTH;
use crate::{Error, formats::csv::MAX_RECORD};
use memchr::{memchr_iter, memrchr};

/// A piece is cut once it has this many bytes.
pub(super) const PIECE: usize = 128 << 10;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Bytes of a file, and where in it they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::formats) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) what: What,
    /// The line on which it begins, from 1, and the bytes before it on that line.
    pub(super) line: u64,
    pub(super) before: u64,
}

/// What a piece has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Bytes around records: white space and the brackets of the outer array.
    Around,
    /// Records set apart by commas; with `more`, a comma stands behind the last.
    Elements { more: bool },
    /// One record.
    Record,
    /// Records in lines.
    Lines,
}

/// Cuts one file.
#[derive(Debug)]
pub(in crate::formats) struct Framer {
    lines: bool,
    state: State,
    /// What has arrived and is not in a piece.
    pending: Vec<u8>,
    /// How much of it was looked at.
    seen: usize,
    /// The end of the last whole record in it.
    end: usize,
    line: u64,
    before: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first value.
    Start,
    /// In the outer array, or in the one record.
    In { array: bool, depth: usize, text: Text, comma: bool },
    /// Behind the last value.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    Escaped,
}

impl Framer {
    pub(in crate::formats) const fn new(lines: bool) -> Self {
        Self { lines, state: State::Start, pending: Vec::new(), seen: 0, end: 0, line: 1, before: 0 }
    }

    /// Takes the next bytes, and gives the pieces that are whole.
    pub(in crate::formats) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, Error> {
        self.pending.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        if self.lines {
            self.cut_lines(&mut pieces)
        } else {
            self.cut_document(false, &mut pieces)?
        }
        if self.pending.len() > MAX_RECORD {
            return Err(self.wrong(match (self.lines, self.state) {
                (false, State::In { array: false, .. }) => {
                    "a document that is one record may have 16 MiB; larger ones are an array of records, or NDJSON"
                }
                _ => "a record is longer than 16 MiB",
            }));
        }
        Ok(pieces)
    }

    /// What is left at the end of the file.
    pub(in crate::formats) fn finish(&mut self) -> Result<Vec<Piece>, Error> {
        let mut pieces = Vec::new();
        if self.lines {
            if !self.pending.is_empty() {
                self.cut(self.pending.len(), What::Lines, &mut pieces);
            }
            return Ok(pieces);
        }
        self.cut_document(true, &mut pieces)?;
        match self.state {
            State::Start => {
                Err(self.wrong("the file is empty: an array of records, or a record, is expected"))
            }
            State::In { .. } => Err(self.wrong("the document ends before its last bracket")),
            State::End => Ok(pieces),
        }
    }

    fn cut_lines(&mut self, pieces: &mut Vec<Piece>) {
        if self.state == State::Start {
            if self.pending.len() < BOM.len() {
                return;
            }
            self.state = State::End;
            if self.pending.starts_with(BOM) {
                self.cut(BOM.len(), What::Around, pieces);
            }
        }
        let new = self.seen.min(self.pending.len());
        if let Some(at) = memrchr(b'\n', &self.pending[new..]) {
            let end = new + at + 1;
            let mut from = 0;
            // Large pushes become several pieces, so that several threads have work.
            while end - from > PIECE * 2 {
                let Some(at) = memrchr(b'\n', &self.pending[..PIECE]) else { break };
                self.cut(at + 1, What::Lines, pieces);
                from += at + 1;
            }
            self.cut(end - from, What::Lines, pieces);
        }
        self.seen = self.pending.len();
    }

    fn cut_document(&mut self, last: bool, pieces: &mut Vec<Piece>) -> Result<(), Error> {
        loop {
            match self.state {
                State::Start => {
                    if !last && self.pending.len() < BOM.len() {
                        return Ok(());
                    }
                    let bom = if self.line == 1 && self.before == 0 && self.pending.starts_with(BOM) {
                        BOM.len()
                    } else {
                        0
                    };
                    let space = self.pending[bom..].iter().take_while(|&&byte| is_space(byte)).count();
                    let at = bom + space;
                    let Some(&first) = self.pending.get(at) else {
                        if self.pending.len() > PIECE {
                            self.cut(at, What::Around, pieces);
                        }
                        return Ok(());
                    };
                    let array = match first {
                        b'[' => true,
                        b'{' => false,
                        _ => return Err(self.wrong_at(at, "an array of records, or a record, is expected")),
                    };
                    self.cut(at + usize::from(array), What::Around, pieces);
                    let depth = usize::from(array);
                    self.state = State::In { array, depth, text: Text::Outside, comma: false };
                }
                State::In { array, .. } => {
                    let Some((end, comma)) = self.walk(pieces)? else { return Ok(()) };
                    if array {
                        if self.pending[end - 1] != b']' {
                            return Err(self.wrong_at(end - 1, "`]` is expected"));
                        }
                        let empty = !comma && self.pending[..end - 1].iter().all(|&byte| is_space(byte));
                        if comma && end == 1 {
                            return Err(self.wrong("a record is an object: `{` is expected"));
                        }
                        let what = if empty { What::Around } else { What::Elements { more: false } };
                        // The bracket belongs to no record.
                        self.cut(end - 1, what, pieces);
                        self.cut(1, What::Around, pieces);
                    } else {
                        self.cut(end, What::Record, pieces);
                    }
                    self.state = State::End;
                }
                State::End => {
                    if let Some(at) = self.pending.iter().position(|&byte| !is_space(byte)) {
                        return Err(self.wrong_at(at, "something follows the end of the document"));
                    }
                    let length = self.pending.len();
                    self.cut(length, What::Around, pieces);
                    return Ok(());
                }
            }
        }
    }

    /// Goes on through the outer value; gives its end, where that has arrived, and whether it had a comma.
    fn walk(&mut self, pieces: &mut Vec<Piece>) -> Result<Option<(usize, bool)>, Error> {
        let State::In { array, mut depth, mut text, mut comma } = self.state else { return Ok(None) };
        let mut at = self.seen;
        while let Some(&byte) = self.pending.get(at) {
            match text {
                Text::Escaped => text = Text::Inside,
                Text::Inside => match byte {
                    b'"' => text = Text::Outside,
                    b'\\' => text = Text::Escaped,
                    _ => {
                        // Most bytes stand in strings; the next that counts is found faster than byte by byte.
                        let skipped = memchr::memchr2(b'"', b'\\', &self.pending[at..]);
                        at = skipped.map_or(self.pending.len(), |skipped| at + skipped);
                        continue;
                    }
                },
                Text::Outside => match byte {
                    b'"' => text = Text::Inside,
                    b'{' | b'[' => {
                        depth += 1;
                        if depth > MAX_DEPTH + usize::from(array) {
                            return Err(self.wrong_at(at, "it is nested deeper than 64"));
                        }
                    }
                    b'}' | b']' => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            return Ok(Some((at + 1, comma)));
                        }
                    }
                    b',' if array && depth == 1 => {
                        self.end = at + 1;
                        comma = true;
                    }
                    _ => {}
                },
            }
            at += 1;
            if self.end >= PIECE {
                let end = self.end;
                self.cut(end, What::Elements { more: true }, pieces);
                at -= end;
            }
        }
        self.seen = at;
        if self.end > 0 {
            let end = self.end;
            self.cut(end, What::Elements { more: true }, pieces);
            self.seen = at - end;
        }
        self.state = State::In { array, depth, text, comma };
        Ok(None)
    }

    /// Takes the first bytes of what is pending as a piece.
    fn cut(&mut self, length: usize, what: What, pieces: &mut Vec<Piece>) {
        if length == 0 {
            return;
        }
        let rest = self.pending.split_off(length);
        let bytes = std::mem::replace(&mut self.pending, rest);
        (self.seen, self.end) = (0, 0);
        let (line, before) = (self.line, self.before);
        (self.line, self.before) = place(&bytes, bytes.len(), line, before);
        pieces.push(Piece { bytes, what, line, before });
    }

    fn wrong(&self, why: &str) -> Error {
        self.wrong_at(0, why)
    }

    fn wrong_at(&self, at: usize, why: &str) -> Error {
        let (line, before) = place(&self.pending, at, self.line, self.before);
        Error::Json { line, position: before + 1, why: why.to_owned() }
    }
}

/// The line of a place, and the bytes before it on that line, where the first byte stands at `line`, `before`.
pub(super) fn place(bytes: &[u8], at: usize, line: u64, before: u64) -> (u64, u64) {
    let bytes = &bytes[..at.min(bytes.len())];
    match memrchr(b'\n', bytes) {
        Some(last) => (line + memchr_iter(b'\n', bytes).count() as u64, (bytes.len() - last - 1) as u64),
        None => (line, before + bytes.len() as u64),
    }
}

pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}
