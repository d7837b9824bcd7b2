//! What reads a protected file: the reveal, and protecting anew, each for as long as its caller stays in good
//! standing.

use super::datasets::{PartsOut, Stopped, ended};
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::outlet::Outlet;
use crate::parts;
use api::datasets::{Reencrypt, Reveal};
use axum::body::Body;
use bytes::Bytes;
use datasets::{Reencrypting, Revealing};
use fields::SignedManifest;
use http::Response;
use http::request::Parts;
use policy::Resource;

/// The largest manifest, in bytes: thousands of fields.
const MAX_MANIFEST: usize = 8 << 20;

/// The media type of files here: which format it is, the manifest says.
const BYTES: &str = "application/octet-stream";

pub(super) fn routes(routes: Routes) -> Routes {
    routes.streamed::<Reveal, _, _>(reveal).streamed::<Reencrypt, _, _>(reencrypt)
}

async fn reveal(ask: Ask<Reveal>, head: Parts, body: Body) -> Result<Response<Body>, Failure> {
    let mut parts = parts::Parts::new(&head.headers, ask.rooms.intake().streamed(body))?;
    let manifest = parts.next("manifest").await?.whole(MAX_MANIFEST).await?;
    let manifest = SignedManifest::read(&manifest)?;
    let permit = ask.permit_on(Resource::Dataset(manifest.dataset()?)).await?;
    let fields = ask.request.fields.as_ref().map(|names| names.0.as_slice());
    let mut data = parts.next("data").await?;
    let begun = ask.rooms.datasets.reveal(&ask.ctx, permit, &manifest, fields).await;
    let mut run = begun.map_err(ended)?;
    // What is wrong with the first piece is still answered with its status.
    let first = match data.chunk().await? {
        Some(piece) => run.push(piece).await.map_err(ended)?,
        None => Bytes::new(),
    };
    let (mut outlet, response) = Outlet::open(&head.headers, BYTES);
    ask.rooms.tasks.spawn(async move {
        // The parser lives as long as its part is read.
        let _parts = parts;
        match pour(run, first, data, &mut outlet).await {
            Ok(()) => outlet.finish(Ok(())).await,
            Err(Stopped::Failed(problem)) => outlet.finish(Err(&problem)).await,
            Err(Stopped::Gone) => {}
        }
    });
    Ok(response)
}

async fn pour(
    mut run: Revealing,
    first: Bytes,
    mut data: parts::Part,
    outlet: &mut Outlet,
) -> Result<(), Stopped> {
    outlet.send(first).await?;
    loop {
        match data.chunk().await {
            Ok(Some(piece)) => outlet.send(run.push(piece).await?).await?,
            Ok(None) => break,
            Err(failure) => return Err(Stopped::Failed(failure.problem)),
        }
    }
    while let Some(piece) = run.more().await? {
        outlet.send(piece).await?;
    }
    let (rest, _rows) = run.finish().await?;
    outlet.send(rest).await?;
    Ok(())
}

async fn reencrypt(ask: Ask<Reencrypt>, head: Parts, body: Body) -> Result<Response<Body>, Failure> {
    let mut parts = parts::Parts::new(&head.headers, ask.rooms.intake().streamed(body))?;
    let manifest = parts.next("manifest").await?.whole(MAX_MANIFEST).await?;
    let manifest = SignedManifest::read(&manifest)?;
    let mut data = parts.next("data").await?;
    let begun = ask.rooms.datasets.reencrypt(&ask.ctx, ask.permit, &manifest).await;
    let mut run = begun.map_err(ended)?;
    let first = match data.chunk().await? {
        Some(piece) => run.push(piece).await.map_err(ended)?,
        None => Bytes::new(),
    };
    let mut out = PartsOut::new(ask.ctx.request().bare());
    let (outlet, response) = Outlet::open(&head.headers, &out.media());
    ask.rooms.tasks.spawn(async move {
        // The parser lives as long as its part is read.
        let _parts = parts;
        out.outlet = Some(outlet);
        let poured = pour_anew(run, first, data, &mut out).await;
        out.end(poured).await;
    });
    Ok(response)
}

async fn pour_anew(
    mut run: Reencrypting,
    first: Bytes,
    mut data: parts::Part,
    out: &mut PartsOut,
) -> Result<(), Stopped> {
    out.open("output", BYTES).await?;
    out.send(first).await?;
    loop {
        match data.chunk().await {
            Ok(Some(piece)) => out.send(run.push(piece).await?).await?,
            Ok(None) => break,
            Err(failure) => return Err(Stopped::Failed(failure.problem)),
        }
    }
    while let Some(piece) = run.more().await? {
        out.send(piece).await?;
    }
    let protected = run.finish().await?;
    out.send(protected.rest).await?;
    out.manifest(protected.manifest.to_file()).await?;
    Ok(())
}
