//! The proof of one entry, as a file.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::outlet::Outlet;
use api::ledgers::{Prove, ProveRequest};
use axum::body::Body;
use http::Response;
use http::request::Parts;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.streamed::<Prove, _, _>(prove)
}

async fn prove(ask: Ask<Prove>, head: Parts, _body: Body) -> Result<Response<Body>, Failure> {
    let ProveRequest { position, generation } = ask.request;
    let proof = ask.rooms.platform.prove(&ask.ctx, generation, position).await?;
    let (mut outlet, response) = Outlet::open(&head.headers, "text/plain; charset=utf-8");
    ask.rooms.tasks.spawn(async move {
        // A reader that has gone has no use for the rest.
        if outlet.send(proof).await.is_ok() {
            outlet.finish(Ok(())).await;
        }
    });
    Ok(response)
}
