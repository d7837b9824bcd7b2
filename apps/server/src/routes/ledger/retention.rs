//! How long a ledger's entries are kept, legal holds, and erasing details.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use crate::view::ledgers as view;
use api::ledgers::{
    Erase, EraseRequest, Erased, Hold, LiftHold, PlaceHold, Retention, SetRetention, ShowRetention,
};
use audit::{erasing::Part, search::Query};
use base::{Kind, Limit};

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
    let (parts, covered) = match (entries.is_empty(), searched) {
        (false, false) => {
            let parts: Option<Vec<_>> = entries.iter().map(|text| part(text)).collect();
            let said = "name entries as N or as FIRST-LAST, those of an earlier log as G/N";
            (parts.ok_or_else(|| Failure::new(Kind::BadInput, said))?, None)
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
    let done = ask.rooms.audit.erase_parts(&ask.ctx, &parts, reason.as_deref()).await?;
    Ok(Erased {
        entry: done.entry,
        erased: done.erased,
        complete: done.scrubbed,
        covered,
        earlier: done.earlier,
    })
}

/// All that is found, in the log in use and in earlier ones, and how much was searched.
async fn found(ask: &Ask<Erase>, query: &Query) -> Result<(Vec<Part>, Option<u64>), Failure> {
    let rooms = &ask.rooms;
    let head = rooms.audit.head(&ask.ctx).await?;
    let (mut parts, mut after) = (Vec::new(), None);
    let limit = crate::routes::limit(Some(Limit::MAX))?;
    loop {
        let page = rooms.search.find(&ask.ctx, head, query, limit, after).await?;
        parts.extend(page.found.iter().map(|found| Part {
            generation: Some(found.at.generation),
            positions: found.at.position..=found.at.position,
        }));
        if parts.len() > audit::erasing::MAX_RANGES {
            let said = "more than 10,000 entries were found: erase them by ranges of positions";
            return Err(Failure::new(Kind::TooLarge, said));
        }
        after = page.next;
        if after.is_none() {
            return Ok((parts, Some(page.covered)));
        }
    }
}

/// `N` or `FIRST-LAST`; of an earlier log `G/N` or `G/FIRST-LAST`, as a search prints it.
fn part(text: &str) -> Option<Part> {
    let (generation, text) = match text.split_once('/') {
        Some((generation, rest)) => {
            (Some(generation.parse::<u32>().ok().filter(|number| *number > 0)?), rest)
        }
        None => (None, text),
    };
    let positions = match text.split_once('-') {
        Some((first, last)) => first.parse().ok()?..=last.parse().ok()?,
        None => text.parse().ok().map(|one| one..=one)?,
    };
    Some(Part { generation, positions })
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn entries_are_named_by_position_or_range() {
        let read = |text| part(text).map(|part| (part.generation, part.positions));
        assert_eq!((read("7"), read("7-9")), (Some((None, 7..=7)), Some((None, 7..=9))));
        assert_eq!((read("1/7"), read("2/7-9")), (Some((Some(1), 7..=7)), Some((Some(2), 7..=9))));
        for wrong in
            ["", "-", "7-", "-7", "7-8-9", "a", "7,8", "18446744073709551616", "0/7", "/7", "1/", "1/2/3"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
