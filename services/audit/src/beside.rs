//! What lies beside a ledger, as [`verify::deep`] reads it: the details in an organization's database, and the files
//! that entries vouch for.

use crate::Error;
use base::{Id, noun};
use crypto::digest::Sha256;
use std::{
    fs, io,
    io::Read as _,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use store::StoredDetails;
use verify::{
    Unreadable,
    deep::{Details, ObjectFiles},
};

const PIECE: usize = 1 << 20;

/// The details in a data directory, read without a store. Calls block, and are made on a thread that may.
pub struct DetailsIn {
    stored: Mutex<StoredDetails>,
    base: u64,
    generation: u32,
    erased: Vec<RangeInclusive<u64>>,
    runtime: tokio::runtime::Handle,
}

impl DetailsIn {
    /// Those of an organization's log that is in use.
    ///
    /// # Errors
    /// [`store::Error`] where its database is not there or cannot be read.
    pub async fn open(data: &Path, organization: Id<noun::Organization>) -> Result<Self, store::Error> {
        let mut stored = StoredDetails::open(data, organization).await?;
        let (base, generation) = (stored.base().await?, stored.generation().await?);
        let runtime = tokio::runtime::Handle::current();
        Ok(Self { stored: Mutex::new(stored), base, generation, erased: Vec::new(), runtime })
    }

    /// Those of an earlier log of the organization, which has ended. Call it on those of the one in use.
    ///
    /// # Errors
    /// [`Error::Row`] where the database does not say where that log's entries are; the store's.
    pub async fn of_earlier(mut self, generation: u32) -> Result<Self, Error> {
        let stored = self.stored.get_mut().unwrap_or_else(PoisonError::into_inner);
        for number in (generation.max(1)..self.generation).rev() {
            let entry = match self.base.checked_sub(1) {
                Some(last) if number > 1 => stored.entry(last).await?,
                _ => None,
            };
            self.base = before(number, self.base, entry.as_deref()).ok_or(Error::Row("outbox"))?;
        }
        self.generation = self.generation.min(generation.max(1));
        Ok(self)
    }

    /// With what later logs say is erased of this one ([`verify::deep::erased_in`]).
    #[must_use]
    pub fn erased_by(self, erased: Vec<RangeInclusive<u64>>) -> Self {
        Self { erased, ..self }
    }

    /// Which log of the organization they are of, from 1.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }
}

/// Where the outbox has entry 0 of the log of this number, which ends before `end` with this entry.
pub(crate) fn before(number: u32, end: u64, last: Option<&[u8]>) -> Option<u64> {
    // The first log's base is 0. Any other's last entry says at which position of its log it is, and that row stays:
    // what is pruned from the outbox is never the last of a log.
    if number == 1 {
        return Some(0);
    }
    let seen = verify::entry::read(last?).ok()?;
    end.checked_sub(1)?.checked_sub(seen.position)
}

impl Details for DetailsIn {
    fn details(&self, position: u64) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.base.saturating_add(position);
        self.runtime.block_on(stored.at(at)).map_err(|error| Unreadable(error.to_string()))
    }

    fn erased(&self) -> Result<Vec<RangeInclusive<u64>>, Unreadable> {
        Ok(self.erased.clone())
    }
}

/// The files in some directories, at any depth. Hidden files are files; a link is named and not followed.
#[derive(Debug)]
pub struct FilesIn(Vec<PathBuf>);

impl FilesIn {
    /// All that is in these directories.
    #[must_use]
    pub const fn new(directories: Vec<PathBuf>) -> Self {
        Self(directories)
    }
}

impl ObjectFiles for FilesIn {
    fn list(&self) -> Result<Vec<String>, Unreadable> {
        let mut found = Vec::new();
        for dir in &self.0 {
            walk(dir, &mut found).map_err(|error| Unreadable(format!("{}: {error}", dir.display())))?;
        }
        Ok(found)
    }

    fn sha256(&self, path: &str) -> Result<[u8; 32], Unreadable> {
        let unreadable = |error: io::Error| Unreadable(error.to_string());
        if !fs::symlink_metadata(path).map_err(unreadable)?.is_file() {
            return Err(Unreadable("no plain file, so nothing vouches for it".to_owned()));
        }
        let mut file = fs::File::open(path).map_err(unreadable)?;
        let (mut hasher, mut piece) = (Sha256::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece).map_err(unreadable)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&piece[..read]),
            }
        }
    }
}

fn walk(dir: &Path, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), found)?;
        } else {
            let name = entry.path().into_os_string().into_string();
            found.push(name.map_err(|_| io::Error::other("a file's name is no UTF-8"))?);
        }
    }
    Ok(())
}
