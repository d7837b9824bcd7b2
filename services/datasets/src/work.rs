//! Background work: protecting outputs anew where this node may write.
//!
//! A job is asked for by a person and runs under that person's permit, which is checked at every batch and lives in
//! memory only: after a restart, or once the person may no longer, the job is interrupted, and asked for again it goes
//! on with the outputs that are left. One call of [`Datasets::reencrypt_step`] is a few pieces of one output.

use crate::{
    Datasets, Destination, DestinationError, Error, JobState, Location, Name, Reencrypting, Reencryption,
    Source, Stage, Stored,
    registry::manifest_hash,
    tables::{self, outputs::Registered},
    vouched,
};
use base::{Action, Context, Id, noun};
use fields::SignedManifest;
use ledger::{Entry, Kind, charter::FileHash};
use policy::{Permit, Resource};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Pieces of an output per step.
const PIECES: usize = 16;

/// How many outputs are looked through at a time.
const PAGE: u64 = 500;

/// The jobs of all organizations that this process runs.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<BTreeMap<Id<noun::Organization>, Queue>>);

#[derive(Default)]
struct Queue {
    /// Whether what a process before this one left behind was looked after.
    tidied: bool,
    /// In the order in which they were asked for. One that is being worked on is taken out.
    waiting: VecDeque<Job>,
    /// What is shown of them, by dataset.
    shown: BTreeMap<Id<noun::Dataset>, Reencryption>,
}

/// What was asked for.
struct Job {
    ctx: Context,
    permit: Permit,
    dataset: Id<noun::Dataset>,
    progress: Reencryption,
    left: VecDeque<(Registered, Location)>,
    at_hand: Option<AtHand>,
}

/// The output at hand.
struct AtHand {
    output: Registered,
    location: Location,
    manifest: Vec<u8>,
    source: Option<Box<dyn Source>>,
    run: Reencrypting,
    stage: Box<dyn Stage>,
    /// What the job's progress was before this output.
    before: (u64, u64),
}

impl Jobs {
    fn queues(&self) -> MutexGuard<'_, BTreeMap<Id<noun::Organization>, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Datasets {
    /// Begins to protect anew one file that its holder streams through the node: what this manifest describes, under
    /// the keys in use. The permit is one of [`Action::KeysReencrypt`] for [`SignedManifest::dataset`].
    ///
    /// # Errors
    /// As [`reveal`](Self::reveal); [`Error::OneWay`] where none of its fields can be revealed.
    pub async fn reencrypt(
        &self,
        ctx: &Context,
        permit: Permit,
        manifest: &SignedManifest,
    ) -> Result<Reencrypting, Error> {
        Reencrypting::begin(self.clone(), ctx.clone(), permit, manifest).await
    }

    /// Begins to protect anew, in the background, every output of a dataset that stands under an old version of a key
    /// where this node may write. The permit is one of [`Action::KeysReencrypt`] for [`Name::dataset`].
    ///
    /// # Errors
    /// [`Error::Refused`], which has been recorded; [`Error::NotFound`]; [`Error::Running`]; [`Error::Keys`],
    /// [`Error::Store`].
    pub async fn reencrypt_outputs(
        &self,
        ctx: &Context,
        permit: Permit,
        name: &Name,
    ) -> Result<Reencryption, Error> {
        let resource = Resource::Dataset(name.dataset(ctx.organization()));
        self.covers(ctx, &permit, Action::KeysReencrypt, resource).await?;
        let dataset = self.get(ctx, name).await?.id;
        let in_use = self.keys_in_use(ctx, dataset).await?;
        let read = self.store.read(ctx).await?;
        let (mut left, mut elsewhere, mut after) = (VecDeque::new(), 0, None);
        loop {
            let page = tables::outputs::list(&read, dataset, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.run);
            let keys = tables::outputs::keys_of(&read, page.iter().map(|output| output.run)).await?;
            for output in page {
                if in_use.all(keys.get(&output.run).map_or(&[], Vec::as_slice)) {
                    continue;
                }
                match output.location.clone().filter(|location| self.writable(location)) {
                    Some(location) => left.push_back((output, location)),
                    None => elsewhere += 1,
                }
            }
        }
        drop(read);
        let now = self.clock.now();
        let progress = Reencryption {
            job: Id::fresh(now, crypto::random(&*self.provider)),
            state: if left.is_empty() { JobState::Done } else { JobState::Running },
            outputs: left.len() as u64,
            done: 0,
            failed: 0,
            elsewhere,
            rows: 0,
            bytes: 0,
            total_bytes: left.iter().map(|(output, _)| output.bytes).sum(),
            asked_at: now,
            moved_at: now,
        };
        let mut tx = self.store.write(ctx).await?;
        tables::jobs::put(&mut tx, dataset, &progress).await?;
        let entry = Entry::done(Kind::DatasetReencryptionAsked, dataset)
            .fact("job", progress.job)
            .fact("outputs", progress.outputs)
            .fact("elsewhere", elsewhere);
        // Under the writer's turn, so that of two who ask at once one is told of the other.
        if let Some(running) =
            self.jobs.queues().get(&ctx.organization()).and_then(|queue| queue.running(dataset))
        {
            return Err(Error::Running(running));
        }
        if left.is_empty() {
            tx.commit(entry).await?;
            return Ok(progress);
        }
        // Shown from here on, so that nobody asks a second time; worked on once it is on record.
        let announced = Announced::new(&self.jobs, ctx.organization(), &progress, dataset);
        tx.commit(entry).await?;
        let job = Job { ctx: ctx.clone(), permit, dataset, progress: progress.clone(), left, at_hand: None };
        announced.begins(job);
        Ok(progress)
    }

    /// How far protecting a dataset's outputs anew is; `None` where nobody has asked for it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Damaged`].
    pub async fn reencryption(&self, ctx: &Context, name: &Name) -> Result<Option<Reencryption>, Error> {
        let dataset = self.get(ctx, name).await?.id;
        self.reencryption_of(ctx, dataset).await
    }

    pub(crate) async fn reencryption_of(
        &self,
        ctx: &Context,
        dataset: Id<noun::Dataset>,
    ) -> Result<Option<Reencryption>, Error> {
        let shown =
            self.jobs.queues().get(&ctx.organization()).and_then(|queue| queue.shown.get(&dataset).cloned());
        if shown.is_some() {
            return Ok(shown);
        }
        let read = self.store.read(ctx).await?;
        tables::jobs::last(&read, dataset).await
    }

    /// Goes on with the organization's oldest job, by a few pieces; `true` where there is more to do at once. The
    /// first call looks after what a process before this one left behind. `node` runs it, one at a time for each
    /// organization.
    ///
    /// # Errors
    /// [`Error::Store`]. What is wrong with one output is its own failure, and the job goes on.
    pub async fn reencrypt_step(&self, ctx: &Context) -> Result<bool, Error> {
        let organization = ctx.organization();
        if !self.jobs.queues().entry(organization).or_default().tidied {
            self.tidy(ctx).await?;
            self.jobs.queues().entry(organization).or_default().tidied = true;
        }
        let job = self.jobs.queues().entry(organization).or_default().waiting.pop_front();
        let Some(mut job) = job else { return Ok(false) };
        let worked = self.go_on(&mut job).await;
        job.progress.moved_at = self.clock.now();
        if let Err(error) = &worked {
            tracing::warn!(%error, job = %job.progress.job, "protecting outputs anew was interrupted");
            job.progress.state = JobState::Interrupted;
        }
        let over = job.progress.state != JobState::Running;
        if over {
            let mut tx = self.store.write(ctx).await?;
            tables::jobs::put(&mut tx, job.dataset, &job.progress).await?;
            tx.commit_derived().await?;
        }
        let mut queues = self.jobs.queues();
        let queue = queues.entry(organization).or_default();
        if over {
            queue.shown.remove(&job.dataset);
        } else {
            queue.shown.insert(job.dataset, job.progress.clone());
            queue.waiting.push_front(job);
        }
        Ok(!queue.waiting.is_empty())
    }

    /// A few pieces of a job. An error interrupts all of it: the actor may no longer, or the store is ill.
    async fn go_on(&self, job: &mut Job) -> Result<(), Error> {
        let Some(at_hand) = job.at_hand.as_mut() else {
            let Some((output, location)) = job.left.pop_front() else {
                job.progress.state = JobState::Done;
                return Ok(());
            };
            let begun = self.pick_up(job, output, location).await;
            return self.weigh(job, begun).await;
        };
        for _ in 0..PIECES {
            match pour(at_hand, &mut job.progress).await {
                Ok(true) => {}
                Ok(false) => {
                    let Some(at_hand) = job.at_hand.take() else { break };
                    let before = at_hand.before;
                    let put = self.put_back(&job.ctx, at_hand).await;
                    if put.is_ok() {
                        job.progress.done += 1;
                    } else {
                        (job.progress.rows, job.progress.bytes) = before;
                    }
                    self.weigh(job, put).await?;
                    let mut tx = self.store.write(&job.ctx).await?;
                    tables::jobs::put(&mut tx, job.dataset, &job.progress).await?;
                    tx.commit_derived().await?;
                    break;
                }
                Err(error) => {
                    (job.progress.rows, job.progress.bytes) = at_hand.before;
                    job.at_hand = None;
                    return self.weigh(job, Err(error)).await;
                }
            }
        }
        Ok(())
    }

    /// Whether a failure is that of one output, which stays as it was, or of the job.
    async fn weigh(&self, job: &mut Job, work: Result<(), Error>) -> Result<(), Error> {
        match work {
            Err(
                error @ (Error::Refused(_) | Error::Store(_) | Error::Keys(keys::Error::EpochUnread { .. })),
            ) => Err(error),
            Err(error) => {
                tracing::warn!(%error, job = %job.progress.job, "an output was not protected anew");
                job.progress.failed += 1;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Begins the next output.
    async fn pick_up(&self, job: &mut Job, output: Registered, location: Location) -> Result<(), Error> {
        let destination = self.destination.clone().ok_or(Error::NoOutput(output.run))?;
        self.finish_off(&job.ctx, job.dataset, &*destination, &location).await?;
        let Stored { manifest, data } = destination.read(&location).await?;
        let signed = SignedManifest::read(&manifest)?;
        if manifest_hash(&signed) != output.manifest_sha256 {
            // Another run's took its place; that one is on the register by itself, if it is ours.
            if !self.reconcile(&job.ctx, job.dataset, &location, &signed).await? {
                return Err(Error::NoOutput(output.run));
            }
            job.progress.outputs -= 1;
            job.progress.total_bytes -= output.bytes;
            return Ok(());
        }
        let mut run = self.reencrypt(&job.ctx, job.permit.clone(), &signed).await?;
        run.destined(location.clone());
        let stage = destination.stage(&location).await?;
        let before = (job.progress.rows, job.progress.bytes);
        let source = Some(data);
        job.at_hand = Some(AtHand { output, location, manifest, source, run, stage, before });
        Ok(())
    }

    /// Puts the new pair in the place of the old one. The new run is on record, and its keys are kept, before the
    /// pair is replaced; the old run goes off the register after.
    async fn put_back(&self, ctx: &Context, at_hand: AtHand) -> Result<(), Error> {
        let AtHand { output, location, manifest, run, mut stage, .. } = at_hand;
        stage.sync().await?;
        let new = run.finish().await?;
        let replaced = stage.replace(&manifest, &new.manifest.to_file()).await;
        let gone = match &replaced {
            Ok(()) => Some(output.run),
            Err(DestinationError::Replaced { .. }) => Some(new.content.run),
            // Which of the two stands there is not known before it is settled: the keys of both are kept.
            Err(_) => None,
        };
        if let Some(run) = gone {
            let mut tx = self.store.write(ctx).await?;
            self.unregister(&mut tx, run).await?;
            if run == output.run {
                // The entry of the new output has said that the old one may be gone.
                tx.commit_derived().await?;
            } else {
                let stays = vouched::registered(&output);
                tx.commit(stands(output.dataset, &stays, &[run])).await?;
            }
        }
        replaced?;
        tracing::info!(run = %new.content.run, from = %output.run, %location, "an output was protected anew");
        Ok(())
    }

    /// Takes what does not stand at a location any more off the register: all but the run of this manifest. Only where
    /// that one is on the register (else `false`), so that nobody drops references by putting a file there.
    async fn reconcile(
        &self,
        ctx: &Context,
        dataset: Id<noun::Dataset>,
        location: &Location,
        signed: &SignedManifest,
    ) -> Result<bool, Error> {
        let (manifest, _) = self.verified(ctx, signed).await?;
        let mut tx = self.store.write(ctx).await?;
        let known = tables::outputs::at(&tx, dataset, location).await?;
        if !known.contains(&manifest.run) {
            return Ok(false);
        }
        let gone: Vec<_> = known.into_iter().filter(|run| *run != manifest.run).collect();
        for run in &gone {
            self.unregister(&mut tx, *run).await?;
        }
        if gone.is_empty() {
            return Ok(true);
        }
        tx.commit(stands(dataset, &vouched::made(&manifest, signed), &gone)).await?;
        Ok(true)
    }

    /// After a restart: jobs that ran are interrupted, and replacements that were cut off are completed or discarded.
    async fn tidy(&self, ctx: &Context) -> Result<(), Error> {
        let read = self.store.read(ctx).await?;
        let running = tables::jobs::running(&read).await?;
        drop(read);
        for (dataset, mut progress) in running {
            if let Err(error) = self.settle(ctx, dataset).await {
                tracing::warn!(%error, %dataset, "what was cut off while protecting anew is not settled");
            }
            progress.state = JobState::Interrupted;
            let mut tx = self.store.write(ctx).await?;
            tables::jobs::put(&mut tx, dataset, &progress).await?;
            tx.commit_derived().await?;
        }
        Ok(())
    }

    /// Completes or discards what was cut off at a location. Where an output stands is what its caller said: nothing
    /// is moved there but beside a manifest of this dataset that is registered at that place.
    async fn finish_off(
        &self,
        ctx: &Context,
        dataset: Id<noun::Dataset>,
        destination: &dyn Destination,
        location: &Location,
    ) -> Result<(), Error> {
        let stored = destination.read(location).await?;
        let signed = SignedManifest::read(&stored.manifest)?;
        let (manifest, _) = self.verified(ctx, &signed).await?;
        let read = self.store.read(ctx).await?;
        let known = tables::outputs::at(&read, dataset, location).await?;
        drop(read);
        if manifest.dataset != dataset || !known.contains(&manifest.run) {
            return Err(Error::NoOutput(manifest.run));
        }
        Ok(destination.settle(location).await?)
    }

    /// Settles the places of a dataset's outputs, and the register with them.
    async fn settle(&self, ctx: &Context, dataset: Id<noun::Dataset>) -> Result<(), Error> {
        let Some(destination) = self.destination.clone() else { return Ok(()) };
        let mut after = None;
        loop {
            let read = self.store.read(ctx).await?;
            let page = tables::outputs::list(&read, dataset, after, PAGE).await?;
            drop(read);
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.run);
            for location in page.into_iter().filter_map(|output| output.location) {
                if !destination.writable(&location) {
                    continue;
                }
                let settled = async {
                    self.finish_off(ctx, dataset, &*destination, &location).await?;
                    let stored = destination.read(&location).await?;
                    let signed = SignedManifest::read(&stored.manifest)?;
                    self.reconcile(ctx, dataset, &location, &signed).await
                };
                if let Err::<bool, Error>(error) = settled.await {
                    tracing::warn!(%error, %location, "an output cannot be looked after");
                }
            }
        }
    }
}

/// A job that is shown and does not run yet; not shown any more where it never begins.
struct Announced<'a> {
    jobs: &'a Jobs,
    organization: Id<noun::Organization>,
    dataset: Id<noun::Dataset>,
    begun: bool,
}

impl<'a> Announced<'a> {
    fn new(
        jobs: &'a Jobs,
        organization: Id<noun::Organization>,
        progress: &Reencryption,
        dataset: Id<noun::Dataset>,
    ) -> Self {
        jobs.queues().entry(organization).or_default().shown.insert(dataset, progress.clone());
        Self { jobs, organization, dataset, begun: false }
    }

    fn begins(mut self, job: Job) {
        self.jobs.queues().entry(self.organization).or_default().waiting.push_back(job);
        self.begun = true;
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        if !self.begun
            && let Some(queue) = self.jobs.queues().get_mut(&self.organization)
        {
            queue.shown.remove(&self.dataset);
        }
    }
}

impl Queue {
    /// The job of a dataset that has not come to its end.
    fn running(&self, dataset: Id<noun::Dataset>) -> Option<Id<noun::Job>> {
        self.shown.get(&dataset).map(|progress| progress.job)
    }
}

/// One piece of the output at hand; `false` at its end.
async fn pour(at_hand: &mut AtHand, progress: &mut Reencryption) -> Result<bool, Error> {
    let AtHand { source, run, stage, before, .. } = at_hand;
    let out = match source {
        Some(reading) => match reading.next().await? {
            Some(piece) => {
                progress.bytes += piece.len() as u64;
                run.push(piece).await?
            }
            None => {
                *source = None;
                return Ok(true);
            }
        },
        None => match run.more().await? {
            Some(out) => out,
            None => return Ok(false),
        },
    };
    progress.rows = before.0 + run.rows();
    stage.write(out).await?;
    Ok(true)
}

/// Which of the outputs that were at a place stands there: the others may be gone.
fn stands(dataset: Id<noun::Dataset>, stays: &[FileHash], gone: &[Id<noun::Job>]) -> Entry {
    let entry = Entry::done(Kind::DatasetOutputForgotten, dataset).fact("runs", gone).files(stays);
    vouched::forget(entry, gone)
}
