//! How hits become findings: the folding, without the store.

use base::{Id, noun};
use detect::{Finding, finding::MAX_EVIDENCE};
use std::collections::BTreeMap;

/// One finding for each id, in order of ids, so that the same batch is always recorded alike.
pub(crate) fn fold(findings: Vec<Finding>) -> BTreeMap<Id<noun::Finding>, Finding> {
    let mut folded: BTreeMap<_, Finding> = BTreeMap::new();
    for finding in findings {
        match folded.get_mut(&finding.id) {
            Some(earlier) => earlier.fold(finding),
            None => {
                folded.insert(finding.id, finding);
            }
        }
    }
    folded
}

/// What is on record after `later` came, where `kept` events of the earlier one are kept already. The
/// result's evidence is only what is to be added.
pub(crate) fn later(earlier: Finding, later: Finding, kept: usize) -> Finding {
    let mut merged = earlier;
    // What is on record was read without its evidence.
    merged.event_ids.clear();
    merged.evidence.clear();
    merged.fold(later);
    let room = MAX_EVIDENCE.saturating_sub(kept);
    merged.event_ids.truncate(room);
    merged.evidence.truncate(room);
    merged
}
