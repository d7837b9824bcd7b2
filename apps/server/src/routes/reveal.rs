//! The reveal: for as long as its caller stays in good standing.

use super::datasets::{Stopped, broken};
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::outlet::Outlet;
use crate::view::datasets as view;
use api::datasets::Reveal;
use axum::body::Body;
use base::Kind;
use bytes::{Bytes, BytesMut};
use datasets::Revealing;
use fields::SignedManifest;
use http::request::Parts;
use http::{HeaderMap, Response, header};
use multer::{Field, Multipart};
use policy::Resource;

/// The largest manifest, in bytes: thousands of fields.
const MAX_MANIFEST: usize = 8 << 20;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.streamed::<Reveal, _, _>(reveal)
}

async fn reveal(ask: Ask<Reveal>, head: Parts, body: Body) -> Result<Response<Body>, Failure> {
    let mut parts = Multipart::new(ask.rooms.intake().streamed(body), boundary(&head.headers)?);
    let manifest = whole(&mut next(&mut parts, "manifest").await?).await?;
    let manifest = SignedManifest::read(&manifest)?;
    let permit = ask.permit_on(Resource::Dataset(manifest.dataset()?)).await?;
    let fields = ask.request.fields.as_ref().map(|names| names.0.as_slice());
    let mut data = next(&mut parts, "data").await?;
    let begun = ask.rooms.datasets.reveal(&ask.ctx, permit, &manifest, fields).await;
    let mut run = begun.map_err(|error| Failure::at(&error, view::failed(&error)))?;
    // What is wrong with the first piece is still answered with its status.
    let first = match data.chunk().await.map_err(|error| unreadable(&error))? {
        Some(piece) => run.push(piece).await.map_err(|error| Failure::at(&error, view::failed(&error)))?,
        None => Bytes::new(),
    };
    let (mut outlet, response) = Outlet::open("text/csv");
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
    mut data: Field<'static>,
    outlet: &mut Outlet,
) -> Result<(), Stopped> {
    outlet.send(first).await?;
    loop {
        match data.chunk().await {
            Ok(Some(piece)) => outlet.send(run.push(piece).await?).await?,
            Ok(None) => break,
            Err(error) => return Err(Stopped::Failed(unreadable(&error).0)),
        }
    }
    let (rest, _rows) = run.finish().await?;
    outlet.send(rest).await?;
    Ok(())
}

fn boundary(headers: &HeaderMap) -> Result<String, Failure> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    multer::parse_boundary(media).map_err(|_| {
        Failure::new(Kind::BadInput, "expected multipart/form-data with the parts `manifest` and `data`")
    })
}

async fn next(parts: &mut Multipart<'static>, name: &str) -> Result<Field<'static>, Failure> {
    match parts.next_field().await.map_err(|error| unreadable(&error))? {
        Some(field) if field.name() == Some(name) => Ok(field),
        _ => Err(Failure::new(
            Kind::BadInput,
            format!("the part `{name}` is missing: `manifest` comes first, then `data`"),
        )),
    }
}

async fn whole(field: &mut Field<'static>) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = field.chunk().await.map_err(|error| unreadable(&error))? {
        if bytes.len() + piece.len() > MAX_MANIFEST {
            return Err(Failure::new(Kind::TooLarge, format!("a manifest has at most {MAX_MANIFEST} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// What the parser of parts met; an error of the body below it says more.
fn unreadable(error: &multer::Error) -> Failure {
    match error {
        multer::Error::StreamReadFailed(below) => match below.downcast_ref::<std::io::Error>() {
            Some(below) => broken(std::io::Error::new(below.kind(), below.to_string())),
            None => Failure::new(Kind::BadInput, format!("the parts cannot be read: {below}")),
        },
        other => Failure::new(Kind::BadInput, format!("the parts cannot be read: {other}")),
    }
}
