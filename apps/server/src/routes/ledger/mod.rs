//! Operations on the ledger, one module a subject; and its files, at the paths of tlog-tiles.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use api::ledgers::{LedgerStatus, Status};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<Status, _, _>(status)
}

async fn status(ask: Ask<Status>) -> Result<LedgerStatus, Failure> {
    Ok(ask.rooms.platform.ledger(&ask.ctx).await?)
}
