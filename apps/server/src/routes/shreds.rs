//! Operations on breaches and on shredding.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::shreds as view;
use api::breaches::{self, Breach, Declare, Undo};
use api::shreds::{self, Approve, Cancel, Request, Show, Shred};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .document::<Declare, _, _>(declare)
        .document::<Undo, _, _>(undo)
        .document::<breaches::List, _, _>(list_breaches)
        .document::<Request, _, _>(request)
        .document::<Approve, _, _>(approve)
        .document::<Cancel, _, _>(cancel)
        .document::<shreds::List, _, _>(list)
        .document::<Show, _, _>(show)
}

async fn declare(ask: Ask<Declare>) -> Result<Breach, Failure> {
    let scope = view::scope(&ask.request.scope, &ask.ctx)?;
    let permit = ask.permit_on(scope.resource()).await?;
    Ok(view::breach(ask.rooms.keys.declare_breach(&ask.ctx, &permit, scope, &ask.request.reason).await?))
}

async fn undo(ask: Ask<Undo>) -> Result<Breach, Failure> {
    let scope = view::scope(&ask.request.scope, &ask.ctx)?;
    let permit = ask.permit_on(scope.resource()).await?;
    Ok(view::breach(ask.rooms.keys.undo_breach(&ask.ctx, &permit, scope).await?))
}

async fn list_breaches(ask: Ask<breaches::List>) -> Result<api::Page<Breach>, Failure> {
    let items = ask.rooms.keys.breaches(&ask.ctx).await?.into_iter().map(view::breach).collect();
    Ok(api::Page { items, next: None })
}

async fn request(ask: Ask<Request>) -> Result<Shred, Failure> {
    let scope = view::scope(&ask.request.scope, &ask.ctx)?;
    let permit = ask.permit_on(scope.resource()).await?;
    view::shred(ask.rooms.keys.request_shred(&ask.ctx, &permit, scope, &ask.request.reason).await?)
}

async fn approve(ask: Ask<Approve>) -> Result<Shred, Failure> {
    view::shred(ask.rooms.keys.approve_shred(&ask.ctx, &ask.permit, ask.request.approval).await?)
}

async fn cancel(ask: Ask<Cancel>) -> Result<Shred, Failure> {
    view::shred(ask.rooms.keys.cancel_shred(&ask.ctx, &ask.permit, ask.request.approval).await?)
}

async fn list(ask: Ask<shreds::List>) -> Result<api::Page<Shred>, Failure> {
    let items =
        ask.rooms.keys.shreds(&ask.ctx).await?.into_iter().map(view::shred).collect::<Result<_, _>>()?;
    Ok(api::Page { items, next: None })
}

async fn show(ask: Ask<Show>) -> Result<Shred, Failure> {
    view::shred(ask.rooms.keys.shred(&ask.ctx, ask.request.approval).await?)
}
