//! Pure decisions: what a sighting changes of what is known.

use crate::{Nature, Sighting};
use base::{Id, noun};
use std::collections::BTreeMap;

/// The nature after one more sighting. A person stays one, and only evidence makes one; a first guess
/// stands otherwise.
pub(crate) fn learn(known: Nature, seen: Nature) -> Nature {
    if seen == Nature::Person { Nature::Person } else { known }
}

/// One sighting per identity: what a batch says of each, with its first and last time.
pub(crate) fn merge(sightings: &[Sighting]) -> BTreeMap<Id<noun::Identity>, Merged<'_>> {
    let mut merged: BTreeMap<Id<noun::Identity>, Merged<'_>> = BTreeMap::new();
    for sighting in sightings {
        merged
            .entry(sighting.id)
            .and_modify(|merged| {
                merged.nature = learn(merged.nature, sighting.nature);
                merged.first = merged.first.min(sighting.at);
                merged.last = merged.last.max(sighting.at);
            })
            .or_insert(Merged { sighting, nature: sighting.nature, first: sighting.at, last: sighting.at });
    }
    merged
}

/// What a batch says of one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Merged<'s> {
    pub(crate) sighting: &'s Sighting,
    pub(crate) nature: Nature,
    pub(crate) first: base::Timestamp,
    pub(crate) last: base::Timestamp,
}

#[cfg(test)]
mod tests {
    use super::{learn, merge};
    use crate::{Nature, Sighting};
    use base::{Id, Timestamp};

    fn sighting(id: u8, nature: Nature, seconds: i64) -> Sighting {
        Sighting {
            id: Id::from_bytes([id; 16]),
            provider: "aws".into(),
            kind: "user".into(),
            account: Some("123456789012".into()),
            native: format!("arn:aws:iam::123456789012:user/{id}"),
            name: format!("user-{id}"),
            owner: None,
            nature,
            provider_owned: false,
            at: Timestamp::from_millis(seconds * 1_000),
        }
    }

    #[test]
    fn a_person_stays_one_and_only_evidence_makes_one() {
        for known in Nature::ALL {
            assert_eq!(learn(known, Nature::Person), Nature::Person);
            assert_eq!(learn(known, Nature::Unknown), known);
            assert_eq!(learn(known, Nature::Machine), known);
        }
    }

    #[test]
    fn a_batch_says_one_thing_of_each_identity() {
        let batch = [
            sighting(2, Nature::Unknown, 50),
            sighting(1, Nature::Machine, 20),
            sighting(2, Nature::Person, 40),
            sighting(2, Nature::Unknown, 60),
        ];
        let merged = merge(&batch);
        assert_eq!(merged.len(), 2);
        let user = merged[&Id::from_bytes([2; 16])];
        assert_eq!((user.nature, user.first.seconds(), user.last.seconds()), (Nature::Person, 40, 60));
    }
}
