//! Reads one JSON value (RFC 8259) without building it: checks every byte, and tells where the values of the
//! policy's paths stand.

use super::paths::{Node, Paths};
use crate::formats::csv::MAX_RECORD;
use std::ops::Range;

/// The deepest nesting. Enforced before anything is built.
pub(super) const MAX_DEPTH: usize = 64;

/// A value that a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Which path, by its number.
    pub(super) path: usize,
    /// In which record, from 0.
    pub(super) row: usize,
    /// Where it stands.
    pub(super) range: Range<usize>,
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) why: &'static str,
}

/// Reads values from `bytes`.
#[derive(Debug)]
pub(super) struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
    paths: &'b Paths,
    row: usize,
    found: Vec<Found>,
    /// A name that has escapes, with them read.
    name: Vec<u8>,
}

type Read<T = ()> = Result<T, Wrong>;

impl<'b> Scan<'b> {
    pub(super) const fn new(bytes: &'b [u8], paths: &'b Paths) -> Self {
        Self { bytes, at: 0, paths, row: 0, found: Vec::new(), name: Vec::new() }
    }

    /// How many records were read.
    pub(super) const fn rows(&self) -> usize {
        self.row
    }

    /// What was found, in the order of the bytes.
    pub(super) fn into_found(self) -> Vec<Found> {
        self.found
    }

    /// Reads the next line that is not blank, as one record; `false` at the end.
    pub(super) fn line(&mut self) -> Read<bool> {
        if self.is_over() {
            return Ok(false);
        }
        let rest = &self.bytes[self.at..];
        let end = memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |length| self.at + length);
        // A line break inside would be white space to JSON.
        let bytes = self.bytes;
        self.bytes = &bytes[..end];
        self.record()?;
        if !self.is_over() {
            return self.wrong("something follows the record on its line");
        }
        self.bytes = bytes;
        Ok(true)
    }

    /// Whether nothing but white space is left.
    pub(super) fn is_over(&mut self) -> bool {
        self.space();
        self.at == self.bytes.len()
    }

    /// Takes this character, if it is next behind white space.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        self.space();
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    /// Reads a record: an object.
    pub(super) fn record(&mut self) -> Read {
        self.space();
        if self.peek() != Some(b'{') {
            return self.wrong("a record is an object: `{` is expected");
        }
        let start = self.at;
        self.value(Some(Paths::ROOT), 1)?;
        if self.at - start > MAX_RECORD {
            return Err(Wrong { at: start, why: "a record is longer than 16 MiB" });
        }
        self.row += 1;
        Ok(())
    }

    /// What is wrong at this place.
    pub(super) fn wrong<T>(&self, why: &'static str) -> Read<T> {
        Err(Wrong { at: self.at, why })
    }

    fn value(&mut self, node: Option<Node>, depth: usize) -> Read {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.object(node, depth)?,
            Some(b'[') => self.array(node, depth)?,
            Some(b'"') => self.string().map(drop)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'n') => self.literal(b"null")?,
            Some(_) => return self.wrong("a value is expected"),
            None => return self.wrong("it ends where a value is expected"),
        }
        if let Some(path) = node.and_then(|node| self.paths.end(node)) {
            self.found.push(Found { path, row: self.row, range: start..self.at });
        }
        Ok(())
    }

    fn object(&mut self, node: Option<Node>, depth: usize) -> Read {
        self.deeper(depth)?;
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.wrong("a name in quotes is expected");
            }
            let start = self.at + 1;
            let escaped = self.string()?;
            let raw = &self.bytes[start..self.at - 1];
            let below = match node {
                Some(node) if self.paths.leads_on(node) => {
                    if escaped {
                        self.name.clear();
                        unescape(raw, &mut self.name);
                        self.paths.member(node, &self.name)
                    } else {
                        self.paths.member(node, raw)
                    }
                }
                _ => None,
            };
            if !self.takes(b':') {
                return self.wrong("`:` is expected behind a name");
            }
            self.value(below, depth + 1)?;
            if self.takes(b',') {
                continue;
            }
            return if self.takes(b'}') { Ok(()) } else { self.wrong("`,` or `}` is expected") };
        }
    }

    fn array(&mut self, node: Option<Node>, depth: usize) -> Read {
        self.deeper(depth)?;
        let below = node.and_then(|node| self.paths.items(node));
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            self.value(below, depth + 1)?;
            if self.takes(b',') {
                continue;
            }
            return if self.takes(b']') { Ok(()) } else { self.wrong("`,` or `]` is expected") };
        }
    }

    fn deeper(&mut self, depth: usize) -> Read {
        if depth > MAX_DEPTH {
            return self.wrong("it is nested deeper than 64");
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a string; whether it has escapes.
    fn string(&mut self) -> Read<bool> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            let rest = &self.bytes[self.at..];
            let Some(length) = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)
            else {
                return Err(Wrong { at: start, why: "a string is never closed" });
            };
            self.at += length;
            match rest[length] {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return self.wrong("a control character in a string must be escaped"),
            }
        }
    }

    fn escape(&mut self) -> Read {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.unit(self.at) {
                Some(0xd800..0xdc00) => match self.unit(self.at + 6) {
                    Some(0xdc00..0xe000) => {
                        self.at += 12;
                        Ok(())
                    }
                    _ => self.wrong("half of a surrogate pair stands alone"),
                },
                Some(0xdc00..0xe000) => self.wrong("half of a surrogate pair stands alone"),
                Some(_) => {
                    self.at += 6;
                    Ok(())
                }
                None => self.wrong("four hexadecimal digits are expected behind `\\u`"),
            },
            _ => self.wrong("a backslash stands before none of `\"\\/bfnrtu`"),
        }
    }

    /// The UTF-16 unit that is written here as `\uXXXX`.
    fn unit(&self, at: usize) -> Option<u16> {
        unit(self.bytes.get(at..at.checked_add(6)?)?)
    }

    fn number(&mut self) -> Read {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Read {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { self.wrong("a digit is expected") } else { Ok(()) }
    }

    fn literal(&mut self, word: &[u8]) -> Read {
        if !self.bytes[self.at..].starts_with(word) {
            return self.wrong("a value is expected");
        }
        self.at += word.len();
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"\\u")?;
    let all = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| all)?;
    u16::from_str_radix(text, 16).ok()
}

/// Appends what a string says: its bytes between the quotes, which have been read once already, with their
/// escapes resolved.
pub(super) fn unescape(mut raw: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\\', raw) {
        out.extend_from_slice(&raw[..at]);
        raw = &raw[at..];
        let (character, length) = match raw {
            [_, b'u', ..] => {
                let first = raw.get(..6).and_then(unit).unwrap_or(0xfffd);
                let pair = raw.get(6..12).and_then(unit).filter(|_| (0xd800..0xdc00).contains(&first));
                let units = [first, pair.unwrap_or(0)];
                let units = if pair.is_some() { &units[..] } else { &units[..1] };
                let read = char::decode_utf16(units.iter().copied()).next();
                let character = read.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
                (character, if pair.is_some() { 12 } else { 6 })
            }
            [_, b'b', ..] => ('\u{8}', 2),
            [_, b'f', ..] => ('\u{c}', 2),
            [_, b'n', ..] => ('\n', 2),
            [_, b'r', ..] => ('\r', 2),
            [_, b't', ..] => ('\t', 2),
            [_, other, ..] => (char::from(*other), 2),
            _ => (char::REPLACEMENT_CHARACTER, 1),
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        raw = raw.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(raw);
}

/// Appends a text as a string.
pub(super) fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            control if control < ' ' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            }
            plain => out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
