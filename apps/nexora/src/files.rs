//! Files that appear whole or not at all.

use crate::failure::Failure;
use base::Kind;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is being written beside its place. Dropped before [`finish`](Self::finish), nothing of it
/// stays.
pub(crate) struct Unfinished {
    place: PathBuf,
    beside: PathBuf,
    file: Option<File>,
    bytes: u64,
    replaces: bool,
}

impl Unfinished {
    /// Begins a file where none is; only its owner may read it.
    pub(crate) fn create(place: &Path) -> Result<Self, Failure> {
        Self::begin(place, false)
    }

    /// Begins a file that takes the place of what is there.
    pub(crate) fn replacing(place: &Path) -> Result<Self, Failure> {
        Self::begin(place, true)
    }

    fn begin(place: &Path, replaces: bool) -> Result<Self, Failure> {
        if !replaces && place.symlink_metadata().is_ok() {
            return Err(there_already(place));
        }
        let mut beside = place.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let wrong = |error: &std::io::Error| Failure::file(&beside, error);
        let is_written = || {
            let said = format!(
                "{}: another run is writing it: wait for that, or say another --out",
                beside.display()
            );
            Failure::new(Kind::Conflict, said)
        };
        // Never into a file that is there: somebody else may have put it, or a link, to read what we write. What a
        // run that was killed has left is held by nobody.
        match fs::symlink_metadata(&beside) {
            Ok(found) => {
                let held = found.is_file() && File::open(&beside).is_ok_and(|file| file.try_lock().is_err());
                if held {
                    return Err(is_written());
                }
                fs::remove_file(&beside).map_err(|error| wrong(&error))?;
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(wrong(&error)),
            Err(_) => {}
        }
        let file = File::options().write(true).create_new(true).mode(0o600).open(&beside);
        let file = match file {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(is_written()),
            other => other.map_err(|error| wrong(&error))?,
        };
        file.try_lock().map_err(|_| is_written())?;
        Ok(Self { place: place.to_owned(), beside, file: Some(file), bytes: 0, replaces })
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
            if self.replaces {
                fs::rename(&self.beside, &self.place).map_err(|error| Failure::file(&self.place, &error))?;
            } else {
                // A link is made where nothing is, and nowhere else.
                let put = fs::hard_link(&self.beside, &self.place);
                drop(fs::remove_file(&self.beside));
                match put {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        return Err(there_already(&self.place));
                    }
                    put => put.map_err(|error| Failure::file(&self.place, &error))?,
                }
            }
            // A name is on disk once its folder is.
            let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
            let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
            synced.map_err(|error| Failure::file(&self.place, &error))?;
        }
        Ok(self.bytes)
    }
}

fn there_already(place: &Path) -> Failure {
    let said = format!("{}: there already, and nothing was replaced: say another file", place.display());
    Failure::new(Kind::Conflict, said)
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
        assert!(Unfinished::create(&place).is_err(), "what is there is not replaced unasked");
        let mut file = Unfinished::replacing(&place).expect("created");
        assert!(Unfinished::replacing(&place).is_err(), "another run is writing it");
        file.write(b"again").expect("written");
        file.finish().expect("finished");
        assert_eq!(fs::read(&others).expect("read"), b"theirs");
        assert_eq!(fs::read(&place).expect("read"), b"again");
        assert!(!fs::symlink_metadata(&place).expect("there").is_symlink());
        // What came meanwhile stays.
        let late = dir.path().join("late.csv");
        let mut file = Unfinished::create(&late).expect("created");
        file.write(b"ours").expect("written");
        fs::write(&late, "theirs").expect("written");
        assert!(file.finish().is_err());
        assert_eq!(fs::read(&late).expect("read"), b"theirs");
    }
}
