//! Findings: recorded with their evidence, folded, and read in commit order.
//!
//! The engine ([`detect`]) says what it holds against an identity; this service keeps it. It decides nothing
//! about the identity: `respond` follows the findings by [`Findings::since`] and does.
//!
//! # Invariants
//! - A finding is recorded in the transaction that moves the pipeline's cursor, so a replay after a crash
//!   neither loses nor doubles one.
//! - A repeated hit folds into the finding of its hour: the count grows, the first twenty events stay, and
//!   the finding moves to the end of the topic, so that every follower sees the change.
//! - Severity never falls, and a trigger that may tip a quarantine is not replaced by one that may not.
//!
//! # One value's way
//! `pipeline` opens a `Tx`, moves its cursor, hands [`Findings::record`] what the batch's judgement gave, and
//! commits with [`Recorded::entry`]. The topic's doorbell rings; `respond`'s step reads [`Findings::since`] its
//! own cursor.
#![forbid(unsafe_code)]

mod error;
mod model;
mod rules;
mod tables;

pub use error::Error;
pub use model::{Filter, OnRecord, Recorded};

use base::{Context, Id, Limit, Page, noun};
use detect::Finding;
use store::{Queries, Schema, Store, Tx};

/// The topic that recorded findings move.
pub const TOPIC: &str = "findings";

/// The tables, for [`Store::open`].
pub static SCHEMA: Schema = tables::SCHEMA;

/// The handle of the service.
#[derive(Clone)]
pub struct Findings {
    store: Store,
}

impl Findings {
    /// The service over a store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Records what one batch's judgement gave, as part of the caller's change: new findings are added, later
    /// hits fold into what is there. The caller commits with [`Recorded::entry`].
    ///
    /// Costs two reads and two writes per sixty-four different findings, however many hits they have.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn record(&self, tx: &mut Tx, findings: Vec<Finding>) -> Result<Recorded, Error> {
        let folded = rules::fold(findings);
        let mut known = tables::by_ids(tx, folded.keys().copied()).await?;
        let kept = tables::evidence_counts(tx, known.keys().copied()).await?;
        let mut recorded = Recorded::none(tx.context().organization());
        let mut changed = Vec::with_capacity(folded.len());
        for (id, finding) in folded {
            let kept = kept.get(&id).copied().unwrap_or(0);
            let (finding, recorded_at) = match known.remove(&id) {
                Some(earlier) => (rules::later(earlier.finding, finding, kept), Some(earlier.recorded_at)),
                None => (finding, None),
            };
            recorded.add(&finding, recorded_at.is_none());
            let recorded_at = recorded_at.unwrap_or_else(|| tx.now());
            let position = tx.next_position(TOPIC).await?;
            changed.push((OnRecord { finding, position, recorded_at }, kept));
        }
        tables::put(tx, &changed).await?;
        tables::add_evidence(tx, &changed).await?;
        Ok(recorded)
    }

    /// One finding, with its evidence.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Damaged`].
    pub async fn get(&self, ctx: &Context, id: Id<noun::Finding>) -> Result<OnRecord, Error> {
        let read = self.store.read(ctx).await?;
        let mut found = tables::by_ids(&read, [id]).await?.remove(&id).ok_or(Error::NotFound(id))?;
        (found.finding.event_ids, found.finding.evidence) = tables::evidence(&read, id).await?;
        Ok(found)
    }

    /// A page of findings without their evidence, the last recorded or changed first.
    ///
    /// # Errors
    /// [`Error::BadPage`], [`Error::Store`], [`Error::Damaged`].
    pub async fn list(
        &self,
        ctx: &Context,
        filter: &Filter,
        limit: Limit,
        after: Option<&str>,
    ) -> Result<Page<OnRecord>, Error> {
        let before = after.map(|text| text.parse::<i64>().map_err(|_| Error::BadPage)).transpose()?;
        let read = self.store.read(ctx).await?;
        let mut items = tables::list(&read, filter, before, u64::from(limit.get()) + 1).await?;
        let more = items.len() > limit.get() as usize;
        items.truncate(limit.get() as usize);
        let next = items.last().filter(|_| more).map(|last| last.position.to_string());
        Ok(Page { items, next })
    }

    /// Findings that were recorded or changed at or after a position of [`TOPIC`], oldest change first, without
    /// their evidence: how a follower reads them.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn since(&self, ctx: &Context, position: i64, limit: Limit) -> Result<Vec<OnRecord>, Error> {
        let read = self.store.read(ctx).await?;
        tables::since(&read, position, u64::from(limit.get())).await
    }

    /// The identities that there are findings against, each once.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn accused(&self, ctx: &Context) -> Result<Vec<Id<noun::Identity>>, Error> {
        tables::accused(&self.store.read(ctx).await?).await
    }

    /// How many findings the organization has.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn count(&self, ctx: &Context) -> Result<u64, Error> {
        let read = self.store.read(ctx).await?;
        Ok(read.count(tables::all()).await?)
    }
}
