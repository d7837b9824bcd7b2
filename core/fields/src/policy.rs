//! Which fields are protected, and how.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Which fields of a dataset are protected, and how. At least one field, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct FieldPolicy {
    fields: Vec<Field>,
    row_key: Option<String>,
}

/// One protected field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The column's name.
    pub path: String,
    /// How it is protected.
    pub mode: Mode,
}

/// How a field is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Authenticated encryption with AES-256-GCM; equal values look different.
    Aead,
}

impl Mode {
    /// The mode's code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aead => "aead",
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    fields: Vec<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row_key: Option<String>,
}

impl FieldPolicy {
    /// A policy over these fields. With a row key, every value is also bound to the value of that column in
    /// its row, so that it does not open in another row.
    ///
    /// # Errors
    /// [`Error::Policy`] where no field is named, one is named twice or has no name, or the row key is itself
    /// protected.
    pub fn new(fields: Vec<Field>, row_key: Option<String>) -> Result<Self, Error> {
        if fields.is_empty() {
            return Err(Error::Policy("it names no field".to_owned()));
        }
        let mut seen = HashSet::new();
        for Field { path, .. } in &fields {
            if path.is_empty() {
                return Err(Error::Policy("a field has no name".to_owned()));
            }
            if !seen.insert(path.as_str()) {
                return Err(Error::Policy(format!("it names field `{path}` twice")));
            }
        }
        if let Some(key) = row_key.as_deref().filter(|key| seen.contains(key)) {
            return Err(Error::Policy(format!("the row key `{key}` is itself protected")));
        }
        Ok(Self { fields, row_key })
    }

    /// A policy that protects these columns with [`Mode::Aead`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn aead<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let field = |path: S| Field { path: path.into(), mode: Mode::Aead };
        Self::new(columns.into_iter().map(field).collect(), None)
    }

    /// The protected fields.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The column whose value every value of its row is bound to.
    #[must_use]
    pub fn row_key(&self) -> Option<&str> {
        self.row_key.as_deref()
    }
}

impl TryFrom<Form> for FieldPolicy {
    type Error = Error;

    fn try_from(form: Form) -> Result<Self, Error> {
        Self::new(form.fields, form.row_key)
    }
}

impl From<FieldPolicy> for Form {
    fn from(policy: FieldPolicy) -> Self {
        Self { fields: policy.fields, row_key: policy.row_key }
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, FieldPolicy, Mode};

    #[test]
    fn a_policy_that_cannot_be_followed_is_none() {
        let field = |path: &str| Field { path: path.to_owned(), mode: Mode::Aead };
        assert!(FieldPolicy::new(vec![], None).is_err());
        assert!(FieldPolicy::aead(["a", "a"]).is_err());
        assert!(FieldPolicy::aead([""]).is_err());
        assert!(FieldPolicy::new(vec![field("a")], Some("a".into())).is_err());
        assert!(FieldPolicy::new(vec![field("a")], Some("id".into())).is_ok());
        let json = r#"{"fields":[{"path":"a","mode":"rot13"}]}"#;
        assert!(serde_json::from_str::<FieldPolicy>(json).is_err());
        let json = r#"{"fields":[{"path":"a","mode":"aead"}]}"#;
        let policy: FieldPolicy = serde_json::from_str(json).expect("a policy");
        assert_eq!(serde_json::to_string(&policy).expect("JSON"), json);
    }
}
