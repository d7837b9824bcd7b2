//! The name of a sealed data key outside of its manifest: what a reader of Parquet Modular Encryption hands to a key
//! service together with the sealed key.

use crate::{Error, Mode};
use base::{Id, noun};
use crypto::{Suite, bind::Place};
use std::{fmt, str::FromStr};

/// What was sealed for whom: the `masterKeyID` of a Parquet file's key material. In text
/// `nexora/1/DATASET/RECIPIENT/RUN/ID/SUITE/FIELD`: ids, the key's own id in 8 hexadecimal digits, the suite's code,
/// and the field's path, which may hold slashes itself.
///
/// It is bound into the sealed key as its HPKE `info`: under another name a key does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName {
    /// Of which dataset.
    pub dataset: Id<noun::Dataset>,
    /// The version of the dataset's key pair that it is sealed to.
    pub recipient: Id<noun::Key>,
    /// The run that drew it.
    pub run: Id<noun::Job>,
    /// The data key's id.
    pub id: u32,
    /// The suite that it is sealed under.
    pub suite: Suite,
    /// The field's path.
    pub field: String,
}

const BEGINS: &str = "nexora/1/";

impl KeyName {
    /// The HPKE `info` under which the key was sealed for a field in mode `parquet-aead`.
    #[must_use]
    pub fn info(&self, organization: Id<noun::Organization>) -> Vec<u8> {
        let place = Place { organization, dataset: self.dataset, field: &self.field };
        place.data_key_info(self.id, Mode::ParquetAead.as_str(), self.suite, self.run)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, recipient, run, id, suite, field } = self;
        write!(f, "{BEGINS}{dataset}/{recipient}/{run}/{id:08x}/{}/{field}", suite.as_str())
    }
}

impl FromStr for KeyName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::Manifest(format!("a key's name has the form {BEGINS}DATASET/RECIPIENT/RUN/ID/SUITE/FIELD"))
        };
        let mut parts = text.strip_prefix(BEGINS).ok_or_else(wrong)?.splitn(6, '/');
        let mut next = || parts.next().ok_or_else(wrong);
        let dataset = next()?.parse().map_err(|_| wrong())?;
        let recipient = next()?.parse().map_err(|_| wrong())?;
        let run = next()?.parse().map_err(|_| wrong())?;
        let id = u32::from_str_radix(next()?, 16).map_err(|_| wrong())?;
        let name = Self { dataset, recipient, run, id, suite: next()?.parse()?, field: next()?.to_owned() };
        // One name has one spelling.
        if name.field.is_empty() || name.to_string() != text { Err(wrong()) } else { Ok(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyName;
    use base::Id;
    use crypto::Suite;

    #[test]
    fn a_name_has_one_spelling_and_a_field_may_hold_slashes() {
        let name = KeyName {
            dataset: Id::from_bytes([1; 16]),
            recipient: Id::from_bytes([2; 16]),
            run: Id::from_bytes([3; 16]),
            id: 0x0abc_def0,
            suite: Suite::Hybrid768,
            field: "$['a/b'].c".to_owned(),
        };
        let text = name.to_string();
        assert_eq!(text.parse::<KeyName>().expect("a name"), name);
        for wrong in [
            text.to_uppercase(),
            text.replace("0abcdef0", "abcdef0"),
            text.replace("/1/", "/2/"),
            text[..60].to_owned(),
        ] {
            assert!(wrong.parse::<KeyName>().is_err(), "{wrong}");
        }
        let other = KeyName { run: Id::from_bytes([4; 16]), ..name.clone() };
        assert_ne!(name.info(Id::from_bytes([9; 16])), other.info(Id::from_bytes([9; 16])));
    }
}
