//! Revealing batches.

use crate::{
    Error, FieldPolicy, Manifest, Mode,
    error::Why,
    protect::{column, row_key, strings},
};
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, builder::StringBuilder};
use crypto::{
    Provider,
    bind::with_row,
    text,
    value::{self, DataKey, Opener},
};
use std::{collections::HashMap, fmt, sync::Arc};

/// Reveals the fields of one protected output.
pub struct Revealer {
    policy: FieldPolicy,
    columns: Vec<Column>,
    rows: u64,
}

struct Column {
    place: Vec<u8>,
    openers: HashMap<u32, Opener>,
}

impl Revealer {
    /// A revealer for the output of this manifest. `policy` is the part of it to reveal ([`Manifest::part`]);
    /// other fields stay as they are. `keys` are the opened data keys of each field.
    ///
    /// # Errors
    /// [`Error::Manifest`] where a field has no key.
    pub fn new<'k>(
        provider: &dyn Provider,
        manifest: &Manifest,
        policy: FieldPolicy,
        keys: impl IntoIterator<Item = (&'k str, &'k DataKey)>,
    ) -> Result<Self, Error> {
        let mut openers: HashMap<&str, HashMap<u32, Opener>> = HashMap::new();
        for (field, key) in keys {
            openers.entry(field).or_default().insert(key.id(), Opener::new(provider, key));
        }
        let column = |field: &crate::Field| {
            let Mode::Aead = field.mode;
            let openers = openers.remove(field.path.as_str()).ok_or_else(|| {
                Error::Manifest(format!("there is no opened key for field `{}`", field.path))
            })?;
            Ok(Column { place: manifest.place(&field.path).associated_data(), openers })
        };
        let columns = policy.fields().iter().map(column).collect::<Result<_, Error>>()?;
        Ok(Self { policy, columns, rows: 0 })
    }

    /// The policy that the output follows.
    #[must_use]
    pub const fn policy(&self) -> &FieldPolicy {
        &self.policy
    }

    /// Rows revealed so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The batch with the policy's columns revealed; other columns are as they were.
    ///
    /// # Errors
    /// [`Error::Value`] for a value that was altered or moved; [`Error::MissingColumn`], [`Error::Type`].
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let row_key = row_key(batch, &self.policy)?;
        let mut columns = batch.columns().to_vec();
        for (field, state) in self.policy.fields().iter().zip(&self.columns) {
            let at = column(batch, &field.path)?;
            let sealed = strings(batch, at, &field.path, field.mode)?;
            columns[at] = state.open(sealed, row_key.as_ref()).map_err(|(row, why)| Error::Value {
                row: self.rows + row as u64 + 1,
                line: 0,
                column: field.path.clone(),
                why,
            })?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(RecordBatch::try_new(batch.schema(), columns).expect("every column kept its length and type"))
    }
}

impl Column {
    fn open(&self, sealed: &StringArray, row_key: Option<&StringArray>) -> Result<ArrayRef, (usize, Why)> {
        let mut out = StringBuilder::with_capacity(sealed.len(), sealed.value_data().len());
        let (mut bytes, mut plain) = (Vec::new(), Vec::new());
        let mut associated_data = self.place.clone();
        for row in 0..sealed.len() {
            if sealed.is_null(row) {
                out.append_null();
                continue;
            }
            if let Some(keys) = row_key {
                if keys.is_null(row) {
                    return Err((row, Why::NoRowKey));
                }
                with_row(&mut associated_data, self.place.len(), keys.value(row).as_bytes());
            }
            bytes.clear();
            plain.clear();
            let opened = text::decode_into(sealed.value(row), "protected value", &mut bytes)
                .and_then(|()| value::key_id(&bytes))
                .and_then(|got| self.openers.get(&got).ok_or(crypto::Error::WrongKeyId { got }))
                .and_then(|opener| opener.open(&associated_data, &bytes, &mut plain));
            opened.map_err(|error| (row, error.into()))?;
            // Only text is sealed into a text column; the tag says nobody else wrote it.
            out.append_value(std::str::from_utf8(&plain).map_err(|_| (row, Why::NotUtf8))?);
        }
        Ok(Arc::new(out.finish()))
    }
}

impl fmt::Debug for Revealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revealer").field("policy", &self.policy).finish_non_exhaustive()
    }
}
