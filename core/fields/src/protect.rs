//! Protecting batches.

use crate::{
    DatasetKey, Error, FieldPolicy, Mode, SealedKey,
    error::Why,
    manifest::{Manifest, Output, Parts},
};
use arrow_array::{
    Array as _, ArrayRef, RecordBatch, StringArray, builder::StringBuilder, cast::AsArray as _,
};
use arrow_schema::{DataType, Field as ArrowField, Schema};
use base::{Id, Timestamp, noun};
use crypto::{
    Provider,
    bind::{Place, with_row},
    hpke, text,
    value::{self, DataKey, Sealer},
};
use std::{fmt, sync::Arc};

/// One run of protecting: its id and when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The run's id, made by the caller.
    pub id: Id<noun::Job>,
    /// When it began.
    pub created: Timestamp,
}

/// Protects the fields of one dataset in one run, under fresh data keys.
pub struct Protector {
    provider: Arc<dyn Provider>,
    to: DatasetKey,
    run: Run,
    policy: FieldPolicy,
    columns: Vec<Column>,
    keys: Vec<SealedKey>,
    rows: u64,
    key_limit: u64,
}

struct Column {
    place: Vec<u8>,
    sealer: Sealer,
}

impl Protector {
    /// Begins a run: draws a data key for each field and seals it to the dataset.
    ///
    /// # Errors
    /// [`Error::Key`] where the dataset's public key is no key.
    pub fn new(
        provider: Arc<dyn Provider>,
        to: DatasetKey,
        run: Run,
        policy: FieldPolicy,
    ) -> Result<Self, Error> {
        Self::with_key_limit(provider, to, run, policy, value::LIMIT)
    }

    /// As [`new`](Self::new), but every data key is replaced after this many values, if that is fewer than
    /// [`crypto::value::LIMIT`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_key_limit(
        provider: Arc<dyn Provider>,
        to: DatasetKey,
        run: Run,
        policy: FieldPolicy,
        values: u64,
    ) -> Result<Self, Error> {
        let (columns, keys, key_limit) = (Vec::new(), Vec::new(), values.max(1));
        let mut protector = Self { provider, to, run, policy, columns, keys, rows: 0, key_limit };
        for index in 0..protector.policy.fields().len() {
            let place = protector.place(index).associated_data();
            let sealer = protector.fresh_key(index)?;
            protector.columns.push(Column { place, sealer });
        }
        Ok(protector)
    }

    /// The policy it follows.
    #[must_use]
    pub const fn policy(&self) -> &FieldPolicy {
        &self.policy
    }

    /// Rows protected so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The batch with the policy's columns protected; other columns are as they were. A protected column is
    /// text: each value in base64url, null where it was null.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], [`Error::Type`], [`Error::Value`].
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let row_key = row_key(batch, &self.policy)?;
        let mut columns = batch.columns().to_vec();
        let mut fields = batch.schema().fields().iter().cloned().collect::<Vec<_>>();
        for index in 0..self.columns.len() {
            let field = &self.policy.fields()[index];
            let at = column(batch, &field.path)?;
            let Mode::Aead = field.mode;
            let plain = strings(batch, at, &field.path, field.mode)?.clone();
            columns[at] = self.seal(index, &plain, row_key.as_ref())?;
            let name = self.policy.fields()[index].path.clone();
            fields[at] = Arc::new(ArrowField::new(name, DataType::Utf8, true));
        }
        self.rows += batch.num_rows() as u64;
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .expect("every column kept its length and has its type"))
    }

    fn seal(
        &mut self,
        index: usize,
        plain: &StringArray,
        row_key: Option<&StringArray>,
    ) -> Result<ArrayRef, Error> {
        let mut out =
            StringBuilder::with_capacity(plain.len(), plain.value_data().len() * 2 + plain.len() * 44);
        let (mut sealed, mut cell) = (Vec::new(), String::new());
        let mut associated_data = self.columns[index].place.clone();
        let place_len = associated_data.len();
        let mut row = 0;
        while row < plain.len() {
            if self.columns[index].sealer.remaining() == 0 {
                self.columns[index].sealer = self.fresh_key(index)?;
            }
            let mut values = self.columns[index].sealer.batch();
            while row < plain.len() {
                if plain.is_null(row) {
                    out.append_null();
                    row += 1;
                    continue;
                }
                if values.remaining() == 0 {
                    break;
                }
                let fail = |why: Why| Error::Value {
                    row: self.rows + row as u64 + 1,
                    line: 0,
                    column: self.policy.fields()[index].path.clone(),
                    why,
                };
                if let Some(keys) = row_key {
                    if keys.is_null(row) {
                        return Err(fail(Why::NoRowKey));
                    }
                    with_row(&mut associated_data, place_len, keys.value(row).as_bytes());
                }
                sealed.clear();
                values
                    .seal(&associated_data, plain.value(row).as_bytes(), &mut sealed)
                    .map_err(|error| fail(error.into()))?;
                cell.clear();
                text::encode_into(&sealed, &mut cell);
                out.append_value(&cell);
                row += 1;
            }
        }
        Ok(Arc::new(out.finish()))
    }

    fn place(&self, index: usize) -> Place<'_> {
        let field = &self.policy.fields()[index].path;
        Place { organization: self.to.organization, dataset: self.to.dataset, field }
    }

    /// Draws a data key for a field, seals it to the dataset and keeps it for the manifest.
    fn fresh_key(&mut self, index: usize) -> Result<Sealer, Error> {
        let field = &self.policy.fields()[index];
        // Ids are random and few; a second one of the same id would make both of no use.
        let key = loop {
            let key = DataKey::generate(&*self.provider, value::Cipher::Gcm);
            if !self.keys.iter().any(|known| known.field == field.path && known.id == key.id()) {
                break key;
            }
        };
        let suite = self.to.public.suite();
        let info = self.place(index).data_key_info(key.id(), field.mode.as_str(), suite, self.run.id);
        let sealed = hpke::seal(&*self.provider, &self.to.public, &info, &[], key.as_secret().expose())?;
        let sealer = Sealer::new(self.provider.clone(), &key).limited(self.key_limit);
        self.keys.push(SealedKey { field: field.path.clone(), id: key.id(), sealed });
        Ok(sealer)
    }

    /// Ends the run.
    pub(crate) fn finish(self, output: Output) -> Manifest {
        let parts = Parts {
            organization: self.to.organization,
            dataset: self.to.dataset,
            run: self.run.id,
            created: self.run.created,
            suite: self.to.public.suite(),
            recipient: self.to.key,
            policy: self.policy,
            keys: self.keys,
        };
        Manifest::new(parts, output)
    }
}

impl fmt::Debug for Protector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protector")
            .field("run", &self.run)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Where a column stands in a batch.
pub(crate) fn column(batch: &RecordBatch, name: &str) -> Result<usize, Error> {
    batch.schema().index_of(name).map_err(|_| {
        let columns = batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        missing(name, &columns)
    })
}

/// The error for a column that is not there; at most twenty of those that are, so that it stays readable.
pub(crate) fn missing(column: &str, columns: &[String]) -> Error {
    let mut list = columns.iter().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if columns.len() > 20 {
        list.push_str(", …");
    }
    Error::MissingColumn { column: column.to_owned(), columns: list }
}

/// A column's values, where they are text.
pub(crate) fn strings<'a>(
    batch: &'a RecordBatch,
    at: usize,
    name: &str,
    mode: Mode,
) -> Result<&'a StringArray, Error> {
    let array = batch.column(at);
    array.as_string_opt::<i32>().ok_or_else(|| Error::Type {
        column: name.to_owned(),
        found: array.data_type().to_string(),
        mode: mode.as_str(),
    })
}

/// The values of the row key, where the policy names one.
pub(crate) fn row_key(batch: &RecordBatch, policy: &FieldPolicy) -> Result<Option<StringArray>, Error> {
    let Some(name) = policy.row_key() else { return Ok(None) };
    Ok(Some(strings(batch, column(batch, name)?, name, Mode::Aead)?.clone()))
}
