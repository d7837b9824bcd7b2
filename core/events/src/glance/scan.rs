//! The grammar of JSON over bytes that are UTF-8, as strict as a parser's: where a value ends, and that it is one.

use super::Unclear;
use crate::fields::mix;
use crate::record::MAX_DEPTH;

/// The bytes of one event.
#[derive(Clone, Copy)]
pub(super) struct Scan<'b> {
    pub(super) bytes: &'b [u8],
}

/// A string: one past its closing quote, and what is in it.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) end: usize,
    pub(super) escaped: bool,
    /// Whether a name has a dot in it; not told of other strings.
    pub(super) dotted: bool,
}

const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

const ONES: u64 = all(1);
const HIGH: u64 = all(0x80);

/// The high bit of each byte that is nought; of those above the lowest such byte it may err.
const fn noughts(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// The high bit of each byte at which a string does not simply go on: a quote, a backslash, a control character.
const fn special(word: u64) -> u64 {
    noughts(word ^ all(b'"')) | noughts(word ^ all(b'\\')) | (word.wrapping_sub(all(0x20)) & !word & HIGH)
}

impl Scan<'_> {
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn word(&self, at: usize) -> Option<u64> {
        self.bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// The first byte at or after `at` that is no white space.
    pub(super) fn space(&self, mut at: usize) -> usize {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.byte(at) {
            at += 1;
        }
        at
    }

    /// Behind a colon and its white space.
    pub(super) fn colon(&self, at: usize) -> Result<usize, Unclear> {
        let at = self.space(at);
        if self.byte(at) == Some(b':') { Ok(self.space(at + 1)) } else { Err(Unclear) }
    }

    /// The string that opens at `start`.
    #[inline]
    pub(super) fn string(&self, start: usize) -> Result<Text, Unclear> {
        let mut at = start + 1;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(at..).ok_or(Unclear)?;
            let (words, _) = rest.as_chunks::<8>();
            for word in words {
                let found = special(u64::from_le_bytes(*word));
                if found != 0 {
                    at += found.trailing_zeros() as usize / 8;
                    break;
                }
                at += 8;
            }
            match self.byte(at).ok_or(Unclear)? {
                b'"' => return Ok(Text { end: at + 1, escaped, dotted: false }),
                b'\\' => {
                    escaped = true;
                    at = self.escape(at + 1)?;
                }
                0..0x20 => return Err(Unclear),
                _ => at += 1,
            }
        }
    }

    /// Behind the escape whose backslash stands before `at`.
    #[cold]
    fn escape(&self, at: usize) -> Result<usize, Unclear> {
        match self.byte(at).ok_or(Unclear)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
            b'u' => {
                let unit = self.unit(at + 1)?;
                match unit {
                    // Half of a pair: the other half must follow.
                    0xd800..0xdc00 => {
                        let second = self.bytes.get(at + 5..at + 7) == Some(b"\\u");
                        let low = if second { self.unit(at + 7)? } else { 0 };
                        if (0xdc00..0xe000).contains(&low) { Ok(at + 11) } else { Err(Unclear) }
                    }
                    0xdc00..0xe000 => Err(Unclear),
                    _ => Ok(at + 5),
                }
            }
            _ => Err(Unclear),
        }
    }

    fn unit(&self, at: usize) -> Result<u32, Unclear> {
        let digits = self.bytes.get(at..at + 4).ok_or(Unclear)?;
        let mut unit = 0;
        for digit in digits {
            unit = unit * 16 + char::from(*digit).to_digit(16).ok_or(Unclear)?;
        }
        Ok(unit)
    }

    /// The name that opens at `start`, and its hash. One with an escape in it is not understood.
    #[inline]
    pub(super) fn name(&self, start: usize) -> Result<(Text, u32), Unclear> {
        if self.byte(start) != Some(b'"') {
            return Err(Unclear);
        }
        let text = self.string(start)?;
        if text.escaped {
            return Err(Unclear);
        }
        let (from, length) = (start + 1, text.end - start - 2);
        let name = self.bytes.get(from..from + length).ok_or(Unclear)?;
        let dots = |word: u64| noughts(word ^ all(b'.')) != 0;
        let (first, last, dotted) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
                let middle = name.get(8..length.saturating_sub(8).max(8)).unwrap_or_default();
                (first, last, dots(first) || dots(last) || middle.contains(&b'.'))
            }
            _ => {
                // The bytes behind are cut off; at the very end of an event there are too few of them.
                let word = match self.word(from) {
                    Some(word) => word & ((1 << (8 * length)) - 1),
                    None => {
                        let mut bytes = [0; 8];
                        bytes.get_mut(..length).ok_or(Unclear)?.copy_from_slice(name);
                        u64::from_le_bytes(bytes)
                    }
                };
                (word, 0, dots(word))
            }
        };
        Ok((Text { dotted, ..text }, mix(first, last, length)))
    }

    /// Where the number or the word ends that begins at `start`.
    pub(super) fn scalar(&self, start: usize) -> Result<usize, Unclear> {
        let word = |text: &[u8]| {
            let end = start + text.len();
            if self.bytes.get(start..end) == Some(text) { Ok(end) } else { Err(Unclear) }
        };
        match self.byte(start).ok_or(Unclear)? {
            b't' => word(b"true"),
            b'f' => word(b"false"),
            b'n' => word(b"null"),
            _ => self.number(start),
        }
    }

    fn number(&self, start: usize) -> Result<usize, Unclear> {
        let digits = |mut at: usize| {
            let from = at;
            while self.byte(at).is_some_and(|byte| byte.is_ascii_digit()) {
                at += 1;
            }
            if at > from { Ok(at) } else { Err(Unclear) }
        };
        let from = start + usize::from(self.byte(start) == Some(b'-'));
        let mut at = digits(from)?;
        if at > from + 1 && self.byte(from) == Some(b'0') {
            return Err(Unclear);
        }
        // Nought below nought is another number to some parsers.
        if from > start && self.byte(from) == Some(b'0') {
            return Err(Unclear);
        }
        let whole = at;
        if self.byte(at) == Some(b'.') {
            at = digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = self.byte(at) {
            return Err(Unclear);
        }
        // An exponent, or what 64 bits cannot hold, a parser may refuse.
        if at - start > 18 && (at > whole || at - start > 20) { Err(Unclear) } else { Ok(at) }
    }

    /// Passes over the value that begins at `start` and stands so deep. Does not recurse.
    pub(super) fn skip(&self, start: usize, depth: usize, names: &mut Vec<u32>) -> Result<usize, Unclear> {
        // One bit for each open bracket here, the last lowest: 1 for an object.
        let mut kinds = 0u64;
        let mut open = 0;
        // Where the names of the innermost object begin; before them stands where those of the next do.
        let mut mark = 0;
        let mut at = start;
        loop {
            // A value begins at `at`.
            match self.byte(at).ok_or(Unclear)? {
                bracket @ (b'{' | b'[') => {
                    if depth + open >= MAX_DEPTH {
                        return Err(Unclear);
                    }
                    let object = bracket == b'{';
                    if object {
                        names.push(u32::try_from(mark).unwrap_or(u32::MAX));
                        mark = names.len();
                    }
                    kinds = kinds << 1 | u64::from(object);
                    open += 1;
                    at = self.space(at + 1);
                    match (self.byte(at).ok_or(Unclear)?, object) {
                        (b'}', true) | (b']', false) => {}
                        (_, true) => {
                            at = self.member(at, names)?;
                            continue;
                        }
                        (_, false) => continue,
                    }
                }
                b'"' => {
                    at = self.string(at)?.end;
                    if open == 0 {
                        return Ok(at);
                    }
                    at = self.space(at);
                }
                _ => {
                    at = self.scalar(at)?;
                    if open == 0 {
                        return Ok(at);
                    }
                    at = self.space(at);
                }
            }
            // Behind a value, inside a bracket; or at the end of an empty one.
            loop {
                let object = kinds & 1 == 1;
                match (self.byte(at).ok_or(Unclear)?, object) {
                    (b',', true) => {
                        at = self.member(self.space(at + 1), names)?;
                        break;
                    }
                    (b',', false) => {
                        at = self.space(at + 1);
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        open -= 1;
                        kinds >>= 1;
                        if object {
                            once(names, mark)?;
                            mark = names.pop().ok_or(Unclear)? as usize;
                        }
                        at += 1;
                        if open == 0 {
                            return Ok(at);
                        }
                        at = self.space(at);
                    }
                    _ => return Err(Unclear),
                }
            }
        }
    }

    /// The beginning of the value of the member that begins at `at`.
    fn member(&self, at: usize, names: &mut Vec<u32>) -> Result<usize, Unclear> {
        let (name, hash) = self.name(at)?;
        names.push(hash);
        self.colon(name.end)
    }
}

/// That no name of the object stands twice, whose names begin at `mark`, and forgets them. Two with the same hash are
/// not told apart here.
pub(super) fn once(names: &mut Vec<u32>, mark: usize) -> Result<(), Unclear> {
    const FEW: usize = 48;
    let own = names.get_mut(mark..).ok_or(Unclear)?;
    let twice = if own.len() > FEW {
        own.sort_unstable();
        own.windows(2).any(|pair| pair[0] == pair[1])
    } else {
        (1..own.len()).any(|at| {
            let (before, rest) = own.split_at(at);
            // Without a branch for each, so that several are compared at once.
            before.iter().fold(false, |any, name| any | (Some(name) == rest.first()))
        })
    };
    names.truncate(mark);
    if twice { Err(Unclear) } else { Ok(()) }
}
