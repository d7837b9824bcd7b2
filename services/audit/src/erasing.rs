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
//!    ([`Audit::erase_again`]). Where the whole data directory is restored, and these files with it, what is written
//!    down outside is erased again ([`ErasedFile`](crate::ErasedFile)), with another tombstone in the log in use.
//! 4. Every log's details can be erased, also those of a log that has ended: their tombstone stands in the log in use
//!    and names the other one's origin.

use crate::{Audit, ErasedFile, Error, Storage, beside::before, erased_file::Noted, log_name, retention};
use base::{Context, Id, noun};
use ledger::{Entry, charter};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use store::{Committed, Erased, OUTBOX, Queries, Tx};
use verify::{Origin, Stack, TilePath, entry::Seen, tiles};

/// The most ranges that one request names.
pub const MAX_RANGES: usize = 10_000;
/// Ranges in one tombstone: an entry has 65,535 bytes.
const RANGES: usize = 1_500;
/// The cursor that says whether an erasure is not finished.
pub(crate) const UNFINISHED: &str = "audit.erasing";
const WIDTH: u64 = tiles::WIDTH as u64;

/// Entries of one of the organization's logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which log; none for the one in use.
    pub generation: Option<u32>,
    /// Their positions in it.
    pub positions: RangeInclusive<u64>,
}

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// The position of the (first) tombstone.
    pub entry: u64,
    /// The details of how many entries.
    pub erased: u64,
    /// How many of these are of earlier logs.
    pub earlier: u64,
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
        let part = |positions: &RangeInclusive<u64>| Part { generation: None, positions: positions.clone() };
        self.erase_parts(ctx, &positions.iter().map(part).collect::<Vec<_>>(), reason).await
    }

    /// Erases the details of entries of any of the organization's logs, also of those that have ended. A log that
    /// there is not has no details.
    ///
    /// # Errors
    /// As [`erase`](Self::erase); [`Error::Storage`] also where it was erased, and that could not be written down outside
    /// of the data: then a backup of the whole directory brings it back.
    pub async fn erase_parts(
        &self,
        ctx: &Context,
        parts: &[Part],
        reason: Option<&str>,
    ) -> Result<Erasure, Error> {
        if parts.len() > MAX_RANGES || parts.iter().any(|part| part.positions.is_empty()) {
            return Err(Error::Ranges);
        }
        if reason.is_some_and(|reason| reason.len() > retention::MAX_REASON) {
            return Err(Error::Reason);
        }
        let tx = self.shared.options.store.write(ctx).await?;
        retention::not_held(&tx).await?;
        let noted = match &self.shared.options.erased {
            Some(_) => committed_to(&tx, parts).await?,
            None => Noted::new(),
        };
        let done = self.commit_erasure(ctx, tx, parts, reason).await?;
        if let Some(file) = self.shared.options.erased.clone() {
            let organization = ctx.organization();
            crate::blocking(move || file.note(organization, &noted)).await??;
        }
        Ok(done)
    }

    /// Erases, with the tombstones in the same commit.
    pub(crate) async fn commit_erasure(
        &self,
        ctx: &Context,
        mut tx: Tx,
        parts: &[Part],
        reason: Option<&str>,
    ) -> Result<Erasure, Error> {
        let (organization, used) = (ctx.organization(), tx.generation().await?.number);
        let (erased, gone) = take_away(&mut tx, parts).await?;
        let (mut tombstones, mut earlier) = (Vec::new(), 0);
        for (generation, ranges) in gone {
            for some in ranges.chunks(RANGES) {
                let mut entry = charter::details_erased(organization, some);
                if generation != used {
                    entry = entry.fact("origin", Origin { organization, generation }.to_string());
                    earlier += some.iter().map(|range| range.end() - range.start() + 1).sum::<u64>();
                }
                if let Some(reason) = reason {
                    entry = entry.details(serde_json::json!({ "reason": reason }));
                }
                tombstones.push(entry);
            }
        }
        if tombstones.is_empty() {
            return Err(Error::NoDetails);
        }
        tx.set_cursor(UNFINISHED, 1).await?;
        let committed: Committed = tx.commit_all(tombstones).await?;
        let scrubbed = self.finish(ctx, &erased).await?;
        let count = erased.positions().len() as u64;
        Ok(Erasure { entry: committed.entry(), erased: count, earlier, scrubbed })
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
        let (count, unread) = self.carry_out(ctx).await?;
        let count = count + self.carry_out_noted(ctx).await?;
        if let Some(position) = unread {
            tracing::warn!(
                organization = %ctx.organization(), position,
                "an entry that the database does not have cannot be read in the ledger's files: what it may say is \
                 erased is not erased again before it can; run `nexora ledger verify`"
            );
        }
        self.log(ctx.organization()).seen().erased_again = unread.is_none();
        Ok(count)
    }

    /// How many details it took, and the first entry of those to be carried out that does not read.
    async fn carry_out(&self, ctx: &Context) -> Result<(u64, Option<u64>), Error> {
        let store = &self.shared.options.store;
        let read = store.read(ctx).await?;
        let generation = read.generation().await?;
        let committed = u64::try_from(read.end(OUTBOX).await?).unwrap_or(0).saturating_sub(generation.base);
        drop(read);
        let (storage, name) = (self.storage(), log_name(ctx.organization(), generation.number));
        let beyond = crate::blocking(move || Beyond::read(&*storage, &name, committed)).await??;
        let unread = beyond.unread();
        if beyond.erased.is_empty() && beyond.minimum == 0 {
            return Ok((0, unread));
        }
        let base = generation.base;
        let mut tx = store.write(ctx).await?;
        let (mut erased, _) = take_away(&mut tx, &beyond.erased).await?;
        let found = erased.positions().len() as u64;
        let pruned = tx.prune_details(base, base.saturating_add(beyond.minimum), &mut erased).await?;
        let count = found + pruned;
        if count == 0 {
            return Ok((0, unread));
        }
        tx.set_cursor(UNFINISHED, 1).await?;
        // The decision stands in the ledger already.
        tx.commit_derived().await?;
        tracing::warn!(
            organization = %ctx.organization(), details = count,
            "a database from before an erasure was restored: what the ledger says is erased was erased again"
        );
        self.finish(ctx, &erased).await?;
        Ok((count, unread))
    }

    /// Erases what is written down outside and is there all the same: the whole directory was restored from before.
    async fn carry_out_noted(&self, ctx: &Context) -> Result<u64, Error> {
        let Some(file) = self.shared.options.erased.clone() else { return Ok(0) };
        let organization = ctx.organization();
        let noted = crate::blocking(move || file.of(organization)).await??;
        let Some(oldest) = noted.keys().next().copied() else { return Ok(0) };
        let store = &self.shared.options.store;
        let read = store.read(ctx).await?;
        let (spans, mut parts) = (spans(&read, oldest).await?, Vec::new());
        for (number, noted) in &noted {
            let Some(span) = spans.iter().find(|span| span.number == *number) else { continue };
            let mut still = Vec::new();
            for (first, last) in span.within(&grouped(noted.keys().copied())) {
                for at in read.details_within(first, last, u32::MAX.into()).await? {
                    let (position, salted) = (at - span.base, read.entry_details(at).await?);
                    let is = salted.as_deref().map(ErasedFile::commitment);
                    if is.is_some_and(|is| noted.get(&position).is_some_and(|were| were.contains(&is))) {
                        still.push(position);
                    }
                }
            }
            let part = |positions| Part { generation: Some(*number), positions };
            parts.extend(grouped(still.into_iter()).into_iter().map(part));
        }
        drop(read);
        if parts.is_empty() {
            return Ok(0);
        }
        let why = "erased before, and back with a backup of before that";
        let done = self.commit_erasure(ctx, store.write(ctx).await?, &parts, Some(why)).await?;
        tracing::warn!(
            %organization, details = done.erased,
            "data from before an erasure were restored: what is written down beside them was erased again"
        );
        Ok(done.erased)
    }

    /// Sees to it that the bytes are in no file; whether they are not.
    pub(crate) async fn finish(&self, ctx: &Context, erased: &Erased) -> Result<bool, Error> {
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

/// Where the outbox has the entries of one log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) number: u32,
    /// Where its entry 0 is.
    pub(crate) base: u64,
    /// One beyond its last entry.
    pub(crate) end: u64,
}

impl Span {
    pub(crate) const fn holds(&self, at: u64) -> bool {
        self.base <= at && at < self.end
    }

    /// Where the outbox has these positions; not beyond its end, for there another log begins.
    fn within(&self, ranges: &[RangeInclusive<u64>]) -> Vec<(u64, u64)> {
        let last = self.end.saturating_sub(1);
        let at = |position: &u64| self.base.saturating_add(*position);
        let there = ranges.iter().map(|range| (at(range.start()), at(range.end()).min(last)));
        there.filter(|(first, last)| first <= last).collect()
    }
}

/// The spans of the organization's logs, from the one in use back to `oldest`.
pub(crate) async fn spans(door: &impl Queries, oldest: u32) -> Result<Vec<Span>, Error> {
    let used = door.generation().await?;
    let end = u64::try_from(door.end(OUTBOX).await?).unwrap_or(0);
    let (mut first, mut spans) = (used.base, vec![Span { number: used.number, base: used.base, end }]);
    for number in (oldest.max(1)..used.number).rev() {
        let end = first;
        let last = end.saturating_sub(1);
        let row = if number > 1 { door.entries(last, 1).await?.pop() } else { None };
        let row = row.filter(|(at, _)| *at == last).map(|(_, entry)| entry);
        first = before(number, end, row.as_deref()).ok_or(Error::Row("outbox"))?;
        spans.push(Span { number, base: first, end });
    }
    Ok(spans)
}

/// Ranges of positions, by the number of the log.
type ByLog = BTreeMap<u32, Vec<RangeInclusive<u64>>>;

/// Erases details wherever they are; of which entries, by log.
async fn take_away(tx: &mut Tx, parts: &[Part]) -> Result<(Erased, ByLog), Error> {
    let (mut erased, mut gone) = (Erased::default(), ByLog::new());
    for (span, there) in places(tx, parts).await? {
        let some = tx.erase_details(&there).await?;
        let positions = grouped(some.positions().iter().map(|position| position - span.base));
        if !positions.is_empty() {
            gone.insert(span.number, positions);
        }
        erased.add(some);
    }
    Ok((erased, gone))
}

/// What the details commit to that are about to be erased.
async fn committed_to(door: &impl Queries, parts: &[Part]) -> Result<Noted, Error> {
    let mut noted = Noted::new();
    for (span, there) in places(door, parts).await? {
        let entries = noted.entry(span.number).or_default();
        for (first, last) in there {
            for at in door.details_within(first, last, u32::MAX.into()).await? {
                let salted = door.entry_details(at).await?;
                entries
                    .entry(at - span.base)
                    .or_default()
                    .extend(salted.as_deref().map(ErasedFile::commitment));
            }
        }
    }
    Ok(noted)
}

/// Where the outbox has entries that are named, by log.
async fn places(door: &impl Queries, parts: &[Part]) -> Result<Vec<(Span, Vec<(u64, u64)>)>, Error> {
    let used = door.generation().await?.number;
    let mut asked = ByLog::new();
    for part in parts {
        asked.entry(part.generation.unwrap_or(used)).or_default().push(part.positions.clone());
    }
    let spans = spans(door, asked.keys().next().copied().unwrap_or(used)).await?;
    let place = |(number, ranges): (u32, Vec<_>)| {
        let span = spans.iter().find(|span| span.number == number)?;
        Some((*span, span.within(&merged(&ranges))))
    };
    Ok(asked.into_iter().filter_map(place).collect())
}

/// What the entries beyond a position say is gone.
#[derive(Debug, Default)]
pub(crate) struct Beyond {
    erased: Vec<Part>,
    minimum: u64,
    /// The first and the last entry of each bundle in which one does not read.
    unread: Vec<RangeInclusive<u64>>,
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
            let last = first + u64::from(path.width()) - 1;
            let bytes = match storage.read(log, &path.to_string(), path.max_bytes())? {
                // A partial bundle goes once the full one stands.
                None => path
                    .with_width(tiles::WIDTH)
                    .map(|full| storage.read(log, &full.to_string(), full.max_bytes())),
                found => Some(Ok(found)),
            };
            let bytes = bytes.transpose()?.flatten().unwrap_or_default();
            let entries = tiles::entries(&bytes).unwrap_or_default();
            let mut whole = entries.len() >= usize::from(path.width());
            for (_, entry) in (first..=last).zip(&entries).filter(|(position, _)| *position >= from) {
                match verify::entry::read(entry) {
                    Ok(seen) => found.take(&seen),
                    Err(_) => whole = false,
                }
            }
            if !whole {
                found.unread.push(next..=last);
            }
            next = first + WIDTH;
        }
        Ok(found)
    }

    /// The first entry that does not read and was not pruned: what a pruned one says was erased is pruned as well.
    fn unread(&self) -> Option<u64> {
        self.unread.iter().find(|bundle| *bundle.end() >= self.minimum).map(|bundle| *bundle.start())
    }

    /// The tombstones once more, in another log than the one that they were meant for.
    pub(crate) fn said_again(&self, organization: Id<noun::Organization>, meant: u32) -> Vec<Entry> {
        let mut erased = ByLog::new();
        for part in &self.erased {
            erased.entry(part.generation.unwrap_or(meant)).or_default().push(part.positions.clone());
        }
        let mut tombstones = Vec::new();
        for (generation, ranges) in erased {
            let origin = Origin { organization, generation }.to_string();
            let tombstone =
                |some| charter::details_erased(organization, some).fact("origin", origin.as_str());
            tombstones.extend(merged(&ranges).chunks(RANGES).map(tombstone));
        }
        tombstones
    }

    pub(crate) fn take(&mut self, seen: &Seen) {
        match seen.kind.as_str() {
            verify::charter::ERASED => {
                let listed = verify::charter::fact(seen, "positions").and_then(Value::as_array);
                let ranges = listed.into_iter().flatten().filter_map(range);
                let generation = match verify::charter::fact(seen, "origin") {
                    None => None,
                    Some(named) => match named.as_str().and_then(|named| named.parse::<Origin>().ok()) {
                        Some(origin) if origin.organization == seen.organization => Some(origin.generation),
                        // It is of no log of ours.
                        _ => return,
                    },
                };
                self.erased.extend(ranges.map(|positions| Part { generation, positions }));
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
