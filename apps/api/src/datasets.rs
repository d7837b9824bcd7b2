//! Operations on datasets: what is protected, and revealed again.

use crate::Page;
use crate::operation::{Input, Nothing, Output, operations};
use base::{Id, Timestamp, noun};
use ledger::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

operations! {
    /// Lists datasets.
    List: "datasets.ls", Get "/api/v1/datasets", DatasetsRead, None, ListRequest => Page<Dataset>;
    /// Reads a dataset's public key: enough to protect, not to reveal.
    PublicKey: "datasets.public_key", Get "/api/v1/datasets/{dataset}/public-key", DatasetsRead, None,
        PublicKeyRequest => PublicKeyDocument;
    /// Protects fields of a CSV under fresh data keys; the output, then its signed manifest.
    Protect: "datasets.protect", Post "/api/v1/datasets/{dataset}/protect", DatasetsProtect,
        Some(Kind::DatasetProtected), ProtectRequest => Nothing,
        takes Input::Bytes("text/csv"), gives Output::Parts(&["output", "manifest"]);
    /// Reveals fields of a protected CSV, for as long as the caller stays in good standing.
    Reveal: "datasets.reveal", Post "/api/v1/reveal", DatasetsReveal, Some(Kind::DatasetRevealed),
        RevealRequest => Nothing,
        takes Input::Parts(&["manifest", "data"]), gives Output::Bytes("text/csv");
}

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
pub struct PublicKeyRequest {
    /// Its name.
    pub dataset: String,
}

/// Which fields of which dataset to protect.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectRequest {
    /// The dataset's name; it is created at its first use.
    pub dataset: String,
    /// The fields.
    pub fields: Names,
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
}

/// A dataset's public key: what an encrypt-only producer gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublicKeyDocument {
    /// The key as a file for `protect --public-key`.
    pub document: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_with_commas_survive() {
        let names = Names(vec!["a,b".to_owned(), r"c\d".to_owned(), "e".to_owned()]);
        let text = serde_json::to_string(&names).expect("names are a string");
        assert_eq!(serde_json::from_str::<Names>(&text).ok(), Some(names));
    }
}
