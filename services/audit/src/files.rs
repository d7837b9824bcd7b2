//! A ledger's directory as [`verify`] reads it.

use base::{Fault, Kind};
use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};
use verify::{LedgerFiles, Unreadable};

/// The files of a ledger in a local directory.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

/// There is no directory where a ledger was expected.
#[derive(Debug, thiserror::Error)]
#[error("no ledger at {}: expected its directory, such as DIR/ledgers/ID", path.display())]
pub struct NoDirectory {
    path: PathBuf,
}

impl Fault for NoDirectory {
    fn kind(&self) -> Kind {
        Kind::NotFound
    }
}

impl Directory {
    /// The ledger in this directory.
    ///
    /// # Errors
    /// [`NoDirectory`] where there is none.
    pub fn open(path: &Path) -> Result<Self, NoDirectory> {
        if path.is_dir() { Ok(Self(path.to_owned())) } else { Err(NoDirectory { path: path.to_owned() }) }
    }
}

impl LedgerFiles for Directory {
    fn list(&self) -> Result<Vec<String>, Unreadable> {
        let mut found = Vec::new();
        walk(&self.0, "", &mut found).map_err(|error| Unreadable(error.to_string()))?;
        found.sort();
        Ok(found)
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unreadable> {
        let unreadable = |error: io::Error| Unreadable(error.to_string());
        let file = fs::File::open(self.0.join(path)).map_err(unreadable)?;
        // As much room as it takes, at once: a buffer that is doubled on the way is copied, and threads that read get in
        // each other's way where its memory is given back.
        let known = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
        let mut bytes = Vec::with_capacity(usize::try_from(known).unwrap_or(limit).min(limit) + 1);
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > limit { Err(Unreadable(format!("larger than {limit} bytes"))) } else { Ok(bytes) }
    }
}

/// Names everything below `dir`. A link is named and not followed; so is an empty directory, as `name/`.
fn walk(dir: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            let before = found.len();
            walk(&entry.path(), &format!("{name}/"), found)?;
            if found.len() == before {
                found.push(format!("{name}/"));
            }
        } else if entry.file_type()?.is_file() {
            found.push(name);
        } else {
            found.push(format!("{name} (no plain file)"));
        }
    }
    Ok(())
}
