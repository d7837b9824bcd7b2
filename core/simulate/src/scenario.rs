//! What is to be simulated.

use crate::attacks::Plot;
use crate::cast::Cast;
use crate::engine::Simulation;
use base::Timestamp;
use std::time::Duration;

/// A world to simulate. The same values give the same bytes, on every machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What everything random follows from.
    pub seed: u64,
    /// The time of the world's beginning; events follow it.
    pub start: Timestamp,
    /// How long the world goes on.
    pub duration: Duration,
    /// How many identities are at work: keys, roles and the people beside them.
    pub identities: u32,
    /// Activities per identity and day, in the mean over a week.
    pub rate: f64,
    /// How the work is spread over them.
    pub spread: Spread,
    /// What goes wrong.
    pub attacks: Attacks,
}

/// How activity is spread over the identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Every identity is as busy as any other of its kind.
    Uniform,
    /// The k-th busiest is k times less busy than the busiest.
    Zipf,
}

/// Which attacks are injected, from a quarter of the duration on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attacks {
    /// None: the world is benign.
    None,
    /// This many, of all plots in turn.
    Count(u32),
    /// Just these.
    Each(Vec<Plot>),
}

/// A scenario that cannot be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scenario cannot be simulated: {what}")]
pub struct WrongScenario {
    what: &'static str,
}

/// The most identities of one scenario.
pub const MAX_IDENTITIES: u32 = 100_000_000;
/// The fewest: below it there is not one of every kind.
pub const MIN_IDENTITIES: u32 = 20;

/// Monday, 2 March 2026, 00:00 UTC.
const DEMO_START: Timestamp = Timestamp::from_millis(1_772_409_600_000);

impl Scenario {
    /// The scenario that comes with the product: five days of sixty identities, a few thousand activities,
    /// and four attacks, one of them with a stolen access key.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            seed: 7,
            start: DEMO_START,
            duration: Duration::from_secs(5 * 86_400),
            identities: 60,
            rate: 12.0,
            spread: Spread::Uniform,
            attacks: Attacks::Each(vec![
                Plot::SecretsHarvest,
                Plot::SharedSnapshot,
                Plot::StolenKey,
                Plot::TrustBackdoor,
            ]),
        }
    }

    /// The accounts of the organization: those that an ingest credential must be allowed to speak for.
    #[must_use]
    pub fn accounts(&self) -> Vec<String> {
        Cast::new(self.seed, self.identities).accounts()
    }

    /// Begins the simulation: events in the order of time, made as they are asked for. Memory is a few
    /// dozen bytes for each cron job (one identity in seven) and nothing for any other.
    ///
    /// # Errors
    /// [`WrongScenario`] on fewer than [`MIN_IDENTITIES`] or more than [`MAX_IDENTITIES`], and on a rate
    /// that is not between 0.01 and 100,000 a day.
    pub fn simulate(&self) -> Result<Simulation, WrongScenario> {
        if !(MIN_IDENTITIES..=MAX_IDENTITIES).contains(&self.identities) {
            return Err(WrongScenario { what: "identities must be between 20 and 100,000,000" });
        }
        if !(0.01..=100_000.0).contains(&self.rate) {
            return Err(WrongScenario { what: "the rate must be between 0.01 and 100,000 a day" });
        }
        Ok(Simulation::new(self))
    }
}
