//! A run of revealing.

use crate::{Datasets, Error, batches, compute};
use base::{Action, Context, Fault as _, Id, Kind as FaultKind, noun};
use bytes::Bytes;
use crypto::value::DataKey;
use fields::{FieldPolicy, Manifest, Revealer, SignedManifest, formats::csv};
use keys::Signatory;
use ledger::{Entry, Kind, Outcome};
use policy::{Permit, Resource};

/// A protected CSV file that is being revealed. It has succeeded when [`finish`](Self::finish) has: that no row
/// is missing and no other column was altered is known only then, and what came out before an error must be
/// discarded.
#[must_use = "a reveal that is not finished was not checked"]
pub struct Revealing {
    datasets: Datasets,
    ctx: Context,
    permit: Permit,
    dataset: Id<noun::Dataset>,
    run: Id<noun::Job>,
    /// `None` once the run has ended.
    csv: Option<csv::Reveal>,
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
        if let Err(refused) = permit.covers(&ctx, Action::DatasetsReveal, resource, datasets.clock.now()) {
            return Err(datasets.refuse(&ctx, refused).await);
        }
        let (signatory, key) = datasets.keys.signatory(&ctx, &signed.signer()?).await?;
        let (provider, signed) = (datasets.provider.clone(), signed.clone());
        let manifest = compute(move || signed.verify(&*provider, &key)).await?;
        if manifest.organization != ctx.organization() {
            return Err(Error::Foreign);
        }
        let policy = manifest.part(fields)?;
        let opened = match open(&datasets, &ctx, &permit, &manifest, &policy).await {
            Err(Error::Refused(refused)) => return Err(datasets.refuse(&ctx, refused).await),
            opened => opened?,
        };
        let keys = opened.iter().map(|(field, key)| (field.as_str(), key));
        let revealer = Revealer::new(&*datasets.provider, &manifest, policy.clone(), keys)?;
        let csv = csv::Reveal::new(&manifest, revealer)?;
        // What cannot be recorded is not revealed: the entry comes before the first byte.
        let tx = datasets.store.write(&ctx).await?;
        tx.commit(entry(&manifest, &policy, signatory)).await?;
        let (dataset, run) = (manifest.dataset, manifest.run);
        Ok(Self { datasets, ctx, permit, dataset, run, csv: Some(csv) })
    }

    /// Takes the next bytes of the protected file and gives the revealed bytes that are complete. The permit is
    /// checked before each batch.
    ///
    /// # Errors
    /// [`Error::Refused`] once the actor may no longer; [`Error::Fields`] for what was altered, naming line and
    /// column. Either is recorded and ends the run.
    pub async fn push(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        let mut done = Vec::new();
        for batch in batches(bytes) {
            let mut csv = self.csv.take().ok_or(Error::Over)?;
            self.check(csv.rows()).await?;
            let (mut out, rows) = (std::mem::take(&mut done), csv.rows());
            let work = compute(move || csv.push(&batch, &mut out).map(|()| (csv, out))).await;
            let (csv, out) = self.recorded(work, rows).await?;
            (self.csv, done) = (Some(csv), out);
        }
        Ok(done.into())
    }

    /// Ends the file: its last bytes and the number of rows revealed.
    ///
    /// # Errors
    /// As [`push`](Self::push): among them a file that is not whole.
    pub async fn finish(mut self) -> Result<(Bytes, u64), Error> {
        let csv = self.csv.take().ok_or(Error::Over)?;
        let rows = csv.rows();
        self.check(rows).await?;
        let work = compute(move || {
            let mut rest = Vec::new();
            csv.finish(&mut rest).map(|rows| (rest, rows))
        });
        let (rest, rows) = self.recorded(work.await, rows).await?;
        Ok((rest.into(), rows))
    }

    /// Whether the actor may still see the next batch.
    async fn check(&self, rows: u64) -> Result<(), Error> {
        let Err(refused) = self.permit.check(self.datasets.clock.now()) else { return Ok(()) };
        let stopped = self.stopped(Outcome::Refused, refused.reason().code(), rows);
        self.datasets.record_refusal(&self.ctx, stopped).await;
        Err(Error::Refused(refused))
    }

    /// Records a failed check before handing it on: an altered file is a fact that someone will ask about.
    async fn recorded<T>(&self, work: Result<T, Error>, rows: u64) -> Result<T, Error> {
        if let Err(error) = &work {
            let reason = if error.kind() == FaultKind::CheckFailed { "altered" } else { "unreadable" };
            let stopped = self.stopped(Outcome::Failed, reason, rows);
            self.datasets.record_refusal(&self.ctx, stopped).await;
        }
        work
    }

    fn stopped(&self, outcome: Outcome, reason: &'static str, rows: u64) -> Entry {
        Entry::done(Kind::RevealStopped, self.dataset)
            .outcome(outcome)
            .reason(reason)
            .fact("run", self.run)
            .fact("rows", rows)
    }
}

/// Opens the data keys of the fields to reveal; `keys` checks the permit at each.
async fn open(
    datasets: &Datasets,
    ctx: &Context,
    permit: &Permit,
    manifest: &Manifest,
    policy: &FieldPolicy,
) -> Result<Vec<(String, DataKey)>, Error> {
    let mut opened = Vec::new();
    for key in &manifest.keys {
        if !policy.fields().iter().any(|field| field.path == key.field) {
            continue;
        }
        let info = manifest.key_info(key)?;
        let secret = datasets.keys.open_data_key(ctx, permit, manifest.dataset, &info, &key.sealed).await?;
        let data_key = DataKey::from_secret(crypto::value::Cipher::Gcm, key.id, &secret).map_err(fields::Error::from)?;
        opened.push((key.field.clone(), data_key));
    }
    Ok(opened)
}

fn entry(manifest: &Manifest, policy: &FieldPolicy, signatory: Signatory) -> Entry {
    let names = policy.fields().iter().map(|field| field.path.as_str()).collect::<Vec<_>>();
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
