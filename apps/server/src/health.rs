//! What answers without a credential: is it alive, is it ready, its figures, and its own description.

use crate::failure::Failure;
use crate::rooms::Rooms;
use axum::body::Body;
use axum::routing::{Router, get};
use base::Kind;
use http::{HeaderValue, Response, StatusCode, Uri, header};
use serde_json::json;

/// The routes of this module.
pub(crate) fn routes(rooms: &Rooms) -> Router {
    let (ready, figures) = (rooms.clone(), rooms.clone());
    // The list of operations does not change while the process runs.
    let document = api::openapi::document().to_string();
    Router::new()
        .route("/healthz", get(|| async { text(StatusCode::OK, "text/plain", "ok\n") }))
        .route("/readyz", get(move || readiness(ready.clone())))
        .route(
            "/metrics",
            get(move || {
                let figures = figures.platform.metrics();
                async move { text(StatusCode::OK, "text/plain; version=0.0.4", figures) }
            }),
        )
        .route(
            "/api/v1/openapi.json",
            get(move || {
                let document = document.clone();
                async move { text(StatusCode::OK, "application/json", document) }
            }),
        )
        .fallback(nothing)
}

/// What answers where there is no operation.
pub(crate) async fn nothing(method: http::Method, uri: Uri) -> Response<Body> {
    let path = uri.path();
    Failure::new(Kind::NotFound, format!("there is no operation {method} {path}; see /api/v1/openapi.json"))
        .response()
}

async fn readiness(rooms: Rooms) -> Response<Body> {
    let obstacles = rooms.platform.obstacles().await;
    let ready = obstacles.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, "application/json", json!({"ready": ready, "obstacles": obstacles}).to_string())
}

fn text(status: StatusCode, media: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
