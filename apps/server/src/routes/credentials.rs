//! Operations on credentials.

use super::limit;
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::credentials as view;
use api::credentials::{Credential, Issue, Issued, List, Revoke};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<Issue, _, _>(issue).document::<List, _, _>(list).document::<Revoke, _, _>(revoke)
}

async fn issue(ask: Ask<Issue>) -> Result<Issued, Failure> {
    let grant = view::granted(ask.request.grant)?;
    let issued = ask.rooms.issuer.issue(&ask.ctx, &ask.permit, grant, ask.rooms.clock.now()).await?;
    view::issued(issued)
}

async fn list(ask: Ask<List>) -> Result<api::Page<Credential>, Failure> {
    let (limit, after) = (limit(ask.request.limit)?, ask.request.after.as_deref());
    let listed = ask.rooms.issuer.list(&ask.ctx, limit, after).await?;
    let items: Result<_, _> = listed.items.into_iter().map(view::credential).collect();
    Ok(api::Page { items: items?, next: listed.next })
}

async fn revoke(ask: Ask<Revoke>) -> Result<Credential, Failure> {
    let now = ask.rooms.clock.now();
    view::credential(ask.rooms.issuer.revoke(&ask.ctx, &ask.permit, ask.request.credential, now).await?)
}
