//! What is said of one activity, and what a person says of what was said.

use super::combine::Combined;
use super::signal::{SIGNALS, Signal};
use base::{Severity, Timestamp};

/// The behaviour models' judgement of one activity.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How probable an activity at least as extreme as this is, by each signal that had something to say, by
    /// [`Signal::place`]. Uniform over ordinary days.
    pub signals: [Option<f64>; SIGNALS],
    /// The signal that says most.
    pub top: Option<Signal>,
    /// The identity's risk after this activity: faded, of behaviour and rules together; without unit, 0 and up.
    pub risk: f32,
    /// How severe the finding is, where there is something to tell that was not told before.
    pub severity: Option<Severity>,
    /// Whether the identity's filter of habits fills at a rate that is itself out of the ordinary.
    pub flooding: bool,
    /// Whether it called from a network that it was not known to call from, though it is established.
    pub new_network: bool,
    /// Why, the most telling first: observed against expected. Empty where nothing is told.
    pub reasons: Vec<String>,
}

/// What a person decided about the findings of one identity within a span of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disposition {
    /// Event time of the first activity that it is about.
    pub from: Timestamp,
    /// Event time of the last.
    pub until: Timestamp,
    /// Whether what it did there is benign, and to be learned.
    pub benign: bool,
    /// Whether a high or critical finding of the identity is still open.
    pub still_open: bool,
}

impl Verdict {
    /// The same, all signals together: by Cauchy's combination.
    #[must_use]
    pub fn p(&self) -> f64 {
        let mut combined = Combined::default();
        for signal in Signal::ALL {
            if let Some(p) = self.signals[signal.place()] {
                combined.add(p, signal.weight());
            }
        }
        combined.p()
    }

    /// The risk as a score from 0 to 100.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    pub fn score(&self) -> u8 {
        (100.0 * self.risk / (self.risk + super::observe::HALF_SCORE)) as u8
    }
}
