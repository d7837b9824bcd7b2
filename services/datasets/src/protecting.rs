//! A run of protecting.

use crate::{
    Datasets, Error, Location, Name, compute,
    engine::{Asks, Engine, Under},
    tables,
    unlock::Unlocked,
    vouched,
};
use base::{Action, Context, Fault as _, Id, noun};
use bytes::Bytes;
use fields::{
    DatasetKey, FieldPolicy, Manifest, Protector, SignedManifest,
    formats::{Format, Protect},
};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};

/// A file that is being protected. Dropped before [`finish`](Self::finish), its output is of no use: nobody holds
/// a manifest to it.
#[must_use = "a run that is not finished has no manifest"]
pub struct Protecting {
    datasets: Datasets,
    ctx: Context,
    permit: Permit,
    dataset: Id<noun::Dataset>,
    location: Option<Location>,
    engine: Engine<Protect>,
    uses: Uses,
}

/// The end of a run.
#[derive(Debug)]
pub struct Protected {
    /// The last bytes of the output; none where `more` was called to its end.
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
        policy: Option<FieldPolicy>,
        format: Format,
    ) -> Result<Self, Error> {
        let dataset = name.dataset(ctx.organization());
        datasets.covers(&ctx, &permit, Action::DatasetsProtect, Resource::Dataset(dataset)).await?;
        let policy = match policy {
            Some(policy) => policy,
            None => {
                let stored = datasets.get(&ctx, name).await?.policy;
                stored.ok_or_else(|| Error::NoPolicy(name.to_string()))?
            }
        };
        let key = datasets.ensure(&ctx, name).await;
        let key = datasets.on_record(&ctx, (Action::DatasetsProtect, dataset), key).await?;
        let begun = datasets.begin_file(&ctx, &permit, key, policy, format).await;
        let (engine, uses) = datasets.on_record(&ctx, (Action::DatasetsProtect, dataset), begun).await?;
        Ok(Self { datasets, ctx, permit, dataset, location: None, engine, uses })
    }

    /// Says where the caller puts the output, with its manifest beside it, so that it is found there when its keys
    /// have been rotated.
    pub fn destined(&mut self, location: Location) {
        self.location = Some(location);
    }

    /// Rows protected so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.engine.rows()
    }

    /// Takes the next bytes of the file and gives the protected bytes that are complete.
    ///
    /// # Errors
    /// [`Error::Fields`] naming line and column; [`Error::Refused`], which has been recorded. Either ends the
    /// run.
    pub async fn push(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        let pushed = self.engine.push(bytes).await;
        Ok(self.counted(pushed).await?.into())
    }

    /// After the last bytes of the file: the next part of what is left, to be called until it gives `None`. The
    /// first call ends the input.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn more(&mut self) -> Result<Option<Bytes>, Error> {
        let more = self.engine.more().await;
        Ok(self.counted(more).await?.map(Bytes::from))
    }

    /// Ends the file: signs its manifest and records the run.
    ///
    /// # Errors
    /// As [`push`](Self::push); [`Error::Keys`], [`Error::Store`]: then there is no manifest.
    pub async fn finish(mut self) -> Result<Protected, Error> {
        let mut rest = Vec::new();
        while let Some(more) = self.more().await? {
            rest.extend_from_slice(&more);
        }
        if let Err(refused) = self.permit.check(self.datasets.clock.now()) {
            return Err(self.datasets.refuse(&self.ctx, refused).await);
        }
        let file = self.engine.take()?;
        let work = compute(move || file.finish(&mut rest).map(|manifest| (manifest, rest)));
        let (content, rest) = work.await?;
        let signed = self.datasets.signed(&self.ctx, &self.permit, self.dataset, content).await;
        let asked = (Action::DatasetsProtect, self.dataset);
        let (content, manifest) = self.datasets.on_record(&self.ctx, asked, signed).await?;
        let mut tx = self.datasets.store.write(&self.ctx).await?;
        // What stood at the same place may be gone.
        let before = match &self.location {
            Some(location) => tables::outputs::at(&tx, self.dataset, location).await?,
            None => Vec::new(),
        };
        let entry = entry(&content, &manifest, self.location.as_ref());
        self.datasets.register(&mut tx, &content, &manifest, self.location.take()).await?;
        tx.commit(vouched::forget(entry, &before)).await?;
        Ok(Protected { rest: rest.into(), manifest, content })
    }

    /// Ends the run with its first error, and counts the uses of field keys before what they protected goes out.
    async fn counted<T>(&mut self, work: Result<T, Error>) -> Result<T, Error> {
        let counted = match work {
            Ok(done) => self.uses.count(&self.datasets, &self.ctx, self.engine.values()).await.map(|()| done),
            failed => failed,
        };
        if counted.is_err() {
            self.engine.end();
        }
        self.datasets.on_record(&self.ctx, (Action::DatasetsProtect, self.dataset), counted).await
    }
}

/// The uses of a run's field keys that are on the keys' own count.
pub(crate) struct Uses {
    keys: Vec<Id<noun::Key>>,
    counted: u64,
}

impl Uses {
    /// Counts one use of each field key for each value that is new, of the field that has most.
    pub(crate) async fn count(
        &mut self,
        datasets: &Datasets,
        ctx: &Context,
        values: u64,
    ) -> Result<(), Error> {
        let more = values.saturating_sub(self.counted);
        if more > 0 {
            for key in &self.keys {
                datasets.keys.count_uses(ctx, *key, more).await?;
            }
            self.counted = values;
        }
        Ok(())
    }
}

impl Datasets {
    /// A new run on a file: field keys opened, fresh data keys drawn.
    pub(crate) async fn begin_file(
        &self,
        ctx: &Context,
        permit: &Permit,
        key: DatasetKey,
        policy: FieldPolicy,
        format: Format,
    ) -> Result<(Engine<Protect>, Uses), Error> {
        let Unlocked { ring, tokens, versions } = self.field_keys(ctx, permit, key.dataset, &policy).await?;
        let spool = format.spooled().then(|| self.spool()).transpose()?;
        let (provider, run) = (self.provider.clone(), self.fresh_run());
        let file = compute(move || {
            let protector = Protector::with_keys(provider, key, run, policy, &ring)?;
            Protect::new(format, protector, spool)
        });
        let under = self.under(ctx, permit, Asks::Tokens, tokens);
        Ok((Engine::new(file.await?, under), Uses { keys: versions, counted: 0 }))
    }

    pub(crate) fn under(
        &self,
        ctx: &Context,
        permit: &Permit,
        asks: Asks,
        tokens: Vec<crate::VaultField>,
    ) -> Under {
        Under {
            ctx: ctx.clone(),
            permit: permit.clone(),
            clock: self.clock.clone(),
            vault: self.vault.clone(),
            asks,
            tokens,
        }
    }

    /// Signs a manifest as this organization.
    pub(crate) async fn signed(
        &self,
        ctx: &Context,
        permit: &Permit,
        dataset: Id<noun::Dataset>,
        content: Manifest,
    ) -> Result<(Manifest, SignedManifest), Error> {
        let (typ, json) = (fields::TYPE, content.to_json());
        let jws = self.keys.sign(ctx, keys::Purpose::Manifest, permit, dataset, typ, json).await?;
        Ok((content, SignedManifest::from_jws(jws)))
    }

    /// Puts on record what policy or the keys have refused of what was `asked` for, and hands everything on.
    pub(crate) async fn on_record<T>(
        &self,
        ctx: &Context,
        asked: (Action, Id<noun::Dataset>),
        work: Result<T, Error>,
    ) -> Result<T, Error> {
        match work {
            Err(Error::Refused(refused)) => Err(self.refuse(ctx, refused).await),
            Err(error) if error.is_refusal() && !error.on_record() => {
                let (action, dataset) = asked;
                let entry = Entry::refused(action, dataset, error.reason());
                self.policy.record_failed(ctx, action, entry, self.clock.now()).await?;
                Err(error)
            }
            work => work,
        }
    }
}

fn entry(manifest: &Manifest, signed: &SignedManifest, location: Option<&Location>) -> Entry {
    let output = &manifest.output;
    let names = names(&manifest.policy);
    Entry::done(Kind::DatasetProtected, manifest.dataset)
        .fact("run", manifest.run)
        .fact("fields", names.len())
        .fact("rows", output.rows())
        .fact("bytes", output.bytes())
        .fact("sha256", output.sha256())
        .files(&vouched::made(manifest, signed))
        .details(vouched::details(&names, manifest.run, location))
}

/// The fields that a policy names.
pub(crate) fn names(policy: &FieldPolicy) -> Vec<String> {
    policy.fields().iter().map(|field| field.path.to_string()).collect()
}
