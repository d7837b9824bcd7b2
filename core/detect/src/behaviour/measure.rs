//! From an activity and what is known to a grade for each signal.

use super::approx::log2;
use super::burst::{Bursts, Means};
use super::group::Peers;
use super::hours::Hours;
use super::reasons::Measured;
use super::record::{DAY, Record};
use super::sight::Sight;
use super::signal::{SIGNALS, Signal, grade};
use super::trees::{self, MEASURES, Place};
use base::Timestamp;
use std::f32::consts::LN_2;

/// Grades of the signals that had something to say.
pub(crate) type Grades = [Option<usize>; SIGNALS];

/// Activities before rates say anything.
const SOME: u32 = 50;

/// Grades the measures of an identity that [`Record::pass`] has brought up to `now`, and says what they are.
pub(crate) fn magnitudes(
    record: &mut Record,
    now: u32,
    time: Timestamp,
    sight: &Sight,
    grades: &mut Grades,
) -> Measured {
    let mut measured = Measured { first_of_hour: record.turn_hour(now), ..Measured::default() };
    if let Some(target) = sight.target {
        record.targets_now.add(target);
    }
    record.actions_now.add(sight.action);
    let age = now.saturating_sub(record.first);
    let hour = Hours::of(time.seconds());
    measured.share = record.hours.share(hour);
    measured.targets = (record.targets_now.count(), record.targets_mean);
    measured.actions = (record.actions_now.count(), record.actions_mean);
    if age < DAY || record.seen < SOME {
        return measured;
    }
    let habit = record.hourly_habit(now);
    measured.hourly = (record.hour * LN_2, habit * measured.share.clamp(0.25, 8.0));
    measured.minute = (record.minute * LN_2, habit / 60.0);
    measured.daily = (record.day * LN_2, habit * 24.0);
    let mut set = |signal: Signal, (observed, expected): (f32, f32), least: f32, steps: f64| {
        grades[signal.place()] = Some(grade(observed + least, expected + least, steps));
    };
    set(Signal::Hourly, measured.hourly, 2.0, 2.0);
    set(Signal::Burst, measured.minute, 1.0, 2.0);
    if record.targets_mean > 0.0 && sight.target.is_some() {
        set(Signal::Targets, measured.targets, 2.0, 2.0);
    }
    if record.actions_mean > 0.0 {
        set(Signal::Actions, measured.actions, 2.0, 2.0);
    }
    if age >= 7 * DAY {
        set(Signal::Daily, measured.daily, 8.0, 4.0);
        set(Signal::Hour, (1.0, measured.share), 0.0, 2.0);
    }
    measured
}

/// Grades what is shared with others: bursts, combinations, and where the identity stands among its peers.
pub(crate) fn shared(
    bursts: &mut Bursts,
    means: &Means,
    peers: Option<&Peers>,
    (record, sight): (&Record, &Sight),
    measured: &mut Measured,
    grades: &mut Grades,
) -> Place {
    let source = u64::from_le_bytes(record.id.as_bytes()[..8].try_into().unwrap_or_default());
    measured.edge = bursts.edge(source, sight.action, means);
    let group = u64::from(record.group) << 32;
    let values = [
        sight.action ^ group,
        sight.network.unwrap_or_default() ^ group,
        sight.region.unwrap_or_default() ^ group,
        sight.agent.unwrap_or_default() ^ group,
    ];
    measured.mixed = bursts.mixed(&values, means);
    if bursts.is_warm() {
        grades[Signal::Edge.place()] = Some(grade(measured.edge, 4.0, 1.0));
        grades[Signal::Mixed.place()] = Some(grade(measured.mixed, 2.0, 2.0));
    }
    let place = position(record, measured);
    if let Some(rarity) = peers.and_then(|peers| trees::rarity(&peers.visits, &place)) {
        measured.rarity = rarity;
        grades[Signal::Space.place()] = Some(grade(rarity, 1.0, 1.0));
    }
    place
}

/// Where an identity stands: six measures, each between 0 and 1.
fn position(record: &Record, measured: &Measured) -> Place {
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm")]
    let scale = |value: f32, most: f64| ((log2(f64::from(value) + 1.0) / most) as f32).clamp(0.0, 0.999);
    let measures: [f32; MEASURES] = [
        scale(record.minute, 12.0),
        scale(record.hour, 16.0),
        scale(record.day, 20.0),
        scale(measured.targets.0, 12.0),
        scale(measured.actions.0, 7.0),
        scale(measured.share, 4.0),
    ];
    Place::of(&measures)
}
