//! How often a key is used, and what refers to it.
//!
//! Uses are written down in blocks before they happen, never one by one: a node takes a block of some thousands
//! from the row and counts it down in memory. A crash wastes the rest of a block, so a count may be too high and
//! never too low, and no key passes its limit.

use crate::{Error, Keys, Referrer, State, breach::gate, rules, tables};
use base::{Context, Id, noun};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use store::Tx;

/// What is left of the blocks that this node took.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<Blocks>);

type Blocks = HashMap<(Id<noun::Organization>, Id<noun::Key>), Block>;

#[derive(Debug, Clone, Copy, Default)]
struct Block {
    left: u64,
    /// At which key epoch the key was seen to be open.
    epoch: i64,
}

/// How a count from memory went.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// It was taken.
    All,
    /// There is enough, but keys were closed since the block was taken: this one may be among them.
    Unsure,
    /// There is not enough.
    Short,
}

impl Uses {
    fn locked(&self) -> MutexGuard<'_, Blocks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, of: (Id<noun::Organization>, Id<noun::Key>), count: u64, epoch: i64) -> Taken {
        let mut blocks = self.locked();
        let Some(block) = blocks.get_mut(&of) else { return Taken::Short };
        let Some(rest) = block.left.checked_sub(count) else { return Taken::Short };
        if block.epoch != epoch {
            return Taken::Unsure;
        }
        block.left = rest;
        Taken::All
    }

    fn give(&self, of: (Id<noun::Organization>, Id<noun::Key>), count: u64, epoch: i64) {
        let mut blocks = self.locked();
        let block = blocks.entry(of).or_default();
        block.left = block.left.saturating_add(count);
        block.epoch = epoch;
    }

    /// What this node has taken of a key's count and not used yet.
    pub(crate) fn left(&self, organization: Id<noun::Organization>, key: Id<noun::Key>) -> u64 {
        self.locked().get(&(organization, key)).map_or(0, |block| block.left)
    }

    fn drain(&self, organization: Id<noun::Organization>) -> Vec<(Id<noun::Key>, u64)> {
        let mut drained = Vec::new();
        self.locked().retain(|(ours, key), block| {
            let stays = *ours != organization;
            if !stays && block.left > 0 {
                drained.push((*key, block.left));
            }
            stays
        });
        drained
    }
}

impl Keys {
    /// Counts uses of a key before they happen: values about to be protected under a field key, mostly, once for
    /// each batch. A key that was closed counts no more, though this node has a block of it. Writes only when this node's block is used up, and then waits for its turn: not to be called
    /// inside a change.
    ///
    /// # Errors
    /// [`Error::UsedUp`] where the key may not be used so often; [`Error::Closed`] where it is not open;
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn count_uses(&self, ctx: &Context, key: Id<noun::Key>, count: u64) -> Result<(), Error> {
        let organization = ctx.organization();
        let (of, epoch) = ((organization, key), self.epochs.last(organization));
        if self.uses.take(of, count, epoch) == Taken::All {
            return Ok(());
        }
        let mut tx = self.store.write(ctx).await?;
        self.opens(&tx, key).await?;
        // Someone else may have taken a block while this one waited for its turn.
        match self.uses.take(of, count, epoch) {
            Taken::All => return Ok(()),
            Taken::Unsure => {
                self.uses.give(of, 0, epoch);
                if self.uses.take(of, count, epoch) == Taken::All {
                    return Ok(());
                }
            }
            Taken::Short => {}
        }
        let mut row = tables::get(&tx, key).await?.ok_or(Error::NotFound { key })?;
        let (purpose, used) = (row.purpose()?, u64::try_from(row.uses).unwrap_or(0));
        let left = rules::max_uses(purpose, &row.algorithm).saturating_sub(used);
        let block = rules::block(purpose, row.rotation()).max(count).min(left);
        if block < count {
            return Err(Error::UsedUp { key });
        }
        add_uses(&mut row, block, tx.now())?;
        tables::save(&mut tx, &row).await?;
        // A counter: it decides nothing, and no entry stands for it.
        tx.commit_derived().await?;
        self.uses.give(of, block - count, epoch);
        Ok(())
    }

    /// How often the root's record that a version is wrapped under has wrapped: at 2^31 it wraps no more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn wraps(&self, ctx: &Context, key: Id<noun::Key>) -> Result<u64, Error> {
        let read = self.store.read(ctx).await?;
        let row = tables::get(&read, key).await?.ok_or(Error::NotFound { key })?;
        tables::wraps_of(&read, row.line()?.unit(ctx.organization())).await
    }

    /// Gives back what this node took of the organization's counts and did not use: as a node stops.
    ///
    /// # Errors
    /// [`Error::Store`]; then the rest counts as used.
    pub async fn settle_uses(&self, ctx: &Context) -> Result<(), Error> {
        let left = self.uses.drain(ctx.organization());
        if left.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.write(ctx).await?;
        for (key, left) in left {
            let Some(mut row) = tables::get(&tx, key).await? else { continue };
            row.uses = row.uses.saturating_sub(i64::try_from(left).unwrap_or(0)).max(0);
            tables::save(&mut tx, &row).await?;
        }
        Ok(tx.commit_derived().await?)
    }

    /// Notes, as part of the change that records an output, that it refers to this version: from then on the
    /// version is not destroyed. Counts as one use of it.
    ///
    /// # Errors
    /// [`Error::Closed`] where the version is no longer open: what was protected under it would never open;
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn refer(&self, tx: &mut Tx, key: Id<noun::Key>, by: Referrer) -> Result<(), Error> {
        let mut row = tables::get(tx, key).await?.ok_or(Error::NotFound { key })?;
        if let Err(shredded @ Error::Shredded { .. }) = gate(tx, row.dataset()?).await {
            return Err(shredded);
        }
        let state = row.state()?;
        if matches!(state, State::Generated | State::Destroyed) {
            return Err(Error::Closed { key, state });
        }
        let (kind, referrer) = by.parts();
        tables::refer(tx, key, kind, referrer).await?;
        add_uses(&mut row, 1, tx.now())?;
        tables::save(tx, &row).await
    }

    /// Takes a reference away, as part of the change that ends it. Does nothing where there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn unrefer(&self, tx: &mut Tx, key: Id<noun::Key>, by: Referrer) -> Result<(), Error> {
        let (kind, referrer) = by.parts();
        tables::unrefer(tx, key, kind, referrer).await
    }
}

/// Adds to a row's count; a key that rotates by use is due once its uses are up.
pub(crate) fn add_uses(row: &mut tables::Row, count: u64, now: base::Timestamp) -> Result<(), Error> {
    row.uses = row.uses.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
    if row.state()? == State::Active {
        row.schedule(now);
    }
    Ok(())
}
