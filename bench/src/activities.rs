//! `loop`: activities per second through the whole embedded path: received, normalized, redacted, judged,
//! durable, acknowledged, with findings recorded and identities cut off on the way.
//!
//! The floor is the disk: the same bytes, written and synced batch by batch by nothing but a loop.

use crate::Failure;
use crate::home::{BRAKE, Home};
use crate::report::{Report, now};
use base::Timestamp;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use simulate::{Attacks, Scenario, Spread};
use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

const EVENTS: usize = 100_000;
const BATCH: usize = 1_000;
const SENDERS: usize = 4;

/// Runs it.
pub(crate) async fn measure() -> Result<Report, Failure> {
    let scenario = Scenario {
        seed: 3,
        start: Timestamp::from_millis(1_772_409_600_000),
        duration: Duration::from_secs(14 * 86_400),
        identities: 2_000,
        rate: 36.0,
        spread: Spread::Zipf,
        attacks: Attacks::Count(20),
    };
    let events: Vec<String> = scenario.simulate()?.take(EVENTS).map(|event| event.json).collect();
    let bytes: usize = events.iter().map(String::len).sum();
    let batches: Vec<Bytes> = events.chunks(BATCH).map(|batch| Bytes::from(batch.join("\n"))).collect();
    let count = events.len();
    drop(events);

    let home = Home::open(scenario.accounts()).await?;
    let begun = now();
    let accepted: u64 = stream::iter(batches.iter().cloned())
        .map(|batch| home.send(batch))
        .buffered(SENDERS)
        .try_fold(0, |sum, receipt| async move { Ok(sum + receipt.accepted) })
        .await?;
    let ours = rate(count, begun.elapsed());
    if accepted != count as u64 {
        return Err(format!("{accepted} of {count} events were accepted").into());
    }
    let identities = home.identities().await?;
    let cut = identities.iter().filter(|identity| identity.standing != api::identities::StandingState::Good);
    let cut = cut.count();
    home.close().await;

    let floor = floor(&batches)?;
    Ok(Report {
        bench: "loop",
        unit: "activities/s",
        ours,
        other: Some(("the same bytes written and synced", rate(count, floor))),
        mode: format!(
            "embedded, one process; {BATCH} activities a batch, {SENDERS} senders; brake limit {BRAKE}"
        ),
        more: vec![
            ("activities".to_owned(), format!("{count}, {} bytes each", bytes / count.max(1))),
            ("identities".to_owned(), format!("{}, {cut} cut off", identities.len())),
        ],
    })
}

/// How long the disk alone takes.
fn floor(batches: &[Bytes]) -> Result<Duration, Failure> {
    let dir = tempfile::tempdir()?;
    let mut file = File::create(dir.path().join("floor"))?;
    let begun = now();
    for batch in batches {
        file.write_all(batch)?;
        file.sync_data()?;
    }
    Ok(begun.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "a count of events")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
