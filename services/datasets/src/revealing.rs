//! A run of revealing.

use crate::{
    Datasets, Error, compute,
    engine::{Asks, Engine},
    protecting::names,
    tables,
};
use base::{Action, Context, Fault as _, Id, Kind as FaultKind, noun};
use bytes::Bytes;
use fields::{FieldPolicy, Manifest, Revealer, SignedManifest, formats::Reveal};
use keys::{Lease, Signatory};
use ledger::{Entry, Kind, Outcome};
use policy::{Permit, Resource};

/// A protected file that is being revealed. It has succeeded when [`finish`](Self::finish) has: that no row is
/// missing and nothing else was altered is known only then, and what came out before an error must be discarded.
#[must_use = "a reveal that is not finished was not checked"]
pub struct Revealing {
    datasets: Datasets,
    ctx: Context,
    permit: Permit,
    dataset: Id<noun::Dataset>,
    run: Id<noun::Job>,
    engine: Engine<Reveal>,
    lease: Lease,
}

impl Revealing {
    pub(crate) async fn begin(
        datasets: Datasets,
        ctx: Context,
        permit: Permit,
        signed: &SignedManifest,
        fields: Option<&[String]>,
    ) -> Result<Self, Error> {
        let resource = Resource::Dataset(signed.dataset()?);
        datasets.covers(&ctx, &permit, Action::DatasetsReveal, resource).await?;
        let opened = Self::open(&datasets, &ctx, &permit, signed, fields).await;
        let (opening, engine, lease) = match opened {
            Ok(opened) => opened,
            Err(Error::Refused(refused)) => return Err(datasets.refuse(&ctx, refused).await),
            Err(error) => return Err(datasets.failed(&ctx, signed.dataset()?, error).await),
        };
        let Opening { manifest, policy, signatory } = opening;
        // What cannot be recorded is not revealed: the entry comes before the first byte.
        let tx = datasets.store.write(&ctx).await?;
        tx.commit(entry(&manifest, &policy, signatory)).await?;
        let (dataset, run) = (manifest.dataset, manifest.run);
        Ok(Self { datasets, ctx, permit, dataset, run, engine, lease })
    }

    /// All that a reveal needs before it begins.
    async fn open(
        datasets: &Datasets,
        ctx: &Context,
        permit: &Permit,
        signed: &SignedManifest,
        fields: Option<&[String]>,
    ) -> Result<(Opening, Engine<Reveal>, Lease), Error> {
        let (manifest, signatory) = datasets.verified(ctx, signed).await?;
        let policy = manifest.part(fields)?;
        let (engine, lease) = datasets.open_file(ctx, permit, &manifest, policy.clone()).await?;
        Ok((Opening { manifest, policy, signatory }, engine, lease))
    }

    /// Rows that have come out so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.engine.rows()
    }

    /// Takes the next bytes of the protected file and gives the revealed bytes that are complete. The permit is
    /// checked before each batch, and that the keys are still open.
    ///
    /// # Errors
    /// [`Error::Refused`] once the actor may no longer; [`Error::Keys`] once a key was closed; [`Error::Fields`] for
    /// what was altered, naming line and column. Each is recorded and ends the run.
    pub async fn push(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        let pushed = match self.check().await {
            Ok(()) => self.engine.push(bytes).await,
            Err(error) => Err(error),
        };
        Ok(self.recorded(pushed).await?.into())
    }

    /// After the last bytes of the protected file: the next part of what is left, to be called until it gives
    /// `None`.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn more(&mut self) -> Result<Option<Bytes>, Error> {
        let more = match self.check().await {
            Ok(()) => self.engine.more().await,
            Err(error) => Err(error),
        };
        Ok(self.recorded(more).await?.map(Bytes::from))
    }

    /// Ends the file: its last bytes (none where [`more`](Self::more) was called to its end) and the number of rows
    /// revealed.
    ///
    /// # Errors
    /// As [`push`](Self::push): among them a file that is not whole.
    pub async fn finish(mut self) -> Result<(Bytes, u64), Error> {
        let mut rest = Vec::new();
        while let Some(more) = self.more().await? {
            rest.extend_from_slice(&more);
        }
        let file = self.engine.take()?;
        let work = compute(move || file.finish(&mut rest).map(|rows| (rest, rows))).await;
        let (rest, rows) = self.recorded(work).await?;
        Ok((rest.into(), rows))
    }

    /// Whether the actor may still see the next batch, and the keys are still open. The jobs of the batch ask the
    /// permit again as they begin.
    async fn check(&mut self) -> Result<(), Error> {
        if self.engine.over() {
            return Err(Error::Over);
        }
        self.permit.check(self.datasets.clock.now())?;
        Ok(self.datasets.keys.check(&self.ctx, &mut self.lease).await?)
    }

    /// Records why a reveal ended before handing that on: an altered file is a fact that someone will ask about.
    async fn recorded<T>(&mut self, work: Result<T, Error>) -> Result<T, Error> {
        let error = match work {
            Ok(done) => return Ok(done),
            Err(Error::Over) => return Err(Error::Over),
            Err(error) => error,
        };
        self.engine.end();
        if let Error::Refused(refused) = error {
            let stopped = self.stopped(Outcome::Refused, refused.reason().code());
            return Err(self.datasets.refuse_as(&self.ctx, refused, stopped).await);
        }
        let stopped = self.stopped(Outcome::Failed, reason(&error));
        match self.datasets.store.record(&self.ctx, &stopped).await {
            Ok(_committed) => Err(error),
            Err(unwritten) => {
                tracing::error!(%unwritten, %error, "the end of a reveal could not be recorded");
                Err(unwritten.into())
            }
        }
    }

    fn stopped(&self, outcome: Outcome, reason: &'static str) -> Entry {
        Entry::done(Kind::RevealStopped, self.dataset)
            .outcome(outcome)
            .reason(reason)
            .fact("run", self.run)
            .fact("rows", self.engine.rows())
    }
}

/// What is to be revealed.
struct Opening {
    manifest: Manifest,
    policy: FieldPolicy,
    signatory: Signatory,
}

/// Why a reveal failed, as the ledger says it: one word that gives nothing of the data away.
fn reason(error: &Error) -> &'static str {
    use keys::Error as Key;
    match error {
        Error::Keys(Key::EpochUnread { .. }) => "key_epoch_unread",
        Error::Keys(Key::UnknownSigner) => "unknown_signer",
        Error::Keys(Key::RevokedSigner { .. }) => "revoked_signer",
        Error::Keys(_) => "keys_closed",
        Error::Foreign => "foreign",
        Error::Fields(fields::Error::NotOffline { .. }) => "not_a_producers",
        error if error.kind() == FaultKind::CheckFailed => "altered",
        _ => "unreadable",
    }
}

impl Datasets {
    /// Puts on record that a reveal failed before it began, and hands on why. The dataset is the one that was asked
    /// for: the manifest is not to be believed. Who asks without end is counted, as with refusals.
    async fn failed(&self, ctx: &Context, dataset: Id<noun::Dataset>, error: Error) -> Error {
        let entry = Entry::done(Kind::RevealStopped, dataset).outcome(Outcome::Failed).reason(reason(&error));
        let (action, now) = (Action::DatasetsReveal, self.clock.now());
        match self.policy.record_failed(ctx, action, entry, now).await {
            Ok(()) => error,
            Err(unwritten) => {
                tracing::error!(%unwritten, %error, "a reveal that failed could not be recorded");
                unwritten.into()
            }
        }
    }

    /// The manifest, once it is this organization's, under the signature of someone it knows, for what that one may
    /// sign: a producer holds public keys alone, so it signs neither for modes that take a key of a field, nor for a
    /// run that was done here.
    pub(crate) async fn verified(
        &self,
        ctx: &Context,
        signed: &SignedManifest,
    ) -> Result<(Manifest, Signatory), Error> {
        let (signatory, key) = self.keys.signatory(ctx, &signed.signer()?).await?;
        let (provider, signed) = (self.provider.clone(), signed.clone());
        let manifest = compute(move || signed.verify(&*provider, &key)).await?;
        if manifest.organization != ctx.organization() {
            return Err(Error::Foreign);
        }
        if let Signatory::Producer(_) = signatory {
            manifest.policy.offline()?;
            let read = self.store.read(ctx).await?;
            if tables::outputs::get(&read, manifest.run).await?.is_some() {
                return Err(Error::OtherRun(manifest.run));
            }
        }
        Ok((manifest, signatory))
    }

    /// A protected file with the keys of these of its fields opened.
    pub(crate) async fn open_file(
        &self,
        ctx: &Context,
        permit: &Permit,
        manifest: &Manifest,
        policy: FieldPolicy,
    ) -> Result<(Engine<Reveal>, Lease), Error> {
        let (unlocked, lease) = self.unlock(ctx, permit, manifest, &policy).await?;
        let spool = manifest.output.format()?.spooled().then(|| self.spool()).transpose()?;
        let (provider, manifest, ring) = (self.provider.clone(), manifest.clone(), unlocked.ring);
        let file = compute(move || {
            let revealer = Revealer::new(provider, &manifest, policy, &ring)?;
            Reveal::new(&manifest, revealer, spool)
        });
        let under = self.under(ctx, permit, Asks::Values, unlocked.tokens);
        Ok((Engine::new(file.await?, under), lease))
    }
}

fn entry(manifest: &Manifest, policy: &FieldPolicy, signatory: Signatory) -> Entry {
    let names = names(policy);
    let entry = Entry::done(Kind::DatasetRevealed, manifest.dataset)
        .fact("run", manifest.run)
        .fact("fields", names.len())
        .fact("rows", manifest.output.rows())
        .details(serde_json::json!({ "fields": names }));
    match signatory {
        Signatory::Organization => entry,
        Signatory::Producer(producer) => entry.fact("producer", producer),
    }
}
