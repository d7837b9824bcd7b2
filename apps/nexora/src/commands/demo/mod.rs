//! `demo`: the whole loop, through the code that a server runs.
//!
//! Events → judged → quarantined → data closed → proved, over the router of a node in this process. Nothing
//! is staged: the response decides whom to cut off, and the reveal is refused by the same check that every
//! reveal takes.

mod customers;
mod plan;
mod story;

use crate::cli::{Demo, Global};
use crate::commands::events::Contents;
use crate::commands::ledger;
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress;
use api::client::{Transport, Upload};
use api::credentials::{Grant, Issue, IssueRequest};
use api::datasets::{Protect, ProtectRequest, Reveal, RevealRequest};
use api::identities::{Identity, ShowRequest, StandingState};
use api::{Client, credentials, findings, identities, ledgers, organizations, response};
use base::{Clock as _, Kind, Secret, Timestamp};
use bytes::{Bytes, BytesMut};
use indicatif::ProgressBar;
use node::{Config, MachineClock, Node};
use simulate::Scenario;
use std::process::ExitCode;
use std::time::Duration;
use story::{Attack, Cut, Proof, Scene, Told};

/// How long the story waits for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The dataset's name.
const DATASET: &str = "customers";

/// A protected file.
struct Protected {
    output: Bytes,
    manifest: Bytes,
}

/// Runs the demo.
pub(crate) async fn run(
    global: &Global,
    surroundings: &Surroundings,
    output: Output,
    demo: &Demo,
) -> Result<ExitCode, Failure> {
    let began = MachineClock.now();
    // Removed at the end, also after a failure.
    let temporary = match &global.data {
        Some(_) => None,
        None => Some(surroundings.temporary()?),
    };
    let data = match (&global.data, &temporary) {
        (Some(data), _) => data.clone(),
        (None, Some(temporary)) => temporary.path().join("data"),
        (None, None) => return Err(Failure::ours("no place for the data")),
    };
    let bar = progress::spinner("starting");
    let contents = match &demo.events {
        Some(file) => Contents::read(file)?,
        None => bundled(demo.seed)?,
    };
    let mut config = Config::local(&data);
    config.log = "off".to_owned();
    let node = Node::start(config, None).await?;
    let played = play(&node, &contents, demo.events.is_some(), &bar).await;
    bar.finish_and_clear();
    node.drain().await;
    let (mut told, mut scene) = played?;
    // From the files alone, after the last of them was written.
    let verified = ledger::check(told.ledger.dir.as_ref())?;
    (told.ledger.entries, told.ledger.size) = (verified.size, verified.size);
    told.ledger.verified = true;
    scene.root = verified.root;
    scene.kept = temporary.is_none();
    told.seconds = MachineClock.now().since(began).as_secs_f64();
    if demo.json {
        output.json_line(&told)?;
    } else {
        output.write(&story::story(&told, &scene))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The scenario that comes with the product.
fn bundled(seed: u64) -> Result<Contents, Failure> {
    let scenario = Scenario { seed, ..Scenario::demo() };
    let simulation = scenario.simulate().map_err(|wrong| Failure::new(Kind::BadInput, wrong.to_string()))?;
    Ok(Contents::of_lines("the bundled scenario", simulation.map(|event| event.json)))
}

async fn play(
    node: &Node,
    contents: &Contents,
    own_logs: bool,
    bar: &ProgressBar,
) -> Result<(Told, Scene), Failure> {
    if !node.is_empty() {
        return Err(Failure::new(
            Kind::Conflict,
            "the data directory has an organization already: the demo begins with an empty one",
        ));
    }
    let anyone = Client::new(Transport::local(node.router()));
    let as_holder =
        |token: &credentials::Token| anyone.clone().with_token(Secret::new(token.expose().to_owned()));

    // An organization that responds by itself, and a source of events.
    let secret = node.administrator_secret().await?;
    let request = organizations::CreateRequest { name: "Demo".to_owned(), person: "Ada".to_owned() };
    let created = anyone.clone().with_token(secret).call::<organizations::Create>(&request).await?;
    let admin = as_holder(&created.person.token);
    let automatic = response::SetRequest { mode: Some(response::Mode::Automatic), brake_limit: None };
    admin.call::<response::Set>(&automatic).await?;
    bar.set_prefix("reading");
    let plan = plan::plan(contents, created.organization)?;
    let any = own_logs && (plan.unclaimed || plan.accounts.len() > 1_000);
    let accounts = if any { vec!["*".to_owned()] } else { plan.accounts.iter().cloned().collect() };
    let grant = Grant::Ingest { format: "aws.cloudtrail".to_owned(), accounts };
    let source = as_holder(&admin.call::<Issue>(&IssueRequest { grant }).await?.token);

    // At work.
    bar.set_prefix("judging");
    let mut activities = 0;
    let all = contents.events.len();
    let follow = plan.follow;
    let pause = follow.as_ref().and_then(|follow| follow.tipping).unwrap_or(all);
    for batch in contents.batches(0..pause) {
        bar.inc(batch.len() as u64);
        activities += contents.send(&source, batch).await?.accepted;
    }
    let holder = match &follow {
        Some(follow) => {
            let grant = Grant::Identity { identity: follow.identity };
            as_holder(&admin.call::<Issue>(&IssueRequest { grant }).await?.token)
        }
        // Where no machine acts, the person reveals.
        None => admin.clone(),
    };
    let csv = Bytes::from(customers::csv());
    let protected = protect(&holder, csv.clone()).await?;
    if reveal(&holder, &protected).await? != csv {
        return Err(Failure::new(Kind::CheckFailed, "what was revealed is not what was protected"));
    }

    // The attack, while the holder goes on revealing.
    let mut refused = None;
    if pause < all {
        let (receipt, at) =
            tokio::join!(contents.send(&source, pause..pause + 1), until_refused(&holder, &protected));
        activities += receipt?.accepted;
        refused = Some(at?);
    }
    for batch in contents.batches((pause + 1).min(all)..all) {
        bar.inc(batch.len() as u64);
        activities += contents.send(&source, batch).await?.accepted;
    }

    // What came of it.
    bar.set_prefix("looking");
    let findings = answered(&admin).await?;
    let attack = match (&follow, refused) {
        (Some(follow), Some((at, refusal))) => Some(attack(&admin, follow, at, refusal).await?),
        _ => None,
    };
    let identities = inventory(&admin).await?;
    let cut = identities.iter().filter(|identity| identity.standing == StandingState::Quarantined);
    let quarantined = cut.map(|cut| Cut { id: cut.id, name: cut.name.clone() }).collect();
    let ledger = admin.call::<ledgers::Status>(&api::operation::Nothing {}).await?;
    let after =
        if attack.is_some() || reveal(&holder, &protected).await.is_err() { "refused" } else { "allowed" };
    let told = Told {
        activities,
        identities: identities.len() as u64,
        findings,
        quarantined,
        fields_protected: customers::FIELDS.len(),
        reveal_before: "allowed",
        reveal_after: after,
        zero_access_ms: attack.as_ref().map(|attack| attack.zero_access.as_secs_f64() * 1_000.0),
        ledger: Proof { dir: ledger.dir, entries: 0, size: 0, verified: false },
        seconds: 0.0,
    };
    let name = follow.map_or_else(|| "Ada (a person)".to_owned(), |follow| follow.name);
    Ok((told, Scene { name, attack, root: String::new(), kept: false }))
}

/// What tipped the quarantine, and how long it took until the first reveal was refused.
async fn attack(
    admin: &Client,
    follow: &plan::Follow,
    refused_at: Timestamp,
    refusal: String,
) -> Result<Attack, Failure> {
    let followed = admin.call::<identities::Show>(&ShowRequest { identity: follow.identity }).await?;
    let finding = followed.finding.ok_or_else(|| Failure::ours("a quarantine without its finding"))?;
    let finding = admin.call::<findings::Show>(&findings::ShowRequest { finding }).await?.finding;
    // The arrival that decided it; the finding itself may have grown since.
    let tipped = finding.response.as_ref().map_or(finding.arrival, |response| response.arrival);
    Ok(Attack {
        finding: format!("{} ({}): {}", finding.title, finding.severity, finding.reasons.join("; ")),
        refusal,
        zero_access: refused_at.since(tipped),
    })
}

async fn protect(holder: &Client, csv: Bytes) -> Result<Protected, Failure> {
    let fields = Some(customers::FIELDS.join(","));
    let request = ProtectRequest { dataset: DATASET.to_owned(), fields, ..ProtectRequest::default() };
    let mut parts = holder.parts::<Protect>(&request, Upload::whole(csv)).await?;
    let (mut output, mut manifest) = (BytesMut::new(), BytesMut::new());
    while let Some(name) = parts.part().await? {
        let part = if name == "manifest" { &mut manifest } else { &mut output };
        while let Some(piece) = parts.chunk().await? {
            part.extend_from_slice(&piece);
        }
    }
    Ok(Protected { output: output.freeze(), manifest: manifest.freeze() })
}

async fn reveal(holder: &Client, protected: &Protected) -> Result<Bytes, api::client::Error> {
    let upload = Upload::whole(protected.output.clone()).behind([protected.manifest.clone()]);
    let mut download = holder.download::<Reveal>(&RevealRequest::default(), upload).await?;
    let mut revealed = BytesMut::new();
    while let Some(piece) = download.chunk().await? {
        revealed.extend_from_slice(&piece);
    }
    Ok(revealed.freeze())
}

/// Reveals again and again until it is refused: when, and with which words.
async fn until_refused(holder: &Client, protected: &Protected) -> Result<(Timestamp, String), Failure> {
    let began = MachineClock.now();
    loop {
        match reveal(holder, protected).await {
            Ok(_) => {}
            Err(error) if error.problem().kind == Kind::Refused => {
                return Ok((MachineClock.now(), error.problem().message));
            }
            Err(error) => return Err(error.into()),
        }
        if MachineClock.now().since(began) > PATIENCE {
            return Err(Failure::new(
                Kind::CheckFailed,
                "the identity was not cut off: its findings say why (`nexora findings ls --data DIR`)",
            ));
        }
    }
}

/// How many findings there are, once each has been answered.
async fn answered(admin: &Client) -> Result<u64, Failure> {
    let began = MachineClock.now();
    loop {
        let (mut count, mut open, mut after) = (0, 0, None);
        loop {
            let request = findings::ListRequest { limit: Some(1_000), after, ..Default::default() };
            let page = admin.call::<findings::List>(&request).await?;
            count += page.items.len() as u64;
            open += page.items.iter().filter(|finding| finding.response.is_none()).count();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if open == 0 {
            return Ok(count);
        }
        if MachineClock.now().since(began) > PATIENCE {
            return Err(Failure::new(Kind::CheckFailed, format!("{open} findings were not answered")));
        }
        tokio::task::yield_now().await;
    }
}

async fn inventory(admin: &Client) -> Result<Vec<Identity>, Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let request = identities::ListRequest { standing: None, limit: Some(1_000), after };
        let page = admin.call::<identities::List>(&request).await?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}
