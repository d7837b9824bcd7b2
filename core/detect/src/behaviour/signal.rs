//! The signals: what of an activity is compared with what is known, each on a scale of a few grades.

/// How many signals there are.
pub const SIGNALS: usize = 15;
/// Into how many grades each is divided, from the ordinary (0) to what was never seen.
pub const GRADES: usize = 12;

/// One way in which an activity can be out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// An action (or a whole service) that it never called, by how many of its peers do.
    Action,
    /// A network that it never called from, by how many of its peers do.
    Network,
    /// A region that it never worked in, by how many of its peers do.
    Region,
    /// A kind of client that it never used, by how many of its peers do.
    Agent,
    /// A thing that it never touched.
    Target,
    /// An action that never followed the one before it.
    Pair,
    /// Calls within the hour, against its habit at this hour of the week.
    Hourly,
    /// Calls within the minute, against its habit.
    Burst,
    /// Calls within the day, against its last two weeks.
    Daily,
    /// Different things touched within the hour.
    Targets,
    /// Different actions within the hour.
    Actions,
    /// An hour of the week at which it rarely works.
    Hour,
    /// A sudden burst on the edge between an identity and an action, or on either end of it (MIDAS-R).
    Edge,
    /// A rare combination of values (a mixed-feature stream, as MStream).
    Mixed,
    /// A thinly populated place among the numbers of its peers (half-space trees).
    Space,
}

impl Signal {
    /// Every signal, by its place.
    pub const ALL: [Self; SIGNALS] = [
        Self::Action,
        Self::Network,
        Self::Region,
        Self::Agent,
        Self::Target,
        Self::Pair,
        Self::Hourly,
        Self::Burst,
        Self::Daily,
        Self::Targets,
        Self::Actions,
        Self::Hour,
        Self::Edge,
        Self::Mixed,
        Self::Space,
    ];

    /// Its name, in kebab case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "new-action",
            Self::Network => "new-network",
            Self::Region => "new-region",
            Self::Agent => "new-agent",
            Self::Target => "new-target",
            Self::Pair => "new-order",
            Self::Hourly => "hourly-rate",
            Self::Burst => "burst",
            Self::Daily => "daily-rate",
            Self::Targets => "many-targets",
            Self::Actions => "many-actions",
            Self::Hour => "unusual-hour",
            Self::Edge => "burst-on-edge",
            Self::Mixed => "rare-combination",
            Self::Space => "rare-measures",
        }
    }

    /// Its place among all.
    #[must_use]
    pub const fn place(self) -> usize {
        self as usize
    }

    /// Whether it asks if something was seen before, rather than how much of something there is.
    pub(crate) const fn asks_for_news(self) -> bool {
        self.place() <= Self::Pair.place()
    }

    /// How much it weighs beside the others. What is shared with peers says most; what is a property of the hour
    /// rather than of the act says least.
    pub(crate) const fn weight(self) -> f64 {
        match self {
            Self::Action | Self::Network => 4.0,
            Self::Region | Self::Agent => 2.0,
            Self::Hourly | Self::Daily | Self::Mixed => 2.0,
            Self::Target
            | Self::Pair
            | Self::Burst
            | Self::Targets
            | Self::Actions
            | Self::Hour
            | Self::Edge
            | Self::Space => 1.0,
        }
    }
}

/// A grade on a logarithmic scale: one for each `1/steps` of a doubling of `observed` over `expected`, and 0 where
/// there is no more than expected.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=11")]
pub(crate) fn grade(observed: f32, expected: f32, steps: f64) -> usize {
    if observed <= expected || observed <= 0.0 {
        return 0;
    }
    let doublings = super::approx::log2(f64::from(observed) / f64::from(expected.max(1e-6)));
    (doublings * steps).clamp(0.0, 11.0) as usize
}

#[cfg(test)]
mod tests {
    use super::{SIGNALS, Signal, grade};

    #[test]
    fn places_are_in_order() {
        assert!(Signal::ALL.iter().enumerate().all(|(place, signal)| signal.place() == place));
        assert_eq!(Signal::ALL.len(), SIGNALS);
    }

    #[test]
    fn grades_are_steps_of_doublings() {
        assert_eq!(grade(10.0, 10.0, 2.0), 0);
        assert_eq!(grade(21.0, 10.0, 2.0), 2);
        assert_eq!(grade(1e9, 10.0, 2.0), 11);
        assert_eq!(grade(0.0, 0.0, 2.0), 0);
        assert_eq!(grade(f32::NAN, 1.0, 2.0), 0);
    }
}
