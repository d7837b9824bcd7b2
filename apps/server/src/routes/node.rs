//! Operations on the node.

use crate::call::{Ask, Routes};
use crate::failure::Failure;
use api::node::{Diagnose, Diagnosis, State};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.document::<Diagnose, _, _>(diagnose)
}

async fn diagnose(ask: Ask<Diagnose>) -> Result<Diagnosis, Failure> {
    let checks = ask.rooms.platform.checks(&ask.ctx).await?;
    let healthy = checks.iter().all(|check| check.state != State::Failing);
    Ok(Diagnosis { version: env!("CARGO_PKG_VERSION").to_owned(), healthy, checks })
}
