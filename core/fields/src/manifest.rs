//! The manifest: what a protected output is, signed by its producer. `docs/formats/manifest.md`.

use crate::{
    Error, Field, FieldPolicy, KeyNeed, Mode,
    formats::{Dialect, Format},
};
use base::{Id, Secret, Timestamp, digest, noun};
use crypto::{
    Provider, Suite,
    bind::Place,
    hpke::{self, PrivateKey},
    jws::{Header, Jws},
    sign::{SigningKey, VerifyingKey},
    text,
    value::DataKey,
};
use serde::{Deserialize, Serialize};

/// The JWS type of a manifest.
pub const TYPE: &str = "nexora-manifest+json";

const FORMAT: &str = "nexora/manifest/1";

/// What a protected output is, and the sealed keys to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: Version,
    /// Whose data.
    pub organization: Id<noun::Organization>,
    /// Of which dataset.
    pub dataset: Id<noun::Dataset>,
    /// The run that protected it; the sealed keys open in this manifest only.
    pub run: Id<noun::Job>,
    /// When the run began.
    pub created: Timestamp,
    /// The suite that the data keys are sealed under.
    pub suite: Suite,
    /// The version of the dataset's key pair that they are sealed to.
    pub recipient: Id<noun::Key>,
    /// Which fields are protected, and how.
    pub policy: FieldPolicy,
    /// The data keys, sealed: at least one for each field whose mode takes them.
    pub keys: Vec<SealedKey>,
    /// The field keys that the other fields' values are under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_keys: Vec<FieldKeyVersion>,
    /// What the run wrote.
    pub output: Output,
}

/// The format and its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Version {
    #[default]
    #[serde(rename = "nexora/manifest/1")]
    One,
}

/// A data key, sealed to the dataset's public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedKey {
    /// The field whose values it seals.
    pub field: String,
    /// The id that its values bear: 8 hexadecimal digits.
    #[serde(with = "key_id")]
    pub id: u32,
    /// The sealed key, base64url: `docs/formats/sealed-key.md`.
    #[serde(with = "bytes")]
    pub sealed: Vec<u8>,
}

/// Which version of a field's own key its values are under. FF1 and blind-index values bear no key id, so that
/// this alone says it; a value of another version does not open, or opens to nonsense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldKeyVersion {
    /// The field.
    pub field: String,
    /// The id that values bear, where their format has one: 8 hexadecimal digits.
    #[serde(with = "key_id")]
    pub id: u32,
    /// The version.
    pub key: Id<noun::Key>,
}

/// What a run wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Output {
    /// A CSV file with a header row.
    Csv {
        /// The delimiter, one ASCII character.
        delimiter: char,
        /// Rows, without the header and without blank lines.
        rows: u64,
        /// Bytes.
        bytes: u64,
        /// SHA-256 of all bytes, in lower-case hexadecimal.
        sha256: String,
    },
    /// One JSON document.
    Json {
        /// Records: elements of the outer array, or 1.
        rows: u64,
        /// Bytes.
        bytes: u64,
        /// SHA-256 of all bytes, in lower-case hexadecimal.
        sha256: String,
    },
    /// JSON records in lines.
    Ndjson {
        /// Records, without blank lines.
        rows: u64,
        /// Bytes.
        bytes: u64,
        /// SHA-256 of all bytes, in lower-case hexadecimal.
        sha256: String,
    },
    /// A Parquet file. What it was before it was protected stands in its metadata: `docs/formats/parquet.md`.
    Parquet {
        /// Rows.
        rows: u64,
        /// Bytes.
        bytes: u64,
        /// SHA-256 of all bytes, in lower-case hexadecimal.
        sha256: String,
    },
}

impl Output {
    /// Its format.
    ///
    /// # Errors
    /// [`Error::Manifest`] where it cannot be read as it is described.
    pub fn format(&self) -> Result<Format, Error> {
        let wrong = |_| Error::Manifest("it names no delimiter".to_owned());
        Ok(match self {
            Self::Csv { delimiter, .. } => Format::Csv(Dialect::new(*delimiter).map_err(wrong)?),
            Self::Json { .. } => Format::Json,
            Self::Ndjson { .. } => Format::Ndjson,
            Self::Parquet { .. } => Format::Parquet,
        })
    }

    /// How many rows it has.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        match self {
            Self::Csv { rows, .. }
            | Self::Json { rows, .. }
            | Self::Ndjson { rows, .. }
            | Self::Parquet { rows, .. } => *rows,
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        match self {
            Self::Csv { bytes, .. }
            | Self::Json { bytes, .. }
            | Self::Ndjson { bytes, .. }
            | Self::Parquet { bytes, .. } => *bytes,
        }
    }

    /// SHA-256 of all its bytes, in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        match self {
            Self::Csv { sha256, .. }
            | Self::Json { sha256, .. }
            | Self::Ndjson { sha256, .. }
            | Self::Parquet { sha256, .. } => sha256,
        }
    }
}

/// What a finished run puts into its manifest.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) organization: Id<noun::Organization>,
    pub(crate) dataset: Id<noun::Dataset>,
    pub(crate) run: Id<noun::Job>,
    pub(crate) created: Timestamp,
    pub(crate) suite: Suite,
    pub(crate) recipient: Id<noun::Key>,
    pub(crate) policy: FieldPolicy,
    pub(crate) keys: Vec<SealedKey>,
    pub(crate) field_keys: Vec<FieldKeyVersion>,
}

impl Manifest {
    pub(crate) fn new(parts: Parts, output: Output) -> Self {
        let Parts { organization, dataset, run, created, suite, recipient, policy, keys, field_keys } = parts;
        let format = Version::One;
        Self {
            format,
            organization,
            dataset,
            run,
            created,
            suite,
            recipient,
            policy,
            keys,
            field_keys,
            output,
        }
    }

    /// The place of one of its fields.
    #[must_use]
    pub const fn place<'a>(&self, field: &'a str) -> Place<'a> {
        Place { organization: self.organization, dataset: self.dataset, field }
    }

    /// The mode of one of its fields.
    #[must_use]
    pub fn mode(&self, field: &str) -> Option<&Mode> {
        self.policy.fields().iter().find(|known| known.path == field).map(|known| &known.mode)
    }

    /// The payload that is signed: JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("ids, text and numbers are JSON")
    }

    /// Signs it. A node signs through `keys`; a producer with its own key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedManifest {
        SignedManifest(Jws::sign(key, TYPE, &self.to_json()))
    }

    /// The HPKE `info` under which one of its data keys was sealed.
    ///
    /// # Errors
    /// [`Error::Manifest`] for a key of a field that its policy does not name.
    pub fn key_info(&self, key: &SealedKey) -> Result<Vec<u8>, Error> {
        let mode = self.mode(&key.field).ok_or_else(|| {
            Error::Manifest(format!("it has a key for field `{}`, which its policy does not name", key.field))
        })?;
        Ok(self.place(&key.field).data_key_info(key.id, mode.as_str(), self.suite, self.run))
    }

    /// One of its data keys, from the secret that it was opened to.
    ///
    /// # Errors
    /// [`Error::Manifest`] for a key of a field whose mode takes none, [`Error::Key`] for a secret that is no
    /// such key.
    pub fn data_key(&self, key: &SealedKey, opened: &Secret<Vec<u8>>) -> Result<DataKey, Error> {
        let Some(KeyNeed::DataKey(cipher)) = self.mode(&key.field).map(Mode::key) else {
            return Err(Error::Manifest(format!("field `{}` takes no data key", key.field)));
        };
        Ok(DataKey::from_secret(cipher, key.id, opened)?)
    }

    /// Opens one of its data keys, for those who hold the private key themselves. A node asks `keys`.
    ///
    /// # Errors
    /// [`Error::Key`] where the key was sealed for another manifest, or to another key pair.
    pub fn open_key(
        &self,
        provider: &dyn Provider,
        with: &PrivateKey,
        key: &SealedKey,
    ) -> Result<DataKey, Error> {
        let opened = hpke::open(provider, with, &self.key_info(key)?, &[], &key.sealed)?;
        self.data_key(key, &opened)
    }

    /// The version of a field's own key, where its mode takes one.
    #[must_use]
    pub fn field_key(&self, field: &str) -> Option<&FieldKeyVersion> {
        self.field_keys.iter().find(|key| key.field == field)
    }

    /// The policy over these fields only, or over all that open where none is named: what a reveal of a part
    /// follows.
    ///
    /// # Errors
    /// [`Error::Policy`] for a field that is not protected, is named twice, or whose mode does not open; where
    /// none is named, if no field opens.
    pub fn part(&self, fields: Option<&[String]>) -> Result<FieldPolicy, Error> {
        let field = |name: &String| {
            let field = self.policy.field(name);
            let field =
                field.ok_or_else(|| Error::Policy(format!("field `{name}` is not protected here")))?;
            let closed = || {
                let mode = field.mode.as_str();
                Error::Policy(format!("field `{name}` was protected with mode {mode}, which has no way back"))
            };
            field.mode.opens().then(|| field.clone()).ok_or_else(closed)
        };
        let fields = match fields {
            Some(names) => names.iter().map(field).collect::<Result<Vec<_>, _>>()?,
            None => self.policy.fields().iter().filter(|field| field.mode.opens()).cloned().collect(),
        };
        if fields.is_empty() {
            return Err(Error::Policy(
                "none of its fields was protected in a way that opens again".to_owned(),
            ));
        }
        FieldPolicy::new(fields, self.policy.row_key().cloned())
    }

    fn check(self) -> Result<Self, Error> {
        let wrong = |why: String| Err(Error::Manifest(why));
        for Field { path, mode, .. } in self.policy.fields() {
            let path = path.as_str();
            let data_keys = self.keys.iter().filter(|key| key.field == path).count();
            let field_keys = self.field_keys.iter().filter(|key| key.field == path).count();
            match (mode.key(), data_keys, field_keys) {
                (KeyNeed::DataKey(_), 0, _) | (KeyNeed::FieldKey(_), _, 0) => {
                    return wrong(format!("it has no key for field `{path}`"));
                }
                (KeyNeed::DataKey(_), _, 0)
                | (KeyNeed::FieldKey(_), 0, 1)
                | (KeyNeed::Vault, 0, 0 | 1)
                | (KeyNeed::None, 0, 0) => {}
                _ => {
                    return wrong(format!(
                        "it has keys for field `{path}` that mode {} does not take",
                        mode.as_str()
                    ));
                }
            }
        }
        let named =
            self.keys.iter().map(|key| &key.field).chain(self.field_keys.iter().map(|key| &key.field));
        for field in named {
            if self.mode(field).is_none() {
                return wrong(format!("it has a key for `{field}`, which its policy does not name"));
            }
        }
        for (at, key) in self.keys.iter().enumerate() {
            if self.keys[..at].iter().any(|other| other.field == key.field && other.id == key.id) {
                return wrong(format!("it has two keys {:08x} for field `{}`", key.id, key.field));
            }
        }
        Ok(self)
    }
}

/// A manifest in its producer's signature, as it stands beside the output. Nothing in it counts before
/// [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedManifest(Jws);

impl SignedManifest {
    /// A manifest that was signed elsewhere, as [`Manifest::to_json`] with type [`TYPE`].
    #[must_use]
    pub const fn from_jws(jws: Jws) -> Self {
        Self(jws)
    }

    /// Reads a manifest file.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub fn read(file: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(file)
            .map_err(|_| Error::Manifest("it is not a signed document (flattened JWS)".to_owned()))
    }

    /// The manifest file.
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(&self.0).expect("text is JSON");
        json.push(b'\n');
        json
    }

    /// The name of the key that it says it is signed with: for finding that key.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub fn signer(&self) -> Result<String, Error> {
        let Header { kid, .. } = self.0.header().map_err(|error| Error::Manifest(error.to_string()))?;
        Ok(kid)
    }

    /// Which dataset it says it is of: for finding out whom to ask, before anything is checked.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub fn dataset(&self) -> Result<Id<noun::Dataset>, Error> {
        #[derive(Deserialize)]
        struct Claim {
            dataset: Id<noun::Dataset>,
        }
        let unread = |_| Error::Manifest("it names no dataset".to_owned());
        let payload = self.0.unverified_payload().map_err(|error| Error::Manifest(error.to_string()))?;
        Ok(serde_json::from_slice::<Claim>(&payload).map_err(unread)?.dataset)
    }

    /// The manifest, once it is this producer's.
    ///
    /// # Errors
    /// [`Error::Signature`]; [`Error::Manifest`] for a version or a suite that is not known, or a manifest that
    /// contradicts itself.
    pub fn verify(&self, provider: &dyn Provider, producer: &VerifyingKey) -> Result<Manifest, Error> {
        let payload = self.0.verify(provider, producer, TYPE).map_err(|error| match error {
            crypto::Error::WrongSignature { .. } => Error::Signature,
            other => Error::Manifest(other.to_string()),
        })?;
        let manifest: Manifest = serde_json::from_slice(&payload)
            .map_err(|error| Error::Manifest(format!("it does not follow {FORMAT}: {error}")))?;
        manifest.check()
    }
}

pub(crate) fn sha256_text(hash: [u8; 32]) -> String {
    digest::hex(&hash)
}

mod key_id {
    //! A key id as 8 hexadecimal digits.

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
    pub(super) fn serialize<S: Serializer>(id: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{id:08x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = u32::from_str_radix(&text, 16).ok().filter(|id| format!("{id:08x}") == text);
        id.ok_or_else(|| D::Error::custom("a key id has 8 lower-case hexadecimal digits"))
    }
}

mod bytes {
    //! Bytes as base64url.

    use super::text;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        text::decode(String::deserialize(deserializer)?, "sealed key").map_err(D::Error::custom)
    }
}
