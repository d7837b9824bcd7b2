//! Every refusal is on record before it is answered: of whoever is known, by the context's actor; of a stranger, by
//! the address that the request came from, in the log of the organization that the request names, or else in the
//! platform's. One that cannot be put on record is not answered as a refusal: the answer says that it could not be written
//! down. Of a batch, what was kept stays so; sent again, it is known.

use crate::authenticate::Stranger;
use crate::failure::Failure;
use crate::rooms::Rooms;
use base::{Action, Context, Fault as _, Id, Kind, noun};
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
    let written = write(rooms, &ctx, Denial { operation, action, address: Some(address), entry }).await;
    written.map_or_else(|unwritten| unwritten, |()| failure.recorded())
}

/// Puts the answer no of `policy` on record, and gives what is answered.
pub(crate) async fn refused(rooms: &Rooms, ctx: &Context, asked: Asked, refused: Refused) -> Failure {
    let Asked { operation, action } = asked;
    let entry = refused.entry().fact("operation", operation);
    let written = write(rooms, ctx, Denial { operation, action, address: None, entry }).await;
    written.map_or_else(|unwritten| unwritten, |()| Failure::from(refused).recorded())
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
    let written = write(rooms, ctx, Denial { operation, action, address: None, entry }).await;
    written.map_or_else(|unwritten| unwritten, |()| failure.recorded())
}

/// Puts on record that events of a batch were rejected because they speak for accounts that their credential may not
/// speak for: one refusal, however many there are.
pub(crate) async fn foreign(
    rooms: &Rooms,
    ctx: &Context,
    asked: Asked,
    batch: Id<noun::Batch>,
    events: usize,
) -> Result<(), Failure> {
    let Asked { operation, action } = asked;
    let entry = Entry::refused(action, ctx.organization(), events::Reason::ForeignAccount.code())
        .fact("operation", operation)
        .fact("batch", batch)
        .fact("events", events);
    write(rooms, ctx, Denial { operation, action, address: None, entry }).await
}

/// Writes the entry; else what is answered in the refusal's place.
async fn write(rooms: &Rooms, ctx: &Context, denial: Denial) -> Result<(), Failure> {
    let action = denial.action.as_str();
    rooms.policy.record_of(ctx, denial, rooms.clock.now()).await.map_err(|error| {
        metrics::counter!("nexora_refusals_unrecorded_total").increment(1);
        tracing::error!(%error, action, "a refusal could not be put on record, so it is not answered as one");
        let kind = match error.kind() {
            kind @ (Kind::Full | Kind::Busy) => kind,
            _ => Kind::Unavailable,
        };
        Failure::new(
            kind,
            format!("this is not answered, for what came of it cannot be put on record; try again: {error}"),
        )
    })
}
