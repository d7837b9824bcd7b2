//! Versions that the root in place does not open, although protecting under them needs only their public halves.
//!
//! A root that was put back from an older backup, or an older copy of it that is used by mistake, has no record of the
//! datasets that were made since. Their public halves are in the database all the same, so protecting would go on, and
//! nobody would ever open what comes of it. `docs/decisions/0275-known-to-open.md` says how that is kept from happening:
//! - [`Keys::close_lost`], as an organization is opened, asks the root for each dataset in use whether it has a record:
//!   no key but the organization's own is unwrapped, so thousands of datasets cost it nothing.
//! - Before a version's public half is first used in a process, the version is opened once ([`Keys::known_to_open`]).
//!
//! Records that are there and are others show when a key is opened: at that first use, or where somebody asks
//! ([`Keys::lost`]). Either closes what does not open, on record. While the organization's own key does not open, nothing is closed: the
//! whole root is another, and what brings it back, or a ceremony, brings all of it back. Protecting is refused until then.

use crate::{
    Error, Filter, Key, Keys, Purpose, RootError, State, Unit, custody,
    halves::described,
    rules::Act,
    tables::{self, Line, Row},
};
use base::{Context, Id, digest, noun};
use ledger::{Entry, Kind};
use std::{
    collections::{BTreeSet, HashSet},
    sync::{Mutex, PoisonError},
};
use store::{Queries, Tx};

/// Versions read at a time, and versions that are remembered to open: 32 bytes each.
const PAGE: u64 = 256;
const MOST: usize = 65_536;

/// Datasets that one commit closes: it holds the organization's turn to write.
const BATCH: usize = 16;

/// The reason in the entry of a version that was closed because it does not open.
const REASON: &str = "does_not_open";

/// What was opened in this process, as it is wrapped now.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashSet<[u8; 32]>>);

impl Known {
    fn has(&self, name: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn add(&self, name: [u8; 32]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name);
    }
}

impl Keys {
    /// Closes what is in use of the datasets that the root has no record of, and gives the versions. Call it as an
    /// organization is opened. Asks the root once for each dataset, and unwraps the organization's own key: while that does
    /// not open, nothing is closed.
    ///
    /// # Errors
    /// [`Error::Root`], [`Error::Store`]: what was not closed is refused at its first use.
    pub async fn close_lost(&self, ctx: &Context) -> Result<Vec<Id<noun::Key>>, Error> {
        let organization = ctx.organization();
        let read = self.store.read(ctx).await?;
        match tables::newest(&read, &Line::own(Purpose::Organization)).await? {
            // That there is a record says nothing: an act that was not finished may have made one.
            Some(own) if self.opens_in_place(&read, organization, &own).await? => {}
            _ => return Ok(Vec::new()),
        }
        let mut datasets = BTreeSet::new();
        let mut after = None;
        loop {
            let rows = tables::list(&read, &in_use(), after, PAGE).await?;
            for row in &rows {
                datasets.extend(row.dataset()?);
            }
            after = rows.last().map(Row::id).transpose()?;
            if (rows.len() as u64) < PAGE {
                break;
            }
        }
        drop(read);
        let mut lacking = Vec::new();
        for dataset in datasets {
            if !self.root.knows(Unit::Dataset(organization, dataset)).await? {
                lacking.push(dataset);
            }
        }
        let mut closed = Vec::new();
        for datasets in lacking.chunks(BATCH) {
            let mut tx = self.store.write(ctx).await?;
            let mut entries = Vec::new();
            for dataset in datasets {
                // What was shredded is shut already, and says so itself.
                if custody::shredded(&tx, Some(*dataset)).await?.is_some() {
                    continue;
                }
                let filter =
                    Filter { dataset: Some(*dataset), state: Some(State::Active), ..Filter::default() };
                for mut row in tables::list(&tx, &filter, None, u64::MAX >> 1).await? {
                    entries.push(close(&mut tx, &mut row).await?);
                    closed.push(row.id()?);
                }
            }
            if entries.is_empty() {
                continue;
            }
            let raised = self.raise_epoch(&mut tx).await?;
            tx.commit_all(entries).await?;
            raised.publish();
        }
        Ok(closed)
    }

    /// The versions that ought to be in use and do not open under the root in place: those that were closed for it and
    /// that no other version has taken the place of, those in use of datasets, and the organization's own. While its own
    /// key does not open, only that is named: nothing that is sealed to it opens. Opens a version of each dataset and each
    /// that is suspended, some hundred microseconds each, so it is for who asks.
    ///
    /// # Errors
    /// [`Error::Root`], [`Error::Store`].
    pub async fn lost(&self, ctx: &Context) -> Result<Vec<Key>, Error> {
        let (read, organization) = (self.store.read(ctx).await?, ctx.organization());
        let mut lost = Vec::new();
        for purpose in [Purpose::Organization, Purpose::Manifest] {
            if custody::shredded(&read, None).await?.is_some() {
                return Ok(lost);
            }
            if let Some(row) = tables::active(&read, &Line::own(purpose)).await?
                && !self.opens_in_place(&read, organization, &row).await?
            {
                lost.push(self.shown(ctx, &row)?);
            }
        }
        if lost.iter().any(|key| key.purpose == Purpose::Organization) {
            return Ok(lost);
        }
        let mut after = None;
        loop {
            let rows = tables::list(&read, &in_use(), after, PAGE).await?;
            for row in &rows {
                if custody::shredded(&read, row.dataset()?).await?.is_none()
                    && !self.opens_in_place(&read, organization, row).await?
                {
                    lost.push(self.shown(ctx, row)?);
                }
            }
            after = rows.last().map(Row::id).transpose()?;
            if (rows.len() as u64) < PAGE {
                break;
            }
        }
        let (closed, mut after) = (Filter { state: Some(State::Suspended), ..Filter::default() }, None);
        loop {
            let rows = tables::list(&read, &closed, after, PAGE).await?;
            for row in &rows {
                if row.before()? != Some(State::Active)
                    || custody::shredded(&read, row.dataset()?).await?.is_some()
                    || self.opens_in_place(&read, organization, row).await?
                {
                    continue;
                }
                lost.push(self.shown(ctx, row)?);
            }
            after = rows.last().map(Row::id).transpose()?;
            if (rows.len() as u64) < PAGE {
                return Ok(lost);
            }
        }
    }

    /// Why a version that does not open does not: the organization's own key in use does not either, or it does.
    pub(crate) async fn why_lost(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
        row: &Row,
    ) -> Result<Error, Error> {
        // One that is suspended has its way out: another takes its place.
        Ok(match tables::active(door, &Line::own(Purpose::Organization)).await? {
            Some(own) if !self.opens_in_place(door, organization, &own).await? => {
                Error::Locked { key: own.id()? }
            }
            _ => Error::Lost { key: row.id()? },
        })
    }

    /// Whether a version opens under the root in place: from memory, but for its first time in this process.
    pub(crate) async fn known_to_open(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
        row: &Row,
    ) -> Result<bool, Error> {
        let over = match row.purpose()? {
            Purpose::Dataset | Purpose::Field => self.over_of(door, row).await?.private,
            _ => Vec::new(),
        };
        let parts: [&[u8]; 4] = [organization.as_bytes(), &row.id, &row.private, &over];
        let name = digest::of_parts("nexora/known-to-open/1", &parts);
        if self.known.has(&name) {
            return Ok(true);
        }
        let opens = self.opens_in_place(door, organization, row).await?;
        if opens {
            self.known.add(name);
        }
        Ok(opens)
    }

    /// Closes a version in use that turned out not to open. Left as it is where the key that it is sealed to does not
    /// open either.
    pub(crate) async fn close_if_alone(&self, ctx: &Context, key: Id<noun::Key>) -> Result<(), Error> {
        let mut tx = self.store.write(ctx).await?;
        let Some(mut row) = tables::get(&tx, key).await? else { return Ok(()) };
        if row.state()? != State::Active {
            return Ok(());
        }
        let over = self.over_of(&tx, &row).await?;
        match self.open_private(ctx.organization(), &over).await {
            Ok(_) => {}
            Err(Error::Root(RootError::UnknownUnit { .. } | RootError::DoesNotOpen)) => return Ok(()),
            Err(error) => return Err(error),
        }
        let entry = close(&mut tx, &mut row).await?;
        let raised = self.raise_epoch(&mut tx).await?;
        tx.commit(entry).await?;
        raised.publish();
        Ok(())
    }
}

/// The versions of datasets that are in use.
fn in_use() -> Filter {
    Filter { purpose: Some(Purpose::Dataset), state: Some(State::Active), ..Filter::default() }
}

/// Suspends a version that does not open.
async fn close(tx: &mut Tx, row: &mut Row) -> Result<Entry, Error> {
    row.go(Act::Suspend, tx.now())?;
    tables::save(tx, row).await?;
    Ok(described(Entry::done(Kind::KeySuspended, row.id()?), row)?.reason(REASON))
}
