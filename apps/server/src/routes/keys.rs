//! Operations on keys: their life, and their export.

use super::{limit, page};
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::keys as view;
use api::keys::{
    Activate, ApproveExport, Create, Destroy, Export, ExportOnRecord, Exports, FetchExport, Key, List,
    Resume, Rewrap, Rewrapped, Rotate, SealedExport, SetRotation, Show, Shown, Suspend,
};
use base::{Id, Kind, noun};
use crypto::hpke;
use keys::{Filter, Rotation};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .document::<List, _, _>(list)
        .document::<Show, _, _>(show)
        .document::<Create, _, _>(create)
        .document::<Activate, _, _>(activate)
        .document::<Rotate, _, _>(rotate)
        .document::<SetRotation, _, _>(set_rotation)
        .document::<Rewrap, _, _>(rewrap)
        .document::<Suspend, _, _>(suspend)
        .document::<Resume, _, _>(resume)
        .document::<Destroy, _, _>(destroy)
        .document::<Export, _, _>(export)
        .document::<Exports, _, _>(exports)
        .document::<ApproveExport, _, _>(approve_export)
        .document::<FetchExport, _, _>(fetch_export)
}

async fn list(ask: Ask<List>) -> Result<api::Page<Key>, Failure> {
    let request = &ask.request;
    let wrong = |what: &dyn std::fmt::Display| Failure::new(Kind::BadInput, what.to_string());
    let dataset: Option<datasets::Name> = request.dataset.as_deref().map(str::parse).transpose()?;
    let filter = Filter {
        purpose: request
            .purpose
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: keys::WrongPurpose| wrong(&error))?,
        state: request
            .state
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: keys::WrongState| wrong(&error))?,
        dataset: dataset.map(|name| name.dataset(ask.ctx.organization())),
        ..Filter::default()
    };
    let after = request.after.as_deref().map(str::parse::<Id<noun::Key>>).transpose();
    let after = after.map_err(|error| wrong(&error))?;
    let listed = ask.rooms.keys.versions(&ask.ctx, &filter, limit(request.limit)?, after).await?;
    Ok(page(listed, view::key))
}

async fn show(ask: Ask<Show>) -> Result<Shown, Failure> {
    let key = ask.rooms.keys.version(&ask.ctx, ask.request.key).await?;
    let references = ask.rooms.keys.references(&ask.ctx, ask.request.key).await?;
    let wraps = ask.rooms.keys.wraps(&ask.ctx, ask.request.key).await?;
    Ok(Shown {
        key: view::key(key),
        named_by: references.named + references.packages,
        keys_under_it: references.keys,
        wraps,
    })
}

async fn create(ask: Ask<Create>) -> Result<Key, Failure> {
    let suite = view::suite(ask.request.suite.as_deref())?;
    Ok(view::key(ask.rooms.keys.create(&ask.ctx, &ask.permit, ask.request.key, suite).await?))
}

async fn activate(ask: Ask<Activate>) -> Result<Key, Failure> {
    Ok(view::key(ask.rooms.keys.activate(&ask.ctx, &ask.permit, ask.request.key).await?))
}

async fn rotate(ask: Ask<Rotate>) -> Result<Key, Failure> {
    let suite = view::suite(ask.request.suite.as_deref())?;
    Ok(view::key(ask.rooms.keys.rotate(&ask.ctx, &ask.permit, ask.request.key, suite).await?))
}

async fn set_rotation(ask: Ask<SetRotation>) -> Result<Key, Failure> {
    let every = ask.request.every_days.map(|days| DAY * days);
    let rotation = Rotation { every, uses: ask.request.after_uses };
    Ok(view::key(ask.rooms.keys.set_rotation(&ask.ctx, &ask.permit, ask.request.key, rotation).await?))
}

async fn rewrap(ask: Ask<Rewrap>) -> Result<Rewrapped, Failure> {
    let batch = ask.rooms.keys.rewrap(&ask.ctx, &ask.permit, ask.request.after).await?;
    Ok(Rewrapped { keys: batch.keys, left: batch.left, next: batch.next })
}

async fn suspend(ask: Ask<Suspend>) -> Result<Key, Failure> {
    Ok(view::key(ask.rooms.keys.suspend(&ask.ctx, &ask.permit, ask.request.key).await?))
}

async fn resume(ask: Ask<Resume>) -> Result<Key, Failure> {
    Ok(view::key(ask.rooms.keys.resume(&ask.ctx, &ask.permit, ask.request.key).await?))
}

async fn destroy(ask: Ask<Destroy>) -> Result<Key, Failure> {
    Ok(view::key(ask.rooms.keys.destroy(&ask.ctx, &ask.permit, ask.request.key).await?))
}

async fn export(ask: Ask<Export>) -> Result<ExportOnRecord, Failure> {
    let recipient = crypto::text::decode(ask.request.recipient.trim(), "recipient's public key")?;
    let recipient = hpke::PublicKey::from_bytes(crypto::Suite::Hybrid768, &recipient)?;
    let asked = ask.rooms.keys.request_export(&ask.ctx, &ask.permit, ask.request.key, &recipient).await?;
    Ok(view::export(asked))
}

async fn exports(ask: Ask<Exports>) -> Result<api::Page<ExportOnRecord>, Failure> {
    let items = ask.rooms.keys.exports(&ask.ctx).await?.into_iter().map(view::export).collect();
    Ok(api::Page { items, next: None })
}

async fn approve_export(ask: Ask<ApproveExport>) -> Result<SealedExport, Failure> {
    let document = ask.rooms.keys.approve_export(&ask.ctx, &ask.permit, ask.request.approval).await?;
    view::sealed(&document)
}

async fn fetch_export(ask: Ask<FetchExport>) -> Result<SealedExport, Failure> {
    let document = ask.rooms.keys.export_document(&ask.ctx, &ask.permit, ask.request.approval).await?;
    view::sealed(&document)
}
