//! How far each source has come, in event time, and which activities are too early or too late to be learned from.

use crate::siphash;
use base::Timestamp;
use events::Activity;

const SECOND: i64 = 1_000_000;
/// How far ahead of its arrival an activity may be and still be learned.
const AHEAD: i64 = 5 * 60 * SECOND;
/// How far behind the latest of its source an activity may be and still be learned, at its own time.
const LATE: i64 = 30 * 60 * SECOND;
/// 2010-01-01T00:00:00Z. No log of the clouds is older.
pub(crate) const EARLIEST: i64 = 1_262_304_000 * SECOND;
/// How many sources a shard keeps a watermark for; that which is furthest behind gives way.
pub(crate) const MAX_SOURCES: usize = 256;

/// Why an activity was judged by rules alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulesOnly {
    /// There is no identity, or the activity is not one that its provider vouches for: failed, unauthenticated, of
    /// another account, or of a person or the provider itself.
    NotOurs,
    /// Its identity was never seen to do anything that its provider vouches for.
    Unknown,
    /// Its time is more than five minutes ahead of its arrival.
    Ahead,
    /// Its time is before 2010.
    Ancient,
    /// It is more than thirty minutes behind the latest activity of its source.
    Late {
        /// How far behind.
        seconds: i64,
    },
}

/// The latest credible event time of each source: of each log and account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Watermarks(pub(crate) Vec<(u64, i64)>);

/// Which source an activity is of.
pub(crate) fn source(activity: &Activity<'_>, key: &[u8; 16]) -> u64 {
    // The names of logs are ours: few, short and all different (FNV-1a).
    let names = [activity.logsource.product, "/", activity.logsource.service];
    let log = names.iter().flat_map(|name| name.bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    log ^ activity.account.map_or(0, |account| siphash::hash(key, account.as_bytes()))
}

/// Whether an activity that arrived then can be of that time: not before 2010, and not more than five minutes ahead.
///
/// # Errors
/// [`RulesOnly::Ancient`] or [`RulesOnly::Ahead`].
pub fn credible(time: Timestamp, arrival: Timestamp) -> Result<(), RulesOnly> {
    if time.micros() < EARLIEST {
        return Err(RulesOnly::Ancient);
    }
    if time.micros() > arrival.micros().saturating_add(AHEAD) {
        return Err(RulesOnly::Ahead);
    }
    Ok(())
}

impl Watermarks {
    /// Moves the source's watermark and says whether the activity may be learned at its time. One that lies ahead, or
    /// before 2010, moves nothing.
    pub(crate) fn admit(
        &mut self,
        source: u64,
        time: Timestamp,
        arrival: Timestamp,
    ) -> Result<(), RulesOnly> {
        credible(time, arrival)?;
        let now = time.micros();
        match self.0.binary_search_by_key(&source, |(known, _)| *known) {
            Ok(place) => {
                let mark = &mut self.0[place].1;
                if now < mark.saturating_sub(LATE) {
                    return Err(RulesOnly::Late { seconds: (*mark - now) / SECOND });
                }
                *mark = (*mark).max(now);
            }
            Err(place) => {
                self.0.insert(place, (source, now));
                if self.0.len() > MAX_SOURCES {
                    // The one furthest behind, and not the one that just came.
                    let others = self.0.iter().enumerate().filter(|(_, (known, _))| *known != source);
                    if let Some((oldest, _)) = others.min_by_key(|(_, (known, mark))| (*mark, *known)) {
                        self.0.remove(oldest);
                    }
                }
            }
        }
        Ok(())
    }
}

impl RulesOnly {
    /// Whether its time is not to be relied on.
    pub(crate) const fn is_of_time(self) -> bool {
        matches!(self, Self::Ahead | Self::Ancient | Self::Late { .. })
    }

    /// For a person: why nothing was learned; `None` where that is the ordinary case.
    #[must_use]
    pub fn reason(self) -> Option<String> {
        match self {
            Self::NotOurs | Self::Unknown => None,
            Self::Ahead => {
                Some("judged by rules alone: its time is more than 5 minutes ahead of its arrival".to_owned())
            }
            Self::Ancient => Some("judged by rules alone: its time is before 2010".to_owned()),
            Self::Late { seconds } => Some(format!(
                "judged by rules alone: it is {} minutes behind the latest activity of its source; expected at most 30",
                seconds / 60
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_SOURCES, RulesOnly, Watermarks};
    use base::Timestamp;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis((1_772_409_600 + seconds) * 1_000)
    }

    #[test]
    fn each_source_has_its_own_and_only_the_credible_move_it() {
        let mut marks = Watermarks::default();
        assert_eq!(marks.admit(1, at(0), at(0)), Ok(()));
        assert_eq!(marks.admit(1, at(10_000), at(9_000)), Err(RulesOnly::Ahead));
        assert_eq!(marks.admit(1, at(300), at(0)), Ok(()), "five minutes are within what clocks differ by");
        assert_eq!(marks.admit(1, at(-1_500), at(10)), Ok(()), "thirty minutes late");
        assert_eq!(marks.admit(1, at(-1_501), at(10)), Err(RulesOnly::Late { seconds: 1_801 }));
        assert_eq!(marks.admit(2, at(-90_000), at(10)), Ok(()), "another source has its own");
        assert_eq!(marks.admit(1, Timestamp::from_millis(0), at(10)), Err(RulesOnly::Ancient));
    }

    #[test]
    fn invented_sources_take_no_room() {
        let mut marks = Watermarks::default();
        for source in 0..10_000 {
            assert_eq!(marks.admit(source, at(i64::try_from(source).expect("small")), at(20_000)), Ok(()));
        }
        assert_eq!(marks.0.len(), MAX_SOURCES);
        assert!(marks.0.is_sorted());
    }
}
