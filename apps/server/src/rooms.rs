//! What the routes work with: the services, and what only the node knows.

use crate::failure::Failure;
use crate::intake::Intake;
use api::Problem;
use api::ledgers::LedgerStatus;
use api::node::Check;
use base::{Clock, Context, Id, noun};
use futures::future::BoxFuture;
use std::{ops::Deref, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct Rooms(Arc<Inner>);

struct Inner {
    wired: Wired,
    intake: Intake,
}

/// The services, each by its handle, and what the node hands in.
pub struct Wired {
    /// The store; the routes themselves only ask it which organizations there are.
    pub store: store::Store,
    /// Decisions.
    pub policy: policy::Policy,
    /// Credentials.
    pub issuer: issuer::Issuer,
    /// The inventory.
    pub identities: identities::Identities,
    /// Findings.
    pub findings: findings::Findings,
    /// What is done about findings.
    pub respond: respond::Respond,
    /// Where events go.
    pub pipeline: pipeline::Pipeline,
    /// Keys; the routes only know producers by them.
    pub keys: keys::Keys,
    /// Datasets.
    pub datasets: datasets::Datasets,
    /// The ledgers; the routes only read their files.
    pub audit: audit::Audit,
    /// Searches them.
    pub search: audit::search::Search,
    /// Whether the checkpoints of ledgers are given to whoever asks.
    pub public_checkpoints: bool,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Fills a buffer with random bytes.
    pub random: store::Random,
    /// What only the node knows.
    pub platform: Arc<dyn Platform>,
    /// Work that outlives the request that began it; the node waits for it.
    pub tasks: TaskTracker,
    /// Says that the node drains: replies without an end of their own end now.
    pub drain: CancellationToken,
    /// How long a body may pause.
    pub stall: std::time::Duration,
}

/// What only the node knows or does.
pub trait Platform: Send + Sync + 'static {
    /// Starts what an organization needs before it is served: its ledger, its keys, what is kept in memory,
    /// its tasks. Does nothing where it is started.
    fn open(&self, organization: Id<noun::Organization>) -> BoxFuture<'_, Result<(), Problem>>;

    /// Why the node cannot serve now; empty where it can.
    fn obstacles(&self) -> BoxFuture<'_, Vec<String>>;

    /// How the node and the context's organization are, part by part.
    fn checks<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<Vec<Check>, Problem>>;

    /// The organization's ledger as it stands.
    fn ledger<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<LedgerStatus, Problem>>;

    /// Puts fresh keys in the place of those that sign the organization's ledger.
    fn rotate_ledger_keys<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<(), Failure>>;

    /// Begins another ledger for the organization, where the present one is refused.
    fn restart_ledger<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<(), Failure>>;

    /// The proof of an entry of the organization's ledger, as a file: of the log in use, unless another is said.
    fn prove<'a>(
        &'a self,
        ctx: &'a Context,
        generation: Option<u32>,
        position: u64,
    ) -> BoxFuture<'a, Result<Vec<u8>, Problem>>;

    /// The text of a rule of the current pack, by its id.
    fn rule_text(&self, rule: &str) -> Option<String>;

    /// The figures of `/metrics`, in the text format of Prometheus.
    fn metrics(&self) -> String;
}

impl Rooms {
    /// Puts the rooms together.
    #[must_use]
    pub fn new(wired: Wired) -> Self {
        let intake = Intake::new(wired.stall);
        Self(Arc::new(Inner { wired, intake }))
    }

    /// Bodies within limits.
    pub(crate) fn intake(&self) -> &Intake {
        &self.0.intake
    }

    /// A new request's id.
    pub(crate) fn request_id(&self) -> Id<noun::Request> {
        let mut random = [0; 10];
        (self.random)(&mut random);
        Id::fresh(self.clock.now(), random)
    }
}

impl Deref for Rooms {
    type Target = Wired;

    fn deref(&self) -> &Wired {
        &self.0.wired
    }
}
