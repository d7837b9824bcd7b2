//! May this identity act? One fact, written with its entry, read in memory by every enforcement point.
//!
//! # What is promised
//! 1. A quarantine is one row. Once [`Pending::publish`] has returned, every [`View::check`] on this node
//!    refuses; that happens before whoever asked for the quarantine is answered.
//! 2. The view fails closed: an organization that was never [loaded](Standings::load), or whose store was not
//!    read for longer than [`GRACE`], has no identity in good standing.
//! 3. A lost publish (a crash between commit and memory) heals: `load` runs before a node listens, and
//!    [`Standings::refresh`] reads changes by position, as a heartbeat.
//!
//! Only `respond` changes a standing; a house test holds that nobody else calls [`Standings::set`].
#![forbid(unsafe_code)]

mod error;
mod model;
mod tables;
mod view;

pub use error::Error;
pub use model::{By, Change, Quarantine, Reason, Refusal, Standing};
pub use view::View;

use base::{Actor, Context, Id, Timestamp, noun};
use std::time::Duration;
use store::{Committed, Schema, Store, Tx};
use view::Fact;

/// For how long a node goes on without hearing from the store.
pub const GRACE: Duration = Duration::from_secs(5);

/// How often [`Standings::refresh`] should run: several times within the grace.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// The topic whose doorbell rings after a change of standing.
pub const TOPIC: &str = "standing";

/// Rows per read of the heartbeat.
const PAGE: u64 = 10_000;

/// The tables, for [`Store::open`].
pub static SCHEMA: Schema = tables::SCHEMA;

/// The handle. Cheap to clone; all clones share one view.
#[derive(Clone)]
pub struct Standings {
    store: Store,
    view: View,
}

impl Standings {
    /// Standings over a store, with an empty view: load each organization before serving it.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, view: View::default() }
    }

    /// What enforcement points read.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// Reads every standing of the context's organization into the view. Before a node listens, and as an
    /// organization is created.
    ///
    /// # Errors
    /// [`Error`]; the organization then stays refused.
    pub async fn load(&self, ctx: &Context, now: Timestamp) -> Result<(), Error> {
        self.view.open(ctx.organization());
        self.refresh(ctx, now).await.map(|_| ())
    }

    /// The heartbeat: takes in what changed since it last ran, and marks the organization as heard at `now`,
    /// which must have been read before the call. Returns how many changes there were. Does nothing for an
    /// organization that was not loaded.
    ///
    /// # Errors
    /// [`Error`]; the view then grows old and refuses after [`GRACE`].
    pub async fn refresh(&self, ctx: &Context, now: Timestamp) -> Result<usize, Error> {
        let organization = ctx.organization();
        let read = self.store.read_reserved(ctx).await?;
        let mut changes = 0;
        loop {
            let facts = tables::since(&read, self.view.position(organization), PAGE).await?;
            let Some(last) = facts.last() else { break };
            let end = last.position + 1;
            self.view.apply(organization, &facts);
            self.view.advance(organization, end);
            changes += facts.len();
        }
        self.view.hear(organization, now);
        Ok(changes)
    }

    /// The standing of one identity, from the store.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get(&self, ctx: &Context, identity: Id<noun::Identity>) -> Result<Standing, Error> {
        tables::get(&self.store.read(ctx).await?, identity).await
    }

    /// The standing of one identity, as the transaction sees it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get_in(&self, tx: &Tx, identity: Id<noun::Identity>) -> Result<Standing, Error> {
        tables::get(tx, identity).await
    }

    /// Joins a change of standing to the caller's transaction. The caller commits it with its entry and then
    /// publishes what this returned.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set(
        &self,
        tx: &mut Tx,
        identity: Id<noun::Identity>,
        change: Change,
        at: Timestamp,
    ) -> Result<Pending, Error> {
        let by = match tx.context().actor() {
            Actor::Person { person, .. } => By::Person(*person),
            _ => By::Nexora,
        };
        let standing = match change {
            Change::Release => Standing::Good,
            Change::Quarantine { reason, finding } => {
                Standing::Quarantined(Quarantine { since: at, reason, finding, by })
            }
        };
        let fact = Fact { identity, standing, position: tx.next_position(TOPIC).await? };
        tables::put(tx, &fact, at).await?;
        Ok(Pending { organization: tx.context().organization(), fact, view: self.view.clone() })
    }
}

/// A change of standing that is not in the view yet.
#[derive(Debug)]
#[must_use = "publish it after the commit, before the caller is answered"]
pub struct Pending {
    organization: Id<noun::Organization>,
    fact: Fact,
    view: View,
}

impl Pending {
    /// Puts the committed change into the view of this node.
    pub fn publish(self, _committed: &Committed) {
        self.view.apply(self.organization, &[self.fact]);
    }
}
