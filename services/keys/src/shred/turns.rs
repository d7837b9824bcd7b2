//! Who finishes a shredding when, and what stood in the way of it last.

use base::{Id, noun};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Whose turn it is to finish a shredding, by organization; and why one could not be finished, by request.
#[derive(Default)]
pub(crate) struct Turns {
    of: Mutex<BTreeMap<Id<noun::Organization>, Arc<tokio::sync::Mutex<()>>>>,
    failed: Mutex<BTreeMap<Id<noun::Approval>, String>>,
}

impl Turns {
    /// The turn of an organization.
    pub(super) fn of(&self, organization: Id<noun::Organization>) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(organization).or_default())
    }

    /// Notes how trying to finish one went: why not, or that nothing is in its way any more.
    pub(super) fn note(&self, id: Id<noun::Approval>, why: Option<String>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => failed.insert(id, why),
            None => failed.remove(&id),
        };
    }

    /// Why one could not be finished, where it was tried by this process.
    pub(super) fn failed(&self, id: Id<noun::Approval>) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
