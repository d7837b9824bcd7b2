//! Sudden bursts: how much more of something there is in this hour than in the hours before, by count-min sketches.
//!
//! [`Bursts::edge`] is MIDAS-R (Bhatia et al. 2020): the edge from an identity to an action, and both its ends, each
//! with a count of now, which fades by half from hour to hour, and one of the past. It takes MIDAS-F's measure against
//! poisoning: what is out of the ordinary at the end of an hour enters the past as its mean and not as it was, so that
//! a slow flood does not become its own excuse.
//!
//! [`Bursts::mixed`] is after MStream (Bhatia et al. 2021): each value of a record and all of them together, hashed
//! into one sketch; the score of a record is the sum of what each says.

use super::approx::ln;

/// Seconds of a tick.
pub(crate) const TICK: u32 = 3_600;
/// Columns of a row, at least and at most; a sketch is widened as its shard fills.
pub(crate) const WIDTHS: [usize; 2] = [256, 4_096];
const ROWS: usize = 2;
/// How much of the present is left in the next tick.
const REMAINS: f32 = 0.5;
/// How much of the past is left after a tick: half after fourteen days.
const FADES: f32 = 0.997_939_2;
/// From this score on, what is seen in a tick enters the past as the mean.
const POISON: f32 = 64.0;
/// How many ticks must have passed before there is anything to compare with.
const WARM: f32 = 24.0;

/// One sketch: two rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// What is counted now, and in the past, side by side.
    pub(crate) cells: Vec<[f32; 2]>,
}

/// The sketches of one shard.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bursts {
    pub(crate) edges: Row,
    pub(crate) sources: Row,
    pub(crate) destinations: Row,
    pub(crate) records: Row,
    /// The tick at hand, and how many have passed (faded as the past is).
    pub(crate) tick: u32,
    pub(crate) ticks: f32,
}

/// What an hour of a shard looks like on average, over all shards.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Means {
    pub(crate) destinations: Vec<f32>,
    pub(crate) records: Vec<f32>,
}

impl Row {
    fn columns(&self) -> usize {
        self.cells.len() / ROWS
    }

    #[expect(clippy::cast_possible_truncation, reason = "a product of two 32-bit numbers, shifted")]
    fn places(columns: usize, hash: u64) -> [usize; ROWS] {
        let mask = columns.wrapping_sub(1);
        [(hash as usize) & mask, columns + ((hash >> 32) as usize & mask)]
    }

    /// Counts it, and says how many there are now and were in the mean tick.
    fn count(&mut self, hash: u64, ticks: f32, elsewhere: &[f32]) -> (f32, f32) {
        let columns = self.columns();
        if columns == 0 {
            return (0.0, 0.0);
        }
        let (mut now, mut past, mut other) = (f32::MAX, f32::MAX, f32::MAX);
        for place in Self::places(columns, hash) {
            if let Some([count, before]) = self.cells.get_mut(place) {
                *count += 1.0;
                now = now.min(*count);
                past = past.min(*before);
            }
        }
        let far = elsewhere.len() / ROWS;
        if far > 0 {
            for place in Self::places(far, hash) {
                other = other.min(elsewhere.get(place).copied().unwrap_or(0.0));
            }
        } else {
            other = 0.0;
        }
        (now, (past / ticks.max(1.0)).max(other))
    }

    /// Ends a tick.
    fn settle(&mut self, ticks: f32) {
        for [now, past] in &mut self.cells {
            let mean = *past / ticks.max(1.0);
            let learned = if ticks > WARM && score(*now, mean, 1.0) > POISON { mean } else { *now };
            *past = (*past + learned) * FADES;
            *now *= REMAINS;
        }
    }

    /// Doubles the columns until there are so many. A column's counts then stand in two: too high, never too low.
    fn widen(&mut self, columns: usize) {
        if self.cells.is_empty() {
            self.cells = vec![[0.0; 2]; ROWS * columns];
        }
        while self.columns() < columns {
            self.cells = doubled(&self.cells);
        }
    }
}

/// Each of the rows twice, one after the other.
fn doubled(cells: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let rows = cells.chunks(cells.len().div_ceil(ROWS).max(1));
    rows.flat_map(|row| row.iter().chain(row)).copied().collect()
}

/// What one value of a record says: nothing where there is no more of it than expected, which is nearly always.
fn said((now, mean): (f32, f32)) -> f64 {
    if now <= mean { 0.0 } else { ln(1.0 + f64::from(score(now, mean, 0.05))) }
}

/// Chi-squared of a count against its mean, of what is more than expected.
fn score(now: f32, mean: f32, least: f32) -> f32 {
    let more = (now - mean).max(0.0);
    more * more / (mean + least)
}

impl Bursts {
    /// Lets time pass up to a moment (seconds); `identities` is how many the shard knows.
    pub(crate) fn advance(&mut self, moment: u32, identities: usize) {
        let tick = (moment / TICK).max(1);
        let [least, most] = WIDTHS;
        if self.tick == 0 {
            self.tick = tick;
            self.rows().into_iter().for_each(|row| row.widen(least));
        }
        if tick <= self.tick {
            return;
        }
        // After a long silence everything is the past, and no more of it is left than after so many.
        for _ in 0..(tick - self.tick).min(24 * 90) {
            let ticks = self.ticks;
            self.rows().into_iter().for_each(|row| row.settle(ticks));
            self.ticks = (ticks + 1.0) * FADES;
        }
        self.tick = tick;
        let columns = (identities / 2).next_power_of_two().clamp(least, most);
        self.rows().into_iter().for_each(|row| row.widen(columns));
    }

    fn rows(&mut self) -> [&mut Row; 4] {
        [&mut self.edges, &mut self.sources, &mut self.destinations, &mut self.records]
    }

    /// Whether enough has been seen to compare with.
    pub(crate) fn is_warm(&self) -> bool {
        self.ticks > WARM
    }

    /// The greatest score of an edge and its two ends.
    pub(crate) fn edge(&mut self, source: u64, destination: u64, means: &Means) -> f32 {
        let edge = source.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ destination;
        let ticks = self.ticks;
        let (now, mean) = self.edges.count(edge, ticks, &[]);
        let mut worst = score(now, mean, 1.0);
        let (now, mean) = self.sources.count(source, ticks, &[]);
        worst = worst.max(score(now, mean, 1.0));
        let (now, mean) = self.destinations.count(destination, ticks, &means.destinations);
        worst.max(score(now, mean, 1.0))
    }

    /// How rare a record's values are, one by one and together.
    pub(crate) fn mixed(&mut self, values: &[u64], means: &Means) -> f32 {
        let ticks = self.ticks;
        let (mut sum, mut all) = (0.0_f64, 0_u64);
        for (place, value) in (1_u64..).zip(values) {
            let hash = value.wrapping_add(place).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29);
            all = (all ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
            sum += said(self.records.count(hash, ticks, &means.records));
        }
        sum += said(self.records.count(all, ticks, &means.records));
        #[expect(clippy::cast_possible_truncation, reason = "a sum of a handful of logarithms")]
        let sum = sum as f32;
        sum
    }

    /// What an hour looks like on average over these shards.
    pub(crate) fn means<'a>(shards: impl Iterator<Item = &'a Self> + Clone) -> Means {
        let mean = |row: fn(&Self) -> &Row| {
            let columns = shards.clone().map(|one| row(one).columns()).max().unwrap_or(0);
            let (mut sums, mut count) = (vec![0.0_f32; ROWS * columns], 0.0_f32);
            for one in shards.clone().filter(|one| one.is_warm()) {
                let mut widened = row(one).clone();
                widened.widen(columns);
                count += 1.0;
                sums.iter_mut().zip(&widened.cells).for_each(|(sum, [_, past])| *sum += past / one.ticks);
            }
            sums.iter_mut().for_each(|sum| *sum /= count.max(1.0));
            sums
        };
        Means { destinations: mean(|one| &one.destinations), records: mean(|one| &one.records) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bursts, Means, TICK};

    /// A shard in which each of twenty identities calls each of three actions ten times an hour.
    fn ordinary(hours: u32) -> (Bursts, f32) {
        let (mut bursts, mut worst) = (Bursts::default(), 0.0_f32);
        for hour in 0..hours {
            bursts.advance((1_000 + hour) * TICK, 20);
            for _ in 0..10 {
                for identity in 0..20_u64 {
                    for action in 0..3_u64 {
                        let at = |value: u64| crate::siphash::hash(&[2; 16], &value.to_le_bytes());
                        let score = bursts.edge(at(identity), at(1_000 + action), &Means::default());
                        if bursts.is_warm() {
                            worst = worst.max(score);
                        }
                    }
                }
            }
        }
        (bursts, worst)
    }

    #[test]
    fn a_burst_stands_out_and_does_not_become_its_own_excuse() {
        let (mut bursts, quiet) = ordinary(100);
        let flood = |bursts: &mut Bursts, hour: u32| {
            bursts.advance((1_000 + hour) * TICK, 20);
            let mut worst = 0.0_f32;
            for _ in 0..2_000 {
                worst = worst.max(bursts.edge(7, 1_000, &Means::default()));
            }
            worst
        };
        let first = flood(&mut bursts, 100);
        assert!(first > 100.0 * quiet.max(1.0), "{first} {quiet}");
        let mut last = first;
        for hour in 101..150 {
            last = flood(&mut bursts, hour);
        }
        assert!(last > first / 4.0, "after two days of it still a burst: {first}, {last}");
    }

    #[test]
    fn rare_values_together_are_rarer() {
        let mut bursts = Bursts::default();
        for hour in 0..100 {
            bursts.advance((1_000 + hour) * TICK, 20);
            for _ in 0..50 {
                bursts.mixed(&[1, 2, 3], &Means::default());
                bursts.mixed(&[4, 5, 6], &Means::default());
            }
        }
        bursts.advance(1_100 * TICK, 20);
        let known = bursts.mixed(&[1, 2, 3], &Means::default());
        let crossed = bursts.mixed(&[1, 5, 3], &Means::default());
        let strange = bursts.mixed(&[7, 8, 9], &Means::default());
        assert!(
            known < 0.1 && crossed > known + 1.0 && strange > crossed + 1.0,
            "{known} {crossed} {strange}"
        );
    }

    #[test]
    fn a_wider_sketch_has_lost_nothing() {
        let (mut bursts, _) = ordinary(30);
        let past = |bursts: &Bursts| bursts.sources.cells.iter().map(|[_, past]| past).sum::<f32>();
        let before = past(&bursts);
        bursts.sources.widen(1_024);
        assert!((past(&bursts) - 4.0 * before).abs() < before * 1e-3);
        let shared = Bursts::means([&bursts].into_iter());
        assert!(shared.destinations.iter().any(|mean| *mean > 1.0));
    }
}
