//! Where the root of trust of a data directory stands: beside it, so that no copy of the data has it.

use crate::directory::{Lock, lock, write_private};
use crate::{Config, Directory, Error};
use base::{Secret, base32};
use crypto::Provider;
use keys::SealedFile;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// A root that this process alone may write, until this is dropped. Each process has the whole record in memory and
/// writes it whole: of two, each would undo what the other enrolled or forgot.
#[derive(Debug)]
pub(crate) struct Held {
    /// The lock lives as long as the file is open.
    _lock: File,
}

/// Where a data directory's root stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The data directory.
    data: PathBuf,
    /// The root's own directory.
    pub(crate) dir: PathBuf,
    /// Its record.
    pub(crate) sealed: PathBuf,
    /// The passphrase, where it had to be made.
    pub(crate) kept: PathBuf,
    /// What it shares with nothing: said in the configuration.
    told: bool,
}

impl Place {
    /// Where the configuration says; else where earlier releases made it, `root` in the data directory, if it is
    /// there and nowhere else; else beside the data directory, under its name with `.root` at the end.
    ///
    /// # Errors
    /// [`Error::RootPlace`] where nothing is beside the data directory.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        let data = config.data.as_path();
        let (dir, told) = match &config.root {
            Some(dir) => (dir.clone(), true),
            None => {
                let beside = beside(data)?;
                let inside = data.join("root");
                let older = !record(&beside).exists() && record(&inside).exists();
                (if older { inside } else { beside }, false)
            }
        };
        let (sealed, kept) = (record(&dir), dir.join("passphrase"));
        Ok(Self { data: data.to_owned(), dir, sealed, kept, told })
    }

    /// The journal of what is done to it while no node is asked.
    pub(crate) fn journal(&self) -> PathBuf {
        keys::journal(&self.sealed)
    }

    /// What was erased of the ledgers' details, where no backup of the data has it.
    pub(crate) fn erased(&self) -> PathBuf {
        self.dir.join("erased.jsonl")
    }

    /// A copy of a root that every backup of the data holds: where it stands in the data directory, and where it
    /// should be. The copy may be the very root in use, or one that was left behind.
    pub(crate) fn inside(&self) -> Option<(PathBuf, Option<PathBuf>)> {
        let inside = self.data.join("root");
        if !record(&inside).exists() {
            return None;
        }
        let in_use = self.dir == inside && !self.told;
        Some((inside, in_use.then(|| beside(&self.data).ok()).flatten()))
    }

    /// Whether there is a root.
    pub(crate) fn exists(&self) -> bool {
        SealedFile::exists(&self.sealed)
    }

    /// Takes the root's directory for this process. It is there, and [private](Self::is_private).
    ///
    /// # Errors
    /// [`Error::RootHeld`]; [`Error::RootNotPrivate`]; [`Error::File`].
    pub(crate) fn hold(&self) -> Result<Held, Error> {
        self.is_private()?;
        let wrong = |source| Error::File { what: DIRECTORY, path: self.dir.clone(), source };
        match lock(&self.dir).map_err(wrong)? {
            Lock::Ours(lock) => Ok(Held { _lock: lock }),
            Lock::Theirs(owner) => Err(Error::RootHeld { path: self.dir.clone(), owner }),
        }
    }

    /// Nobody but this user put there, or reaches, what the keys hang by: whoever can write beside the data could
    /// else make a root of their own there, with a passphrase that they know.
    ///
    /// # Errors
    /// [`Error::RootNotPrivate`]; [`Error::File`].
    pub(crate) fn is_private(&self) -> Result<(), Error> {
        // A process's directory there has its effective user.
        let this = Path::new("/proc/self");
        let user = fs::metadata(this).map_err(|source| Error::File {
            what: "what says who this process is",
            path: this.to_owned(),
            source,
        })?;
        // Without a slash at its end, which would follow a link.
        let dir: PathBuf = self.dir.components().collect();
        for path in [&dir, &self.sealed, &self.kept] {
            match fs::symlink_metadata(path) {
                Ok(found) => private(path, &found, user.uid())?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::File { what: DIRECTORY, path: path.clone(), source }),
            }
        }
        Ok(())
    }

    /// The passphrase: as given, or as it lies beside the root; for a new root one is made, and put there.
    pub(crate) fn passphrase(
        &self,
        given: Option<Secret<String>>,
        provider: &dyn Provider,
    ) -> Result<(Secret<String>, Option<PathBuf>), Error> {
        let file =
            |source| Error::File { what: "the root of trust's passphrase", path: self.kept.clone(), source };
        match given {
            Some(passphrase) => Ok((passphrase, None)),
            None if self.kept.exists() => {
                let text = Secret::new(fs::read_to_string(&self.kept).map_err(file)?);
                Ok((Secret::new(text.expose().trim().to_owned()), None))
            }
            None if !self.exists() => {
                let random: Secret<[u8; 32]> = crypto::secret(provider);
                let passphrase = Secret::new(base32::encode(random.expose()));
                write_private(&self.kept, passphrase.expose().as_bytes()).map_err(file)?;
                Ok((passphrase, Some(self.kept.clone())))
            }
            None => Err(Error::NoPassphrase { path: self.sealed.clone() }),
        }
    }

    /// Makes the root's directory, for a root that is to be made.
    ///
    /// # Errors
    /// [`Error::RootPlace`] where the data directory is a volume of its own and nobody said where the root stands:
    /// what is beside a volume is often thrown away with the machine. [`Error::File`].
    pub(crate) fn make(&self) -> Result<(), Error> {
        let other_volume = || -> Option<bool> {
            let above = self.dir.parent().filter(|above| !above.as_os_str().is_empty());
            let above = fs::metadata(above.unwrap_or(Path::new("."))).ok()?;
            Some(above.dev() != fs::metadata(&self.data).ok()?.dev())
        };
        if !self.told && other_volume().unwrap_or(false) {
            return Err(Error::RootPlace { data: self.data.clone() });
        }
        let wrong = |source| Error::File { what: DIRECTORY, path: self.dir.clone(), source };
        match DirBuilder::new().mode(0o700).recursive(self.told).create(&self.dir) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(wrong(error)),
            _ => {}
        }
        // Its name too is on disk before there is data that needs it.
        let above = self.dir.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new("."))).and_then(|above| above.sync_all()).map_err(wrong)
    }

    /// Whether nobody has begun the data.
    pub(crate) fn is_fresh(&self) -> bool {
        !Directory::is_begun(&self.data)
    }

    /// Why a root that has keys is not taken for data that nobody has begun.
    pub(crate) fn of_others(&self) -> Error {
        Error::RootOfOthers { data: self.data.clone(), path: self.dir.clone() }
    }

    /// A root may be made here only where nothing was wrapped by another: a node that made a fresh one in silence
    /// would look as if its keys were lost.
    ///
    /// # Errors
    /// [`Error::NoRoot`].
    pub(crate) fn may_be_made(&self) -> Result<(), Error> {
        if !self.is_fresh() {
            return Err(Error::NoRoot { data: self.data.clone(), path: self.sealed.clone() });
        }
        Ok(())
    }
}

/// Whether something is this user's alone.
fn private(path: &Path, found: &fs::Metadata, user: u32) -> Result<(), Error> {
    let why = if found.is_symlink() {
        "is a symbolic link".to_owned()
    } else if found.uid() != user {
        format!("belongs to another user ({})", found.uid())
    } else if found.mode() & 0o077 != 0 {
        format!("is open to others (mode {:o})", found.mode() & 0o7777)
    } else {
        return Ok(());
    };
    Err(Error::RootNotPrivate { path: path.to_owned(), why })
}

const DIRECTORY: &str = "the root of trust's directory";

fn record(dir: &Path) -> PathBuf {
    dir.join("root.sealed")
}

fn beside(data: &Path) -> Result<PathBuf, Error> {
    let wrong = || Error::RootPlace { data: data.to_owned() };
    // Such as `.`: what it is called stands elsewhere.
    let data = match data.file_name() {
        Some(_) => data.to_owned(),
        None => fs::canonicalize(data).map_err(|_| wrong())?,
    };
    let mut name = data.file_name().ok_or_else(wrong)?.to_owned();
    name.push(".root");
    Ok(data.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::{Place, record};
    use crate::{Config, Error};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    fn made(dir: &Path) {
        fs::create_dir_all(dir).expect("a directory");
        fs::write(record(dir), "a record").expect("written");
    }

    #[test]
    fn the_root_stands_beside_the_data_and_an_older_one_inside_is_found() {
        let above = tempfile::tempdir().expect("a directory");
        let data = above.path().join("data");
        fs::create_dir(&data).expect("a directory");
        let config = Config::local(&data);
        let (beside, inside) = (above.path().join("data.root"), data.join("root"));
        let place = |config: &Config| Place::of(config).expect("a place");
        assert_eq!(place(&config).dir, beside);
        assert_eq!(place(&Config::local(&data.join("."))).dir, beside, "however it is named");
        assert!(place(&config).inside().is_none());
        made(&inside);
        let older = place(&config);
        assert_eq!(
            (older.dir.clone(), older.inside()),
            (inside.clone(), Some((inside.clone(), Some(beside.clone()))))
        );
        made(&beside);
        let both = place(&config);
        assert_eq!(
            (both.dir.clone(), both.inside()),
            (beside, Some((inside.clone(), None))),
            "a copy is left behind"
        );
        let told = place(&Config { root: Some(inside.clone()), ..config });
        assert_eq!(
            (told.dir.clone(), told.inside()),
            (inside.clone(), Some((inside, None))),
            "as it is told"
        );
    }

    #[test]
    fn a_root_is_one_process_s_and_one_user_s() {
        let above = tempfile::tempdir().expect("a directory");
        let data = above.path().join("data");
        fs::create_dir(&data).expect("a directory");
        let place = Place::of(&Config::local(&data)).expect("a place");
        place.make().expect("it is made");
        let held = place.hold().expect("nobody holds it");
        // Another data directory with the same root.
        let other = Config { root: Some(place.dir.clone()), ..Config::local(above.path()) };
        let other = Place::of(&other).expect("a place");
        assert!(matches!(other.hold(), Err(Error::RootHeld { .. })));
        drop(held);
        drop(other.hold().expect("it was given back"));

        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
        };
        let refused = |what: &str| {
            let said = place.hold().expect_err(what).to_string();
            assert!(said.contains(what), "{said}");
        };
        fs::write(&place.sealed, "a record").expect("written");
        mode(&place.sealed, 0o640);
        refused("mode 640");
        mode(&place.sealed, 0o600);
        drop(place.hold().expect("it is private"));
        mode(&place.dir, 0o770);
        refused("mode 770");
        mode(&place.dir, 0o700);
        symlink(&place.sealed, &place.kept).expect("linked");
        refused("passphrase is a symbolic link");
        fs::remove_file(&place.kept).expect("removed");
        let theirs = above.path().join("theirs");
        fs::rename(&place.dir, &theirs).expect("moved");
        symlink(&theirs, &place.dir).expect("linked");
        refused("data.root is a symbolic link");
        let slash = Place::of(&Config { root: Some(place.dir.join("")), ..Config::local(&data) });
        assert!(matches!(slash.expect("a place").hold(), Err(Error::RootNotPrivate { .. })));
        let found = fs::metadata(&theirs).expect("it is there");
        let by_others = super::private(&theirs, &found, 1 + std::os::unix::fs::MetadataExt::uid(&found));
        assert!(by_others.expect_err("not ours").to_string().contains("another user"));
    }

    #[test]
    fn nothing_is_beside_the_top_and_no_second_root_is_made_for_data_that_has_one() {
        assert!(matches!(Place::of(&Config::local(Path::new("/"))), Err(Error::RootPlace { .. })));
        let above = tempfile::tempdir().expect("a directory");
        let place = Place::of(&Config::local(above.path())).expect("a place");
        place.may_be_made().expect("nothing was begun");
        fs::create_dir(above.path().join("organizations")).expect("a directory");
        place.may_be_made().expect("nothing was begun");
        fs::write(above.path().join("organizations").join("platform"), "org_1").expect("written");
        let refused = place.may_be_made().expect_err("another root wrapped its keys").to_string();
        for said in ["root.sealed", "keys root restore", "keys root replace", "NEXORA_ROOT"] {
            assert!(refused.contains(said), "{said}: {refused}");
        }
    }
}
