//! Recovery on the wire.

use crate::failure::Failure;
use crate::view::keys::json;
use api::recovery::{
    Aim, Ceremony, Custodian, CustodianToBe, Recovery, Restoration, SetUpOnRecord, Unwritten,
};
use base::Kind;
use keys::recovery::{self, CustodianPublic, NewCustodian};
use serde::de::DeserializeOwned;

/// A document of the service's own, from the wire.
pub(crate) fn read<T: DeserializeOwned>(document: serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(document)
        .map_err(|error| Failure::new(Kind::BadInput, format!("the document cannot be read: {error}")))
}

/// A custodian's public half, from the wire.
pub(crate) fn custodian(document: serde_json::Value) -> Result<NewCustodian, Failure> {
    let document: CustodianPublic = read(document)?;
    Ok(NewCustodian::try_from(&document)?)
}

/// A setup that was asked for.
pub(crate) fn asked(asked: recovery::SetupRequest) -> SetUpOnRecord {
    let custodian = |custodian: CustodianPublic| CustodianToBe {
        id: custodian.custodian,
        fingerprint: custodian.fingerprint(),
        name: custodian.name,
    };
    SetUpOnRecord {
        id: asked.id,
        threshold: asked.quorum,
        custodians: asked.custodians.into_iter().map(custodian).collect(),
        requested_by: asked.requested_by,
        requested: asked.requested_at,
        expires: asked.expires_at,
    }
}

/// A setup.
pub(crate) fn recovery(recovery: recovery::Recovery) -> Result<Recovery, Failure> {
    let custodian = |(id, name, share)| Custodian { id, name, share };
    Ok(Recovery {
        setup: recovery.setup,
        threshold: recovery.quorum,
        custodians: recovery.custodians.into_iter().map(custodian).collect(),
        set_up: recovery.set_up_at,
        rehearsed: recovery.rehearsed_at,
        left_out: recovery.package.as_ref().map_or(0, |package| package.left_out),
        current: recovery.package.is_some_and(|package| !package.stale && package.left_out == 0),
        earlier: recovery.earlier.iter().map(ToString::to_string).collect(),
        unwritten: recovery.unwritten.map(|unwritten| Unwritten {
            file: unwritten.file,
            why: unwritten.why,
            next:
                "once that is mended, `nexora keys recovery repackage --out DIR` writes it, with the shares"
                    .to_owned(),
        }),
        shares: recovery.shares.iter().map(json).collect::<Result<_, _>>()?,
    })
}

/// A ceremony.
pub(crate) fn ceremony(ceremony: recovery::Ceremony) -> Result<Ceremony, Failure> {
    Ok(Ceremony {
        id: ceremony.id,
        aim: match ceremony.aim {
            recovery::Aim::Rehearsal => Aim::Rehearsal,
            recovery::Aim::Restore => Aim::Restore,
        },
        state: ceremony.state.as_str().to_owned(),
        threshold: ceremony.quorum,
        approved: ceremony.given.into_iter().map(|(_, name)| name).collect(),
        expires: ceremony.expires_at,
        fingerprint: ceremony.invitation.fingerprint(),
        invitation: json(&ceremony.invitation)?,
        shares: ceremony.shares.iter().map(json).collect::<Result<_, _>>()?,
    })
}

/// A restore, and why the organization is locked all the same.
pub(crate) fn restoration(
    restored: recovery::Restoration,
    locked: Option<String>,
) -> Result<Restoration, Failure> {
    Ok(Restoration {
        keys: restored.keys,
        regained: restored.regained,
        shredded: restored.shredded.iter().map(ToString::to_string).collect(),
        missing: restored.missing.iter().map(ToString::to_string).collect(),
        recovery: recovery(restored.recovery)?,
        locked,
    })
}
