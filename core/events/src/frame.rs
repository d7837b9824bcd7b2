//! Where the events are in plain bytes: lists under one name, arrays, one event a line, one event, or
//! several behind each other, also spread over lines.
//!
//! Lists are `{"Records":[…]}` (CloudTrail on S3), `{"records":[…]}` (Azure diagnostic settings),
//! `{"logEvents":[…]}` (CloudWatch Logs), `{"kind":"…List","items":[…]}` (Kubernetes' EventList),
//! `{"kind":"admin#reports#activities","items":[…]}` (Google Workspace) and `{"@odata.context":…,"value":[…]}`
//! (Microsoft Graph). Whether a list of `items` or `value` is one is told by the name beside it.
//!
//! Only structure is looked at here. A line that is no whole value counts as an event, which
//! [`Record::read`](crate::Record::read) then rejects by its index; where no line helps to find the next
//! event, the whole is refused with the position. Linear in the bytes, whatever they are.
//!
//! What is in memory whole is taken apart by [`frame`](frame()); a file of any size as it is read, by [`Frames`].

mod stream;

pub use stream::{Framed, Frames, HELD, Unreadable};

use crate::scan::{self, Broken};
use base::{Fault, Kind};
use memchr::memchr;
use std::ops::Range;

/// The most events in one batch.
pub const MAX_EVENTS: usize = 1_000_000;

/// Why the events could not be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It begins as no JSON object or array does.
    #[error("no JSON object or array at byte {at}")]
    NoJson {
        /// The first byte that is not white space.
        at: usize,
    },
    /// It ends inside a value.
    #[error("the JSON that begins at byte {from} ends in the middle, at byte {at}")]
    Unfinished {
        /// Where the value begins.
        from: usize,
        /// Where the input ends.
        at: usize,
    },
    /// Brackets, commas and values do not fit together.
    #[error("the JSON breaks at byte {at}")]
    Broken {
        /// Where.
        at: usize,
    },
    /// Too many at once.
    #[error("more than 1000000 events in one batch: send smaller batches")]
    TooMany,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::TooMany => Kind::TooLarge,
            Self::NoJson { .. } | Self::Unfinished { .. } | Self::Broken { .. } => Kind::BadInput,
        }
    }
}

/// Finds the events. An event's index is its place in the answer.
///
/// # Errors
/// [`Error`], with the position.
pub fn frame(bytes: &[u8]) -> Result<Vec<Range<usize>>, Error> {
    framed(bytes, MAX_EVENTS)
}

/// The same, of so many events at most.
fn framed(bytes: &[u8], most: usize) -> Result<Vec<Range<usize>>, Error> {
    let mark = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
    let start = scan::skip_space(bytes, mark);
    let mut events = Events { bytes, found: Vec::new(), most };
    match bytes.get(start) {
        None => return Ok(events.found),
        Some(b'{' | b'[') => {}
        Some(_) => return Err(Error::NoJson { at: start }),
    }
    let line = end_of_line(bytes, start);
    if scan::value(&bytes[..line], start, usize::MAX).is_ok() {
        events.lines(start, true)?;
        return Ok(events.found);
    }
    match events.values(start) {
        Ok(()) => Ok(events.found),
        Err(Error::TooMany) => Err(Error::TooMany),
        // One broken line before whole ones: the lines tell the events apart all the same.
        Err(_) if !is_wrapper(bytes, start) && whole_line(bytes, line) => {
            events.found.clear();
            events.lines(start, true)?;
            Ok(events.found)
        }
        Err(wrong) => Err(wrong),
    }
}

struct Events<'b> {
    bytes: &'b [u8],
    found: Vec<Range<usize>>,
    /// How many events there may be.
    most: usize,
}

impl Events<'_> {
    /// Values behind each other, up to the end.
    fn values(&mut self, start: usize) -> Result<(), Error> {
        let mut at = start;
        while at < self.bytes.len() {
            at = scan::skip_space(self.bytes, self.value(self.bytes.len(), at)?);
        }
        Ok(())
    }

    /// Each line on its own. A line that breaks is one event, for the parser to reject; where it is all that there
    /// is, the whole is refused.
    fn lines(&mut self, start: usize, whole: bool) -> Result<(), Error> {
        let mut at = start;
        while at < self.bytes.len() {
            let line = end_of_line(self.bytes, at);
            while at < line {
                let before = self.found.len();
                match self.value(line, at) {
                    Ok(end) => at = scan::skip_space(&self.bytes[..line], end),
                    Err(Error::TooMany) => return Err(Error::TooMany),
                    // There is only this line: say where it breaks.
                    Err(wrong)
                        if whole && at == start && scan::skip_space(self.bytes, line) == self.bytes.len() =>
                    {
                        return Err(wrong);
                    }
                    Err(_) => {
                        self.found.truncate(before);
                        self.push(at..line)?;
                        at = line;
                    }
                }
            }
            at = scan::skip_space(self.bytes, line);
        }
        Ok(())
    }

    /// One value at the top: an event, an array of events, or a wrapper of such an array. Answers where
    /// it ends.
    fn value(&mut self, limit: usize, at: usize) -> Result<usize, Error> {
        let bytes = &self.bytes[..limit];
        match bytes.get(at) {
            Some(b'[') => self.array(limit, at),
            Some(b'{') => {
                let before = self.found.len();
                match self.object(limit, at) {
                    Ok((end, true)) => Ok(end),
                    Ok((end, false)) => self.push(at..end).map(|()| end),
                    Err(Error::TooMany) => Err(Error::TooMany),
                    Err(wrong) if self.found.len() > before => Err(wrong),
                    // Not well formed inside, but its end can be told: the parser will say what is wrong.
                    Err(_) => {
                        let end = scan::value(bytes, at, usize::MAX)
                            .map_err(|broken| error(broken, at, limit))?
                            .end;
                        self.push(at..end).map(|()| end)
                    }
                }
            }
            _ => Err(Error::Broken { at }),
        }
    }

    /// The elements of an array, each an event.
    fn array(&mut self, limit: usize, open: usize) -> Result<usize, Error> {
        let bytes = &self.bytes[..limit];
        let mut at = scan::skip_space(bytes, open + 1);
        if bytes.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        loop {
            let end = scan::value(bytes, at, usize::MAX).map_err(|broken| error(broken, open, limit))?.end;
            self.push(at..end)?;
            at = scan::skip_space(bytes, end);
            match bytes.get(at) {
                Some(b',') => at = scan::skip_space(bytes, at + 1),
                Some(b']') => return Ok(at + 1),
                Some(_) => return Err(Error::Broken { at }),
                None => return Err(Error::Unfinished { from: open, at: limit }),
            }
        }
    }

    /// The members of an object. Where one is a list of events, its elements are the events and the rest is
    /// passed over. Answers where the object ends and whether it was such a wrapper.
    fn object(&mut self, limit: usize, open: usize) -> Result<(usize, bool), Error> {
        let bytes = &self.bytes[..limit];
        let unfinished = Error::Unfinished { from: open, at: limit };
        let mut wrapper = false;
        let mut list = List::default();
        let mut at = scan::skip_space(bytes, open + 1);
        if bytes.get(at) == Some(&b'}') {
            return Ok((at + 1, false));
        }
        loop {
            if bytes.get(at) != Some(&b'"') {
                return Err(if at < limit { Error::Broken { at } } else { unfinished });
            }
            let name_end = scan::string(bytes, at).ok_or(unfinished)?;
            let name = &bytes[at..name_end];
            let records = LISTS.contains(&name);
            at = scan::skip_space(bytes, name_end);
            if bytes.get(at) != Some(&b':') {
                return Err(if at < limit { Error::Broken { at } } else { unfinished });
            }
            at = scan::skip_space(bytes, at + 1);
            if records && !wrapper && bytes.get(at) == Some(&b'[') {
                wrapper = true;
                at = self.array(limit, at)?;
            } else {
                let end =
                    scan::value(bytes, at, usize::MAX).map_err(|broken| error(broken, open, limit))?.end;
                list.member(name, &bytes[at..end], at);
                at = end;
            }
            at = scan::skip_space(bytes, at);
            match bytes.get(at) {
                Some(b',') => at = scan::skip_space(bytes, at + 1),
                Some(b'}') => {
                    if let (false, Some(array)) = (wrapper, list.found()) {
                        self.array(limit, array)?;
                        wrapper = true;
                    }
                    return Ok((at + 1, wrapper));
                }
                Some(_) => return Err(Error::Broken { at }),
                None => return Err(unfinished),
            }
        }
    }

    fn push(&mut self, event: Range<usize>) -> Result<(), Error> {
        if self.found.len() == self.most {
            return Err(Error::TooMany);
        }
        self.found.push(event);
        Ok(())
    }
}

/// The names of members that are lists of events wherever they stand at the top.
const LISTS: [&[u8]; 3] = [b"\"Records\"", b"\"records\"", b"\"logEvents\""];

/// What was seen of a list whose name alone does not tell: where its array begins, and whether what tells
/// stands beside it.
#[derive(Default)]
struct List {
    items: Option<usize>,
    value: Option<usize>,
    of_items: bool,
    of_value: bool,
}

impl List {
    fn member(&mut self, name: &[u8], value: &[u8], at: usize) {
        let array = (value.first() == Some(&b'[')).then_some(at);
        match name {
            b"\"items\"" => self.items = array,
            b"\"value\"" => self.value = array,
            b"\"kind\"" => {
                self.of_items = value.ends_with(b"List\"") || value == b"\"admin#reports#activities\"";
            }
            b"\"@odata.context\"" => self.of_value = true,
            _ => {}
        }
    }

    const fn found(&self) -> Option<usize> {
        match (self.of_items, self.of_value) {
            (true, _) => self.items,
            (false, true) => self.value,
            (false, false) => None,
        }
    }
}

fn error(broken: Broken, from: usize, limit: usize) -> Error {
    match broken {
        Broken::Unfinished => Error::Unfinished { from, at: limit },
        Broken::Mismatch(at) | Broken::NoValue(at) => Error::Broken { at },
    }
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length)
}

fn is_wrapper(bytes: &[u8], start: usize) -> bool {
    let name = scan::skip_space(bytes, start + 1);
    bytes[start] == b'[' || LISTS.iter().any(|list| bytes[name..].starts_with(list))
}

/// Whether the first line after `end` that is not blank is a whole object.
fn whole_line(bytes: &[u8], end: usize) -> bool {
    let at = scan::skip_space(bytes, end);
    let line = end_of_line(bytes, at);
    bytes.get(at) == Some(&b'{')
        && scan::value(&bytes[..line], at, usize::MAX)
            .is_ok_and(|extent| scan::skip_space(&bytes[..line], extent.end) == line)
}

#[cfg(test)]
mod tests {
    use super::{Error, frame};

    fn events(text: &str) -> Result<Vec<&str>, Error> {
        frame(text.as_bytes()).map(|found| found.into_iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn every_way_of_sending_events() {
        let two = Ok(vec![r#"{"a":1}"#, r#"{"b":{"c":[2]}}"#]);
        for text in [
            r#"{"Records":[{"a":1},{"b":{"c":[2]}}]}"#,
            r#"{"digest":{"x":[1]},"Records" : [ {"a":1} , {"b":{"c":[2]}} ],"more":1}"#,
            r#"[{"a":1},{"b":{"c":[2]}}]"#,
            "{\"a\":1}\n{\"b\":{\"c\":[2]}}\n",
            "\u{feff} {\"a\":1}\r\n\r\n{\"b\":{\"c\":[2]}}",
            r#"{"a":1}{"b":{"c":[2]}}"#,
            "[\n {\"a\":1},\n {\"b\":{\"c\":[2]}}\n]\n",
            "[{\"a\":1}]\n[{\"b\":{\"c\":[2]}}]",
            "{\"Records\":[\n{\"a\":1}]}\n{\"Records\":[{\"b\":{\"c\":[2]}}]}",
        ] {
            assert_eq!(events(text), two, "{text}");
        }
        assert_eq!(events("{\n \"a\": 1\n}\n{\n\"b\":2}"), Ok(vec!["{\n \"a\": 1\n}", "{\n\"b\":2}"]));
        assert_eq!(events(" \n"), Ok(vec![]));
        assert_eq!(events(r#"{"Records":[]}"#), Ok(vec![]));
        assert_eq!(events(r#"{"Records":"x"}"#), Ok(vec![r#"{"Records":"x"}"#]));
    }

    #[test]
    fn a_broken_line_is_one_event() {
        assert_eq!(
            events("{\"a\":1}\n{\"b\":\n{\"c\":3}\n"),
            Ok(vec![r#"{"a":1}"#, r#"{"b":"#, r#"{"c":3}"#])
        );
        assert_eq!(events("{\"a\n{\"c\":3}\n"), Ok(vec!["{\"a", r#"{"c":3}"#]));
        assert_eq!(events("{\"a\":1}\n{\"b\":\"cut"), Ok(vec![r#"{"a":1}"#, r#"{"b":"cut"#]));
        assert_eq!(events("{\"a\":1}\nhello\n"), Ok(vec![r#"{"a":1}"#, "hello"]));
        assert_eq!(events("{\"a\":1}\n[{\"b\":1} 2]\n"), Ok(vec![r#"{"a":1}"#, "[{\"b\":1} 2]"]));
        assert_eq!(events(r#"[{"a":1},{b}]"#), Ok(vec![r#"{"a":1}"#, "{b}"]));
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused_with_its_place() {
        assert_eq!(events("hello"), Err(Error::NoJson { at: 0 }));
        assert_eq!(events(r#"{"Records":[{"a":1},{"a""#), Err(Error::Unfinished { from: 11, at: 24 }));
        assert_eq!(events(r#"[{"a":1} {"b":2}]x"#), Err(Error::Broken { at: 9 }));
        assert_eq!(events("{\"Records\":[\n{\"a\":1}\n"), Err(Error::Unfinished { from: 11, at: 21 }));
        assert_eq!(events(r#"{"a":1"#), Err(Error::Unfinished { from: 0, at: 6 }));
    }
}
