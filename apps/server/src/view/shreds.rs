//! Breaches and shredding on the wire.

use crate::failure::Failure;
use crate::view::keys::json;
use api::breaches::{Breach, Scope};
use api::shreds::Shred;
use base::Context;

/// Whose keys, from the wire.
pub(crate) fn scope(scope: &Scope, ctx: &Context) -> Result<keys::Scope, Failure> {
    Ok(match scope {
        Scope::Organization => keys::Scope::Organization,
        Scope::Dataset(name) => {
            let name: datasets::Name = name.parse()?;
            keys::Scope::Dataset(name.dataset(ctx.organization()))
        }
    })
}

/// A breach.
pub(crate) fn breach(breach: keys::Breach) -> Breach {
    Breach {
        id: breach.id,
        dataset: breach.scope.dataset(),
        reason: breach.reason,
        declared_by: breach.declared_by,
        declared: breach.declared_at,
        undone_by: breach.undone.map(|(person, _)| person),
        undone: breach.undone.map(|(_, at)| at),
    }
}

/// A request to shred.
pub(crate) fn shred(shred: keys::Shred) -> Result<Shred, Failure> {
    Ok(Shred {
        id: shred.id,
        dataset: shred.scope.dataset(),
        state: shred.state.as_str().to_owned(),
        waits: shred.waits,
        reason: shred.reason,
        requested_by: shred.requested_by,
        requested: shred.requested_at,
        expires: shred.expires_at,
        approved_by: shred.approved.map(|(person, _)| person),
        cancelled_by: shred.cancelled.map(|(person, _)| person),
        certificate: shred.certificate.as_ref().map(json).transpose()?,
    })
}
