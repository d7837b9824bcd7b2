//! Datasets: which there are, and protecting and revealing them as streams.
//!
//! # Invariants
//! - Protecting needs only a dataset's public key; a dataset and its key pair come into being in one commit, at
//!   its first protect.
//! - A reveal begins with a manifest under the signature of this organization or of a registered producer, and
//!   with its entry in the ledger: what cannot be recorded is not revealed.
//! - The permit is checked before every batch. A reveal whose actor was quarantined ends there, and the refusal
//!   is recorded, from the store's reserve if need be.
//! - One entry for each request, never one per row.
//!
//! # One value's way
//! [`Datasets::protect`] draws data keys and gives a [`Protecting`]; each [`push`](Protecting::push) gives
//! protected bytes; [`finish`](Protecting::finish) signs the manifest and records the run. [`Datasets::reveal`]
//! checks manifest and permit, opens the data keys through `keys`, records, and gives a [`Revealing`].
#![forbid(unsafe_code)]

mod error;
mod model;
mod protecting;
mod revealing;
mod tables;

pub use error::Error;
pub use model::{Dataset, MAX_NAME, Name};
pub use protecting::{Protected, Protecting};
pub use revealing::Revealing;

use base::{Clock, Context, Id, Limit, Page, noun};
use bytes::Bytes;
use crypto::Provider;
use fields::{DatasetKey, FieldPolicy, SignedManifest, formats::csv::Dialect};
use keys::Keys;
use ledger::{Entry, Kind};
use policy::{Permit, Refused};
use std::sync::Arc;
use store::{Schema, Store};

/// The tables, for [`Store::open`].
pub static SCHEMA: Schema = tables::SCHEMA;

/// The most bytes that one permit check covers.
const BATCH: usize = 256 << 10;

/// The handle of the service. Cheap to clone.
#[derive(Clone)]
pub struct Datasets {
    store: Store,
    keys: Keys,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
}

impl Datasets {
    /// The service over a store and the keys in it.
    #[must_use]
    pub fn new(store: Store, keys: Keys, provider: Arc<dyn Provider>, clock: Arc<dyn Clock>) -> Self {
        Self { store, keys, provider, clock }
    }

    /// A page of datasets, by name.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn list(
        &self,
        ctx: &Context,
        limit: Limit,
        after: Option<&str>,
    ) -> Result<Page<Dataset>, Error> {
        let read = self.store.read(ctx).await?;
        let mut items = tables::list(&read, after, u64::from(limit.get()) + 1).await?;
        let more = items.len() > limit.get() as usize;
        items.truncate(limit.get() as usize);
        let next = items.last().filter(|_| more).map(|last| last.name.to_string());
        Ok(Page { items, next })
    }

    /// One dataset.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Damaged`].
    pub async fn get(&self, ctx: &Context, name: &Name) -> Result<Dataset, Error> {
        let read = self.store.read(ctx).await?;
        tables::get(&read, name).await?.ok_or_else(|| Error::NotFound(name.to_string()))
    }

    /// A dataset's public key, as the document that a producer is handed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Keys`], [`Error::Store`].
    pub async fn public_key(&self, ctx: &Context, name: &Name) -> Result<DatasetKey, Error> {
        let dataset = self.get(ctx, name).await?;
        let keys::DatasetKey { id: key, dataset, public } = self.keys.dataset_key(ctx, dataset.id).await?;
        Ok(DatasetKey { organization: ctx.organization(), dataset, name: name.to_string(), key, public })
    }

    /// Begins to protect a CSV file of a dataset, which is created if it is not there. The permit is one for
    /// [`Name::dataset`].
    ///
    /// # Errors
    /// [`Error::Refused`], which has been recorded; [`Error::Keys`], [`Error::Store`].
    pub async fn protect(
        &self,
        ctx: &Context,
        permit: Permit,
        name: &Name,
        policy: FieldPolicy,
        dialect: Dialect,
    ) -> Result<Protecting, Error> {
        Protecting::begin(self.clone(), ctx.clone(), permit, name, policy, dialect).await
    }

    /// Begins to reveal what this manifest describes: these of its fields, or all. The permit is one for
    /// [`SignedManifest::dataset`]. Its entry is committed before this returns.
    ///
    /// # Errors
    /// [`Error::Refused`], which has been recorded; [`Error::Fields`] for a manifest that is altered or signed by
    /// nobody known; [`Error::Foreign`]; [`Error::Keys`], [`Error::Store`].
    pub async fn reveal(
        &self,
        ctx: &Context,
        permit: Permit,
        manifest: &SignedManifest,
        fields: Option<&[String]>,
    ) -> Result<Revealing, Error> {
        Revealing::begin(self.clone(), ctx.clone(), permit, manifest, fields).await
    }

    /// Creates the dataset and its key pair, unless it is there.
    async fn ensure(&self, ctx: &Context, name: &Name) -> Result<DatasetKey, Error> {
        match self.public_key(ctx, name).await {
            Err(Error::NotFound(_)) => {}
            known => return known,
        }
        let id = name.dataset(ctx.organization());
        let mut tx = self.store.write(ctx).await?;
        if tables::get(&tx, name).await?.is_some() {
            // Someone else created it while this one waited for its turn.
            drop(tx);
            return self.public_key(ctx, name).await;
        }
        tables::add(&mut tx, id, name).await?;
        let (keys::DatasetKey { id: key, dataset, public }, generated) =
            self.keys.create_dataset(&mut tx, id).await?;
        let created = Entry::done(Kind::DatasetCreated, id)
            .fact("key", key)
            .details(serde_json::json!({ "name": name.as_str() }));
        tx.commit_all(vec![created, generated]).await?;
        Ok(DatasetKey { organization: ctx.organization(), dataset, name: name.to_string(), key, public })
    }

    fn fresh_run(&self) -> fields::Run {
        let created = self.clock.now();
        fields::Run { id: Id::<noun::Job>::fresh(created, crypto::random(&*self.provider)), created }
    }

    /// Puts a refusal on record, and gives it back as the error that it is.
    async fn refuse(&self, ctx: &Context, refused: Refused) -> Error {
        let entry = refused.entry();
        self.record_refusal(ctx, entry).await;
        Error::Refused(refused)
    }

    /// Records from the reserve when the disk is full. The refusal holds even where it cannot be recorded; then
    /// the reserve is spent, and `doctor` and `/readyz` say so.
    async fn record_refusal(&self, ctx: &Context, entry: Entry) {
        if let Err(error) = self.store.record(ctx, &entry).await {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }
}

/// Runs work that keeps a processor busy on a thread that may be.
async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, fields::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| Error::Worker)??)
}

/// Cuts what arrived into batches.
fn batches(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let length = bytes.len().min(BATCH);
        (length > 0).then(|| bytes.split_to(length))
    })
}
