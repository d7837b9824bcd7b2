//! How long a ledger's entries are kept, legal holds, and erasing details.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::ledgers as view;
use api::ledgers::{
    Erase, EraseRequest, Erased, Hold, LiftHold, PlaceHold, Retention, SetRetention, ShowRetention,
};
use audit::search::Query;
use base::{Kind, Limit};
use std::ops::RangeInclusive;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .document::<ShowRetention, _, _>(show)
        .document::<SetRetention, _, _>(set)
        .document::<PlaceHold, _, _>(place)
        .document::<LiftHold, _, _>(lift)
        .document::<Erase, _, _>(erase)
}

async fn show(ask: Ask<ShowRetention>) -> Result<Retention, Failure> {
    Ok(view::retention(ask.rooms.audit.retention(&ask.ctx).await?))
}

async fn set(ask: Ask<SetRetention>) -> Result<Retention, Failure> {
    let _on_record = ask.rooms.audit.set_retention(&ask.ctx, ask.request.days).await?;
    Ok(view::retention(ask.rooms.audit.retention(&ask.ctx).await?))
}

async fn place(ask: Ask<PlaceHold>) -> Result<Hold, Failure> {
    Ok(view::hold(ask.rooms.audit.place_hold(&ask.ctx, &ask.request.reason).await?))
}

async fn lift(ask: Ask<LiftHold>) -> Result<Retention, Failure> {
    let _on_record = ask.rooms.audit.lift_hold(&ask.ctx, ask.request.hold).await?;
    Ok(view::retention(ask.rooms.audit.retention(&ask.ctx).await?))
}

async fn erase(ask: Ask<Erase>) -> Result<Erased, Failure> {
    let EraseRequest { entries, actor, identity, object, reason } = &ask.request;
    let searched = actor.is_some() || identity.is_some() || object.is_some();
    let (positions, covered, earlier) = match (entries.is_empty(), searched) {
        (false, false) => {
            let ranges: Option<Vec<_>> = entries.iter().map(|text| range(text)).collect();
            let wrong = || Failure::new(Kind::BadInput, "name entries as N or as FIRST-LAST");
            (ranges.ok_or_else(wrong)?, None, 0)
        }
        (true, true) => {
            let query = Query {
                actor: actor.as_deref().map(str::parse).transpose()?,
                identity: *identity,
                object: object.as_deref().map(str::parse).transpose()?,
                ..Query::default()
            };
            found(&ask, &query).await?
        }
        _ => {
            let said = "say either which entries, or by which actor, identity or object to find them";
            return Err(Failure::new(Kind::BadInput, said));
        }
    };
    let done = ask.rooms.audit.erase(&ask.ctx, &positions, reason.as_deref()).await?;
    Ok(Erased { entry: done.entry, erased: done.erased, complete: done.scrubbed, covered, earlier })
}

/// The positions of all that is found in the log in use, how much of it was searched, and how many more there are in
/// earlier logs.
async fn found(
    ask: &Ask<Erase>,
    query: &Query,
) -> Result<(Vec<RangeInclusive<u64>>, Option<u64>, u64), Failure> {
    let rooms = &ask.rooms;
    let head = rooms.audit.head(&ask.ctx).await?;
    let (mut positions, mut earlier, mut after) = (Vec::new(), 0, None);
    let limit = crate::routes::limit(Some(Limit::MAX))?;
    loop {
        let page = rooms.search.find(&ask.ctx, head, query, limit, after).await?;
        for found in &page.found {
            if found.at.generation == head.generation {
                positions.push(found.at.position..=found.at.position);
            } else {
                earlier += 1;
            }
        }
        if positions.len() > audit::erasing::MAX_RANGES {
            let said = "more than 10,000 entries were found: erase them by ranges of positions";
            return Err(Failure::new(Kind::TooLarge, said));
        }
        after = page.next;
        if after.is_none() {
            return Ok((positions, Some(page.covered), earlier));
        }
    }
}

/// `N` or `FIRST-LAST`.
fn range(text: &str) -> Option<RangeInclusive<u64>> {
    match text.split_once('-') {
        Some((first, last)) => Some(first.parse().ok()?..=last.parse().ok()?),
        None => text.parse().ok().map(|one| one..=one),
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn entries_are_named_by_position_or_range() {
        assert_eq!((range("7"), range("7-9")), (Some(7..=7), Some(7..=9)));
        for wrong in ["", "-", "7-", "-7", "7-8-9", "a", "7,8", "18446744073709551616"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }
}
