//! CSV (RFC 4180, any delimiter) that leaves every unnamed column byte for byte as it came.
//!
//! Bytes are pushed in as they arrive; whole records are cut from them, the cells of the policy's columns
//! become a batch, and what comes back takes their place between bytes that were never interpreted.
//!
//! - The first record is the header. It and a byte order mark leave as they came.
//! - Records end in LF or CRLF, each as it was; the last may end with the file. A quote opens a quoted cell
//!   only at the start of a cell; inside, it is doubled, and line breaks are data.
//! - A blank line in a file of several columns is no row and leaves as it came.
//! - An empty cell is null and stays empty; a quoted empty cell (`""`) is the empty text and is protected.
//! - A revealed cell is quoted only where it must be.
//! - A record has at most 16 MiB, a header at most 16,384 columns.

mod cells;
mod frame;
mod piece;
mod split;

pub(super) use frame::{Cut, Framer, Piece};
pub(super) use piece::{Header, Parsed};
pub use split::MAX_RECORD;

use crate::Error;

/// How the cells of a file are set apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    delimiter: u8,
}

impl Dialect {
    /// Cells set apart by this character.
    ///
    /// # Errors
    /// [`Error::Policy`] unless it is an ASCII character other than a quote or a line break.
    pub fn new(delimiter: char) -> Result<Self, Error> {
        match u8::try_from(delimiter) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => {
                Ok(Self { delimiter: byte })
            }
            _ => Err(Error::Policy("a delimiter is one ASCII character, no quote or line break".to_owned())),
        }
    }

    /// The character between cells.
    #[must_use]
    pub const fn delimiter(self) -> char {
        self.delimiter as char
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',' }
    }
}
