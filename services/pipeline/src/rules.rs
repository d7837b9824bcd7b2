//! Pure decisions: what is sighted, in which order findings are recorded, what is too long for evidence.

use base::{Id, Timestamp, digest, noun};
use detect::Finding;
use events::{Activity, IdentityKey, IdentityKind};
use identities::{Nature, Sighting};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The longest event that a finding keeps as evidence, in bytes; of a longer one it keeps the hash and the
/// offset.
pub(crate) const MAX_EVIDENCE: usize = 64 << 10;

/// The sightings of a batch: per identity the first and the last, so that a batch costs as much as it has
/// identities.
#[derive(Debug, Default)]
pub(crate) struct Sightings(BTreeMap<Id<noun::Identity>, (Sighting, Timestamp)>);

impl Sightings {
    pub(crate) fn add(&mut self, sighting: Sighting) {
        let at = sighting.at;
        let (first, last) = self.0.entry(sighting.id).or_insert_with(|| (sighting.clone(), at));
        if sighting.nature == Nature::Person {
            first.nature = Nature::Person;
        }
        first.owner = first.owner.or(sighting.owner);
        first.at = first.at.min(at);
        *last = (*last).max(at);
    }

    pub(crate) fn into_vec(self) -> Vec<Sighting> {
        let both = |(first, last): (Sighting, Timestamp)| {
            let again = (last > first.at).then(|| Sighting { at: last, ..first.clone() });
            [Some(first), again]
        };
        self.0.into_values().flat_map(both).flatten().collect()
    }
}

/// What an activity says of an identity.
pub(crate) fn sighting(
    organization: Id<noun::Organization>,
    key: &IdentityKey<'_>,
    activity: &Activity<'_>,
    person: bool,
) -> Sighting {
    let nature = match key.kind {
        _ if person => Nature::Person,
        // A user of the cloud, or what stands for an account, can be anyone until evidence comes.
        IdentityKind::User | IdentityKind::Account | IdentityKind::Directory => Nature::Unknown,
        IdentityKind::Root | IdentityKind::Saml | IdentityKind::IdentityCenter => Nature::Person,
        IdentityKind::AccessKey
        | IdentityKind::Role
        | IdentityKind::Service
        | IdentityKind::WebIdentity
        | IdentityKind::ServiceAccount
        | IdentityKind::App
        | IdentityKind::Token
        | IdentityKind::Agent => Nature::Machine,
    };
    Sighting {
        id: key.id(organization),
        provider: key.provider.into(),
        kind: key.kind.as_str().into(),
        account: key.account.map(str::to_owned),
        native: key.native.clone().into_owned(),
        name: key.name.clone().into_owned(),
        owner: None,
        nature,
        provider_owned: false,
        at: activity.time,
    }
}

/// Replaces evidence that is too long by its hash and offset.
pub(crate) fn shorten_evidence(finding: &mut Finding, offset: u64) {
    for event in &mut finding.evidence {
        let text = event.get();
        if text.len() > MAX_EVIDENCE {
            let hash = digest::hex(&digest::sha256(text.as_bytes()));
            let short =
                serde_json::json!({ "omitted": { "bytes": text.len(), "sha256": hash, "offset": offset } });
            if let Ok(short) = RawValue::from_string(short.to_string()) {
                *event = short;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sightings;
    use base::{Id, Timestamp};
    use identities::{Nature, Sighting};

    #[test]
    fn a_batch_sights_an_identity_at_most_twice_and_forgets_no_evidence() {
        let at = |seconds: i64, nature| Sighting {
            id: Id::from_bytes([1; 16]),
            provider: "aws".into(),
            kind: "user".into(),
            account: None,
            native: "n".into(),
            name: "n".into(),
            owner: None,
            nature,
            provider_owned: false,
            at: Timestamp::from_millis(seconds * 1_000),
        };
        let mut sightings = Sightings::default();
        for seconds in [5, 3, 9, 4] {
            sightings.add(at(seconds, if seconds == 9 { Nature::Person } else { Nature::Unknown }));
        }
        assert_eq!(sightings.into_vec(), [at(3, Nature::Person), at(9, Nature::Person)]);
    }
}
