//! The services, each made once and handed what it needs; and what an organization needs to be served.

use crate::rulepack;
use crate::runner::{Progress, Runner, StepError, Wake, background, chain};
use crate::witnesses::Witnesses;
use crate::{Config, Directory, Error, root};
use audit::search::Search;
use audit::{Audit, ErasedFile, LogKeys, Signatures};
use base::{Clock, Context, Fault, Id, Secret, noun};
use crypto::Provider;
use datasets::{Datasets, Directories};
use detect::{Judge, Pack};
use events::Redactor;
use findings::Findings;
use identities::Identities;
use issuer::Issuer;
use keys::{Keys, RootError};
use pipeline::Pipeline;
use policy::Policy;
use respond::Respond;
use server::Problem;
use standing::Standings;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{OUTBOX, Schema, Store};

/// How long a task that has a doorbell sleeps at most.
const SLOW_POLL: Duration = Duration::from_secs(2);

/// The task that publishes the ledger, and how long it lets entries gather: a publication costs eight syncs, and
/// no change waits for it.
const PUBLISH: &str = "audit.publish";
const GATHER: Duration = Duration::from_millis(200);
/// How often it is looked whether a minute is over whose refusals were only counted.
const REFUSALS: Duration = Duration::from_secs(5);

/// How often it is looked whether a key is due to rotate, and an approved export has expired.
const KEYS_POLL: Duration = Duration::from_secs(10);

/// How often it is looked whether entries of a ledger have expired, or lie below a minimum that is published by now.
const EXPIRY_POLL: Duration = Duration::from_secs(60);

/// How often it is looked whether published entries wait to be indexed; a search does not wait for that.
const INDEX_POLL: Duration = Duration::from_secs(5);

/// The tables of every service.
static SCHEMAS: &[&Schema] = &[
    &standing::SCHEMA,
    &identities::SCHEMA,
    &issuer::SCHEMA,
    &findings::SCHEMA,
    &respond::SCHEMA,
    &keys::SCHEMA,
    &datasets::SCHEMA,
    audit::SCHEMA,
    &audit::search::SCHEMA,
];

/// The services of a node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wiring(Arc<Services>);

/// Each service by its handle.
pub(crate) struct Services {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: store::Random,
    pub(crate) store: Store,
    pub(crate) standings: Standings,
    pub(crate) policy: Policy,
    pub(crate) identities: Identities,
    pub(crate) issuer: Issuer,
    pub(crate) findings: Findings,
    pub(crate) respond: Respond,
    pub(crate) pipeline: Pipeline,
    pub(crate) keys: Keys,
    pub(crate) datasets: Datasets,
    pub(crate) audit: Audit,
    pub(crate) search: Search,
    /// Where ledgers stand, if that is no directory.
    pub(crate) ledger_place: Option<String>,
    pub(crate) witnesses: Witnesses,
    pub(crate) anchor: Option<Arc<dyn audit::Anchor>>,
    pub(crate) pack: Arc<Pack>,
    pub(crate) root: root::Place,
    runner: Runner,
    opened: Mutex<HashMap<Id<noun::Organization>, Served>>,
    redactors: Redactors,
    /// One organization is opened at a time.
    opening: tokio::sync::Mutex<()>,
    /// One log is renewed at a time.
    pub(crate) renewing: tokio::sync::Mutex<()>,
}

/// How an organization is served.
#[derive(Clone)]
pub(crate) enum Served {
    /// Whole.
    Whole(LogKeys),
    /// The root of trust does not open its keys: the root was lost, and another is in its place. People sign in and
    /// hold a recovery ceremony, whose entries wait; nothing that needs a key goes on.
    Locked,
}

impl std::ops::Deref for Wiring {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}

impl Wiring {
    /// Makes the services over a data directory. Nobody is served yet.
    pub(crate) async fn make(
        directory: &Directory,
        config: &Config,
        passphrase: Option<Secret<String>>,
        (clock, runner): (Arc<dyn Clock>, Runner),
    ) -> Result<(Self, Option<PathBuf>, root::Held), Error> {
        let provider = crypto::aws_lc();
        let filler = Arc::clone(&provider);
        let random: store::Random = Arc::new(move |buffer| filler.fill(buffer));
        let options = store::Options {
            dir: directory.path().to_owned(),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        };
        let place = root::Place::of(config)?;
        let (root, store) = if place.exists() && !place.is_fresh() {
            tokio::join!(root::open(&place, passphrase, &provider), Store::open(options, SCHEMAS))
        } else {
            // First the root: a store that is there says that its root was, and one that is not begins under no
            // root of other data.
            (Ok(root::open(&place, passphrase, &provider).await?), Store::open(options, SCHEMAS).await)
        };
        let (root, store) = (root?, store.map_err(Error::part("the store"))?);
        if !root::is_of(&root.sealed, &store).await? {
            return Err(place.of_others());
        }
        let standings = Standings::new(store.clone());
        let view = standings.view();
        let identities = Identities::new(store.clone(), view.clone());
        let crypto = || -> Arc<dyn Provider> { Arc::clone(&provider) };
        let findings = Findings::new(store.clone());
        let keys = Keys::new(store.clone(), Arc::new(root.sealed), crypto(), Arc::clone(&clock));
        let pack = rulepack::bundled();
        let redactors = Redactors::default();
        let pipeline = Pipeline::new(pipeline::Options {
            store: store.clone(),
            findings: findings.clone(),
            identities: identities.clone(),
            judge: Judge::new(Arc::clone(&pack)),
            clock: Arc::clone(&clock),
            redactor: redactors.as_function(),
            context: context_maker("pipeline", &clock, &random),
            files: Arc::new(stream::Disk),
            snapshot_every: pipeline::Options::SNAPSHOT_EVERY,
        });
        let policy = Policy::new(store.clone(), view.clone()).serving(server::OPERATIONS);
        let witnesses = Witnesses::make(config, &store, Signatures::new(crypto()), &clock, &random)?;
        let publication =
            audit::Options::local(store.clone(), directory.path(), Arc::clone(&clock), crypto());
        let mut publication = crate::ledgers::kept(config, publication)?;
        let anchor = crate::anchor::of(config, &clock)?;
        publication
            .memories
            .extend(anchor.clone().map(|anchor| crate::anchor::memory(anchor, store.clone())));
        publication.erased = Some(ErasedFile::new(&place.erased()));
        let audit = Audit::open(witnesses.join(publication));
        let search = Search::new(store.clone(), audit.storage());
        witnesses.watch(&audit);
        let services = Services {
            issuer: Issuer::new(store.clone(), view, identities.clone(), crypto()),
            respond: Respond::new(store.clone(), standings.clone(), findings.clone(), identities.clone()),
            audit,
            search,
            ledger_place: crate::ledgers::place(config)?.map(|place| place.to_string()),
            witnesses,
            anchor,
            datasets: Datasets::new(
                store.clone(),
                keys.clone(),
                policy.clone(),
                crypto(),
                Arc::clone(&clock),
            )
            .with_spool(directory.path().join("spool"))
            .with_destination(Arc::new(Directories::new(config.destinations.clone()))),
            root: place,
            findings,
            keys,
            policy,
            pack,
            pipeline,
            clock,
            random,
            store,
            standings,
            identities,
            runner,
            redactors,
            opened: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
        };
        Ok((Self(Arc::new(services)), root.generated, root.held))
    }

    /// The context of a background task.
    pub(crate) fn background(&self, organization: Id<noun::Organization>, task: &'static str) -> Context {
        context_maker(task, &self.clock, &self.random)(organization)
    }

    /// Opens the platform and every organization there is: what was quarantined is refused before anyone is
    /// served.
    pub(crate) async fn open_all(&self) -> Result<(), Error> {
        let platform = self.store.platform();
        let all =
            std::iter::once(platform).chain(self.store.organizations().into_iter().map(|known| known.id));
        for organization in all {
            self.open(organization).await.map_err(|problem| Error::Part {
                part: "an organization",
                kind: problem.kind,
                detail: format!("{organization}: {problem}"),
            })?;
        }
        Ok(())
    }

    /// Starts what an organization needs before it is served. Does nothing where it is started; completes
    /// what a crash cut off, and, once a recovery gave the keys back, what was locked.
    pub(crate) async fn open(&self, organization: Id<noun::Organization>) -> Result<(), Problem> {
        let _turn = self.opening.lock().await;
        let before = self.opened().get(&organization).cloned();
        if let Some(Served::Whole(_)) = before {
            return Ok(());
        }
        let ctx = self.background(organization, "open");
        if before.is_none() {
            // What was shredded is forgotten before anyone is served, whatever a restored directory says.
            self.keys.forget_shredded(&ctx).await.map_err(told)?;
            // What was erased is erased again, likewise.
            match self.audit.erase_again(&ctx).await {
                // A storage that does not answer is no reason to let quarantines go: it is tried again.
                Err(error @ audit::Error::Storage(_)) => {
                    let error = chain(&error);
                    tracing::error!(%organization, error, "it is not known whether erased details were restored");
                }
                compared => drop(compared.map_err(told)?),
            }
            self.keys.begin(&ctx).await.map_err(told)?;
            self.standings.load(&ctx, self.clock.now()).await.map_err(told)?;
            self.identities.load(&ctx).await.map_err(told)?;
            for identity in self.findings.accused(&ctx).await.map_err(told)? {
                self.identities.known().hold(organization, identity);
            }
            self.issuer.hold_bound(&ctx).await.map_err(told)?;
            self.start_watch(organization);
        }
        let log_keys = match self.read_log_keys(&ctx).await {
            Ok(keys) => keys,
            Err(Unopened::Keys(keys::Error::Root(
                error @ (RootError::UnknownUnit { .. } | RootError::DoesNotOpen),
            ))) => {
                tracing::error!(
                    %organization, %error,
                    "an organization is locked: restore the root of trust from its backup, or hold a recovery ceremony"
                );
                self.opened().insert(organization, Served::Locked);
                return Ok(());
            }
            Err(Unopened::Keys(error)) => return Err(told(error)),
            Err(Unopened::Audit(error)) => return Err(told(error)),
        };
        if organization != self.store.platform() {
            // Nothing more is protected under what this root does not open.
            match self.keys.close_lost(&ctx).await {
                Ok(closed) if closed.is_empty() => {}
                Ok(closed) => tracing::error!(
                    %organization, versions = closed.len(),
                    "keys do not open under the root of trust in place, and are closed: nexora doctor names them"
                ),
                // The first use of each looks again.
                Err(error) => {
                    let error = chain(&error);
                    tracing::error!(%organization, error, "it is not known whether keys open under the root of trust");
                }
            }
            let key = self.keys.redaction_key(&ctx).await.map_err(told)?;
            self.redactors.add(organization, Redactor::keyed(key));
            // What a crash left to be judged is judged here.
            self.pipeline.open(organization).await.map_err(told)?;
        }
        let origin = verify::Origin { organization, generation: log_keys.generation() };
        if let Err(error) = self.witnesses.settle(&ctx, origin).await {
            // It is tried again before a witness is asked.
            tracing::warn!(%organization, error = chain(&error), "a log was not told who its witnesses are");
        }
        self.opened().insert(organization, Served::Whole(log_keys));
        self.start_work(organization);
        Ok(())
    }

    /// The keys of the organization's log that is in use.
    pub(crate) async fn read_log_keys(&self, ctx: &Context) -> Result<LogKeys, Unopened> {
        let pairs = self.keys.log_keys(ctx).await.map_err(Unopened::Keys)?;
        let generation = self.audit.status(ctx).await.map_err(Unopened::Audit)?.generation;
        LogKeys::of(ctx.organization(), generation, pairs).map_err(Unopened::Audit)
    }

    /// Takes over that the log is signed by other keys, or is another one.
    pub(crate) fn serve_log(&self, organization: Id<noun::Organization>, keys: LogKeys) {
        self.opened().insert(organization, Served::Whole(keys));
    }

    /// The organizations that are served, the platform among them.
    pub(crate) fn open_organizations(&self) -> Vec<(Id<noun::Organization>, Served)> {
        self.opened().iter().map(|(id, served)| (*id, served.clone())).collect()
    }

    /// The keys of an organization's log, where it is served whole.
    pub(crate) fn log_keys(&self, organization: Id<noun::Organization>) -> Option<LogKeys> {
        match self.opened().get(&organization) {
            Some(Served::Whole(keys)) => Some(keys.clone()),
            Some(Served::Locked) | None => None,
        }
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, HashMap<Id<noun::Organization>, Served>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tasks without which nothing may be answered: what is refused is known here.
    fn start_watch(&self, organization: Id<noun::Organization>) {
        self.task(
            organization,
            "standing.refresh",
            Some(standing::TOPIC),
            standing::HEARTBEAT,
            |this, ctx| async move {
                let now = this.clock.now();
                this.standings.refresh(&ctx, now).await?;
                Ok(Progress::Idle)
            },
        );
        self.task(organization, "keys.epoch", Some(keys::TOPIC), keys::HEARTBEAT, |this, ctx| async move {
            this.keys.epoch_step(&ctx, this.clock.now()).await?;
            Ok(Progress::Idle)
        });
        self.task(organization, "policy.refusals", None, REFUSALS, |this, ctx| async move {
            this.policy.record_folded(ctx.organization(), this.clock.now(), false).await?;
            Ok(Progress::Idle)
        });
    }

    /// The tasks of an organization whose keys open.
    fn start_work(&self, organization: Id<noun::Organization>) {
        self.task(organization, PUBLISH, Some(OUTBOX), SLOW_POLL, move |this, ctx| async move {
            let more = this.publish(&ctx).await?.is_some_and(|step| step.more);
            Ok(if more { Progress::More } else { Progress::Idle })
        });
        self.start_anchoring(organization);
        self.task(organization, "audit.expiry", None, EXPIRY_POLL, |this, ctx| async move {
            let done = this.audit.expire_step(&ctx).await?;
            let more = done.pruned.is_some() || done.removed > 0 || done.erased > 0;
            Ok(match (more, done.waits) {
                (true, _) => Progress::More,
                (false, true) => Progress::Soon,
                (false, false) => Progress::Idle,
            })
        });
        self.task(organization, "audit.scrub", None, KEYS_POLL, |this, ctx| async move {
            this.audit.scrub_step(&ctx).await?;
            Ok(Progress::Idle)
        });
        self.task(organization, "audit.index", Some(OUTBOX), INDEX_POLL, |this, ctx| async move {
            let head = this.audit.head(&ctx).await?;
            Ok(if this.search.step(&ctx, head).await? { Progress::More } else { Progress::Idle })
        });
        if organization == self.store.platform() {
            self.start_recording();
            self.task(organization, "keys.root", None, SLOW_POLL, |this, ctx| async move {
                this.keys.take_root_acts(&ctx, &this.root.journal()).await?;
                Ok(Progress::Idle)
            });
            return;
        }
        self.task(organization, "respond.step", Some(findings::TOPIC), SLOW_POLL, |this, ctx| async move {
            let worked = this.respond.step(&ctx, this.clock.now()).await?;
            for acted in &worked.acted {
                let took = acted.committed_at.since(acted.arrival);
                metrics::histogram!("nexora_zero_access_seconds").record(took.as_secs_f64());
            }
            Ok(if worked.read > 0 { Progress::More } else { Progress::Idle })
        });
        self.task(organization, "identities.times", None, identities::WRITE_BEHIND, |this, ctx| async move {
            this.identities.write_times(&ctx).await?;
            Ok(Progress::Idle)
        });
        self.start_keys(organization);
    }

    /// The tasks of keys and of what they protect.
    fn start_keys(&self, organization: Id<noun::Organization>) {
        let more = |more: bool| if more { Progress::More } else { Progress::Idle };
        self.task(organization, "keys.rotation", None, KEYS_POLL, move |this, ctx| async move {
            Ok(more(this.keys.rotation_step(&ctx, this.clock.now()).await? > 0))
        });
        self.task(organization, "keys.exports", None, KEYS_POLL, move |this, ctx| async move {
            this.keys.exports_step(&ctx, this.clock.now()).await?;
            Ok(Progress::Idle)
        });
        self.task(organization, "keys.shred", Some(OUTBOX), SLOW_POLL, move |this, ctx| async move {
            let carried_out = this.keys.shred_step(&ctx).await?;
            let platform = this.background(this.store.platform(), "keys.shred");
            let published = this.keys.publish_shred(&platform, &ctx).await?;
            Ok(more(carried_out || published))
        });
        self.task(organization, "keys.recovery", Some(OUTBOX), SLOW_POLL, move |this, ctx| async move {
            Ok(more(this.keys.recovery_step(&ctx).await?))
        });
        self.task(organization, "datasets.reencrypt", Some(OUTBOX), SLOW_POLL, move |this, ctx| async move {
            Ok(more(this.datasets.reencrypt_step(&ctx).await?))
        });
    }

    pub(crate) fn task<S, F>(
        &self,
        organization: Id<noun::Organization>,
        task: &'static str,
        topic: Option<&'static str>,
        poll: Duration,
        step: S,
    ) where
        S: Fn(Self, Context) -> F + Send + 'static,
        F: Future<Output = Result<Progress, StepError>> + Send + 'static,
    {
        let doorbell = topic.map(|topic| self.store.doorbell(organization, topic));
        let this = self.clone();
        let gather = if task == PUBLISH { GATHER } else { Duration::ZERO };
        self.runner.run(task, Wake { doorbell, poll, gather }, move || {
            let ctx = this.background(organization, task);
            step(this.clone(), ctx)
        });
    }

    /// Publishes one batch of what the context's organization has committed; `None` where its keys are not open.
    pub(crate) async fn publish(&self, ctx: &Context) -> Result<Option<audit::Step>, audit::Error> {
        let Some(keys) = self.log_keys(ctx.organization()) else { return Ok(None) };
        match self.audit.publish_step(ctx, &keys).await {
            Err(audit::Error::WrongKeys) => {}
            done => return done.map(Some),
        }
        // A rotation that is under way has committed: once it is through, its keys are served.
        drop(self.renewing.lock().await);
        let Some(keys) = self.log_keys(ctx.organization()) else { return Ok(None) };
        self.audit.publish_step(ctx, &keys).await.map(Some)
    }

    /// Finishes what is written behind, publishes what is committed, and closes the store: after the last
    /// request and the last task.
    pub(crate) async fn finish(&self) {
        self.pipeline.drain().await;
        for (organization, served) in self.open_organizations() {
            let ctx = self.background(organization, "drain");
            if organization != self.store.platform()
                && let Err(error) = self.identities.write_times(&ctx).await
            {
                tracing::warn!(%organization, %error, "times of identities were not written");
            }
            if let Err(error) = self.keys.settle_uses(&ctx).await {
                tracing::warn!(%organization, %error, "uses of keys count as the whole block that was reserved");
            }
            if let Err(error) = self.policy.record_folded(organization, self.clock.now(), true).await {
                tracing::warn!(%organization, %error, "refusals that were only counted are not on record");
            }
            if matches!(served, Served::Locked) {
                continue;
            }
            loop {
                match self.publish(&ctx).await {
                    Ok(Some(step)) if step.more => {}
                    Ok(_) => break,
                    Err(error) => {
                        // What is committed is published at the next start.
                        tracing::warn!(%organization, %error, "entries are left to be published");
                        break;
                    }
                }
            }
        }
        self.store.close().await;
    }
}

/// Why the keys of a log cannot be had.
pub(crate) enum Unopened {
    /// They do not open.
    Keys(keys::Error),
    /// They are none that sign it.
    Audit(audit::Error),
}

/// How each organization's secrets are redacted: by a key of its own, in memory once it is open.
#[derive(Clone, Default)]
struct Redactors(Arc<Mutex<HashMap<Id<noun::Organization>, Redactor>>>);

impl Redactors {
    fn add(&self, organization: Id<noun::Organization>, redactor: Redactor) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(organization, redactor);
    }

    /// What the pipeline asks. An organization that is not open is redacted without a hash.
    fn as_function(&self) -> Arc<dyn Fn(Id<noun::Organization>) -> Redactor + Send + Sync> {
        let known = Arc::clone(&self.0);
        Arc::new(move |organization| {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&organization).cloned().unwrap_or_else(Redactor::unkeyed)
        })
    }
}

/// Makes the contexts of a background task, each with a request of its own.
fn context_maker(
    task: &'static str,
    clock: &Arc<dyn Clock>,
    random: &store::Random,
) -> Arc<dyn Fn(Id<noun::Organization>) -> Context + Send + Sync> {
    let (clock, random) = (Arc::clone(clock), Arc::clone(random));
    Arc::new(move |organization| {
        let mut bytes = [0; 10];
        random(&mut bytes);
        background(organization, task, Id::fresh(clock.now(), bytes))
    })
}

/// A service's failure as the caller is told.
pub(crate) fn told<E: Fault>(error: E) -> Problem {
    Problem::of(&error)
}
