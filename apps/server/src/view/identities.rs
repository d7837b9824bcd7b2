//! Identities on the wire.

use api::identities::{Identity, StandingState};
use standing::Standing;

/// Whether an identity may act.
pub(crate) const fn standing(standing: &Standing) -> StandingState {
    match standing {
        Standing::Good => StandingState::Good,
        Standing::Quarantined(_) => StandingState::Quarantined,
    }
}

/// An identity.
pub(crate) fn identity(identity: identities::Identity) -> Identity {
    let quarantine = match identity.standing {
        Standing::Good => None,
        Standing::Quarantined(quarantine) => Some(quarantine),
    };
    Identity {
        id: identity.id,
        name: identity.name,
        native: identity.native,
        provider: identity.provider,
        kind: identity.kind,
        person: identity.nature == identities::Nature::Person,
        owner: identity.owner,
        protected: identity.protected,
        standing: standing(&identity.standing),
        quarantined: quarantine.map(|quarantine| quarantine.since),
        finding: quarantine.and_then(|quarantine| quarantine.finding),
        first_seen: identity.first_seen,
        last_seen: identity.last_seen,
    }
}
