//! Files that only their owner reads, written whole or not at all.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// What becomes of the bytes of the file that is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Old {
    /// They are no file's any more.
    Leave,
    /// They are overwritten with zeros before that is told. What a copy-on-write file system, a snapshot or flash
    /// keeps elsewhere is out of reach.
    Overwrite,
}

/// Puts a file of mode 0600 in place of what stands at `path`, or of nothing: written beside it and synced, renamed
/// over it, and the directory synced.
pub(crate) fn put(path: &Path, document: &[u8], old: Old) -> io::Result<()> {
    // Opened before the rename: afterwards it has no name any more.
    let before = opened(path, old)?;
    let fresh = path.with_extension("new");
    // What a crash left there, or whoever else could write there: neither is written into.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(document)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_directory(path)?;
    before.map_or(Ok(()), overwrite)
}

/// Overwrites a file and removes it. Nothing where there is none.
pub(crate) fn erase(path: &Path) -> io::Result<()> {
    let Some(file) = opened(path, Old::Overwrite)? else { return Ok(()) };
    overwrite(file)?;
    fs::remove_file(path)?;
    sync_directory(path)
}

fn opened(path: &Path, old: Old) -> io::Result<Option<fs::File>> {
    if old == Old::Leave {
        return Ok(None);
    }
    match fs::OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn overwrite(mut file: fs::File) -> io::Result<()> {
    let zeros = [0; 4096];
    let mut left = file.metadata()?.len();
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(zeros.len()).min(zeros.len());
        file.write_all(&zeros[..part])?;
        left -= part as u64;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{Old, erase, put};
    use std::{
        fs,
        io::Read,
        os::unix::fs::{PermissionsExt, symlink},
    };

    #[test]
    fn what_lies_where_it_is_written_first_is_not_written_into() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, theirs) = (dir.path().join("root.sealed"), dir.path().join("theirs"));
        fs::write(&theirs, "theirs").expect("written");
        symlink(&theirs, dir.path().join("root.new")).expect("linked");
        put(&path, b"secret", Old::Leave).expect("it is put");
        assert_eq!(fs::read(&theirs).expect("it reads"), b"theirs");
        fs::write(dir.path().join("root.new"), "of a crash").expect("written");
        fs::set_permissions(dir.path().join("root.new"), fs::Permissions::from_mode(0o666))
            .expect("it is ours");
        put(&path, b"again", Old::Leave).expect("it is put");
        let found = fs::symlink_metadata(&path).expect("it is there");
        assert_eq!((found.is_file(), found.permissions().mode() & 0o777), (true, 0o600));
        assert_eq!(fs::read(&path).expect("it reads"), b"again");
    }

    #[test]
    fn what_is_replaced_or_erased_is_overwritten_first() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file.sealed");
        put(&path, &[7; 10_000], Old::Overwrite).expect("nothing to overwrite");
        let mut old = fs::File::open(&path).expect("it is there");
        put(&path, b"new", Old::Overwrite).expect("it is replaced");
        let mut bytes = Vec::new();
        old.read_to_end(&mut bytes).expect("it reads");
        assert_eq!(bytes, [0; 10_000]);
        assert_eq!(fs::read(&path).expect("it reads"), b"new");
        let mut old = fs::File::open(&path).expect("it is there");
        erase(&path).expect("it is erased");
        erase(&path).expect("nothing is left to erase");
        bytes.clear();
        old.read_to_end(&mut bytes).expect("it reads");
        assert_eq!(bytes, [0; 3]);
        assert!(!path.exists());
    }
}
