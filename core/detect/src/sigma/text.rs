//! Text patterns: plain text and the wildcards `*` and `?`, at the start, at the end, anywhere or whole.

use regex::Regex;
use std::borrow::Cow;

/// The most memory that one compiled regular expression may take, in bytes.
pub(crate) const MAX_REGEX: usize = 1 << 20;

/// Where in the value a pattern has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

/// A pattern, ready to be asked. Unless `cased`, its literals are folded and so is the value.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) shape: Shape,
    pub(crate) cased: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// Any text at all.
    Everything,
    Exact(Box<str>),
    /// One of several exact texts, sorted.
    OneOf(Box<[Box<str>]>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Contains(Box<str>),
    /// Literals in this order with anything between, before and after; the first and the last may be
    /// empty and are bound to the ends.
    Ordered(Box<[Box<str>]>),
    Regex(Box<Regex>),
}

/// A part of a pattern as written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Many,
    One,
}

/// Lower case, character by character; borrowed where there is nothing to change.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
    } else if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Hands on the text in lower case; what is short and of ASCII takes no memory.
pub(crate) fn with_folded<R>(text: &str, ask: impl FnOnce(&str) -> R) -> R {
    let mut room = [0; 128];
    if let Some(room) = room.get_mut(..text.len()).filter(|_| text.is_ascii()) {
        room.copy_from_slice(text.as_bytes());
        room.make_ascii_lowercase();
        if let Ok(folded) = std::str::from_utf8(room) {
            return ask(folded);
        }
    }
    ask(&fold(text))
}

/// Whether the text is somewhere in the value, whatever the case of its letters; both are of ASCII or the text is of
/// lower case beyond it, which then is nowhere.
fn find(value: &[u8], text: &[u8]) -> bool {
    let Some(&first) = text.first() else { return true };
    let fits = |at: usize| value.get(at..at + text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text));
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), value).any(fits)
}

impl Text {
    /// A pattern as written in a rule: `*` and `?` are wildcards, a backslash before one of them, or
    /// before a backslash, takes its meaning away.
    pub(crate) fn new(written: &str, place: Place, cased: bool) -> Result<Self, regex::Error> {
        Self::of_pieces(pieces(written), place, cased)
    }

    /// A text without wildcards.
    pub(crate) fn plain(text: &str, place: Place, cased: bool) -> Self {
        let text: Box<str> = if cased { text.into() } else { fold(text).into() };
        let shape = match place {
            Place::Whole => Shape::Exact(text),
            Place::Start => Shape::Prefix(text),
            Place::End => Shape::Suffix(text),
            Place::Anywhere => Shape::Contains(text),
        };
        Self { shape, cased }
    }

    fn of_pieces(mut pieces: Vec<Piece>, place: Place, cased: bool) -> Result<Self, regex::Error> {
        if matches!(place, Place::End | Place::Anywhere) {
            pieces.insert(0, Piece::Many);
        }
        if matches!(place, Place::Start | Place::Anywhere) {
            pieces.push(Piece::Many);
        }
        pieces.dedup_by(|later, earlier| *later == Piece::Many && *earlier == Piece::Many);
        if !cased {
            for piece in &mut pieces {
                if let Piece::Literal(text) = piece {
                    *text = fold(text).into_owned();
                }
            }
        }
        let shape = match pieces.as_slice() {
            [] => Shape::Exact("".into()),
            [Piece::Many] => Shape::Everything,
            [Piece::Literal(text)] => Shape::Exact(text.as_str().into()),
            [Piece::Literal(text), Piece::Many] => Shape::Prefix(text.as_str().into()),
            [Piece::Many, Piece::Literal(text)] => Shape::Suffix(text.as_str().into()),
            [Piece::Many, Piece::Literal(text), Piece::Many] => Shape::Contains(text.as_str().into()),
            _ if pieces.contains(&Piece::One) => Shape::Regex(Box::new(expression(&pieces)?)),
            _ => Shape::Ordered(ordered(&pieces)),
        };
        Ok(Self { shape, cased })
    }

    /// Whether the value fits. Time is linear in the value's length (times the literals of a pattern).
    pub(crate) fn fits(&self, value: &str) -> bool {
        if self.cased {
            return self.shape.fits(value);
        }
        // The usual questions need no folded copy.
        if value.is_ascii() {
            let value = value.as_bytes();
            let same = |part: Option<&[u8]>, text: &str| {
                part.is_some_and(|part| part.eq_ignore_ascii_case(text.as_bytes()))
            };
            match &self.shape {
                Shape::Everything => return true,
                Shape::Exact(text) => return same(Some(value), text),
                Shape::Prefix(text) => return same(value.get(..text.len()), text),
                Shape::Suffix(text) => {
                    return same(value.len().checked_sub(text.len()).and_then(|at| value.get(at..)), text);
                }
                Shape::Contains(text) => return find(value, text.as_bytes()),
                Shape::OneOf(texts) => {
                    let folded = || value.iter().map(u8::to_ascii_lowercase);
                    return texts.binary_search_by(|text| text.bytes().cmp(folded())).is_ok();
                }
                _ => {}
            }
        }
        with_folded(value, |value| self.shape.fits(value))
    }

    /// A text that a value must have in it to fit: the longest, folded, where it is of ASCII.
    pub(crate) fn part(&self) -> Option<Box<str>> {
        let text = match &self.shape {
            Shape::Exact(text) | Shape::Prefix(text) | Shape::Suffix(text) | Shape::Contains(text) => text,
            Shape::Ordered(parts) => parts.iter().max_by_key(|part| part.len())?,
            Shape::Everything | Shape::OneOf(_) | Shape::Regex(_) => return None,
        };
        (text.is_ascii() && !text.is_empty()).then(|| text.to_ascii_lowercase().into())
    }

    /// The exact texts of which one must be the value, folded; `None` where it need not be one of a few.
    pub(crate) fn exact(&self) -> Option<Vec<Box<str>>> {
        match &self.shape {
            Shape::Exact(text) => Some(vec![fold(text).into()]),
            Shape::OneOf(texts) => Some(texts.iter().map(|text| fold(text).into()).collect()),
            _ => None,
        }
    }
}

impl Shape {
    fn fits(&self, value: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Exact(text) => value == &**text,
            Self::OneOf(texts) => texts.binary_search_by(|text| (**text).cmp(value)).is_ok(),
            Self::Prefix(text) => value.starts_with(&**text),
            Self::Suffix(text) => value.ends_with(&**text),
            Self::Contains(text) => value.contains(&**text),
            Self::Ordered(parts) => in_order(parts, value),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

fn in_order(parts: &[Box<str>], value: &str) -> bool {
    let [first, middle @ .., last] = parts else { return false };
    let Some(mut rest) = value.strip_prefix(&**first) else { return false };
    for part in middle {
        match rest.find(&**part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(&**last)
}

/// The literals between the wildcards; the first and the last are empty where a wildcard is at the end.
fn ordered(pieces: &[Piece]) -> Box<[Box<str>]> {
    let mut parts = vec![String::new()];
    for piece in pieces {
        match piece {
            Piece::Literal(text) => parts.last_mut().expect("it starts with one").push_str(text),
            Piece::Many | Piece::One => parts.push(String::new()),
        }
    }
    parts.into_iter().map(String::into_boxed_str).collect()
}

fn expression(pieces: &[Piece]) -> Result<Regex, regex::Error> {
    let mut pattern = String::from("(?s)^");
    for piece in pieces {
        match piece {
            Piece::Literal(text) => pattern.push_str(&regex::escape(text)),
            Piece::Many => pattern.push_str(".*"),
            Piece::One => pattern.push('.'),
        }
    }
    pattern.push('$');
    bounded(&pattern, |_| {})
}

/// A regular expression of bounded size; the engine runs in time linear in the text.
pub(crate) fn bounded(
    pattern: &str,
    with: impl FnOnce(&mut regex::RegexBuilder),
) -> Result<Regex, regex::Error> {
    let mut builder = regex::RegexBuilder::new(pattern);
    builder.size_limit(MAX_REGEX).dfa_size_limit(MAX_REGEX);
    with(&mut builder);
    builder.build()
}

fn pieces(written: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut characters = written.chars().peekable();
    while let Some(character) = characters.next() {
        let wild = match character {
            '\\' => {
                match characters.peek() {
                    Some(&next @ ('\\' | '*' | '?')) => {
                        literal.push(next);
                        characters.next();
                    }
                    _ => literal.push('\\'),
                }
                continue;
            }
            '*' => Piece::Many,
            '?' => Piece::One,
            other => {
                literal.push(other);
                continue;
            }
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(wild);
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Place, Shape, Text};

    fn text(written: &str, place: Place) -> Text {
        Text::new(written, place, false).expect("the pattern is small")
    }

    #[test]
    fn wildcards_and_places() {
        let whole = |written: &str, value: &str| text(written, Place::Whole).fits(value);
        assert!(whole("StopLogging", "stoplogging") && !whole("StopLogging", "StopLogging2"));
        assert!(whole("v*.Firewalls.*", "v1.compute.firewalls.Delete"));
        assert!(!whole("v*.Firewalls.*", "x1.firewalls.delete"));
        assert!(whole("a*b*c", "a-b-b-c") && !whole("a*b*c", "a-c-b") && !whole("ab*bc", "abc"));
        assert!(whole("a?c", "abc") && whole("a?c", "a\nc") && !whole("a?c", "ac"));
        assert!(whole("*", "") && whole("", "") && !whole("", "x"));
        assert!(text("Admin", Place::Anywhere).fits("the ADMINS"));
        assert!(text("/write", Place::End).fits("x/WRITE") && !text("/write", Place::End).fits("/write/x"));
        assert!(text("a*c", Place::Start).fits("abcd") && !text("a*c", Place::Start).fits("xabcd"));
        assert!(matches!(text("*", Place::Anywhere).shape, Shape::Everything));
    }

    /// The examples of the specification's section on escaping.
    #[test]
    fn backslashes_escape_wildcards_and_themselves() {
        let whole = |written: &str, value: &str| text(written, Place::Whole).fits(value);
        assert!(whole(r"\", r"\") && whole(r"\\", r"\"));
        assert!(whole(r"\*", "*") && !whole(r"\*", "x"));
        assert!(whole(r"\\*", r"\anything") && !whole(r"\\*", "anything"));
        assert!(whole(r"\\\*", r"\*") && !whole(r"\\\*", r"\x"));
        assert!(whole(r"\\\\", r"\\") && whole(r"\\\", r"\\"));
        assert!(whole(r"c:\windows", r"C:\Windows"));
    }

    #[test]
    fn case_folds_beyond_ascii_and_can_be_kept() {
        assert!(text("ÄRGER", Place::Anywhere).fits("viel ärger"));
        assert!(text("ΟΔΟΣ", Place::Anywhere).fits("οδοσ"));
        let cased = Text::new("Admin", Place::Anywhere, true).expect("the pattern is small");
        assert!(cased.fits("Admins") && !cased.fits("admins"));
    }
}
