//! Local directories as a [`Destination`]: files under the directories that the node was told it may write in.
//!
//! # How a pair is replaced
//! The new pair is written beside the old one, under names of its own:
//!
//! 1. `OUTPUT.reencrypted`, synced;
//! 2. `OUTPUT.reencrypted-OLD-NEW.manifest.json`, written under another name, synced and renamed: from here on the new
//!    pair is whole. OLD and NEW are the first 32 hexadecimal digits of the SHA-256 of the manifest that it replaces,
//!    and of the new output;
//! 3. the output is renamed into place, then its manifest.
//!
//! Cut off before 2, what was begun is removed at the next [`settle`](Destination::settle), and the old pair stands as
//! it did. Cut off after it, `settle` goes on with 3: until then the new output and its manifest are both there, under
//! one name or the other. It goes on only where the manifest in place is still OLD, and where the output to go with the
//! new manifest is NEW: whoever put another output there meanwhile keeps it.

use crate::{Destination, DestinationError, Location, Source, Stage, Stored};
use base::digest;
use bytes::{Bytes, BytesMut};
use crypto::digest::Sha256;
use futures::future::{BoxFuture, FutureExt as _};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Component, Path, PathBuf},
};

/// Bytes per read.
const PIECE: usize = 256 << 10;

/// How the name of a manifest ends.
const MANIFEST: &str = ".manifest.json";

/// The largest manifest, in bytes.
const MAX_MANIFEST: u64 = 8 << 20;

/// Directories of this machine that the node may write in.
#[derive(Debug, Clone)]
pub struct Directories {
    roots: Vec<PathBuf>,
}

impl Directories {
    /// These directories and all below them. One that is not there is left out.
    #[must_use]
    pub fn new(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { roots: roots.into_iter().filter_map(|root| root.canonicalize().ok()).collect() }
    }

    /// The names of a pair, where it may be written: no link leads out of the directories.
    fn pair(&self, location: &Location) -> Result<Pair, DestinationError> {
        let not_writable = || DestinationError::NotWritable { location: location.clone() };
        let path = Path::new(location.as_str());
        let plain = path.is_absolute()
            && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let (Some(parent), Some(name), true) = (path.parent(), path.file_name(), plain) else {
            return Err(not_writable());
        };
        let parent = parent.canonicalize().map_err(|_| not_writable())?;
        if !self.roots.iter().any(|root| parent.starts_with(root)) {
            return Err(not_writable());
        }
        let beside = |end: &str| {
            let mut name = name.to_os_string();
            name.push(end);
            parent.join(name)
        };
        Ok(Pair {
            location: location.clone(),
            output: parent.join(name),
            manifest: beside(MANIFEST),
            staged: beside(".reencrypted"),
            part: beside(".reencrypted.part"),
            staged_manifest: {
                let mut name = name.to_os_string();
                name.push(".reencrypted-");
                name
            },
            parent,
        })
    }
}

/// The names of a pair and of the one that is to replace it.
#[derive(Debug, Clone)]
struct Pair {
    location: Location,
    parent: PathBuf,
    output: PathBuf,
    manifest: PathBuf,
    staged: PathBuf,
    part: PathBuf,
    /// What the names of staged manifests begin with.
    staged_manifest: OsString,
}

impl Pair {
    fn failed(&self) -> impl Fn(io::Error) -> DestinationError + '_ {
        |source| DestinationError::Io { location: self.location.clone(), source }
    }

    fn staged_for(&self, old: &str, new: &str) -> PathBuf {
        let mut name = self.staged_manifest.clone();
        name.push(format!("{old}-{new}{MANIFEST}"));
        self.parent.join(name)
    }

    /// The staged manifests there are, one but for odd ends: which manifest each replaces, and which output it
    /// describes.
    fn staged_manifests(&self) -> io::Result<Vec<(PathBuf, String, String)>> {
        let begin = self.staged_manifest.as_encoded_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.parent)? {
            let name = entry?.file_name();
            let bytes = name.as_encoded_bytes();
            let marks = bytes.strip_prefix(begin).and_then(|rest| rest.strip_suffix(MANIFEST.as_bytes()));
            let marks = marks.map(String::from_utf8_lossy);
            if let Some((old, new)) = marks.as_deref().and_then(|marks| marks.split_once('-')) {
                found.push((self.parent.join(&name), old.to_owned(), new.to_owned()));
            }
        }
        Ok(found)
    }

    fn read(&self) -> io::Result<(Vec<u8>, File)> {
        // The output first: where a pair is replaced in between, the old manifest does not describe the new output.
        let file = regular(&self.output)?;
        Ok((self.manifest()?, file))
    }

    /// The manifest in place.
    fn manifest(&self) -> io::Result<Vec<u8>> {
        let mut manifest = Vec::new();
        regular(&self.manifest)?.take(MAX_MANIFEST + 1).read_to_end(&mut manifest)?;
        if manifest.len() as u64 > MAX_MANIFEST {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is larger than any manifest"));
        }
        Ok(manifest)
    }

    fn begin(&self) -> io::Result<File> {
        self.settle()?;
        let permissions = regular(&self.output)?.metadata()?.permissions();
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&self.staged)?;
        file.set_permissions(permissions)?;
        Ok(file)
    }

    /// Puts the staged output, which has this mark, and this manifest in the place of the pair with manifest `old`;
    /// `false` where that does not stand there any more.
    fn replace(&self, old: &[u8], manifest: &[u8], output: &str) -> io::Result<bool> {
        if self.manifest()? != old {
            fs::remove_file(&self.staged)?;
            return Ok(false);
        }
        let permissions = regular(&self.manifest)?.metadata()?.permissions();
        let mut options = OpenOptions::new();
        let mut part = options.write(true).create_new(true).mode(0o600).open(&self.part)?;
        part.set_permissions(permissions)?;
        part.write_all(manifest)?;
        part.sync_all()?;
        drop(part);
        fs::rename(&self.part, self.staged_for(&mark(old), output))?;
        sync(&self.parent)?;
        self.settle()?;
        Ok(self.manifest()? == manifest)
    }

    fn settle(&self) -> io::Result<()> {
        remove(&self.part)?;
        for (staged, old, new) in self.staged_manifests()? {
            let in_place = self.manifest().unwrap_or_default();
            if mark(&in_place) == old && regular(&staged).is_ok() && self.put_output(&new)? {
                sync(&self.parent)?;
                fs::rename(&staged, &self.manifest)?;
            } else {
                remove(&staged)?;
            }
        }
        remove(&self.staged)?;
        sync(&self.parent)
    }
}

impl Pair {
    /// Puts the staged output in its place, or finds that it was put there before a cut; `false` where it is lost.
    fn put_output(&self, new: &str) -> io::Result<bool> {
        if holds(&self.staged, new)? {
            fs::rename(&self.staged, &self.output)?;
            return Ok(true);
        }
        holds(&self.output, new)
    }
}

/// Whether a plain file of this mark stands there.
fn holds(path: &Path, wanted: &str) -> io::Result<bool> {
    let mut file = match regular(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(cut(&hash.finish()) == wanted),
            length => hash.update(&piece[..length]),
        }
    }
}

/// Opens a file that is no link and no device, and does not wait for one that was put there meanwhile.
fn regular(path: &Path) -> io::Result<File> {
    let no_plain_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file");
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(no_plain_file());
    }
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_plain_file()) }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// How a staged manifest names the one that it replaces.
fn mark(manifest: &[u8]) -> String {
    cut(&digest::sha256(manifest))
}

/// The start of a hash, as names hold it.
fn cut(hash: &[u8; 32]) -> String {
    digest::hex(&hash[..16])
}

impl Destination for Directories {
    fn writable(&self, location: &Location) -> bool {
        self.pair(location).is_ok()
    }

    fn read<'a>(&'a self, location: &'a Location) -> BoxFuture<'a, Result<Stored, DestinationError>> {
        async move {
            let pair = self.pair(location)?;
            let (manifest, file) = blocking(&pair, Pair::read).await?;
            Ok(Stored { manifest, data: Box::new(Reading { pair, file: Some(file) }) })
        }
        .boxed()
    }

    fn stage<'a>(
        &'a self,
        location: &'a Location,
    ) -> BoxFuture<'a, Result<Box<dyn Stage>, DestinationError>> {
        async move {
            let pair = self.pair(location)?;
            let file = blocking(&pair, Pair::begin).await?;
            Ok(Box::new(Writing { pair, file: Some(file), hash: Sha256::new() }) as Box<dyn Stage>)
        }
        .boxed()
    }

    fn settle<'a>(&'a self, location: &'a Location) -> BoxFuture<'a, Result<(), DestinationError>> {
        async move {
            let pair = self.pair(location)?;
            blocking(&pair, Pair::settle).await
        }
        .boxed()
    }
}

/// Runs work on files on a thread that may wait.
async fn blocking<T: Send + 'static>(
    pair: &Pair,
    work: impl FnOnce(&Pair) -> io::Result<T> + Send + 'static,
) -> Result<T, DestinationError> {
    let on = pair.clone();
    let done = tokio::task::spawn_blocking(move || work(&on)).await;
    done.unwrap_or_else(|_| Err(io::Error::other("the work on the file broke off"))).map_err(pair.failed())
}

struct Reading {
    pair: Pair,
    file: Option<File>,
}

impl Source for Reading {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, DestinationError>> {
        async move {
            let Some(mut file) = self.file.take() else { return Ok(None) };
            let work = move |_: &Pair| {
                let mut piece = BytesMut::zeroed(PIECE);
                let length = file.read(&mut piece)?;
                piece.truncate(length);
                Ok((file, piece.freeze()))
            };
            let (file, piece) = blocking(&self.pair, work).await?;
            if piece.is_empty() {
                return Ok(None);
            }
            self.file = Some(file);
            Ok(Some(piece))
        }
        .boxed()
    }
}

struct Writing {
    pair: Pair,
    /// `None` after a failure.
    file: Option<File>,
    hash: Sha256,
}

impl Writing {
    async fn on_file(
        &mut self,
        work: impl FnOnce(&mut File) -> io::Result<()> + Send + 'static,
    ) -> Result<(), DestinationError> {
        let broken = || io::Error::other("an earlier write failed");
        let mut file = self.file.take().ok_or_else(broken).map_err(self.pair.failed())?;
        self.file = Some(blocking(&self.pair, move |_| work(&mut file).map(|()| file)).await?);
        Ok(())
    }
}

impl Stage for Writing {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), DestinationError>> {
        self.hash.update(&bytes);
        self.on_file(move |file| file.write_all(&bytes)).boxed()
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), DestinationError>> {
        self.on_file(|file| file.sync_all()).boxed()
    }

    fn replace<'a>(
        mut self: Box<Self>,
        old: &'a [u8],
        manifest: &'a [u8],
    ) -> BoxFuture<'a, Result<(), DestinationError>> {
        async move {
            self.sync().await?;
            let (old, manifest, output) = (old.to_vec(), manifest.to_vec(), cut(&self.hash.clone().finish()));
            if blocking(&self.pair, move |pair| pair.replace(&old, &manifest, &output)).await? {
                Ok(())
            } else {
                Err(DestinationError::Replaced { location: self.pair.location.clone() })
            }
        }
        .boxed()
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // What a cut leaves is removed by `settle`; after `replace` there is nothing.
        if self.file.is_some() {
            let _ = fs::remove_file(&self.pair.staged);
        }
    }
}
