//! The local directory as a storage: a file is written beside the logs and synced, renamed to its place, and its
//! name synced, in that order, so that a reader and the next start find it whole or not at all.

use crate::{
    Storage, StorageError, Stored, covers,
    disk::{Disk, RealDisk},
};
use std::{
    collections::{BTreeSet, HashMap},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The logs below one directory, each in a directory of its own name. What is not in place yet stands in `.staging`.
pub struct LocalDirectory {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    logs: Mutex<HashMap<String, Arc<Mutex<Places>>>>,
}

/// What is known of one log's directories.
#[derive(Debug, Default)]
struct Places {
    /// Directories whose own names are known to be durable.
    durable: BTreeSet<PathBuf>,
    /// Whether the staging directory is there, and empty of what an earlier process left.
    staging_made: bool,
    /// Whether empty directories of an earlier process are gone.
    swept: bool,
    /// Whose sync failed.
    stopped: Option<PathBuf>,
}

impl LocalDirectory {
    /// The logs below this directory, which need not be there yet; its parent is.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self::on(Arc::new(RealDisk), root)
    }

    pub(crate) fn on(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self { disk, root: root.to_owned(), logs: Mutex::default() }
    }

    fn places(&self, log: &str) -> Arc<Mutex<Places>> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(logs.entry(log.to_owned()).or_default())
    }

    fn at<'a>(&'a self, log: &str, places: &'a Mutex<Places>) -> Result<Turn<'a>, StorageError> {
        let places = places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &places.stopped {
            return Err(StorageError::Unknown { path: path.display().to_string() });
        }
        let (home, staging) = (self.root.join(log), self.root.join(".staging").join(log));
        Ok(Turn { disk: &*self.disk, root: &self.root, home, staging, places })
    }

    fn is_published(&self, log: &str, path: &str) -> Result<bool, StorageError> {
        let checkpoint = self.read(log, verify::checkpoint::FILE, usize::MAX)?;
        Ok(checkpoint.is_some_and(|checkpoint| covers(&checkpoint, path)))
    }
}

impl Storage for LocalDirectory {
    fn read(&self, log: &str, path: &str, limit: usize) -> Result<Option<Vec<u8>>, StorageError> {
        let file = self.root.join(log).join(path);
        match self.disk.read(&file) {
            Ok(bytes) if bytes.len() <= limit => Ok(Some(bytes)),
            Ok(_) => Err(failed("read", &file)(io::ErrorKind::FileTooLarge.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", &file)(source)),
        }
    }

    fn list(&self, log: &str, under: &str) -> Result<Vec<String>, StorageError> {
        let home = self.root.join(log);
        let folder = if under.is_empty() { home.clone() } else { home.join(under) };
        let found = self.disk.list(&folder).map_err(failed("list", &folder))?;
        let named = |path: &PathBuf| path.strip_prefix(&home).unwrap_or(path).to_string_lossy().into_owned();
        let mut names: Vec<_> = found.iter().map(named).collect();
        names.sort();
        Ok(names)
    }

    fn put(&self, log: &str, files: &[Stored]) -> Result<(), StorageError> {
        let places = self.places(log);
        let mut turn = self.at(log, &places)?;
        for file in files {
            let there = self.read(log, &file.path, usize::MAX)?;
            if there.is_some_and(|there| there != file.bytes) && self.is_published(log, &file.path)? {
                return Err(StorageError::Changed { path: turn.home.join(&file.path).display().to_string() });
            }
        }
        turn.put(files)
    }

    fn replace(
        &self,
        log: &str,
        path: &str,
        expected: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        let places = self.places(log);
        let mut turn = self.at(log, &places)?;
        // The process holds the data directory's lock: between this look and the rename nobody else writes.
        if self.read(log, path, usize::MAX)?.as_deref() != expected {
            return Err(StorageError::Changed { path: self.root.join(log).join(path).display().to_string() });
        }
        turn.put(&[Stored { path: path.to_owned(), bytes: bytes.to_vec() }])
    }

    fn remove(&self, log: &str, paths: &[String]) -> Result<(), StorageError> {
        let places = self.places(log);
        self.at(log, &places)?.remove(paths)
    }

    /// The process holds the data directory's lock.
    fn is_shared(&self) -> bool {
        false
    }
}

/// One call that changes a log's directory, while nobody else does.
struct Turn<'a> {
    disk: &'a dyn Disk,
    root: &'a Path,
    home: PathBuf,
    staging: PathBuf,
    places: MutexGuard<'a, Places>,
}

impl Turn<'_> {
    fn put(&mut self, files: &[Stored]) -> Result<(), StorageError> {
        if !self.places.staging_made {
            // Its name need not last: what is staged is made anew after a crash.
            for left in self.disk.list(&self.staging).map_err(failed("list", &self.staging))? {
                self.disk.remove(&left).map_err(failed("remove", &left))?;
            }
            let staging = self.staging.clone();
            self.make_dirs(&staging, &mut BTreeSet::new())?;
            self.places.staging_made = true;
        }
        // All are written before the first is synced, so that the disk takes them in few turns.
        let staged: Vec<_> =
            files.iter().map(|file| self.staging.join(file.path.replace('/', "-"))).collect();
        for (file, staged) in files.iter().zip(&staged) {
            self.disk.write(staged, &file.bytes).map_err(failed("write", staged))?;
        }
        let synced = self.disk.sync_all(&staged);
        synced.map_err(|(path, error)| self.stop(path, &error))?;
        let mut renamed = BTreeSet::new();
        for (file, staged) in files.iter().zip(&staged) {
            let to = self.home.join(&file.path);
            if let Some(parent) = to.parent() {
                self.make_dirs(parent, &mut renamed)?;
                renamed.insert(parent.to_owned());
            }
            self.disk.rename(staged, &to).map_err(failed("put in place", &to))?;
        }
        // A directory that was just synced is itself durable: its parent stands in the same set, or was synced
        // before.
        for dir in &renamed {
            self.disk.sync_dir(dir).map_err(|error| self.stop(dir.clone(), &error))?;
        }
        let root = self.root;
        self.places.durable.extend(renamed.into_iter().filter(|dir| dir.starts_with(root)));
        Ok(())
    }

    fn remove(&mut self, paths: &[String]) -> Result<(), StorageError> {
        let mut dirs = BTreeSet::new();
        for path in paths.iter().map(|path| self.home.join(path)) {
            match self.disk.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("remove", &path)(error));
                }
                _ => dirs.extend(path.parent().map(Path::to_owned)),
            }
        }
        for dir in &dirs {
            let mut dir = dir.as_path();
            // Up to the log's own directory; one that is gone is to be made durable anew if it comes back.
            while dir != self.home && self.disk.remove_empty(dir) {
                self.places.durable.remove(dir);
                let Some(above) = dir.parent() else { break };
                dir = above;
            }
        }
        if !self.places.swept {
            // Directories that an earlier process made, and put nothing into.
            let tiles = self.home.join("tile");
            self.disk.sweep(&tiles);
            self.places.durable.retain(|dir| !dir.starts_with(&tiles));
            self.places.swept = true;
        }
        Ok(())
    }

    /// Makes a directory and those above it, up to the one that holds all logs. A directory's name is durable once
    /// its parent is synced, which is noted in `renamed`.
    fn make_dirs(&mut self, dir: &Path, renamed: &mut BTreeSet<PathBuf>) -> Result<(), StorageError> {
        let mut above: Vec<_> = dir.ancestors().take_while(|path| path.starts_with(self.root)).collect();
        above.reverse();
        for dir in above.into_iter().filter(|dir| !self.places.durable.contains(*dir)) {
            if renamed.contains(dir) {
                continue;
            }
            self.disk.create_dir(dir).map_err(failed("make", dir))?;
            renamed.extend(dir.parent().map(Path::to_owned));
        }
        Ok(())
    }

    /// A failed sync leaves it open what the disk holds, and asking again would answer for less: nothing more is
    /// written.
    fn stop(&mut self, path: PathBuf, error: &io::Error) -> StorageError {
        tracing::error!(path = %path.display(), %error, "a sync failed: the ledger's writer has stopped");
        let unknown = StorageError::Unknown { path: path.display().to_string() };
        self.places.stopped = Some(path);
        unknown
    }
}

fn failed<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> StorageError + 'p {
    move |source| StorageError::Failed { doing, path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::LocalDirectory;
    use crate::{
        Storage as _, StorageError, Stored, conformance,
        disk::simulated::{Fault, SimulatedDisk},
    };
    use std::{io, path::Path, sync::Arc};

    #[test]
    fn the_local_directory_passes_the_suite() {
        let dir = tempfile::tempdir().expect("a directory");
        let storage = LocalDirectory::new(&dir.path().join("ledgers"));
        conformance::storage(&storage, ["one", "two.2"]).expect("it works");
        conformance::storage(&storage, [".waiting/one", ".waiting/two"]).expect("names may be nested");
    }

    #[test]
    fn so_does_the_disk_that_the_crashes_are_tested_on() {
        let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), 1));
        let storage = LocalDirectory::on(disk, Path::new("/data/ledgers"));
        conformance::storage(&storage, ["one", "two"]).expect("it works");
    }

    #[test]
    fn after_a_failed_sync_a_log_takes_nothing_more_and_others_go_on() {
        let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), 1));
        let storage = LocalDirectory::on(Arc::<SimulatedDisk>::clone(&disk), Path::new("/data/ledgers"));
        let file = || [Stored { path: "tile/0/000".to_owned(), bytes: vec![1; 8_192] }];
        storage.put("one", &file()).expect("it works");
        // A write, then the sync.
        disk.fail(disk.calls() + 1, Fault::Error(io::ErrorKind::Other));
        assert!(matches!(storage.put("one", &file()), Err(StorageError::Unknown { .. })));
        let calls = disk.calls();
        assert!(matches!(storage.put("one", &file()), Err(StorageError::Unknown { .. })));
        assert_eq!(disk.calls(), calls, "the disk is left alone");
        storage.put("two", &file()).expect("another log is not concerned");
    }
}
