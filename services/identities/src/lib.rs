//! The inventory: who acts in an organization's accounts, since when, owned by whom.
//!
//! # Invariants
//! - An identity enters by a [`Sighting`] only: an activity whose actor the provider had authenticated.
//!   Entering twice changes nothing.
//! - A person stays one. What a caller can set itself decides nothing.
//! - An organization has at most [`MOST`] identities. Where more come, those that say the least go: machines that acted
//!   within one day only and longest ago, before all others. Nobody goes that is a person, quarantined or protected, or
//!   that a finding or a credential speaks of. Who goes and acts again enters again, under the same id.
//! - First and last seen are telemetry, to the second: gathered in memory, written behind at most once a
//!   minute per identity, without entries. Everything else that changes stands in the ledger.
//!
//! # One value's way
//! For each activity `pipeline` asks [`Known::touch`], which answers from memory. What is new it hands, as
//! sightings, to [`Identities::discover`] inside the transaction that moves its cursor, commits with
//! [`Discovered::entries`] and then calls [`Discovered::publish`]. A step once a minute calls
//! [`Identities::write_times`].
#![forbid(unsafe_code)]

mod error;
mod known;
mod model;
mod rules;
mod tables;

pub use error::Error;
pub use known::Known;
pub use model::{Filter, Identity, Nature, Sighting, WrongNature};

use base::{Context, Id, Limit, Page, noun};
use known::Times;
use ledger::{Entry, Kind};
use standing::View;
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};
use store::{Committed, Queries, Schema, Store, Tx};

/// How often [`Identities::write_times`] should run.
pub const WRITE_BEHIND: Duration = Duration::from_secs(60);

/// How many identities an organization has at most, as far as they can be evicted.
pub const MOST: usize = 2_000_000;

/// How many are evicted at a time: they are chosen in one pass over all.
const EVICTED: usize = 5_000;

/// Rows per page of loading.
const PAGE: u64 = 10_000;
/// Rows per transaction of writing behind: some 30 ms of the organization's write lock.
const BEHIND: usize = 5_000;

/// The tables, for [`Store::open`].
pub static SCHEMA: Schema = tables::SCHEMA;

/// The handle of the service. Cheap to clone; all clones share one memory.
#[derive(Clone)]
pub struct Identities {
    store: Store,
    standing: View,
    known: Known,
    most: usize,
}

impl Identities {
    /// The service over a store; shows each identity with its standing from `standing`.
    #[must_use]
    pub fn new(store: Store, standing: View) -> Self {
        Self::bounded(store, standing, MOST)
    }

    /// As [`new`](Self::new), with room for `most` identities in each organization.
    #[must_use]
    pub fn bounded(store: Store, standing: View, most: usize) -> Self {
        Self { store, standing, known: Known::default(), most }
    }

    /// What the hot path asks.
    #[must_use]
    pub fn known(&self) -> Known {
        self.known.clone()
    }

    /// Reads the organization's inventory into memory. Before a node listens, and as an organization is
    /// created. A million identities take some seconds.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn load(&self, ctx: &Context) -> Result<(), Error> {
        let organization = ctx.organization();
        self.known.open(organization);
        let read = self.store.read(ctx).await?;
        let mut after = None;
        loop {
            let page = tables::outlines(&read, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.times.identity);
            for one in &page {
                self.known.add(organization, one.nature, one.times);
                if one.protected {
                    self.known.hold(organization, one.times.identity);
                }
            }
        }
        self.known.loaded(organization);
        Ok(())
    }

    /// Enters identities into the inventory as part of the caller's change: those that are not there are
    /// added, and those that a sighting proves to be persons become so. Where there are more than there is room for,
    /// others are evicted. Once per transaction. The caller commits with [`Discovered::entries`] and then publishes.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn discover(&self, tx: &mut Tx, sightings: &[Sighting]) -> Result<Discovered, Error> {
        let organization = tx.context().organization();
        let merged = rules::merge(sightings);
        let there = tables::by_ids(tx, merged.keys().copied()).await?;
        let (mut fresh, mut persons, mut news) = (Vec::new(), Vec::new(), Vec::new());
        for (id, merged) in merged {
            let times = Times { identity: id, first: merged.first, last: merged.last };
            let Some(known) = there.get(&id) else {
                fresh.push(merged);
                news.push((merged.nature, times));
                continue;
            };
            let nature = rules::learn(known.nature, merged.nature);
            if nature == known.nature {
                // Durable already, and memory had missed it.
                self.known.add(organization, nature, times);
            } else {
                persons.push(id);
                news.push((nature, times));
            }
        }
        let evicted = self.make_room(tx, fresh.len(), &there).await?;
        tables::add(tx, &fresh).await?;
        tables::set_nature(tx, &persons, Nature::Person).await?;
        Ok(Discovered { organization, fresh: fresh.len(), news, evicted, known: self.known.clone() })
    }

    /// Takes those out that say the least, where `fresh` more find no room; never those that act just now.
    async fn make_room(
        &self,
        tx: &mut Tx,
        fresh: usize,
        acting: &HashMap<Id<noun::Identity>, Identity>,
    ) -> Result<Vec<Id<noun::Identity>>, Error> {
        let organization = tx.context().organization();
        let over = (self.known.count(organization) + fresh).saturating_sub(self.most);
        if fresh == 0 || over == 0 {
            return Ok(Vec::new());
        }
        let cut: HashSet<_> =
            self.standing.quarantined(organization).into_iter().map(|(identity, _)| identity).collect();
        let stays = |identity| cut.contains(&identity) || acting.contains_key(&identity);
        let least = self.known.least(organization, over.max(EVICTED.min(self.most / 16)), stays);
        tables::remove(tx, &least).await?;
        Ok(least)
    }

    /// One identity.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Damaged`].
    pub async fn get(&self, ctx: &Context, id: Id<noun::Identity>) -> Result<Identity, Error> {
        let read = self.store.read(ctx).await?;
        self.find(&read, ctx, id).await?.ok_or(Error::NotFound(id))
    }

    /// One identity as the transaction sees it, if it is there.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn get_in(&self, tx: &Tx, id: Id<noun::Identity>) -> Result<Option<Identity>, Error> {
        self.find(tx, tx.context(), id).await
    }

    /// Those of these identities that there are, ordered by id: for naming what a list speaks of.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn named(&self, ctx: &Context, ids: &[Id<noun::Identity>]) -> Result<Vec<Identity>, Error> {
        let read = self.store.read(ctx).await?;
        let mut found: Vec<_> = tables::by_ids(&read, ids.iter().copied()).await?.into_values().collect();
        found.sort_unstable_by_key(|identity| identity.id);
        self.complete(&read, ctx, &mut found).await?;
        Ok(found)
    }

    /// A page of identities, ordered by id.
    ///
    /// # Errors
    /// [`Error::BadPage`], [`Error::Store`], [`Error::Damaged`].
    pub async fn list(
        &self,
        ctx: &Context,
        filter: &Filter,
        limit: Limit,
        after: Option<&str>,
    ) -> Result<Page<Identity>, Error> {
        let after = after.map(|text| text.parse().map_err(|_| Error::BadPage)).transpose()?;
        let rows = limit.get() as usize;
        let read = self.store.read(ctx).await?;
        let mut items = self.page(&read, ctx, filter, after, rows + 1).await?;
        let more = items.len() > rows;
        items.truncate(rows);
        self.complete(&read, ctx, &mut items).await?;
        let next = items.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Page { items, next })
    }

    /// The next `rows` identities that the filter lets through. Standing is no column of this service: those
    /// in quarantine are few and asked for by id, those in good standing are what is left of whole pages.
    async fn page(
        &self,
        door: &impl Queries,
        ctx: &Context,
        filter: &Filter,
        mut after: Option<Id<noun::Identity>>,
        rows: usize,
    ) -> Result<Vec<Identity>, Error> {
        let cut = || self.standing.quarantined(ctx.organization()).into_iter().map(|(id, _)| id);
        match filter.quarantined {
            None => tables::list(door, filter, None, after, rows as u64).await,
            Some(true) => tables::list(door, filter, Some(cut().collect()), after, rows as u64).await,
            Some(false) => {
                let cut: HashSet<_> = cut().collect();
                let mut found = Vec::new();
                loop {
                    let page = tables::list(door, filter, None, after, rows as u64).await?;
                    let full = page.len() == rows;
                    after = page.last().map(|last| last.id);
                    found.extend(page.into_iter().filter(|identity| !cut.contains(&identity.id)));
                    if !full || found.len() >= rows {
                        found.truncate(rows);
                        return Ok(found);
                    }
                }
            }
        }
    }

    /// How many identities the organization has; from memory where it is loaded.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count(&self, ctx: &Context) -> Result<u64, Error> {
        if self.known.is_loaded(ctx.organization()) {
            return Ok(self.known.count(ctx.organization()) as u64);
        }
        tables::count(&self.store.read(ctx).await?).await
    }

    /// Puts an identity on the list that is never cut automatically, or takes it off. Returns it as it is
    /// then; where nothing changed, nothing is recorded.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Damaged`].
    pub async fn protect(
        &self,
        ctx: &Context,
        id: Id<noun::Identity>,
        protected: bool,
    ) -> Result<Identity, Error> {
        let mut tx = self.store.write(ctx).await?;
        let mut identity = self.get_in(&tx, id).await?.ok_or(Error::NotFound(id))?;
        if identity.protected != protected {
            tables::set_protected(&mut tx, id, protected).await?;
            let kind = if protected { Kind::IdentityProtected } else { Kind::IdentityUnprotected };
            let _committed = tx.commit(Entry::done(kind, id)).await?;
            if protected {
                self.known.hold(ctx.organization(), id);
            }
            identity.protected = protected;
        }
        Ok(identity)
    }

    /// Writes behind what [`Known::touch`] gathered. A step, once in [`WRITE_BEHIND`] and as a node drains;
    /// returns how many identities were written.
    ///
    /// # Errors
    /// [`Error::Store`]; what was not written waits for the next time.
    pub async fn write_times(&self, ctx: &Context) -> Result<usize, Error> {
        let mut written = 0;
        loop {
            let times = self.known.take_unwritten(ctx.organization(), BEHIND);
            if times.is_empty() {
                return Ok(written);
            }
            if let Err(error) = self.write_some(ctx, &times).await {
                self.known.give_back(ctx.organization(), &times);
                return Err(error);
            }
            written += times.len();
            // What came in meanwhile is for the next time: at most once a minute per identity.
            if times.len() < BEHIND {
                return Ok(written);
            }
        }
    }

    async fn write_some(&self, ctx: &Context, times: &[Times]) -> Result<(), Error> {
        let mut tx = self.store.write(ctx).await?;
        tables::put_times(&mut tx, times).await?;
        Ok(tx.commit_derived().await?)
    }

    async fn find(
        &self,
        door: &impl Queries,
        ctx: &Context,
        id: Id<noun::Identity>,
    ) -> Result<Option<Identity>, Error> {
        let mut found: Vec<_> = tables::by_ids(door, [id]).await?.into_values().collect();
        self.complete(door, ctx, &mut found).await?;
        Ok(found.pop())
    }

    /// Adds what other places know better: times and standing.
    async fn complete(
        &self,
        door: &impl Queries,
        ctx: &Context,
        identities: &mut [Identity],
    ) -> Result<(), Error> {
        let organization = ctx.organization();
        let ids: Vec<_> = identities.iter().map(|identity| identity.id).collect();
        let written = tables::times_of(door, &ids).await?;
        for identity in identities {
            let times = Times { identity: identity.id, first: identity.first_seen, last: identity.last_seen };
            let behind = written.get(&identity.id).copied();
            let memory = self.known.times(organization, identity.id);
            let times = [behind, memory].into_iter().flatten().fold(times, Times::joined);
            (identity.first_seen, identity.last_seen) = (times.first, times.last);
            identity.standing = self.standing.standing(organization, identity.id);
        }
        Ok(())
    }
}

/// What one [`discover`](Identities::discover) changed.
#[derive(Debug)]
#[must_use = "publish it after the commit"]
pub struct Discovered {
    organization: Id<noun::Organization>,
    fresh: usize,
    news: Vec<(Nature, Times)>,
    evicted: Vec<Id<noun::Identity>>,
    known: Known,
}

impl Discovered {
    /// How many identities were added or changed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.news.len()
    }

    /// How many of them are new.
    #[must_use]
    pub const fn fresh(&self) -> usize {
        self.fresh
    }

    /// The ids of what was added or changed, in order.
    pub fn ids(&self) -> impl Iterator<Item = Id<noun::Identity>> {
        self.news.iter().map(|(_, times)| times.identity)
    }

    /// The ledger's entries of the batch: of what was added or changed, its count and the hash over id and nature of
    /// each in order of their ids; of what was evicted for it, its count and the hash over the ids. None where
    /// nothing changed.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if !self.news.is_empty() {
            let hash = model::batch(self.news.iter().map(|(nature, times)| (times.identity, *nature)));
            let entry = Entry::done(Kind::IdentitiesDiscovered, self.organization);
            entries.push(entry.batch(self.count(), hash));
        }
        if !self.evicted.is_empty() {
            let entry = Entry::done(Kind::IdentitiesEvicted, self.organization);
            entries.push(entry.batch(self.evicted.len(), model::gone(&self.evicted)));
        }
        entries
    }

    /// Puts what was committed into memory.
    pub fn publish(self, _committed: &Committed) {
        self.known.evict(self.organization, &self.evicted);
        for (nature, times) in self.news {
            self.known.add(self.organization, nature, times);
        }
    }
}
