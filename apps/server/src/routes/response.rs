//! Operations on how far the response goes by itself.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::response as view;
use api::response::{Response, Set, Show};
use base::Kind;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<Show, _, _>(show).document::<Set, _, _>(set)
}

async fn show(ask: Ask<Show>) -> Result<Response, Failure> {
    let now = ask.rooms.clock.now();
    Ok(view::response(&ask.rooms.respond.settings(&ask.ctx, now).await?, now))
}

async fn set(ask: Ask<Set>) -> Result<Response, Failure> {
    if ask.request.mode.is_none() && ask.request.brake_limit.is_none() {
        return Err(Failure::new(Kind::BadInput, "nothing to set: give `mode` or `brake_limit`"));
    }
    let now = ask.rooms.clock.now();
    let change = view::change(&ask.request);
    Ok(view::response(&ask.rooms.respond.set(&ask.ctx, &ask.permit, change, now).await?, now))
}
