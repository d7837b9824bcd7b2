//! Expiry: a prefix of the log that is older than the organization keeps is pruned, as tlog-tiles describes it.
//!
//! # The order
//! 1. The entry `ledger.pruned` is committed, with the row that remembers it. It names the first index that is kept, a
//!    multiple of 256, and says again what the log said of itself in entries that go.
//! 2. It is published, like every entry: from here on the log says that the prefix may be gone.
//! 3. The files whose span ends there go, entries before the hashes over them; then the details of those entries. What
//!    the search index has of them, it drops by itself.
//!
//! A hold that is placed meanwhile stops it wherever it is: it is looked for before each group of files, and in each
//! transaction. What is on record stays undone until the hold is lifted.
//!
//! A crash between any two steps loses nothing: the next step finds the row, and does what is left. What was pruned
//! stays pruned, whatever is set later. The tile that holds the newest entry stays always.

use super::{Pruned, not_held, tables};
use crate::{Audit, Error, StorageError, erasing::UNFINISHED, log_name, tables as log_tables, witness};
use base::{Context, Timestamp};
use ledger::charter;
use std::time::Duration;
use store::{Erased, Generation, Queries};
use verify::{Charter, Origin, Stack, TilePath, VerifierKey, tiles};

const DAY: Duration = Duration::from_secs(86_400);
const WIDTH: u64 = tiles::WIDTH as u64;
/// Bundles that one step looks at: a million entries. The next step goes on.
const LOOK: u64 = 4_096;
/// Files that are removed before it is asked again whether a hold stands.
const REMOVE: usize = 64;
/// Details that are removed in one transaction.
const DETAILS: u64 = 4_096;

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// The minimum that it has put on record.
    pub pruned: Option<u64>,
    /// How many files it has removed.
    pub removed: usize,
    /// The details of how many entries of earlier logs it has erased.
    pub erased: u64,
    /// Whether publication must go on before there is anything to do.
    pub waits: bool,
}

impl Expired {
    const WAITS: Self = Self { pruned: None, removed: 0, erased: 0, waits: true };
}

impl Audit {
    /// Takes the next step of what has expired: puts a new minimum on record, or removes what lies below one that is
    /// published. Call it now and then, and again while it has done something.
    ///
    /// # Errors
    /// What the store or the storage meets. Nothing is left half done that the next call does not finish.
    pub async fn expire_step(&self, ctx: &Context) -> Result<Expired, Error> {
        let log = self.log(ctx.organization());
        // What this process has not opened, it does not prune.
        let Some((head, _)) = self.published(ctx.organization()) else { return Ok(Expired::WAITS) };
        let read = self.shared.options.store.read(ctx).await?;
        let generation = read.generation().await?;
        let pruned = tables::pruned(&read, generation.number).await?;
        let kept = tables::kept(&read).await?.unwrap_or(super::Kept::DEFAULT);
        let holds = tables::holds(&read).await?;
        drop(read);
        if log.seen().generation != generation.number {
            return Ok(Expired::default());
        }
        // Above the removal: what is on record and not carried out is held as well.
        if !holds.is_empty() {
            return Ok(Expired::default());
        }
        if let Some(Pruned { minimum, entry }) = pruned {
            if head.size <= entry {
                // It must be published first.
                return Ok(Expired::WAITS);
            }
            if log.seen().expired != minimum {
                let (removed, whole) = self.remove(ctx, generation, minimum).await?;
                if whole {
                    log.seen().expired = minimum;
                }
                if removed > 0 || !whole {
                    return Ok(Expired { removed, ..Expired::default() });
                }
            }
        }
        let before = pruned.map_or(0, |pruned| pruned.minimum);
        let now = self.shared.options.clock.now();
        let horizon = now.minus(DAY * kept.now(now));
        let minimum = self.expired(ctx, generation, before, head.size, horizon).await?;
        if minimum <= before {
            let erased = self.expire_ended(ctx, generation, horizon).await?;
            return Ok(Expired { erased, ..Expired::default() });
        }
        self.record(ctx, generation, minimum).await?;
        Ok(Expired { pruned: Some(minimum), ..Expired::default() })
    }

    /// How far every entry is older than `horizon`: up to a multiple of 256, and not the tile of the newest entry.
    async fn expired(
        &self,
        ctx: &Context,
        generation: Generation,
        from: u64,
        size: u64,
        horizon: Timestamp,
    ) -> Result<u64, Error> {
        let (storage, name) = (self.storage(), log_name(ctx.organization(), generation.number));
        let until = size.saturating_sub(1) / WIDTH;
        let first = from / WIDTH;
        crate::blocking(move || {
            let mut minimum = from;
            for index in first..until.min(first.saturating_add(LOOK)) {
                let Some(path) = TilePath::new(Stack::Entries, index, tiles::WIDTH) else { break };
                let bytes = storage.read(&name, &path.to_string(), path.max_bytes())?;
                // What does not read is not pruned: `verify` will name it.
                let Some(bytes) = bytes else { break };
                let Ok(entries) = tiles::entries(&bytes) else { break };
                let old = |entry: &&[u8]| verify::entry::read(entry).is_ok_and(|seen| seen.time < horizon);
                if entries.len() as u64 != WIDTH || !entries.iter().all(old) {
                    break;
                }
                minimum = (index + 1) * WIDTH;
            }
            Ok::<_, Error>(minimum)
        })
        .await?
    }

    /// Puts a new minimum on record, saying what the log has said of itself up to here: read in the transaction that
    /// commits it, so that nothing comes between.
    async fn record(&self, ctx: &Context, generation: Generation, minimum: u64) -> Result<(), Error> {
        let mut tx = self.shared.options.store.write(ctx).await?;
        not_held(&tx).await?;
        if tx.generation().await? != generation {
            return Ok(());
        }
        let origin = Origin { organization: ctx.organization(), generation: generation.number };
        let mut said = Charter::new(origin);
        let chain = log_tables::chain(&tx, generation.number).await?;
        let keys = match chain {
            Some(chain) => chain.at(u64::MAX).clone(),
            // As long as no key was renewed, those of entry 0 sign. That entry goes.
            None => {
                let first = self.first_keys(origin).await?;
                log_tables::add_keys(&mut tx, generation.number, 0, &first).await?;
                first
            }
        };
        said.keys = keys.to_vec();
        said.policy = witness::policies::find(&tx, &origin.to_string()).await?.map(|(policy, _)| policy);
        let entry = witness::next_in_log(&tx).await?;
        tables::set_pruned(&mut tx, generation.number, Pruned { minimum, entry }).await?;
        tx.commit(charter::pruned(&said, minimum)).await?;
        Ok(())
    }

    /// The keys that entry 0 names.
    async fn first_keys(&self, origin: Origin) -> Result<[VerifierKey; 2], Error> {
        let (storage, name) = (self.storage(), log_name(origin.organization, origin.generation));
        let first = crate::blocking(move || first_bundle(&*storage, &name)).await??;
        let entries = tiles::entries(&first).map_err(|_| Error::WrongKeys)?;
        let seen = entries.first().and_then(|entry| verify::entry::read(entry).ok());
        let facts = seen.and_then(|seen| verify::charter::started_facts(&seen).ok());
        facts.and_then(|(_, keys)| keys.try_into().ok()).ok_or(Error::WrongKeys)
    }

    /// Removes the files below a published minimum, entries before the hashes over them, and then the details of their
    /// entries. How many files, and whether nothing is left to do: a hold stops it.
    async fn remove(
        &self,
        ctx: &Context,
        generation: Generation,
        minimum: u64,
    ) -> Result<(usize, bool), Error> {
        let organization = ctx.organization();
        let (store, name) = (&self.shared.options.store, log_name(organization, generation.number));
        let (storage, log) = (self.storage(), name.clone());
        let paths = crate::blocking(move || prunable(&*storage, &log, minimum)).await??;
        let mut removed = 0;
        for some in paths.chunks(REMOVE) {
            if is_held(&store.read(ctx).await?).await? {
                return Ok((removed, false));
            }
            let (storage, log, some) = (self.storage(), name.clone(), some.to_vec());
            removed += some.len();
            crate::blocking(move || storage.remove(&log, &some)).await??;
        }
        let below = generation.base.saturating_add(minimum);
        let (mut from, mut erased, mut held) = (generation.base, Erased::default(), false);
        while from < below {
            let to = below.min(from.saturating_add(DETAILS));
            let mut tx = store.write(ctx).await?;
            held = is_held(&tx).await?;
            if held {
                break;
            }
            if tx.prune_details(from, to, &mut erased).await? > 0 {
                tx.set_cursor(UNFINISHED, 1).await?;
                tx.commit_derived().await?;
            }
            from = to;
        }
        if !erased.positions().is_empty() && !self.finish(ctx, &erased).await? {
            tracing::debug!(%organization, "somebody reads an older state: pruned details go in a moment");
        }
        tracing::info!(%organization, minimum, files = removed, held, "entries that have expired were pruned");
        Ok((removed, !held))
    }
}

async fn is_held(door: &impl Queries) -> Result<bool, Error> {
    Ok(!tables::holds(door).await?.is_empty())
}

fn first_bundle(storage: &dyn crate::Storage, log: &str) -> Result<Vec<u8>, StorageError> {
    // What is pruned is full.
    let Some(path) = TilePath::new(Stack::Entries, 0, tiles::WIDTH) else { return Ok(Vec::new()) };
    Ok(storage.read(log, &path.to_string(), path.max_bytes())?.unwrap_or_default())
}

/// The files below a minimum, entries before the hashes over them.
fn prunable(storage: &dyn crate::Storage, log: &str, minimum: u64) -> Result<Vec<String>, StorageError> {
    let mut gone: Vec<(bool, TilePath)> = Vec::new();
    for path in storage.list(log, "")? {
        if let Ok(tile) = path.parse::<TilePath>()
            && tile.is_prunable(minimum)
        {
            gone.push((tile.stack() != Stack::Entries, tile));
        }
    }
    gone.sort();
    Ok(gone.into_iter().map(|(_, tile)| tile.to_string()).collect())
}
