//! What the platform's published files record of other logs, read from their end: whoever puts the database back, or
//! takes rows out of it, does not change these, and witnesses have them.

use crate::ports::Storage;
use std::collections::HashMap;
use verify::{Checkpoint, Stack, TilePath, charter, checkpoint, entry, note, tiles};

/// How often what was replaced meanwhile is looked for again: the platform's log may be growing.
const ATTEMPTS: usize = 3;

/// The newest record of each log in the bundles that were read so far. What is published after the first look is not
/// read: this process compared a log before it published, and recorded, anything of it.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The platform's log that is read.
    log: String,
    /// Its size, and how many of its bundles were not read yet; `None` before the first look.
    left: Option<(u64, u64)>,
    /// The minimum index that the log names, as far as it was read.
    minimum: u64,
    newest: HashMap<String, Checkpoint>,
}

impl Scan {
    /// The newest record of the log of this name. Reads as far back as there is one: for a log without any, once, all
    /// that was not pruned.
    ///
    /// # Errors
    /// Why the files do not say: one is missing, or does not read.
    pub(super) fn newest(
        &mut self,
        storage: &dyn Storage,
        log: &str,
        origin: &str,
    ) -> Result<Option<Checkpoint>, String> {
        if self.log != log {
            *self = Self { log: log.to_owned(), ..Self::default() };
        }
        for attempt in 1.. {
            if let Some(found) = self.newest.get(origin) {
                return Ok(Some(found.clone()));
            }
            let (size, left) = match self.left {
                Some(left) => left,
                None => {
                    let size = published(storage, log)?;
                    (size, size.div_ceil(tiles::WIDTH.into()))
                }
            };
            let Some(index) = left.checked_sub(1) else {
                self.left = Some((size, 0));
                return Ok(None);
            };
            match self.bundle(storage, size, index) {
                Ok(()) => self.left = Some((size, index)),
                // The last bundle is replaced when the log grows.
                Err(_) if self.left.is_none() && attempt < ATTEMPTS => {}
                Err(why) => return Err(why),
            }
        }
        Ok(None)
    }

    fn bundle(&mut self, storage: &dyn Storage, size: u64, index: u64) -> Result<(), String> {
        let path = TilePath::at(Stack::Entries, index, size).ok_or("it has no such bundle")?;
        let wrong = |why: String| format!("{path} of its files: {why}");
        let read = storage.read(&self.log, &path.to_string(), path.max_bytes());
        let Some(bytes) = read.map_err(|error| wrong(error.to_string()))? else {
            let pruned = path.is_prunable(self.minimum);
            return if pruned { Ok(()) } else { Err(wrong("it is missing".to_owned())) };
        };
        let entries = tiles::entries(&bytes).map_err(|error| wrong(error.to_string()))?;
        for bytes in entries.into_iter().rev() {
            if entry::glance(bytes).is_some_and(|glance| !is_read(glance.kind)) {
                continue;
            }
            let seen = entry::read(bytes).map_err(|error| wrong(error.to_string()))?;
            if seen.kind == charter::RECORDED {
                let recorded = charter::recorded(&seen);
                let recorded = recorded.ok_or_else(|| wrong("a record names no checkpoint".to_owned()))?;
                for checkpoint in recorded {
                    self.newest.entry(checkpoint.origin.clone()).or_insert(checkpoint);
                }
            } else if seen.kind == charter::PRUNED {
                let named = charter::fact(&seen, "minimum").and_then(serde_json::Value::as_u64);
                self.minimum = self.minimum.max(named.unwrap_or(0));
            }
        }
        Ok(())
    }
}

fn is_read(kind: &str) -> bool {
    matches!(kind, charter::RECORDED | charter::PRUNED)
}

/// The size of the log's published checkpoint; 0 before there is one.
fn published(storage: &dyn Storage, log: &str) -> Result<u64, String> {
    let wrong = |why: &str| format!("its published checkpoint: {why}");
    let read = storage.read(log, checkpoint::FILE, note::MAX_BYTES);
    let Some(bytes) = read.map_err(|error| wrong(&error.to_string()))? else { return Ok(0) };
    let note = note::read(&bytes).map_err(|error| wrong(&error.to_string()))?;
    Ok(Checkpoint::read(note.text).ok_or_else(|| wrong("it does not read"))?.size)
}
