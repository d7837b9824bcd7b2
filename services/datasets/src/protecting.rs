//! A run of protecting.

use crate::{Datasets, Error, Name, batches, compute};
use base::{Action, Context, Id, noun};
use bytes::Bytes;
use fields::{FieldPolicy, Manifest, Protector, SignedManifest, formats::csv};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};

/// A CSV file that is being protected. Dropped before [`finish`](Self::finish), its output is of no use: nobody
/// holds a manifest to it.
#[must_use = "a run that is not finished has no manifest"]
pub struct Protecting {
    datasets: Datasets,
    ctx: Context,
    permit: Permit,
    dataset: Id<noun::Dataset>,
    /// `None` once the run has ended.
    csv: Option<csv::Protect>,
}

/// The end of a run.
#[derive(Debug)]
pub struct Protected {
    /// The last bytes of the output.
    pub rest: Bytes,
    /// The manifest, signed and on record.
    pub manifest: SignedManifest,
    /// What it says.
    pub content: Manifest,
}

impl Protecting {
    pub(crate) async fn begin(
        datasets: Datasets,
        ctx: Context,
        permit: Permit,
        name: &Name,
        policy: FieldPolicy,
        dialect: csv::Dialect,
    ) -> Result<Self, Error> {
        let dataset = name.dataset(ctx.organization());
        let resource = Resource::Dataset(dataset);
        if let Err(refused) = permit.covers(&ctx, Action::DatasetsProtect, resource, datasets.clock.now()) {
            return Err(datasets.refuse(&ctx, refused).await);
        }
        let key = datasets.ensure(&ctx, name).await?;
        let (provider, run) = (datasets.provider.clone(), datasets.fresh_run());
        let csv = compute(move || {
            let protector = Protector::new(provider, key, run, policy)?;
            Ok(csv::Protect::new(dialect, protector))
        });
        let csv = Some(csv.await?);
        Ok(Self { datasets, ctx, permit, dataset, csv })
    }

    /// Takes the next bytes of the file and gives the protected bytes that are complete.
    ///
    /// # Errors
    /// [`Error::Fields`] naming line and column; [`Error::Refused`], which has been recorded. Either ends the
    /// run.
    pub async fn push(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        let mut done = Vec::new();
        for batch in batches(bytes) {
            let mut csv = self.csv.take().ok_or(Error::Over)?;
            self.check().await?;
            let mut out = std::mem::take(&mut done);
            let work = compute(move || csv.push(&batch, &mut out).map(|()| (csv, out)));
            let (csv, out) = work.await?;
            (self.csv, done) = (Some(csv), out);
        }
        Ok(done.into())
    }

    /// Ends the file: signs its manifest and records the run.
    ///
    /// # Errors
    /// As [`push`](Self::push); [`Error::Keys`], [`Error::Store`]: then there is no manifest.
    pub async fn finish(mut self) -> Result<Protected, Error> {
        let csv = self.csv.take().ok_or(Error::Over)?;
        self.check().await?;
        let work = compute(move || {
            let mut rest = Vec::new();
            csv.finish(&mut rest).map(|manifest| (manifest, rest))
        });
        let (content, rest) = work.await?;
        let key = self.datasets.keys.manifest_key(&self.ctx, &self.permit, self.dataset).await?;
        let (content, manifest) = compute(move || {
            let manifest = content.sign(&key);
            Ok((content, manifest))
        })
        .await?;
        let tx = self.datasets.store.write(&self.ctx).await?;
        tx.commit(entry(&content)).await?;
        Ok(Protected { rest: rest.into(), manifest, content })
    }

    async fn check(&self) -> Result<(), Error> {
        match self.permit.check(self.datasets.clock.now()) {
            Ok(()) => Ok(()),
            Err(refused) => Err(self.datasets.refuse(&self.ctx, refused).await),
        }
    }
}

fn entry(manifest: &Manifest) -> Entry {
    let fields::Output::Csv { rows, bytes, sha256, .. } = &manifest.output;
    let names = manifest.policy.fields().iter().map(|field| field.path.as_str()).collect::<Vec<_>>();
    Entry::done(Kind::DatasetProtected, manifest.dataset)
        .fact("run", manifest.run)
        .fact("fields", names.len())
        .fact("rows", rows)
        .fact("bytes", bytes)
        .fact("sha256", sha256)
        .details(serde_json::json!({ "fields": names }))
}
