//! Operations on events.

use crate::call::{Ask, Routes, reply};
use crate::failure::Failure;
use crate::intake::MAX_BATCH;
use crate::outlet::{Gone, Outlet};
use crate::refusals::{self, Asked};
use crate::view::events as view;
use api::events::{Send, Tail};
use api::{Operation as _, Problem};
use axum::body::Body;
use base::Kind;
use events::{Encoding, Reason};
use http::request::Parts;
use http::{HeaderMap, Response, header};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a follower waits for news before an empty line tells both sides that the other is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// How many bytes a piece of the reply has, but for one line that is longer: what waits for a slow reader is
/// a few of these.
const PIECE: usize = 64 << 10;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.streamed::<Send, _, _>(send).streamed::<Tail, _, _>(tail)
}

async fn send(ask: Ask<Send>, parts: Parts, body: Body) -> Result<Response<Body>, Failure> {
    let Ask { rooms, ctx, credential, .. } = ask;
    let source = view::source(credential).ok_or_else(|| {
        Failure::new(Kind::Refused, "only an ingest credential names a format and its accounts")
    })?;
    let encoding = encoding(&parts.headers)?;
    let held = rooms.intake().whole(&parts.headers, body, MAX_BATCH).await?;
    let tasks = rooms.tasks.clone();
    // What was begun is finished, also when its caller has gone: what is refused goes on record.
    let work = tasks.spawn(async move {
        let receipt = rooms.pipeline.ingest(&ctx, source, held.bytes.clone(), encoding).await;
        let receipt = receipt.map_err(|error| Failure::at(&error, view::not_kept(&error)))?;
        let foreign =
            receipt.rejected.iter().filter(|reject| reject.reason == Reason::ForeignAccount).count();
        if foreign > 0 {
            let asked = Asked { operation: Send::NAME, action: Send::ACTION };
            refusals::foreign(&rooms, &ctx, asked, receipt.batch, foreign).await?;
        }
        Ok(receipt)
    });
    let receipt =
        work.await.unwrap_or_else(|_| Err(Failure::new(Kind::Internal, "the batch met a fault of ours")));
    reply(&view::receipt(receipt?))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Failure> {
    match headers.get(header::CONTENT_ENCODING).map(|encoding| encoding.to_str()) {
        None => Ok(Encoding::Auto),
        Some(Ok("gzip" | "x-gzip")) => Ok(Encoding::Gzip),
        Some(Ok("zstd")) => Ok(Encoding::Zstd),
        Some(Ok("identity")) => Ok(Encoding::Plain),
        Some(_) => Err(Failure::new(Kind::BadInput, "content-encoding is gzip, zstd, identity or absent")),
    }
}

async fn tail(ask: Ask<Tail>, head: Parts, _body: Body) -> Result<Response<Body>, Failure> {
    let reader = ask.rooms.pipeline.tail(&ask.ctx, ask.request.from).await?;
    let (outlet, response) = Outlet::open(&head.headers, "application/x-ndjson");
    let (follow, drain) = (ask.request.follow, ask.rooms.drain.clone());
    ask.rooms.tasks.spawn(pour(reader, outlet, follow, drain));
    Ok(response)
}

/// Sends what is there and, following, what comes.
async fn pour(mut reader: pipeline::Tail, mut outlet: Outlet, follow: bool, drain: CancellationToken) {
    let result: Result<(), Problem> = loop {
        if follow && drain.is_cancelled() {
            break Ok(());
        }
        let found = match reader.ready().await {
            Ok(found) if found.is_empty() && !follow => break Ok(()),
            Ok(found) if found.is_empty() => tokio::select! {
                () = drain.cancelled() => break Ok(()),
                found = reader.next() => found,
                () = tokio::time::sleep(SIGN_OF_LIFE) => Ok(Vec::new()),
            },
            found => found,
        };
        let found = match found {
            Ok(found) => found,
            Err(pipeline::Error::Draining) => break Ok(()),
            Err(error) => break Err(Problem::of(&error)),
        };
        if let Err(Gone) = lines(&found, &mut outlet).await {
            return;
        }
    };
    outlet.finish(result.as_ref().copied()).await;
}

/// Sends events, one a line; an empty line where there is none.
async fn lines(found: &[pipeline::Kept], outlet: &mut Outlet) -> Result<(), Gone> {
    let mut piece = String::new();
    for kept in found {
        view::line(kept, &mut piece);
        if piece.len() >= PIECE {
            outlet.send(std::mem::take(&mut piece)).await?;
        }
    }
    if found.is_empty() {
        piece.push('\n');
    }
    if piece.is_empty() { Ok(()) } else { outlet.send(piece).await }
}
