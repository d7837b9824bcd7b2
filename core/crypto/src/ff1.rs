//! Format-preserving encryption: FF1 with AES-256 (SP 800-38G Rev. 1).
//!
//! A value becomes another of the same length over the same [`Alphabet`]; its separators stay where they are.
//! The tweak is the associated data of the value's place, so that equal values differ between fields.
//!
//! **FF1 has no tag: it cannot detect a wrong key, a changed value or a moved one.** Decrypting then gives
//! another plausible value, and no error. That is why a value is revealed only with the signed manifest,
//! which names the key's version and holds the hash of the whole output. Equal values in the same place give
//! equal ciphertexts, as with [`crate::siv`], and the domain is small by nature: whoever may have values
//! encrypted at will can tabulate it. Where the format need not stay, another mode is better.
//!
//! A *separator* is a character that is neither in the alphabet nor a letter or digit (Unicode Alphabetic,
//! or categories Nd, Nl, No). A letter or digit that the alphabet lacks is refused: kept in place, it would
//! leave in clear what the policy asked to protect.
//!
//! With [`Check::Luhn`] the last digit is recomputed over the encrypted ones and not encrypted itself, so
//! that a card number stays one for a form that checks; it must hold in the value, or it could not be
//! restored.

mod alphabet;
mod cipher;
mod halves;
#[cfg(test)]
mod tests;

pub use alphabet::Alphabet;

use crate::{Error, FieldAlgorithm, FieldKey, luhn};
use cipher::SharedAes;
use fpe::ff1::{FF1, FlexibleNumeralString, NumeralString, NumeralStringError};
use halves::Halves;
use std::fmt;

/// The most characters of the alphabet that a value may have.
pub const MOST: usize = 4_096;
/// The longest tweak, in bytes.
const MOST_TWEAK: usize = 1 << 24;

/// Whether a value ends in a check digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// All its characters are encrypted.
    #[default]
    None,
    /// Its last digit is the Luhn check digit: recomputed, not encrypted. For digits only.
    Luhn,
}

/// Encrypts and decrypts the values of one field. Loaded once per field and run; a value of up to 96 bits a
/// half (57 digits, 32 alphanumeric characters) costs no allocation beyond its output.
pub struct Ff1 {
    id: u32,
    alphabet: Alphabet,
    radix: u32,
    check: Check,
    ff1: FF1<SharedAes>,
    numerals: Vec<u16>,
}

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

impl Ff1 {
    /// The cipher under this key, over this alphabet.
    ///
    /// # Errors
    /// [`Error::WrongAlgorithm`] unless the key is for [`FieldAlgorithm::Ff1`], [`Error::Parameter`] where a
    /// Luhn digit is asked for in another alphabet than the ten digits.
    pub fn new(key: &FieldKey, alphabet: &Alphabet, check: Check) -> Result<Self, Error> {
        let bytes: &[u8; 32] = key.bytes_for(FieldAlgorithm::Ff1)?;
        if check == Check::Luhn && !alphabet.are_digits() {
            let why = "a Luhn check digit needs the alphabet 0123456789";
            return Err(Error::Parameter { what: "alphabet", why });
        }
        let radix = u32::try_from(alphabet.radix()).expect("an alphabet has at most 1,024 characters");
        let ff1 = FF1::new(bytes, radix).expect("an alphabet has two characters or more");
        Ok(Self { id: key.id(), alphabet: alphabet.clone(), radix, check, ff1, numerals: Vec::new() })
    }

    /// The id of the key. The manifest carries it; a value has no room for one.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.id
    }

    /// The least number of alphabet characters in a value, check digit included.
    #[must_use]
    pub fn least(&self) -> usize {
        self.alphabet.least() + usize::from(self.check == Check::Luhn)
    }

    /// Appends the encrypted value to `out`, which is left as it was on failure.
    ///
    /// # Errors
    /// [`Error::DomainTooSmall`], [`Error::TooLong`], [`Error::NotOfAlphabet`], [`Error::NotLuhn`].
    pub fn encrypt(&mut self, tweak: &[u8], value: &str, out: &mut String) -> Result<(), Error> {
        self.run(Direction::Encrypt, tweak, value, out)
    }

    /// Appends the decrypted value to `out`, which is left as it was on failure. Under a wrong key or tweak,
    /// or of a changed value, it is another value, not an error.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt): where the value cannot have come from it.
    pub fn decrypt(&mut self, tweak: &[u8], value: &str, out: &mut String) -> Result<(), Error> {
        self.run(Direction::Decrypt, tweak, value, out)
    }

    fn run(
        &mut self,
        direction: Direction,
        tweak: &[u8],
        value: &str,
        out: &mut String,
    ) -> Result<(), Error> {
        self.read(value)?;
        if tweak.len() > MOST_TWEAK {
            let (got, most) = (tweak.len(), MOST_TWEAK);
            return Err(Error::TooLong { got, most, unit: "bytes of associated data" });
        }
        let check = match self.check {
            Check::None => None,
            Check::Luhn => self.numerals.pop(),
        };
        if self.numerals.len() < self.alphabet.least() {
            let got = self.numerals.len() + usize::from(check.is_some());
            let (radix, needed) = (self.alphabet.radix(), self.least());
            return Err(Error::DomainTooSmall { got, radix, needed });
        }
        if check.is_some_and(|check| check != self.luhn()) {
            return Err(Error::NotLuhn);
        }
        convert(&self.ff1, self.radix, direction, tweak, &mut self.numerals)?;
        if check.is_some() {
            self.numerals.push(self.luhn());
        }
        self.write(value, out);
        Ok(())
    }

    /// Reads a value's numerals.
    fn read(&mut self, value: &str) -> Result<(), Error> {
        self.numerals.clear();
        for (at, symbol) in value.chars().enumerate() {
            match self.alphabet.numeral(symbol) {
                Some(numeral) => self.numerals.push(numeral),
                None if symbol.is_alphanumeric() => return Err(Error::NotOfAlphabet { at: at + 1 }),
                None => {}
            }
        }
        let got = self.numerals.len();
        if got > MOST {
            return Err(Error::TooLong { got, most: MOST, unit: "characters of its alphabet" });
        }
        Ok(())
    }

    /// Writes the numerals where the value has characters of the alphabet.
    fn write(&self, value: &str, out: &mut String) {
        out.reserve(value.len());
        let mut numerals = self.numerals.iter();
        for symbol in value.chars() {
            let written = match self.alphabet.numeral(symbol) {
                Some(_) => self.alphabet.symbol(*numerals.next().expect("FF1 keeps the length")),
                None => symbol,
            };
            out.push(written);
        }
    }

    /// The check digit of the numerals, which are digits.
    fn luhn(&self) -> u16 {
        let digits = self.numerals.iter().map(|&digit| u8::try_from(digit).expect("a digit is below ten"));
        u16::from(luhn::check_digit(digits))
    }
}

/// FF1 on numerals, in place.
fn convert(
    ff1: &FF1<SharedAes>,
    radix: u32,
    direction: Direction,
    tweak: &[u8],
    numerals: &mut Vec<u16>,
) -> Result<(), Error> {
    if let Some(mut halves) = Halves::new(radix, numerals.len()) {
        for (at, &numeral) in numerals.iter().enumerate() {
            halves.set(radix, at, numeral);
        }
        apply(ff1, direction, tweak, &halves)?.write(radix, numerals);
    } else {
        let long = FlexibleNumeralString::from(std::mem::take(numerals));
        *numerals = apply(ff1, direction, tweak, &long)?.into();
    }
    Ok(())
}

fn apply<N: NumeralString>(
    ff1: &FF1<SharedAes>,
    direction: Direction,
    tweak: &[u8],
    numerals: &N,
) -> Result<N, Error> {
    let done = match direction {
        Direction::Encrypt => ff1.encrypt(tweak, numerals),
        Direction::Decrypt => ff1.decrypt(tweak, numerals),
    };
    // Length and numerals were checked: this is a second lock, not a message for people.
    done.map_err(|error| match error {
        NumeralStringError::InvalidForRadix(_) => {
            Error::Parameter { what: "numeral", why: "it is too large" }
        }
        NumeralStringError::TooLong { ns_len, max_len } => {
            Error::TooLong { got: ns_len, most: max_len, unit: "numerals" }
        }
        NumeralStringError::TooShort { ns_len, min_len } => {
            Error::DomainTooSmall { got: ns_len, radix: 0, needed: min_len }
        }
    })
}

impl fmt::Debug for Ff1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ff1({:08x}, {:?}, {:?})", self.id, self.alphabet, self.check)
    }
}
