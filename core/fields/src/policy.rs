//! Which fields are protected, and how.

use crate::{Error, Mode, Path, Type, mode::ModeForm};
use crypto::{FieldKey, blind_index::Normalize};
use serde::{Deserialize, Serialize};

/// Which fields of a dataset are protected, and how. At least one field, none twice, none inside another.
///
/// A person writes it as YAML or JSON in the form in which a manifest holds it, or with the short form of a
/// mode: `{"fields": [{"path": "email", "mode": "siv"}, {"path": "card", "mode": "ff1:digits+luhn"}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct FieldPolicy {
    fields: Vec<Field>,
    row_key: Option<Path>,
}

/// One protected field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "FieldForm", into = "FieldForm")]
pub struct Field {
    /// Where it stands.
    pub path: Path,
    /// How it is protected.
    pub mode: Mode,
    /// The type of its plain values, once a run has seen them: `None` in a policy that was not yet followed,
    /// and where it is [`Type::UTF8`].
    pub of: Option<Type>,
}

impl Field {
    /// A field whose type its data says.
    #[must_use]
    pub const fn new(path: Path, mode: Mode) -> Self {
        Self { path, mode, of: None }
    }

    /// The type of its plain values.
    #[must_use]
    pub fn plain_type(&self) -> Type {
        self.of.clone().unwrap_or_default()
    }

    /// Its field key, where there is one.
    pub(crate) fn keyed<'k>(&self, key: Option<&'k FieldKey>) -> Result<&'k FieldKey, Error> {
        let missing = || Error::MissingKey { field: self.path.to_string(), mode: self.mode.as_str() };
        key.ok_or_else(missing)
    }
}

/// As it is written. `deny_unknown_fields` does not go together with `flatten`, so all members stand here.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldForm {
    path: Path,
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alphabet: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    luhn: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bits: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    normalize: Option<Vec<Normalize>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    with: Option<char>,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    of: Option<Type>,
}

impl TryFrom<FieldForm> for Field {
    type Error = Error;

    fn try_from(form: FieldForm) -> Result<Self, Error> {
        let FieldForm { path, mode, alphabet, luhn, bits, normalize, first, last, with, of } = form;
        let form = ModeForm { mode, alphabet, luhn, bits, normalize, first, last, with };
        let plain = form == ModeForm { mode: form.mode.clone(), ..ModeForm::default() };
        let mode = if plain { form.mode.parse()? } else { Mode::try_from(form)? };
        Ok(Self { path, mode, of: of.filter(|of| *of != Type::UTF8) })
    }
}

impl From<Field> for FieldForm {
    fn from(Field { path, mode, of }: Field) -> Self {
        let ModeForm { mode, alphabet, luhn, bits, normalize, first, last, with } = mode.into();
        let of = of.filter(|of| *of != Type::UTF8);
        Self { path, mode, alphabet, luhn, bits, normalize, first, last, with, of }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    fields: Vec<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row_key: Option<Path>,
}

impl FieldPolicy {
    /// A policy over these fields. With a row key, every value that is encrypted is also bound to the value of
    /// that field in its row, so that it does not open in another row.
    ///
    /// # Errors
    /// [`Error::Policy`] where no field is named, one is named twice or lies inside another, a mode's parameters
    /// do not fit, or the row key is itself protected or has several values in a row.
    pub fn new(fields: Vec<Field>, row_key: Option<Path>) -> Result<Self, Error> {
        if fields.is_empty() {
            return Err(Error::Policy("it names no field".to_owned()));
        }
        // By their steps in order a path stands right before those inside it.
        let mut paths = fields.iter().map(|field| &field.path).collect::<Vec<_>>();
        paths.sort_by(|one, other| one.steps().cmp(other.steps()));
        for pair in paths.windows(2) {
            if pair[0] == pair[1] {
                return Err(Error::Policy(format!("it names field `{}` twice", pair[0])));
            }
            if pair[0].overlaps(pair[1]) {
                return Err(Error::Policy(format!("field `{}` lies inside field `{}`", pair[1], pair[0])));
            }
        }
        for Field { path, mode, .. } in &fields {
            mode.check()
                .map_err(|why| Error::Policy(format!("field `{path}`, mode {}: {why}", mode.as_str())))?;
            if *mode == Mode::ParquetAead && path.is_repeated() {
                return Err(Error::Policy(format!("field `{path}`: mode parquet-aead takes whole columns")));
            }
        }
        if let Some(key) = &row_key {
            if key.is_repeated() {
                return Err(Error::Policy(format!("the row key `{key}` has several values in a row")));
            }
            if fields.iter().any(|field| field.path.overlaps(key)) {
                return Err(Error::Policy(format!("the row key `{key}` is itself protected")));
            }
        }
        Ok(Self { fields, row_key })
    }

    /// A policy that protects these columns with [`Mode::Aead`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn aead<S: AsRef<str>>(fields: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let field = |path: S| Ok(Field::new(Path::parse(path.as_ref())?, Mode::Aead));
        Self::new(fields.into_iter().map(field).collect::<Result<_, Error>>()?, None)
    }

    /// The protected fields.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of this path, in whatever form it is written.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&Field> {
        let found = self.fields.iter().find(|field| field.path == path);
        found.or_else(|| {
            let path = Path::parse(path).ok()?;
            self.fields.iter().find(|field| field.path == path)
        })
    }

    /// The field whose value every value of its row is bound to.
    #[must_use]
    pub const fn row_key(&self) -> Option<&Path> {
        self.row_key.as_ref()
    }

    /// Whether a producer that holds the dataset's public key alone can follow it.
    ///
    /// # Errors
    /// [`Error::NotOffline`] for the first field whose mode needs a shared secret.
    pub fn offline(&self) -> Result<(), Error> {
        self.fields.iter().try_for_each(|field| field.mode.offline())
    }

    /// The same policy with what a run has learnt about its fields' types.
    pub(crate) fn with_types(mut self, of: impl Fn(usize) -> Option<Type>) -> Self {
        for (index, field) in self.fields.iter_mut().enumerate() {
            field.of = of(index).filter(|of| *of != Type::UTF8);
        }
        self
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
    use super::{Field, FieldPolicy};
    use crate::{Mode, Path};

    fn path(text: &str) -> Path {
        Path::parse(text).expect("a path")
    }

    #[test]
    fn a_policy_that_cannot_be_followed_is_none() {
        let field = |text: &str| Field::new(path(text), Mode::Aead);
        assert!(FieldPolicy::new(vec![], None).is_err());
        assert!(FieldPolicy::aead(["a", "a"]).is_err());
        assert!(FieldPolicy::aead(["a", "$.a"]).is_err());
        assert!(FieldPolicy::aead(["$.b.c.d", "x", "$.b.c"]).is_err());
        assert!(FieldPolicy::aead(["$.b.cd", "$.b.c"]).is_ok());
        assert!(FieldPolicy::aead([""]).is_err());
        assert!(FieldPolicy::new(vec![field("a")], Some(path("a"))).is_err());
        assert!(FieldPolicy::new(vec![field("$.a.b")], Some(path("a"))).is_err());
        assert!(FieldPolicy::new(vec![field("a")], Some(path("$.ids[*]"))).is_err());
        assert!(FieldPolicy::new(vec![field("a")], Some(path("id"))).is_ok());
        let whole = Field::new(path("$.a[*]"), Mode::ParquetAead);
        assert!(FieldPolicy::new(vec![whole], None).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        for json in [
            r#"{"fields":[{"path":"a","mode":"aead"}]}"#,
            r#"{"fields":[{"path":"$.a.b","mode":"gcm-siv","type":"int64"}],"row_key":"id"}"#,
            r#"{"fields":[{"path":"a","mode":"ff1","alphabet":"0123456789","luhn":true}]}"#,
            r#"{"fields":[{"path":"a","mode":"blind-index","bits":12,"normalize":["nfkc","digits"]}]}"#,
            r#"{"fields":[{"path":"a","mode":"mask","first":0,"last":4,"with":"*"}]}"#,
        ] {
            let policy: FieldPolicy = serde_json::from_str(json).expect(json);
            assert_eq!(serde_json::to_string(&policy).expect("JSON"), json);
        }
        let short = r#"{"fields":[{"path":"$['a']","mode":"ff1:digits+luhn","type":"utf8"}]}"#;
        let policy: FieldPolicy = serde_json::from_str(short).expect("a policy");
        let long = r#"{"fields":[{"path":"a","mode":"ff1","alphabet":"0123456789","luhn":true}]}"#;
        assert_eq!(serde_json::to_string(&policy).expect("JSON"), long);
        for json in [
            r#"{"fields":[{"path":"a","mode":"rot13"}]}"#,
            r#"{"fields":[{"path":"a","mode":"aead","luhn":true}]}"#,
            r#"{"fields":[{"path":"a","mode":"ff1:hex","alphabet":"01"}]}"#,
            r#"{"fields":[{"path":"a","mode":"ff1","alphabet":"0"}]}"#,
            r#"{"fields":[{"path":"a","mode":"ff1","alphabet":"00"}]}"#,
            r#"{"fields":[{"path":"a","mode":"blind-index","bits":0}]}"#,
            r#"{"fields":[{"path":"a","mode":"aead","type":"struct"}]}"#,
            r#"{"fields":[{"path":"a","mode":"aead","other":1}]}"#,
            r#"{"fields":[{"path":"a"}]}"#,
        ] {
            assert!(serde_json::from_str::<FieldPolicy>(json).is_err(), "{json}");
        }
    }
}
