//! What a witness answers: C2SP tlog-witness over HTTP, and nothing else.
//!
//! Nobody signs in here: a request is believed by the signature on its checkpoint. So everything else about it is
//! bounded: its size, its pauses, and, by the accept loop below, the number of connections and the time for each.

use crate::intake::Intake;
use crate::linger::lingering;
use audit::witness::{Denied, Witnessing};
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::{get, post};
use base::{Context, Fault as _, Kind};
use http::{HeaderValue, Request, Response, StatusCode, header};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use verify::witness::{MAX_BYTES, Refusal, SIZE_TYPE};

const TEXT: &str = "text/plain; charset=utf-8";

/// What the routes of a witness work with. Cheap to clone.
#[derive(Clone)]
pub struct Cosigning {
    /// Compares, keeps, signs.
    pub witnessing: Witnessing,
    /// Makes the context of a request; only the node may.
    pub context: Arc<dyn Fn() -> Context + Send + Sync>,
    /// Reads on what a refused client still sends; the node waits for it.
    pub tasks: TaskTracker,
    /// How long a body may pause.
    pub stall: Duration,
}

/// The routes of a witness; its submission prefix is its monitoring prefix too.
pub fn router(cosigning: &Cosigning) -> Router {
    let (add, monitor) = (cosigning.clone(), cosigning.clone());
    let intake = Intake::new(cosigning.stall);
    Router::new()
        .route("/add-checkpoint", post(move |request| add_checkpoint(add.clone(), intake.clone(), request)))
        .route("/{origin}/checkpoint", get(move |Path(origin): Path<String>| latest(monitor.clone(), origin)))
        .route("/healthz", get(|| async { answer(StatusCode::OK, TEXT, "ok\n") }))
        .fallback(|| async {
            answer(
                StatusCode::NOT_FOUND,
                TEXT,
                "a witness has POST add-checkpoint and GET <origin hash>/checkpoint\n",
            )
        })
}

async fn add_checkpoint(cosigning: Cosigning, intake: Intake, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = lingering(body, &cosigning.tasks);
    let held = match intake.whole(&parts.headers, body, MAX_BYTES).await {
        Ok(held) => held,
        Err(failure) => {
            let status = match failure.problem.kind {
                Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
            return answer(status, TEXT, format!("{}\n", failure.problem));
        }
    };
    let ctx = (cosigning.context)();
    // A client that goes away ends this; what was being written then is written whole or not at all.
    match cosigning.witnessing.add_checkpoint(&ctx, &held.bytes).await {
        Ok(lines) => answer(StatusCode::OK, TEXT, lines),
        Err(Denied::Refused(refusal)) => refused(refusal),
        Err(Denied::Failed(error)) => {
            tracing::error!(%error, "nothing was cosigned");
            failed(error.kind())
        }
    }
}

async fn latest(cosigning: Cosigning, origin: String) -> Response<Body> {
    let ctx = (cosigning.context)();
    match cosigning.witnessing.checkpoint(&ctx, &origin).await {
        Ok(Some(note)) => answer(StatusCode::OK, TEXT, note),
        Ok(None) => answer(StatusCode::NOT_FOUND, TEXT, "nothing was cosigned for that log\n"),
        Err(error) => {
            tracing::error!(%error, "the last checkpoint cannot be read");
            failed(error.kind())
        }
    }
}

fn refused(refusal: Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal {
        Refusal::Stale { known } => answer(status, SIZE_TYPE, format!("{known}\n")),
        other => answer(status, TEXT, format!("{other}\n")),
    }
}

/// Why is the operator's to read, in the log.
fn failed(kind: Kind) -> Response<Body> {
    let status = match kind {
        Kind::Unavailable | Kind::Full => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    answer(status, TEXT, "the witness cannot cosign now\n")
}

fn answer(status: StatusCode, media: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
