//! `ledger-latency`: from a decision to its proof. A person's change is asked for over loopback, commits with its entry,
//! is sequenced and published in the background, and its proof is asked for until it is there.
//!
//! All of a running node takes part: HTTP, policy, the store, the doorbell, the time that publication lets entries
//! gather (200 ms, so that a burst is one publication), tiles and checkpoint synced, the proof made and checked.

use crate::Failure;
use crate::home::Home;
use crate::machine::now;
use crate::report::{Report, quantile};
use api::client::Upload;
use api::ledgers::{Prove, ProveRequest, Status};
use api::operation::Nothing;
use api::response::{Set, SetRequest};
use std::time::Duration;

const DECISIONS: u32 = if cfg!(debug_assertions) { 5 } else { 200 };
/// Between two questions for a proof.
const PAUSE: Duration = Duration::from_millis(2);

/// Runs it.
pub(crate) async fn measure() -> Result<Report, Failure> {
    let home = Home::open(vec!["111122223333".to_owned()]).await?;
    let (mut proven, mut published) = (Vec::new(), Vec::new());
    for decision in 0..DECISIONS {
        let request = SetRequest { mode: None, brake_limit: Some(10_000 + decision) };
        let begun = now();
        home.admin.call::<Set>(&request).await?;
        // The entry is the last one or before it.
        let position = home.admin.call::<Status>(&Nothing {}).await?.committed.saturating_sub(1);
        loop {
            let asked = home
                .admin
                .download::<Prove>(&ProveRequest { position, generation: None }, Upload::empty())
                .await;
            if let Ok(mut download) = asked {
                let mut file = Vec::new();
                while let Some(piece) = download.chunk().await? {
                    file.extend_from_slice(&piece);
                }
                if verify::Proof::read(&file)?.index != position {
                    return Err("the proof is of another entry".into());
                }
                break;
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("an entry has no proof after 30 seconds".into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        proven.push(begun.elapsed().as_secs_f64() * 1e3);
        published.push(home.admin.call::<Status>(&Nothing {}).await?.published);
    }
    home.close().await;
    if !published.is_sorted() {
        return Err("publication went backwards".into());
    }
    proven.sort_by(f64::total_cmp);
    Ok(Report {
        bench: "ledger-latency",
        unit: "ms",
        ours: quantile(&proven, 0.99),
        other: None,
        mode: format!(
            "p99 of {DECISIONS} decisions, one after the other, over loopback: asked for, committed, published in the \
             background (which lets entries gather for 200 ms), proved"
        ),
        more: vec![("p50", format!("{:.0} ms", quantile(&proven, 0.5)))],
    })
}
