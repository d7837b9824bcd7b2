//! Files that appear whole or not at all.

use crate::failure::Failure;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is being written beside its place. Dropped before [`finish`](Self::finish), nothing of it
/// stays.
pub(crate) struct Unfinished {
    place: PathBuf,
    beside: PathBuf,
    file: Option<File>,
    bytes: u64,
}

impl Unfinished {
    /// Begins a file; only its owner may read it.
    pub(crate) fn create(place: &Path) -> Result<Self, Failure> {
        let mut beside = place.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        // Never into a file that is there: somebody else may have put it, or a link, to read what we write.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::file(&beside, &error));
            }
            _ => {}
        }
        let file = File::options().write(true).create_new(true).mode(0o600).open(&beside);
        let file = file.map_err(|error| Failure::file(&beside, &error))?;
        Ok(Self { place: place.to_owned(), beside, file: Some(file), bytes: 0 })
    }

    /// Adds bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes).map_err(|error| Failure::file(&self.beside, &error))?;
            self.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    /// Puts the file into its place, synced; gives its length.
    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        if let Some(file) = self.file.take() {
            file.sync_all().map_err(|error| Failure::file(&self.beside, &error))?;
            fs::rename(&self.beside, &self.place).map_err(|error| Failure::file(&self.place, &error))?;
            // A name is on disk once its folder is.
            let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
            let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
            synced.map_err(|error| Failure::file(&self.place, &error))?;
        }
        Ok(self.bytes)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // What cannot be removed was never in its place.
            drop(fs::remove_file(&self.beside));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unfinished;
    use std::fs;

    #[test]
    fn a_file_is_there_once_it_is_finished_and_never_in_part() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("out.csv");
        let mut file = Unfinished::create(&place).expect("created");
        file.write(b"half").expect("written");
        assert!(!place.exists());
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0);
        let mut file = Unfinished::create(&place).expect("created");
        file.write(b"whole").expect("written");
        assert_eq!(file.finish().expect("finished"), 5);
        assert_eq!(fs::read(&place).expect("read"), b"whole");
        // What lies beside the place already is not written into.
        let others = dir.path().join("others");
        fs::write(&others, "theirs").expect("written");
        std::os::unix::fs::symlink(&others, dir.path().join("out.csv.part")).expect("linked");
        let mut file = Unfinished::create(&place).expect("created");
        file.write(b"again").expect("written");
        file.finish().expect("finished");
        assert_eq!(fs::read(&others).expect("read"), b"theirs");
        assert_eq!(fs::read(&place).expect("read"), b"again");
        assert!(!fs::symlink_metadata(&place).expect("there").is_symlink());
    }
}
