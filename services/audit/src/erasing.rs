//! Erasing what is personal: the details of entries go, with the salts that would let somebody test a guess against
//! their commitments. The entries stay, and so does every proof.
//!
//! # What is promised
//! 1. Erasure and its tombstone, the entry `details.erased`, are one commit: details that are missing without one were
//!    taken away by somebody else, and `verify --deep --data` says so.
//! 2. Afterwards neither the database nor its write-ahead log holds the bytes ([`store::Store::scrub`]). Where somebody
//!    reads an older state at that moment, a background step ([`Audit::scrub_step`]) finishes it, and a process that
//!    ended meanwhile finishes it at its next start.
//! 3. A database that was restored from before an erasure is erased again at the start, before anything is served:
//!    the tombstones in the ledger's files that the database does not know yet are carried out
//!    ([`Audit::erase_again`]). The files must have outlived it: where the whole data directory is restored, and they
//!    stand in it, nothing here knows of the erasure.

use crate::{Audit, Error, Storage, log_name, retention};
use base::Context;
use ledger::charter;
use serde_json::Value;
use std::ops::RangeInclusive;
use store::{Committed, Erased, OUTBOX, Queries as _};
use verify::{Stack, TilePath, entry::Seen, tiles};

/// The most ranges that one request names.
pub const MAX_RANGES: usize = 10_000;
/// Ranges in one tombstone: an entry has 65,535 bytes.
const RANGES: usize = 1_500;
/// The cursor that says whether an erasure is not finished.
const UNFINISHED: &str = "audit.erasing";
const WIDTH: u64 = tiles::WIDTH as u64;

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// The position of the (first) tombstone.
    pub entry: u64,
    /// The details of how many entries.
    pub erased: u64,
    /// Whether their bytes are gone from the database's files already. Else that follows as soon as nobody reads an
    /// older state.
    pub scrubbed: bool,
}

impl Audit {
    /// Erases the details of entries of the log in use, by their positions. `reason` is free text, a detail of the
    /// tombstone.
    ///
    /// # Errors
    /// [`Error::Ranges`], [`Error::Reason`]; [`Error::Held`]; [`Error::NoDetails`] where there is nothing to erase;
    /// what the store meets.
    pub async fn erase(
        &self,
        ctx: &Context,
        positions: &[RangeInclusive<u64>],
        reason: Option<&str>,
    ) -> Result<Erasure, Error> {
        if positions.len() > MAX_RANGES || positions.iter().any(RangeInclusive::is_empty) {
            return Err(Error::Ranges);
        }
        if reason.is_some_and(|reason| reason.len() > retention::MAX_REASON) {
            return Err(Error::Reason);
        }
        let mut tx = self.shared.options.store.write(ctx).await?;
        retention::not_held(&tx).await?;
        let base = tx.generation().await?.base;
        let there: Vec<_> = merged(positions)
            .iter()
            .map(|range| (base.saturating_add(*range.start()), base.saturating_add(*range.end())))
            .collect();
        let erased = tx.erase_details(&there).await?;
        let gone = grouped(erased.positions().iter().map(|position| position - base));
        if gone.is_empty() {
            return Err(Error::NoDetails);
        }
        let tombstone = |ranges: &[RangeInclusive<u64>]| {
            let entry = charter::details_erased(ctx.organization(), ranges);
            match reason {
                Some(reason) => entry.details(serde_json::json!({ "reason": reason })),
                None => entry,
            }
        };
        tx.set_cursor(UNFINISHED, 1).await?;
        let committed: Committed = tx.commit_all(gone.chunks(RANGES).map(tombstone).collect()).await?;
        let scrubbed = self.finish(ctx, &erased).await?;
        Ok(Erasure { entry: committed.entry(), erased: erased.positions().len() as u64, scrubbed })
    }

    /// Finishes an erasure whose bytes could not be made to go at once; whether none is left. Where the start could not
    /// read the ledger's files, it also carries out what [`erase_again`](Self::erase_again) would have. Call it now and
    /// then.
    ///
    /// # Errors
    /// What the store or the storage meets.
    pub async fn scrub_step(&self, ctx: &Context) -> Result<bool, Error> {
        if !self.log(ctx.organization()).seen().erased_again {
            self.erase_again(ctx).await?;
        }
        self.unfinished(ctx).await
    }

    /// Finishes what is not; whether none is left.
    async fn unfinished(&self, ctx: &Context) -> Result<bool, Error> {
        let read = self.shared.options.store.read(ctx).await?;
        let unfinished = read.cursor(UNFINISHED).await? != 0;
        drop(read);
        Ok(!unfinished || self.finish(ctx, &Erased::unknown()).await?)
    }

    /// Carries out erasures and prunings that the ledger's files know of and the database does not: it was restored
    /// from before them. How many details that took. For the start, before anything is served; it reads nothing but
    /// the checkpoint where the files do not reach beyond the database.
    ///
    /// # Errors
    /// What the store or the storage meets.
    pub async fn erase_again(&self, ctx: &Context) -> Result<u64, Error> {
        self.unfinished(ctx).await?;
        let count = self.carry_out(ctx).await?;
        self.log(ctx.organization()).seen().erased_again = true;
        Ok(count)
    }

    async fn carry_out(&self, ctx: &Context) -> Result<u64, Error> {
        let store = &self.shared.options.store;
        let read = store.read(ctx).await?;
        let generation = read.generation().await?;
        let committed = u64::try_from(read.end(OUTBOX).await?).unwrap_or(0).saturating_sub(generation.base);
        drop(read);
        let (storage, name) = (self.storage(), log_name(ctx.organization(), generation.number));
        let beyond = crate::blocking(move || Beyond::read(&*storage, &name, committed)).await??;
        if beyond.erased.is_empty() && beyond.minimum == 0 {
            return Ok(0);
        }
        let base = generation.base;
        let mut tx = store.write(ctx).await?;
        let there: Vec<_> = merged(&beyond.erased)
            .iter()
            .map(|range| (base.saturating_add(*range.start()), base.saturating_add(*range.end())))
            .collect();
        let erased = tx.erase_details(&there).await?;
        let pruned = tx.prune_details(base, base.saturating_add(beyond.minimum)).await?;
        let count = erased.positions().len() as u64 + pruned;
        if count == 0 {
            return Ok(0);
        }
        tx.set_cursor(UNFINISHED, 1).await?;
        // The decision stands in the ledger already.
        tx.commit_derived().await?;
        tracing::warn!(
            organization = %ctx.organization(), details = count,
            "a database from before an erasure was restored: what the ledger says is erased was erased again"
        );
        self.finish(ctx, &erased).await?;
        Ok(count)
    }

    async fn finish(&self, ctx: &Context, erased: &Erased) -> Result<bool, Error> {
        let store = &self.shared.options.store;
        if !store.scrub(ctx, erased).await? {
            return Ok(false);
        }
        let mut tx = store.write(ctx).await?;
        tx.set_cursor(UNFINISHED, 0).await?;
        tx.commit_derived().await?;
        Ok(true)
    }
}

/// What the entries beyond a position say is gone.
#[derive(Debug, Default)]
struct Beyond {
    erased: Vec<RangeInclusive<u64>>,
    minimum: u64,
}

impl Beyond {
    /// Reads the published entries of a log from a position on. They are not held against the checkpoint here: who can
    /// change them could take the details away as well, and the next verification names what was changed.
    fn read(storage: &dyn Storage, log: &str, from: u64) -> Result<Self, Error> {
        let (mut found, size) = (Self::default(), crate::publish::claimed_size(storage, log));
        let mut next = from;
        while next < size {
            let Some(path) = TilePath::holding(Stack::Entries, next, size) else { break };
            let first = path.index() * WIDTH;
            let bytes = storage.read(log, &path.to_string(), path.max_bytes())?.unwrap_or_default();
            let entries = tiles::entries(&bytes).unwrap_or_default();
            for (_, entry) in (first..).zip(&entries).filter(|(position, _)| *position >= from) {
                if let Ok(seen) = verify::entry::read(entry) {
                    found.take(&seen);
                }
            }
            next = first + WIDTH;
        }
        Ok(found)
    }

    fn take(&mut self, seen: &Seen) {
        match seen.kind.as_str() {
            verify::charter::ERASED => {
                let listed = verify::charter::fact(seen, "positions").and_then(Value::as_array);
                self.erased.extend(listed.into_iter().flatten().filter_map(range));
            }
            verify::charter::PRUNED => {
                let minimum = verify::charter::fact(seen, "minimum").and_then(Value::as_u64);
                self.minimum = self.minimum.max(minimum.unwrap_or(0));
            }
            _ => {}
        }
    }
}

/// A position, or the first and the last of several.
fn range(value: &Value) -> Option<RangeInclusive<u64>> {
    match value {
        Value::Array(ends) => match ends.as_slice() {
            [first, last] => Some(first.as_u64()?..=last.as_u64()?),
            _ => None,
        },
        one => one.as_u64().map(|one| one..=one),
    }
}

/// The same positions as ranges that do not meet, ascending.
fn merged(ranges: &[RangeInclusive<u64>]) -> Vec<RangeInclusive<u64>> {
    let mut sorted: Vec<_> = ranges.iter().filter(|range| !range.is_empty()).cloned().collect();
    sorted.sort_by_key(|range| *range.start());
    let mut merged: Vec<RangeInclusive<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Ascending positions as ranges.
fn grouped(positions: impl Iterator<Item = u64>) -> Vec<RangeInclusive<u64>> {
    let single: Vec<_> = positions.map(|position| position..=position).collect();
    merged(&single)
}

#[cfg(test)]
mod tests {
    use super::{grouped, merged, range};
    use serde_json::json;

    #[test]
    fn positions_become_few_ranges() {
        assert_eq!(grouped([1, 2, 3, 7, 9, 10].into_iter()), [1..=3, 7..=7, 9..=10]);
        assert_eq!(merged(&[5..=9, 1..=2, 3..=4, 8..=20, 30..=u64::MAX, 40..=41]), [1..=20, 30..=u64::MAX]);
        assert_eq!(range(&json!(4)), Some(4..=4));
        assert_eq!(range(&json!([4, 6])), Some(4..=6));
        assert_eq!(range(&json!([4, "6"])), None);
    }
}
