//! Operations on the ledger, one module a subject; and its files, at the paths of tlog-tiles.

mod files;
mod prove;
mod renewal;
mod retention;
mod search;

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use api::ledgers::{LedgerStatus, Status};

pub(super) fn routes(routes: Routes) -> Routes {
    let routes = renewal::routes(routes.document::<Status, _, _>(status));
    let routes = retention::routes(routes);
    files::routes(search::routes(prove::routes(routes)))
}

async fn status(ask: Ask<Status>) -> Result<LedgerStatus, Failure> {
    Ok(ask.rooms.platform.ledger(&ask.ctx).await?)
}
