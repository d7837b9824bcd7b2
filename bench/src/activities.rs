//! `loop`: activities per second through the whole embedded path: received over HTTP, inflated, normalized,
//! redacted, judged, durable, findings committed, acknowledged; identities are cut off behind it.
//!
//! The floor is the disk: the same bytes, written and synced batch by batch by nothing but a loop. Both are
//! measured in turn, a few times, and the medians stand.

use crate::Failure;
use crate::home::{BRAKE, Home};
use crate::machine::now;
use crate::report::{Report, quantile};
use api::findings::{List, ListRequest};
use api::identities::StandingState;
use base::{Severity, Timestamp};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use simulate::{Attacks, Scenario, Spread};
use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

/// Enough in debug to see it work.
const EVENTS: usize = if cfg!(debug_assertions) { 5_000 } else { 100_000 };
/// At work in the simulated world: with its five days and its rate they make the events and a few more.
const IDENTITIES: u32 = if cfg!(debug_assertions) { 100 } else { 2_000 };
const BATCH: usize = 500;
const CONNECTIONS: usize = 4;
const ROUNDS: usize = 3;
/// After which a response that has not come is a failure, not a figure.
const LIMIT: Duration = Duration::from_secs(60);

/// What one round saw.
struct Round {
    rate: f64,
    /// From sending a batch to its receipt, in ms, sorted.
    latencies: Vec<f64>,
    /// From the last receipt until every finding had its response.
    behind: Duration,
    identities: usize,
    cut: usize,
}

/// Runs it.
pub(crate) async fn measure() -> Result<Report, Failure> {
    let scenario = Scenario {
        seed: 3,
        start: Timestamp::from_millis(1_772_409_600_000),
        duration: Duration::from_secs(5 * 86_400),
        identities: IDENTITIES,
        // A tenth more than is taken, so that the attacks, which begin after a quarter, are among them.
        rate: 11.0,
        spread: Spread::Zipf,
        attacks: Attacks::Count(20),
    };
    let events: Vec<String> = scenario.simulate()?.take(EVENTS).map(|event| event.json).collect();
    if events.len() != EVENTS {
        return Err(format!("the simulator made {} of {EVENTS} events", events.len()).into());
    }
    let each = events.iter().map(String::len).sum::<usize>() / EVENTS;
    let batches: Vec<Bytes> = events.chunks(BATCH).map(|batch| Bytes::from(batch.join("\n"))).collect();
    drop(events);

    let (mut rounds, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rounds.push(round(&batches, scenario.accounts()).await?);
        floors.push(floor(&batches)?);
    }
    rounds.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    floors.sort_by(f64::total_cmp);
    let (slowest, fastest) = (rounds[0].rate, rounds[ROUNDS - 1].rate);
    let median = &rounds[ROUNDS / 2];
    let ms = |share| quantile(&median.latencies, share);
    Ok(Report {
        bench: "loop",
        unit: "activities/s",
        ours: median.rate,
        other: Some(("write+fsync of the same bytes", floors[ROUNDS / 2])),
        mode: format!(
            "durable (each batch synced before its receipt), response automatic, brake limit raised to {BRAKE}; \
             {BATCH} activities a batch, {CONNECTIONS} connections over loopback HTTP, client in the same \
             process; median of {ROUNDS} rounds"
        ),
        more: vec![
            (
                "rounds",
                format!(
                    "{slowest:.0} to {fastest:.0}; the floor {:.0} to {:.0}",
                    floors[0],
                    floors[ROUNDS - 1]
                ),
            ),
            ("activities", format!("{EVENTS} a round, {each} bytes each")),
            ("a batch to its receipt", format!("p50 {:.1} ms, p99 {:.1} ms", ms(0.5), ms(0.99))),
            ("identities", format!("{}, {} cut off", median.identities, median.cut)),
            ("response behind by", format!("{:.1} ms", median.behind.as_secs_f64() * 1e3)),
        ],
    })
}

/// All batches through a fresh node.
async fn round(batches: &[Bytes], accounts: Vec<String>) -> Result<Round, Failure> {
    let home = Home::open(accounts).await?;
    let begun = now();
    let receipts: Vec<(u64, f64)> = stream::iter(batches.iter().cloned())
        .map(|batch| async {
            let sent = now();
            let receipt = home.send(batch).await?;
            Ok::<_, Failure>((receipt.accepted, sent.elapsed().as_secs_f64() * 1e3))
        })
        .buffered(CONNECTIONS)
        .try_collect()
        .await?;
    let took = begun.elapsed();
    let acknowledged = now();
    let accepted: u64 = receipts.iter().map(|(accepted, _)| accepted).sum();
    if accepted != EVENTS as u64 {
        return Err(format!("{accepted} of {EVENTS} events were accepted").into());
    }
    while !answered(&home).await? {
        if acknowledged.elapsed() > LIMIT {
            return Err("a finding got no response".into());
        }
    }
    let behind = acknowledged.elapsed();
    let identities = home.identities().await?;
    let cut = identities.iter().filter(|identity| identity.standing != StandingState::Good).count();
    home.close().await;
    let mut latencies: Vec<f64> = receipts.into_iter().map(|(_, latency)| latency).collect();
    latencies.sort_by(f64::total_cmp);
    Ok(Round { rate: rate(took), latencies, behind, identities: identities.len(), cut })
}

/// Whether every finding that asks for a response has it.
async fn answered(home: &Home) -> Result<bool, Failure> {
    let mut request =
        ListRequest { severity: Some(Severity::High), limit: Some(1_000), ..ListRequest::default() };
    loop {
        let page = home.admin.call::<List>(&request).await?;
        if page.items.iter().any(|finding| finding.response.is_none()) {
            return Ok(false);
        }
        if page.next.is_none() {
            return Ok(true);
        }
        request.after = page.next;
    }
}

/// What the disk alone does.
fn floor(batches: &[Bytes]) -> Result<f64, Failure> {
    let dir = tempfile::tempdir()?;
    let mut file = File::create(dir.path().join("floor"))?;
    let begun = now();
    for batch in batches {
        file.write_all(batch)?;
        file.sync_data()?;
    }
    Ok(rate(begun.elapsed()))
}

#[expect(clippy::cast_precision_loss, reason = "a count of events")]
fn rate(time: Duration) -> f64 {
    EVENTS as f64 / time.as_secs_f64()
}
