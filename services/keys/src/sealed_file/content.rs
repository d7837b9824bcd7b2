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

/// The versions that are written: 3 where a unit has several records, else 2. Version 1 had neither `signing` nor
/// `forgotten`; it is read still.
const VERSION: u32 = 2;
const SEVERAL: u32 = 3;

/// The content in memory.
#[derive(Clone, Default)]
pub(super) struct Records {
    /// Each unit's records, never none: the first wraps, each unwraps.
    pub(super) units: BTreeMap<String, Vec<Secret<[u8; 32]>>>,
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
    /// The records after the first, of the units that have several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[zeroize(skip)]
    further: BTreeMap<String, Vec<Record>>,
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
        let further = |(unit, records): (&String, &Vec<Record>)| {
            let each = |record: &Record| record.0.len() + r#""","#.len();
            unit.len() + r#""":[],"#.len() + records.iter().map(each).sum::<usize>()
        };
        r#"{"v":4294967295,"signing":"","units":{},"further":{},"forgotten":[]}"#.len()
            + self.further.iter().map(further).sum::<usize>()
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
            1 => content.signing.is_none() && content.forgotten.is_empty() && content.further.is_empty(),
            VERSION => content.signing.is_some() && content.further.is_empty(),
            SEVERAL => content.signing.is_some(),
            _ => false,
        };
        if !versioned {
            return Err(RootError::Content);
        }
        let bytes =
            |text: &str| text::decode(text, "root record").map(Secret::new).map_err(RootError::Damaged);
        let record = |record: &Record| {
            let bytes = bytes(&record.0)?;
            let mut record = Secret::new([0; 32]);
            *record.expose_mut() = bytes.expose().as_slice().try_into().map_err(|_| RootError::Content)?;
            Ok::<_, RootError>(record)
        };
        if content
            .further
            .iter()
            .any(|(unit, records)| records.is_empty() || !content.units.contains_key(unit))
        {
            return Err(RootError::Content);
        }
        let mut units = BTreeMap::new();
        for (unit, first) in &content.units {
            let further = content.further.get(unit).into_iter().flatten();
            let mut records = Vec::with_capacity(1 + further.clone().count());
            for text in std::iter::once(first).chain(further) {
                records.push(record(text)?);
            }
            units.insert(unit.clone(), records);
        }
        let signing = content.signing.as_ref().map(|seed| {
            SigningKey::from_secret(provider, SIGNATURE, bytes(seed)?).map_err(RootError::Damaged)
        });
        Ok(Self { units, forgotten: content.forgotten.clone(), signing: signing.transpose()? })
    }

    /// The content to seal, in the version that is written now.
    pub(super) fn json(&self) -> Result<Secret<Vec<u8>>, RootError> {
        let text = |record: &Secret<[u8; 32]>| Record(text::encode(record.expose()));
        let (mut units, mut further) = (BTreeMap::new(), BTreeMap::new());
        for (unit, records) in &self.units {
            let (first, others) = records.split_first().ok_or(RootError::Content)?;
            units.insert(unit.clone(), text(first));
            if !others.is_empty() {
                further.insert(unit.clone(), others.iter().map(text).collect());
            }
        }
        let v = if further.is_empty() { VERSION } else { SEVERAL };
        let signing = self.signing.as_ref().map(|key| text::encode(key.as_secret().expose()));
        Content { v, signing, units, further, forgotten: self.forgotten.clone() }.json()
    }

    /// Makes the signing key where there is none. Whether it did.
    pub(super) fn complete(&mut self, provider: &dyn Provider) -> bool {
        let missing = self.signing.is_none();
        if missing {
            self.signing = Some(SigningKey::generate(provider, SIGNATURE));
        }
        missing
    }

    /// Adds a record to those of a unit, behind them; nothing where the unit has it. Whether it had others only.
    pub(super) fn add(&mut self, unit: &str, record: &Secret<[u8; 32]>) -> bool {
        let known = self.units.entry(unit.to_owned()).or_default();
        if known.iter().any(|known| known.expose() == record.expose()) {
            return false;
        }
        // Into room of its own: growth would leave an unwiped copy behind.
        let mut all = Vec::with_capacity(known.len() + 1);
        all.extend(known.iter().chain([record]).cloned());
        *known = all;
        known.len() > 1
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

    /// The organizations that it knows, or has known.
    pub(super) fn organizations(&self) -> Result<BTreeSet<Id<noun::Organization>>, RootError> {
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
                further: (0..units)
                    .map(|seed| {
                        let record = |_| Record(text::encode(&[seed; 32]));
                        (unit(seed).to_string(), (0..=seed % 3).map(record).collect())
                    })
                    .collect(),
                forgotten: (0..units).map(|seed| unit(seed).to_string()).collect(),
            };
            let json = content.json().expect("it is JSON");
            assert_eq!(json.expose().capacity(), content.room(), "it has grown");
            assert!(json.expose().len() <= content.room());
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
    fn the_third_content_version_is_of_units_with_several_records_only() {
        let provider = crypto::aws_lc();
        let mut records = Records::default();
        records.complete(&*provider);
        let (name, record) = (unit(2).to_string(), |seed| Secret::new([seed; 32]));
        assert!(!records.add(&name, &record(1)), "it had none");
        let version = |records: &Records| {
            let json = records.json().expect("it is JSON");
            let content: serde_json::Value = serde_json::from_slice(json.expose()).expect("JSON");
            content["v"].as_u64().expect("a version")
        };
        assert_eq!(version(&records), 2);
        assert!(
            records.add(&name, &record(2))
                && !records.add(&name, &record(2))
                && !records.add(&name, &record(1))
        );
        assert_eq!(version(&records), 3);
        let again = Records::read(&*provider, &records.json().expect("it is JSON")).expect("it reads");
        let seeds: Vec<_> = again.units[&name].iter().map(|record| record.expose()[0]).collect();
        assert_eq!(seeds, [1, 2], "in their order");
        let text = |seed: u8| text::encode(&[seed; 32]);
        let content = |v: u8, further: &str| {
            let (signing, first) = (text(7), text(1));
            format!(r#"{{"v":{v},"signing":"{signing}","units":{{"{name}":"{first}"}},"further":{further}}}"#)
        };
        let several = format!(r#"{{"{name}":["{}"]}}"#, text(2));
        let reads = |json: String| Records::read(&*provider, &Secret::new(json.into_bytes())).is_ok();
        assert!(reads(content(3, &several)));
        let (none, stranger) = (format!(r#"{{"{name}":[]}}"#), several.replace(&name, &unit(4).to_string()));
        for (v, further) in [(2, &several), (1, &several), (3, &none), (3, &stranger)] {
            assert!(!reads(content(v, further)), "{v} {further}");
        }
        assert!(records.forget(unit(2)) && records.units.is_empty(), "all of them are forgotten");
    }

    #[test]
    fn an_organization_is_forgotten_with_its_datasets_and_not_with_its_log() {
        let organization = Id::from_bytes([1; 16]);
        let (whole, log) = (Unit::Organization(organization), Unit::Log(organization));
        let dataset = |seed| Unit::Dataset(organization, Id::from_bytes([seed; 16]));
        let mut records = Records::default();
        for unit in [whole, log, dataset(1), dataset(2), unit(2)] {
            records.add(&unit.to_string(), &Secret::new([1; 32]));
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
