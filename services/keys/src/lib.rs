//! The key hierarchy: a root of trust wraps an organization's keys, those protect its datasets' keys, and
//! these open the data keys that every protected output carries with it.
//!
//! ```text
//! root of trust ──wraps──► organization key pair ──seals─┬► dataset key pair ──opens──► data keys
//!               ├─wraps──► manifest signing key          └► field keys
//!               └─wraps──► log signing keys, redaction key
//! ```
//!
//! # Invariants
//! - No private half is stored that the root did not wrap, and the root wraps under a random record per unit
//!   (an organization, a dataset) which stands in no database. A dataset's private half is sealed to the
//!   organization's public key first: both units must be there to open it.
//! - One key serves one purpose and one algorithm; it bears its suite or algorithm in its row.
//! - Every key is a line of versions, of which at most one is in use ([`State`]); older ones still open what they
//!   protected. A version is destroyed only where nothing refers to it: only shredding makes data unreadable.
//! - What is open in memory is good for one key epoch: closing keys raises it, and a node that has not read it for
//!   [`GRACE`] opens nothing.
//! - A data key is opened for a [`Permit`] to reveal that very dataset, and the permit is checked at every
//!   open, before anything is unwrapped. Protecting needs only the dataset's public half.
//! - An organization's keys and the first entry of its ledger, which names the log's keys, are one commit.
//!
//! # One value's way
//! A reveal holds a manifest with a sealed data key. `datasets` calls [`Keys::open_data_key`] with its permit:
//! the permit reads the standing again; the dataset's private half is unwrapped by the root, opened with the
//! organization's, and opens the data key, which is wiped when the reveal drops it.
#![forbid(unsafe_code)]

mod breach;
mod cache;
pub mod certificate;
mod custody;
mod epoch;
mod error;
mod export;
mod field_keys;
mod halves;
mod lifecycle;
mod log_keys;
mod lost;
mod model;
mod open;
mod ports;
mod private_file;
mod producers;
pub mod recovery;
mod root_acts;
mod rotation;
mod rules;
mod scope;
mod sealed_file;
mod shred;
mod tables;
mod uses;
mod vetted;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use breach::Breach;
pub use epoch::{GRACE, HEARTBEAT, Lease, TOPIC};
pub use error::Error;
pub use export::{EXPORT_EXPIRY, EXPORT_FORMAT, export_info};
pub use log_keys::LogPair;
pub use model::{
    DatasetKey, ExportRequest, Exported, FieldUse, Key, OpenFieldKey, Producer, Purpose, References,
    Referrer, Rewrapped, Rotation, Signatory, State, WrongPurpose, WrongState,
};
pub use ports::{Attestation, Health, RootError, RootOfTrust, Unit};
pub use root_acts::{RootAct, RootDeed, journal};
pub use scope::Scope;
pub use sealed_file::{Restored, SealedFile};
pub use shred::{EXPIRY as SHRED_EXPIRY, Shred, ShredRefused, ShredState};
pub use tables::Filter;

use base::{Clock, Context, Id, Secret, noun};
use cache::Cache;
use crypto::{
    Provider, Suite, hpke,
    sign::{Algorithm, SigningKey},
};
use epoch::Epochs;
use halves::New;
use ledger::{Entry, Kind, checkpoint};
use open::in_use;
use std::sync::Arc;
use store::{OUTBOX, Queries, Schema, Store, Tx};
use tables::{Half, Line};
use uses::Uses;
use verify::{SignatureType, VerifierKey};
use vetted::Vetted;

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
    epochs: Arc<Epochs>,
    cache: Arc<Cache>,
    uses: Arc<Uses>,
    shredding: Arc<shred::Turns>,
    known: Arc<lost::Known>,
    vetted: Arc<Vetted>,
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
        let (epochs, cache, uses, shredding, known, vetted) = Default::default();
        Self { store, root, provider, clock, epochs, cache, uses, shredding, known, vetted }
    }

    /// Begins an organization: its key pair, its log's two signing keys, the key that signs its manifests,
    /// the key of its redactions, and the first entry of its ledger, which names the log's keys, in one commit.
    /// `false` where that has been done; so a start that was cut off is completed by calling it again. Reads the
    /// key epoch too: call it as an organization is opened, before it is served.
    ///
    /// # Errors
    /// [`Error::Root`], [`Error::Store`].
    pub async fn begin(&self, ctx: &Context) -> Result<bool, Error> {
        self.epoch_step(ctx, self.clock.now()).await?;
        let mut tx = self.store.write(ctx).await?;
        if tx.end(OUTBOX).await? > 0 {
            return Ok(false);
        }
        let organization = ctx.organization();
        // A record that a cut-off start left behind is taken up: enrolling does nothing where there is one.
        self.root.enroll(Unit::Organization(organization)).await?;
        self.root.enroll(Unit::Log(organization)).await?;
        let pair = hpke::KeyPair::generate(&*self.provider, SUITE);
        let mut entries = Vec::new();
        let half = Half { private: pair.private.as_secret(), public: pair.public.as_bytes() };
        entries.push(self.keep_own(&mut tx, Purpose::Organization, SUITE.as_str(), half).await?);
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
            entries.push(self.keep_own(&mut tx, purpose, algorithm.as_str(), half).await?);
        }
        let redaction = crypto::secret::<32>(&*self.provider);
        let half = Half { private: &Secret::new(redaction.expose().to_vec()), public: &[] };
        entries.push(self.keep_own(&mut tx, Purpose::Redaction, REDACTION, half).await?);
        let [ed25519, ml_dsa_44] = &verifiers[..] else { return Err(Error::Damaged { what: "log key" }) };
        let started = checkpoint::started(organization, checkpoint::FIRST_GENERATION, ed25519, ml_dsa_44);
        entries.insert(0, started);
        tx.commit_all(entries).await?;
        Ok(true)
    }

    /// The key under which the organization's redacted secrets are hashed: for `node` to hand to `pipeline`.
    ///
    /// # Errors
    /// [`Error::NotBegun`], [`Error::Root`], [`Error::Store`].
    pub async fn redaction_key(&self, ctx: &Context) -> Result<Secret<[u8; 32]>, Error> {
        let read = self.store.read(ctx).await?;
        let row = in_use(&read, &Line::own(Purpose::Redaction)).await?.ok_or(Error::NotBegun)?;
        drop(read);
        let bytes = self.open_private(ctx.organization(), &row).await?;
        let mut key = Secret::new([0; 32]);
        let damaged = |_| Error::Damaged { what: "redaction key" };
        *key.expose_mut() = bytes.expose().as_slice().try_into().map_err(damaged)?;
        Ok(key)
    }

    /// Makes a dataset's key pair, as part of the change that creates the dataset; the caller commits it with
    /// the entry that is returned.
    ///
    /// # Errors
    /// [`Error::NotBegun`], [`Error::Closed`] where the organization's key is suspended; [`Error::Root`], also for
    /// a dataset that was shredded; [`Error::Store`].
    pub async fn create_dataset(
        &self,
        tx: &mut Tx,
        dataset: Id<noun::Dataset>,
    ) -> Result<(DatasetKey, Entry), Error> {
        let line = Line::dataset(dataset);
        if let Some(row) = tables::newest(tx, &line).await? {
            return Err(Error::Exists { key: row.id()? });
        }
        // If the change is not committed, the record stays for the next try: a dataset's id is its name's.
        self.root.enroll(Unit::Dataset(tx.context().organization(), dataset)).await?;
        let pair = hpke::KeyPair::generate(&*self.provider, SUITE);
        let half = Half { private: pair.private.as_secret(), public: pair.public.as_bytes() };
        let state = State::Active;
        let new = New { line, algorithm: SUITE.as_str(), value_id: 0, half, state, after: None };
        let (row, entry) = self.keep(tx, new).await?;
        Ok((DatasetKey { id: row.id()?, dataset, public: pair.public }, entry))
    }

    /// A dataset's public key, of the version in use: all that is needed to protect its fields. The version is one that
    /// opens under the root in place: its first use in a process opens it once, and what does not open is closed, on
    /// record. Not to be called inside a change.
    ///
    /// # Errors
    /// [`Error::NoKey`]; [`Error::Lost`], [`Error::Locked`] where it does not open; [`Error::Closed`] where no version is in use;
    /// [`Error::Root`], [`Error::Store`].
    pub async fn dataset_key(&self, ctx: &Context, dataset: Id<noun::Dataset>) -> Result<DatasetKey, Error> {
        let organization = ctx.organization();
        let read = self.store.read(ctx).await?;
        let row = match in_use(&read, &Line::dataset(dataset)).await {
            Err(closed @ Error::Closed { key, state: State::Suspended }) => {
                let row = tables::get(&read, key).await?.ok_or(Error::NotFound { key })?;
                let opens = self.opens_in_place(&read, organization, &row).await?;
                return Err(if opens { closed } else { self.why_lost(&read, organization, &row).await? });
            }
            found => found?.ok_or(Error::NoKey { dataset })?,
        };
        if !self.known_to_open(&read, organization, &row).await? {
            let why = self.why_lost(&read, organization, &row).await?;
            drop(read);
            self.close_if_alone(ctx, row.id()?).await?;
            return Err(why);
        }
        Ok(DatasetKey {
            id: row.id()?,
            dataset,
            public: hpke::PublicKey::from_bytes(row.suite()?, &row.public)?,
        })
    }

    /// As [`dataset_key`](Self::dataset_key), for a producer outside, and on record. The version is marked: from then on
    /// outputs may exist that nobody here knows, so it is not destroyed (`docs/decisions/0121-handed-out.md`).
    ///
    /// # Errors
    /// As [`dataset_key`](Self::dataset_key).
    pub async fn hand_out(&self, ctx: &Context, dataset: Id<noun::Dataset>) -> Result<DatasetKey, Error> {
        let key = self.dataset_key(ctx, dataset).await?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = tables::get(&tx, key.id).await?.ok_or(Error::NotFound { key: key.id })?;
        if !row.state()?.opens() {
            return Err(Error::Closed { key: key.id, state: row.state()? });
        }
        row.handed_out_at = row.handed_out_at.or(Some(tx.now().micros()));
        tables::save(&mut tx, &row).await?;
        tx.commit(halves::described(Entry::done(Kind::KeyHandedOut, key.id), &row)?).await?;
        Ok(key)
    }

    /// Whether the root of trust answers.
    ///
    /// # Errors
    /// [`Error::Root`].
    pub async fn health(&self) -> Result<Health, Error> {
        Ok(self.root.health().await?)
    }

    /// How many open keys this node has in memory.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    async fn keep_own(
        &self,
        tx: &mut Tx,
        purpose: Purpose,
        algorithm: &str,
        half: Half<'_>,
    ) -> Result<Entry, Error> {
        let (line, state) = (Line::own(purpose), State::Active);
        let new = New { line, algorithm, value_id: 0, half, state, after: None };
        Ok(self.keep(tx, new).await?.1)
    }
}

impl Purpose {
    /// What signs for this purpose; `None` for keys that do not sign.
    const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::LogEd25519 => Some(Algorithm::Ed25519),
            Self::LogMlDsa44 => Some(Algorithm::MlDsa44),
            Self::Manifest => Some(SUITE.signature()),
            Self::Organization | Self::Dataset | Self::Field | Self::Redaction => None,
        }
    }
}
