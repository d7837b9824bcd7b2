//! What is known of one identity: one record of a fixed size, 924 bytes.

use super::approx::left;
use super::filter;
use super::hours::Hours;
use super::signal::SIGNALS;
use super::sketch::Sketch;
use super::tail::Own;
use base::{Id, Timestamp, noun};

/// Cells of the filter of actions, services, networks, regions and clients.
pub(crate) const HABITS: usize = 112;
/// Cells of the filter of actions that follow one another.
pub(crate) const PAIRS: usize = 96;
/// Cells of the filter of things touched.
pub(crate) const TARGETS: usize = 48;

/// How many activities make an identity established…
pub const ESTABLISHED_ACTIVITIES: u32 = 100;
/// …over at least how long, in microseconds of event time: three days.
pub const ESTABLISHED_MICROS: i64 = 3 * 86_400 * 1_000_000;

/// From how many activities on an identity has done anything to speak of.
pub(crate) const BUSY: u32 = 50;
/// Seconds of a day.
pub(crate) const DAY: u32 = 86_400;
/// 2010-01-01T00:00:00Z in seconds since 1970: where a [`Record`]'s own time begins.
const EPOCH: i64 = 1_262_304_000;
/// Half of the risk is left after so many seconds.
const RISK_HALF_LIFE: f64 = 12.0 * 3_600.0;

/// A time as records keep it: seconds since 2010.
pub(crate) fn moment(time: Timestamp) -> u32 {
    u32::try_from((time.seconds() - EPOCH).max(1)).unwrap_or(u32::MAX)
}

/// What is known of one identity. Times are [`moment`]s; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: Id<noun::Identity>,
    /// The peers it belongs to.
    pub(crate) group: u32,
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// The latest high or critical finding that is open; 0 if none is.
    pub(crate) open: u32,
    /// How many activities.
    pub(crate) seen: u32,
    /// The last action, in short.
    pub(crate) previous: u32,
    /// Activities, faded with half-lives of a minute, an hour and a day, as of `last`.
    pub(crate) minute: f32,
    pub(crate) hour: f32,
    pub(crate) day: f32,
    /// What is taken for its habit: activities faded with a half-life of fourteen days, as of `learned`.
    pub(crate) fortnight: f32,
    pub(crate) learned: u32,
    /// Since when its habit is held still, because it does so much more than before; 0 if it is not.
    pub(crate) frozen: u32,
    /// Its risk, as of `last`.
    pub(crate) risk: f32,
    /// Since when something has been told of it that is not yet learned; 0 if nothing is.
    pub(crate) told_at: u32,
    /// The grades told, and one more; 0 where nothing is.
    pub(crate) told: [u8; SIGNALS],
    /// How many new things wait to be learned.
    pub(crate) waiting: u8,
    /// The generation in which its filters were last swept.
    pub(crate) generation: u16,
    /// Its page, counted from 1; 0 if it has none.
    pub(crate) page: u32,
    /// New habits, faded with a half-life of a day.
    pub(crate) news: f32,
    /// What its measures have added to its risk, faded with a half-life of a day.
    pub(crate) counted: f32,
    /// The hour (since 2010) that the two sketches are of.
    pub(crate) window: u32,
    pub(crate) targets_now: Sketch,
    pub(crate) actions_now: Sketch,
    /// How many different ones there are in an hour of work, on average.
    pub(crate) targets_mean: f32,
    pub(crate) actions_mean: f32,
    pub(crate) hours: Hours,
    pub(crate) own: Own,
    pub(crate) habits: [u16; HABITS],
    pub(crate) pairs: [u16; PAIRS],
    pub(crate) targets: [u16; TARGETS],
}

const _: () = assert!(size_of::<Record>() <= 924, "a KiB each, with index and pages");

impl Record {
    /// A place that nobody has.
    pub(crate) const VACANT: Self = Self {
        id: Id::from_bytes([0; 16]),
        group: 0,
        first: 0,
        last: 0,
        open: 0,
        seen: 0,
        previous: 0,
        minute: 0.0,
        hour: 0.0,
        day: 0.0,
        fortnight: 0.0,
        learned: 0,
        frozen: 0,
        risk: 0.0,
        told_at: 0,
        told: [0; SIGNALS],
        waiting: 0,
        generation: 0,
        page: 0,
        news: 0.0,
        counted: 0.0,
        window: 0,
        targets_now: Sketch([0; 16]),
        actions_now: Sketch([0; 16]),
        targets_mean: 0.0,
        actions_mean: 0.0,
        hours: Hours([0; 84]),
        own: Own([[0; super::signal::GRADES]; SIGNALS]),
        habits: [0; HABITS],
        pairs: [0; PAIRS],
        targets: [0; TARGETS],
    };

    pub(crate) const fn new(id: Id<noun::Identity>, group: u32, now: u32) -> Self {
        Self {
            id,
            group,
            first: now,
            last: now,
            learned: now,
            generation: (now / (filter::GENERATION_DAYS * DAY)) as u16,
            window: now / 3_600,
            ..Self::VACANT
        }
    }

    /// Reads a little of every part of it: so all of it is on its way from memory at once, while something else is
    /// done. Of a million records few are near.
    pub(crate) fn reach(&self) {
        let Self { habits, pairs, targets, own, hours, .. } = self;
        let cells =
            [habits[0], habits[32], habits[64], habits[96], pairs[16], pairs[48], pairs[80], targets[0]];
        let bytes =
            [own.0[0][0], own.0[5][4], own.0[10][8], hours.0[0], hours.0[63], self.told[0], self.waiting];
        let cells = cells.into_iter().fold(targets[32], u16::wrapping_add);
        let bytes = bytes.into_iter().fold(0, u8::wrapping_add);
        std::hint::black_box((cells, bytes, self.seen, self.risk));
    }

    /// Whether it was seen often enough, over long enough, to have habits of its own.
    pub(crate) fn established(&self, now: u32) -> bool {
        self.seen >= ESTABLISHED_ACTIVITIES
            && i64::from(now.saturating_sub(self.first)) * 1_000_000 >= ESTABLISHED_MICROS
    }

    /// Whether it has done anything to speak of, over a day at least: then it counts among its peers. Nobody makes peers in
    /// an hour.
    pub(crate) const fn counts(&self, now: u32) -> bool {
        self.seen >= BUSY && now.saturating_sub(self.first) >= DAY
    }

    /// For how many days it is known.
    pub(crate) const fn days(&self, now: u32) -> u32 {
        now.saturating_sub(self.first) / DAY
    }

    /// Lets time pass up to `now`; where `now` lies behind, it is the activity that counts for less.
    pub(crate) fn pass(&mut self, now: u32) -> f32 {
        let passed = f64::from(now.saturating_sub(self.last));
        if passed > 0.0 {
            self.minute *= left(passed, 60.0);
            self.hour *= left(passed, 3_600.0);
            let of_day = left(passed, 86_400.0);
            self.day *= of_day;
            self.news *= of_day;
            self.counted *= of_day;
            self.risk *= left(passed, RISK_HALF_LIFE);
        }
        let behind = f64::from(self.last.saturating_sub(now));
        self.first = self.first.min(now);
        self.last = self.last.max(now);
        let generation = (self.last / (filter::GENERATION_DAYS * DAY)) as u16;
        if generation > self.generation {
            for cells in [&mut self.habits[..], &mut self.pairs, &mut self.targets] {
                filter::sweep(cells, self.generation, generation);
            }
            self.generation = generation;
        }
        self.minute += left(behind, 60.0);
        self.hour += left(behind, 3_600.0);
        self.day += left(behind, 86_400.0);
        left(behind, 3_600.0)
    }

    /// The generation of its latest activity, to which [`pass`](Self::pass) has swept its filters.
    pub(crate) const fn current_generation(&self) -> u16 {
        (self.last / (filter::GENERATION_DAYS * DAY)) as u16
    }

    /// Activities in an hour, by its habit over the last two weeks.
    pub(crate) fn hourly_habit(&self, now: u32) -> f32 {
        // A faded count of a steady rate is rate · half-life / ln 2, of which a short history has seen only a part.
        let age = f64::from(now.saturating_sub(self.first).max(3_600));
        let known = 1.0 - left(age, f64::from(14 * DAY));
        let fortnight =
            self.fortnight * left(f64::from(now.saturating_sub(self.learned)), f64::from(14 * DAY));
        fortnight * std::f32::consts::LN_2 / (14.0 * 24.0) / known.max(1e-4)
    }

    /// Takes the activity into its habit, with this weight.
    pub(crate) fn habituate(&mut self, now: u32, weight: f32) {
        let half_life = f64::from(14 * DAY);
        self.fortnight *= left(f64::from(now.saturating_sub(self.learned)), half_life);
        self.fortnight += weight * left(f64::from(self.learned.saturating_sub(now)), half_life);
        self.learned = self.learned.max(now);
    }

    /// Holds its habit as it was.
    pub(crate) fn hold(&mut self, now: u32) {
        self.learned = self.learned.max(now);
    }

    /// Ends the hour that the sketches are of, where `now` is in a later one; whether it is.
    pub(crate) fn turn_hour(&mut self, now: u32) -> bool {
        let window = now / 3_600;
        if window <= self.window {
            return false;
        }
        if self.actions_now != Sketch::default() {
            let share = if self.targets_mean == 0.0 && self.actions_mean == 0.0 { 1.0 } else { 0.1 };
            self.targets_mean += share * (self.targets_now.count() - self.targets_mean);
            self.actions_mean += share * (self.actions_now.count() - self.actions_mean);
        }
        (self.targets_now, self.actions_now) = (Sketch::default(), Sketch::default());
        self.window = window;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY, Record};
    use base::Id;

    #[test]
    fn who_did_something_over_a_day_is_a_peer_and_nobody_is_within_an_hour() {
        let mut record = Record::new(Id::from_bytes([1; 16]), 0, 1_000_000);
        for step in 0..60 {
            record.pass(1_000_000 + step * 60);
            record.seen += 1;
        }
        assert!(!record.counts(record.last), "fifty calls are made in a minute");
        record.pass(1_000_000 + DAY);
        assert!(record.counts(record.last) && !record.established(record.last));
        record.seen = 49;
        assert!(!record.counts(record.last), "and a day passes by itself");
    }

    #[test]
    fn a_steady_rate_is_its_habit() {
        let mut record = Record::new(Id::from_bytes([1; 16]), 0, 1_000_000);
        let mut now = 1_000_000;
        for _ in 0..24 * 30 {
            for _ in 0..20 {
                now += 180;
                record.pass(now);
                record.habituate(now, 1.0);
            }
        }
        assert!((record.hourly_habit(now) - 20.0).abs() < 0.5, "{}", record.hourly_habit(now));
        assert!((record.hour * std::f32::consts::LN_2 - 20.0).abs() < 1.0, "{}", record.hour);
        record.pass(now + 2 * DAY);
        assert!(record.hour < 2.0 && record.day < 400.0);
    }
}
