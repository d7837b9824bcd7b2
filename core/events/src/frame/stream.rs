//! The events of a file of any size, as it is read: no more of it is held than [`HELD`] bytes.
//!
//! A file that fits is taken apart as [`frame`](crate::frame()) does. Of a larger one the beginning tells whether each
//! line stands on its own; an event that does not fit, or that breaks, is passed over and counted. Of one that breaks off
//! what stands before is handed on.

use super::{Error, Events, LISTS, error, framed, is_wrapper, whole_line};
use crate::inflate::{self, Inflater};
use crate::scan::{self, Broken};
use base::{Fault, Kind};
use memchr::{memchr, memrchr};
use std::collections::VecDeque;
use std::io::BufRead;
use std::ops::Range;

/// How much of a file is held at a time: four of the largest events.
pub const HELD: usize = 4 << 20;

/// An event, or what stands in the place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed<'b> {
    /// Its bytes.
    Event(&'b [u8]),
    /// It is larger than what is held, and far larger than an event may be.
    TooLarge {
        /// How many bytes it has.
        bytes: usize,
    },
}

/// Why a file cannot be read on. What stood before was handed on.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Its bytes cannot be had.
    #[error(transparent)]
    Inflate(#[from] inflate::Error),
    /// Its events cannot be told apart.
    #[error(transparent)]
    Frame(#[from] Error),
}

impl Fault for Unreadable {
    fn kind(&self) -> Kind {
        match self {
            Self::Inflate(error) => error.kind(),
            Self::Frame(error) => error.kind(),
        }
    }
}

/// The events of a file, one after the other.
pub struct Frames<R: BufRead> {
    source: Inflater<R>,
    held: usize,
    buffer: Vec<u8>,
    /// So much of the buffer is done with.
    at: usize,
    /// Where the buffer begins in the plain bytes.
    base: usize,
    /// Nothing comes behind the buffer.
    ended: bool,
    /// And that is not the end of the file.
    cut: Option<inflate::Error>,
    /// Events in the buffer, to be handed on.
    found: VecDeque<Range<usize>>,
    /// Behind them: one that is not held.
    large: Option<usize>,
    /// And behind that: why there is no more.
    failed: Option<Unreadable>,
    place: Place,
    /// Each line stands on its own.
    lines: bool,
}

/// Where in the file the buffer is to be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Top,
    /// In a list of events.
    List {
        /// An object around it goes on behind it.
        wrapped: bool,
        next: Next,
    },
    /// Behind the list that an object is about.
    Rest,
    /// In a line of which the rest is passed over.
    Line,
    Done,
}

/// What may come in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    ElementOrEnd,
    Element,
    CommaOrEnd,
}

impl<R: BufRead> Frames<R> {
    /// The events in what the source gives.
    pub const fn new(source: Inflater<R>) -> Self {
        Self::holding(source, HELD)
    }

    /// The same, with so many bytes held at a time. An event of more than half of them may not be read.
    pub const fn holding(source: Inflater<R>, held: usize) -> Self {
        Self {
            source,
            held,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            ended: false,
            cut: None,
            found: VecDeque::new(),
            large: None,
            failed: None,
            place: Place::Start,
            lines: false,
        }
    }

    /// The next event; `None` at the end. An event's index is its place among all that this gives.
    ///
    /// # Errors
    /// [`Unreadable`], once what stood before was handed on.
    pub fn read(&mut self) -> Result<Option<Framed<'_>>, Unreadable> {
        loop {
            if let Some(range) = self.found.pop_front() {
                return Ok(Some(Framed::Event(&self.buffer[range])));
            }
            if let Some(bytes) = self.large.take() {
                return Ok(Some(Framed::TooLarge { bytes }));
            }
            if let Some(failed) = self.failed.take() {
                self.place = Place::Done;
                return Err(failed);
            }
            if self.place == Place::Done {
                return self.cut.take().map_or(Ok(None), |cut| Err(cut.into()));
            }
            self.fill();
            match self.place {
                Place::Start => self.start(),
                Place::Top if self.lines => self.whole_lines(),
                Place::Top => self.values(),
                Place::List { wrapped, next } => self.list(wrapped, next),
                Place::Rest => self.rest(),
                Place::Line => self.pass_line(),
                Place::Done => {}
            }
        }
    }

    /// Forgets what is done with, and reads until as much is there as may be held.
    fn fill(&mut self) {
        self.buffer.drain(..self.at);
        self.base += self.at;
        self.at = 0;
        let mut there = self.buffer.len();
        if self.ended || there >= self.held {
            return;
        }
        self.buffer.resize(self.held, 0);
        while there < self.held {
            match self.source.read(&mut self.buffer[there..]) {
                Ok(0) => break,
                Ok(read) => there += read,
                Err(wrong) => {
                    self.cut = Some(wrong);
                    break;
                }
            }
        }
        self.ended = there < self.held;
        self.buffer.truncate(there);
    }

    /// Whether what begins there and is not whole can become whole with more: there is more, and room for it.
    fn may_go_on(&self, at: usize) -> bool {
        !self.ended && self.buffer.len() - at < self.held / 2
    }

    fn found(&mut self, mut found: Vec<Range<usize>>) {
        // Where the file is cut, its last event may be too.
        let whole = |event: &Range<usize>| scan::value(&self.buffer[event.clone()], 0, usize::MAX).is_ok();
        if self.cut.is_some()
            && found.last().is_some_and(|last| last.end == self.buffer.len() && !whole(last))
        {
            found.pop();
        }
        self.found.extend(found);
    }

    /// The rest cannot be told apart; where lines stand on their own, only to the end of this one.
    fn fail(&mut self, wrong: Error) {
        if self.lines {
            self.place = Place::Line;
        } else {
            self.failed = Some(self.cut.take().map_or_else(|| wrong.from(self.base).into(), Into::into));
        }
    }

    fn start(&mut self) {
        if self.ended
            && let Ok(found) = framed(&self.buffer, usize::MAX)
        {
            self.found(found);
            self.place = Place::Done;
            return;
        }
        let mark = if self.base == 0 && self.buffer.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
        let bytes = &self.buffer;
        let start = scan::skip_space(bytes, mark);
        self.at = start;
        match bytes.get(start) {
            None => return,
            Some(b'{' | b'[') => {}
            Some(_) => return self.fail(Error::NoJson { at: start }),
        }
        // Of a file that is here whole it is known that its lines do not.
        if let (false, Some(length)) = (self.ended, memchr(b'\n', &bytes[start..])) {
            let line = start + length;
            let whole = |end: usize| scan::value(&bytes[..end], start, usize::MAX).is_ok();
            self.lines = whole(line)
                // One broken line before whole ones.
                || (!whole(bytes.len()) && !is_wrapper(bytes, start) && whole_line(bytes, line));
        }
        self.place = Place::Top;
    }

    fn whole_lines(&mut self) {
        let start = scan::skip_space(&self.buffer, self.at);
        self.at = start;
        let end = if self.ended {
            self.buffer.len()
        } else {
            memrchr(b'\n', &self.buffer).map_or(0, |newline| newline + 1)
        };
        if end > start {
            let mut events = Events { bytes: &self.buffer[..end], found: Vec::new(), most: usize::MAX };
            // A line that breaks is an event.
            if let Err(wrong) = events.lines(start, false) {
                return self.fail(wrong);
            }
            let found = events.found;
            self.found(found);
            self.at = end;
        } else if start < self.buffer.len() && !self.may_go_on(start) {
            // A line that does not fit.
            return self.open(start);
        }
        if self.ended {
            self.place = Place::Done;
        }
    }

    /// Values behind each other.
    fn values(&mut self) {
        loop {
            let at = scan::skip_space(&self.buffer, self.at);
            self.at = at;
            match self.buffer.get(at) {
                None if self.ended => return self.place = Place::Done,
                None => return,
                Some(b'{') => {}
                Some(b'[') => return self.open(at),
                Some(_) => return self.fail(Error::Broken { at }),
            }
            let mut events = Events { bytes: &self.buffer, found: Vec::new(), most: usize::MAX };
            match events.value(self.buffer.len(), at) {
                Ok(end) => {
                    let found = events.found;
                    self.found(found);
                    self.at = end;
                }
                Err(Error::Unfinished { .. }) if self.may_go_on(at) => return,
                // What was found stands in this buffer: it is handed on first.
                Err(_) if !self.found.is_empty() => return,
                Err(Error::Unfinished { .. }) if !self.ended => return self.open(at),
                // What a list has before it breaks is read.
                Err(_) if list_within(&self.buffer, at).is_some() => return self.open(at),
                Err(wrong) => return self.fail(wrong),
            }
        }
    }

    /// Goes into an array, or into the object around one; passes over any other object that does not fit.
    fn open(&mut self, at: usize) {
        let bytes = &self.buffer;
        let list = match bytes.get(at) {
            Some(b'[') => Some((at + 1, false)),
            Some(b'{') => list_within(bytes, at).map(|list| (list, true)),
            _ => return self.fail(Error::Broken { at }),
        };
        match list {
            Some((inside, wrapped)) => {
                self.at = inside;
                self.place = Place::List { wrapped, next: Next::ElementOrEnd };
            }
            None => {
                self.at = at;
                self.place = Place::Top;
                self.large = self.pass();
            }
        }
    }

    fn list(&mut self, wrapped: bool, mut next: Next) {
        loop {
            let at = scan::skip_space(&self.buffer, self.at);
            self.at = at;
            self.place = Place::List { wrapped, next };
            let unfinished = Error::Unfinished { from: at, at: self.buffer.len() };
            match (next, self.buffer.get(at)) {
                (_, None) if self.ended => return self.fail(unfinished),
                (_, None) => return,
                (Next::CommaOrEnd, Some(b',')) => {
                    self.at = at + 1;
                    next = Next::Element;
                }
                (Next::CommaOrEnd | Next::ElementOrEnd, Some(b']')) => {
                    self.at = at + 1;
                    return self.place = if wrapped { Place::Rest } else { Place::Top };
                }
                (Next::CommaOrEnd, Some(_)) => return self.fail(Error::Broken { at }),
                (Next::Element | Next::ElementOrEnd, Some(_)) => {
                    match scan::value(&self.buffer, at, usize::MAX) {
                        // A number or a word may go on.
                        Ok(extent)
                            if extent.end < self.buffer.len()
                                || matches!(self.buffer.get(at), Some(b'{' | b'[' | b'"')) =>
                        {
                            self.found.push_back(at..extent.end);
                            self.at = extent.end;
                        }
                        Ok(_) | Err(Broken::Unfinished) if !self.ended => {
                            if self.may_go_on(at) || !self.found.is_empty() {
                                return;
                            }
                            self.place = Place::List { wrapped, next: Next::CommaOrEnd };
                            self.large = self.pass();
                            return;
                        }
                        Ok(_) => return self.fail(unfinished),
                        Err(broken) => return self.fail(error(broken, at, self.buffer.len())),
                    }
                    next = Next::CommaOrEnd;
                }
            }
        }
    }

    /// What an object has behind its list is passed over.
    fn rest(&mut self) {
        loop {
            let at = scan::skip_space(&self.buffer, self.at);
            self.at = at;
            let unfinished = Error::Unfinished { from: at, at: self.buffer.len() };
            match self.buffer.get(at) {
                Some(b'}') => {
                    self.at = at + 1;
                    return self.place = Place::Top;
                }
                Some(b',') => {}
                Some(_) => return self.fail(Error::Broken { at }),
                None if self.ended => return self.fail(unfinished),
                None => return,
            }
            let value = member(&self.buffer, at + 1).map(|(_, value)| value);
            let end = value.map(|value| scan::value(&self.buffer, value, usize::MAX));
            match (value, end) {
                (_, Some(Ok(extent))) if extent.end < self.buffer.len() => self.at = extent.end,
                (_, Some(Err(broken @ (Broken::Mismatch(_) | Broken::NoValue(_))))) => {
                    return self.fail(error(broken, at, self.buffer.len()));
                }
                _ if self.may_go_on(at) => return,
                (Some(value), _) if !self.ended => {
                    self.at = value;
                    // No event: it is only passed over.
                    let _ = self.pass();
                    return;
                }
                _ => return self.fail(unfinished),
            }
        }
    }

    /// Passes over the value that begins at the front of what is left, however large, and answers how many bytes it
    /// has; `None` where it does not end.
    fn pass(&mut self) -> Option<usize> {
        let (mut depth, mut quoted, mut escaped, mut bytes) = (0usize, false, false, 0usize);
        loop {
            for place in self.at..self.buffer.len() {
                let byte = self.buffer[place];
                let begun = bytes + (place - self.at) > 0;
                let ends = match byte {
                    _ if escaped => {
                        escaped = false;
                        false
                    }
                    b'\\' if quoted => {
                        escaped = true;
                        false
                    }
                    b'"' => {
                        quoted = !quoted;
                        !quoted && depth == 0
                    }
                    _ if quoted => false,
                    b'{' | b'[' => {
                        depth += 1;
                        false
                    }
                    b'}' | b']' if depth > 0 => {
                        depth -= 1;
                        depth == 0
                    }
                    // Behind a number or a word.
                    b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 && begun => {
                        bytes += place - self.at;
                        self.at = place;
                        return Some(bytes);
                    }
                    _ => false,
                };
                if ends {
                    bytes += place + 1 - self.at;
                    self.at = place + 1;
                    return Some(bytes);
                }
            }
            bytes += self.buffer.len() - self.at;
            self.at = self.buffer.len();
            if !self.more() {
                let at = self.base + self.buffer.len();
                let wrong = || Error::Unfinished { from: at.saturating_sub(bytes), at }.into();
                self.failed = Some(self.cut.take().map_or_else(wrong, Into::into));
                return None;
            }
        }
    }

    /// Passes over the rest of the line, which counts as one event.
    fn pass_line(&mut self) {
        self.place = Place::Top;
        let mut bytes = 0;
        loop {
            match memchr(b'\n', &self.buffer[self.at..]) {
                Some(length) => {
                    self.at += length + 1;
                    self.large = Some(bytes + length);
                    return;
                }
                None => {
                    bytes += self.buffer.len() - self.at;
                    self.at = self.buffer.len();
                }
            }
            if !self.more() {
                self.large = Some(bytes);
                return;
            }
        }
    }

    /// More bytes in place of those that are done with; no event is to be handed on from them.
    fn more(&mut self) -> bool {
        debug_assert!(self.found.is_empty(), "events are handed on before their bytes go");
        if self.ended {
            return false;
        }
        self.fill();
        !self.buffer.is_empty()
    }
}

impl Error {
    /// The same error, of bytes that stand so far behind the beginning.
    const fn from(self, base: usize) -> Self {
        match self {
            Self::NoJson { at } => Self::NoJson { at: base + at },
            Self::Unfinished { from, at } => Self::Unfinished { from: base + from, at: base + at },
            Self::Broken { at } => Self::Broken { at: base + at },
            Self::TooMany => Self::TooMany,
        }
    }
}

/// The name and the beginning of the value of the member that begins at or behind `at`.
fn member(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let at = scan::skip_space(bytes, at);
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let end = scan::string(bytes, at)?;
    let colon = scan::skip_space(bytes, end);
    if bytes.get(colon) != Some(&b':') {
        return None;
    }
    let value = scan::skip_space(bytes, colon + 1);
    (value < bytes.len()).then(|| (&bytes[at..end], value))
}

/// Where the elements begin of a list that an object of which only the beginning is here is about. The name that tells
/// what `items` or `value` is may stand behind it; nothing else that is so large is an event.
fn list_within(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        let (name, value) = member(bytes, at)?;
        let list = LISTS.contains(&name) || name == b"\"items\"" || name == b"\"value\"";
        if list && bytes.get(value) == Some(&b'[') {
            return Some(value + 1);
        }
        let end = scan::value(bytes, value, usize::MAX).ok()?.end;
        let comma = scan::skip_space(bytes, end);
        if bytes.get(comma) != Some(&b',') {
            return None;
        }
        at = comma + 1;
    }
}

#[cfg(test)]
mod tests;
