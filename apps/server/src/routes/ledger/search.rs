//! Searching the ledger.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::routes::limit;
use crate::view::ledgers as view;
use api::ledgers::{Search, SearchReply};
use audit::search::{Query, WrongTerm};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<Search, _, _>(search)
}

async fn search(ask: Ask<Search>) -> Result<SearchReply, Failure> {
    let request = &ask.request;
    let kind = |code: &String| {
        ledger::Kind::ALL.iter().copied().find(|kind| kind.as_str() == code).ok_or(WrongTerm::Kind)
    };
    let query = Query {
        actor: request.actor.as_deref().map(str::parse).transpose()?,
        identity: request.identity,
        object: request.object.as_deref().map(str::parse).transpose()?,
        kind: request.kind.as_ref().map(kind).transpose()?,
        from: request.from,
        until: request.until,
    };
    let after = request.after.as_deref().map(str::parse).transpose()?;
    let limit = limit(request.limit)?;
    let head = ask.rooms.audit.head(&ask.ctx).await?;
    let results = ask.rooms.search.find(&ask.ctx, head, &query, limit, after).await?;
    view::found(ask.ctx.organization(), results, head)
}
