//! The few file operations that a publication is made of, behind a private trait, so that tests can fail
//! each of them in turn.

#[cfg(test)]
pub(crate) mod simulated;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file layer. Nothing is durable before its sync: a file's bytes by [`sync`](Self::sync), its name by
/// [`sync_dir`](Self::sync_dir) of the directory that holds it.
pub(crate) trait Disk: Send + Sync + 'static {
    /// The whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Every file below a directory, at any depth; none where there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// Makes one directory; its parent is there. No error where it is there already.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Creates or replaces a file.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes a file's bytes durable.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Puts a file in the place of another name, at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory that is empty; whether it is gone.
    fn remove_empty(&self, dir: &Path) -> bool;
    /// Removes the empty directories below a directory, and then itself if it is one.
    fn sweep(&self, dir: &Path);
    /// Makes the bytes of many files durable; on failure, of which file it is not known.
    fn sync_all(&self, paths: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
        paths.iter().try_for_each(|path| self.sync(path).map_err(|error| (path.clone(), error)))
    }
}

/// Files that are synced at once: on threads that wait, and do nothing else.
const SYNCS: usize = 8;

/// The machine's.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.extend(self.list(&entry.path())?);
            } else {
                found.push(entry.path());
            }
        }
        Ok(found)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        match fs::create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        fs::OpenOptions::new().write(true).open(path)?.sync_all()
    }

    fn sync_all(&self, paths: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
        // Syncs that wait together are one turn of the disk.
        let share = paths.len().div_ceil(SYNCS).max(1);
        let one_after_the_other = |paths: &[PathBuf]| {
            paths.iter().try_for_each(|path| self.sync(path).map_err(|error| (path.clone(), error)))
        };
        std::thread::scope(|scope| {
            let mut shares = paths.chunks(share);
            let own = shares.next().unwrap_or_default();
            let others: Vec<_> =
                shares.map(|paths| scope.spawn(move || one_after_the_other(paths))).collect();
            let mut done = one_after_the_other(own);
            for other in others {
                let panicked = || (PathBuf::new(), io::Error::other("a thread that syncs has ended"));
                done = done.and(other.join().unwrap_or_else(|_| Err(panicked())));
            }
            done
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_empty(&self, dir: &Path) -> bool {
        fs::remove_dir(dir).is_ok()
    }

    fn sweep(&self, dir: &Path) {
        // Whatever is not empty, or not there, stays as it is: that is the point.
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.sweep(&entry.path());
            }
        }
        let _ = fs::remove_dir(dir);
    }
}
