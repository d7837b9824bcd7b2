//! Keys on the wire.

use crate::failure::Failure;
use api::keys::{ExportOnRecord, Exported, Key, SealedExport};
use base::Kind;
use crypto::Suite;

/// One version of a key.
pub(crate) fn key(key: keys::Key) -> Key {
    let exported = key.exported.map(|mark| Exported { at: mark.at, version: mark.version, to: mark.to });
    Key {
        id: key.id,
        purpose: key.purpose.to_string(),
        dataset: key.dataset,
        field: key.field,
        version: key.version,
        state: key.state.to_string(),
        algorithm: key.algorithm,
        created: key.created_at,
        activated: key.activated_at,
        rewrapped: key.rewrapped_at,
        uses: key.uses,
        every_days: key.rotation.every.map(|every| every.as_secs() / 86_400),
        after_uses: key.rotation.uses,
        rotates: key.rotates_at,
        exported,
    }
}

/// A suite by its name.
pub(crate) fn suite(named: Option<&str>) -> Result<Option<Suite>, Failure> {
    named.map(|name| name.parse().map_err(|error: crypto::Error| Failure::from(error))).transpose()
}

/// A request to export.
pub(crate) fn export(request: keys::ExportRequest) -> ExportOnRecord {
    ExportOnRecord {
        id: request.id,
        key: request.key,
        recipient: request.recipient,
        requested_by: request.requested_by,
        requested: request.requested_at,
        expires: request.expires_at,
        approved_by: request.approved_by,
    }
}

/// An export, sealed to its recipient.
pub(crate) fn sealed(document: &[u8]) -> Result<SealedExport, Failure> {
    let document = serde_json::from_slice(document)
        .map_err(|error| Failure::new(Kind::Internal, format!("the export cannot be read: {error}")))?;
    Ok(SealedExport { document })
}

/// A document of a service's own, as JSON.
pub(crate) fn json(document: &impl serde::Serialize) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(document)
        .map_err(|error| Failure::new(Kind::Internal, format!("the document cannot be written: {error}")))
}
