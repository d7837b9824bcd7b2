//! From a body to what can be appended: CPU work, away from the async threads and from the one thread that
//! keeps the order.

use crate::{Error, Failure, Source, rules::Sightings, rules::sighting};
use base::{Id, digest, noun};
use events::inflate::{self, inflate_within};
use events::{Activity, Encoding, FieldSet, Limits, Reason, Record, Redactor, Reject, frame};
use identities::{Known, Sighting};
use std::borrow::Cow;
use std::sync::Arc;
use stream::Block;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A batch that is ready for its place in the log.
pub(crate) struct Prepared {
    pub(crate) id: Id<noun::Batch>,
    pub(crate) source: Id<noun::Credential>,
    pub(crate) events: Vec<Event>,
    pub(crate) block: Block,
    pub(crate) sightings: Vec<Sighting>,
    pub(crate) rejected: Vec<Reject>,
    _room: Option<OwnedSemaphorePermit>,
}

/// A valid event, who acted, and the shard that judges it.
pub(crate) struct Event {
    pub(crate) record: Record,
    pub(crate) identity: Option<Id<noun::Identity>>,
    pub(crate) shard: usize,
}

/// The memory that batches may hold from when they are inflated until they are answered, in MiB of plain
/// bytes: two of the largest.
pub(crate) const ROOM: usize = 1 << 10;

/// What events are examined with.
pub(crate) struct Examiner<'a> {
    pub(crate) organization: Id<noun::Organization>,
    pub(crate) known: &'a Known,
    fields: FieldSet,
    sightings: Sightings,
}

impl<'a> Examiner<'a> {
    pub(crate) fn new(organization: Id<noun::Organization>, known: &'a Known) -> Self {
        Self { organization, known, fields: FieldSet::default(), sightings: Sightings::default() }
    }

    /// Takes a record whose activity can be read, and notes whom it shows.
    pub(crate) fn examine(&mut self, record: Record) -> Result<Event, Reason> {
        let activity = record.activity(&self.fields)?;
        let identity = activity.actor.identity.as_ref().map(|key| key.id(self.organization));
        let shard = detect::shard_of(identity);
        if let Some(identity) = identity {
            note(self.organization, self.known, identity, &activity, &mut self.sightings);
        }
        Ok(Event { record, identity, shard })
    }

    pub(crate) fn sightings(self) -> Vec<Sighting> {
        self.sightings.into_vec()
    }
}

/// Asks memory first; only what the inventory does not hold becomes a sighting.
fn note(
    organization: Id<noun::Organization>,
    known: &Known,
    identity: Id<noun::Identity>,
    activity: &Activity<'_>,
    sightings: &mut Sightings,
) {
    let actor = &activity.actor;
    let news = |person| !known.touch(organization, identity, person, activity.time);
    if let (true, Some(key)) = (actor.creates, &actor.identity)
        && news(actor.person_evidence)
    {
        let owner = actor.owner.as_ref();
        if let Some(owner) = owner {
            sightings.add(sighting(organization, owner, activity, false));
        }
        sightings.add(Sighting {
            owner: owner.map(|owner| owner.id(organization)),
            provider_owned: actor.facts.provider_owned,
            ..sighting(organization, key, activity, actor.person_evidence)
        });
    }
    if let Some(role) = &actor.person_role
        && !known.touch(organization, role.id(organization), true, activity.time)
    {
        sightings.add(sighting(organization, role, activity, true));
    }
}

/// Inflates, frames, checks, redacts and normalizes a body, and compresses what is valid.
pub(crate) fn prepare(
    organization: Id<noun::Organization>,
    source: &Source,
    body: &[u8],
    encoding: Encoding,
    redactor: &Redactor,
    known: &Known,
    room: &Arc<Semaphore>,
) -> Result<Prepared, Error> {
    let hash = digest::sha256(body);
    let id = Id::derived("nexora/batch/1", &[organization.as_bytes(), source.credential.as_bytes(), &hash]);
    let (plain, room) = inflated(body, encoding, room)?;
    let mut examiner = Examiner::new(organization, known);
    let (mut events, mut rejected) = (Vec::new(), Vec::new());
    for (index, range) in frame(&plain)?.into_iter().enumerate() {
        let taken = Record::read(&plain[range], redactor)
            .and_then(|record| allowed(source, record))
            .and_then(|record| examiner.examine(record));
        match taken {
            Ok(event) => events.push(event),
            Err(reason) => rejected.push(Reject { index, reason }),
        }
    }
    let texts = events.iter().map(|event| event.record.text());
    let block = Block::of(texts).map_err(|error| Error::not_kept(Failure::from(error)))?;
    let sightings = examiner.sightings();
    Ok(Prepared { id, source: source.credential, events, block, sightings, rejected, _room: room })
}

/// The plain bytes, and the room that they take. It is claimed before they are there: what all batches that are under way
/// have inflated never takes more.
fn inflated<'b>(
    body: &'b [u8],
    encoding: Encoding,
    room: &Arc<Semaphore>,
) -> Result<(Cow<'b, [u8]>, Option<OwnedSemaphorePermit>), Error> {
    let mut taken: Option<OwnedSemaphorePermit> = None;
    let plain = inflate_within(body, encoding, Limits::REQUEST, |bytes| {
        let more = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(room).try_acquire_many_owned(more) else { return false };
        match &mut taken {
            Some(taken) => taken.merge(more),
            None => taken = Some(more),
        }
        true
    });
    match plain {
        Ok(plain) => Ok((plain, taken)),
        Err(inflate::Error::NoRoom { .. }) => Err(Error::Busy),
        Err(error) => Err(error.into()),
    }
}

fn allowed(source: &Source, record: Record) -> Result<Record, Reason> {
    if record.format() != source.format {
        let (found, expected) = (record.format().as_str(), source.format.as_str());
        return Err(Reason::WrongFormat { found, expected });
    }
    if source.accounts.allow(record.account()) { Ok(record) } else { Err(Reason::ForeignAccount) }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Error, inflated};
    use std::io::Write as _;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    /// Five MiB that hardly repeat themselves, packed.
    fn packed() -> Vec<u8> {
        let mut seed = 7_u32;
        let next = |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0] >> 4
        };
        let plain: Vec<u8> = (0..5 << 20).map(next).collect();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&plain).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn batches_inflate_into_one_room_and_give_it_back() {
        let (body, room) = (packed(), Arc::new(Semaphore::new(12)));
        let inflate = || inflated(&body, Encoding::Auto, &room);
        let (plain, held) = inflate().expect("there is room");
        assert_eq!((plain.len(), room.available_permits()), (5 << 20, 7));
        let second = inflate().expect("there is room");
        assert_eq!(room.available_permits(), 2);
        assert!(matches!(inflate(), Err(Error::Busy)), "there is room for half of it");
        assert_eq!(room.available_permits(), 2, "what was claimed for nothing is given back");
        assert!(inflated(b"{}", Encoding::Auto, &room).is_ok(), "a small one goes in");
        drop((held, second));
        assert_eq!(room.available_permits(), 12);
        assert!(inflate().is_ok());
        assert!(inflated(&body[..999], Encoding::Auto, &room).is_err());
        assert_eq!(room.available_permits(), 12);
    }
}
