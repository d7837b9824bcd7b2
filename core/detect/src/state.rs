//! What a shard remembers of its identities: bounded, deterministic, and kept in snapshots.
//!
//! An organization's activities are split over [`SHARDS`] shards by identity. A shard's state depends on
//! the activities it was handed and their order, on nothing else, so that a replay comes to the same one.

use crate::profile::{MAX_KNOWN, MAX_WAITING, Profile, Waiting};
use base::{Fault, Id, Kind, digest, noun};
use std::collections::BTreeMap;

/// Into how many shards an organization's identities are split; fixed, because it decides what judges
/// what.
pub const SHARDS: usize = 64;

/// How many identities a shard remembers. The least informative sixteenth goes when one more comes.
pub const MAX_IDENTITIES: usize = 16_384;

/// Version of the behaviour model: of what a state means and of what is concluded from it.
pub const MODEL_VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"nxshard\x01";
const CHECKSUM: usize = 8;

/// The shard that judges an identity's activities; those without an identity go to the first.
#[must_use]
pub fn shard_of(identity: Option<Id<noun::Identity>>) -> usize {
    identity.map_or(0, |identity| usize::from(identity.as_bytes()[0]) % SHARDS)
}

/// The state of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShardState {
    identities: BTreeMap<Id<noun::Identity>, Profile>,
    evicted: u64,
}

impl ShardState {
    /// How many identities it remembers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.identities.len()
    }

    /// Whether it remembers none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// How many identities it has forgotten for want of room, ever.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(crate) fn profile(&mut self, identity: Id<noun::Identity>) -> Option<&mut Profile> {
        self.identities.get_mut(&identity)
    }

    /// The identity's profile, made where there is none.
    pub(crate) fn profile_or_new(&mut self, identity: Id<noun::Identity>, now: i64) -> &mut Profile {
        if self.identities.len() >= MAX_IDENTITIES && !self.identities.contains_key(&identity) {
            self.evict();
        }
        self.identities.entry(identity).or_insert_with(|| Profile::new(now))
    }

    /// Forgets the sixteenth that knows least: the fewest activities, then the longest silent. In one
    /// go, so that a flood of invented names costs each of them little.
    fn evict(&mut self) {
        let mut ranked: Vec<_> =
            self.identities.iter().map(|(id, profile)| (profile.seen, profile.last, *id)).collect();
        let count = (ranked.len() / 16).max(1);
        ranked.select_nth_unstable(count - 1);
        for (_, _, id) in &ranked[..count] {
            self.identities.remove(id);
        }
        self.evicted += count as u64;
    }

    /// The state as bytes (`docs/formats/snapshot.md`). The same state gives the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(MODEL_VERSION.to_be_bytes());
        out.extend(self.evicted.to_be_bytes());
        out.extend(short(self.identities.len()).to_be_bytes());
        for (id, profile) in &self.identities {
            out.extend(id.as_bytes());
            out.extend(profile.first.to_be_bytes());
            out.extend(profile.last.to_be_bytes());
            out.extend(profile.alarm.to_be_bytes());
            out.extend(profile.seen.to_be_bytes());
            out.extend(short(profile.known.len()).to_be_bytes());
            profile.known.iter().for_each(|hash| out.extend(hash.to_be_bytes()));
            out.extend(short(profile.waiting.len()).to_be_bytes());
            for waiting in &profile.waiting {
                out.extend(waiting.hash.to_be_bytes());
                out.extend(waiting.since.to_be_bytes());
            }
        }
        let sum = digest::sha256(&out);
        out.extend(&sum[..CHECKSUM]);
        out
    }

    /// The state from its bytes.
    ///
    /// # Errors
    /// [`WrongSnapshot`]: the state must then be rebuilt from the log.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WrongSnapshot> {
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(WrongSnapshot::Damaged)?;
        let mut reader = Reader { rest: body };
        if reader.take::<8>()? != *MAGIC {
            return Err(WrongSnapshot::NotOne);
        }
        if digest::sha256(body)[..CHECKSUM] != *sum {
            return Err(WrongSnapshot::Damaged);
        }
        let version = u32::from_be_bytes(reader.take()?);
        if version != MODEL_VERSION {
            return Err(WrongSnapshot::Version { found: version, ours: MODEL_VERSION });
        }
        let mut state = Self { evicted: reader.number()?, ..Self::default() };
        for _ in 0..reader.count(MAX_IDENTITIES)? {
            let id = Id::from_bytes(reader.take()?);
            let profile = reader.profile()?;
            if state.identities.last_key_value().is_some_and(|(last, _)| *last >= id) {
                return Err(WrongSnapshot::Damaged);
            }
            state.identities.insert(id, profile);
        }
        if reader.rest.is_empty() { Ok(state) } else { Err(WrongSnapshot::Damaged) }
    }
}

fn short(length: usize) -> u32 {
    u32::try_from(length).expect("state is bounded far below 2^32")
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WrongSnapshot> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WrongSnapshot::Damaged)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u64, WrongSnapshot> {
        self.take().map(u64::from_be_bytes)
    }

    fn moment(&mut self) -> Result<i64, WrongSnapshot> {
        self.take().map(i64::from_be_bytes)
    }

    fn count(&mut self, limit: usize) -> Result<usize, WrongSnapshot> {
        let count = u32::from_be_bytes(self.take()?) as usize;
        if count <= limit { Ok(count) } else { Err(WrongSnapshot::Damaged) }
    }

    fn profile(&mut self) -> Result<Profile, WrongSnapshot> {
        let mut profile = Profile::new(self.moment()?);
        profile.last = self.moment()?;
        profile.alarm = self.moment()?;
        profile.seen = u32::from_be_bytes(self.take()?);
        for _ in 0..self.count(MAX_KNOWN)? {
            profile.known.push(self.number()?);
        }
        for _ in 0..self.count(MAX_WAITING)? {
            profile.waiting.push(Waiting { hash: self.number()?, since: self.moment()? });
        }
        if profile.known.is_sorted() { Ok(profile) } else { Err(WrongSnapshot::Damaged) }
    }
}

/// Bytes that are no snapshot to go on from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongSnapshot {
    /// They do not begin like one.
    #[error("not a snapshot of detection state")]
    NotOne,
    /// They were written by another version of the model.
    #[error("a snapshot of model version {found}; this is version {ours}: rebuild it from the log")]
    Version {
        /// The version in the snapshot.
        found: u32,
        /// The version that reads it.
        ours: u32,
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
mod tests {
    use super::{MAX_IDENTITIES, ShardState, WrongSnapshot, shard_of};
    use crate::profile::Waiting;
    use base::{Id, digest};

    fn sample() -> ShardState {
        let mut state = ShardState::default();
        let one = state.profile_or_new(Id::from_bytes([1; 16]), 1_000);
        one.last = 2_000;
        one.alarm = 1_500;
        one.seen = 7;
        one.known = vec![3, 5];
        one.waiting = vec![Waiting { hash: 9, since: 1_900 }];
        state.profile_or_new(Id::from_bytes([2; 16]), -1);
        state
    }

    /// The bytes are final: `docs/formats/snapshot.md`.
    #[test]
    fn golden() {
        let bytes = sample().to_bytes();
        assert_eq!(
            digest::hex(&bytes[..24]),
            concat!("6e78736861726401", "00000001", "0000000000000000", "00000002")
        );
        assert_eq!(
            digest::hex(&bytes[24..108]),
            concat!(
                "01010101010101010101010101010101",
                "00000000000003e8",
                "00000000000007d0",
                "00000000000005dc",
                "00000007",
                "00000002",
                "0000000000000003",
                "0000000000000005",
                "00000001",
                "0000000000000009",
                "000000000000076c"
            )
        );
        assert_eq!(ShardState::from_bytes(&bytes), Ok(sample()));
    }

    #[test]
    fn every_flipped_or_missing_byte_is_noticed() {
        let bytes = sample().to_bytes();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(ShardState::from_bytes(&flipped).is_err(), "byte {at}");
            assert!(ShardState::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        let mut other = bytes[..bytes.len() - 8].to_vec();
        other[11] = 2;
        let sum = digest::sha256(&other);
        other.extend(&sum[..8]);
        assert_eq!(ShardState::from_bytes(&other), Err(WrongSnapshot::Version { found: 2, ours: 1 }));
    }

    #[test]
    fn invented_names_do_not_push_out_an_identity_that_is_known_well() {
        let mut state = ShardState::default();
        let known = Id::from_bytes([255; 16]);
        state.profile_or_new(known, 0).seen = 1_000;
        for number in 0..3 * MAX_IDENTITIES as u128 {
            state.profile_or_new(Id::from_bytes(number.to_be_bytes()), 1);
        }
        assert!(state.len() <= MAX_IDENTITIES && state.evicted() > 0);
        assert!(state.profile(known).is_some());
    }

    #[test]
    fn identities_spread_over_all_shards() {
        let shards: std::collections::BTreeSet<_> =
            (0..=255).map(|byte| shard_of(Some(Id::from_bytes([byte; 16])))).collect();
        assert_eq!(shards.len(), super::SHARDS);
    }
}
