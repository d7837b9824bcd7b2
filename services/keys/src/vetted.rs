//! Versions that were found open, with what they are sealed to, as their rows had them.
//!
//! Whatever closes a version (suspension, destruction, breach, shredding) raises the key epoch in the same commit. So
//! who finds, in a snapshot of the store, the epoch at which a version was found open, need not read its rows again:
//! one question instead of five. What is kept is wrapped by the root; nothing here opens anything.

use crate::tables::Row;
use base::{Id, noun};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How many versions are kept at most. Each has some kilobytes.
const MOST: usize = 512;

type Of = (Id<noun::Organization>, Id<noun::Key>);

/// What this node has found open.
#[derive(Debug, Default)]
pub(crate) struct Vetted(Mutex<HashMap<Of, Found>>);

/// A version, and the version of the organization's key pair that it is sealed to.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) row: Row,
    pub(crate) over: Row,
}

#[derive(Debug)]
struct Found {
    epoch: i64,
    pair: Arc<Pair>,
}

impl Vetted {
    /// A version, if it was found open at this epoch.
    pub(crate) fn get(&self, of: Of, epoch: i64) -> Option<Arc<Pair>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(&of).filter(|found| found.epoch == epoch).map(|found| Arc::clone(&found.pair))
    }

    /// Keeps a version that was found open at this epoch, in the snapshot that the epoch was read in. Where there are
    /// too many, all go: they are read again soon enough.
    pub(crate) fn put(&self, of: Of, epoch: i64, pair: Arc<Pair>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MOST {
            found.clear();
        }
        found.insert(of, Found { epoch, pair });
    }

    /// Forgets a version: what was kept of it does not open under the root any more, so it was wrapped anew.
    pub(crate) fn forget(&self, of: Of) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&of);
    }
}
