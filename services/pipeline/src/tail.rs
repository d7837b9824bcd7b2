//! Following an organization's events: those that are committed, from an offset on, without gaps.

use crate::{Error, Failure, Kept, sequencer::Organization};
use std::sync::{Arc, PoisonError};
use stream::{Batch, Reader};
use tokio::sync::Semaphore;

/// What a follower holds of a batch while its reader is slow, in bytes, but for one event that is larger. The
/// rest is read again when its turn comes: a batch may have 512 MiB, and followers may be many.
const HELD: usize = 4 << 20;

/// Reads events as they are committed. It holds no lock and costs nothing while it waits.
pub struct Tail {
    organization: Arc<Organization>,
    next: u64,
    reader: Option<Reader>,
    /// How many batches all followers open at once.
    openers: Arc<Semaphore>,
}

impl Tail {
    pub(crate) fn new(organization: Arc<Organization>, from: Option<u64>, openers: Arc<Semaphore>) -> Self {
        let next = from.unwrap_or_else(|| *organization.committed.borrow());
        Self { organization, next, reader: None, openers }
    }

    /// The offset that it goes on from.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.next
    }

    /// The next events that are committed already, at most one batch; none at the end of the log.
    ///
    /// # Errors
    /// [`Error::NotKept`] with what reading the log met.
    pub async fn ready(&mut self) -> Result<Vec<Kept>, Error> {
        let committed = *self.organization.committed.borrow();
        let mut found = Vec::new();
        while found.is_empty() && self.next < committed {
            found = self.read(committed).await?;
        }
        Ok(found)
    }

    /// The next events, once there are some.
    ///
    /// # Errors
    /// As [`Self::ready`]; [`Error::Draining`] when there will be no more.
    pub async fn next(&mut self) -> Result<Vec<Kept>, Error> {
        loop {
            let found = self.ready().await?;
            if !found.is_empty() {
                return Ok(found);
            }
            let mut committed = self.organization.committed.clone();
            let next = self.next;
            committed.wait_for(|committed| *committed > next).await.map_err(|_| Error::Draining)?;
        }
    }

    async fn read(&mut self, limit: u64) -> Result<Vec<Kept>, Error> {
        let reader = self.reader.take();
        let mut reader = match reader.filter(|reader| reader.offset() == self.next) {
            Some(reader) => reader,
            None => {
                let log = self.organization.log.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let log = log.ok_or_else(|| Error::not_kept(Failure::Ended))?;
                self.next = self.next.max(log.first_offset());
                log.reader(self.next)
            }
        };
        let turn = Arc::clone(&self.openers).acquire_owned().await.map_err(|_| Error::Draining)?;
        let from = self.next;
        let read = tokio::task::spawn_blocking(move || {
            let batch = reader.next(limit)?;
            let read = batch.map(|batch| part(&batch, from));
            drop(turn);
            Ok::<_, stream::Error>((read, reader))
        });
        let (read, reader) = match read.await.map_err(|_| Error::not_kept(Failure::Ended))? {
            Ok(read) => read,
            Err(error) => return Err(Error::not_kept(error)),
        };
        self.reader = Some(reader);
        let Some((kept, next)) = read else { return Ok(Vec::new()) };
        self.next = next;
        Ok(kept)
    }
}

/// The events of a batch from an offset on, as many as may be held, and the offset to go on from.
fn part(batch: &Batch, from: u64) -> (Vec<Kept>, u64) {
    let (mut kept, mut held) = (Vec::new(), 0);
    for (offset, text) in (batch.header.first_offset..).zip(batch.events()) {
        if offset < from {
            continue;
        }
        if held > 0 && held + text.len() > HELD {
            return (kept, offset);
        }
        held += text.len();
        kept.push(Kept { offset, arrival: batch.header.arrival, text: text.to_owned() });
    }
    (kept, batch.header.next_offset())
}
