//! Operations on findings.

use super::limit;
use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::findings as view;
use api::findings::{Finding, List, Show, Shown};
use findings::Filter;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<List, _, _>(list).document::<Show, _, _>(show)
}

async fn list(ask: Ask<List>) -> Result<api::Page<Finding>, Failure> {
    let filter =
        Filter { identity: ask.request.identity, severity: ask.request.severity, ..Filter::default() };
    let (limit, after) = (limit(ask.request.limit)?, ask.request.after.as_deref());
    let listed = ask.rooms.findings.list(&ask.ctx, &filter, limit, after).await?;
    let ids: Vec<_> = listed.items.iter().map(|found| found.finding.id).collect();
    let mut responses = ask.rooms.respond.responses(&ask.ctx, &ids).await?;
    let view = |found: findings::OnRecord| {
        let response = responses.remove(&found.finding.id);
        view::finding(found, response)
    };
    Ok(super::page(listed, view))
}

async fn show(ask: Ask<Show>) -> Result<Shown, Failure> {
    let found = ask.rooms.findings.get(&ask.ctx, ask.request.finding).await?;
    let standing = match found.finding.identity {
        Some(identity) => {
            let named = ask.rooms.identities.named(&ask.ctx, &[identity]).await?;
            named.first().map(|identity| crate::view::identities::standing(&identity.standing))
        }
        None => None,
    };
    let response = ask.rooms.respond.responses(&ask.ctx, &[found.finding.id]).await?;
    let response = response.into_values().next();
    let rule_text = ask.rooms.platform.rule_text(&found.finding.rule);
    Ok(view::shown(found, response, standing, rule_text))
}
