//! What lies beside a ledger, as [`verify::deep`] reads it: the details in an organization's database, and the files
//! that entries vouch for.

use base::{Id, noun};
use crypto::digest::Sha256;
use std::{
    fs, io,
    io::Read as _,
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
        Ok(Self { stored: Mutex::new(stored), base, generation, runtime })
    }

    /// Which log of the organization they are of, from 1: the one in use.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }
}

impl Details for DetailsIn {
    fn details(&self, position: u64) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.base.saturating_add(position);
        self.runtime.block_on(stored.at(at)).map_err(|error| Unreadable(error.to_string()))
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
