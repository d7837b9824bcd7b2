//! The root of trust of an embedded node: a sealed file, and where its passphrase comes from.

use crate::directory::write_private;
use crate::{Directory, Error};
use base::{Secret, base32};
use crypto::Provider;
use keys::SealedFile;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// The root of a data directory, and where its passphrase was put if it had to be made.
pub(crate) struct Root {
    pub(crate) sealed: SealedFile,
    pub(crate) generated: Option<PathBuf>,
}

/// Opens the root, or makes it at the first start.
pub(crate) async fn open(
    directory: &Directory,
    given: Option<Secret<String>>,
    provider: &Arc<dyn Provider>,
) -> Result<Root, Error> {
    let dir = directory.path().join("root");
    let (path, kept) = (dir.join("root.sealed"), dir.join("passphrase"));
    let file = |what, path: &PathBuf| {
        let path = path.clone();
        move |source| Error::File { what, path, source }
    };
    let is_new = !SealedFile::exists(&path);
    if is_new && !dir.exists() {
        DirBuilder::new().mode(0o700).create(&dir).map_err(file("the root of trust's directory", &dir))?;
    }
    let (passphrase, generated) = match given {
        Some(passphrase) => (passphrase, None),
        None if kept.exists() => {
            let text = fs::read_to_string(&kept).map_err(file("the root of trust's passphrase", &kept))?;
            let text = Secret::new(text);
            (Secret::new(text.expose().trim().to_owned()), None)
        }
        None if is_new => {
            let random: Secret<[u8; 32]> = crypto::secret(&**provider);
            let passphrase = Secret::new(base32::encode(random.expose()));
            write_private(&kept, passphrase.expose().as_bytes())
                .map_err(file("the root of trust's passphrase", &kept))?;
            (passphrase, Some(kept))
        }
        None => return Err(Error::NoPassphrase { path }),
    };
    let provider = Arc::clone(provider);
    // Stretching the passphrase takes 64 MiB and some hundred milliseconds: off the async threads.
    let sealed = tokio::task::spawn_blocking(move || {
        if is_new {
            SealedFile::create(&path, &passphrase, provider)
        } else {
            SealedFile::open(&path, &passphrase, provider)
        }
    })
    .await
    .map_err(|error| Error::Part {
        part: "the root of trust",
        kind: base::Kind::Internal,
        detail: error.to_string(),
    })?
    .map_err(Error::part("the root of trust"))?;
    Ok(Root { sealed, generated })
}
