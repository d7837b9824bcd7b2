//! One pass over an entry's bytes that says of most entries that they are in order, without taking them apart: what
//! makes a walk over millions of them quick.
//!
//! It is only ever sure of a yes. Where it is not (an escape, a sign, a letter that is not ASCII, a field that is wrong)
//! it says nothing, and [`read`](super::read) decides. What it passes, `read` passes with the same values; tests and a
//! fuzz target hold that.

use super::{MAX_INTEGER, OPTIONAL, REQUIRED};
use base::{Timestamp, noun};

/// What a walk needs to know of an entry that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance<'e> {
    /// Whose log, in text.
    pub organization: &'e str,
    /// Its index in the log, as it says.
    pub position: u64,
    /// When it was committed, as it says.
    pub time: Timestamp,
    /// What it is about.
    pub kind: &'e str,
}

/// Looks at an entry's bytes. `None` says nothing of them: ask [`read`](super::read).
#[must_use]
pub fn glance(bytes: &[u8]) -> Option<Glance<'_>> {
    let mut cursor = Cursor { rest: bytes };
    let (mut organization, mut position, mut time, mut kind) = (None, None, None, None);
    let mut required = 0;
    let end = cursor.object(|cursor, name| {
        required +=
            usize::from(!matches!(name, b"action" | b"count" | b"details" | b"facts" | b"hash" | b"reason"));
        match name {
            b"action" => is_kind(cursor.text()?).then_some(()),
            b"actor" => cursor.actor(),
            b"count" => cursor.integer().map(drop),
            b"details" | b"hash" => is_hex(cursor.text()?, 64).then_some(()),
            b"facts" => cursor.facts(),
            b"kind" => {
                let text = cursor.text()?;
                kind = std::str::from_utf8(text).ok();
                is_kind(text).then_some(())
            }
            b"nonce" => is_hex(cursor.text()?, 32).then_some(()),
            b"object" => cursor.thing(),
            b"organization" => {
                let text = cursor.text()?;
                organization = std::str::from_utf8(text).ok();
                is_id::<noun::Organization>(text).then_some(())
            }
            b"outcome" => matches!(cursor.text()?, b"done" | b"refused" | b"failed").then_some(()),
            b"position" => cursor.integer().map(|found| position = Some(found)),
            b"reason" => is_code(cursor.text()?).then_some(()),
            b"request" => is_id::<noun::Request>(cursor.text()?).then_some(()),
            b"time" => moment(cursor.text()?).map(|found| time = Some(found)),
            b"v" => (cursor.integer()? == 1).then_some(()),
            _ => None,
        }
    });
    // Names come once each, in order, so counting those that are required is enough.
    debug_assert_eq!(REQUIRED.len() + OPTIONAL.len(), 16, "a field that a glance does not know");
    (end? > 0 && required == REQUIRED.len() && cursor.rest.is_empty()).then_some(())?;
    Some(Glance { organization: organization?, position: position?, time: time?, kind: kind? })
}

/// How deep values may lie within each other; deeper ones are left to `read`.
const MAX_DEPTH: u8 = 16;

/// Canonical JSON, as far as it has not been read yet.
struct Cursor<'e> {
    rest: &'e [u8],
}

impl<'e> Cursor<'e> {
    fn eat(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == byte).then_some(())
    }

    /// A text of printable ASCII without escapes.
    fn text(&mut self) -> Option<&'e [u8]> {
        self.eat(b'"')?;
        let end = self.rest.iter().position(|&byte| CLASS[usize::from(byte)] & PLAIN == 0)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.eat(b'"')?;
        Some(text)
    }

    /// An integer from 0 to 2^53 - 1, in its one spelling.
    fn integer(&mut self) -> Option<u64> {
        let end = self.rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.rest.split_at(end);
        // Seventeen digits do not overflow; 2^53 has sixteen.
        if digits.is_empty() || digits.len() > 16 || (digits.len() > 1 && digits[0] == b'0') {
            return None;
        }
        self.rest = rest;
        let value = digits.iter().fold(0, |value: u64, digit| value * 10 + u64::from(digit - b'0'));
        (value <= MAX_INTEGER).then_some(value)
    }

    /// An object whose names are in order; `field` reads each value. How many there are.
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'e [u8]) -> Option<()>) -> Option<usize> {
        self.eat(b'{')?;
        if self.rest.first() == Some(&b'}') {
            self.eat(b'}')?;
            return Some(0);
        }
        let (mut before, mut count): (Option<&[u8]>, usize) = (None, 0);
        loop {
            let name = self.text()?;
            // A name has no space.
            if before.is_some_and(|before| before >= name) || name.contains(&b' ') {
                return None;
            }
            (before, count) = (Some(name), count + 1);
            self.eat(b':')?;
            field(self, name)?;
            match self.rest.split_first()? {
                (b',', rest) => self.rest = rest,
                (b'}', rest) => {
                    self.rest = rest;
                    return Some(count);
                }
                _ => return None,
            }
        }
    }

    fn value(&mut self, depth: u8) -> Option<()> {
        let word = |cursor: &mut Self, word: &[u8]| {
            cursor.rest = cursor.rest.strip_prefix(word)?;
            Some(())
        };
        let deeper = depth.checked_sub(1)?;
        match self.rest.first()? {
            b'"' => self.text().map(drop),
            b'{' => self.object(|cursor, _| cursor.value(deeper)).map(drop),
            b'[' => {
                self.eat(b'[')?;
                if self.rest.first() == Some(&b']') {
                    return self.eat(b']');
                }
                loop {
                    self.value(deeper)?;
                    match self.rest.split_first()? {
                        (b',', rest) => self.rest = rest,
                        (b']', rest) => {
                            self.rest = rest;
                            return Some(());
                        }
                        _ => return None,
                    }
                }
            }
            b't' => word(self, b"true"),
            b'f' => word(self, b"false"),
            b'n' => word(self, b"null"),
            _ => self.integer().map(drop),
        }
    }

    fn actor(&mut self) -> Option<()> {
        let mut has_type = false;
        self.object(|cursor, name| {
            has_type |= name == b"type";
            let text = cursor.text()?;
            let fits = match name {
                b"type" | b"id" => is_code(text),
                b"credential" => is_id::<noun::Credential>(text),
                b"role" => matches!(text, b"org_admin" | b"org_user" | b"auditor"),
                _ => false,
            };
            fits.then_some(())
        })?;
        has_type.then_some(())
    }

    /// A type and an opaque id.
    fn thing(&mut self) -> Option<()> {
        let count = self.object(|cursor, name| {
            let text = cursor.text()?;
            let fits = match name {
                b"id" => is_code(text),
                b"type" => !text.is_empty(),
                _ => false,
            };
            fits.then_some(())
        })?;
        (count == 2).then_some(())
    }

    fn facts(&mut self) -> Option<()> {
        let count = self.object(|cursor, name| {
            is_code(name).then_some(())?;
            cursor.value(MAX_DEPTH)
        })?;
        (count > 0).then_some(())
    }
}

/// Printable ASCII but for the quotation mark and the backslash.
const PLAIN: u8 = 1;
/// A letter, digit or sign of a code.
const CODE: u8 = 2;
/// A digit of base 16.
const HEX: u8 = 4;
/// A digit of base 32.
const BASE32: u8 = 8;

const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        let mut of = 0;
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let letter = byte as u8;
        if !matches!(letter, b'"' | b'\\') {
            of |= PLAIN;
        }
        if matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.') {
            of |= CODE;
        }
        if matches!(letter, b'0'..=b'9' | b'a'..=b'f') {
            of |= HEX;
        }
        if matches!(letter, b'0'..=b'9' | b'a'..=b'z') && !matches!(letter, b'i' | b'l' | b'o' | b'u') {
            of |= BASE32;
        }
        class[byte] = of;
        byte += 1;
    }
    class
};

fn all(text: &[u8], class: u8) -> bool {
    text.iter().all(|&byte| CLASS[usize::from(byte)] & class != 0)
}

fn is_hex(text: &[u8], digits: usize) -> bool {
    text.len() == digits && all(text, HEX)
}

fn is_code(text: &[u8]) -> bool {
    !text.is_empty() && all(text, CODE)
}

fn is_kind(text: &[u8]) -> bool {
    let Some(dot) = text.iter().position(|&byte| byte == b'.') else { return false };
    let (noun, verb) = (&text[..dot], &text[dot + 1..]);
    is_code(noun) && is_code(verb) && !verb.contains(&b'.')
}

/// A prefix, an underscore and 26 digits, of which the last has two bits of padding.
fn is_id<T: noun::Noun>(text: &[u8]) -> bool {
    let rest = text.strip_prefix(T::PREFIX.as_bytes()).and_then(|rest| rest.strip_prefix(b"_"));
    let Some(digits @ [.., last]) = rest else { return false };
    // Every fourth digit: 0, 4, 8 and so on.
    digits.len() == 26 && all(digits, BASE32) && b"048cgmrw".contains(last)
}

/// `2026-11-22T09:30:00.000000Z`, in the years in which nobody doubts it.
fn moment(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 27] = text.try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
    if marks.iter().any(|&(at, mark)| text[at] != mark) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0i64, |value, digit| {
            digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, micros) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 26)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9998).contains(&year) || !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59
    {
        return None;
    }
    // Days since 1970-01-01, counted in years that begin with March, so that the leap day is the last.
    let (from_march, begun) = ((month + 9) % 12, year - i64::from(month <= 2));
    let leaps = begun / 4 - begun / 100 + begun / 400;
    let days = 365 * begun + leaps + (153 * from_march + 2) / 5 + day - 719_469;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp::from_micros(seconds * 1_000_000 + micros))
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::{glance, moment};
    use base::Timestamp;

    const ENTRY: &str = concat!(
        r#"{"action":"identity.release","actor":{"credential":"crd_040g2081040g2081040g208104","#,
        r#""id":"per_040g2081040g2081040g208104","role":"org_admin","type":"person"},"count":7,"#,
        r#""details":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","#,
        r#""facts":{"a":[1,"x y",{"Z":null,"a":true,"b":[]}],"b":{}},"#,
        r#""hash":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","#,
        r#""kind":"identity.quarantined","nonce":"03030303030303030303030303030303","#,
        r#""object":{"id":"idn_0m2ga1850m2ga1850m2ga1850m","type":"api key"},"#,
        r#""organization":"org_040g2081040g2081040g208104","outcome":"done","position":7,"#,
        r#""reason":"finding","request":"req_081040g2081040g2081040g208","#,
        r#""time":"2024-02-29T23:59:59.999999Z","v":1}"#
    );

    /// What a glance passes, `read` passes with the same values.
    fn agrees(bytes: &[u8]) -> bool {
        let Some(seen) = glance(bytes) else { return false };
        let slow = read(bytes).unwrap_or_else(|wrong| {
            unreachable!("passed at a glance, and {wrong}: {}", String::from_utf8_lossy(bytes))
        });
        assert_eq!(
            (seen.organization, seen.position),
            (slow.organization.to_string().as_str(), slow.position)
        );
        assert_eq!((seen.time, seen.kind), (slow.time, slow.kind.as_str()));
        true
    }

    #[test]
    fn it_passes_nothing_that_reading_refuses() {
        assert!(agrees(ENTRY.as_bytes()), "it knows every field");
        let others = br#" "\{}[]:,.0129aefzilouTZ-+_x"#;
        let mut passed = 0;
        for at in 0..ENTRY.len() {
            let mut changed = ENTRY.as_bytes().to_vec();
            for &other in others.iter().chain(&[0x00, 0x1f, 0x7f, 0x80, 0xc3]) {
                changed[at] = other;
                passed += usize::from(agrees(&changed));
                let mut longer = ENTRY.as_bytes().to_vec();
                longer.insert(at, other);
                passed += usize::from(agrees(&longer));
            }
            let mut shorter = ENTRY.as_bytes().to_vec();
            shorter.remove(at);
            passed += usize::from(agrees(&shorter));
            agrees(&ENTRY.as_bytes()[..at]);
        }
        assert!(passed > 500, "{passed} variations are in order");
        // Whole fields gone, doubled or swapped.
        let fields: Vec<&str> = ENTRY[1..ENTRY.len() - 1].split(r#",""#).collect();
        for a in 0..fields.len() {
            for b in 0..fields.len() {
                let mut swapped = fields.clone();
                swapped.swap(a, b);
                let _ = agrees(format!("{{{}}}", swapped.join(r#",""#)).as_bytes());
                let mut without = fields.clone();
                without.remove(a);
                without.insert(b.min(without.len()), fields[b]);
                let _ = agrees(format!("{{{}}}", without.join(r#",""#)).as_bytes());
            }
        }
    }

    #[test]
    fn it_leaves_what_it_is_not_sure_of_to_reading() {
        for (from, to) in [("x y", "x \\\" y"), ("x y", "é"), ("[1,", "[-1,")] {
            let other = ENTRY.replacen(from, to, 1);
            assert!(glance(other.as_bytes()).is_none() && read(other.as_bytes()).is_ok(), "{to}");
        }
        let deep = ENTRY.replacen(r#""b":[]"#, &format!(r#""b":{}{}"#, "[".repeat(50), "]".repeat(50)), 1);
        assert!(glance(deep.as_bytes()).is_none() && read(deep.as_bytes()).is_ok());
    }

    #[test]
    fn moments_are_those_of_the_library() {
        for day in (-1..2_932_000i64).step_by(13) {
            let time = Timestamp::from_micros(day * 86_400_000_000 + 86_399_999_999 - day);
            let text = time.to_string();
            match moment(text.as_bytes()) {
                Some(found) => assert_eq!(found, time, "{text}"),
                None => assert!(time < Timestamp::default() || text.as_str() > "9998-12-31", "{text}"),
            }
        }
        for wrong in ["2023-02-29", "2100-02-29", "2024-04-31", "2024-13-01", "2024-00-10", "2024-01-00"] {
            assert_eq!(moment(format!("{wrong}T00:00:00.000000Z").as_bytes()), None, "{wrong}");
        }
        assert_eq!(moment(b"2024-01-01T23:59:60.000000Z"), None);
        assert_eq!(moment(b"2024-01-01T24:00:00.000000Z"), None);
    }
}
