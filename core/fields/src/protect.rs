//! A run of protecting: its keys, what it has learnt, and its batches.

pub(crate) use crate::leaves::missing;
use crate::{
    DatasetKey, Error, Field, FieldPolicy, KeyName, KeyNeed, Keyring, Mode, SealedKey, Type,
    leaves::{self, Pending},
    manifest::{FieldKeyVersion, Manifest, Output, Parts},
    seal::Worker,
};
use arrow_array::RecordBatch;
use base::{Id, Timestamp, noun};
use crypto::{
    FieldKey, Provider,
    bind::Place,
    hpke,
    value::{self, DataKey},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// One run of protecting: its id and when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The run's id, made by the caller.
    pub id: Id<noun::Job>,
    /// When it began.
    pub created: Timestamp,
}

/// Protects the fields of one dataset in one run: under fresh data keys, or under the fields' own keys, as each
/// field's mode asks.
pub struct Protector {
    run: Arc<Running>,
    worker: Worker,
    rows: u64,
}

/// What the workers of a run share.
pub(crate) struct Running {
    pub(crate) provider: Arc<dyn Provider>,
    to: DatasetKey,
    run: Run,
    pub(crate) policy: FieldPolicy,
    pub(crate) columns: Vec<Column>,
    field_keys: Vec<FieldKeyVersion>,
    keys: Mutex<Vec<SealedKey>>,
    key_limit: AtomicU64,
    binary: AtomicBool,
}

/// What is known of a field.
pub(crate) struct Column {
    /// The associated data of its values, without a row's key.
    pub(crate) place: Vec<u8>,
    /// Its own key, where its mode takes one.
    pub(crate) key: Option<FieldKey>,
    /// The type of its plain values, once one was seen.
    of: OnceLock<Type>,
    /// Its first data key, until a worker takes it.
    first: Mutex<Option<DataKey>>,
}

impl Protector {
    /// Begins a run that has the dataset's public key alone: draws a data key for each field and seals it to the
    /// dataset.
    ///
    /// # Errors
    /// [`Error::NotOffline`] for a mode that needs a secret; [`Error::Key`] where the dataset's public key is no
    /// key.
    pub fn new(
        provider: Arc<dyn Provider>,
        to: DatasetKey,
        run: Run,
        policy: FieldPolicy,
    ) -> Result<Self, Error> {
        policy.offline()?;
        Self::with_keys(provider, to, run, policy, &Keyring::new())
    }

    /// Begins a run that was handed the fields' own keys, for the modes that need them. Token fields are
    /// answered for by a vault: [`begin`](Self::begin).
    ///
    /// # Errors
    /// [`Error::MissingKey`] for a field whose key is not in the ring, [`Error::Key`] for one that is for
    /// another algorithm, or where the dataset's public key is no key.
    pub fn with_keys(
        provider: Arc<dyn Provider>,
        to: DatasetKey,
        run: Run,
        policy: FieldPolicy,
        ring: &Keyring,
    ) -> Result<Self, Error> {
        let (mut columns, mut field_keys) = (Vec::new(), Vec::new());
        for Field { path, mode, .. } in policy.fields() {
            let field = path.as_str();
            let place = Place { organization: to.organization, dataset: to.dataset, field };
            let held = ring.field_key_of(field).filter(|_| {
                // A vault's key is not used here, but which one it was is on record.
                matches!(mode.key(), KeyNeed::FieldKey(_) | KeyNeed::Vault)
            });
            if matches!(mode.key(), KeyNeed::FieldKey(_)) && held.is_none() {
                return Err(Error::MissingKey { field: field.to_owned(), mode: mode.as_str() });
            }
            if let Some((version, key)) = held {
                field_keys.push(FieldKeyVersion { field: field.to_owned(), id: key.id(), key: version });
            }
            columns.push(Column {
                place: place.associated_data(),
                key: held.map(|(_, key)| key.clone()),
                of: OnceLock::new(),
                first: Mutex::new(None),
            });
        }
        let run = Running {
            provider,
            to,
            run,
            policy,
            columns,
            field_keys,
            keys: Mutex::new(Vec::new()),
            key_limit: AtomicU64::new(value::LIMIT),
            binary: AtomicBool::new(false),
        };
        for (index, column) in run.columns.iter().enumerate() {
            if matches!(run.policy.fields()[index].mode, Mode::Aead | Mode::GcmSiv) {
                *held(&column.first) = Some(run.draw(index)?);
            }
        }
        let run = Arc::new(run);
        Ok(Self { worker: Worker::new(run.clone())?, run, rows: 0 })
    }

    /// The same run, with every data key replaced after this many values, if that is fewer than
    /// [`crypto::value::LIMIT`].
    #[must_use]
    pub fn limited(self, values: u64) -> Self {
        self.run.key_limit.store(values.max(1), Ordering::Relaxed);
        self
    }

    /// The same run, with the values of modes that encrypt as bytes instead of base64url text: for what holds
    /// bytes as they are, such as Arrow and Parquet.
    #[must_use]
    pub fn binary(self) -> Self {
        self.run.binary.store(true, Ordering::Relaxed);
        self
    }

    /// The policy it follows.
    #[must_use]
    pub fn policy(&self) -> &FieldPolicy {
        &self.run.policy
    }

    /// Rows protected so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The batch with the policy's fields protected; the rest is as it was. What a field becomes: text in
    /// base64url, or bytes ([`binary`](Self::binary)); under `ff1`, `mask` and `token` text of its own. Null
    /// stays null.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], [`Error::Type`], [`Error::Value`]; [`Error::Mode`] where a field's values are
    /// to be answered for by a vault: those go through [`begin`](Self::begin).
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        self.begin(batch)?.alone()
    }

    /// Protects a batch up to what a vault must answer for.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    pub fn begin(&mut self, batch: &RecordBatch) -> Result<Pending, Error> {
        let run = self.run.clone();
        let pending = leaves::run(&run.policy, batch, self.rows, |field, values, nulls, keys| {
            self.worker.with_nulls(field, values, nulls, keys)
        })?;
        self.rows += batch.num_rows() as u64;
        Ok(pending)
    }

    /// Protects values of one field that stand one after the other, wherever they come from: a worker without
    /// batches, for a thread of its own.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn worker(&self) -> Result<Worker, Error> {
        Worker::new(self.run.clone())
    }

    /// Counts rows that its workers protected.
    pub const fn add_rows(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// States the type of a field's values before they come, where it is not the type of their arrays.
    ///
    /// # Errors
    /// [`Error::Type`] where they came already, with another one.
    pub fn set_type(&self, field: usize, of: Type) -> Result<(), Error> {
        self.run.learn(field, of).map(drop)
    }

    /// Draws a data key for a field that is protected as a whole, by the format it stands in: the key, and the
    /// key sealed to the dataset, as the manifest will list it.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn data_key(&self, field: usize) -> Result<(DataKey, Vec<u8>), Error> {
        let key = self.run.draw(field)?;
        let keys = held(&self.run.keys);
        let path = self.run.policy.fields()[field].path.as_str();
        let sealed = keys.iter().find(|known| known.field == path && known.id == key.id());
        Ok((key, sealed.map(|known| known.sealed.clone()).unwrap_or_default()))
    }

    /// The name under which a key service is asked for a key that [`data_key`](Self::data_key) drew.
    #[must_use]
    pub fn key_name(&self, field: usize, key: &DataKey) -> KeyName {
        let run = &self.run;
        KeyName {
            dataset: run.to.dataset,
            recipient: run.to.key,
            run: run.run.id,
            id: key.id(),
            suite: run.to.public.suite(),
            field: run.policy.fields()[field].path.to_string(),
        }
    }

    /// Ends the run, once its output is whole: what it wrote comes from whoever wrote it.
    #[must_use]
    pub fn finish(self, output: Output) -> Manifest {
        let run = &self.run;
        let parts = Parts {
            organization: run.to.organization,
            dataset: run.to.dataset,
            run: run.run.id,
            created: run.run.created,
            suite: run.to.public.suite(),
            recipient: run.to.key,
            policy: run.policy.clone().with_types(|field| run.columns[field].of.get().cloned()),
            keys: std::mem::take(&mut *held(&run.keys)),
            field_keys: run.field_keys.clone(),
        };
        Manifest::new(parts, output)
    }
}

/// A lock is held for one push or take; who panicked while holding it left nothing half done.
fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    /// Draws a data key for a field, seals it to the dataset and keeps it for the manifest.
    fn draw(&self, field: usize) -> Result<DataKey, Error> {
        let Field { path, mode, .. } = &self.policy.fields()[field];
        let KeyNeed::DataKey(cipher) = mode.key() else {
            return Err(Error::Mode { mode: mode.as_str(), why: "it takes no data key" });
        };
        let mut keys = held(&self.keys);
        // Ids are random and few; a second one of the same id would make both of no use.
        let key = loop {
            let key = DataKey::generate(&*self.provider, cipher);
            if !keys.iter().any(|known| known.field == path.as_str() && known.id == key.id()) {
                break key;
            }
        };
        let (suite, field) = (self.to.public.suite(), path.as_str());
        let place = Place { organization: self.to.organization, dataset: self.to.dataset, field };
        let info = place.data_key_info(key.id(), mode.as_str(), suite, self.run.id);
        let sealed = hpke::seal(&*self.provider, &self.to.public, &info, &[], key.as_secret().expose())?;
        keys.push(SealedKey { field: field.to_owned(), id: key.id(), sealed });
        Ok(key)
    }

    /// A data key that no other worker uses, and how many values it may seal.
    pub(crate) fn fresh(&self, field: usize) -> Result<(DataKey, u64), Error> {
        let first = held(&self.columns[field].first).take();
        let key = first.map_or_else(|| self.draw(field), Ok)?;
        Ok((key, self.key_limit.load(Ordering::Relaxed)))
    }

    /// Whether encrypted values are bytes, not text.
    pub(crate) fn binary(&self) -> bool {
        self.binary.load(Ordering::Relaxed)
    }

    /// The type of a field's values, which stays what it was first.
    pub(crate) fn learn(&self, field: usize, of: Type) -> Result<&Type, Error> {
        let known = self.columns[field].of.get_or_init(|| of.clone());
        if *known == of {
            return Ok(known);
        }
        let Field { path, mode, .. } = &self.policy.fields()[field];
        let found = format!("{of} where it was {known} before");
        Err(Error::Type { column: path.to_string(), found, mode: mode.as_str() })
    }

    /// The type of a field's values, where one is known.
    pub(crate) fn known(&self, field: usize) -> Option<&Type> {
        self.columns[field].of.get()
    }
}

impl fmt::Debug for Protector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protector")
            .field("run", &self.run.run)
            .field("policy", &self.run.policy)
            .finish_non_exhaustive()
    }
}
