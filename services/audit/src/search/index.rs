//! Keeping the index: what was published goes in, what was pruned goes out.

use super::tables::{bundles, indexed, row};
use super::{Head, Search, SearchError, terms};
use crate::{Storage, StorageError};
use base::{Context, Id, noun};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, sea_query::OnConflict,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use store::{Queries as _, Tx};
use verify::tiles::{self, WIDTH};
use verify::{Checkpoint, Stack, TilePath, entry::Seen, merkle, note};

/// Bundles that one step drops.
const DROPPED: u64 = 16;

/// Bundles that did not read that one page names, at most.
pub(super) const MARKS: u64 = 4_096;

/// Values that one statement binds in a list.
pub(super) const BOUND: usize = 256;

/// The most bytes of a checkpoint that is read.
const MAX_CHECKPOINT: usize = 64 << 10;

/// One bit for each entry of a bundle.
pub(super) type Bits = [u8; 32];

/// Whose turn it is, and what is known of logs that grow no more.
#[derive(Default)]
pub(super) struct Turns {
    turns: Mutex<HashMap<Id<noun::Organization>, Arc<tokio::sync::Mutex<()>>>>,
    /// The sizes of logs that another one has followed.
    ended: Mutex<HashMap<String, u64>>,
}

impl Turns {
    pub(super) fn of(&self, organization: Id<noun::Organization>) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(organization).or_default())
    }
}

/// A bundle as it was read.
pub(super) struct Bundle {
    /// The entries, each with what it says.
    pub(super) entries: Vec<(Vec<u8>, Seen)>,
}

/// Does one piece of work; whether more is waiting.
pub(super) async fn step(search: &Search, ctx: &Context, head: Head) -> Result<bool, SearchError> {
    if advance(search, ctx, head.generation, head.published, head.minimum, false).await? {
        return Ok(true);
    }
    for generation in (1..head.generation).rev() {
        match earlier(search, ctx, generation).await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error @ (SearchError::Store(_) | SearchError::Interrupted)) => return Err(error),
            // Its files do not answer now. That stops no other log; a search says how far it came.
            Err(error) => tracing::debug!(generation, %error, "an earlier log is not indexed on"),
        }
    }
    Ok(false)
}

/// Does one piece of work on a log that another one has followed; whether more is waiting.
async fn earlier(search: &Search, ctx: &Context, generation: u32) -> Result<bool, SearchError> {
    match ended(search, ctx, generation).await? {
        Some(size) => advance(search, ctx, generation, size, 0, true).await,
        // A log without a checkpoint that reads is why another one was begun: what is known of it stays.
        None => Ok(false),
    }
}

/// How many entries of a log are indexed, and from which on.
pub(super) async fn coverage(
    search: &Search,
    ctx: &Context,
    generation: u32,
) -> Result<(u64, u64), SearchError> {
    let wanted = indexed::Entity::find().filter(indexed::Column::Generation.eq(number(generation)));
    let row = search.store.read(ctx).await?.one(wanted).await?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(row.map_or((0, 0), |row| (count(row.entries), count(row.minimum))))
}

async fn advance(
    search: &Search,
    ctx: &Context,
    generation: u32,
    published: u64,
    minimum: u64,
    is_ended: bool,
) -> Result<bool, SearchError> {
    let (done, dropped) = coverage(search, ctx, generation).await?;
    if done > published {
        // The files are older than the rows: they were restored. What they say holds.
        tracing::info!(generation, done, published, "the ledger's index is made anew");
        forget(search, ctx, generation).await?;
        return Ok(true);
    }
    if minimum > dropped {
        drop_pruned(search, ctx, generation, done, (dropped, minimum)).await?;
        return Ok(true);
    }
    let from = done.max(minimum);
    if from >= published {
        return Ok(false);
    }
    let index = from / u64::from(WIDTH);
    let bundle = match read(search, ctx, generation, index, published).await {
        // Damage may be why the log was ended, and nobody repairs what was pruned: it goes on with the next bundle.
        Err(SearchError::Damaged { .. }) if is_ended => {
            let reach = published.min((index + 1) * u64::from(WIDTH));
            let mut tx = search.store.write(ctx).await?;
            mark_unread(&mut tx, generation, index).await?;
            cover(&mut tx, generation, reach, dropped).await?;
            tx.commit_derived().await?;
            return Ok(reach < published);
        }
        read => read?,
    };
    let new = usize::try_from(from % u64::from(WIDTH)).unwrap_or(0);
    let reach = index * u64::from(WIDTH) + bundle.entries.len() as u64;
    let mut tx = search.store.write(ctx).await?;
    write(&mut tx, generation, index, &bundle, new).await?;
    cover(&mut tx, generation, reach, dropped).await?;
    tx.commit_derived().await?;
    Ok(reach < published)
}

/// Writes the rows of a bundle: of the terms that its entries from `new` on have, and of the bundle itself.
async fn write(
    tx: &mut Tx,
    generation: u32,
    index: u64,
    bundle: &Bundle,
    new: usize,
) -> Result<(), store::Error> {
    let mut bits: BTreeMap<terms::Term, (Bits, bool)> = BTreeMap::new();
    for (slot, (_, seen)) in bundle.entries.iter().enumerate() {
        for term in terms::of(seen) {
            let (bits, fresh) = bits.entry(term).or_default();
            if let Some(byte) = bits.get_mut(slot / 8) {
                *byte |= 1 << (slot % 8);
            }
            *fresh |= slot >= new;
        }
    }
    let (generation, index) = (number(generation), position(index));
    let owner = tx.owner();
    let rows = bits.iter().filter(|(_, (_, fresh))| *fresh).map(|(term, (bits, _))| row::ActiveModel {
        organization: Set(owner.clone()),
        generation: Set(generation),
        term: Set(*term),
        bundle: Set(index),
        entries: Set(shortened(bits)),
    });
    let key = [row::Column::Organization, row::Column::Generation, row::Column::Term, row::Column::Bundle];
    let conflict = OnConflict::columns(key).update_column(row::Column::Entries).to_owned();
    let rows: Vec<_> = rows.collect();
    tx.insert_all(rows, conflict).await?;
    let times = || bundle.entries.iter().map(|(_, seen)| seen.time.micros());
    let row = bundles::ActiveModel {
        organization: Set(owner),
        generation: Set(generation),
        bundle: Set(index),
        earliest: Set(times().min().unwrap_or(0)),
        latest: Set(times().max().unwrap_or(0)),
        terms: Set(bits.keys().flat_map(|term| term.to_be_bytes()).collect()),
    };
    let key = [bundles::Column::Organization, bundles::Column::Generation, bundles::Column::Bundle];
    let changed = [bundles::Column::Earliest, bundles::Column::Latest, bundles::Column::Terms];
    tx.insert_all(vec![row], OnConflict::columns(key).update_columns(changed).to_owned()).await?;
    Ok(())
}

/// Writes down that a bundle of an earlier log does not read.
async fn mark_unread(tx: &mut Tx, generation: u32, index: u64) -> Result<(), store::Error> {
    let mark = row::ActiveModel {
        organization: Set(tx.owner()),
        generation: Set(number(generation)),
        term: Set(terms::unread()),
        bundle: Set(position(index)),
        entries: Set(Vec::new()),
    };
    let key = [row::Column::Organization, row::Column::Generation, row::Column::Term, row::Column::Bundle];
    let conflict = OnConflict::columns(key).update_column(row::Column::Entries).to_owned();
    tx.insert_all(vec![mark], conflict).await?;
    Ok(())
}

/// Of these bundles of an earlier log those that did not read when it was indexed, ascending.
pub(super) async fn unread(
    search: &Search,
    ctx: &Context,
    generation: u32,
    bundles: std::ops::Range<u64>,
) -> Result<Vec<u64>, SearchError> {
    let marks = row::Entity::find()
        .filter(row::Column::Generation.eq(number(generation)))
        .filter(row::Column::Term.eq(terms::unread()))
        .filter(row::Column::Bundle.gte(position(bundles.start)))
        .filter(row::Column::Bundle.lt(position(bundles.end)))
        .order_by_asc(row::Column::Bundle)
        .limit(MARKS);
    let marks = search.store.read(ctx).await?.all(marks).await?;
    Ok(marks.into_iter().map(|mark| u64::try_from(mark.bundle).unwrap_or(0)).collect())
}

async fn cover(tx: &mut Tx, generation: u32, entries: u64, minimum: u64) -> Result<(), store::Error> {
    let row = indexed::ActiveModel {
        organization: Set(tx.owner()),
        generation: Set(number(generation)),
        entries: Set(position(entries)),
        minimum: Set(position(minimum)),
    };
    let key = [indexed::Column::Organization, indexed::Column::Generation];
    let changed = [indexed::Column::Entries, indexed::Column::Minimum];
    tx.insert_all(vec![row], OnConflict::columns(key).update_columns(changed).to_owned()).await?;
    Ok(())
}

/// Drops everything that is known of a log.
async fn forget(search: &Search, ctx: &Context, generation: u32) -> Result<(), store::Error> {
    let mut tx = search.store.write(ctx).await?;
    let generation = number(generation);
    tx.delete(row::Entity::delete_many().filter(row::Column::Generation.eq(generation))).await?;
    tx.delete(bundles::Entity::delete_many().filter(bundles::Column::Generation.eq(generation))).await?;
    tx.delete(indexed::Entity::delete_many().filter(indexed::Column::Generation.eq(generation))).await?;
    tx.commit_derived().await
}

/// Drops the rows of a few bundles that were pruned.
async fn drop_pruned(
    search: &Search,
    ctx: &Context,
    generation: u32,
    done: u64,
    (from, to): (u64, u64),
) -> Result<(), store::Error> {
    let wide = u64::from(WIDTH);
    let (first, end) = (from / wide, (from / wide + DROPPED).min(to / wide));
    let (key, range) = (number(generation), position(first)..position(end));
    let mut tx = search.store.write(ctx).await?;
    let gone = bundles::Entity::find()
        .filter(bundles::Column::Generation.eq(key))
        .filter(bundles::Column::Bundle.gte(range.start))
        .filter(bundles::Column::Bundle.lt(range.end));
    for bundle in tx.all(gone).await? {
        let (terms, _) = bundle.terms.as_chunks::<8>();
        for some in terms.chunks(BOUND) {
            let rows = row::Entity::delete_many()
                .filter(row::Column::Generation.eq(key))
                .filter(row::Column::Term.is_in(some.iter().map(|term| i64::from_be_bytes(*term))))
                .filter(row::Column::Bundle.eq(bundle.bundle));
            tx.delete(rows).await?;
        }
        let row = bundles::Entity::delete_many()
            .filter(bundles::Column::Generation.eq(key))
            .filter(bundles::Column::Bundle.eq(bundle.bundle));
        tx.delete(row).await?;
    }
    let reached = if end == to / wide { to } else { end * wide };
    cover(&mut tx, generation, done.max(reached), reached).await?;
    tx.commit_derived().await
}

/// The entries of a bundle, of a log of which `size` entries are published: no more of it, and only as the hashes beside
/// it have them. Whoever changed both is found by `verify`.
pub(super) async fn read(
    search: &Search,
    ctx: &Context,
    generation: u32,
    index: u64,
    size: u64,
) -> Result<Bundle, SearchError> {
    let (storage, log) = (Arc::clone(&search.storage), search.log(ctx, generation));
    let organization = ctx.organization();
    let work = move || {
        let damaged = |path: Option<TilePath>| SearchError::Damaged {
            log: log.clone(),
            path: path.map(|path| path.to_string()).unwrap_or_default(),
        };
        let path = TilePath::at(Stack::Entries, index, size).ok_or_else(|| damaged(None))?;
        let bytes = whole(&*storage, &log, Some(path))?.ok_or_else(|| damaged(Some(path)))?;
        let found = tiles::entries(&bytes).map_err(|_| damaged(Some(path)))?;
        let found = found.get(..path.width().into()).ok_or_else(|| damaged(Some(path)))?;
        let leaves = whole(&*storage, &log, TilePath::at(Stack::Level(0), index, size))?;
        let leaves = leaves.as_deref().and_then(tiles::hashes).unwrap_or_default();
        let fits = |leaves: &[merkle::Hash]| {
            found.iter().map(|entry| merkle::leaf(entry)).eq(leaves.iter().copied())
        };
        if !leaves.get(..found.len()).is_some_and(fits) {
            return Err(damaged(Some(path)));
        }
        let first = index * u64::from(WIDTH);
        let entries = (first..).zip(found).map(|(position, bytes)| {
            let seen = verify::entry::read(bytes).ok();
            let seen = seen.filter(|seen| seen.position == position && seen.organization == organization);
            Ok((bytes.to_vec(), seen.ok_or_else(|| damaged(Some(path)))?))
        });
        Ok(Bundle { entries: entries.collect::<Result<_, SearchError>>()? })
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| SearchError::Interrupted)?
}

/// A file, or the full one that has taken its place: a partial one goes once that stands.
fn whole(storage: &dyn Storage, log: &str, path: Option<TilePath>) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(path) = path else { return Ok(None) };
    let fetch = |path: TilePath| storage.read(log, &path.to_string(), path.max_bytes());
    match (fetch(path)?, path.with_width(WIDTH)) {
        (None, Some(full)) => fetch(full),
        (found, _) => Ok(found),
    }
}

/// How many entries a log has that another one has followed: what its last checkpoint says, if it says anything.
pub(super) async fn ended(
    search: &Search,
    ctx: &Context,
    generation: u32,
) -> Result<Option<u64>, SearchError> {
    let log = search.log(ctx, generation);
    let known = |turns: &Turns| turns.ended.lock().unwrap_or_else(PoisonError::into_inner).get(&log).copied();
    if let Some(size) = known(&search.turns) {
        return Ok(Some(size));
    }
    let (storage, name) = (Arc::clone(&search.storage), log.clone());
    let read = move || storage.read(&name, verify::checkpoint::FILE, MAX_CHECKPOINT);
    let bytes = tokio::task::spawn_blocking(read).await.map_err(|_| SearchError::Interrupted)??;
    let Some(checkpoint) = bytes.and_then(|bytes| Checkpoint::read(note::read(&bytes).ok()?.text)) else {
        return Ok(None);
    };
    search.turns.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(log, checkpoint.size);
    Ok(Some(checkpoint.size))
}

/// Bytes of zeros at the end are left out.
fn shortened(bits: &Bits) -> Vec<u8> {
    let end = bits.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bits.get(..end).unwrap_or_default().to_vec()
}

/// A generation, as rows carry it.
pub(super) fn number(generation: u32) -> i32 {
    i32::try_from(generation).unwrap_or(i32::MAX)
}

/// A position or a bundle, as rows carry it.
pub(super) fn position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
