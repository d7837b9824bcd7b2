//! A run of protecting anew: what a manifest describes is revealed in memory, piece by piece, and protected under the
//! keys in use. Plaintext does not leave the node, and nobody sees it.

use crate::{
    Datasets, Error, Location, Protected, compute,
    engine::Engine,
    protecting::{Uses, names},
    vouched,
};
use base::{Action, Context};
use bytes::Bytes;
use fields::{
    FieldPolicy, Manifest, SignedManifest,
    formats::{Protect, Reveal},
};
use keys::Lease;
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use zeroize::Zeroizing;

/// A protected file that is being protected anew. What was pushed counts for nothing before
/// [`finish`](Self::finish): only then it is known that the old file was whole.
#[must_use = "a run that is not finished has no manifest"]
pub struct Reencrypting {
    datasets: Datasets,
    ctx: Context,
    permit: Permit,
    old: Manifest,
    location: Option<Location>,
    from: Engine<Reveal>,
    to: Engine<Protect>,
    lease: Lease,
    uses: Uses,
}

impl Reencrypting {
    pub(crate) async fn begin(
        datasets: Datasets,
        ctx: Context,
        permit: Permit,
        signed: &SignedManifest,
    ) -> Result<Self, Error> {
        let resource = Resource::Dataset(signed.dataset()?);
        datasets.covers(&ctx, &permit, Action::KeysReencrypt, resource).await?;
        let asked = (Action::KeysReencrypt, signed.dataset()?);
        let verified = datasets.verified(&ctx, signed).await;
        let (old, _) = datasets.on_record(&ctx, asked, verified).await?;
        if !old.policy.fields().iter().any(|field| field.mode.opens()) {
            return Err(Error::OneWay);
        }
        let begun = Self::open(&datasets, &ctx, &permit, &old).await;
        let (from, lease, to, uses) = datasets.on_record(&ctx, asked, begun).await?;
        Ok(Self { datasets, ctx, permit, old, location: None, from, to, lease, uses })
    }

    async fn open(
        datasets: &Datasets,
        ctx: &Context,
        permit: &Permit,
        old: &Manifest,
    ) -> Result<(Engine<Reveal>, Lease, Engine<Protect>, Uses), Error> {
        let policy = old.part(None)?;
        let (from, lease) = datasets.open_file(ctx, permit, old, policy.clone()).await?;
        let keys::DatasetKey { id: key, dataset, public } =
            datasets.keys.dataset_key(ctx, old.dataset).await?;
        let organization = ctx.organization();
        let to = fields::DatasetKey { organization, dataset, name: String::new(), key, public };
        let (to, uses) = datasets.begin_file(ctx, permit, to, policy, old.output.format()?).await?;
        Ok((from, lease, to, uses))
    }

    /// Says where the caller puts the new output, with its manifest beside it.
    pub fn destined(&mut self, location: Location) {
        self.location = Some(location);
    }

    /// Rows protected anew so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.to.rows()
    }

    /// Takes the next bytes of the protected file and gives those that are protected anew. The permit is checked
    /// before each batch, and that the keys are still open.
    ///
    /// # Errors
    /// [`Error::Refused`], which has been recorded; [`Error::Keys`] once a key was closed; [`Error::Fields`] for what
    /// was altered. Each ends the run.
    pub async fn push(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        let pushed = self.forward(bytes).await;
        Ok(self.ended(pushed).await?.into())
    }

    /// After the last bytes of the protected file: the next part of what is left, to be called until it gives
    /// `None`.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn more(&mut self) -> Result<Option<Bytes>, Error> {
        let more = self.rest().await;
        Ok(self.ended(more).await?.map(Bytes::from))
    }

    /// Ends the file: signs its manifest and records the run. What is one-way in the old file (mask, blind index)
    /// stays as it is, with the keys that its manifest named.
    ///
    /// # Errors
    /// As [`push`](Self::push); [`Error::Keys`], [`Error::Store`]: then there is no manifest.
    pub async fn finish(mut self) -> Result<Protected, Error> {
        let mut rest = Vec::new();
        while let Some(more) = self.more().await? {
            rest.extend_from_slice(&more);
        }
        let asked = (Action::KeysReencrypt, self.old.dataset);
        let may = self.permit.check(self.datasets.clock.now()).map_err(Error::from);
        self.datasets.on_record(&self.ctx, asked, may).await?;
        let file = self.to.take()?;
        let work = compute(move || file.finish(&mut rest).map(|manifest| (manifest, rest)));
        let (mut content, rest) = work.await?;
        carry(&self.old, &mut content)?;
        let signed = self.datasets.signed(&self.ctx, &self.permit, self.old.dataset, content).await;
        let (content, manifest) = self.datasets.on_record(&self.ctx, asked, signed).await?;
        let mut tx = self.datasets.store.write(&self.ctx).await?;
        let entry = entry(&self.old, &content, &manifest, self.location.as_ref());
        self.datasets.register(&mut tx, &content, &manifest, self.location.take()).await?;
        tx.commit(entry).await?;
        Ok(Protected { rest: rest.into(), manifest, content })
    }

    async fn forward(&mut self, bytes: Bytes) -> Result<Vec<u8>, Error> {
        self.check().await?;
        let plain = Zeroizing::new(self.from.push(bytes).await?);
        self.onward(plain).await
    }

    async fn rest(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.check().await?;
        while !self.from.over() {
            match self.from.more().await? {
                Some(plain) => {
                    let out = self.onward(Zeroizing::new(plain)).await?;
                    if !out.is_empty() {
                        return Ok(Some(out));
                    }
                }
                None => {
                    // That the old file is whole: before a byte of the end of the new one.
                    let file = self.from.take()?;
                    let last = compute(move || {
                        let mut plain = Zeroizing::new(Vec::new());
                        file.finish(&mut plain).map(|_| plain)
                    });
                    let last = last.await?;
                    let out = self.onward(last).await?;
                    if !out.is_empty() {
                        return Ok(Some(out));
                    }
                }
            }
        }
        let out = self.to.more().await?;
        self.count().await?;
        Ok(out)
    }

    /// Protects revealed bytes.
    async fn onward(&mut self, mut plain: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, Error> {
        if plain.is_empty() {
            return Ok(Vec::new());
        }
        let out = self.to.push(Bytes::from_owner(Wiped(std::mem::take(&mut *plain)))).await?;
        self.count().await?;
        Ok(out)
    }

    async fn count(&mut self) -> Result<(), Error> {
        self.uses.count(&self.datasets, &self.ctx, self.to.values()).await
    }

    async fn check(&mut self) -> Result<(), Error> {
        if self.to.over() {
            return Err(Error::Over);
        }
        self.permit.check(self.datasets.clock.now())?;
        Ok(self.datasets.keys.check(&self.ctx, &mut self.lease).await?)
    }

    async fn ended<T>(&mut self, work: Result<T, Error>) -> Result<T, Error> {
        if work.is_err() {
            self.from.end();
            self.to.end();
        }
        self.datasets.on_record(&self.ctx, (Action::KeysReencrypt, self.old.dataset), work).await
    }
}

/// Bytes that are overwritten when the last who holds them lets go.
struct Wiped(Vec<u8>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// Takes over what cannot be opened: its fields in their order, and the keys that they stand under.
fn carry(old: &Manifest, new: &mut Manifest) -> Result<(), Error> {
    let anew = |path: &fields::Path| new.policy.fields().iter().find(|field| field.path == *path);
    let fields = old.policy.fields().iter();
    let fields = fields.map(|field| anew(&field.path).unwrap_or(field).clone()).collect();
    let policy = FieldPolicy::new(fields, old.policy.row_key().cloned())?;
    let one_way = old.policy.fields().iter().filter(|field| !field.mode.opens());
    let kept = one_way.filter_map(|field| old.field_key(field.path.as_str()).cloned());
    let kept: Vec<_> = kept.collect();
    new.field_keys.extend(kept);
    new.policy = policy;
    Ok(())
}

/// The old output may stay where it is, if this one is put elsewhere, or go.
fn entry(old: &Manifest, new: &Manifest, signed: &SignedManifest, location: Option<&Location>) -> Entry {
    let names = names(&new.policy);
    let entry = Entry::done(Kind::DatasetReencrypted, new.dataset)
        .fact("run", new.run)
        .fact("from_run", old.run)
        .fact("from_key", old.recipient)
        .fact("key", new.recipient)
        .fact("fields", names.len())
        .fact("rows", new.output.rows())
        .fact("bytes", new.output.bytes())
        .fact("sha256", new.output.sha256())
        .files(&vouched::made(new, signed))
        .details(vouched::details(&names, new.run, location));
    vouched::forget(entry, &[old.run])
}
