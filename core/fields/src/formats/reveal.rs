//! Revealing a file of any format.

use super::{Format, Spool, csv};
use crate::{Error, Manifest, Revealer};

/// A protected file that is being revealed.
///
/// Every value is checked before it comes out. That the file as a whole is the one that its manifest describes
/// is known only at its end: the reveal has succeeded when [`finish`](Self::finish) has, and what came out
/// before an error must be discarded.
#[derive(Debug)]
pub struct Reveal(Inner);

#[derive(Debug)]
enum Inner {
    Csv(Box<csv::Reveal>),
}

impl Reveal {
    /// Begins the file that this manifest describes. Its [`Output::format`](crate::Output::format) says whether it needs a spool.
    ///
    /// # Errors
    /// [`Error::Manifest`] where it describes none; [`Error::Spool`] where one is missing.
    pub fn new(manifest: &Manifest, revealer: Revealer, _spool: Option<Spool>) -> Result<Self, Error> {
        Ok(Self(match manifest.output.format()? {
            Format::Csv(_) => Inner::Csv(Box::new(csv::Reveal::new(manifest, revealer)?)),
            other => return Err(Error::Manifest(format!("{} is not read here", other.as_str()))),
        }))
    }

    /// Rows revealed so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        match &self.0 {
            Inner::Csv(csv) => csv.rows(),
        }
    }

    /// Takes the next bytes of the protected file, and appends to `out` what is complete. One push is one
    /// batch: who may be stopped in between checks before each.
    ///
    /// # Errors
    /// [`Error::Value`] for a value that was altered or moved; [`Error::NotAsDescribed`]; what is wrong with
    /// the file, as in [`Protect::push`](super::Protect::push).
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match &mut self.0 {
            Inner::Csv(csv) => csv.push(bytes, out),
        }
    }

    /// After the last bytes: appends the next part of what is left. To be called until it says `false`; each
    /// call is one batch.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn more(&mut self, _out: &mut Vec<u8>) -> Result<bool, Error> {
        Ok(false)
    }

    /// Ends the file: appends what is left and gives the number of rows revealed.
    ///
    /// # Errors
    /// [`Error::NotAsDescribed`] for a file that was cut, extended or altered; as [`push`](Self::push).
    pub fn finish(self, out: &mut Vec<u8>) -> Result<u64, Error> {
        match self.0 {
            Inner::Csv(csv) => csv.finish(out),
        }
    }
}
