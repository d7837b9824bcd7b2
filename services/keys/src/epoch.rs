//! The key epoch: a counter that rises when keys are closed, and that every node must see.
//!
//! It stands in the store as the position of a topic, so that it moves in the commit that closes the keys and
//! its doorbell rings right after. A node that has not read it for longer than [`GRACE`] reveals nothing: it
//! might have missed a suspension or a shredding. What is open in memory was opened at some epoch and is good
//! for that one only.

use crate::{Error, Keys, cache::Cache};
use base::{Context, Id, Timestamp, noun};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use store::{Queries, Tx};

/// For how long a node goes on without reading the epoch.
pub const GRACE: Duration = Duration::from_secs(5);

/// How often [`Keys::epoch_step`] should run: several times within the grace.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// The topic whose doorbell rings when the epoch rises.
pub const TOPIC: &str = "keys.epoch";

/// The epochs that this node knows.
#[derive(Debug, Default)]
pub(crate) struct Epochs(RwLock<HashMap<Id<noun::Organization>, Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    epoch: i64,
    /// When the store was last read; none until it was.
    heard: Option<Timestamp>,
}

impl Epochs {
    /// The epoch, if it was read within the grace.
    pub(crate) fn read(&self, organization: Id<noun::Organization>, now: Timestamp) -> Result<i64, Error> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Known { epoch, heard: Some(heard) }) = known.get(&organization).copied() else {
            return Err(Error::EpochUnread { seconds: None });
        };
        // A clock that was set back must not make an old reading look fresh.
        let silence = now.since(heard).max(heard.since(now));
        if silence > GRACE {
            return Err(Error::EpochUnread { seconds: Some(silence.as_secs()) });
        }
        Ok(epoch)
    }

    /// The epoch as it was last read, however long ago; 0 before the first time.
    pub(crate) fn last(&self, organization: Id<noun::Organization>) -> i64 {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&organization).map_or(0, |known| known.epoch)
    }

    /// Takes in what was read or committed; whether it rose. It never falls.
    fn take(&self, organization: Id<noun::Organization>, epoch: i64, heard: Option<Timestamp>) -> bool {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(organization).or_insert(Known { epoch, heard: None });
        let rose = epoch > known.epoch;
        known.epoch = known.epoch.max(epoch);
        known.heard = heard.or(known.heard);
        rose
    }
}

/// An epoch that was raised in a transaction: publish it once that is committed, before anyone is answered.
#[must_use = "until it is published, this node goes on with what it has in memory"]
pub(crate) struct Raised {
    epochs: Arc<Epochs>,
    cache: Arc<Cache>,
    organization: Id<noun::Organization>,
    epoch: i64,
}

impl Raised {
    /// From here on nothing that was open before is used on this node.
    pub(crate) fn publish(self) {
        self.epochs.take(self.organization, self.epoch, None);
        self.cache.clear(self.organization);
    }
}

/// A hold on keys that a run has open: it says whether they are still open, from memory.
#[derive(Debug, Clone)]
pub struct Lease {
    organization: Id<noun::Organization>,
    keys: Vec<Id<noun::Key>>,
    epoch: i64,
}

impl Keys {
    /// Reads the key epoch, which keeps this node revealing, and drops what is cached if it rose. `now` must have
    /// been read before the call. `node` runs it as a heartbeat and when [`TOPIC`] rings. Returns whether it rose.
    ///
    /// # Errors
    /// [`Error::Store`]; after [`GRACE`] of them nothing is opened.
    pub async fn epoch_step(&self, ctx: &Context, now: Timestamp) -> Result<bool, Error> {
        let read = self.store.read_reserved(ctx).await?;
        let epoch = read.end(TOPIC).await?;
        let rose = self.epochs.take(ctx.organization(), epoch, Some(now));
        if rose {
            self.cache.clear(ctx.organization());
        }
        self.cache.expire(now);
        Ok(rose)
    }

    /// Raises the epoch with this change.
    pub(crate) async fn raise_epoch(&self, tx: &mut Tx) -> Result<Raised, Error> {
        let organization = tx.context().organization();
        let epoch = tx.next_position(TOPIC).await? + 1;
        Ok(Raised { epochs: Arc::clone(&self.epochs), cache: Arc::clone(&self.cache), organization, epoch })
    }

    /// A hold on these versions, for a run that is about to open them: take it first, so that what closes in
    /// between is seen.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn lease(&self, ctx: &Context, keys: Vec<Id<noun::Key>>) -> Result<Lease, Error> {
        let organization = ctx.organization();
        let epoch = self.epochs.read(organization, self.clock.now())?;
        let lease = Lease { organization, keys, epoch };
        self.still_open(ctx, &lease).await?;
        Ok(lease)
    }

    /// Whether the versions of a lease are still open. From memory while the epoch stands (some ten nanoseconds);
    /// after it rose, by reading their states again. A run calls it before every batch.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::EpochUnread`], [`Error::NotFound`], [`Error::Store`].
    pub async fn check(&self, ctx: &Context, lease: &mut Lease) -> Result<(), Error> {
        let epoch = self.epochs.read(lease.organization, self.clock.now())?;
        if epoch == lease.epoch {
            return Ok(());
        }
        self.still_open(ctx, lease).await?;
        lease.epoch = epoch;
        Ok(())
    }

    async fn still_open(&self, ctx: &Context, lease: &Lease) -> Result<(), Error> {
        let read = self.store.read(ctx).await?;
        for key in &lease.keys {
            self.opens(&read, *key).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Epochs, GRACE};
    use crate::Error;
    use base::{Id, Timestamp};
    use std::time::Duration;

    #[test]
    fn silence_longer_than_the_grace_closes_and_the_epoch_never_falls() {
        let (epochs, organization) = (Epochs::default(), Id::from_bytes([1; 16]));
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert!(matches!(epochs.read(organization, now), Err(Error::EpochUnread { seconds: None })));
        assert!(!epochs.take(organization, 3, None), "a first reading is no rise");
        assert!(epochs.read(organization, now).is_err(), "what was only committed here is not heard");
        epochs.take(organization, 3, Some(now));
        assert_eq!(epochs.read(organization, now + GRACE).expect("within the grace"), 3);
        let late = now + GRACE + Duration::from_micros(1);
        assert!(matches!(epochs.read(organization, late), Err(Error::EpochUnread { seconds: Some(5) })));
        assert!(epochs.read(organization, now.minus(GRACE + Duration::from_secs(1))).is_err());
        assert!(epochs.take(organization, 4, Some(late)));
        assert!(!epochs.take(organization, 3, Some(late)), "an older snapshot");
        assert_eq!(epochs.read(organization, late).expect("heard"), 4);
    }
}
