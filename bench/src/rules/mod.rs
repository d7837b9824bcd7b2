//! `rules`: events per second that the rule engine alone takes from bytes to the rules that match: parse, and the 293
//! shared rules, on one core.
//!
//! The peer is `rsigma-eval`: its own parse of the same bytes (`serde_json`), told the same log source, with its index and
//! its pruning by log source. Both see the same events in the same order and in turn; the medians stand. Before anything
//! is timed, the rules that match are compared event by event.

pub(crate) mod world;

use crate::Failure;
use crate::machine::now;
use crate::report::Report;
use events::Glance;
use rsigma_eval::event::JsonEvent;
use std::hint::black_box;
use world::Event;

/// Enough that no cache holds them.
const EVENTS: usize = if cfg!(debug_assertions) { 2_000 } else { 40_000 };
const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 9 };

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let texts = world::texts(&world::shared())?;
    let pack = world::pack(&texts)?;
    let mut engine = rsigma_eval::Engine::new();
    for (path, text) in &texts {
        let rules = rsigma_parser::parse_sigma_yaml(text).map_err(|error| format!("{path}: {error}"))?;
        engine.add_collection(&rules).map_err(|error| format!("{path}: {error}"))?;
    }
    let events = world::events(&pack, EVENTS, 11)?;
    let sources: Vec<_> = events.iter().map(source).collect();
    let mut glance = Glance::default();
    let mut matched = 0;
    for (event, source) in events.iter().zip(&sources) {
        let ours = glance.read(event.json.as_bytes(), event.format, pack.fields(), |sight| {
            pack.sees(sight).into_iter().map(|rule| rule.id.clone()).collect::<Vec<_>>()
        })?;
        let value = serde_json::from_slice(event.json.as_bytes())?;
        let theirs = engine.evaluate_with_logsource(&JsonEvent::borrow(&value), source).into_iter();
        let mut theirs: Vec<_> = theirs.filter_map(|result| result.header.rule_id).collect();
        theirs.sort();
        if ours != theirs {
            return Err(format!("{ours:?} here and {theirs:?} there match {}", event.json).into());
        }
        matched += ours.len();
    }
    let (mut rates, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = now();
        for event in &events {
            let found = glance
                .read(event.json.as_bytes(), event.format, pack.fields(), |sight| pack.sees(sight).len())?;
            black_box(found);
        }
        rates.push(rate(begun.elapsed()));
        let begun = now();
        for (event, source) in events.iter().zip(&sources) {
            let value = serde_json::from_slice(event.json.as_bytes())?;
            black_box(engine.evaluate_with_logsource(&JsonEvent::borrow(&value), source).len());
        }
        others.push(rate(begun.elapsed()));
    }
    rates.sort_by(f64::total_cmp);
    others.sort_by(f64::total_cmp);
    let bytes = events.iter().map(|event| event.json.len()).sum::<usize>() / EVENTS;
    Ok(Report {
        bench: "rules",
        unit: "events/s",
        ours: rates[ROUNDS / 2],
        other: Some(("rsigma-eval 0.23, same log source", others[ROUNDS / 2])),
        mode: format!("one thread, from bytes to the rules that match; medians of {ROUNDS} rounds in turn"),
        more: vec![
            ("rounds", format!("{:.0} to {:.0}", rates[0], rates[ROUNDS - 1])),
            ("rules", pack.rules().len().to_string()),
            (
                "events",
                format!("{EVENTS} of all sources, {bytes} bytes each; {matched} matches, alike in both"),
            ),
        ],
    })
}

fn source(event: &Event) -> rsigma_parser::LogSource {
    let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    rsigma_parser::LogSource {
        product: part(event.source.product),
        service: part(event.source.service),
        category: part(event.source.category),
        ..rsigma_parser::LogSource::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of events")]
fn rate(time: std::time::Duration) -> f64 {
    EVENTS as f64 / time.as_secs_f64()
}
