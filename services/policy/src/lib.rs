//! Who may do what, for people and machines, and the only maker of a [`Permit`].
//!
//! Policy starts with a fixed table (`rules.rs`). It is told what a request is about and reads the standing
//! of identities itself; it reads no other service's data.
//!
//! A `Permit` cannot be made elsewhere:
//!
//! ```compile_fail,E0451
//! # fn forge(permit: policy::Permit) -> policy::Permit {
//! policy::Permit { action: base::Action::DatasetsReveal, ..permit }
//! # }
//! ```
#![forbid(unsafe_code)]

mod model;
mod refusals;
mod rules;

pub use model::{EXPIRY, Permit, Reason, Refused, Resource};

use base::{Action, Context, Timestamp};
use ledger::Entry;
use refusals::Refusals;
use standing::View;
use std::sync::Arc;
use store::Store;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Policy {
    store: Store,
    standing: View,
    refusals: Arc<Refusals>,
}

impl Policy {
    /// Decisions by the fixed table and this view of standings; refusals are recorded in the store.
    #[must_use]
    pub fn new(store: Store, standing: View) -> Self {
        Self { store, standing, refusals: Arc::default() }
    }

    /// Decides whether the context's actor may do this, now. In memory; never waits.
    ///
    /// # Errors
    /// [`Refused`], with a stable reason code. Put it on record with [`record`](Self::record).
    pub fn permit(
        &self,
        ctx: &Context,
        action: Action,
        resource: Resource,
        now: Timestamp,
    ) -> Result<Permit, Refused> {
        Permit::decide(ctx, action, resource, &self.standing, now)
    }

    /// Puts a refusal on record, from the reserve when the disk is full. What one actor is refused faster than
    /// any honest one is counted (`refusals.rs`), and stands in its next refusal on record.
    ///
    /// # Errors
    /// The store's. The refusal holds all the same.
    pub async fn record(&self, ctx: &Context, refused: &Refused, now: Timestamp) -> Result<(), store::Error> {
        self.record_as(ctx, refused, refused.entry(), now).await
    }

    /// As [`record`](Self::record), by an entry of the caller's own: for what was refused in its middle.
    ///
    /// # Errors
    /// The store's. The refusal holds all the same.
    pub async fn record_as(
        &self,
        ctx: &Context,
        refused: &Refused,
        entry: Entry,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        self.record_failed(ctx, refused.action(), entry, now).await
    }

    /// As [`record_as`](Self::record_as), of what policy allowed and what failed for another reason that its caller
    /// can bring about without end.
    ///
    /// # Errors
    /// The store's.
    pub async fn record_failed(
        &self,
        ctx: &Context,
        action: Action,
        mut entry: Entry,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let Some(folded) = self.refusals.ask(ctx.organization(), ctx.actor(), action, now) else {
            return Ok(());
        };
        if folded > 0 {
            entry = entry.fact("folded", folded);
        }
        self.store.record(ctx, &entry).await.map(|_| ())
    }

    /// Puts on record how many refusals of the context's organization were only counted since; background work,
    /// every ten seconds or so. Returns how many.
    ///
    /// # Errors
    /// The store's; then they are counted still.
    pub async fn record_folded(&self, ctx: &Context, now: Timestamp) -> Result<u64, store::Error> {
        let organization = ctx.organization();
        let Some((count, action)) = self.refusals.left(organization) else { return Ok(0) };
        let entry = Entry::refused(action, organization, "folded").fact("folded", count);
        match self.store.record(ctx, &entry).await {
            Ok(_committed) => Ok(count),
            Err(error) => {
                self.refusals.give_back(organization, (count, action), now);
                Err(error)
            }
        }
    }
}
