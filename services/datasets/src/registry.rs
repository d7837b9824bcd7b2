//! The register of outputs: what was protected here, under which versions of keys, and where it was put.

use crate::{ByVersion, Datasets, Detail, Error, Location, Name, Output, tables, vouched};
use base::{Action, Context, Id, Limit, Page, noun};
use crypto::FieldAlgorithm;
use fields::{Manifest, SignedManifest};
use keys::{Filter, Purpose, Referrer, State};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use store::Tx;
use tables::outputs::Registered;

impl Datasets {
    /// A dataset, its key in use, how much stands under which version, and how far protecting anew is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Keys`], [`Error::Store`], [`Error::Damaged`].
    pub async fn show(&self, ctx: &Context, name: &Name) -> Result<Detail, Error> {
        let dataset = self.get(ctx, name).await?;
        let in_use = self.keys_in_use(ctx, dataset.id).await?;
        let read = self.store.read(ctx).await?;
        let counts = tables::outputs::by_key(&read, dataset.id).await?;
        drop(read);
        let outputs = counts.into_iter().map(|count| ByVersion {
            key: count.key,
            current: in_use.has(count.key),
            outputs: count.outputs,
            rows: count.rows,
            bytes: count.bytes,
        });
        let reencryption = self.reencryption_of(ctx, dataset.id).await?;
        Ok(Detail { outputs: outputs.collect(), key: in_use.pair, reencryption, dataset })
    }

    /// A page of a dataset's outputs, oldest first; with `old_only`, those of which a key is not in use any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Keys`], [`Error::Store`], [`Error::Damaged`].
    pub async fn outputs(
        &self,
        ctx: &Context,
        name: &Name,
        old_only: bool,
        limit: Limit,
        after: Option<Id<noun::Job>>,
    ) -> Result<Page<Output>, Error> {
        let dataset = self.get(ctx, name).await?.id;
        let in_use = self.keys_in_use(ctx, dataset).await?;
        let wanted = limit.get() as usize;
        let (mut items, mut after) = (Vec::new(), after);
        let read = self.store.read(ctx).await?;
        loop {
            let page = tables::outputs::list(&read, dataset, after, u64::from(limit.get()) + 1).await?;
            let last = page.len() <= wanted;
            let keys = tables::outputs::keys_of(&read, page.iter().map(|output| output.run)).await?;
            for output in page {
                after = Some(output.run);
                let current = in_use.all(keys.get(&output.run).map_or(&[], Vec::as_slice));
                if !(old_only && current) {
                    items.push(self.output(output, current));
                }
                if items.len() > wanted {
                    break;
                }
            }
            if last || items.len() > wanted {
                break;
            }
        }
        let more = items.len() > wanted;
        items.truncate(wanted);
        let next = items.last().filter(|_| more).map(|last| last.run.to_string());
        Ok(Page { items, next })
    }

    /// Takes an output off the register, because a person says that it is no more: its keys are not kept for its
    /// sake any longer. The permit is one of [`Action::KeysReencrypt`] on the dataset.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::NoOutput`], [`Error::Store`].
    pub async fn forget_output(
        &self,
        ctx: &Context,
        permit: &Permit,
        name: &Name,
        run: Id<noun::Job>,
    ) -> Result<(), Error> {
        let resource = Resource::Dataset(name.dataset(ctx.organization()));
        self.covers(ctx, permit, Action::KeysReencrypt, resource).await?;
        let dataset = self.get(ctx, name).await?.id;
        let mut tx = self.store.write(ctx).await?;
        let known = tables::outputs::get(&tx, run).await?.filter(|output| output.dataset == dataset);
        known.ok_or(Error::NoOutput(run))?;
        self.unregister(&mut tx, run).await?;
        let entry = Entry::done(Kind::DatasetOutputForgotten, dataset).fact("run", run);
        tx.commit(vouched::forget(entry, &[run])).await?;
        Ok(())
    }

    pub(crate) fn output(&self, output: Registered, current: bool) -> Output {
        let writable = output.location.as_ref().is_some_and(|location| self.writable(location));
        let Registered {
            run, key, format, rows, bytes, sha256, manifest_sha256, location, created_at, ..
        } = output;
        Output {
            run,
            key,
            current,
            format,
            rows,
            bytes,
            sha256,
            manifest_sha256,
            location,
            writable,
            created_at,
        }
    }

    pub(crate) fn writable(&self, location: &Location) -> bool {
        self.destination.as_ref().is_some_and(|destination| destination.writable(location))
    }

    /// Enters a finished run, and that its keys are referred to.
    pub(crate) async fn register(
        &self,
        tx: &mut Tx,
        manifest: &Manifest,
        signed: &SignedManifest,
        location: Option<Location>,
    ) -> Result<(), Error> {
        let described = &manifest.output;
        let output = Registered {
            run: manifest.run,
            dataset: manifest.dataset,
            key: manifest.recipient,
            format: described.format()?.as_str().to_owned(),
            rows: described.rows(),
            bytes: described.bytes(),
            sha256: described.sha256().to_owned(),
            manifest_sha256: manifest_hash(signed),
            location,
            created_at: manifest.created,
        };
        let keys = keys_of(manifest);
        for key in &keys {
            self.keys.refer(tx, *key, Referrer::Run(manifest.run)).await?;
        }
        tables::outputs::add(tx, &output, &keys).await
    }

    /// Takes a run off the register, and its references to keys with it.
    pub(crate) async fn unregister(&self, tx: &mut Tx, run: Id<noun::Job>) -> Result<(), Error> {
        for key in tables::outputs::keys(tx, run).await? {
            self.keys.unrefer(tx, key, Referrer::Run(run)).await?;
        }
        tables::outputs::remove(tx, run).await?;
        Ok(())
    }

    pub(crate) async fn keys_in_use(
        &self,
        ctx: &Context,
        dataset: Id<noun::Dataset>,
    ) -> Result<InUse, Error> {
        let pair = match self.keys.dataset_key(ctx, dataset).await {
            // Suspended, and yet the one that would be in use.
            Err(keys::Error::Closed { key, .. } | keys::Error::Lost { key }) => key,
            key => key?.id,
        };
        let filter =
            Filter { purpose: Some(Purpose::Field), dataset: Some(dataset), field: None, state: None };
        let (mut fields, mut one_way, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let page = self.keys.versions(ctx, &filter, Limit::default(), after).await?;
            after = page.items.last().map(|key| key.id);
            for key in page.items {
                if key.state == State::Active {
                    fields.push(key.id);
                } else if key.algorithm == FieldAlgorithm::BlindIndex.as_str() {
                    one_way.push(key.id);
                }
            }
            if page.next.is_none() {
                return Ok(InUse { pair, fields, one_way });
            }
        }
    }
}

/// The versions of a dataset's keys that are in use.
pub(crate) struct InUse {
    pub(crate) pair: Id<noun::Key>,
    pub(crate) fields: Vec<Id<noun::Key>>,
    /// Versions out of use whose values have no way back: what stands under them stays there.
    one_way: Vec<Id<noun::Key>>,
}

impl InUse {
    pub(crate) fn has(&self, key: Id<noun::Key>) -> bool {
        self.pair == key || self.fields.contains(&key)
    }

    /// Whether nothing under these keys is to be protected anew.
    pub(crate) fn all(&self, keys: &[Id<noun::Key>]) -> bool {
        keys.iter().all(|key| self.has(*key) || self.one_way.contains(key))
    }
}

/// SHA-256 of a manifest file.
pub(crate) fn manifest_hash(signed: &SignedManifest) -> String {
    base::digest::hex(&base::digest::sha256(&signed.to_file()))
}

/// The versions of keys that a manifest refers to.
pub(crate) fn keys_of(manifest: &Manifest) -> Vec<Id<noun::Key>> {
    let mut keys = vec![manifest.recipient];
    keys.extend(manifest.field_keys.iter().map(|version| version.key));
    keys
}
