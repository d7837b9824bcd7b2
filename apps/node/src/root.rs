//! The root of trust of an embedded node: a sealed file, where its passphrase comes from, and its backup.

mod place;

pub(crate) use place::{Held, Place};

use crate::{Config, Directory, Error, MachineClock};
use base::{Clock as _, Id, Secret, noun};
use crypto::Provider;
use keys::{Restored, RootAct, RootDeed, RootOfTrust as _, SealedFile, Unit};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;

/// The root of a data directory, and where its passphrase was put if it had to be made.
pub(crate) struct Root {
    pub(crate) sealed: SealedFile,
    pub(crate) generated: Option<PathBuf>,
    /// The node's, as long as it may write the root.
    pub(crate) held: Held,
}

/// Opens the root, or makes it at the first start. Data that nobody began gets no root that has keys already: they
/// are of other data. Ask before the data is begun.
pub(crate) async fn open(
    place: &Place,
    given: Option<Secret<String>>,
    provider: &Arc<dyn Provider>,
) -> Result<Root, Error> {
    let fresh = place.is_fresh();
    if !place.exists() {
        place.may_be_made()?;
        place.make()?;
    }
    let held = place.hold()?;
    let (passphrase, generated) = place.passphrase(given, &**provider)?;
    let (provider, path) = (Arc::clone(provider), place.sealed.clone());
    let sealed = apart(move || {
        if SealedFile::exists(&path) {
            SealedFile::open(&path, &passphrase, provider)
        } else {
            SealedFile::create(&path, &passphrase, provider)
        }
    })
    .await?;
    let health = sealed.health().await.map_err(Error::part("the root of trust"))?;
    if fresh && health.units > 0 {
        return Err(place.of_others());
    }
    Ok(Root { sealed, generated, held })
}

/// Whether a root is this store's: it has nothing yet, or knows one of its organizations, the platform among them. One
/// of another store would lock all of them, and take up units of two.
pub(crate) async fn is_of(root: &SealedFile, store: &Store) -> Result<bool, Error> {
    let failed = || Error::part("the root of trust");
    if root.health().await.map_err(failed())?.units == 0 {
        return Ok(true);
    }
    let ours =
        std::iter::once(store.platform()).chain(store.organizations().into_iter().map(|known| known.id));
    for organization in ours {
        for unit in [Unit::Organization(organization), Unit::Log(organization)] {
            if root.knows(unit).await.map_err(failed())? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Writes a backup of a data directory's root of trust under a passphrase of its own, also while a server runs.
/// Never over a file that is there. It is noted first, for the platform's log.
///
/// # Errors
/// [`Error::NoPassphrase`]; [`Error::Part`] where there is no root, or it does not open.
pub async fn backup(
    config: &Config,
    given: Option<Secret<String>>,
    out: &Path,
    passphrase: Secret<String>,
) -> Result<(), Error> {
    let provider = crypto::aws_lc();
    let place = Place::of(config)?;
    if !place.exists() {
        return Err(Error::File {
            what: "the root of trust",
            path: place.sealed,
            source: std::io::ErrorKind::NotFound.into(),
        });
    }
    place.is_private()?;
    let (own, _) = place.passphrase(given, &*provider)?;
    let out = out.to_owned();
    apart(move || {
        let root = SealedFile::open(&place.sealed, &own, Arc::clone(&provider))?;
        root.backup_to(&out, &passphrase, |document| {
            let act = RootAct::new(&*provider, RootDeed::BackedUp, MachineClock.now(), Some(document));
            act.note(&place.journal())
        })
    })
    .await
}

/// The organizations of data that nobody holds: the platform, and those that have a directory. `None` where nobody has
/// begun it.
fn organizations(data: &Path) -> Result<Option<BTreeSet<Id<noun::Organization>>>, Error> {
    if !Directory::is_begun(data) {
        return Ok(None);
    }
    let path = data.join("organizations");
    let failed = |source| Error::File { what: "the organizations' directory", path: path.clone(), source };
    let mut known = BTreeSet::new();
    let platform = fs::read_to_string(path.join("platform")).map_err(failed)?;
    known.extend(platform.trim().parse::<Id<noun::Organization>>());
    for entry in fs::read_dir(&path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        known.extend(name.to_str().and_then(|name| Id::from_bare(name).ok()));
    }
    Ok(Some(known))
}

/// Puts what a backup holds back into a data directory's root of trust, which no server may hold. What is there
/// is not replaced, and what was shredded does not come back. Where there is no root, one is made; gives where its
/// passphrase was put, if that had to be made. It is noted first: the next start has it in the platform's log. A backup of
/// a root of other data is refused; data that nobody has begun takes any.
///
/// # Errors
/// [`Error::Held`]; [`Error::RootHeld`]; [`Error::NoPassphrase`]; [`Error::Part`] where either does not open, or they are of two roots.
pub async fn restore(
    config: &Config,
    given: Option<Secret<String>>,
    backup: Vec<u8>,
    passphrase: Secret<String>,
) -> Result<(Restored, Option<PathBuf>), Error> {
    let _held = Directory::hold(&config.data)?;
    let provider = crypto::aws_lc();
    let place = Place::of(config)?;
    // Into a fresh root anything would fit, and the node would not start on it: nothing is made before this is known.
    if let Some(ours) = organizations(&config.data)? {
        let (backup, passphrase, provider) = (backup.clone(), passphrase.clone(), Arc::clone(&provider));
        apart(move || {
            let theirs = SealedFile::organizations_in(&backup, &passphrase, &*provider)?;
            if ours.is_disjoint(&theirs) { Err(keys::RootError::OtherRoot) } else { Ok(()) }
        })
        .await?;
    }
    if !place.exists() {
        place.make()?;
    }
    let _root = place.hold()?;
    let (own, generated) = place.passphrase(given, &*provider)?;
    let restored = apart(move || {
        let act = RootAct::new(&*provider, RootDeed::Restored, MachineClock.now(), Some(&backup));
        let before = || act.note(&place.journal());
        SealedFile::restore(&place.sealed, &own, &backup, &passphrase, provider, before)
    })
    .await?;
    Ok((restored, generated))
}

/// Puts a fresh root in the place of one that is lost, under data that no server may hold: what the lost one wrapped
/// stays closed until custodians bring it back. It is noted first. Gives where the passphrase was put, if that had to
/// be made.
///
/// # Errors
/// [`Error::Held`]; [`Error::RootHeld`]; [`Error::File`] where there is a root.
pub async fn replace(config: &Config, given: Option<Secret<String>>) -> Result<Option<PathBuf>, Error> {
    let _held = Directory::hold(&config.data)?;
    let provider = crypto::aws_lc();
    let place = Place::of(config)?;
    if place.exists() {
        return Err(Error::File {
            what: "the root of trust that is in place",
            path: place.sealed,
            source: std::io::ErrorKind::AlreadyExists.into(),
        });
    }
    place.make()?;
    let _root = place.hold()?;
    let (own, generated) = place.passphrase(given, &*provider)?;
    apart(move || {
        let act = RootAct::new(&*provider, RootDeed::Replaced, MachineClock.now(), None);
        act.note(&place.journal())?;
        SealedFile::create(&place.sealed, &own, provider).map(drop)
    })
    .await?;
    Ok(generated)
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
