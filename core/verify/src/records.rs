//! What a platform's log records of other logs, and whether that is one history of each.
//!
//! Witnesses cosign the platform's log and see its roots only: they do not know what it records. Whoever reads it does.
//! Of one log the sizes only grow, and one size has one root; a platform's log where they do not shows a log that was
//! put back, or of which there are two.

use crate::charter::{RECORDED, recorded};
use crate::checkpoint::{Checkpoint, SignatureCheck};
use crate::directory::{Hands, LedgerFiles, Report, Visit, visited, visited_by};
use crate::entry::Seen;
use crate::failure::{Failure, Problem};
use crate::merkle::Hash;
use crate::trust::Pins;
use std::collections::BTreeMap;

/// The newest record of each log, while a platform's log is walked over.
#[derive(Debug, Default)]
pub(crate) struct Records(BTreeMap<String, (u64, Hash)>);

impl Records {
    /// Takes in the next entry of the kind [`RECORDED`].
    pub(crate) fn take(&mut self, entry: &Seen) -> Result<(), Problem> {
        for Checkpoint { origin, size, root } in recorded(entry).ok_or(Problem::RecordFacts)? {
            match self.0.get(&origin) {
                Some(&(earlier, _)) if size < earlier => {
                    return Err(Problem::RecordShrunk { origin, size, earlier });
                }
                Some(&(earlier, known)) if size == earlier && root != known => {
                    return Err(Problem::RecordSplit { origin, size });
                }
                _ => drop(self.0.insert(origin, (size, root))),
            }
        }
        Ok(())
    }
}

/// Verifies a platform's log as [`directory`](crate::directory()) does, and takes out every checkpoint that it records
/// of the log of this name: their sizes and roots in order, each once. With them as [`Pins::recorded`] that log is
/// verified: each must be one of its history. Read the platform's log first, for the other goes on growing. It remembers
/// 40 bytes of each.
///
/// # Errors
/// As [`directory`](crate::directory()).
pub fn records(
    files: &dyn LedgerFiles,
    check: &dyn SignatureCheck,
    pins: &Pins,
    origin: &str,
) -> Result<(Report, Vec<(u64, Hash)>), Failure> {
    let mut of = Of { origin, found: Vec::new() };
    let report = visited(files, check, pins, &mut of)?;
    Ok((report, of.found))
}

/// As [`records`], with the work handed out.
///
/// # Errors
/// As [`directory`](crate::directory()).
pub fn records_by(
    files: &(dyn LedgerFiles + Sync),
    check: &dyn SignatureCheck,
    pins: &Pins,
    origin: &str,
    hands: &dyn Hands,
) -> Result<(Report, Vec<(u64, Hash)>), Failure> {
    let mut of = Of { origin, found: Vec::new() };
    let report = visited_by(files, check, pins, &mut of, hands)?;
    Ok((report, of.found))
}

/// Holds what is recorded of a log to its order, and to the log's size.
pub(crate) fn grow(recorded: &[(u64, Hash)], log: &Checkpoint) -> Result<(), Problem> {
    if let Some((earlier, _)) = recorded.iter().find(|(size, _)| *size > log.size) {
        return Err(Problem::Shrunk { size: log.size, earlier: *earlier });
    }
    let origin = || log.origin.clone();
    for two in recorded.windows(2) {
        let &[(earlier, known), (size, root)] = two else { continue };
        if size < earlier {
            return Err(Problem::RecordShrunk { origin: origin(), size, earlier });
        }
        if size == earlier && root != known {
            return Err(Problem::RecordSplit { origin: origin(), size });
        }
    }
    Ok(())
}

/// The records of one log.
struct Of<'o> {
    origin: &'o str,
    found: Vec<(u64, Hash)>,
}

impl Visit for Of<'_> {
    fn wants(&self) -> Option<fn(&Seen) -> bool> {
        Some(|seen| seen.kind == RECORDED)
    }

    fn see(&mut self, entry: &Seen) -> Result<(), Problem> {
        let named = recorded(entry).ok_or(Problem::RecordFacts)?;
        for Checkpoint { size, root, .. } in named.into_iter().filter(|named| named.origin == self.origin) {
            // Sizes only grow, so that what is recorded again stands last.
            if self.found.last() != Some(&(size, root)) {
                self.found.push((size, root));
            }
        }
        Ok(())
    }

    fn begin_again(&mut self) {
        self.found.clear();
    }
}
