//! Revealing batches.

use crate::{
    Error, FieldPolicy, KeyNeed, Keyring, Manifest,
    leaves::{self, Pending},
    open::Worker,
};
use arrow_array::RecordBatch;
use crypto::{FieldKey, Provider, value::DataKey};
use std::{fmt, sync::Arc};

/// Reveals the fields of one protected output.
pub struct Revealer {
    run: Arc<Opened>,
    worker: Worker,
    rows: u64,
}

/// What the workers of a reveal share.
pub(crate) struct Opened {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) policy: FieldPolicy,
    pub(crate) columns: Vec<Column>,
}

/// What is known of a field.
pub(crate) struct Column {
    /// The associated data of its values, without a row's key.
    pub(crate) place: Vec<u8>,
    pub(crate) data_keys: Vec<DataKey>,
    pub(crate) field_key: Option<FieldKey>,
}

impl Revealer {
    /// A revealer for the output of this manifest. `policy` is the part of it to reveal ([`Manifest::part`]);
    /// other fields stay as they are. The ring has the opened data keys, and the fields' own keys in the versions
    /// that the manifest names.
    ///
    /// # Errors
    /// [`Error::Manifest`] where a field has no key, or a key of another version; [`Error::Key`] for a key of
    /// another algorithm.
    pub fn new(
        provider: Arc<dyn Provider>,
        manifest: &Manifest,
        policy: FieldPolicy,
        ring: &Keyring,
    ) -> Result<Self, Error> {
        let column = |field: &crate::Field| {
            let path = field.path.as_str();
            let place = manifest.place(path).associated_data();
            let mut column = Column { place, data_keys: Vec::new(), field_key: None };
            match field.mode.key() {
                KeyNeed::DataKey(_) => {
                    column.data_keys = ring.data_keys_of(path).to_vec();
                    if column.data_keys.is_empty() {
                        return Err(Error::Manifest(format!("there is no opened key for field `{path}`")));
                    }
                }
                KeyNeed::FieldKey(_) => {
                    let named = manifest.field_key(path);
                    let held = ring.field_key_of(path);
                    let (Some(named), Some((version, key))) = (named, held) else {
                        return Err(Error::Manifest(format!("there is no opened key for field `{path}`")));
                    };
                    // A wrong one would not be noticed where values bear no key id.
                    if named.key != version || named.id != key.id() {
                        let want = named.key;
                        let why =
                            format!("field `{path}` is under key {want}, and the opened one is {version}");
                        return Err(Error::Manifest(why));
                    }
                    column.field_key = Some(key.clone());
                }
                KeyNeed::Vault | KeyNeed::None => {}
            }
            Ok(column)
        };
        let columns = policy.fields().iter().map(column).collect::<Result<_, Error>>()?;
        let run = Arc::new(Opened { provider, policy, columns });
        Ok(Self { worker: Worker::new(run.clone())?, run, rows: 0 })
    }

    /// The policy that the output follows.
    #[must_use]
    pub fn policy(&self) -> &FieldPolicy {
        &self.run.policy
    }

    /// Rows revealed so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Counts rows that its workers revealed.
    pub const fn add_rows(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// The batch with the policy's fields revealed, in the types that they had; the rest is as it was.
    ///
    /// # Errors
    /// [`Error::Value`] for a value that was altered or moved; [`Error::MissingColumn`], [`Error::Type`];
    /// [`Error::Mode`] where a field's values are to be answered for by a vault: those go through
    /// [`begin`](Self::begin).
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        self.begin(batch)?.alone()
    }

    /// Reveals a batch up to what a vault must answer for.
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

    /// Reveals values of one field that stand one after the other: a worker without batches, for a thread of its
    /// own.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn worker(&self) -> Result<Worker, Error> {
        Worker::new(self.run.clone())
    }
}

impl fmt::Debug for Revealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revealer").field("policy", &self.run.policy).finish_non_exhaustive()
    }
}
