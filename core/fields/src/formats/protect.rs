//! Protecting a file of any format.

use super::{Format, Spool, csv};
use crate::{Error, Manifest, Protector};

/// A file that is being protected.
///
/// After an error nothing more can be pushed, and what came out is of no use.
#[derive(Debug)]
pub struct Protect(Inner);

#[derive(Debug)]
enum Inner {
    Csv(Box<csv::Protect>),
}

impl Protect {
    /// Begins a file. A format that is [`Format::spooled`] needs an empty spool; others leave it unused.
    ///
    /// # Errors
    /// [`Error::Spool`] where one is missing.
    pub fn new(format: Format, protector: Protector, _spool: Option<Spool>) -> Result<Self, Error> {
        Ok(Self(match format {
            Format::Csv(dialect) => Inner::Csv(Box::new(csv::Protect::new(dialect, protector))),
            other => return Err(Error::Policy(format!("{} is not read here", other.as_str()))),
        }))
    }

    /// Takes the next bytes of the file, and appends to `out` what is complete.
    ///
    /// # Errors
    /// What is wrong with the file, by place: [`Error::Csv`], [`Error::Json`], [`Error::Parquet`],
    /// [`Error::MissingColumn`], [`Error::Value`]; [`Error::Spool`].
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match &mut self.0 {
            Inner::Csv(csv) => csv.push(bytes, out),
        }
    }

    /// After the last bytes: appends the next part of what is left. To be called until it says `false`; the
    /// first call ends the input.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn more(&mut self, _out: &mut Vec<u8>) -> Result<bool, Error> {
        Ok(false)
    }

    /// Ends the file: appends what is left and gives the manifest to sign.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(self, out: &mut Vec<u8>) -> Result<Manifest, Error> {
        match self.0 {
            Inner::Csv(csv) => csv.finish(out),
        }
    }
}
