//! Operations on datasets, but for those that read a protected file.

use super::{limit, page};
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::outlet::{Gone, Outlet};
use crate::view::datasets as view;
use api::Problem;
use api::datasets::{
    Create, Dataset, Detail, ForgetOutput, Forgotten, List, Outputs, Protect, ProtectRequest,
    ProtectedOutput, PublicKey, PublicKeyDocument, ReencryptAll, Reencryption, ReencryptionReply,
    ReencryptionStatus, ReleaseKey, Released, SetPolicy, Show,
};
use axum::body::Body;
use base::{Id, Kind, noun};
use bytes::Bytes;
use datasets::{Name, Protecting};
use fields::{FieldPolicy, KeyName};
use futures::{Stream, StreamExt as _};
use http::Response;
use http::request::Parts;
use policy::Resource;
use std::io;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .document::<Create, _, _>(create)
        .document::<SetPolicy, _, _>(set_policy)
        .document::<List, _, _>(list)
        .document::<Show, _, _>(show)
        .document::<Outputs, _, _>(outputs)
        .document::<ForgetOutput, _, _>(forget_output)
        .document::<PublicKey, _, _>(public_key)
        .document::<ReleaseKey, _, _>(release_key)
        .document::<ReencryptAll, _, _>(reencrypt_all)
        .document::<ReencryptionStatus, _, _>(reencryption)
        .streamed::<Protect, _, _>(protect)
}

async fn create(ask: Ask<Create>) -> Result<Dataset, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    let policy = ask.request.policy;
    Ok(view::dataset(ask.rooms.datasets.create(&ask.ctx, &ask.permit, &name, policy).await?))
}

async fn set_policy(ask: Ask<SetPolicy>) -> Result<Dataset, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    let policy = ask.request.policy;
    Ok(view::dataset(ask.rooms.datasets.set_policy(&ask.ctx, &ask.permit, &name, policy).await?))
}

async fn list(ask: Ask<List>) -> Result<api::Page<Dataset>, Failure> {
    let (limit, after) = (limit(ask.request.limit)?, ask.request.after.as_deref());
    Ok(page(ask.rooms.datasets.list(&ask.ctx, limit, after).await?, view::dataset))
}

async fn show(ask: Ask<Show>) -> Result<Detail, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    Ok(view::detail(ask.rooms.datasets.show(&ask.ctx, &name).await?))
}

async fn outputs(ask: Ask<Outputs>) -> Result<api::Page<ProtectedOutput>, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    let after = ask.request.after.as_deref().map(str::parse::<Id<noun::Job>>).transpose();
    let after = after.map_err(|wrong| Failure::new(Kind::BadInput, wrong.to_string()))?;
    let limit = limit(ask.request.limit)?;
    Ok(page(ask.rooms.datasets.outputs(&ask.ctx, &name, ask.request.old, limit, after).await?, view::output))
}

async fn forget_output(ask: Ask<ForgetOutput>) -> Result<Forgotten, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    ask.rooms.datasets.forget_output(&ask.ctx, &ask.permit, &name, ask.request.run).await?;
    Ok(Forgotten { run: ask.request.run })
}

async fn public_key(ask: Ask<PublicKey>) -> Result<PublicKeyDocument, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    let key = ask.rooms.datasets.public_key(&ask.ctx, &name).await?;
    let document = serde_json::to_value(key)
        .map_err(|error| Failure::new(Kind::Internal, format!("the key cannot be written: {error}")))?;
    Ok(PublicKeyDocument { document })
}

async fn release_key(ask: Ask<ReleaseKey>) -> Result<Released, Failure> {
    let name: KeyName = ask.request.key_name.parse()?;
    let wrapped = view::base64(&ask.request.wrapped_key, "wrapped key")?;
    let permit = ask.permit_on(Resource::Dataset(name.dataset)).await?;
    let key = ask.rooms.datasets.release_key(&ask.ctx, &permit, &name, &wrapped).await;
    let key = key.map_err(|error| Failure::from(error).recorded())?;
    Ok(Released { key: view::released(&key) })
}

async fn reencrypt_all(ask: Ask<ReencryptAll>) -> Result<Reencryption, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    Ok(view::reencryption(ask.rooms.datasets.reencrypt_outputs(&ask.ctx, ask.permit, &name).await?))
}

async fn reencryption(ask: Ask<ReencryptionStatus>) -> Result<ReencryptionReply, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    let last = ask.rooms.datasets.reencryption(&ask.ctx, &name).await?;
    Ok(ReencryptionReply { reencryption: last.map(view::reencryption) })
}

/// The field policy that a request names; none where the dataset's own holds.
fn policy(request: &ProtectRequest) -> Result<Option<FieldPolicy>, Failure> {
    match (&request.fields, &request.policy) {
        (Some(_), Some(_)) => {
            Err(Failure::new(Kind::BadInput, "`fields` and `policy` both say what to protect: give one"))
        }
        (Some(fields), None) => Ok(Some(api::datasets::policy(fields, request.row_key.as_deref())?)),
        (None, Some(policy)) => serde_json::from_str(policy).map(Some).map_err(|error| {
            Failure::new(Kind::BadInput, format!("the field policy cannot be read: {error}"))
        }),
        (None, None) => Ok(None),
    }
}

/// What does not fit is refused with its status as long as nothing was sent: up to the first piece of the
/// file, which holds the header.
async fn protect(ask: Ask<Protect>, head: Parts, body: Body) -> Result<Response<Body>, Failure> {
    let name: Name = ask.request.dataset.parse()?;
    let (policy, format) = (policy(&ask.request)?, view::format(&ask.request)?);
    let begun = ask.rooms.datasets.protect(&ask.ctx, ask.permit, &name, policy, format).await;
    let mut run = begun.map_err(ended)?;
    if let Some(location) = &ask.request.location {
        run.destined(location.parse()?);
    }
    let mut body = ask.rooms.intake().streamed(body);
    let first = match body.next().await {
        Some(piece) => {
            let piece = piece.map_err(broken)?;
            run.push(piece).await.map_err(ended)?
        }
        None => Bytes::new(),
    };
    let mut parts = PartsOut::new(ask.ctx.request().bare());
    let (outlet, response) = Outlet::open(&head.headers, &parts.media());
    let media = view::media(format);
    ask.rooms.tasks.spawn(async move {
        parts.outlet = Some(outlet);
        let poured = pour(run, first, body, media, &mut parts).await;
        parts.end(poured).await;
    });
    Ok(response)
}

/// How the end of a run is answered. What refuses it, the run has put on record: in its middle nobody else could.
pub(super) fn ended(error: datasets::Error) -> Failure {
    Failure::at(&error, view::failed(&error)).recorded()
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
        Self::Failed(ended(error).problem)
    }
}

/// What ended a body early.
fn broken(error: io::Error) -> Failure {
    match error.downcast::<Problem>() {
        Ok(problem) => Failure::told(problem),
        Err(error) => Failure::new(Kind::BadInput, format!("the body ended early: {error}")),
    }
}

async fn pour(
    mut run: Protecting,
    first: Bytes,
    mut body: impl Stream<Item = io::Result<Bytes>> + Unpin,
    media: &str,
    parts: &mut PartsOut,
) -> Result<(), Stopped> {
    parts.open("output", media).await?;
    parts.send(first).await?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Stopped::Failed(broken(error).problem))?;
        parts.send(run.push(piece).await?).await?;
    }
    while let Some(piece) = run.more().await? {
        parts.send(piece).await?;
    }
    let protected = run.finish().await?;
    parts.send(protected.rest).await?;
    parts.manifest(protected.manifest.to_file()).await?;
    Ok(())
}

/// A reply in parts (RFC 2046): an output, and its manifest behind it.
pub(super) struct PartsOut {
    pub(super) outlet: Option<Outlet>,
    boundary: String,
}

impl PartsOut {
    /// A reply whose boundary ends with this text, which is in no other reply.
    pub(super) fn new(unique: impl std::fmt::Display) -> Self {
        Self { outlet: None, boundary: format!("nexora-{unique}") }
    }

    /// The reply's media type.
    pub(super) fn media(&self) -> String {
        format!("multipart/mixed; boundary={}", self.boundary)
    }

    pub(super) async fn send(&mut self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        self.outlet.as_mut().ok_or(Gone)?.send(piece).await
    }

    pub(super) async fn open(&mut self, name: &str, media: &str) -> Result<(), Gone> {
        let boundary = &self.boundary;
        let head = format!(
            "\r\n--{boundary}\r\ncontent-type: {media}\r\ncontent-disposition: attachment; name=\"{name}\"\r\n\r\n"
        );
        // The first delimiter stands at the very beginning.
        let head = if name == "output" { head.trim_start().to_owned() } else { head };
        self.send(head).await
    }

    /// The last part.
    pub(super) async fn manifest(&mut self, file: impl Into<Bytes>) -> Result<(), Gone> {
        self.open("manifest", "application/json").await?;
        self.send(file).await?;
        self.send(format!("\r\n--{}--\r\n", self.boundary)).await
    }

    /// Ends the reply with how it went. Where the caller has gone, nobody holds the manifest, so what was sent is
    /// of no use to anyone.
    pub(super) async fn end(mut self, poured: Result<(), Stopped>) {
        if let Some(outlet) = self.outlet.take() {
            match poured {
                Ok(()) => outlet.finish(Ok(())).await,
                Err(Stopped::Failed(problem)) => outlet.finish(Err(&problem)).await,
                Err(Stopped::Gone) => {}
            }
        }
    }
}
