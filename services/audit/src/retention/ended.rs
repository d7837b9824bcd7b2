//! Expiry of what logs that have ended leave in the database: the details of their entries go one by one, by the
//! entry's age, each with a tombstone in the log in use. Their files and entries stay: nothing personal is in them, and
//! nobody signs for them any more.

use super::not_held;
use crate::{
    Audit, Error,
    erasing::{Part, Span, spans},
    log_name,
};
use base::{Context, Timestamp};
use store::{Generation, Queries};
use verify::{Stack, TilePath, tiles};

/// Up to where the outbox has no details of ended logs any more that have expired.
const ENDED: &str = "audit.ended";
/// Details that one step looks at.
const LOOK: u64 = 1_024;
const WIDTH: u64 = tiles::WIDTH as u64;

impl Audit {
    /// Erases details of ended logs whose entries are older than `horizon`: how many. The next step goes on.
    pub(super) async fn expire_ended(
        &self,
        ctx: &Context,
        generation: Generation,
        horizon: Timestamp,
    ) -> Result<u64, Error> {
        let Some(last) = generation.base.checked_sub(1) else { return Ok(0) };
        let store = &self.shared.options.store;
        let read = store.read(ctx).await?;
        let from = u64::try_from(read.cursor(ENDED).await?).unwrap_or(0);
        let there = read.details_within(from, last, LOOK).await?;
        if there.is_empty() {
            return Ok(0);
        }
        let spans = spans(&read, 1).await?;
        let (mut old, mut upto, mut bundle) = (Vec::new(), from, Bundle::default());
        for at in there {
            let Some(span) = spans.iter().find(|span| span.holds(at)) else { break };
            // Times do not go back: the first one that is kept ends it.
            if self.time(ctx, &read, span, at, &mut bundle).await?.is_none_or(|time| time >= horizon) {
                break;
            }
            let position = at.saturating_sub(span.base);
            old.push(Part { generation: Some(span.number), positions: position..=position });
            upto = at.saturating_add(1);
        }
        drop(read);
        if old.is_empty() {
            return Ok(0);
        }
        let mut tx = store.write(ctx).await?;
        not_held(&tx).await?;
        if tx.generation().await? != generation {
            return Ok(0);
        }
        tx.set_cursor(ENDED, i64::try_from(upto).unwrap_or(i64::MAX)).await?;
        match self.commit_erasure(ctx, tx, &old, None).await {
            Ok(done) => Ok(done.erased),
            // Somebody was faster.
            Err(Error::NoDetails) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// When the entry at a position of the outbox was committed: as its row says, or the log's files. Where neither
    /// reads, when the last entry of its log was: it is no younger than that.
    async fn time(
        &self,
        ctx: &Context,
        read: &impl Queries,
        span: &Span,
        at: u64,
        bundle: &mut Bundle,
    ) -> Result<Option<Timestamp>, Error> {
        if let Some(time) = row(read, at).await? {
            return Ok(Some(time));
        }
        let position = at.saturating_sub(span.base);
        let key = Some((span.number, position / WIDTH));
        if bundle.key != key {
            let (storage, name) = (self.storage(), log_name(ctx.organization(), span.number));
            let times = crate::blocking(move || times(&*storage, &name, position)).await??;
            *bundle = Bundle { key, times };
        }
        match bundle.times.iter().find(|(at, _)| *at == position) {
            Some((_, time)) => Ok(Some(*time)),
            None => row(read, span.end.saturating_sub(1)).await,
        }
    }
}

/// The times of the entries in one bundle of one log, by position.
#[derive(Default)]
struct Bundle {
    key: Option<(u32, u64)>,
    times: Vec<(u64, Timestamp)>,
}

/// When the entry at a position of the outbox was committed, if its row is there.
async fn row(read: &impl Queries, at: u64) -> Result<Option<Timestamp>, Error> {
    let row = read.entries(at, 1).await?.pop().filter(|(found, _)| *found == at);
    Ok(row.and_then(|(_, entry)| verify::entry::read(&entry).ok()).map(|seen| seen.time))
}

/// The positions and times of the entries in the bundle that holds a position, as far as they read.
fn times(storage: &dyn crate::Storage, log: &str, position: u64) -> Result<Vec<(u64, Timestamp)>, Error> {
    let size = crate::publish::claimed_size(storage, log);
    let path = TilePath::holding(Stack::Entries, position, size).filter(|_| position < size);
    let Some(path) = path else { return Ok(Vec::new()) };
    let bytes = storage.read(log, &path.to_string(), path.max_bytes())?.unwrap_or_default();
    let entries = tiles::entries(&bytes).unwrap_or_default();
    let read = |entry: &&[u8]| verify::entry::read(entry).ok().map(|seen| (seen.position, seen.time));
    Ok(entries.iter().filter_map(read).collect())
}
