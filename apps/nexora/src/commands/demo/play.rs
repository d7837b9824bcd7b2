//! The loop itself: activities in, judged, quarantined, data closed.

use super::Quarantined;
use super::rehearsal::{Rehearsal, Tipping};
use super::stage::Stage;
use crate::failure::Failure;
use crate::progress;
use api::Client;
use api::client::Upload;
use api::credentials::Grant;
use api::datasets::{Names, Protect, ProtectRequest, Reveal, RevealRequest};
use api::events::{Receipt, Send, SendRequest};
use api::identities::StandingState;
use base::{Kind, Severity, Timestamp};
use bytes::Bytes;
use indicatif::ProgressBar;
use std::{ops::Range, time::Duration};

/// What is protected: people who do not exist.
const CUSTOMERS: &str = include_str!("customers.csv");
/// The columns that are encrypted.
pub(crate) const FIELDS: [&str; 2] = ["email", "ssn"];
/// Events per batch.
const BATCH: usize = 500;

/// What happened, for the story.
pub(crate) struct Told {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) identities: u64,
    pub(crate) findings: u64,
    pub(crate) quarantined: Vec<Quarantined>,
    /// The identity that went on revealing, and the finding that ended it.
    pub(crate) hero: Option<Hero>,
    pub(crate) before: bool,
    /// From the arrival of the activity that tipped it to the first refused reveal.
    pub(crate) refused_after: Option<Duration>,
    pub(crate) refusal: Option<String>,
    pub(crate) ended: Timestamp,
}

/// The identity that the demo follows.
pub(crate) struct Hero {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) finding: String,
    pub(crate) reasons: Vec<String>,
}

/// A protected dataset, as a producer hands it out.
struct Dataset {
    output: Bytes,
    manifest: Bytes,
}

/// A source of events and what became of them.
struct Source {
    client: Client,
    bar: ProgressBar,
    accepted: u64,
    rejected: u64,
}

/// Plays it from the first activity to the last refusal.
pub(crate) async fn run(stage: &Stage, rehearsal: &Rehearsal) -> Result<Told, Failure> {
    let set = api::response::SetRequest { mode: Some(api::response::Mode::Automatic), brake_limit: None };
    stage.ask::<api::response::Set>(&set).await?;
    let accounts = rehearsal.accounts().to_vec();
    let ingest = Grant::Ingest { format: "aws.cloudtrail".to_owned(), accounts };
    let bar = progress::count("activities", rehearsal.len() as u64);
    let mut source = Source { client: stage.holder(ingest).await?, bar, accepted: 0, rejected: 0 };
    let dataset = protect(stage.admin()).await?;

    let (mut before, mut refused) = (false, None);
    let tipping = rehearsal.tipping();
    let pause = tipping.map_or(rehearsal.len(), |tipping| tipping.index);
    source.send(rehearsal, 0..pause).await?;
    if let Some(Tipping { identity, .. }) = tipping {
        let holder = stage.holder(Grant::Identity { identity }).await?;
        before = reveal(&holder, &dataset).await?.is_none();
        let (sent, end) =
            futures::join!(source.send(rehearsal, pause..rehearsal.len()), until_refused(stage, &holder, &dataset));
        sent?;
        refused = Some(end?);
    }
    source.bar.finish_and_clear();
    settle(stage).await?;

    let quarantined = quarantined(stage).await?;
    let mut hero = None;
    let mut refused_after = None;
    if let Some(Tipping { identity, .. }) = tipping {
        let id = identity.to_string();
        let known = quarantined.iter().find(|identity| identity.id == id);
        if let Some((name, finding)) = known.and_then(|known| Some((known.name.clone(), known.finding.clone()?))) {
            let finding = finding.parse().map_err(|_| Failure::ours("no id of a finding"))?;
            let shown = stage.ask::<api::findings::Show>(&api::findings::ShowRequest { finding }).await?.finding;
            let tipped = shown.response.as_ref().map_or(shown.arrival, |response| response.arrival);
            refused_after = refused.as_ref().map(|(at, _)| at.since(tipped));
            hero = Some(Hero {
                name,
                title: shown.title,
                finding: shown.id.to_string(),
                reasons: shown.reasons,
            });
        }
    }
    Ok(Told {
        accepted: source.accepted,
        rejected: source.rejected,
        identities: count_identities(stage).await?,
        findings: count_findings(stage).await?,
        quarantined,
        hero,
        before,
        refused_after,
        refusal: refused.map(|(_, why)| why),
        ended: stage.now(),
    })
}

impl Source {
    async fn send(&mut self, rehearsal: &Rehearsal, range: Range<usize>) -> Result<(), Failure> {
        for from in range.clone().step_by(BATCH) {
            let batch = from..(from + BATCH).min(range.end);
            let body = Upload::whole(rehearsal.body(batch.clone()));
            let receipt: Receipt = self.client.send::<Send>(&SendRequest::default(), body).await?;
            self.accepted += receipt.accepted;
            self.rejected += receipt.rejected.len() as u64;
            self.bar.inc(batch.len() as u64);
        }
        Ok(())
    }
}

async fn protect(client: &Client) -> Result<Dataset, Failure> {
    let fields = Names(FIELDS.map(str::to_owned).to_vec());
    let request = ProtectRequest { dataset: "customers".to_owned(), fields };
    let mut parts = client.parts::<Protect>(&request, Upload::whole(CUSTOMERS)).await?;
    let mut dataset = Dataset { output: Bytes::new(), manifest: Bytes::new() };
    while let Some(name) = parts.part().await? {
        let mut whole = Vec::new();
        while let Some(chunk) = parts.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        if name == "manifest" {
            dataset.manifest = whole.into();
        } else {
            dataset.output = whole.into();
        }
    }
    Ok(dataset)
}

/// Reveals the whole dataset: `None` where that was allowed, else why it was refused.
async fn reveal(client: &Client, dataset: &Dataset) -> Result<Option<String>, Failure> {
    let upload = Upload::whole(dataset.output.clone()).behind([dataset.manifest.clone()]);
    let revealed = async {
        let mut download = client.download::<Reveal>(&RevealRequest::default(), upload).await?;
        let mut plain = Vec::new();
        while let Some(chunk) = download.chunk().await? {
            plain.extend_from_slice(&chunk);
        }
        Ok::<_, api::client::Error>(plain)
    };
    match revealed.await {
        Ok(plain) if plain == CUSTOMERS.as_bytes() => Ok(None),
        Ok(_) => Err(Failure::new(Kind::CheckFailed, "what was revealed is not what was protected")),
        Err(api::client::Error::Refused(problem))
            if matches!(problem.kind, Kind::Refused | Kind::NotSignedIn) =>
        {
            Ok(Some(problem.message))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reveals again and again until it is refused: when that was, and why.
async fn until_refused(
    stage: &Stage,
    holder: &Client,
    dataset: &Dataset,
) -> Result<(Timestamp, String), Failure> {
    let mut refusal = None;
    stage
        .until("the refusal of a reveal", async || {
            refusal = reveal(holder, dataset).await?.map(|why| (stage.now(), why));
            Ok(refusal.is_some())
        })
        .await?;
    refusal.ok_or_else(|| Failure::ours("no refusal"))
}

/// Waits until the response has come to every finding that it acts on.
async fn settle(stage: &Stage) -> Result<(), Failure> {
    stage
        .until("the response to the findings", async || {
            let mut request =
                api::findings::ListRequest { severity: Some(Severity::High), limit: Some(1_000), ..Default::default() };
            loop {
                let page = stage.ask::<api::findings::List>(&request).await?;
                if page.items.iter().any(|finding| finding.response.is_none()) {
                    return Ok(false);
                }
                request.after = page.next;
                if request.after.is_none() {
                    return Ok(true);
                }
            }
        })
        .await
}

async fn quarantined(stage: &Stage) -> Result<Vec<Quarantined>, Failure> {
    let mut found = Vec::new();
    let mut request = api::identities::ListRequest {
        standing: Some(StandingState::Quarantined),
        limit: Some(1_000),
        after: None,
    };
    loop {
        let page = stage.ask::<api::identities::List>(&request).await?;
        found.extend(page.items.into_iter().map(|identity| Quarantined {
            id: identity.id.to_string(),
            name: identity.name,
            finding: identity.finding.map(|finding| finding.to_string()),
        }));
        request.after = page.next;
        if request.after.is_none() {
            return Ok(found);
        }
    }
}

async fn count_identities(stage: &Stage) -> Result<u64, Failure> {
    let mut request = api::identities::ListRequest { standing: None, limit: Some(1_000), after: None };
    let mut count = 0;
    loop {
        let page = stage.ask::<api::identities::List>(&request).await?;
        count += page.items.len() as u64;
        request.after = page.next;
        if request.after.is_none() {
            return Ok(count);
        }
    }
}

async fn count_findings(stage: &Stage) -> Result<u64, Failure> {
    let mut request = api::findings::ListRequest { limit: Some(1_000), ..Default::default() };
    let mut count = 0;
    loop {
        let page = stage.ask::<api::findings::List>(&request).await?;
        count += page.items.len() as u64;
        request.after = page.next;
        if request.after.is_none() {
            return Ok(count);
        }
    }
}
