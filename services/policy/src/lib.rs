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

pub use model::{Address, Denial, EXPIRY, Permit, Reason, Refused, Resource};

use base::{Action, Actor, Context, Id, Timestamp, noun};
use ledger::{Entry, Kind};
use refusals::{Folded, Operation, REST, Refusals, Source};
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
        Self { store, standing, refusals: Arc::new(Refusals::of(Action::ALL.len())) }
    }

    /// The same, where so many operations can be asked for: a stranger who is refused each of them every minute has an
    /// entry for each, and does not use up what other strangers' entries come from. Unless it is said, as many as there
    /// are actions.
    #[must_use]
    pub fn serving(self, operations: usize) -> Self {
        Self { refusals: Arc::new(Refusals::of(operations)), ..self }
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
        Permit::decide(ctx, action, resource, (&self.standing, self.store.platform()), now)
    }

    /// Puts a refusal on record, from the reserve when the disk is full: the first of its source, operation and
    /// minute by an entry of its own, the others as a count that [`record_folded`](Self::record_folded) writes. The
    /// operation is the action, the source the context's actor.
    ///
    /// # Errors
    /// The store's: then nothing of it may be answered but that. It is counted, and the next of its minute writes the entry.
    pub async fn record(&self, ctx: &Context, refused: &Refused, now: Timestamp) -> Result<(), store::Error> {
        self.record_as(ctx, refused, refused.entry(), now).await
    }

    /// As [`record`](Self::record), by an entry of the caller's own: for what was refused in its middle.
    ///
    /// # Errors
    /// As [`record`](Self::record).
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
    /// As [`record`](Self::record).
    pub async fn record_failed(
        &self,
        ctx: &Context,
        action: Action,
        entry: Entry,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        // What ended in its middle is told apart from what never began, and by why it ended.
        let operation = match entry.kind() {
            Kind::AccessRefused => Operation { name: action.as_str(), why: None },
            other => Operation { name: other.as_str(), why: entry.code() },
        };
        self.fold(ctx, (operation, action), None, entry, now).await
    }

    /// Puts the refusal of an operation on record, as [`record`](Self::record) does.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub async fn record_of(&self, ctx: &Context, denial: Denial, now: Timestamp) -> Result<(), store::Error> {
        let Denial { operation, action, address, entry } = denial;
        let operation = Operation { name: operation, why: None };
        self.fold(ctx, (operation, action), address, entry, now).await
    }

    async fn fold(
        &self,
        ctx: &Context,
        (operation, action): (Operation, Action),
        address: Option<Address>,
        entry: Entry,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let source = match (ctx.actor(), address) {
            (Actor::Unidentified, address) => Source::Address(address.unwrap_or(Address::LOCAL)),
            (actor, _) => Source::Actor(actor.clone()),
        };
        let asked = self.refusals.ask(ctx, source.clone(), operation, action, now);
        // What could not be written of it is counted still.
        let before = match asked.before {
            Some(before) => self.write(before).await,
            None => Ok(()),
        };
        if !asked.own {
            return before;
        }
        let recorded = self.store.record(ctx, &entry).await.map(|_committed| ());
        if recorded.is_err() {
            let ctx = ctx.clone();
            self.refusals.give_back(Folded { ctx, source, operation, action, count: 1, since: now }, true);
        }
        recorded
    }

    /// Puts on record how many refusals of the context's organization were only counted, in minutes that are over
    /// or, as the node ends, in `all`; background work, every few seconds. Returns how many. A crash loses at most
    /// the counts that were not written yet; that a source was refused stands in the ledger.
    ///
    /// # Errors
    /// The store's; then they are counted still.
    pub async fn record_folded(
        &self,
        organization: Id<noun::Organization>,
        now: Timestamp,
        all: bool,
    ) -> Result<u64, store::Error> {
        let (mut written, mut failed) = (0, None);
        for folded in self.refusals.due(organization, now, all) {
            let count = folded.count;
            match self.write(folded).await {
                Ok(()) => written += count,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(written), Err)
    }

    async fn write(&self, folded: Folded) -> Result<(), store::Error> {
        let organization = folded.ctx.organization();
        let mut entry = Entry::refused(folded.action, organization, "folded")
            .fact("folded", folded.count)
            .fact("since", folded.since.to_string());
        if folded.source == Source::Others {
            entry = entry.fact("sources", "others");
        } else if folded.operation == REST {
            entry = entry.fact("operations", "others");
        } else {
            entry = entry.fact("operation", folded.operation.name);
        }
        if let Some(why) = folded.operation.why {
            entry = entry.fact("why", why);
        }
        if let Source::Address(address) = &folded.source {
            entry = entry.details(address.details());
        }
        match self.store.record(&folded.ctx, &entry).await {
            Ok(_committed) => Ok(()),
            Err(error) => {
                self.refusals.give_back(folded, false);
                Err(error)
            }
        }
    }
}
