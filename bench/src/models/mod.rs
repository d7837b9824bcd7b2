//! `models`: our behaviour models beside `river` and `krcf`, on the simulator's labelled attacks: activities per second,
//! and how many chains each finds with the same number of alerts.
//!
//! All judge the same activities in the same order: those of machines that succeeded, which is what behaviour is judged
//! by. Ours reads the activity; the others are handed what it reads as numbers (`features`). No rule and no sequence
//! takes part. An alert is an hour of an identity. From a model's scores after the warm-up follows the threshold at
//! which it raises no more alerts than it may; a chain is found if one of its calls before its last step lies above it.
//! The time of ours is that of its thread on the processor, the others' are told by themselves (`process_time`), and
//! none has its features' in it.

mod features;

use crate::Failure;
use crate::machine::processor;
use crate::python;
use crate::report::Report;
use base::{Id, Timestamp, noun};
use detect::{ShardState, behaviour, shard_of};
use events::{FieldSet, Record, Redactor};
use features::{FEATURES, Features};
use serde::Deserialize;
use simulate::{Attacks, Event, Plot, Scenario, Spread};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

const PROGRAM: &str = include_str!("../../python/models.py");
/// Monday, 2 March 2026, 00:00 UTC.
const START: Timestamp = Timestamp::from_millis(1_772_409_600_000);
const IDENTITIES: u32 = if cfg!(debug_assertions) { 100 } else { 700 };
const DAYS: u64 = 14;
const RATE: f64 = 30.0;
/// Chains of each kind of attack.
const EACH: usize = if cfg!(debug_assertions) { 1 } else { 4 };
/// Days without an alert of anybody.
const WARM_UP: u64 = 3;
/// Alerts in all, one after the other.
const BUDGETS: [usize; 4] = [25, 50, 100, 200];
/// The one that stands for all.
const BUDGET: usize = 100;
const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);
/// Events that are held at once.
const PART: usize = 10_000;

/// One activity, as the figures need it.
struct Judged {
    alert: (Id<noun::Identity>, i64),
    counted: bool,
    /// The chain it belongs to, where it is not its last step.
    chain: Option<String>,
}

/// What the Python program prints: seconds by model.
#[derive(Deserialize)]
struct Told {
    river: f64,
    krcf: f64,
    river_version: String,
    krcf_version: String,
}

/// Everything that was judged.
#[derive(Default)]
struct Run {
    judged: Vec<Judged>,
    scores: Vec<f64>,
    numbers: Vec<u8>,
    chains: BTreeSet<String>,
    seconds: f64,
}

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let plots = Plot::ALL.iter().copied().cycle().take(Plot::ALL.len() * EACH).collect();
    let scenario = Scenario {
        seed: 11,
        start: START,
        duration: Duration::from_secs(DAYS * 86_400),
        identities: IDENTITIES,
        rate: RATE,
        spread: Spread::Uniform,
        attacks: Attacks::Each(plots),
    };
    let run = run(&scenario)?;
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("features"), &run.numbers)?;
    let told = others(dir.path(), run.judged.len())?;
    let read = |name: &str| -> Result<Vec<f64>, Failure> {
        let bytes = std::fs::read(dir.path().join(name))?;
        let scores: Vec<f64> =
            bytes.as_chunks::<8>().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect();
        match scores.len() == run.judged.len() {
            true => Ok(scores),
            false => Err(format!("{} scores of {} activities", scores.len(), run.judged.len()).into()),
        }
    };
    let (river, krcf) = (read("river")?, read("krcf")?);
    let count = run.judged.len();
    let rate = |seconds: f64| crate::report::per_second(count, seconds);
    let mut more = vec![
        ("river", format!("{:.0} activities/s (HalfSpaceTrees, {})", rate(told.river), told.river_version)),
        ("krcf", format!("{:.0} activities/s (random cut forest, {})", rate(told.krcf), told.krcf_version)),
        (
            "activities",
            format!("{count} of {IDENTITIES} identities in {DAYS} days, {WARM_UP} of them warm-up"),
        ),
    ];
    let names = ["with 25 alerts", "with 50 alerts", "with 100 alerts", "with 200 alerts"];
    for (name, budget) in names.into_iter().zip(BUDGETS) {
        let found = |scores: &[f64]| run.found(scores, budget).len();
        more.push((
            name,
            format!(
                "of {} chains ours finds {}, river {}, krcf {}",
                run.chains.len(),
                found(&run.scores),
                found(&river),
                found(&krcf)
            ),
        ));
    }
    for (name, scores) in [("ours", &run.scores), ("river", &river), ("krcf", &krcf)] {
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        let found = run.found(scores, BUDGET);
        found
            .iter()
            .for_each(|chain| *by.entry(chain.split('/').next().unwrap_or_default()).or_default() += 1);
        let by: Vec<_> = by.into_iter().map(|(plot, count)| format!("{plot} {count}")).collect();
        more.push((name, format!("with {BUDGET} alerts, of {EACH} each: {}", by.join(", "))));
    }
    let (faster, other) = if told.river < told.krcf { ("river", told.river) } else { ("krcf", told.krcf) };
    Ok(Report {
        bench: "models",
        unit: "activities/s",
        ours: rate(run.seconds),
        other: Some((faster, rate(other))),
        mode: format!(
            "scored and learned one after the other on one thread; the others score {FEATURES} numbers of each; the \
             faster of them is the peer"
        ),
        more,
    })
}

impl Run {
    /// The chains that are found with so many alerts.
    fn found(&self, scores: &[f64], budget: usize) -> BTreeSet<&str> {
        let mut alerts: BTreeMap<_, f64> = BTreeMap::new();
        for (one, score) in self.judged.iter().zip(scores).filter(|(one, _)| one.counted) {
            let most = alerts.entry(one.alert).or_insert(f64::NEG_INFINITY);
            *most = most.max(*score);
        }
        let mut most: Vec<f64> = alerts.into_values().collect();
        most.sort_by(|one, other| other.total_cmp(one));
        // At which no more are raised than may be: what ties with the first that is too many is not raised.
        let limit = most.get(budget).copied().unwrap_or(f64::NEG_INFINITY);
        let above = self.judged.iter().zip(scores).filter(|(one, score)| one.counted && **score > limit);
        above.filter_map(|(one, _)| one.chain.as_deref()).collect()
    }
}

/// Ours, and the others' numbers.
fn run(scenario: &Scenario) -> Result<Run, Failure> {
    let mut run = Run::default();
    let mut shards = vec![ShardState::default(); detect::SHARDS];
    let mut features = Features::default();
    let fields = FieldSet::default();
    let mut events = scenario.simulate()?.peekable();
    while events.peek().is_some() {
        let part: Vec<(Event, Record)> = events
            .by_ref()
            .take(PART)
            .map(|event| {
                let record = Record::read(event.json.as_bytes(), &Redactor::unkeyed());
                Ok((event, record.map_err(|reason| format!("an event is refused: {reason:?}"))?))
            })
            .collect::<Result<_, Failure>>()?;
        let activities = part.iter().map(|(_, record)| record.activity(&fields));
        let activities: Vec<_> =
            activities.collect::<Result<_, _>>().map_err(|reason| format!("no activity: {reason:?}"))?;
        let begun = processor()?;
        let verdicts: Vec<_> = part
            .iter()
            .zip(&activities)
            .map(|((event, _), activity)| {
                let identity = activity.actor.identity.as_ref().map(|key| key.id(ORGANIZATION));
                behaviour::advance(&mut shards, event.time);
                let state = shards.get_mut(shard_of(identity))?;
                Some((identity?, state.observe(activity, ORGANIZATION, event.time, None).ok()?))
            })
            .collect();
        run.seconds += processor()?.saturating_sub(begun).as_secs_f64();
        for (((event, _), activity), verdict) in part.iter().zip(&activities).zip(verdicts) {
            let label = event.label.as_ref();
            run.chains.extend(label.map(|label| label.chain.clone()));
            let Some((identity, verdict)) = verdict else { continue };
            let Some(numbers) = features.of(activity) else { continue };
            numbers.into_iter().for_each(|number| run.numbers.extend(number.to_le_bytes()));
            // What is told, by the risk that it is told with; what is not told raises no alert.
            run.scores.push(verdict.severity.map_or(0.0, |_| f64::from(verdict.risk)));
            run.judged.push(Judged {
                alert: (identity, event.time.seconds().div_euclid(3_600)),
                counted: event.time.since(scenario.start).as_secs() >= WARM_UP * 86_400,
                chain: label.filter(|label| !label.last).map(|label| label.chain.clone()),
            });
        }
    }
    Ok(run)
}

/// The scores of the others, in files of the folder, and how long each took.
fn others(dir: &Path, rows: usize) -> Result<Told, Failure> {
    let work = serde_json::json!({ "dir": dir, "rows": rows, "features": FEATURES });
    python::run("models", PROGRAM, &work)
}
