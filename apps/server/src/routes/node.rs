//! Operations on the node and the ledger.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use api::ledgers::{LedgerStatus, Status};
use api::node::{Diagnose, Diagnosis, State};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<Diagnose, _, _>(diagnose).document::<Status, _, _>(status)
}

async fn diagnose(ask: Ask<Diagnose>) -> Result<Diagnosis, Failure> {
    let checks = ask.rooms.platform.checks(&ask.ctx).await?;
    let healthy = checks.iter().all(|check| check.state != State::Failing);
    Ok(Diagnosis { version: env!("CARGO_PKG_VERSION").to_owned(), healthy, checks })
}

async fn status(ask: Ask<Status>) -> Result<LedgerStatus, Failure> {
    Ok(ask.rooms.platform.ledger(&ask.ctx).await?)
}
