//! Operations on recovery.

use crate::call::{Ask, Routes, reply};
use crate::failure::Failure;
use crate::outlet::Outlet;
use crate::view::recovery as view;
use api::recovery::{
    Aim, Approve, ApproveSetUp, Begin, Ceremony, Package, Recovery, RecoveryReply, Restoration, Restore,
    SetUp, SetUpOnRecord, Show, ShowCeremony,
};
use axum::body::Body;
use base::Kind;
use http::Response;
use http::request::Parts;

/// The largest recovery package, in bytes: thousands of datasets.
const MAX_PACKAGE: usize = 16 << 20;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .document::<SetUp, _, _>(set_up)
        .document::<ApproveSetUp, _, _>(approve_set_up)
        .document::<Show, _, _>(show)
        .streamed::<Package, _, _>(package)
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
    let held = ask.rooms.intake().whole(&head.headers, body, MAX_PACKAGE).await?;
    let package = (!held.bytes.is_empty()).then(|| held.bytes.to_vec());
    let aim = match ask.request.aim {
        Aim::Rehearsal if package.is_some() => {
            return Err(Failure::new(Kind::BadInput, "a rehearsal opens the package that the node has"));
        }
        Aim::Rehearsal => keys::recovery::Aim::Rehearsal,
        Aim::Restore => keys::recovery::Aim::Restore,
    };
    let ceremony = ask.rooms.keys.begin_ceremony(&ask.ctx, &ask.permit, aim, package).await?;
    reply(&view::ceremony(ceremony)?)
}

async fn ceremony(ask: Ask<ShowCeremony>) -> Result<Ceremony, Failure> {
    view::ceremony(ask.rooms.keys.ceremony(&ask.ctx, ask.request.ceremony).await?)
}

async fn approve(ask: Ask<Approve>) -> Result<Ceremony, Failure> {
    let contribution = view::read(ask.request.contribution)?;
    let id = ask.request.ceremony;
    view::ceremony(ask.rooms.keys.approve_ceremony(&ask.ctx, &ask.permit, id, &contribution).await?)
}

/// Afterwards the organization has its keys again, the log's among them, and is opened.
async fn restore(ask: Ask<Restore>) -> Result<Restoration, Failure> {
    let restored = ask.rooms.keys.restore(&ask.ctx, &ask.permit, ask.request.ceremony).await?;
    ask.rooms.platform.open(ask.ctx.organization()).await?;
    view::restoration(restored)
}
