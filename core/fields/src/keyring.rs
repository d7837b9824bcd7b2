//! The keys that a run is handed.

use base::{Id, noun};
use crypto::{FieldKey, value::DataKey};
use std::collections::HashMap;

/// Opened keys, by field. A run of protecting takes field keys from it and draws its data keys itself; a run of
/// revealing takes both.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    data: HashMap<String, Vec<DataKey>>,
    fields: HashMap<String, (Id<noun::Key>, FieldKey)>,
}

impl Keyring {
    /// One without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an opened data key of a field.
    pub fn data_key(&mut self, field: &str, key: DataKey) {
        self.data.entry(field.to_owned()).or_default().push(key);
    }

    /// Adds a field's own key, of this version.
    pub fn field_key(&mut self, field: &str, version: Id<noun::Key>, key: FieldKey) {
        self.fields.insert(field.to_owned(), (version, key));
    }

    pub(crate) fn data_keys_of(&self, field: &str) -> &[DataKey] {
        self.data.get(field).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn field_key_of(&self, field: &str) -> Option<(Id<noun::Key>, &FieldKey)> {
        self.fields.get(field).map(|(version, key)| (*version, key))
    }
}
