//! Every refusal is on record before it is answered: of whoever is known, by the context's actor; of a stranger, by
//! the address that the request came from, in the log of the organization that the request names, or else in the
//! platform's.

use crate::authenticate::Stranger;
use crate::failure::Failure;
use crate::rooms::Rooms;
use base::{Action, Context, Id, noun};
use http::Extensions;
use ledger::Entry;
use policy::{Address, Denial, Refused, Resource};

/// What is asked for, as a refusal of it goes on record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// The operation's name.
    pub(crate) operation: &'static str,
    /// What it is to do.
    pub(crate) action: Action,
}

/// Where a request came from.
pub(crate) fn address(extensions: &Extensions) -> Address {
    extensions.get().copied().unwrap_or(Address::LOCAL)
}

/// Puts on record that nobody known has asked, and gives what is answered.
pub(crate) async fn stranger(rooms: &Rooms, asked: Asked, address: Address, stranger: Stranger) -> Failure {
    let Stranger { ctx, reason, presented, failure } = stranger;
    let Asked { operation, action } = asked;
    let mut entry = Entry::refused(action, ctx.organization(), reason)
        .fact("operation", operation)
        .details(address.details());
    if let Some(presented) = presented {
        entry = entry.fact("presented", presented);
    }
    write(rooms, &ctx, Denial { operation, action, address: Some(address), entry }).await;
    failure.recorded()
}

/// Puts the answer no of `policy` on record, and gives what is answered.
pub(crate) async fn refused(rooms: &Rooms, ctx: &Context, asked: Asked, refused: Refused) -> Failure {
    let Asked { operation, action } = asked;
    let entry = refused.entry().fact("operation", operation);
    write(rooms, ctx, Denial { operation, action, address: None, entry }).await;
    Failure::from(refused).recorded()
}

/// Puts on record that a service refused what `policy` allowed, where that service has not done so itself.
pub(crate) async fn answered(
    rooms: &Rooms,
    ctx: &Context,
    asked: Asked,
    resource: Resource,
    failure: Failure,
) -> Failure {
    if !failure.is_unrecorded() {
        return failure;
    }
    let Asked { operation, action } = asked;
    let object = resource.object(ctx.organization());
    let entry = Entry::refused(action, object, failure.reason()).fact("operation", operation);
    write(rooms, ctx, Denial { operation, action, address: None, entry }).await;
    failure.recorded()
}

/// Puts on record that events of a batch were rejected because they speak for accounts that their credential may not
/// speak for: one refusal, however many there are.
pub(crate) async fn foreign(
    rooms: &Rooms,
    ctx: &Context,
    asked: Asked,
    batch: Id<noun::Batch>,
    events: usize,
) {
    let Asked { operation, action } = asked;
    let entry = Entry::refused(action, ctx.organization(), events::Reason::ForeignAccount.code())
        .fact("operation", operation)
        .fact("batch", batch)
        .fact("events", events);
    write(rooms, ctx, Denial { operation, action, address: None, entry }).await;
}

async fn write(rooms: &Rooms, ctx: &Context, denial: Denial) {
    let action = denial.action.as_str();
    if let Err(error) = rooms.policy.record_of(ctx, denial, rooms.clock.now()).await {
        // The refusal holds all the same; `readyz` says that the reserve is spent.
        metrics::counter!("nexora_refusals_unrecorded_total").increment(1);
        tracing::error!(%error, action, "a refusal could not be put on record");
    }
}
