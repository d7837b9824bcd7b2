//! Operations on organizations.

use crate::authenticate::administrator_of;
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view;
use api::organizations::{Create, Created};
use base::Kind;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<Create, _, _>(create)
}

/// Two organizations' files cannot commit together; the order here is the one that the issuer's
/// administrator module states, and a call that was cut off is completed by calling again.
async fn create(ask: Ask<Create>) -> Result<Created, Failure> {
    let (issuer, clock) = (&ask.rooms.issuer, &ask.rooms.clock);
    let wrong = |error: issuer::WrongName| Failure::new(Kind::BadInput, error.to_string());
    let name = ask.request.name.parse().map_err(wrong)?;
    let person = ask.request.person.parse().map_err(wrong)?;
    let secret = ask.credential.id;
    let organization = issuer.begin_organization(&ask.ctx, &ask.permit, secret, &name, clock.now()).await?;
    ask.rooms.platform.open(organization.id).await?;
    let first = administrator_of(organization.id, ask.ctx.request());
    let issued = issuer.admit_first(&first, person, clock.now()).await?;
    issuer.finish_organization(&ask.ctx, secret, clock.now()).await?;
    view::organizations::created(organization, issued)
}
