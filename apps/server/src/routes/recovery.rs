//! Operations on recovery.

use crate::call::{Ask, Routes, reply};
use crate::failure::Failure;
use crate::outlet::Outlet;
use crate::view::recovery as view;
use api::recovery::BeginRequest;
use api::recovery::{
    Aim, Approve, ApproveSetUp, Begin, CancelSetUp, Ceremony, Package, Recovery, RecoveryReply, Repackage,
    Restoration, Restore, SetUp, SetUpOnRecord, Show, ShowCeremony,
};
use axum::body::Body;
use base::Kind;
use http::Response;
use http::request::Parts;
use keys::recovery::Source;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .document::<SetUp, _, _>(set_up)
        .document::<ApproveSetUp, _, _>(approve_set_up)
        .document::<CancelSetUp, _, _>(cancel_set_up)
        .document::<Show, _, _>(show)
        .streamed::<Package, _, _>(package)
        .document::<Repackage, _, _>(repackage)
        .streamed::<Begin, _, _>(begin)
        .document::<ShowCeremony, _, _>(ceremony)
        .document::<Approve, _, _>(approve)
        .document::<Restore, _, _>(restore)
}

async fn set_up(ask: Ask<SetUp>) -> Result<SetUpOnRecord, Failure> {
    let custodians = ask.request.custodians.into_iter().map(view::custodian).collect::<Result<_, _>>()?;
    let threshold = ask.request.threshold;
    let asked = ask.rooms.keys.request_recovery(&ask.ctx, &ask.permit, threshold, custodians).await?;
    Ok(view::asked(asked))
}

async fn approve_set_up(ask: Ask<ApproveSetUp>) -> Result<Recovery, Failure> {
    view::recovery(ask.rooms.keys.approve_recovery(&ask.ctx, &ask.permit, ask.request.approval).await?)
}

async fn cancel_set_up(ask: Ask<CancelSetUp>) -> Result<SetUpOnRecord, Failure> {
    Ok(view::asked(ask.rooms.keys.cancel_recovery(&ask.ctx, &ask.permit, ask.request.approval).await?))
}

async fn repackage(ask: Ask<Repackage>) -> Result<Recovery, Failure> {
    view::recovery(ask.rooms.keys.repackage(&ask.ctx, &ask.permit).await?)
}

async fn show(ask: Ask<Show>) -> Result<RecoveryReply, Failure> {
    let recovery = ask.rooms.keys.recovery(&ask.ctx).await?.map(view::recovery).transpose()?;
    let requested = ask.rooms.keys.recovery_requests(&ask.ctx).await?;
    Ok(RecoveryReply { recovery, requested: requested.into_iter().map(view::asked).collect() })
}

async fn package(ask: Ask<Package>, head: Parts, _body: Body) -> Result<Response<Body>, Failure> {
    let package = ask.rooms.keys.recovery_package(&ask.ctx).await?;
    let (mut outlet, response) = Outlet::open(&head.headers, "application/octet-stream");
    ask.rooms.tasks.spawn(async move {
        // A reader that has gone has no use for the rest.
        if outlet.send(package).await.is_ok() {
            outlet.finish(Ok(())).await;
        }
    });
    Ok(response)
}

async fn begin(ask: Ask<Begin>, head: Parts, body: Body) -> Result<Response<Body>, Failure> {
    let held = ask.rooms.intake().package(&head.headers, body).await?;
    let BeginRequest { aim, earlier, older } = ask.request;
    let source = match (held.bytes.is_empty(), earlier) {
        (true, None) => Source::InPlace,
        (true, Some(name)) => Source::Earlier(name.parse().map_err(keys::Error::from)?),
        (false, None) => Source::Given(held.bytes.to_vec()),
        (false, Some(_)) => {
            let said = "a ceremony is over one package: hand one in, or name an earlier one";
            return Err(Failure::new(Kind::BadInput, said));
        }
    };
    let aim = match aim {
        Aim::Rehearsal if source != Source::InPlace => {
            return Err(Failure::new(Kind::BadInput, "a rehearsal opens the package that the node has"));
        }
        Aim::Rehearsal => keys::recovery::Aim::Rehearsal,
        Aim::Restore => keys::recovery::Aim::Restore,
    };
    let begun = ask.rooms.keys.begin_ceremony(&ask.ctx, &ask.permit, aim, source, older).await;
    drop(held);
    reply(&view::ceremony(begun?)?)
}

async fn ceremony(ask: Ask<ShowCeremony>) -> Result<Ceremony, Failure> {
    view::ceremony(ask.rooms.keys.ceremony(&ask.ctx, ask.request.ceremony).await?)
}

async fn approve(ask: Ask<Approve>) -> Result<Ceremony, Failure> {
    let contribution = view::read(ask.request.contribution)?;
    let id = ask.request.ceremony;
    view::ceremony(ask.rooms.keys.approve_ceremony(&ask.ctx, &ask.permit, id, &contribution).await?)
}

/// Afterwards the organization has its keys again, the log's among them, and is opened. What was restored is told also
/// where that fails: it is done.
async fn restore(ask: Ask<Restore>) -> Result<Restoration, Failure> {
    let request = &ask.request;
    let restored = ask.rooms.keys.restore(&ask.ctx, &ask.permit, request.ceremony, request.older).await?;
    let opened = ask.rooms.platform.open(ask.ctx.organization()).await;
    view::restoration(restored, opened.err().map(|problem| problem.to_string()))
}
