//! Following an organization's events: those that are committed, from an offset on, without gaps.

use crate::{Error, Failure, Kept, sequencer::Organization};
use std::sync::{Arc, PoisonError};
use stream::Reader;

/// Reads events as they are committed. It holds no lock and costs nothing while it waits.
pub struct Tail {
    organization: Arc<Organization>,
    next: u64,
    reader: Option<Reader>,
}

impl Tail {
    pub(crate) fn new(organization: Arc<Organization>, from: Option<u64>) -> Self {
        let next = from.unwrap_or_else(|| *organization.committed.borrow());
        Self { organization, next, reader: None }
    }

    /// The offset that it goes on from.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.next
    }

    /// The next events that are committed already, about one batch; none at the end of the log.
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
        let read = tokio::task::spawn_blocking(move || reader.next(limit).map(|batch| (batch, reader)));
        let (batch, reader) = match read.await.map_err(|_| Error::not_kept(Failure::Ended))? {
            Ok(read) => read,
            Err(error) => return Err(Error::not_kept(error)),
        };
        self.reader = Some(reader);
        let Some(batch) = batch else { return Ok(Vec::new()) };
        let from = self.next;
        self.next = batch.header.next_offset();
        let events = (batch.header.first_offset..).zip(batch.events());
        let kept = events.filter(|(offset, _)| *offset >= from).map(|(offset, text)| Kept {
            offset,
            arrival: batch.header.arrival,
            text: text.to_owned(),
        });
        Ok(kept.collect())
    }
}
