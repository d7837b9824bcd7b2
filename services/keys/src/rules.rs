//! Pure decisions: how a key's life goes, and how far a key may be used.

use crate::{Purpose, Rotation, State};
use base::Timestamp;
use crypto::FieldAlgorithm;

/// What is done to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Put in use.
    Activate,
    /// Taken out of use, because another version is put in use.
    Retire,
    /// Closed until it is resumed.
    Suspend,
    /// Opened again.
    Resume,
    /// Erased.
    Destroy,
}

impl Act {
    #[cfg(test)]
    const ALL: [Self; 5] = [Self::Activate, Self::Retire, Self::Suspend, Self::Resume, Self::Destroy];

    /// The act, as an error tells it: "cannot be …".
    pub(crate) const fn participle(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Retire => "retired",
            Self::Suspend => "suspended",
            Self::Resume => "resumed",
            Self::Destroy => "destroyed",
        }
    }
}

/// The state after an act; `before` is what a suspended version was. `None` where the act is not for that state:
/// a version in use is destroyed only after another took its place, and nothing comes back from the dead.
pub(crate) fn after(state: State, before: Option<State>, act: Act) -> Option<State> {
    match (state, act) {
        (State::Generated, Act::Activate) => Some(State::Active),
        (State::Active, Act::Retire) => Some(State::Retired),
        (State::Generated | State::Active | State::Retired, Act::Suspend) => Some(State::Suspended),
        (State::Suspended, Act::Resume) => before,
        (State::Generated | State::Retired, Act::Destroy) => Some(State::Destroyed),
        // A suspended version that was in use still has its place: it is rotated first.
        (State::Suspended, Act::Destroy) if before != Some(State::Active) => Some(State::Destroyed),
        _ => None,
    }
}

/// Whether keys of this purpose are rotated by themselves. The log's keys change with an entry that both pairs sign, or
/// with another log ([`crate::Keys::renew_log_keys`]), and a redaction key that changed would give one secret two hashes.
pub(crate) const fn turns_over(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Organization | Purpose::Dataset | Purpose::Field | Purpose::Manifest)
}

/// When a version that was put in use at `since` rotates next: by schedule, or at once when its uses are up.
pub(crate) fn rotates_at(
    rotation: Rotation,
    since: Timestamp,
    uses: u64,
    now: Timestamp,
) -> Option<Timestamp> {
    if rotation.uses.is_some_and(|limit| uses >= limit) {
        return Some(now);
    }
    rotation.every.map(|every| since + every)
}

/// Wraps that one record of the root may make: half of the 2^32 that SP 800-38D allows a GCM key with random
/// nonces. The other half is room for wraps whose change did not commit, and which are not counted.
pub(crate) const MAX_WRAPS: u64 = 1 << 31;

/// How many uses a key may have: 2^32 for what is a GCM key anywhere; 2^48 for the deterministic ciphers, whose
/// bound (RFC 5297, section 6 and SP 800-38G) lies where 128-bit blocks meet. A key pair has none: each message
/// to it has a key of its own.
pub(crate) fn max_uses(purpose: Purpose, algorithm: &str) -> u64 {
    match purpose {
        Purpose::Field if FieldAlgorithm::parse(algorithm).is_ok() => 1 << 48,
        Purpose::Field => 1 << 32,
        _ => i64::MAX.unsigned_abs(),
    }
}

/// How many uses are written down ahead: as many values as a second or two makes; of openings so many that one in
/// a thousand waits for a write. A key that rotates by use has smaller blocks, so that it is not a whole block late or early.
pub(crate) fn block(purpose: Purpose, rotation: Rotation) -> u64 {
    let block = if matches!(purpose, Purpose::Field) { 1 << 20 } else { 1 << 10 };
    rotation.uses.map_or(block, |uses| block.min((uses / 16).max(1)))
}

#[cfg(test)]
mod tests {
    use super::{Act, after, block, max_uses, rotates_at};
    use crate::{Purpose, Rotation, State};
    use base::Timestamp;
    use std::time::Duration;

    /// Rows: state, and what a suspended version was. Columns: activate, retire, suspend, resume, destroy.
    const TABLE: &str = "
generated -          active - suspended - destroyed
active -             - retired suspended - -
retired -            - - suspended - destroyed
suspended generated  - - - generated destroyed
suspended active     - - - active -
suspended retired    - - - retired destroyed
destroyed -          - - - - -
";

    #[test]
    fn every_act_in_every_state() {
        let read = |word: &str| (word != "-").then(|| word.parse::<State>().expect("a state"));
        let mut cases = 0;
        for line in TABLE.lines().filter(|line| !line.is_empty()) {
            let words = line.split_whitespace().collect::<Vec<_>>();
            let (state, before) = (read(words[0]).expect("a state"), read(words[1]));
            for (act, wanted) in Act::ALL.into_iter().zip(&words[2..]) {
                assert_eq!(after(state, before, act), read(wanted), "{state} {before:?} {act:?}");
                cases += 1;
            }
        }
        assert_eq!(cases, 35);
    }

    #[test]
    fn a_key_rotates_by_schedule_or_when_its_uses_are_up() {
        let since = Timestamp::from_millis(1_000);
        let now = Timestamp::from_millis(9_000);
        let every = Some(Duration::from_secs(60));
        let at = |rotation, uses| rotates_at(rotation, since, uses, now);
        assert_eq!(at(Rotation::default(), u64::MAX), None);
        assert_eq!(at(Rotation { every, uses: None }, 5), Some(since + Duration::from_secs(60)));
        assert_eq!(at(Rotation { every, uses: Some(5) }, 5), Some(now));
        assert_eq!(at(Rotation { every: None, uses: Some(6) }, 5), None);
    }

    #[test]
    fn blocks_are_small_beside_what_they_count_to() {
        let rotation = |uses| Rotation { every: None, uses };
        assert_eq!(block(Purpose::Field, rotation(None)), 1 << 20);
        assert_eq!(block(Purpose::Field, rotation(Some(160))), 10);
        assert_eq!(block(Purpose::Dataset, rotation(Some(1))), 1);
        assert_eq!(max_uses(Purpose::Field, "aes-256-siv"), 1 << 48);
        assert_eq!(max_uses(Purpose::Field, "aes-256-gcm"), 1 << 32);
    }
}
