//! `detect`: the truth about detection, on simulated organizations and on recorded attacks.
//!
//! For each seed an organization to which nothing happens, and the same one with attacks in it (its benign events are the
//! same to the byte), side by side on two threads. A few of its identities do most of the work, by Zipf's law; once it is
//! run with all of them as busy. Everything is judged as `nexora hunt` judges it, from the bytes, each
//! event as it arrives. What was tuned was tuned on the first seed; the others are what counts.
//!
//! Not one of `all`: it takes a while, and is no matter of speed.

mod stratus;
mod tables;
mod world;

use crate::Failure;
use crate::machine::now;
use crate::report::Report;
use simulate::{Attacks, Plot, Spread};
use std::io::Write as _;
use world::{Attacked, Baseline, DAYS, IDENTITIES, WARM_UP, scenario};

/// On which thresholds were tuned.
const TUNED: u64 = 20_260_302;
const REPORTED: [u64; 3] = [11, 23, 47];
/// Chains of each kind of attack.
const EACH: usize = if cfg!(debug_assertions) { 1 } else { 20 };
/// Activities of a baseline, at least.
const LEAST: u64 = if cfg!(debug_assertions) { 1_000 } else { 5_000_000 };

/// The figures of one seed.
struct Seed {
    seed: u64,
    spread: Spread,
    baseline: Baseline,
    attacked: Attacked,
    worst_day: u64,
    incidents: u64,
}

impl Seed {
    fn run(seed: u64, spread: Spread) -> Result<Self, Failure> {
        let quiet = scenario(seed, spread, Attacks::None);
        let plots = Plot::ALL.iter().copied().cycle().take(Plot::ALL.len() * EACH).collect();
        let attacks = scenario(seed, spread, Attacks::Each(plots));
        let (baseline, attacked) = std::thread::scope(|scope| {
            let attacked = scope.spawn(|| Attacked::of(&attacks).map_err(|error| error.to_string()));
            let baseline = Baseline::of(&quiet);
            (baseline, attacked.join())
        });
        let attacked = attacked.map_err(|_| "a thread has panicked")??;
        let baseline = baseline?;
        if baseline.all < LEAST {
            return Err(format!("{} activities are no baseline", baseline.all).into());
        }
        let by_day = baseline.incidents(&quiet);
        let (worst_day, incidents) = (by_day.values().copied().max().unwrap_or(0), by_day.values().sum());
        Ok(Self { seed, spread, baseline, attacked, worst_day, incidents })
    }

    fn before_last(&self) -> (usize, usize) {
        let chains = self.attacked.chains.values();
        (chains.clone().filter(|chain| chain.before_last).count(), chains.count())
    }

    fn found(&self) -> f64 {
        let (found, all) = self.before_last();
        share(found as u64, all as u64)
    }

    /// Everything that is asked for, and whether it is so.
    fn line(&self) -> String {
        let Baseline { all, activities, with_finding, cut, .. } = &self.baseline;
        let (found, chains) = self.before_last();
        format!(
            "seed {} ({:?}): {all} activities; of {activities} after {WARM_UP} days {:.3} % with a finding; {} incidents of \
             medium or higher, {:.1} a day, {} on the worst, {:.2} for 100,000 activities; {} benign identities cut off \
             ({} beside attacks); {found} of {chains} chains found before their last step ({:.1} %)",
            self.seed,
            self.spread,
            100.0 * share(*with_finding, *activities),
            self.incidents,
            share(self.incidents, DAYS - WARM_UP),
            self.worst_day,
            100_000.0 * share(self.incidents, *activities),
            cut.len(),
            self.attacked.cut.len(),
            100.0 * self.found(),
        )
    }
}

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let mut out = std::io::stdout();
    let begun = now();
    let recorded = stratus::recorded()?;
    writeln!(out, "{}\n", tables::recorded(&recorded))?;
    let mut seeds = Vec::new();
    let busy_few = [TUNED].into_iter().chain(REPORTED).map(|seed| (seed, Spread::Zipf));
    for (seed, spread) in busy_few.chain([(REPORTED[0], Spread::Uniform)]) {
        let one = Seed::run(seed, spread)?;
        writeln!(out, "{}\n", one.line())?;
        writeln!(out, "{}\n", tables::loudest(&one.baseline.by_rule))?;
        seeds.push(one);
    }
    let even = seeds.pop().ok_or("no seed")?;
    let (tuned, reported) = seeds.split_first().ok_or("no seed")?;
    let worst = |of: fn(&Seed) -> f64, most: fn(f64, f64) -> f64| {
        reported.iter().map(of).reduce(most).unwrap_or(f64::NAN)
    };
    let found = worst(Seed::found, f64::min);
    let missed = recorded.iter().filter(|one| one.worst.is_none()).count();
    let more = vec![
        ("on the tuned seed", format!("{:.1} % of chains", 100.0 * tuned.found())),
        ("where all are as busy", format!("{:.1} % of chains", 100.0 * even.found())),
        (
            "activities",
            format!("{:.0} and more, asked for {LEAST}", worst(|one| one.baseline.all as f64, f64::min)),
        ),
        (
            "with any finding",
            format!(
                "{:.3} % at most, asked for 1 %",
                100.0 * worst(|one| share(one.baseline.with_finding, one.baseline.activities), f64::max)
            ),
        ),
        (
            "incidents of medium or higher",
            format!(
                "{} on the worst day, asked for 20; {:.2} for 100,000 activities, asked for 1",
                worst(|one| one.worst_day as f64, f64::max),
                worst(|one| 100_000.0 * share(one.incidents, one.baseline.activities), f64::max)
            ),
        ),
        (
            "benign identities cut off",
            format!(
                "{}, asked for 0",
                worst(|one| (one.baseline.cut.len() + one.attacked.cut.len()) as f64, f64::max)
            ),
        ),
        ("recorded techniques missed", format!("{missed} of {}", recorded.len())),
        ("took", format!("{:.0} s", begun.elapsed().as_secs_f64())),
    ];
    // The first is the one that was tuned on: it proves nothing of kinds of attacks.
    let attacked: Vec<Attacked> = seeds.into_iter().skip(1).map(|seed| seed.attacked).collect();
    writeln!(out, "{}\n\n{}\n", tables::plots(&attacked), tables::techniques(&attacked))?;
    Ok(Report {
        bench: "detect",
        unit: "of injected chains found before their last step",
        ours: found,
        other: None,
        mode: format!(
            "{IDENTITIES} identities, {DAYS} days, the first {WARM_UP} not counted; the worst of {} seeds that nothing \
             was tuned on; asked for 0.95",
            REPORTED.len()
        ),
        more,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts")]
fn share(part: u64, of: u64) -> f64 {
    part as f64 / of as f64
}
