//! Operations on datasets: what is protected, and revealed again.

use crate::Page;
use crate::operation::{Input, Nothing, Output, operations};
use base::{Id, Timestamp, noun};
use fields::{Field, FieldPolicy, Mode, Path};
use ledger::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

operations! {
    /// Creates a dataset, with the field policy that its runs follow.
    Create: "datasets.create", Post "/api/v1/datasets/{dataset}", DatasetsCreate, Some(Kind::DatasetCreated),
        CreateRequest => Dataset;
    /// Sets the field policy that a dataset's runs follow from now on.
    SetPolicy: "datasets.set_policy", Put "/api/v1/datasets/{dataset}/policy", DatasetsCreate,
        Some(Kind::DatasetPolicySet), SetPolicyRequest => Dataset;
    /// Lists datasets.
    List: "datasets.ls", Get "/api/v1/datasets", DatasetsRead, None, ListRequest => Page<Dataset>;
    /// Shows a dataset: its policy, its key, and how much of it stands under which version of the key.
    Show: "datasets.show", Get "/api/v1/datasets/{dataset}", DatasetsRead, None, DatasetRequest => Detail;
    /// Lists what was protected as a dataset, and under which version of its key.
    Outputs: "datasets.outputs", Get "/api/v1/datasets/{dataset}/outputs", DatasetsRead, None,
        OutputsRequest => Page<ProtectedOutput>;
    /// Records that an output is no more, so that the version of the key that it needed can be destroyed.
    ForgetOutput: "datasets.forget_output", Post "/api/v1/datasets/{dataset}/outputs/{run}/forget",
        KeysReencrypt, Some(Kind::DatasetOutputForgotten), ForgetOutputRequest => Forgotten;
    /// Hands out a dataset's public key: enough to protect, not to reveal. Its version is not destroyed from then on.
    PublicKey: "datasets.public_key", Post "/api/v1/datasets/{dataset}/public-key", DatasetsRead,
        Some(Kind::KeyHandedOut), DatasetRequest => PublicKeyDocument;
    /// Releases the key of a whole protected Parquet column to a reader that decrypts it itself.
    ReleaseKey: "datasets.release_key", Post "/api/v1/release", KeysRelease,
        Some(Kind::KeyReleased), ReleaseRequest => Released;
    /// Protects fields of a file under fresh data keys; the output, then its signed manifest.
    Protect: "datasets.protect", Post "/api/v1/datasets/{dataset}/protect", DatasetsProtect,
        Some(Kind::DatasetProtected), ProtectRequest => Nothing,
        takes Input::Bytes(BYTES), gives Output::Parts(&["output", "manifest"]);
    /// Reveals fields of a protected file, for as long as the caller stays in good standing.
    Reveal: "datasets.reveal", Post "/api/v1/reveal", DatasetsReveal, Some(Kind::DatasetRevealed),
        RevealRequest => Nothing,
        takes Input::Parts(&["manifest", "data"]), gives Output::Bytes(BYTES);
    /// Protects a protected file anew, under the current version of the dataset's key.
    Reencrypt: "datasets.reencrypt", Post "/api/v1/datasets/{dataset}/reencrypt", KeysReencrypt,
        Some(Kind::DatasetReencrypted), DatasetRequest => Nothing,
        takes Input::Parts(&["manifest", "data"]), gives Output::Parts(&["output", "manifest"]);
    /// Begins to protect anew, in the background, every output of a dataset that the node can write and that
    /// stands under an old version of the key.
    ReencryptAll: "keys.reencrypt", Post "/api/v1/datasets/{dataset}/reencryption", KeysReencrypt,
        Some(Kind::DatasetReencryptionAsked), DatasetRequest => Reencryption;
    /// Says how far protecting anew has come.
    ReencryptionStatus: "keys.reencryption", Get "/api/v1/datasets/{dataset}/reencryption", DatasetsRead, None,
        DatasetRequest => ReencryptionReply;
}

/// The media type of files: which format it is, the request or the manifest says.
const BYTES: &str = "application/octet-stream";

/// Which page of datasets.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// How many, 1 to 1,000; else 100.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Which dataset.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetRequest {
    /// Its name.
    pub dataset: String,
}

/// Which dataset to create.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// Its name.
    pub dataset: String,
    /// The field policy that its runs follow; without one, each run says its own.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    pub policy: Option<FieldPolicy>,
}

/// Which policy to set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPolicyRequest {
    /// The dataset's name.
    pub dataset: String,
    /// The field policy.
    #[schemars(with = "serde_json::Value")]
    pub policy: FieldPolicy,
}

/// Which outputs of which dataset.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputsRequest {
    /// The dataset's name.
    pub dataset: String,
    /// Whether to list only those under an old version of the key.
    #[serde(default)]
    pub old: bool,
    /// How many, 1 to 1,000; else 100.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// Which output is no more.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgetOutputRequest {
    /// The dataset's name.
    pub dataset: String,
    /// The run that wrote it.
    #[schemars(with = "String")]
    pub run: Id<noun::Job>,
}

/// What to protect, and how. Fields come from `fields` or `policy`, or else from the dataset's own policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectRequest {
    /// The dataset's name; it is created at its first use.
    pub dataset: String,
    /// The fields and how each is protected, as `email=siv,card=ff1:digits+luhn,name`.
    pub fields: Option<String>,
    /// With `fields`: the column whose value every value of its row is bound to.
    pub row_key: Option<String>,
    /// A whole field policy, as JSON, instead of `fields`.
    pub policy: Option<String>,
    /// The format; else CSV.
    #[serde(default)]
    pub format: FileFormat,
    /// What separates the columns of a CSV; else a comma.
    pub delimiter: Option<char>,
    /// Where the caller will keep the output, as a path that the node can write: then the node can protect it
    /// anew when the key has changed.
    pub location: Option<String>,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// RFC 4180.
    #[default]
    Csv,
    /// One JSON document: an array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

/// Which key to release.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The key's name, as the Parquet file's key material has it (`masterKeyID`).
    pub key_name: String,
    /// The wrapped key, as the key material has it (`wrappedDEK`), base64.
    pub wrapped_key: String,
}

/// A released key, for the one who asked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Released {
    /// The key, base64.
    pub key: crate::credentials::Token,
}

/// Which fields to reveal.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevealRequest {
    /// The fields; else every protected one.
    pub fields: Option<Names>,
}

/// Names in a row, separated by commas in text. A name with a comma in it is written with `\,`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let escaped: Vec<String> =
            self.0.iter().map(|name| name.replace('\\', r"\\").replace(',', r"\,")).collect();
        serializer.serialize_str(&escaped.join(","))
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::parse(&text))
    }
}

impl Names {
    /// Reads names from text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut names = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                ',' => names.push(String::new()),
                '\\' => names.last_mut().into_iter().for_each(|name| name.extend(characters.next())),
                _ => names.last_mut().into_iter().for_each(|name| name.push(character)),
            }
        }
        names.retain(|name| !name.is_empty());
        Self(names)
    }
}

impl JsonSchema for Names {
    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dataset {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Id<noun::Dataset>,
    /// Its name.
    pub name: String,
    /// When it was created.
    #[schemars(with = "String")]
    pub created: Timestamp,
    /// The field policy that its runs follow.
    #[schemars(with = "Option<serde_json::Value>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<FieldPolicy>,
}

/// A dataset in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Detail {
    /// The dataset.
    pub dataset: Dataset,
    /// The version of its key that is in use.
    #[schemars(with = "String")]
    pub key: Id<noun::Key>,
    /// How much stands under which version.
    pub versions: Vec<UnderVersion>,
    /// The last or running protecting anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reencryption: Option<Reencryption>,
}

/// How much of a dataset stands under one version of its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnderVersion {
    /// The version.
    #[schemars(with = "String")]
    pub key: Id<noun::Key>,
    /// Whether it is the one in use.
    pub current: bool,
    /// How many outputs.
    pub outputs: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What one run wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProtectedOutput {
    /// The run.
    #[schemars(with = "String")]
    pub run: Id<noun::Job>,
    /// The version of the dataset's key that it needs.
    #[schemars(with = "String")]
    pub key: Id<noun::Key>,
    /// Whether each of its keys is the version in use.
    pub current: bool,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The SHA-256 of the output.
    pub sha256: String,
    /// Its format.
    pub format: String,
    /// Where it is kept, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Whether the node can write there, and so protect it anew.
    pub writable: bool,
    /// When it was written.
    #[schemars(with = "String")]
    pub created: Timestamp,
}

/// An output that is no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {
    /// The run that wrote it.
    #[schemars(with = "String")]
    pub run: Id<noun::Job>,
}

/// How far protecting anew has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reencryption {
    /// The work's id.
    #[schemars(with = "String")]
    pub job: Id<noun::Job>,
    /// `running`, `done` or `interrupted`.
    pub state: String,
    /// How many outputs it is about.
    pub outputs: u64,
    /// How many are done.
    pub done: u64,
    /// How many failed; they stay under the old version.
    pub failed: u64,
    /// How many stand where the node cannot write; they stay under the old version.
    pub elsewhere: u64,
    /// Rows done.
    pub rows: u64,
    /// Bytes read, of the output at hand too.
    pub bytes: u64,
    /// Bytes to read in all.
    pub total_bytes: u64,
    /// When it was asked for.
    #[schemars(with = "String")]
    pub asked: Timestamp,
}

/// How far protecting anew has come, if it was ever asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReencryptionReply {
    /// The last or running one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reencryption: Option<Reencryption>,
}

/// A dataset's public key: what an encrypt-only producer gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublicKeyDocument {
    /// The key as a file for `protect --public-key`.
    pub document: serde_json::Value,
}

/// Reads the short form of a field policy: `NAME[=MODE]`, separated by commas, as in
/// `email=siv,card=ff1:digits+luhn,name`. A comma, an equals sign or a backslash of a name stands behind a
/// backslash. A field without a mode is encrypted with `aead`.
///
/// # Errors
/// What is wrong with the policy.
pub fn policy(fields: &str, row_key: Option<&str>) -> Result<FieldPolicy, fields::Error> {
    let mut all = Vec::new();
    let (mut name, mut mode) = (String::new(), None::<String>);
    let mut characters = fields.chars();
    loop {
        let next = characters.next();
        match (next, &mut mode) {
            (None | Some(','), _) => {
                let mode = mode.take().map_or(Ok(Mode::Aead), |mode| mode.parse())?;
                all.push(Field::new(Path::parse(&std::mem::take(&mut name))?, mode));
            }
            (Some('\\'), None) => name.extend(characters.next()),
            (Some('='), None) => mode = Some(String::new()),
            (Some(character), None) => name.push(character),
            (Some(character), Some(mode)) => mode.push(character),
        }
        if next.is_none() {
            return FieldPolicy::new(all, row_key.map(Path::parse).transpose()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, policy};

    #[test]
    fn the_short_form_of_a_policy_is_read() {
        let read = policy(r"email=siv,card=ff1:digits+luhn,name,a\,b\=c\\=mask:0-4", Some("id"));
        let json = serde_json::to_value(read.expect("a policy")).expect("JSON");
        assert_eq!(json["row_key"], "id");
        let fields: Vec<_> = json["fields"].as_array().expect("fields").iter().collect();
        let seen: Vec<_> = fields.iter().map(|field| (&field["path"], &field["mode"])).collect();
        let wanted = [("email", "siv"), ("card", "ff1"), ("name", "aead"), (r"a,b=c\", "mask")];
        assert_eq!(seen.len(), wanted.len());
        for ((path, mode), (name, code)) in seen.into_iter().zip(wanted) {
            assert_eq!((path.as_str(), mode.as_str()), (Some(name), Some(code)));
        }
        for wrong in ["", "a,,b", "a,a", "a=rot13", "=siv", "a="] {
            assert!(policy(wrong, None).is_err(), "{wrong}");
        }
        assert!(policy("a", Some("a")).is_err());
    }

    #[test]
    fn names_with_commas_survive() {
        let names = Names(vec!["a,b".to_owned(), r"c\d".to_owned(), "e".to_owned()]);
        let text = serde_json::to_string(&names).expect("names are a string");
        assert_eq!(serde_json::from_str::<Names>(&text).ok(), Some(names));
    }
}
