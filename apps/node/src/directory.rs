//! The data directory: private to its owner, and held by one process at a time.

use crate::Error;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A data directory that this process holds until it is dropped.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    created: bool,
    /// The lock lives as long as the file is open; a process that dies gives it back.
    _lock: File,
}

impl Directory {
    /// Creates the directory where it is missing (0700), and takes its lock.
    ///
    /// # Errors
    /// [`Error::Held`] where another process has it, by its id; [`Error::Directory`] where it cannot be
    /// used.
    pub fn hold(path: &Path) -> Result<Self, Error> {
        let wrong = |source| Error::Directory { path: path.to_owned(), source };
        let created = match DirBuilder::new().mode(0o700).recursive(false).create(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::read_dir(path).map_err(wrong)?.next().is_none()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(wrong)?;
                true
            }
            Err(error) => return Err(wrong(error)),
        };
        if created {
            // Also where an empty directory was there already.
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(wrong)?;
        }
        let lock = match lock(path).map_err(wrong)? {
            Lock::Ours(lock) => lock,
            Lock::Theirs(owner) => return Err(Error::Held { path: path.to_owned(), owner }),
        };
        Self::keep_private(&path.join("organizations")).map_err(wrong)?;
        Ok(Self { path: path.to_owned(), created, _lock: lock })
    }

    /// Makes a directory in it that only its owner enters, whatever others may do in the one above: that may
    /// have come from a copy, or from whoever provides the volume.
    fn keep_private(path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        match fs::metadata(path)?.permissions().mode() & 0o077 {
            0 => Ok(()),
            _ => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
        }
    }

    /// Whether there is a data directory that a server began.
    #[must_use]
    pub fn is_begun(path: &Path) -> bool {
        path.join("organizations").join("platform").exists()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was empty.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.created
    }

    /// The socket of the server that owns the directory.
    #[must_use]
    pub fn socket(path: &Path) -> PathBuf {
        path.join("nexora.sock")
    }
}

/// Whose a directory is.
pub(crate) enum Lock {
    /// Ours, as long as the file is open.
    Ours(File),
    /// Another process's, by its id.
    Theirs(String),
}

/// Takes the lock of a directory, the file `lock` in it, which names the process that has it.
pub(crate) fn lock(directory: &Path) -> io::Result<Lock> {
    let name = directory.join("lock");
    let mut lock =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&name)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            lock.read_to_string(&mut owner)?;
            return Ok(Lock::Theirs(owner.trim().to_owned()));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let pid = std::process::id().to_string();
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(pid.as_bytes())?;
    Ok(Lock::Ours(lock))
}

/// Writes a file that only its owner reads (0600), whole or not at all, synced.
///
/// # Errors
/// What the system says.
pub fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    // What a crash left there, or whoever else could write there: neither is written into.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Directory, write_private};
    use crate::Error;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn one_process_holds_a_directory_and_a_second_one_is_told_which() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("deep/data");
        let held = Directory::hold(&path).expect("nobody holds it");
        assert!(held.is_new());
        assert_eq!((mode(&path), mode(&path.join("lock"))), (0o700, 0o600));
        match Directory::hold(&path) {
            Err(Error::Held { owner, .. }) => assert_eq!(owner, std::process::id().to_string()),
            other => panic!("it is held, and yet {other:?}"),
        }
        drop(held);
        assert!(!Directory::hold(&path).expect("it was given back").is_new());
    }

    #[test]
    fn what_organizations_keep_is_private_in_a_directory_that_is_not() {
        let parent = tempfile::tempdir().expect("a directory");
        let organizations = parent.path().join("organizations");
        for set in [None, Some(0o755)] {
            fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
            fs::write(parent.path().join("other"), "").expect("written");
            if let Some(set) = set {
                fs::set_permissions(&organizations, fs::Permissions::from_mode(set)).expect("it is ours");
            }
            let held = Directory::hold(parent.path()).expect("nobody holds it");
            assert!(!held.is_new(), "it holds a file");
            assert_eq!((mode(parent.path()), mode(&organizations)), (0o755, 0o700));
            assert!(!Directory::is_begun(parent.path()), "no server has begun it");
        }
    }

    #[test]
    fn a_private_file_is_private_even_over_one_that_was_not() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("secret");
        fs::write(&path, "old").expect("written");
        write_private(&path, b"new").expect("written");
        assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"new".to_vec(), 0o600));
    }
}
