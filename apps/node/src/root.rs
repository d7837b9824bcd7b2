//! The root of trust of an embedded node: a sealed file, where its passphrase comes from, and its backup.

use crate::directory::write_private;
use crate::{Directory, Error};
use base::{Secret, base32};
use crypto::Provider;
use keys::{Restored, SealedFile};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The root of a data directory, and where its passphrase was put if it had to be made.
pub(crate) struct Root {
    pub(crate) sealed: SealedFile,
    pub(crate) generated: Option<PathBuf>,
}

/// Where a data directory's root stands.
struct Place {
    dir: PathBuf,
    sealed: PathBuf,
    kept: PathBuf,
}

impl Place {
    fn of(data: &Path) -> Self {
        let dir = data.join("root");
        Self { sealed: dir.join("root.sealed"), kept: dir.join("passphrase"), dir }
    }

    /// The passphrase: as given, or as it lies beside the root; for a new root one is made, and put there.
    fn passphrase(
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
            None if !SealedFile::exists(&self.sealed) => {
                let random: Secret<[u8; 32]> = crypto::secret(provider);
                let passphrase = Secret::new(base32::encode(random.expose()));
                write_private(&self.kept, passphrase.expose().as_bytes()).map_err(file)?;
                Ok((passphrase, Some(self.kept.clone())))
            }
            None => Err(Error::NoPassphrase { path: self.sealed.clone() }),
        }
    }

    fn make(&self) -> Result<(), Error> {
        match DirBuilder::new().mode(0o700).create(&self.dir) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(Error::File {
                what: "the root of trust's directory",
                path: self.dir.clone(),
                source: error,
            }),
            _ => Ok(()),
        }
    }
}

/// Opens the root, or makes it at the first start.
pub(crate) async fn open(
    directory: &Directory,
    given: Option<Secret<String>>,
    provider: &Arc<dyn Provider>,
) -> Result<Root, Error> {
    let place = Place::of(directory.path());
    place.make()?;
    let (passphrase, generated) = place.passphrase(given, &**provider)?;
    let provider = Arc::clone(provider);
    let sealed = apart(move || {
        if SealedFile::exists(&place.sealed) {
            SealedFile::open(&place.sealed, &passphrase, provider)
        } else {
            SealedFile::create(&place.sealed, &passphrase, provider)
        }
    })
    .await?;
    Ok(Root { sealed, generated })
}

/// Writes a backup of a data directory's root of trust under a passphrase of its own, also while a server runs.
/// Never over a file that is there.
///
/// # Errors
/// [`Error::NoPassphrase`]; [`Error::Part`] where there is no root, or it does not open.
pub async fn backup(
    data: &Path,
    given: Option<Secret<String>>,
    out: &Path,
    passphrase: Secret<String>,
) -> Result<(), Error> {
    let provider = crypto::aws_lc();
    let place = Place::of(data);
    if !SealedFile::exists(&place.sealed) {
        return Err(Error::File {
            what: "the root of trust",
            path: place.sealed,
            source: std::io::ErrorKind::NotFound.into(),
        });
    }
    let (own, _) = place.passphrase(given, &*provider)?;
    let out = out.to_owned();
    apart(move || SealedFile::open(&place.sealed, &own, provider)?.backup_to(&out, &passphrase)).await
}

/// Puts what a backup holds back into a data directory's root of trust, which no server may hold. What is there
/// is not replaced, and what was shredded does not come back. Where there is no root, one is made; gives where its
/// passphrase was put, if that had to be made.
///
/// # Errors
/// [`Error::Held`]; [`Error::NoPassphrase`]; [`Error::Part`] where either does not open, or they are of two roots.
pub async fn restore(
    data: &Path,
    given: Option<Secret<String>>,
    backup: Vec<u8>,
    passphrase: Secret<String>,
) -> Result<(Restored, Option<PathBuf>), Error> {
    let directory = Directory::hold(data)?;
    let provider = crypto::aws_lc();
    let place = Place::of(directory.path());
    place.make()?;
    let (own, generated) = place.passphrase(given, &*provider)?;
    let restored =
        apart(move || SealedFile::restore(&place.sealed, &own, &backup, &passphrase, provider)).await?;
    Ok((restored, generated))
}

/// Stretching a passphrase takes 64 MiB and some hundred milliseconds: off the async threads.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, keys::RootError> + Send + 'static,
) -> Result<T, Error> {
    let part = "the root of trust";
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Part { part, kind: base::Kind::Internal, detail: error.to_string() })?
        .map_err(Error::part(part))
}
