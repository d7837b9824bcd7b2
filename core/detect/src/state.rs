//! What a shard remembers of its identities and their peers: bounded, deterministic, and kept in snapshots.
//!
//! An organization's activities are split over [`SHARDS`] shards by identity. A shard's state depends on the
//! activities it was handed and their order, and on the epochs and dispositions between them; on nothing else, so
//! that a replay comes to the same one.

use crate::behaviour::snapshot::{self, Reader, Writer};
use crate::behaviour::{
    self, Bursts, Disposition, Epoch, Group, Probation, Record, RulesOnly, Slab, Verdict, Watermarks, moment,
    release_told,
};
use crate::crowd::Crowd;
use crate::sequence::Chains;
use base::{Fault, Id, Kind, Severity, Timestamp, noun};
use events::Activity;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Into how many shards an organization's identities are split; fixed, because it decides what judges
/// what.
pub const SHARDS: usize = 64;

/// Version of the behaviour model: of what a state means and of what is concluded from it.
pub const MODEL_VERSION: u32 = 3;

const MAGIC: &[u8; 8] = b"nxshard\x03";

pub use crate::behaviour::MAX_IDENTITIES;

/// The shard that judges an identity's activities; those without an identity go to the first.
#[must_use]
pub fn shard_of(identity: Option<Id<noun::Identity>>) -> usize {
    identity.map_or(0, |identity| usize::from(identity.as_bytes()[0]) % SHARDS)
}

/// The state of one shard. A clone is a snapshot of it.
#[derive(Clone, Default)]
pub struct ShardState {
    pub(crate) slab: Slab,
    pub(crate) probation: Probation,
    pub(crate) groups: BTreeMap<u32, Group>,
    pub(crate) watermarks: Watermarks,
    pub(crate) bursts: Bursts,
    pub(crate) chains: Chains,
    pub(crate) crowd: Crowd,
    pub(crate) epoch: Arc<Epoch>,
    /// The moment of the latest activity that was judged.
    pub(crate) latest: u32,
    pub(crate) passed_over: PassedOver,
    evicted: u64,
}

/// How many activities of a shard were judged by rules alone because of their time, ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// More than five minutes ahead of their arrival.
    pub ahead: u64,
    /// From before 2010.
    pub ancient: u64,
    /// More than thirty minutes behind the latest of their source.
    pub late: u64,
}

impl PassedOver {
    pub(crate) fn count(&mut self, why: RulesOnly) {
        match why {
            RulesOnly::Ahead => self.ahead += 1,
            RulesOnly::Ancient => self.ancient += 1,
            RulesOnly::Late { .. } => self.late += 1,
            RulesOnly::NotOurs | RulesOnly::Unknown => {}
        }
    }
}

impl fmt::Debug for ShardState {
    /// How much it knows; what it knows is megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardState")
            .field("identities", &self.len())
            .field("waiting", &self.waiting())
            .field("wide", &self.wide())
            .field("epoch", &self.epoch.number())
            .field("passed_over", &self.passed_over)
            .field("evicted", &self.evicted)
            .finish_non_exhaustive()
    }
}

impl PartialEq for ShardState {
    /// Whether they know the same, whatever the order in which their memory came to hold it.
    fn eq(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.to_bytes() == other.to_bytes()
    }
}

impl ShardState {
    /// How many identities it remembers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether it remembers none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slab.len() == 0
    }

    /// How many identities it has forgotten for want of room, ever.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many activities were judged by rules alone because of their time, ever.
    #[must_use]
    pub const fn passed_over(&self) -> PassedOver {
        self.passed_over
    }

    /// How many hits of rules against identities that nobody knew were told together, for there were too many different
    /// ones, ever.
    #[must_use]
    pub const fn told_together(&self) -> u64 {
        self.crowd.together
    }

    /// Bytes of its identities: records, index and the pages of wide ones.
    #[must_use]
    pub fn identity_bytes(&self) -> usize {
        self.slab.bytes()
    }

    /// How many identities have a page of their own.
    #[must_use]
    pub fn wide(&self) -> usize {
        self.slab.pages.len()
    }

    /// How many new things wait to be learned.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.probation.0.len()
    }

    /// The risk of an identity, as of its latest activity: see [`Verdict`](crate::behaviour::Verdict).
    #[must_use]
    pub fn risk(&self, identity: Id<noun::Identity>) -> Option<f32> {
        self.slab.find(identity).and_then(|place| self.slab.get(place)).map(|record| record.risk)
    }

    /// The epoch by which it judges.
    #[must_use]
    pub const fn epoch(&self) -> &Arc<Epoch> {
        &self.epoch
    }

    /// Judges an activity by behaviour alone, and learns from it; `worst` is the level of the worst rule that matched
    /// it. It must be of this shard, and activities must come in the shard's order.
    ///
    /// # Errors
    /// [`RulesOnly`]: it is not one that behaviour is judged by, or not at a time that can be relied on.
    pub fn observe(
        &mut self,
        activity: &Activity<'_>,
        organization: Id<noun::Organization>,
        arrival: Timestamp,
        worst: Option<Severity>,
    ) -> Result<Verdict, RulesOnly> {
        let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
        behaviour::observe(self, activity, organization, identity, arrival, worst, true)
    }

    /// Takes in what a person decided: what is benign is learned, and where no severe finding is open any more, the
    /// identity learns again. An identity that is not known is left alone.
    pub fn dispose(&mut self, identity: Id<noun::Identity>, disposition: Disposition) {
        let Some(place) = self.slab.find(identity) else { return };
        let span = moment(disposition.from)..=moment(disposition.until);
        let Some(record) = self.slab.get_mut(place) else { return };
        if !disposition.still_open {
            record.open = 0;
        }
        if disposition.benign {
            if span.contains(&record.told_at) {
                release_told(record);
            }
            let waiting = self.probation.of(identity).filter(|(_, one)| span.contains(&one.since));
            let waiting: Vec<u64> = waiting.map(|(hash, _)| hash).collect();
            waiting.into_iter().for_each(|hash| self.release(place, hash));
        }
    }

    /// Has what is known of the identity brought near.
    pub(crate) fn reach(&self, identity: Option<Id<noun::Identity>>) {
        let place = identity.and_then(|identity| self.slab.find(identity));
        place.and_then(|place| self.slab.get(place)).into_iter().for_each(Record::reach);
    }

    /// Whether the identity is known well enough to be told of by name, whatever others do.
    pub(crate) fn knows_well(&self, identity: Option<Id<noun::Identity>>) -> bool {
        let place = identity.and_then(|identity| self.slab.find(identity));
        place.and_then(|place| self.slab.get(place)).is_some_and(|record| record.established(record.last))
    }

    /// A high or critical finding of the identity is open from here on: nothing is learned of it.
    pub(crate) fn opened(&mut self, identity: Id<noun::Identity>, at: Timestamp) {
        if let Some(record) = self.slab.find(identity).and_then(|place| self.slab.get_mut(place)) {
            record.open = record.open.max(moment(at));
        }
    }

    /// Judges by another epoch from here on; what was counted for it begins anew.
    pub(crate) fn enter(&mut self, epoch: Arc<Epoch>) {
        for (key, group) in &mut self.groups {
            *group = Group {
                counts: epoch.peers(*key).map(|peers| peers.counts.clone()).unwrap_or_default(),
                ..Group::default()
            };
        }
        self.epoch = epoch;
    }

    /// Adds a record, where it must be by forgetting others; where it stands.
    pub(crate) fn add(&mut self, record: Record) -> usize {
        if self.slab.len() >= MAX_IDENTITIES {
            self.evict();
        }
        self.slab.add(record)
    }

    /// Forgets the sixteenth that knows least: those of few activities before those of many, those with nothing open
    /// before those with something, the fewest activities, then the longest silent. In one go, so that a flood of
    /// invented names costs each of them little; and whatever rules these match, who is known stays.
    fn evict(&mut self) {
        let rank = |record: &Record| {
            let many = record.seen >= crate::ESTABLISHED_ACTIVITIES;
            (many, record.open != 0, record.seen, record.last, record.id)
        };
        let mut ranked: Vec<_> = self.slab.records().map(rank).collect();
        let count = (ranked.len() / 16).max(1);
        let (_, last, _) = ranked.select_nth_unstable(count - 1);
        let last = *last;
        self.slab.retain(|record| rank(record) > last);
        self.evicted += count as u64;
        let slab = &self.slab;
        self.probation.0.retain(|(id, _), _| slab.find(*id).is_some());
    }

    /// The state as bytes (`docs/formats/snapshot.md`). The same state gives the same bytes. Its epoch is named by
    /// number alone: see [`Epoch::to_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(MAGIC, MODEL_VERSION);
        let PassedOver { ahead, ancient, late } = self.passed_over;
        for number in [self.epoch.number(), self.evicted, ahead, ancient, late] {
            out.u64(number);
        }
        out.u32(self.latest);
        out.length(self.watermarks.0.len());
        for (source, mark) in &self.watermarks.0 {
            out.u64(*source);
            out.put(&mark.to_be_bytes());
        }
        let mut records: Vec<_> = self.slab.records().collect();
        records.sort_unstable_by_key(|record| record.id);
        out.length(records.len());
        records.into_iter().for_each(|record| snapshot::write_record(&mut out, record));
        let mut pages: Vec<_> = self.slab.pages.iter().collect();
        pages.sort_unstable_by_key(|page| page.owner);
        snapshot::write_pages(&mut out, &pages);
        snapshot::write_probation(&mut out, &self.probation);
        snapshot::write_groups(&mut out, &self.groups);
        snapshot::write_bursts(&mut out, &self.bursts);
        snapshot::write_chains(&mut out, &self.chains);
        snapshot::write_crowd(&mut out, &self.crowd);
        out.finish()
    }

    /// The state from its bytes, where it has not entered an epoch.
    ///
    /// # Errors
    /// [`WrongSnapshot`]: the state must then be rebuilt from the log.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WrongSnapshot> {
        Self::restored(bytes, Arc::default())
    }

    /// The state from its bytes and the epoch that it had entered.
    ///
    /// # Errors
    /// [`WrongSnapshot`]: the state must then be rebuilt from the log.
    pub fn restored(bytes: &[u8], epoch: Arc<Epoch>) -> Result<Self, WrongSnapshot> {
        let mut reader = Reader::open(bytes, MAGIC, MODEL_VERSION)?;
        let number = reader.u64()?;
        if number != epoch.number() {
            return Err(WrongSnapshot::Epoch { found: number, given: epoch.number() });
        }
        let mut state = Self { epoch, evicted: reader.u64()?, ..Self::default() };
        state.passed_over = PassedOver { ahead: reader.u64()?, ancient: reader.u64()?, late: reader.u64()? };
        state.latest = reader.u32()?;
        state.watermarks = Watermarks(snapshot::read_sources(&mut reader)?);
        for record in snapshot::read_records(&mut reader)? {
            state.slab.add(record);
        }
        for page in snapshot::read_pages(&mut reader)? {
            let place = state.slab.find(page.owner).ok_or(WrongSnapshot::Damaged)?;
            state.slab.pages.push(page);
            let number = u32::try_from(state.slab.pages.len()).unwrap_or(0);
            if let Some(record) = state.slab.get_mut(place) {
                record.page = number;
            }
        }
        state.probation = snapshot::read_probation(&mut reader)?;
        for (id, _) in state.probation.0.keys() {
            let place = state.slab.find(*id).ok_or(WrongSnapshot::Damaged)?;
            if let Some(record) = state.slab.get_mut(place) {
                record.waiting += 1;
            }
        }
        state.groups = snapshot::read_groups(&mut reader)?;
        state.bursts = snapshot::read_bursts(&mut reader)?;
        state.chains = snapshot::read_chains(&mut reader)?;
        state.crowd = snapshot::read_crowd(&mut reader)?;
        reader.end()?;
        Ok(state)
    }
}

/// Bytes that are no snapshot which this release can go on from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongSnapshot {
    /// They are something else.
    #[error("not a snapshot of detection state")]
    NotOne,
    /// They belong to another version of the model.
    #[error("a snapshot of model version {found}; this is version {ours}: rebuild it from the log")]
    Version {
        /// The version in the snapshot.
        found: u32,
        /// The version that reads it.
        ours: u32,
    },
    /// They belong to another epoch than the one at hand.
    #[error("a snapshot of epoch {found}, with epoch {given} at hand: rebuild both from the log")]
    Epoch {
        /// The epoch that the snapshot was taken in.
        found: u64,
        /// The one that was given.
        given: u64,
    },
    /// They are cut short or changed.
    #[error("a damaged snapshot: rebuild it from the log")]
    Damaged,
}

impl Fault for WrongSnapshot {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
}

#[cfg(test)]
mod tests;
