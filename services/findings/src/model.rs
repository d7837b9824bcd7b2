//! A finding on record, and what lists are asked by.

use base::{Id, Severity, Timestamp, digest, noun};
use detect::{Detector, Finding};
use ledger::{Entry, Kind};

/// A finding as it stands on record.
#[derive(Debug, Clone)]
pub struct OnRecord {
    /// The finding; in lists without `event_ids` and `evidence`.
    pub finding: Finding,
    /// Where in the topic its last change stands.
    pub position: i64,
    /// When it was first recorded.
    pub recorded_at: Timestamp,
}

/// Which findings a list is asked for; the default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Against this identity.
    pub identity: Option<Id<noun::Identity>>,
    /// At least this bad.
    pub severity: Option<Severity>,
    /// From this part of the engine.
    pub detector: Option<Detector>,
    /// Of this rule.
    pub rule: Option<String>,
}

/// What one [`record`](crate::Findings::record) wrote.
#[derive(Debug, Clone)]
pub struct Recorded {
    organization: Id<noun::Organization>,
    digests: Vec<[u8; 32]>,
    fresh: usize,
}

impl Recorded {
    pub(crate) const fn none(organization: Id<noun::Organization>) -> Self {
        Self { organization, digests: Vec::new(), fresh: 0 }
    }

    pub(crate) fn add(&mut self, finding: &Finding, fresh: bool) {
        self.digests.push(finding.digest());
        self.fresh += usize::from(fresh);
    }

    /// How many findings were added or changed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.digests.len()
    }

    /// How many of them are new.
    #[must_use]
    pub const fn fresh(&self) -> usize {
        self.fresh
    }

    /// The ledger entry of the batch: its count, and the hash over [`Finding::digest`] of each in order of
    /// their ids. `None` where nothing was recorded.
    #[must_use]
    pub fn entry(&self) -> Option<Entry> {
        if self.digests.is_empty() {
            return None;
        }
        let parts: Vec<&[u8]> = self.digests.iter().map(<[u8; 32]>::as_slice).collect();
        let hash = digest::of_parts("nexora/findings-batch/1", &parts);
        Some(Entry::done(Kind::FindingsRecorded, self.organization).batch(self.count(), hash))
    }
}
