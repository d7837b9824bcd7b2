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
mod rules;

pub use model::{EXPIRY, Permit, Reason, Refused, Resource};

use base::{Action, Context, Timestamp};
use standing::View;
use store::Store;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Policy {
    store: Store,
    standing: View,
}

impl Policy {
    /// Decisions by the fixed table and this view of standings; refusals are recorded in the store.
    #[must_use]
    pub fn new(store: Store, standing: View) -> Self {
        Self { store, standing }
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

    /// Puts a refusal on record, from the reserve when the disk is full.
    ///
    /// # Errors
    /// The store's. The refusal holds all the same.
    pub async fn record(&self, ctx: &Context, refused: &Refused) -> Result<(), store::Error> {
        self.store.record(ctx, &refused.entry()).await.map(|_| ())
    }
}
