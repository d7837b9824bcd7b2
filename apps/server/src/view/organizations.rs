//! Organizations on the wire.

use super::credentials;
use crate::failure::Failure;
use api::organizations::Created;

/// An organization that was created, with the credential of its first person.
pub(crate) fn created(organization: store::Registered, person: issuer::Issued) -> Result<Created, Failure> {
    let person = credentials::issued(person)?;
    Ok(Created { organization: organization.id, name: organization.name, person })
}
