//! What a sealed root holds, and the JSON it is sealed as (`docs/formats/root.md`).

use crate::{RootError, Unit};
use base::{Id, Secret, noun};
use crypto::{
    Provider,
    sign::{Algorithm, SigningKey},
    text,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What signs for a root.
const SIGNATURE: Algorithm = Algorithm::MlDsa65;

/// The version that is written. Version 1 had neither `signing` nor `forgotten`; it is read still.
const VERSION: u32 = 2;

/// The content in memory.
#[derive(Clone, Default)]
pub(super) struct Records {
    /// Each unit's record.
    pub(super) units: BTreeMap<String, Secret<[u8; 32]>>,
    /// The units that were forgotten.
    pub(super) forgotten: BTreeSet<String>,
    /// What the root signs with; `None` until the first write of a root of content version 1.
    pub(super) signing: Option<SigningKey>,
}

/// The sealed content. Records and seed in base64url.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Content {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing: Option<String>,
    #[zeroize(skip)]
    units: BTreeMap<String, Record>,
    #[serde(default)]
    #[zeroize(skip)]
    forgotten: BTreeSet<String>,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Record(String);

impl Content {
    /// No fewer bytes than its JSON has: neither units nor records need escapes.
    fn room(&self) -> usize {
        let unit = |(unit, record): (&String, &Record)| unit.len() + record.0.len() + r#""":"","#.len();
        r#"{"v":4294967295,"signing":"","units":{},"forgotten":[]}"#.len()
            + self.signing.as_ref().map_or(0, String::len)
            + self.units.iter().map(unit).sum::<usize>()
            + self.forgotten.iter().map(|unit| unit.len() + r#""","#.len()).sum::<usize>()
    }

    /// The content as it is sealed. Its room is reserved before it is filled, so that growth leaves no unwiped
    /// copy of a record behind.
    fn json(&self) -> Result<Secret<Vec<u8>>, RootError> {
        let mut json = Secret::new(Vec::with_capacity(self.room()));
        serde_json::to_writer(json.expose_mut(), self).map_err(|_| RootError::Content)?;
        Ok(json)
    }
}

impl Records {
    /// Reads the sealed content, of any version.
    pub(super) fn read(provider: &dyn Provider, json: &Secret<Vec<u8>>) -> Result<Self, RootError> {
        let content: Content = serde_json::from_slice(json.expose()).map_err(|_| RootError::Content)?;
        let versioned = match content.v {
            1 => content.signing.is_none() && content.forgotten.is_empty(),
            VERSION => content.signing.is_some(),
            _ => false,
        };
        if !versioned {
            return Err(RootError::Content);
        }
        let bytes =
            |text: &str| text::decode(text, "root record").map(Secret::new).map_err(RootError::Damaged);
        let mut units = BTreeMap::new();
        for (unit, record) in &content.units {
            let bytes = bytes(&record.0)?;
            let mut record = Secret::new([0; 32]);
            *record.expose_mut() = bytes.expose().as_slice().try_into().map_err(|_| RootError::Content)?;
            units.insert(unit.clone(), record);
        }
        let signing = content.signing.as_ref().map(|seed| {
            SigningKey::from_secret(provider, SIGNATURE, bytes(seed)?).map_err(RootError::Damaged)
        });
        Ok(Self { units, forgotten: content.forgotten.clone(), signing: signing.transpose()? })
    }

    /// The content to seal, in the version that is written now.
    pub(super) fn json(&self) -> Result<Secret<Vec<u8>>, RootError> {
        let units =
            self.units.iter().map(|(unit, record)| (unit.clone(), Record(text::encode(record.expose()))));
        let signing = self.signing.as_ref().map(|key| text::encode(key.as_secret().expose()));
        let content =
            Content { v: VERSION, signing, units: units.collect(), forgotten: self.forgotten.clone() };
        content.json()
    }

    /// Makes the signing key where there is none. Whether it did.
    pub(super) fn complete(&mut self, provider: &dyn Provider) -> bool {
        let missing = self.signing.is_none();
        if missing {
            self.signing = Some(SigningKey::generate(provider, SIGNATURE));
        }
        missing
    }

    /// Forgets every unit that `unit` covers. Whether anything changed.
    pub(super) fn forget(&mut self, unit: Unit) -> bool {
        let before = (self.units.len(), self.forgotten.len());
        // A name that this release does not read is of a unit that it does not forget.
        let covered = |name: &String| name.parse().is_ok_and(|known| unit.covers(known));
        self.forgotten.extend(self.units.keys().filter(|name| covered(name)).cloned());
        self.forgotten.insert(unit.to_string());
        self.units.retain(|name, _| !covered(name));
        before != (self.units.len(), self.forgotten.len())
    }

    /// Whether both know, or have known, an organization: the platform is one, and no two stores have it in common.
    pub(super) fn shares_an_organization(&self, other: &Self) -> Result<bool, RootError> {
        let (ours, theirs) = (self.organizations()?, other.organizations()?);
        Ok(ours.intersection(&theirs).next().is_some())
    }

    fn organizations(&self) -> Result<BTreeSet<Id<noun::Organization>>, RootError> {
        let names = self.units.keys().chain(&self.forgotten);
        let organization = |name: &String| name.parse().map(Unit::organization);
        names.map(organization).collect::<Result<_, _>>().map_err(|_| RootError::Content)
    }

    /// Whether this unit, or one that covers it, was forgotten.
    pub(super) fn forgot(&self, unit: Unit) -> bool {
        let whole = Unit::Organization(unit.organization());
        [unit, whole].iter().any(|by| by.covers(unit) && self.forgotten.contains(&by.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Record, Records};
    use crate::Unit;
    use base::{Id, Secret};
    use crypto::text;

    fn unit(seed: u8) -> Unit {
        let organization = Id::from_bytes([seed; 16]);
        if seed.is_multiple_of(2) {
            Unit::Organization(organization)
        } else {
            Unit::Dataset(organization, Id::from_bytes([seed; 16]))
        }
    }

    #[test]
    fn the_plain_content_never_moves_while_it_is_written() {
        for units in [0, 1, 3, 200] {
            let content = Content {
                v: 2,
                signing: Some(text::encode(&[7; 32])),
                units: (0..units)
                    .map(|seed| (unit(seed).to_string(), Record(text::encode(&[seed; 32]))))
                    .collect(),
                forgotten: (0..units).map(|seed| unit(seed).to_string()).collect(),
            };
            let json = content.json().expect("it is JSON");
            assert_eq!(json.expose().capacity(), content.room(), "it has grown");
            assert!(serde_json::from_slice::<Content>(json.expose()).is_ok());
        }
    }

    #[test]
    fn the_first_content_version_is_read_and_the_second_written() {
        let provider = crypto::aws_lc();
        let first = format!(r#"{{"v":1,"units":{{"{}":"{}"}}}}"#, unit(2), text::encode(&[9; 32]));
        let mut records = Records::read(&*provider, &Secret::new(first.into_bytes())).expect("it reads");
        assert!(records.signing.is_none());
        assert!(records.complete(&*provider) && !records.complete(&*provider));
        let json = records.json().expect("it is JSON");
        let again = Records::read(&*provider, &json).expect("it reads");
        assert_eq!(again.units.len(), 1);
        let key = |records: &Records| records.signing.as_ref().map(|key| key.verifying_key().clone());
        assert_eq!(key(&again), key(&records));
        for wrong in
            [r#"{"v":2,"units":{}}"#, r#"{"v":3,"units":{}}"#, r#"{"v":1,"units":{},"forgotten":["x"]}"#]
        {
            assert!(Records::read(&*provider, &Secret::new(wrong.as_bytes().to_vec())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_organization_is_forgotten_with_its_datasets_and_not_with_its_log() {
        let organization = Id::from_bytes([1; 16]);
        let (whole, log) = (Unit::Organization(organization), Unit::Log(organization));
        let dataset = |seed| Unit::Dataset(organization, Id::from_bytes([seed; 16]));
        let mut records = Records::default();
        for unit in [whole, log, dataset(1), dataset(2), unit(2)] {
            records.units.insert(unit.to_string(), Secret::new([1; 32]));
        }
        assert!(records.forget(dataset(1)));
        assert!(records.forgot(dataset(1)) && !records.forgot(dataset(2)) && !records.forgot(whole));
        assert!(!records.forget(dataset(1)), "once");
        assert!(records.forget(whole));
        assert!(records.forgot(dataset(2)) && records.forgot(dataset(3)) && records.forgot(whole));
        assert!(!records.forgot(log) && !records.forgot(unit(2)));
        assert_eq!(records.units.len(), 2);
    }
}
