//! Reading on from an offset: for replay and for followers.

use crate::{
    Batch, Error, File, Header, Log,
    record::{FILE_HEADER, RECORD_HEADER, decode_file_header, is_whole},
};
use std::{path::PathBuf, sync::Arc};

/// Reads batches in order. It keeps its place, so that going on costs no search.
pub struct Reader {
    log: Log,
    offset: u64,
    open: Option<Open>,
}

struct Open {
    path: PathBuf,
    file: Arc<dyn File>,
    at: u64,
}

impl Reader {
    pub(crate) const fn new(log: Log, offset: u64) -> Self {
        Self { log, offset, open: None }
    }

    /// The offset that it goes on from.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next batch that begins below `limit`; `None` where there is none yet. The first batch read may
    /// begin before the offset that was asked for.
    ///
    /// # Errors
    /// [`Error::NoOffset`] where the log begins later; [`Error::Damaged`]; what the disk says.
    pub fn next(&mut self, limit: u64) -> Result<Option<Batch>, Error> {
        let Some((header, open)) = self.find(limit)? else { return Ok(None) };
        let damaged = |at, what| Error::Damaged { path: open.path.clone(), at, what };
        let length = usize::try_from(header.len()).map_err(|_| damaged(open.at, "a record is too long"))?;
        let mut record = vec![0; length];
        let read = open.file.read_at(&mut record, open.at);
        let read = read.map_err(|source| Error::io("read", open.path.clone(), source))?;
        if read < length || !is_whole(&record) {
            return Err(damaged(open.at, "a record is not whole"));
        }
        let batch = Batch::decode(&record).ok_or_else(|| damaged(open.at, "a block does not open"))?;
        open.at += header.len();
        self.offset = header.next_offset();
        Ok(Some(batch))
    }

    /// What the record of the next batch says, without its events. Its checksum is not looked at.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_header(&mut self, limit: u64) -> Result<Option<Header>, Error> {
        let Some((header, open)) = self.find(limit)? else { return Ok(None) };
        open.at += header.len();
        self.offset = header.next_offset();
        Ok(Some(header))
    }

    /// Moves to the record that holds the offset, over files and records.
    fn find(&mut self, limit: u64) -> Result<Option<(Header, &mut Open)>, Error> {
        let end = self.log.next_offset().min(limit);
        if self.offset >= end {
            return Ok(None);
        }
        loop {
            if self.open.is_none() {
                self.open = Some(self.open_file()?);
            }
            let Some(open) = &self.open else { continue };
            match header_at(open)? {
                Some(header) if header.next_offset() <= self.offset => {
                    let at = open.at + header.len();
                    if let Some(open) = &mut self.open {
                        open.at = at;
                    }
                }
                Some(header) => return Ok(self.open.as_mut().map(|open| (header, open))),
                // The end of this file: the offset is in the next one.
                None => {
                    let at = open.at;
                    let path = open.path.clone();
                    let next = self.open_file()?;
                    if next.path == path {
                        return Err(Error::Damaged { path, at, what: "it ends too early" });
                    }
                    self.open = Some(next);
                }
            }
        }
    }

    fn open_file(&self) -> Result<Open, Error> {
        let options = &self.log.shared.options;
        let first = self.log.state().firsts.iter().rev().find(|first| **first <= self.offset).copied();
        let first = first.ok_or(Error::NoOffset { offset: self.offset })?;
        let path = options.path(first);
        let failed = |act, path: PathBuf| move |source| Error::io(act, path, source);
        let file = options.files.open(&path).map_err(failed("open", path.clone()))?;
        let mut header = [0; FILE_HEADER];
        file.read_at(&mut header, 0).map_err(failed("read", path.clone()))?;
        match decode_file_header(&header) {
            Some((organization, named)) if organization == options.organization && named == first => {
                Ok(Open { path, file, at: FILE_HEADER as u64 })
            }
            Some((organization, _)) if organization != options.organization => Err(Error::Foreign { path }),
            _ => Err(Error::Damaged { path, at: 0, what: "it does not begin as a log file" }),
        }
    }
}

fn header_at(open: &Open) -> Result<Option<Header>, Error> {
    let mut bytes = [0; RECORD_HEADER];
    let read = open.file.read_at(&mut bytes, open.at);
    match read.map_err(|source| Error::io("read", open.path.clone(), source))? {
        0 => Ok(None),
        RECORD_HEADER => Header::decode(&bytes).map(Some).ok_or_else(|| Error::Damaged {
            path: open.path.clone(),
            at: open.at,
            what: "a record does not begin as one",
        }),
        _ => Err(Error::Damaged { path: open.path.clone(), at: open.at, what: "a record is cut" }),
    }
}
