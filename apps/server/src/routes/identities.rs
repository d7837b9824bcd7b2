//! Operations on identities.

use super::{limit, page};
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::identities as view;
use api::identities::{Identity, List, Protect, Quarantine, Release, Show, StandingState, Unprotect};
use identities::Filter;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .document::<List, _, _>(list)
        .document::<Show, _, _>(show)
        .document::<Quarantine, _, _>(quarantine)
        .document::<Release, _, _>(release)
        .document::<Protect, _, _>(protect)
        .document::<Unprotect, _, _>(unprotect)
}

async fn list(ask: Ask<List>) -> Result<api::Page<Identity>, Failure> {
    let quarantined = ask.request.standing.map(|standing| standing == StandingState::Quarantined);
    let filter = Filter { quarantined, ..Filter::default() };
    let (limit, after) = (limit(ask.request.limit)?, ask.request.after.as_deref());
    Ok(page(ask.rooms.identities.list(&ask.ctx, &filter, limit, after).await?, view::identity))
}

async fn show(ask: Ask<Show>) -> Result<Identity, Failure> {
    Ok(view::identity(ask.rooms.identities.get(&ask.ctx, ask.request.identity).await?))
}

async fn quarantine(ask: Ask<Quarantine>) -> Result<Identity, Failure> {
    let (identity, finding, now) = (ask.request.identity, ask.request.finding, ask.rooms.clock.now());
    let cut = ask.rooms.respond.quarantine(&ask.ctx, &ask.permit, identity, finding, now).await?;
    Ok(view::identity(cut))
}

async fn release(ask: Ask<Release>) -> Result<Identity, Failure> {
    let (identity, why, now) = (ask.request.identity, ask.request.reason.as_deref(), ask.rooms.clock.now());
    Ok(view::identity(ask.rooms.respond.release(&ask.ctx, &ask.permit, identity, why, now).await?))
}

async fn protect(ask: Ask<Protect>) -> Result<Identity, Failure> {
    Ok(view::identity(ask.rooms.identities.protect(&ask.ctx, ask.request.identity, true).await?))
}

async fn unprotect(ask: Ask<Unprotect>) -> Result<Identity, Failure> {
    Ok(view::identity(ask.rooms.identities.protect(&ask.ctx, ask.request.identity, false).await?))
}
