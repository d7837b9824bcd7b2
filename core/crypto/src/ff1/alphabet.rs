//! Alphabets, written out: the order of their characters is part of the format.

use crate::Error;
use std::{fmt, sync::Arc};

/// The characters of an FF1 field, in the order that gives each its numeral: the first is 0.
///
/// A manifest carries an alphabet written out, so that a reader needs no table of names.
#[derive(Clone)]
pub struct Alphabet(Arc<Inner>);

struct Inner {
    text: Box<str>,
    symbols: Vec<char>,
    /// The numerals of ASCII characters, [`NONE`] where there is none.
    ascii: [u16; 128],
    /// The numerals of other characters, sorted by character.
    others: Vec<(char, u16)>,
}

const NONE: u16 = u16::MAX;
const WHAT: &str = "alphabet";

const DIGITS: &str = "0123456789";
/// The named alphabets, each written out.
const NAMED: [(&str, &str); 8] = [
    ("digits", DIGITS),
    ("hex", "0123456789abcdef"),
    ("lower", "abcdefghijklmnopqrstuvwxyz"),
    ("upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("letters", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    ("alphanumeric-lower", "0123456789abcdefghijklmnopqrstuvwxyz"),
    ("alphanumeric-upper", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("alphanumeric", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
];

impl Alphabet {
    /// The most characters that an alphabet may have.
    pub const MOST: usize = 1_024;

    /// The alphabet of these characters, in this order.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there are fewer than two, more than [`MOST`](Self::MOST), one twice, or a
    /// control character.
    pub fn new(characters: &str) -> Result<Self, Error> {
        let bad = |why| Error::Parameter { what: WHAT, why };
        let (mut ascii, mut others, mut symbols) = ([NONE; 128], Vec::new(), Vec::new());
        for symbol in characters.chars() {
            if symbol.is_control() {
                return Err(bad("it has a control character"));
            }
            let numeral =
                u16::try_from(symbols.len()).map_err(|_| bad("it has more than 1,024 characters"))?;
            match ascii.get_mut(symbol as usize) {
                Some(slot) if *slot == NONE => *slot = numeral,
                Some(_) => return Err(bad("it has a character twice")),
                None => others.push((symbol, numeral)),
            }
            symbols.push(symbol);
            if symbols.len() > Self::MOST {
                return Err(bad("it has more than 1,024 characters"));
            }
        }
        others.sort_unstable();
        if others.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(bad("it has a character twice"));
        }
        if symbols.len() < 2 {
            return Err(bad("it needs two characters or more"));
        }
        Ok(Self(Arc::new(Inner { text: characters.into(), symbols, ascii, others })))
    }

    /// The alphabet of this name: `digits`, `hex` (lower case), `lower`, `upper`, `letters`,
    /// `alphanumeric-lower`, `alphanumeric-upper`, `alphanumeric`, all of them ASCII in ASCII's order.
    ///
    /// # Errors
    /// [`Error::Parameter`] where none has the name.
    pub fn named(name: &str) -> Result<Self, Error> {
        const UNKNOWN: &str = "none has this name: there are digits, hex, lower, upper, letters, \
            alphanumeric-lower, alphanumeric-upper and alphanumeric";
        let characters =
            NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, characters)| characters);
        Self::new(characters.ok_or(Error::Parameter { what: WHAT, why: UNKNOWN })?)
    }

    /// The ten digits.
    #[must_use]
    pub fn digits() -> Self {
        Self::new(DIGITS).expect("ten different characters")
    }

    /// The names of the named alphabets, each with its characters.
    #[must_use]
    pub const fn names() -> &'static [(&'static str, &'static str)] {
        &NAMED
    }

    /// Its characters, in order: what a manifest carries.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// How many characters it has.
    #[must_use]
    pub fn radix(&self) -> usize {
        self.0.symbols.len()
    }

    /// The least number of characters n for which radixⁿ ≥ 10⁶.
    #[must_use]
    pub fn least(&self) -> usize {
        let (mut domain, mut length) = (self.radix(), 1);
        while domain < 1_000_000 {
            (domain, length) = (domain * self.radix(), length + 1);
        }
        length
    }

    pub(super) fn are_digits(&self) -> bool {
        self.as_str() == DIGITS
    }

    pub(super) fn numeral(&self, symbol: char) -> Option<u16> {
        let inner = &*self.0;
        match inner.ascii.get(symbol as usize) {
            Some(&NONE) => None,
            Some(&numeral) => Some(numeral),
            None => {
                let at = inner.others.binary_search_by_key(&symbol, |&(known, _)| known).ok()?;
                Some(inner.others[at].1)
            }
        }
    }

    /// The character of a numeral, which is below the radix.
    pub(super) fn symbol(&self, numeral: u16) -> char {
        self.0.symbols[usize::from(numeral)]
    }
}

impl PartialEq for Alphabet {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Alphabet {}

impl fmt::Debug for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alphabet({:?})", self.as_str())
    }
}

impl fmt::Display for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
