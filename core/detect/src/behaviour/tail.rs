//! How rare a grade is: its probability under an identity's own history, which leans on its peers' where it is short,
//! and theirs on a guess where they are few.
//!
//! Each level is a count for each grade. The level above counts as [`LEAN`] observations of the level below, so that a
//! long history speaks for itself and a short one is mostly its peers'. A probability is that of this grade *or a more
//! extreme one*; within a grade it is spread evenly by a hash, so that over ordinary days it is uniform, as a
//! probability must be to be combined. Grades that are rarer than one in a hundred take their middle: chance decides
//! nothing there.

use super::signal::{GRADES, SIGNALS, Signal};

/// How many of an identity's own observations the peers' distribution is worth.
const LEAN: f32 = 64.0;
/// How many of the peers' observations the guess is worth.
const GUESS: f32 = 256.0;
/// Grades rarer than this are not spread.
const SPREAD: f32 = 0.01;

/// Counts for every signal and grade of one identity. When one is full its signal's are halved: history fades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Own(pub(crate) [[u8; GRADES]; SIGNALS]);

/// The same of a peer group: for each grade how many were of it or a greater one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counts(pub(crate) [[f32; GRADES]; SIGNALS]);

impl Default for Own {
    fn default() -> Self {
        Self([[0; GRADES]; SIGNALS])
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self([[0.0; GRADES]; SIGNALS])
    }
}

impl Own {
    pub(crate) fn learn(&mut self, signal: Signal, grade: usize, times: u8) {
        let counts = &mut self.0[signal.place()];
        if counts.get(grade).is_some_and(|count| count.checked_add(times).is_none()) {
            counts.iter_mut().for_each(|count| *count /= 2);
        }
        if let Some(count) = counts.get_mut(grade) {
            *count = count.saturating_add(times);
        }
    }
}

impl Counts {
    pub(crate) fn count(&mut self, signal: Signal, grade: usize, weight: f32) {
        self.0[signal.place()].iter_mut().take(grade + 1).for_each(|count| *count += weight);
    }

    /// Adds another's, each faded to `left`.
    pub(crate) fn absorb(&mut self, other: &Self, left: f32) {
        for (mine, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *mine = (*mine + theirs * left).min(1e9);
        }
    }
}

/// What is guessed of news where nothing is known: how likely each grade or a greater one is. One activity in a hundred
/// of an identity that has habits is new to it, and each further grade is two and a half times as rare.
const NEWS: [f32; GRADES + 1] =
    [1.0, 1e-2, 4e-3, 1.6e-3, 6.4e-4, 2.56e-4, 1.02e-4, 4.1e-5, 1.64e-5, 6.6e-6, 2.6e-6, 1e-6, 0.0];

/// What is guessed where nothing is known: how likely what is beyond a grade is, and the grade itself.
fn guess(signal: Signal, grade: usize, established: bool) -> (f32, f32) {
    if signal.asks_for_news() {
        // To the young much is new.
        let times = if established { 1.0 } else { 25.0 };
        let beyond = |grade: usize| {
            let share = NEWS.get(grade).copied().unwrap_or(0.0);
            if grade == 0 { share } else { share * times }
        };
        (beyond(grade + 1), beyond(grade) - beyond(grade + 1))
    } else {
        // Each doubling is half as likely: powers of two, exactly.
        let half = 1.0 / f32::from(1_u16 << (grade + 1).min(15));
        (half, half)
    }
}

/// The probability of a grade or a more extreme one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    /// Spread within the grade by chance: uniform over ordinary days.
    pub(crate) uniform: f64,
    /// The middle of the grade: by which is told and learned, so that chance decides neither.
    pub(crate) middle: f64,
}

/// How probable this grade or a more extreme one is. `spread` is between 0 and 1, from a hash.
pub(crate) fn tail(
    own: &Own,
    (peers, established): (&Counts, bool),
    signal: Signal,
    grade: usize,
    spread: f64,
) -> Tail {
    let (own, peers) = (&own.0[signal.place()], &peers.0[signal.place()]);
    let (mut total, mut beyond) = (0_u32, 0_u32);
    for (at, count) in own.iter().enumerate() {
        total += u32::from(*count);
        beyond += if at > grade { u32::from(*count) } else { 0 };
    }
    let equal = own.get(grade).copied().unwrap_or(0);
    let peers_total = peers[0];
    let peers_beyond = peers.get(grade + 1).copied().unwrap_or(0.0);
    let peers_equal = (peers.get(grade).copied().unwrap_or(0.0) - peers_beyond).max(0.0);
    let (guess_beyond, guess_equal) = guess(signal, grade, established);
    let share = |guess: f32, count: f32| (GUESS * guess + count) / (GUESS + peers_total);
    #[expect(clippy::cast_precision_loss, reason = "at most 12·255")]
    let blend = |share: f32, count: u32| (LEAN * share + count as f32) / (LEAN + total as f32);
    let beyond = blend(share(guess_beyond, peers_beyond), beyond);
    let equal = blend(share(guess_equal, peers_equal), u32::from(equal));
    let spread = if equal < SPREAD { 0.5 } else { spread };
    let at = |within: f64| (f64::from(beyond) + within * f64::from(equal)).clamp(1e-12, 1.0);
    Tail { uniform: at(spread), middle: at(0.5) }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Own, tail};
    use crate::behaviour::signal::{GRADES, Signal};

    fn p(own: &Own, peers: &Counts, signal: Signal, grade: usize, spread: f64) -> f64 {
        tail(own, (peers, true), signal, grade, spread).uniform
    }

    #[test]
    fn grades_are_likely_as_often_as_they_were() {
        let mut own = Own::default();
        (0..180).for_each(|_| own.learn(Signal::Hourly, 0, 1));
        (0..20).for_each(|_| own.learn(Signal::Hourly, 1, 1));
        let mut peers = Counts::default();
        peers.count(Signal::Hourly, 0, 90_000.0);
        peers.count(Signal::Hourly, 1, 10_000.0);
        let at = |grade| p(&own, &peers, Signal::Hourly, grade, 0.5);
        assert!((at(0) - 0.55).abs() < 0.01 && (at(1) - 0.05).abs() < 0.01, "{} {}", at(0), at(1));
        assert!(at(2) < 1e-3 && at(11) < at(5), "{} {}", at(2), at(11));
        assert!((p(&own, &peers, Signal::Hourly, 0, 0.0) - 0.1).abs() < 0.01);
    }

    #[test]
    fn who_has_no_history_is_judged_by_its_peers() {
        let mut peers = Counts::default();
        peers.count(Signal::Network, 0, 1e6);
        peers.count(Signal::Network, 5, 100.0);
        let lone = p(&Own::default(), &Counts::default(), Signal::Network, 5, 0.5);
        let among = p(&Own::default(), &peers, Signal::Network, 5, 0.5);
        assert!(among < 1e-4 && among < lone, "{among} {lone}");
        let mut own = Own::default();
        (0..50).for_each(|_| own.learn(Signal::Network, 5, 1));
        assert!(p(&own, &peers, Signal::Network, 5, 0.5) > 0.1, "its own history is another");
    }

    #[test]
    fn the_guess_is_a_distribution_and_full_counts_fade() {
        for signal in [Signal::Action, Signal::Hourly] {
            let sum: f64 =
                (0..GRADES).map(|grade| f64::from(super::guess(signal, grade, true).1)).sum::<f64>();
            assert!((sum - 1.0).abs() < 0.01, "{sum}");
        }
        let mut own = Own::default();
        (0..1_000).for_each(|_| own.learn(Signal::Hour, 2, 1));
        own.learn(Signal::Hour, 3, 1);
        let counts = own.0[Signal::Hour.place()];
        assert!(counts[2] > 120 && counts[3] == 1, "{counts:?}");
    }
}
