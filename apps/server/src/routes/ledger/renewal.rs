//! Other keys for a log, or another log.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use api::ledgers::{LedgerStatus, Restart, RotateKeys};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<RotateKeys, _, _>(rotate).document::<Restart, _, _>(restart)
}

async fn rotate(ask: Ask<RotateKeys>) -> Result<LedgerStatus, Failure> {
    ask.rooms.platform.rotate_ledger_keys(&ask.ctx).await?;
    Ok(ask.rooms.platform.ledger(&ask.ctx).await?)
}

async fn restart(ask: Ask<Restart>) -> Result<LedgerStatus, Failure> {
    ask.rooms.platform.restart_ledger(&ask.ctx).await?;
    Ok(ask.rooms.platform.ledger(&ask.ctx).await?)
}
