//! `judge` and `judge-bytes`: activities per second that one core judges with a million identities alive: rules,
//! sequences, behaviour and risk. `judge` begins with the activity, `judge-bytes` with the event's bytes.
//!
//! The floor of `judge` is the rules alone; that of `judge-bytes` is reading: the same events up to their activities,
//! judged by nothing. Each round measures ours and the floor on the same activities, drawn by Zipf's law and uniformly;
//! the slower of the two draws stands as ours. Time is that of the thread on its processor, so that what runs beside it
//! takes none of it away.

pub(crate) mod world;

use crate::Failure;
use crate::machine::{now, processor, resident};
use crate::report::{Report, per_second};
use detect::{ShardState, behaviour};
use std::hint::black_box;
use std::time::Duration;
use world::{Act, Draw, IDENTITIES, Live, Templates};

const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 7 };
/// Activities of a round, for each draw.
const ACTIVITIES: usize = if cfg!(debug_assertions) { 5_000 } else { 500_000 };
/// The same where each is 1.2 KB.
const EVENTS: usize = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
const DRAWS: [Draw; 2] = [Draw::Zipf, Draw::Uniform];

/// Rates of the rounds: of ours by draw, and of the floor by draw.
#[derive(Default)]
struct Rates {
    ours: [Vec<f64>; 2],
    floor: [Vec<f64>; 2],
    judged: usize,
    found: usize,
}

/// `judge`: from the activity.
pub(crate) fn measure() -> Result<Report, Failure> {
    let before = resident(std::process::id())?.0;
    let templates = Templates::new()?;
    let names = templates.names();
    let made = resident(std::process::id())?.0;
    let begun = now();
    let (mut live, mut clock) = Live::begin(&templates, &names)?;
    let began = begun.elapsed();
    let alive = resident(std::process::id())?.0;
    let judge = live.judge.clone();
    let rules = judge.clone().without_behaviour();
    let mut rates = Rates::default();
    for _ in 0..ROUNDS {
        for (at, draw) in DRAWS.into_iter().enumerate() {
            let plan = clock.plan(&templates, draw, ACTIVITIES);
            behaviour::advance(&mut live.states, clock.now());
            let begun = processor()?;
            let found: usize = plan.iter().map(|act| live.judge(&judge, act)).sum();
            rates.ours[at].push(rate(ACTIVITIES, processor()?.saturating_sub(begun)));
            rates.judged += ACTIVITIES;
            rates.found += found;
            let begun = processor()?;
            let found: usize = plan.iter().map(|act| live.judge(&rules, act)).sum();
            rates.floor[at].push(rate(ACTIVITIES, processor()?.saturating_sub(begun)));
            black_box(found);
        }
    }
    let begun = processor()?;
    black_box(behaviour::merge(&mut live.states));
    let merge = processor()?.saturating_sub(begun);
    let mut more = memory(&live, &templates);
    more.push((
        "resident memory",
        format!(
            "{:.0} MB before, {:.0} MB with scripts and names, {:.0} MB with all identities alive",
            before, made, alive
        ),
    ));
    more.push(("what peers share, merged", format!("{:.0} ms, once an hour", merge.as_secs_f64() * 1e3)));
    more.push(("brought to life", format!("in {:.0} s", began.as_secs_f64())));
    report("judge", "rules alone", "from the activity to the verdict", rates, more)
}

/// `judge-bytes`: from the event's bytes.
pub(crate) fn measure_bytes() -> Result<Report, Failure> {
    let templates = Templates::new()?;
    let names = templates.names();
    let (mut live, mut clock) = Live::begin(&templates, &names)?;
    let fields = live.judge.pack().fields().clone();
    let mut rates = Rates::default();
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        for (at, draw) in DRAWS.into_iter().enumerate() {
            let plan = clock.plan(&templates, draw, EVENTS);
            behaviour::advance(&mut live.states, clock.now());
            let events: Vec<(Act, String)> = plan
                .into_iter()
                .map(|act| Ok((act, templates.json(&act)?)))
                .collect::<Result<_, Failure>>()?;
            for (act, event) in events.iter().step_by(EVENTS / 100) {
                if !live.is_of(event.as_bytes(), act)? {
                    return Err(format!("an event of somebody else: {event}").into());
                }
            }
            bytes = events.iter().map(|(_, event)| event.len()).sum::<usize>() / EVENTS;
            let begun = processor()?;
            for (act, event) in &events {
                rates.found += live.judge_bytes(event.as_bytes(), act)?;
            }
            rates.ours[at].push(rate(EVENTS, processor()?.saturating_sub(begun)));
            rates.judged += EVENTS;
            let begun = processor()?;
            for (_, event) in &events {
                let record = world::read(event.as_bytes())?;
                black_box(world::activity(&record, &fields)?.time);
            }
            rates.floor[at].push(rate(EVENTS, processor()?.saturating_sub(begun)));
        }
    }
    let mut more = memory(&live, &templates);
    more.push(("an event", format!("{bytes} bytes")));
    report("judge-bytes", "reading alone", "from the event's bytes to the verdict", rates, more)
}

fn memory(live: &Live<'_>, templates: &Templates) -> Vec<(&'static str, String)> {
    let (scripts, events) = templates.size();
    let wide: usize = live.states.iter().map(ShardState::wide).sum();
    let waiting: usize = live.states.iter().map(ShardState::waiting).sum();
    vec![
        (
            "state and index",
            format!("{} bytes for each identity (at most 1126 asked for); {wide} are wide", live.bytes()),
        ),
        ("on probation", waiting.to_string()),
        ("scripts", format!("{scripts}, of {events} events")),
    ]
}

fn report(
    bench: &'static str,
    floor: &'static str,
    what: &str,
    mut rates: Rates,
    mut more: Vec<(&'static str, String)>,
) -> Result<Report, Failure> {
    rates.ours.iter_mut().chain(&mut rates.floor).for_each(|rates| rates.sort_by(f64::total_cmp));
    let median = |rates: &[Vec<f64>; 2], at: usize| rates[at][ROUNDS / 2];
    let slower = usize::from(median(&rates.ours, 1) < median(&rates.ours, 0));
    for (at, name) in [(0, "by Zipf's law"), (1, "uniformly")] {
        let all = &rates.ours[at];
        more.insert(
            at,
            (
                name,
                format!(
                    "{:.0}/s ({:.0} to {:.0}), {floor} {:.0}/s",
                    median(&rates.ours, at),
                    all[0],
                    all[ROUNDS - 1],
                    median(&rates.floor, at)
                ),
            ),
        );
    }
    more.push(("findings", format!("{} of {} activities", rates.found, rates.judged)));
    more.push(("rules", rules::ALL.len().to_string()));
    Ok(Report {
        bench,
        unit: "activities/s",
        ours: median(&rates.ours, slower),
        other: Some((floor, median(&rates.floor, slower))),
        mode: format!(
            "one thread, {what}, {IDENTITIES} identities alive; seconds on the processor; medians of {ROUNDS} rounds \
             in turn; the slower of two draws"
        ),
        more,
    })
}

fn rate(count: usize, time: Duration) -> f64 {
    per_second(count, time.as_secs_f64())
}
