//! The routes: one for each operation, each a thin handler.

mod credentials;
mod datasets;
mod events;
mod findings;
mod identities;
mod keys;
mod ledger;
mod node;
mod organizations;
mod producers;
mod recovery;
mod response;
mod reveal;
mod shreds;

use crate::call::Routes;
use crate::failure::Failure;
use crate::health;
use crate::rooms::Rooms;
use api::client::Local;
use axum::Router;
use axum::body::Body;
use base::{Kind, Limit};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use tower::ServiceExt as _;

/// The router over these rooms: every operation, and what answers without a credential.
pub fn router(rooms: &Rooms) -> Router {
    let routes = Routes { router: Router::new(), rooms: rooms.clone() };
    let routes = organizations::routes(routes);
    let routes = identities::routes(routes);
    let routes = credentials::routes(routes);
    let routes = events::routes(routes);
    let routes = findings::routes(routes);
    let routes = response::routes(routes);
    let routes = datasets::routes(routes);
    let routes = reveal::routes(routes);
    let routes = producers::routes(routes);
    let routes = keys::routes(routes);
    let routes = shreds::routes(routes);
    let routes = recovery::routes(routes);
    let routes = ledger::routes(routes);
    let routes = node::routes(routes);
    // Also for a path that is one, with a method that is none.
    routes.router.merge(health::routes(rooms)).method_not_allowed_fallback(health::nothing)
}

/// The same router for a client in this process.
#[must_use]
pub fn local(router: Router) -> Local {
    Arc::new(move |request| {
        let router = router.clone();
        Box::pin(async move {
            let answered = router.oneshot(request.map(Body::new)).await;
            let response = answered.unwrap_or_else(|never| match never {});
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        })
    })
}

/// The page size that was asked for.
fn limit(asked: Option<u32>) -> Result<Limit, Failure> {
    asked.map_or_else(
        || Ok(Limit::default()),
        |rows| Limit::try_from(rows).map_err(|wrong| Failure::new(Kind::BadInput, wrong.to_string())),
    )
}

/// A page with every row shown.
fn page<T, U>(page: base::Page<T>, view: impl FnMut(T) -> U) -> api::Page<U> {
    let page = page.map(view);
    api::Page { items: page.items, next: page.next }
}
