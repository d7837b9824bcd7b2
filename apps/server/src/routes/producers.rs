//! Operations on producers.

use super::limit;
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::producers as view;
use api::producers::{Add, List, Producer, Revoke};
use crypto::sign::{Algorithm, VerifyingKey};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<Add, _, _>(add).document::<Revoke, _, _>(revoke).document::<List, _, _>(list)
}

async fn add(ask: Ask<Add>) -> Result<Producer, Failure> {
    let bytes = crypto::text::decode(ask.request.public_key.trim(), "public key")?;
    // The two that a producer may have are told apart by their length; any other is refused as no ML-DSA-65 key.
    let known =
        [Algorithm::MlDsa65, Algorithm::MlDsa87].into_iter().find(|known| known.public_len() == bytes.len());
    let key = VerifyingKey::from_bytes(known.unwrap_or(Algorithm::MlDsa65), &bytes)?;
    let added = ask.rooms.keys.add_producer(&ask.ctx, &ask.permit, &ask.request.name, key).await?;
    Ok(view::producer(added))
}

async fn revoke(ask: Ask<Revoke>) -> Result<Producer, Failure> {
    Ok(view::producer(ask.rooms.keys.revoke_producer(&ask.ctx, &ask.permit, ask.request.producer).await?))
}

/// Producers are few; the page is cut from the whole list, by name.
async fn list(ask: Ask<List>) -> Result<api::Page<Producer>, Failure> {
    let rows = limit(ask.request.limit)?.get() as usize;
    let all = ask.rooms.keys.producers(&ask.ctx).await?.into_iter();
    let mut rest = all.filter(|known| ask.request.after.as_ref().is_none_or(|after| known.name > *after));
    let items: Vec<Producer> = rest.by_ref().take(rows).map(view::producer).collect();
    let next = rest.next().and_then(|_| items.last().map(|last| last.name.clone()));
    Ok(api::Page { items, next })
}
