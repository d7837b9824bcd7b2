//! The writer of one log's files: the order of a publication, as the crate's documentation numbers it.

#[cfg(test)]
mod tests;

use crate::{Error, LogKeys, Signatures, disk::Disk};
use base::{Id, Timestamp, noun};
use ledger::{Tile, Tree, checkpoint, tree::is_superseded};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use verify::{Checkpoint, Hash, Stack, TilePath, VerifiedCheckpoint, note, tiles};

pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    ledgers: PathBuf,
    home: PathBuf,
    staging: PathBuf,
    origin: String,
    tree: Tree,
    published: Option<VerifiedCheckpoint>,
    /// Directories whose own names are known to be durable.
    durable: BTreeSet<PathBuf>,
    staging_made: bool,
    /// The file whose sync failed.
    stopped: Option<PathBuf>,
}

/// A log as found at start, before it was held against the store.
pub(crate) struct Opened {
    pub(crate) writer: Writer,
    /// How many entries the files reach to: the checkpoint's size, or more after an interrupted publication.
    pub(crate) reach: u64,
    /// The leaf hashes of the newest entries, with their positions: those of the last tile.
    pub(crate) newest: Vec<(u64, Hash)>,
    /// Files that no reader needs: beyond the checkpoint, superseded, or never put in place.
    leftovers: Vec<PathBuf>,
}

impl Opened {
    /// Removes what an interrupted publication left. Only once the store is known to have it all.
    pub(crate) fn tidy(&self) -> Result<(), Error> {
        let disk = &*self.writer.disk;
        for path in &self.leftovers {
            disk.remove(path).map_err(failed("remove", path))?;
        }
        disk.remove_empty(&self.writer.home.join("tile"));
        Ok(())
    }
}

/// The size that the checkpoint in this directory claims, unverified; 0 where there is none.
pub(crate) fn claimed_size(disk: &dyn Disk, home: &Path) -> u64 {
    let bytes = disk.read(&home.join(verify::checkpoint::FILE)).unwrap_or_default();
    let checkpoint = note::read(&bytes).ok().and_then(|note| Checkpoint::read(note.text));
    checkpoint.map_or(0, |checkpoint| checkpoint.size)
}

impl Writer {
    /// Reads the checkpoint and the files at the right edge. Changes nothing.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        ledgers: &Path,
        organization: Id<noun::Organization>,
        keys: &LogKeys,
        signatures: &Signatures,
    ) -> Result<Opened, Error> {
        let mut writer = Self {
            disk,
            ledgers: ledgers.to_owned(),
            home: ledgers.join(organization.bare()),
            staging: ledgers.join(".staging").join(organization.bare()),
            origin: checkpoint::origin(organization, checkpoint::FIRST_GENERATION),
            tree: Tree::new(),
            published: None,
            durable: BTreeSet::new(),
            staging_made: false,
            stopped: None,
        };
        let mut newest = Vec::new();
        let signed = writer.home.join(verify::checkpoint::FILE);
        match writer.disk.read(&signed) {
            Ok(bytes) => {
                let found = VerifiedCheckpoint::open(&bytes, &keys.verifier_keys(), signatures)?;
                let size = found.checkpoint().size;
                let edge = Tree::right_edge(size).into_iter().map(|path| writer.tile(path));
                writer.tree = Tree::resume(&found, &edge.collect::<Result<Vec<_>, _>>()?)?;
                newest = writer.newest(size)?;
                writer.published = Some(found);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed("read", &signed)(source)),
        }
        let (mut leftovers, mut reach) = (Vec::new(), writer.size());
        let listed = |dir: &Path| writer.disk.list(dir).map_err(failed("list", dir));
        for path in listed(&writer.home)? {
            // What is no tile is not ours to remove; `ledger verify` will name it.
            let Some(tile) = tile_at(&writer.home, &path) else { continue };
            let covered = TilePath::at(tile.stack(), tile.index(), writer.size()).map_or(0, TilePath::width);
            if tile.width() > covered {
                reach = reach.max(end(tile));
                leftovers.push(path);
            } else if is_superseded(tile, writer.size()) {
                leftovers.push(path);
            }
        }
        leftovers.extend(listed(&writer.staging)?);
        Ok(Opened { writer, reach, newest, leftovers })
    }

    /// How many entries are published.
    pub(crate) const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// When the published checkpoint was signed.
    pub(crate) fn signed_at(&self) -> Option<Timestamp> {
        self.published.as_ref().and_then(VerifiedCheckpoint::time)
    }

    /// Appends entries and publishes them: steps 2 to 6 of the order. On an error nothing is published that
    /// was not, and the same entries can be given again, unless the writer has stopped.
    pub(crate) fn publish<'e>(
        &mut self,
        entries: impl IntoIterator<Item = &'e [u8]>,
        keys: &LogKeys,
        signatures: &Signatures,
        now: Timestamp,
    ) -> Result<(), Error> {
        if let Some(path) = &self.stopped {
            return Err(Error::Stopped { path: path.clone() });
        }
        let mut grown = self.tree.clone();
        let tiles = grown.append(entries)?;
        let mut renamed = BTreeSet::new();

        // 2. Beside the ledger, synced.
        if !self.staging_made {
            // Its name need not last: what is staged is made anew after a crash.
            let staging = self.staging.clone();
            self.make_dirs(&staging, &mut BTreeSet::new())?;
            self.staging_made = true;
        }
        for tile in &tiles {
            self.stage(&tile.path.to_string(), &tile.bytes)?;
        }
        // 3. In their places, under durable names.
        for tile in &tiles {
            self.place(&tile.path.to_string(), &mut renamed)?;
        }
        self.sync_dirs(std::mem::take(&mut renamed))?;

        // 4. and 5. The checkpoint that makes them part of the log.
        let checkpoint = Checkpoint { origin: self.origin.clone(), size: grown.size(), root: grown.root() };
        let signed = checkpoint::sign(&checkpoint, now, &keys.signers())?;
        let published = VerifiedCheckpoint::open(&signed, &keys.verifier_keys(), signatures)?;
        self.stage(verify::checkpoint::FILE, &signed)?;
        self.place(verify::checkpoint::FILE, &mut renamed)?;
        self.sync_dirs(renamed)?;
        self.tree = grown;
        self.published = Some(published);

        // 6. What the full tiles supersede.
        for tile in tiles.iter().filter(|tile| tile.path.is_full()) {
            self.drop_partials(tile);
        }
        Ok(())
    }

    fn stage(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.staged(name);
        self.disk.write(&path, bytes).map_err(failed("write", &path))?;
        let synced = self.disk.sync(&path);
        self.synced(path, synced)
    }

    fn place(&mut self, name: &str, renamed: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
        let (from, to) = (self.staged(name), self.home.join(name));
        if let Some(parent) = to.parent() {
            self.make_dirs(parent, renamed)?;
            renamed.insert(parent.to_owned());
        }
        self.disk.rename(&from, &to).map_err(failed("put in place", &to))
    }

    fn staged(&self, name: &str) -> PathBuf {
        self.staging.join(name.replace('/', "-"))
    }

    /// Makes a directory and those above it, up to the one that holds all ledgers. A directory's name is
    /// durable once its parent is synced, which is noted in `renamed`.
    fn make_dirs(&mut self, dir: &Path, renamed: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
        let mut above: Vec<_> = dir.ancestors().take_while(|path| path.starts_with(&self.ledgers)).collect();
        above.reverse();
        for dir in above.into_iter().filter(|dir| !self.durable.contains(*dir)) {
            self.disk.create_dir(dir).map_err(failed("make", dir))?;
            renamed.extend(dir.parent().map(Path::to_owned));
        }
        Ok(())
    }

    fn sync_dirs(&mut self, dirs: BTreeSet<PathBuf>) -> Result<(), Error> {
        // A directory that was just synced is itself durable: its parent stands in the same set, or was
        // synced before.
        for dir in &dirs {
            let synced = self.disk.sync_dir(dir);
            self.synced(dir.clone(), synced)?;
        }
        self.durable.extend(dirs.into_iter().filter(|dir| dir.starts_with(&self.ledgers)));
        Ok(())
    }

    /// A failed sync leaves it open what the disk holds, and asking again would answer for less: the writer
    /// stops.
    fn synced(&mut self, path: PathBuf, outcome: io::Result<()>) -> Result<(), Error> {
        outcome.map_err(|error| {
            tracing::error!(path = %path.display(), %error, "a sync failed: the ledger's writer has stopped");
            self.stopped = Some(path.clone());
            Error::Stopped { path }
        })
    }

    fn drop_partials(&self, full: &Tile) {
        let dir = self.home.join(format!("{}.p", full.path));
        let partials = self.disk.list(&dir).unwrap_or_default();
        for path in partials {
            if let Err(error) = self.disk.remove(&path) {
                // It is removed at the next start; until then it is an older state that verifies.
                tracing::warn!(path = %path.display(), %error, "a superseded partial tile stays");
            }
        }
        self.disk.remove_empty(&dir);
    }

    fn tile(&self, path: TilePath) -> Result<Tile, Error> {
        let file = self.home.join(path.to_string());
        Ok(Tile { path, bytes: self.disk.read(&file).map_err(failed("read", &file))? })
    }

    /// The leaf hashes of the last tile of level 0.
    fn newest(&self, size: u64) -> Result<Vec<(u64, Hash)>, Error> {
        let Some(path) = size.checked_sub(1).and_then(|last| TilePath::holding(Stack::Level(0), last, size))
        else {
            return Ok(Vec::new());
        };
        let broken = ledger::Broken::Tile(path);
        let hashes = tiles::hashes(&self.tile(path)?.bytes).ok_or(broken)?;
        let start = path.index() * u64::from(tiles::WIDTH);
        Ok((start..size).zip(hashes).collect())
    }
}

fn tile_at(home: &Path, path: &Path) -> Option<TilePath> {
    path.strip_prefix(home).ok()?.to_str()?.parse().ok()
}

/// The index after the last entry that a tile covers.
fn end(tile: TilePath) -> u64 {
    let items = tile.index().saturating_mul(u64::from(tiles::WIDTH)).saturating_add(tile.width().into());
    match tile.stack() {
        Stack::Entries => items,
        Stack::Level(level) => {
            items.saturating_mul(1u64.checked_shl(8 * u32::from(level)).unwrap_or(u64::MAX))
        }
    }
}

fn failed<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> Error + 'p {
    move |source| Error::File { doing, path: path.to_owned(), source }
}
