//! The writer of one log's files: the order of a publication, as the crate's documentation numbers it.

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;

use crate::{
    Chain, Error, LogKeys, Signatures, SignedBy, Storage, StorageError, Stored, log_name, ports::claimed,
};
use base::{Id, Timestamp, digest, noun};
use ledger::{Tile, Tree, checkpoint, prove, tree::is_superseded};
use std::{collections::HashMap, sync::Arc};
use verify::{Checkpoint, Hash, Stack, TilePath, VerifiedCheckpoint, note, tiles};

/// Files that are moved from where they wait to their places in one go.
const MOVED: usize = 64;

pub(crate) struct Writer {
    storage: Arc<dyn Storage>,
    /// The log's name in the storage, and that of its tiles that wait for cosignatures.
    log: String,
    waiting: String,
    origin: String,
    generation: u32,
    /// All that is sequenced.
    tree: Tree,
    published: Option<Published>,
    /// The newest state of each tile that waits, and its hash: what is published is what was put there.
    pending: HashMap<(Stack, u64), (TilePath, Hash)>,
    /// What an interrupted publication left beyond the checkpoint, or superseded; no reader needs it.
    leftovers: Vec<String>,
    /// Why nothing more is written.
    stopped: Option<String>,
}

/// The published checkpoint.
struct Published {
    checkpoint: VerifiedCheckpoint,
    note: Vec<u8>,
}

/// A log as found at start, before it was held against the store.
pub(crate) struct Opened {
    pub(crate) writer: Writer,
    /// How many entries the files reach to: the checkpoint's size, or more after an interrupted publication.
    pub(crate) reach: u64,
    /// The leaf hashes of the newest entries, with their positions: those of the last tile.
    pub(crate) newest: Vec<(u64, Hash)>,
    /// Tiles that waited for a publication that did not come. They are made anew.
    waiting: Vec<String>,
}

impl Opened {
    /// Removes what an interrupted publication left. Only once the store is known to have it all; and of the log
    /// itself only where nobody else could be about to publish it. Tiles that wait are missed by whoever put them
    /// there before they are published.
    pub(crate) fn tidy(&mut self) -> Result<(), Error> {
        let Writer { storage, log, waiting, leftovers, .. } = &mut self.writer;
        if !storage.is_shared() {
            storage.remove(log, leftovers)?;
            leftovers.clear();
        }
        if !self.waiting.is_empty() {
            storage.remove(waiting, &self.waiting)?;
        }
        Ok(())
    }
}

/// The size that the checkpoint of this log claims, unverified; 0 where there is none.
pub(crate) fn claimed_size(storage: &dyn Storage, log: &str) -> u64 {
    let bytes = storage.read(log, verify::checkpoint::FILE, note::MAX_BYTES).ok().flatten();
    bytes.and_then(|bytes| claimed(&bytes)).map_or(0, |checkpoint| checkpoint.size)
}

impl Writer {
    /// Reads the checkpoint and the files at the right edge. Changes nothing.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        organization: Id<noun::Organization>,
        generation: u32,
        chain: &Chain,
        signatures: &Signatures,
    ) -> Result<Opened, Error> {
        let log = log_name(organization, generation);
        let mut writer = Self {
            storage,
            waiting: format!(".waiting/{log}"),
            log,
            origin: checkpoint::origin(organization, generation),
            generation,
            tree: Tree::new(),
            published: None,
            pending: HashMap::new(),
            leftovers: Vec::new(),
            stopped: None,
        };
        let mut newest = Vec::new();
        if let Some(note) = writer.storage.read(&writer.log, verify::checkpoint::FILE, note::MAX_BYTES)? {
            let checkpoint = own(&note, chain, signatures)?;
            let size = checkpoint.checkpoint().size;
            let edge = Tree::right_edge(size).into_iter().map(|path| writer.tile(path));
            writer.tree = Tree::resume(&checkpoint, &edge.collect::<Result<Vec<_>, _>>()?)?;
            newest = writer.newest(size)?;
            writer.published = Some(Published { checkpoint, note });
        }
        let mut reach = writer.size();
        for path in writer.storage.list(&writer.log, "")? {
            // What is no tile is not ours to remove; `ledger verify` will name it.
            let Ok(tile) = path.parse::<TilePath>() else { continue };
            let covered = TilePath::at(tile.stack(), tile.index(), writer.size()).map_or(0, TilePath::width);
            if tile.width() > covered {
                reach = reach.max(end(tile));
                writer.leftovers.push(path);
            } else if is_superseded(tile, writer.size()) {
                writer.leftovers.push(path);
            }
        }
        let waiting = writer.storage.list(&writer.waiting, "")?;
        Ok(Opened { writer, reach, newest, waiting })
    }

    /// Which log of the organization.
    pub(crate) const fn generation(&self) -> u32 {
        self.generation
    }

    /// How many entries are sequenced: their tiles are durable, if not published.
    pub(crate) const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// How many entries are published.
    pub(crate) fn published(&self) -> u64 {
        self.published.as_ref().map_or(0, |published| published.checkpoint.checkpoint().size)
    }

    /// The published note.
    pub(crate) fn note(&self) -> Option<&[u8]> {
        self.published.as_ref().map(|published| published.note.as_slice())
    }

    /// The published checkpoint.
    pub(crate) fn checkpoint(&self) -> Option<&Checkpoint> {
        self.published.as_ref().map(|published| published.checkpoint.checkpoint())
    }

    /// When the published checkpoint was signed.
    pub(crate) fn signed_at(&self) -> Option<Timestamp> {
        self.published.as_ref().and_then(|published| published.checkpoint.time())
    }

    /// What a checkpoint over all that is sequenced says.
    pub(crate) fn head(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.tree.size(), root: self.tree.root() }
    }

    /// Sequences entries and publishes them under the log's own signatures: steps 2 to 5 of the order. On an error
    /// nothing is published that was not, and the same entries can be given again, unless the writer has stopped.
    pub(crate) fn publish<'e>(
        &mut self,
        entries: impl IntoIterator<Item = &'e [u8]>,
        keys: (&LogKeys, &Chain),
        signatures: &Signatures,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.running()?;
        let mut grown = self.tree.clone();
        let before = self.published();
        let tiles = grown.append(entries)?;
        let paths: Vec<_> = tiles.iter().map(|tile| tile.path).collect();
        self.is_alone()?;
        self.put(&self.log.clone(), tiles)?;
        let head = Checkpoint { origin: self.origin.clone(), size: grown.size(), root: grown.root() };
        let note = sign(&head, keys, now)?;
        let checkpoint = own(&note, keys.1, signatures)?;
        self.replace(note, checkpoint)?;
        self.tree = grown;
        self.drop_partials(before, paths.into_iter());
        Ok(())
    }

    /// Sequences entries whose publication waits for others: their tiles are durable beside the log. Of a tile that
    /// grows only the newest state stays there.
    pub(crate) fn sequence<'e>(&mut self, entries: impl IntoIterator<Item = &'e [u8]>) -> Result<(), Error> {
        self.running()?;
        let mut grown = self.tree.clone();
        let tiles = grown.append(entries)?;
        let states: Vec<_> = tiles.iter().map(|tile| (tile.path, digest::sha256(&tile.bytes))).collect();
        self.put(&self.waiting.clone(), tiles)?;
        self.tree = grown;
        let mut older = Vec::new();
        for (path, hash) in states {
            let before = self.pending.insert((path.stack(), path.index()), (path, hash));
            older.extend(before.filter(|(before, _)| *before != path).map(|(before, _)| before.to_string()));
        }
        let dropped = if older.is_empty() { Ok(()) } else { self.storage.remove(&self.waiting, &older) };
        if let Err(error) = dropped {
            tracing::warn!(log = self.log, %error, "older states of tiles that wait stay until the publication");
        }
        Ok(())
    }

    /// Publishes what was sequenced so far, under a note over just that ([`head`](Self::head)): its tiles go to their
    /// places, then the checkpoint.
    pub(crate) fn release(
        &mut self,
        note: Vec<u8>,
        chain: &Chain,
        signatures: &Signatures,
    ) -> Result<(), Error> {
        self.running()?;
        let checkpoint = own(&note, chain, signatures)?;
        if *checkpoint.checkpoint() != self.head() {
            return Err(Error::Interrupted);
        }
        self.is_alone()?;
        let from = self.published();
        let needed: Vec<_> = self.pending.values().copied().collect();
        for some in needed.chunks(MOVED) {
            let mut files = Vec::new();
            for (path, hash) in some {
                let name = path.to_string();
                let found = self.storage.read(&self.waiting, &name, path.max_bytes())?;
                // Another writer of this log was at it, or a hand: the log is opened anew, and they are made again.
                let Some(bytes) = found.filter(|bytes| digest::sha256(bytes) == *hash) else {
                    return Err(StorageError::Changed { path: format!("{}/{name}", self.waiting) }.into());
                };
                files.push(Stored { path: name, bytes });
            }
            self.written(self.storage.put(&self.log, &files))?;
        }
        self.replace(note, checkpoint)?;
        self.pending.clear();
        self.drop_partials(from, needed.into_iter().map(|(path, _)| path));
        let gone = self.storage.list(&self.waiting, "");
        if let Err(error) = gone.and_then(|gone| self.storage.remove(&self.waiting, &gone)) {
            tracing::warn!(log = self.log, %error, "published tiles stay where they waited, until the next start");
        }
        Ok(())
    }

    /// Reads the tiles of this log, also those that wait.
    pub(crate) fn reader(&self) -> Reader {
        let places = [self.log.clone(), self.waiting.clone()];
        Reader { storage: Arc::clone(&self.storage), places }
    }

    fn running(&self) -> Result<(), Error> {
        self.stopped.as_ref().map_or(Ok(()), |path| Err(Error::Stopped { path: path.clone() }))
    }

    /// Whether nobody else has published since, so far as can be known before the checkpoint is replaced: a second
    /// writer is told before it leaves tiles that are not the log's.
    fn is_alone(&self) -> Result<(), Error> {
        let path = verify::checkpoint::FILE;
        if self.storage.is_shared()
            && self.storage.read(&self.log, path, note::MAX_BYTES)?.as_deref() != self.note()
        {
            return Err(StorageError::Changed { path: path.to_owned() }.into());
        }
        Ok(())
    }

    fn put(&mut self, log: &str, tiles: Vec<Tile>) -> Result<(), Error> {
        let files = tiles.into_iter().map(|tile| Stored { path: tile.path.to_string(), bytes: tile.bytes });
        let files: Vec<_> = files.collect();
        self.written(self.storage.put(log, &files))
    }

    /// The checkpoint that makes its tiles part of the log.
    fn replace(&mut self, note: Vec<u8>, checkpoint: VerifiedCheckpoint) -> Result<(), Error> {
        let expected = self.note();
        let replaced = self.storage.replace(&self.log, verify::checkpoint::FILE, expected, &note);
        self.written(replaced)?;
        let size = checkpoint.checkpoint().size;
        self.published = Some(Published { checkpoint, note });
        self.drop_leftovers(size);
        Ok(())
    }

    /// Removes what an interrupted publication left and this one did not put anew: whoever still had it in mind is
    /// told now that the checkpoint is another one.
    fn drop_leftovers(&mut self, size: u64) {
        let is_in_use = |path: &String| {
            let tile = path.parse::<TilePath>().ok();
            tile.is_some_and(|tile| TilePath::at(tile.stack(), tile.index(), size) == Some(tile))
        };
        let mut gone = std::mem::take(&mut self.leftovers);
        gone.retain(|path| !is_in_use(path));
        if gone.is_empty() {
            return;
        }
        if let Err(error) = self.storage.remove(&self.log, &gone) {
            tracing::warn!(log = self.log, %error, "what an interrupted publication left stays");
            self.leftovers = gone;
        }
    }

    fn written(&mut self, outcome: Result<(), StorageError>) -> Result<(), Error> {
        outcome.map_err(|error| match error {
            StorageError::Unknown { path } => {
                self.stopped = Some(path.clone());
                Error::Stopped { path }
            }
            other => other.into(),
        })
    }

    /// Removes the partial tiles of a log that had `before` entries which a full one of these supersedes.
    fn drop_partials(&self, before: u64, tiles: impl Iterator<Item = TilePath>) {
        let was_partial =
            |path: &TilePath| path.is_full() && TilePath::at(path.stack(), path.index(), before).is_some();
        for full in tiles.filter(was_partial) {
            let dropped = self.storage.list(&self.log, &format!("{full}.p"));
            let dropped = dropped.and_then(|partials| self.storage.remove(&self.log, &partials));
            if let Err(error) = dropped {
                // They are removed at the next start; until then they are older states that verify.
                tracing::warn!(log = self.log, %error, "superseded partial tiles stay");
            }
        }
    }

    fn tile(&self, path: TilePath) -> Result<Tile, Error> {
        let bytes = self.storage.read(&self.log, &path.to_string(), path.max_bytes())?;
        Ok(Tile { path, bytes: bytes.ok_or(ledger::Broken::Tile(path))? })
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

/// The tiles of one log, wherever they stand.
#[derive(Clone)]
pub(crate) struct Reader {
    storage: Arc<dyn Storage>,
    places: [String; 2],
}

impl Reader {
    /// The consistency proof between two sizes.
    pub(crate) fn consistency(&mut self, old: u64, size: u64) -> Result<Vec<Hash>, Error> {
        prove::consistency(self, old, size).map_err(|error| match error {
            prove::NoProof::Tile(error) => error,
            prove::NoProof::Short(path) => ledger::Broken::Tile(path).into(),
            prove::NoProof::Beyond { .. } => Error::Interrupted,
        })
    }
}

impl prove::Tiles for Reader {
    type Error = Error;

    fn tile(&mut self, path: TilePath) -> Result<Vec<Hash>, Error> {
        for place in &self.places {
            if let Some(bytes) = self.storage.read(place, &path.to_string(), path.max_bytes())? {
                return tiles::hashes(&bytes).ok_or(ledger::Broken::Tile(path).into());
            }
        }
        Err(ledger::Broken::Tile(path).into())
    }
}

/// Signs a checkpoint with the keys that are in use at its size.
pub(crate) fn sign(
    head: &Checkpoint,
    (keys, chain): (&LogKeys, &Chain),
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let signers = keys.signers(chain.at(head.size)).ok_or(Error::WrongKeys)?;
    Ok(checkpoint::sign(head, now, &signers)?)
}

/// Checks the log's own signatures on a note; lines by others are passed over.
pub(crate) fn own(note: &[u8], chain: &Chain, signatures: &Signatures) -> Result<VerifiedCheckpoint, Error> {
    let keys = chain.at(claimed(note).map_or(0, |checkpoint| checkpoint.size));
    let Ok(read) = note::read(note) else {
        return Ok(VerifiedCheckpoint::open(note, keys, signatures)?);
    };
    let mut text = format!("{}\n", read.text);
    for line in read.signatures.iter().filter(|line| keys.iter().any(|key| key.name() == line.name)) {
        text.push_str(&note::signature_line(line.name, line.key_id, &line.bytes));
    }
    Ok(VerifiedCheckpoint::open(text.as_bytes(), keys, signatures)?)
}

/// Whether a note is signed by these keys.
pub(crate) fn signed_by(chain: &Chain, signatures: &Signatures) -> SignedBy {
    let (chain, signatures) = (chain.clone(), signatures.clone());
    Arc::new(move |note| own(note, &chain, &signatures).is_ok())
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
