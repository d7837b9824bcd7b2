//! The public key of a dataset, as a document that a producer is handed.

use crate::Error;
use base::{Id, noun};
use crypto::{Suite, hpke::PublicKey, text};
use serde::{Deserialize, Serialize};

/// All that is needed to protect data of a dataset; it opens nothing. `docs/formats/dataset-key.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct DatasetKey {
    /// Whose data.
    pub organization: Id<noun::Organization>,
    /// Which dataset.
    pub dataset: Id<noun::Dataset>,
    /// The dataset's name, for people.
    pub name: String,
    /// Which version of its key pair.
    pub key: Id<noun::Key>,
    /// The public half.
    pub public: PublicKey,
}

const FORMAT: &str = "nexora/dataset-key/1";

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    organization: Id<noun::Organization>,
    dataset: Id<noun::Dataset>,
    name: String,
    key: Id<noun::Key>,
    suite: Suite,
    public: String,
}

impl TryFrom<Form> for DatasetKey {
    type Error = Error;

    fn try_from(form: Form) -> Result<Self, Error> {
        if form.format != FORMAT {
            return Err(Error::Policy(format!("the dataset's public key is not of format {FORMAT}")));
        }
        let public = PublicKey::from_bytes(form.suite, &text::decode(&form.public, "public key")?)?;
        let Form { organization, dataset, name, key, .. } = form;
        Ok(Self { organization, dataset, name, key, public })
    }
}

impl From<DatasetKey> for Form {
    fn from(key: DatasetKey) -> Self {
        Self {
            format: FORMAT.to_owned(),
            organization: key.organization,
            dataset: key.dataset,
            name: key.name,
            key: key.key,
            suite: key.public.suite(),
            public: text::encode(key.public.as_bytes()),
        }
    }
}
