//! One search: which bundles may hold what is asked for, by the rows; whether they do, by the entries.

use super::index::{self, BOUND, Bits};
use super::tables::{bundles, row};
use super::{At, Found, Head, MAX_BUNDLES, MAX_BYTES, Query, Results, Search, SearchError, Unread, terms};
use base::{Context, Limit};
use ledger::{Entry, Kind};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};
use std::collections::BTreeMap;
use store::Queries as _;
use verify::tiles::WIDTH;

/// How many rounds of rows one search looks at: [`BOUND`] bundles each.
const ROUNDS: usize = 64;

/// What is still allowed, and what was found.
struct Course<'q> {
    query: &'q Query,
    limit: usize,
    reads: usize,
    rounds: usize,
    bytes: usize,
    found: Vec<Found>,
    unread: Vec<Unread>,
}

/// Searches from the newest entry, or from `after`, down to the oldest.
pub(super) async fn find(
    search: &Search,
    ctx: &Context,
    head: Head,
    query: &Query,
    limit: Limit,
    after: Option<At>,
) -> Result<Results, SearchError> {
    let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
    let mut course = Course {
        query,
        limit,
        reads: MAX_BUNDLES,
        rounds: ROUNDS,
        bytes: 0,
        found: Vec::new(),
        unread: Vec::new(),
    };
    let (covered, _) = index::coverage(search, ctx, head.generation).await?;
    let start = after.map_or(head.generation, |after| after.generation.min(head.generation));
    for generation in (1..=start).rev() {
        let (reach, minimum) = index::coverage(search, ctx, generation).await?;
        let below = match after {
            Some(at) if at.generation == generation => at.position.min(reach),
            _ => reach,
        };
        let is_ended = generation < head.generation;
        if is_ended && after.is_none_or(|at| at.generation != generation) {
            let size = index::ended(search, ctx, generation).await.unwrap_or(None);
            if size.is_none_or(|size| reach < size) {
                course.unread.push(Unread { generation, first: reach, end: size });
            }
        }
        let next = course.descend(search, ctx, generation, reach, minimum..below, is_ended).await?;
        if is_ended {
            let lowest = next.map_or(minimum, |next| next.position);
            course.name_unread(search, ctx, generation, lowest..below).await?;
        }
        if next.is_some() {
            return Ok(course.results(next, covered));
        }
    }
    Ok(course.results(None, covered))
}

impl Course<'_> {
    fn results(self, next: Option<At>, covered: u64) -> Results {
        Results { found: self.found, next, covered, unread: joined(self.unread) }
    }

    /// Names what of these entries of an earlier log was not indexed, for it did not read.
    async fn name_unread(
        &mut self,
        search: &Search,
        ctx: &Context,
        generation: u32,
        entries: std::ops::Range<u64>,
    ) -> Result<(), SearchError> {
        let wide = u64::from(WIDTH);
        let bundles = entries.start / wide..entries.end.div_ceil(wide);
        let marks = index::unread(search, ctx, generation, bundles).await?;
        let all = (marks.len() as u64) < index::MARKS;
        for bundle in marks {
            let (first, end) = (bundle * wide, (bundle + 1) * wide);
            let (first, end) = (first.max(entries.start), end.min(entries.end));
            self.unread.push(Unread { generation, first, end: Some(end) });
        }
        if let (false, Some(last)) = (all, self.unread.last_mut()) {
            last.end = Some(entries.end);
        }
        Ok(())
    }

    /// Goes down one log; where it stops before the end, the place to go on below.
    async fn descend(
        &mut self,
        search: &Search,
        ctx: &Context,
        generation: u32,
        reach: u64,
        range: std::ops::Range<u64>,
        is_ended: bool,
    ) -> Result<Option<At>, SearchError> {
        let wide = u64::from(WIDTH);
        let stop = |position| Ok(Some(At { generation, position }));
        let mut below = range.end;
        let (floor, ceiling) = self.between(search, ctx, generation).await?;
        below = below.min(ceiling.saturating_add(1).saturating_mul(wide));
        let lowest = floor.max(range.start / wide);
        while below > range.start && below > lowest * wide {
            if self.rounds == 0 {
                return stop(below);
            }
            self.rounds -= 1;
            let candidates = self.candidates(search, ctx, generation, lowest, (below - 1) / wide).await?;
            let Some((last, candidates)) = candidates else { return Ok(None) };
            for (bundle, bits) in candidates.into_iter().rev() {
                let first = bundle * wide;
                if !any(&bits, below.saturating_sub(first)) {
                    continue;
                }
                if self.reads == 0 {
                    return stop(below.min(first + wide));
                }
                self.reads -= 1;
                let read = match index::read(search, ctx, generation, bundle, reach).await {
                    Err(SearchError::Damaged { .. } | SearchError::Storage(_)) if is_ended => {
                        let (first, end) = (first.max(range.start), below.min(first + wide));
                        self.unread.push(Unread { generation, first, end: Some(end) });
                        continue;
                    }
                    read => read?,
                };
                for (slot, (bytes, seen)) in read.entries.into_iter().enumerate().rev() {
                    let position = first + slot as u64;
                    let in_range = position < below && position >= range.start && bit(&bits, slot);
                    if !in_range || !terms::fits(self.query, &seen) {
                        continue;
                    }
                    if self.bytes + bytes.len() > MAX_BYTES && !self.found.is_empty() {
                        return stop(position + 1);
                    }
                    self.bytes += bytes.len();
                    self.found.push(Found { at: At { generation, position }, entry: bytes });
                    if self.found.len() == self.limit {
                        return if position > range.start || generation > 1 {
                            stop(position)
                        } else {
                            Ok(None)
                        };
                    }
                }
            }
            below = last * wide;
        }
        Ok(None)
    }

    /// Bundles from `lowest` to `highest` that may hold what is asked for, with the entries that may be it; and the
    /// lowest bundle that was looked at. None where there are no more.
    async fn candidates(
        &self,
        search: &Search,
        ctx: &Context,
        generation: u32,
        lowest: u64,
        highest: u64,
    ) -> Result<Option<(u64, BTreeMap<u64, Bits>)>, SearchError> {
        let (key, range) = (index::number(generation), index::position(lowest)..=index::position(highest));
        let read = search.store.read(ctx).await?;
        let wanted = terms::wanted(self.query);
        let limit = BOUND as u64;
        let Some((first, others)) = wanted.split_first() else {
            let select = of(key, &range).order_by_desc(bundles::Column::Bundle).limit(limit);
            let rows = read.all(self.timely(select)).await?;
            let all = rows.iter().map(|row| (count(row.bundle), Bits::from([0xff; 32])));
            let all: BTreeMap<_, _> = all.collect();
            return Ok(all.keys().next().copied().map(|last| (last, all)));
        };
        let rows = row::Entity::find()
            .filter(row::Column::Generation.eq(key))
            .filter(row::Column::Term.eq(*first))
            .filter(row::Column::Bundle.between(*range.start(), *range.end()))
            .order_by_desc(row::Column::Bundle)
            .limit(limit);
        let mut may: BTreeMap<u64, Bits> =
            read.all(rows).await?.into_iter().map(|row| (count(row.bundle), bits(&row.entries))).collect();
        let Some(last) = may.keys().next().copied() else { return Ok(None) };
        for term in others {
            let rows = row::Entity::find()
                .filter(row::Column::Generation.eq(key))
                .filter(row::Column::Term.eq(*term))
                .filter(row::Column::Bundle.is_in(may.keys().map(|bundle| index::position(*bundle))));
            let rows = read.all(rows).await?;
            let other: BTreeMap<u64, Bits> =
                rows.into_iter().map(|row| (count(row.bundle), bits(&row.entries))).collect();
            may = both(may, &other);
        }
        if self.query.from.is_some() || self.query.until.is_some() {
            let select = bundles::Entity::find()
                .filter(bundles::Column::Generation.eq(key))
                .filter(bundles::Column::Bundle.is_in(may.keys().map(|bundle| index::position(*bundle))));
            let timely = read.all(self.timely(select)).await?;
            let timely: Vec<u64> = timely.iter().map(|row| count(row.bundle)).collect();
            may.retain(|bundle, _| timely.contains(bundle));
        }
        Ok(Some((last, may)))
    }

    /// The lowest and the highest bundle that may hold entries of the time that is asked for.
    async fn between(
        &self,
        search: &Search,
        ctx: &Context,
        generation: u32,
    ) -> Result<(u64, u64), SearchError> {
        if self.query.from.is_none() && self.query.until.is_none() {
            return Ok((0, u64::MAX / u64::from(WIDTH) - 1));
        }
        let all = of(index::number(generation), &(0..=i64::MAX));
        let read = search.store.read(ctx).await?;
        let first = read.one(self.timely(all.clone()).order_by_asc(bundles::Column::Bundle)).await?;
        let last = read.one(self.timely(all).order_by_desc(bundles::Column::Bundle)).await?;
        // None at all: nothing lies between.
        Ok(first.zip(last).map_or((1, 0), |(first, last)| (count(first.bundle), count(last.bundle))))
    }

    /// Of these bundles those that may hold entries of the time that is asked for.
    fn timely(&self, mut select: Select<bundles::Entity>) -> Select<bundles::Entity> {
        if let Some(from) = self.query.from {
            select = select.filter(bundles::Column::Latest.gte(from.micros()));
        }
        if let Some(until) = self.query.until {
            select = select.filter(bundles::Column::Earliest.lt(until.micros()));
        }
        select
    }
}

fn of(generation: i32, range: &std::ops::RangeInclusive<i64>) -> Select<bundles::Entity> {
    bundles::Entity::find()
        .filter(bundles::Column::Generation.eq(generation))
        .filter(bundles::Column::Bundle.between(*range.start(), *range.end()))
}

/// The entry that a search leaves: what was looked for, from where on, and how much of it was given.
pub(super) fn entry(ctx: &Context, query: &Query, after: Option<At>, found: usize) -> Entry {
    let mut entry = Entry::done(Kind::LedgerSearched, ctx.organization()).fact("found", found);
    if let Some(actor) = &query.actor {
        entry = entry.fact("actor", actor.as_str());
    }
    if let Some(identity) = query.identity {
        entry = entry.fact("identity", identity);
    }
    if let Some(object) = &query.object {
        entry = entry.fact("object", object.as_str());
    }
    if let Some(kind) = query.kind {
        entry = entry.fact("kind", kind);
    }
    if let Some(from) = query.from {
        entry = entry.fact("from", from);
    }
    if let Some(until) = query.until {
        entry = entry.fact("until", until);
    }
    match after {
        Some(after) => entry.fact("after", after.to_string()),
        None => entry,
    }
}

/// Newest first, what meets as one.
fn joined(mut unread: Vec<Unread>) -> Vec<Unread> {
    unread.sort_by_key(|unread| (std::cmp::Reverse(unread.generation), unread.first));
    let mut joined: Vec<Unread> = Vec::new();
    for next in unread {
        match joined.last_mut() {
            Some(last)
                if last.generation == next.generation && last.end.is_none_or(|end| next.first <= end) =>
            {
                last.end = last.end.zip(next.end).map(|(one, other)| one.max(other));
            }
            _ => joined.push(next),
        }
    }
    joined
}

fn both(mut one: BTreeMap<u64, Bits>, other: &BTreeMap<u64, Bits>) -> BTreeMap<u64, Bits> {
    one.retain(|bundle, bits| {
        let Some(other) = other.get(bundle) else { return false };
        bits.iter_mut().zip(other).for_each(|(one, other)| *one &= other);
        bits.iter().any(|byte| *byte != 0)
    });
    one
}

fn bits(row: &[u8]) -> Bits {
    let mut bits = Bits::default();
    bits.iter_mut().zip(row).for_each(|(bit, byte)| *bit = *byte);
    bits
}

fn bit(bits: &Bits, slot: usize) -> bool {
    bits.get(slot / 8).is_some_and(|byte| byte & (1 << (slot % 8)) != 0)
}

/// Whether a bit below `end` is set.
fn any(bits: &Bits, end: u64) -> bool {
    let end = usize::try_from(end).unwrap_or(usize::MAX).min(WIDTH.into());
    (0..end).any(|slot| bit(bits, slot))
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
