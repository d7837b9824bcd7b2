//! Datasets: which there are, how their fields are protected, and protecting and revealing them as streams.
//!
//! # Invariants
//! - Protecting needs only a dataset's public key, and field keys where a mode asks for one; a dataset and its key
//!   pair come into being in one commit.
//! - A reveal begins with a manifest under the signature of this organization or of a registered producer, and
//!   with its entry in the ledger: what cannot be recorded is not revealed.
//! - The permit is checked before every batch. A reveal whose actor was quarantined ends there, and the refusal
//!   is recorded, from the store's reserve if need be.
//! - One entry for each request, never one per row.
//! - Plaintext stays in memory. What must be spooled is encrypted under a key that lives in memory only.
//! - A run's output is registered with the versions of the keys that it needs, in the commit of its entry.
//!
//! # One value's way
//! [`Datasets::protect`] draws data keys and gives a [`Protecting`]; each [`push`](Protecting::push) gives
//! protected bytes; [`finish`](Protecting::finish) signs the manifest and records the run. [`Datasets::reveal`]
//! checks manifest and permit, opens the data keys through `keys`, records, and gives a [`Revealing`].
#![forbid(unsafe_code)]

mod directories;
mod engine;
mod error;
mod model;
mod ports;
mod protecting;
mod reencrypting;
mod registry;
mod release;
mod revealing;
mod scratch;
mod table_vault;
mod tables;
mod unlock;
mod vouched;
mod work;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use directories::Directories;
pub use error::Error;
pub use model::{
    ByVersion, Dataset, Detail, JobState, Location, MAX_LOCATION, MAX_NAME, Name, Output, Reencryption,
};
pub use ports::{
    Destination, DestinationError, Source, Stage, Stored, TokenVault, Values, VaultError, VaultField,
};
pub use protecting::{Protected, Protecting};
pub use reencrypting::Reencrypting;
pub use revealing::Revealing;
pub use table_vault::TableVault;

use base::{Action, Clock, Context, Id, Limit, Page, noun};
use crypto::Provider;
use fields::{DatasetKey, FieldPolicy, SignedManifest, formats::Format};
use keys::Keys;
use ledger::{Entry, Kind};
use policy::{Permit, Policy, Refused, Resource};
use std::{path::PathBuf, sync::Arc};
use store::{Schema, Store};

/// The tables, for [`Store::open`].
pub static SCHEMA: Schema = tables::SCHEMA;

/// Up to how many datasets of an organization a first protect creates for whoever may protect. Beyond them a dataset
/// is created by who may create datasets, so that a program that makes up names cannot fill the root of trust.
pub const FIRST_PROTECTS: u64 = 100;

/// The handle of the service. Cheap to clone.
#[derive(Clone)]
pub struct Datasets {
    store: Store,
    keys: Keys,
    policy: Policy,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    vault: Arc<dyn TokenVault>,
    destination: Option<Arc<dyn Destination>>,
    spool_dir: Option<PathBuf>,
    jobs: Arc<work::Jobs>,
}

impl Datasets {
    /// The service over a store and the keys in it. Its tokens are kept in that store too.
    #[must_use]
    pub fn new(
        store: Store,
        keys: Keys,
        policy: Policy,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let vault = Arc::new(TableVault::new(store.clone(), Arc::clone(&provider)));
        let (destination, spool_dir, jobs) = (None, None, Arc::default());
        Self { store, keys, policy, provider, clock, vault, destination, spool_dir, jobs }
    }

    /// The same with another vault of tokens.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<dyn TokenVault>) -> Self {
        self.vault = vault;
        self
    }

    /// The same with a place where outputs stand that this node may write to.
    #[must_use]
    pub fn with_destination(mut self, destination: Arc<dyn Destination>) -> Self {
        self.destination = Some(destination);
        self
    }

    /// The same with a directory for encrypted spool files: without one, formats that must be spooled are refused.
    #[must_use]
    pub fn with_spool(mut self, dir: PathBuf) -> Self {
        self.spool_dir = Some(dir);
        self
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
        let mut items = tables::datasets::list(&read, after, u64::from(limit.get()) + 1).await?;
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
        tables::datasets::get(&read, name).await?.ok_or_else(|| Error::NotFound(name.to_string()))
    }

    /// A dataset's public key, as the document that a producer is handed. What the producer protects with it is
    /// known to nobody here, so that version of the key is kept from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Keys`], [`Error::Store`].
    pub async fn public_key(&self, ctx: &Context, name: &Name) -> Result<DatasetKey, Error> {
        let dataset = self.get(ctx, name).await?.id;
        Ok(document(ctx, name, self.keys.hand_out(ctx, dataset).await?))
    }

    /// Creates a dataset and its key pair, with the policy that its runs follow where they name none. The permit is
    /// one of [`Action::DatasetsCreate`] for [`Name::dataset`].
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::Refused`], which has been recorded; [`Error::Keys`], [`Error::Store`].
    pub async fn create(
        &self,
        ctx: &Context,
        permit: &Permit,
        name: &Name,
        policy: Option<FieldPolicy>,
    ) -> Result<Dataset, Error> {
        let resource = Resource::Dataset(name.dataset(ctx.organization()));
        self.covers(ctx, permit, Action::DatasetsCreate, resource).await?;
        match self.make(ctx, name, policy.as_ref(), None).await? {
            Some(_) => self.get(ctx, name).await,
            None => Err(Error::Exists(name.to_string())),
        }
    }

    /// Sets the policy that a dataset's runs follow where they name none. What was protected before keeps the policy
    /// that stands in its manifest. The permit is one of [`Action::DatasetsCreate`] for [`Name::dataset`].
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`], which has been recorded; [`Error::Store`].
    pub async fn set_policy(
        &self,
        ctx: &Context,
        permit: &Permit,
        name: &Name,
        policy: FieldPolicy,
    ) -> Result<Dataset, Error> {
        let resource = Resource::Dataset(name.dataset(ctx.organization()));
        self.covers(ctx, permit, Action::DatasetsCreate, resource).await?;
        let mut tx = self.store.write(ctx).await?;
        let known = tables::datasets::get(&tx, name).await?;
        let dataset = known.ok_or_else(|| Error::NotFound(name.to_string()))?;
        tables::datasets::set_policy(&mut tx, dataset.id, &policy).await?;
        let entry = Entry::done(Kind::DatasetPolicySet, dataset.id)
            .fact("fields", policy.fields().len())
            .details(serde_json::json!({ "policy": policy }));
        tx.commit(entry).await?;
        Ok(Dataset { policy: Some(policy), ..dataset })
    }

    /// Begins to protect a file of a dataset, which is created if it is not there: by anyone who may protect up to
    /// [`FIRST_PROTECTS`] of them, beyond that by who may create them. It follows this policy, or the
    /// dataset's own where there is none. The permit is one of [`Action::DatasetsProtect`] for [`Name::dataset`].
    ///
    /// # Errors
    /// [`Error::Refused`], which has been recorded; [`Error::NoPolicy`]; [`Error::Keys`], [`Error::Store`].
    pub async fn protect(
        &self,
        ctx: &Context,
        permit: Permit,
        name: &Name,
        policy: Option<FieldPolicy>,
        format: Format,
    ) -> Result<Protecting, Error> {
        Protecting::begin(self.clone(), ctx.clone(), permit, name, policy, format).await
    }

    /// Begins to reveal what this manifest describes: these of its fields, or all. The permit is one of
    /// [`Action::DatasetsReveal`] for [`SignedManifest::dataset`]. Its entry is committed before this returns.
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
        match self.key_in_use(ctx, name).await {
            Err(Error::NotFound(_)) => {}
            known => return known,
        }
        let resource = Resource::Dataset(name.dataset(ctx.organization()));
        let may = self.policy.permit(ctx, Action::DatasetsCreate, resource, self.clock.now());
        match self.make(ctx, name, None, may.err()).await? {
            Some(key) => Ok(key),
            // Someone else created it while this one waited for its turn.
            None => self.key_in_use(ctx, name).await,
        }
    }

    async fn key_in_use(&self, ctx: &Context, name: &Name) -> Result<DatasetKey, Error> {
        let dataset = self.get(ctx, name).await?.id;
        Ok(document(ctx, name, self.keys.dataset_key(ctx, dataset).await?))
    }

    /// Creates the dataset and its key pair; `None` where it is there. Whoever may not create datasets otherwise
    /// (`beyond`) is refused once there are [`FIRST_PROTECTS`].
    async fn make(
        &self,
        ctx: &Context,
        name: &Name,
        policy: Option<&FieldPolicy>,
        beyond: Option<Refused>,
    ) -> Result<Option<DatasetKey>, Error> {
        let id = name.dataset(ctx.organization());
        let mut tx = self.store.write(ctx).await?;
        if tables::datasets::get(&tx, name).await?.is_some() {
            return Ok(None);
        }
        if let Some(refused) = beyond
            && tables::datasets::count(&tx).await? >= FIRST_PROTECTS
        {
            return Err(Error::Refused(refused));
        }
        tables::datasets::add(&mut tx, id, name, policy).await?;
        let (key, generated) = self.keys.create_dataset(&mut tx, id).await?;
        let created = Entry::done(Kind::DatasetCreated, id)
            .fact("key", key.id)
            .details(serde_json::json!({ "name": name.as_str(), "policy": policy }));
        tx.commit_all(vec![created, generated]).await?;
        Ok(Some(document(ctx, name, key)))
    }

    fn fresh_run(&self) -> fields::Run {
        let created = self.clock.now();
        fields::Run { id: Id::<noun::Job>::fresh(created, crypto::random(&*self.provider)), created }
    }

    /// Whether the permit is for this, and may begin; a refusal is put on record.
    async fn covers(
        &self,
        ctx: &Context,
        permit: &Permit,
        action: Action,
        resource: Resource,
    ) -> Result<(), Error> {
        match permit.covers(ctx, action, resource, self.clock.now()) {
            Ok(()) => Ok(()),
            Err(refused) => Err(self.refuse(ctx, refused).await),
        }
    }

    /// Puts a refusal on record, and gives it back as the error that it is.
    async fn refuse(&self, ctx: &Context, refused: Refused) -> Error {
        let entry = refused.entry();
        self.refuse_as(ctx, refused, entry).await
    }

    /// As [`refuse`](Self::refuse), by this entry. Where it cannot be recorded, that is the error: nothing goes on, and no
    /// refusal leaves without its entry. An actor that is refused without end is counted.
    async fn refuse_as(&self, ctx: &Context, refused: Refused, entry: Entry) -> Error {
        match self.policy.record_as(ctx, &refused, entry, self.clock.now()).await {
            Ok(()) => Error::Refused(refused),
            Err(error) => {
                tracing::error!(%error, "a refusal could not be recorded, so it is not answered as one");
                Error::Store(error)
            }
        }
    }
}

fn document(ctx: &Context, name: &Name, key: keys::DatasetKey) -> DatasetKey {
    let keys::DatasetKey { id: key, dataset, public } = key;
    DatasetKey { organization: ctx.organization(), dataset, name: name.to_string(), key, public }
}

/// Runs work that keeps a processor busy on a thread that may be.
async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, fields::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| Error::Worker)??)
}
