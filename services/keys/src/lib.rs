//! The key hierarchy: a root of trust wraps an organization's keys, those protect its datasets' keys, and
//! these open the data keys that every protected output carries with it.
//!
//! ```text
//! root of trust ──wraps──► organization key pair ──seals──► dataset key pair ──opens──► data keys
//!               └─wraps──► log and manifest signing keys
//! ```
//!
//! # Invariants
//! - No private half is stored that the root did not wrap, and the root wraps under a random record per unit
//!   (an organization, a dataset) which stands in no database. A dataset's private half is sealed to the
//!   organization's public key first: both units must be there to open it.
//! - One key serves one purpose and one algorithm; it bears its suite or algorithm in its row.
//! - A data key is opened for a [`Permit`] to reveal that very dataset, and the permit is checked at every
//!   open, before anything is unwrapped. Protecting needs only the dataset's public half.
//! - An organization's keys and the first entry of its ledger, which names the log's keys, are one commit.
//!
//! # One value's way
//! A reveal holds a manifest with a sealed data key. `datasets` calls [`Keys::open_data_key`] with its permit:
//! the permit reads the standing again; the dataset's private half is unwrapped by the root, opened with the
//! organization's, and opens the data key, which is wiped when the reveal drops it.
#![forbid(unsafe_code)]

mod error;
mod model;
mod ports;
mod producers;
mod sealed_file;
mod tables;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use error::Error;
pub use model::{DatasetKey, Producer, Purpose, Signatory};
pub use ports::{Attestation, Health, RootError, RootOfTrust, Unit};
pub use sealed_file::{Restored, SealedFile};

use base::{Action, Clock, Context, Id, Secret, noun};
use crypto::{
    Provider, Suite, bind, hpke,
    sign::{Algorithm, SigningKey, VerifyingKey},
};
use ledger::{Entry, Kind, checkpoint};
use policy::{Permit, Resource};
use std::sync::Arc;
use store::{OUTBOX, Queries, Schema, Store, Tx};
use tables::{Half, Row};
use verify::{SignatureType, VerifierKey};

/// The tables, for [`Store::open`].
pub static SCHEMA: Schema = tables::SCHEMA;

/// The suite of new keys.
const SUITE: Suite = Suite::Hybrid768;

/// What the redaction key is used with.
const REDACTION: &str = "HMAC-SHA256";

/// The handle of the service. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    store: Store,
    root: Arc<dyn RootOfTrust>,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
}

impl Keys {
    /// The service over a store and a root of trust.
    #[must_use]
    pub fn new(
        store: Store,
        root: Arc<dyn RootOfTrust>,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, root, provider, clock }
    }

    /// Begins an organization: its key pair, its log's two signing keys, the key that signs its manifests,
    /// the key of its redactions, and the first entry of its ledger, which names the log's keys, in one commit. `false` where that has
    /// been done; so a start that was cut off is completed by calling it again.
    ///
    /// # Errors
    /// [`Error::Root`], [`Error::Store`].
    pub async fn begin(&self, ctx: &Context) -> Result<bool, Error> {
        let mut tx = self.store.write(ctx).await?;
        if tx.end(OUTBOX).await? > 0 {
            return Ok(false);
        }
        let organization = ctx.organization();
        let unit = Unit::Organization(organization);
        let log = Unit::Log(organization);
        self.root.enroll(unit).await?;
        self.root.enroll(log).await?;
        let pair = hpke::KeyPair::generate(&*self.provider, SUITE);
        let mut entries = Vec::new();
        let half = Half { private: pair.private.as_secret(), public: pair.public.as_bytes() };
        entries.push(self.keep(&mut tx, unit, Purpose::Organization, SUITE.as_str(), half).await?);
        let mut verifiers = Vec::new();
        let origin = checkpoint::origin(organization, checkpoint::FIRST_GENERATION);
        for purpose in [Purpose::LogEd25519, Purpose::LogMlDsa44, Purpose::Manifest] {
            let algorithm = purpose.algorithm().ok_or(Error::Damaged { what: "purpose" })?;
            let key = SigningKey::generate(&*self.provider, algorithm);
            let public = key.verifying_key().as_bytes();
            let kind = match purpose {
                Purpose::LogEd25519 => Some(SignatureType::Ed25519),
                Purpose::LogMlDsa44 => Some(SignatureType::MlDsa44),
                _ => None,
            };
            if let Some(kind) = kind {
                let named = VerifierKey::new(&origin, kind, public);
                verifiers.push(named.map_err(|_| Error::Damaged { what: "log key" })?);
            }
            let half = Half { private: key.as_secret(), public };
            let unit = if kind.is_some() { log } else { unit };
            entries.push(self.keep(&mut tx, unit, purpose, algorithm.as_str(), half).await?);
        }
        let redaction = crypto::secret::<32>(&*self.provider);
        let half = Half { private: &Secret::new(redaction.expose().to_vec()), public: &[] };
        entries.push(self.keep(&mut tx, log, Purpose::Redaction, REDACTION, half).await?);
        let [ed25519, ml_dsa_44] = &verifiers[..] else { return Err(Error::Damaged { what: "log key" }) };
        let started = checkpoint::started(organization, checkpoint::FIRST_GENERATION, ed25519, ml_dsa_44);
        entries.insert(0, started);
        tx.commit_all(entries).await?;
        Ok(true)
    }

    /// The keys that sign the organization's log, Ed25519 and ML-DSA-44: for `node` to hand to `audit`.
    ///
    /// # Errors
    /// [`Error::NotBegun`], [`Error::Root`], [`Error::Store`].
    pub async fn log_keys(&self, ctx: &Context) -> Result<[SigningKey; 2], Error> {
        Ok([
            self.signing_key(ctx, Purpose::LogEd25519).await?,
            self.signing_key(ctx, Purpose::LogMlDsa44).await?,
        ])
    }

    /// The key under which the organization's redacted secrets are hashed: for `node` to hand to `pipeline`.
    ///
    /// # Errors
    /// [`Error::NotBegun`], [`Error::Root`], [`Error::Store`].
    pub async fn redaction_key(&self, ctx: &Context) -> Result<Secret<[u8; 32]>, Error> {
        let organization = ctx.organization();
        let read = self.store.read(ctx).await?;
        let row = tables::own_key(&read, Purpose::Redaction).await?.ok_or(Error::NotBegun)?;
        drop(read);
        let bytes = self.unwrap_own(organization, &row).await?;
        let mut key = Secret::new([0; 32]);
        let damaged = |_| Error::Damaged { what: "redaction key" };
        *key.expose_mut() = bytes.expose().as_slice().try_into().map_err(damaged)?;
        Ok(key)
    }

    /// Makes a dataset's key pair, as part of the change that creates the dataset; the caller commits it with
    /// the entry that is returned.
    ///
    /// # Errors
    /// [`Error::NotBegun`], [`Error::Root`], [`Error::Store`].
    pub async fn create_dataset(
        &self,
        tx: &mut Tx,
        dataset: Id<noun::Dataset>,
    ) -> Result<(DatasetKey, Entry), Error> {
        let organization = tx.context().organization();
        let unit = Unit::Dataset(organization, dataset);
        let over = tables::organization_key(tx).await?.ok_or(Error::NotBegun)?;
        let over = hpke::PublicKey::from_bytes(over.suite()?, &over.public)?;
        self.root.enroll(unit).await?;
        let pair = hpke::KeyPair::generate(&*self.provider, SUITE);
        let id = self.fresh_id();
        let sealed = hpke::seal(
            &*self.provider,
            &over,
            &under(organization, id, Purpose::Dataset, SUITE.as_str()),
            &[],
            pair.private.as_secret().expose(),
        )?;
        let half = Half { private: &Secret::new(sealed), public: pair.public.as_bytes() };
        let entry = self.keep_as(tx, id, unit, Purpose::Dataset, SUITE.as_str(), half).await?;
        Ok((DatasetKey { id, dataset, public: pair.public }, entry))
    }

    /// A dataset's public key: all that a producer needs to protect its fields.
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::Store`].
    pub async fn dataset_key(&self, ctx: &Context, dataset: Id<noun::Dataset>) -> Result<DatasetKey, Error> {
        let read = self.store.read(ctx).await?;
        let row = tables::dataset_key(&read, dataset).await?.ok_or(Error::NoKey { dataset })?;
        Ok(DatasetKey {
            id: row.id()?,
            dataset,
            public: hpke::PublicKey::from_bytes(row.suite()?, &row.public)?,
        })
    }

    /// Opens a data key that was sealed to a dataset under `info` ([`bind::Place::data_key_info`]).
    ///
    /// Checks the permit first, at every call: it must be one to reveal this dataset, for this organization,
    /// and its actor must be in good standing now.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Crypto`] where it does not open; [`Error::NoKey`], [`Error::Root`],
    /// [`Error::Store`].
    pub async fn open_data_key(
        &self,
        ctx: &Context,
        permit: &Permit,
        dataset: Id<noun::Dataset>,
        info: &[u8],
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, Error> {
        self.allows(ctx, permit, Action::DatasetsReveal, dataset)?;
        let organization = ctx.organization();
        let read = self.store.read(ctx).await?;
        let over = tables::organization_key(&read).await?.ok_or(Error::NotBegun)?;
        let row = tables::dataset_key(&read, dataset).await?.ok_or(Error::NoKey { dataset })?;
        drop(read);
        let over_private = self.unwrap(Unit::Organization(organization), organization, &over).await?;
        let over_private = hpke::PrivateKey::from_secret(over.suite()?, over_private)?;
        let between = self.unwrap(Unit::Dataset(organization, dataset), organization, &row).await?;
        let bound = under(organization, row.id()?, Purpose::Dataset, &row.algorithm);
        let private = hpke::open(&*self.provider, &over_private, &bound, &[], between.expose())?;
        let private = hpke::PrivateKey::from_secret(row.suite()?, private)?;
        // The root may have taken its time: what was good before it is asked again.
        self.allows(ctx, permit, Action::DatasetsReveal, dataset)?;
        Ok(hpke::open(&*self.provider, &private, info, &[], sealed)?)
    }

    /// The key with which this organization's nodes sign manifests, for a permit to protect this dataset.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotBegun`], [`Error::Root`], [`Error::Store`].
    pub async fn manifest_key(
        &self,
        ctx: &Context,
        permit: &Permit,
        dataset: Id<noun::Dataset>,
    ) -> Result<SigningKey, Error> {
        self.allows(ctx, permit, Action::DatasetsProtect, dataset)?;
        self.signing_key(ctx, Purpose::Manifest).await
    }

    /// Who signs manifests under this key name ([`VerifyingKey::thumbprint`]): the organization itself or one
    /// of its producers.
    ///
    /// # Errors
    /// [`Error::UnknownSigner`], [`Error::Store`].
    pub async fn signatory(
        &self,
        ctx: &Context,
        thumbprint: &str,
    ) -> Result<(Signatory, VerifyingKey), Error> {
        let read = self.store.read(ctx).await?;
        if let Some(row) = tables::own_key(&read, Purpose::Manifest).await? {
            let key = VerifyingKey::from_bytes(row.signature()?, &row.public)?;
            if key.thumbprint() == thumbprint {
                return Ok((Signatory::Organization, key));
            }
        }
        let producer = producers::by_thumbprint(&read, thumbprint).await?.ok_or(Error::UnknownSigner)?;
        Ok((Signatory::Producer(producer.id), producer.key))
    }

    /// Whether the root of trust answers.
    ///
    /// # Errors
    /// [`Error::Root`].
    pub async fn health(&self) -> Result<Health, Error> {
        Ok(self.root.health().await?)
    }

    fn allows(
        &self,
        ctx: &Context,
        permit: &Permit,
        action: Action,
        dataset: Id<noun::Dataset>,
    ) -> Result<(), Error> {
        let same = permit.organization() == ctx.organization()
            && permit.action() == action
            && permit.resource() == Resource::Dataset(dataset);
        if !same {
            return Err(Error::WrongPermit);
        }
        Ok(permit.check(self.clock.now())?)
    }

    async fn signing_key(&self, ctx: &Context, purpose: Purpose) -> Result<SigningKey, Error> {
        let organization = ctx.organization();
        let read = self.store.read(ctx).await?;
        let row = tables::own_key(&read, purpose).await?.ok_or(Error::NotBegun)?;
        drop(read);
        let seed = self.unwrap_own(organization, &row).await?;
        Ok(SigningKey::from_secret(&*self.provider, row.signature()?, seed)?)
    }

    /// Unwraps a key of the organization itself, under the unit of its purpose. The first organizations had the
    /// keys of their logs under the organization's own unit.
    async fn unwrap_own(
        &self,
        organization: Id<noun::Organization>,
        row: &Row,
    ) -> Result<Secret<Vec<u8>>, Error> {
        if row.purpose()?.is_of_the_log() {
            match self.unwrap(Unit::Log(organization), organization, row).await {
                Err(Error::Root(RootError::UnknownUnit { .. } | RootError::DoesNotOpen)) => {}
                done => return done,
            }
        }
        self.unwrap(Unit::Organization(organization), organization, row).await
    }

    async fn unwrap(
        &self,
        unit: Unit,
        organization: Id<noun::Organization>,
        row: &Row,
    ) -> Result<Secret<Vec<u8>>, Error> {
        let bound = under(organization, row.id()?, row.purpose()?, &row.algorithm);
        Ok(self.root.unwrap(unit, &bound, &row.private).await?)
    }

    async fn keep(
        &self,
        tx: &mut Tx,
        unit: Unit,
        purpose: Purpose,
        algorithm: &'static str,
        half: Half<'_>,
    ) -> Result<Entry, Error> {
        let id = self.fresh_id();
        self.keep_as(tx, id, unit, purpose, algorithm, half).await
    }

    /// Has the root wrap a private half and adds the key's row.
    async fn keep_as(
        &self,
        tx: &mut Tx,
        id: Id<noun::Key>,
        unit: Unit,
        purpose: Purpose,
        algorithm: &'static str,
        half: Half<'_>,
    ) -> Result<Entry, Error> {
        let bound = under(tx.context().organization(), id, purpose, algorithm);
        let wrapped = self.root.wrap(unit, &bound, half.private).await?;
        tables::add(tx, id, unit, purpose, algorithm, half.public, wrapped).await?;
        let entry = Entry::done(Kind::KeyGenerated, id)
            .fact("purpose", purpose.as_str())
            .fact("algorithm", algorithm);
        Ok(match unit {
            Unit::Organization(_) | Unit::Log(_) => entry,
            Unit::Dataset(_, dataset) => entry.fact("dataset", dataset),
        })
    }

    fn fresh_id(&self) -> Id<noun::Key> {
        Id::fresh(self.clock.now(), crypto::random(&*self.provider))
    }
}

/// What a stored private half is bound to: another key's, or another organization's, does not open.
fn under(
    organization: Id<noun::Organization>,
    key: Id<noun::Key>,
    purpose: Purpose,
    algorithm: &str,
) -> Vec<u8> {
    bind::parts(&[
        b"nexora/private-key/1",
        organization.to_string().as_bytes(),
        key.to_string().as_bytes(),
        purpose.as_str().as_bytes(),
        algorithm.as_bytes(),
    ])
}

impl Purpose {
    /// Whether the key is of the organization's log ([`Unit::Log`]), which outlives a shredded organization.
    const fn is_of_the_log(self) -> bool {
        matches!(self, Self::LogEd25519 | Self::LogMlDsa44 | Self::Redaction)
    }

    /// What signs for this purpose; `None` for keys that do not sign.
    const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::LogEd25519 => Some(Algorithm::Ed25519),
            Self::LogMlDsa44 => Some(Algorithm::MlDsa44),
            Self::Manifest => Some(SUITE.signature()),
            Self::Organization | Self::Dataset | Self::Redaction => None,
        }
    }
}
