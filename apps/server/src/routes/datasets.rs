//! Operations on datasets, but for the reveal.

use super::{limit, page};
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::outlet::{Gone, Outlet};
use crate::view::datasets as view;
use api::Problem;
use api::datasets::{Dataset, List, Protect, PublicKey, PublicKeyDocument};
use axum::body::Body;
use base::Kind;
use bytes::Bytes;
use datasets::{Name, Protecting};
use fields::formats::csv::Dialect;
use fields::{Field, FieldPolicy, Mode};
use futures::{Stream, StreamExt as _};
use http::Response;
use http::request::Parts;
use policy::Resource;
use std::io;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .document::<List, _, _>(list)
        .document::<PublicKey, _, _>(public_key)
        .streamed::<Protect, _, _>(protect)
}

async fn list(ask: Ask<List>) -> Result<api::Page<Dataset>, Failure> {
    let (limit, after) = (limit(ask.request.limit)?, ask.request.after.as_deref());
    Ok(page(ask.rooms.datasets.list(&ask.ctx, limit, after).await?, view::dataset))
}

async fn public_key(ask: Ask<PublicKey>) -> Result<PublicKeyDocument, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    let key = ask.rooms.datasets.public_key(&ask.ctx, &name).await?;
    let document = serde_json::to_value(key)
        .map_err(|error| Failure::new(Kind::Internal, format!("the key cannot be written: {error}")))?;
    Ok(PublicKeyDocument { document })
}

/// What does not fit is refused with its status as long as nothing was sent: up to the first piece of the
/// file, which holds the header.
async fn protect(ask: Ask<Protect>, head: Parts, body: Body) -> Result<Response<Body>, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    let fields = ask.request.fields.0.iter();
    let fields = fields.map(|path| Field { path: path.clone(), mode: Mode::Aead }).collect();
    let policy = FieldPolicy::new(fields, None)?;
    let permit = ask.permit_on(Resource::Dataset(name.dataset(ask.ctx.organization()))).await?;
    let begun = ask.rooms.datasets.protect(&ask.ctx, permit, &name, policy, Dialect::default()).await;
    let mut run = begun.map_err(|error| Failure::at(&error, view::failed(&error)))?;
    let mut body = ask.rooms.intake().streamed(body);
    let first = match body.next().await {
        Some(piece) => {
            let piece = piece.map_err(broken)?;
            run.push(piece).await.map_err(|error| Failure::at(&error, view::failed(&error)))?
        }
        None => Bytes::new(),
    };
    let boundary = format!("nexora-{}", ask.ctx.request().bare());
    let (outlet, response) = Outlet::open(&head.headers, &format!("multipart/mixed; boundary={boundary}"));
    ask.rooms.tasks.spawn(async move {
        let mut parts = PartsOut { outlet, boundary };
        match pour(run, first, body, &mut parts).await {
            Ok(()) => parts.outlet.finish(Ok(())).await,
            Err(Stopped::Failed(problem)) => parts.outlet.finish(Err(&problem)).await,
            // Nobody holds the manifest, so what was sent is of no use to anyone.
            Err(Stopped::Gone) => {}
        }
    });
    Ok(response)
}

/// Why a run did not come to its end.
pub(super) enum Stopped {
    /// It failed, as the caller is told.
    Failed(Problem),
    /// The caller has gone.
    Gone,
}

impl From<Gone> for Stopped {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<datasets::Error> for Stopped {
    fn from(error: datasets::Error) -> Self {
        Self::Failed(Failure::at(&error, view::failed(&error)).0)
    }
}

/// What ended a body early.
fn broken(error: io::Error) -> Failure {
    match error.downcast::<Problem>() {
        Ok(problem) => Failure(problem),
        Err(error) => Failure::new(Kind::BadInput, format!("the body ended early: {error}")),
    }
}

async fn pour(
    mut run: Protecting,
    first: Bytes,
    mut body: impl Stream<Item = io::Result<Bytes>> + Unpin,
    parts: &mut PartsOut,
) -> Result<(), Stopped> {
    parts.open("output", "text/csv").await?;
    parts.outlet.send(first).await?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Stopped::Failed(broken(error).0))?;
        parts.outlet.send(run.push(piece).await?).await?;
    }
    let protected = run.finish().await?;
    parts.outlet.send(protected.rest).await?;
    parts.open("manifest", "application/json").await?;
    parts.outlet.send(protected.manifest.to_file()).await?;
    parts.outlet.send(format!("\r\n--{}--\r\n", parts.boundary)).await?;
    Ok(())
}

/// A reply in parts (RFC 2046).
struct PartsOut {
    outlet: Outlet,
    boundary: String,
}

impl PartsOut {
    async fn open(&mut self, name: &str, media: &str) -> Result<(), Gone> {
        let boundary = &self.boundary;
        let head = format!(
            "\r\n--{boundary}\r\ncontent-type: {media}\r\ncontent-disposition: attachment; name=\"{name}\"\r\n\r\n"
        );
        // The first delimiter stands at the very beginning.
        let head = if name == "output" { head.trim_start().to_owned() } else { head };
        self.outlet.send(head).await
    }
}
