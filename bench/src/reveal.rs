//! `reveal`: what it takes to open data for an identity in good standing, and how soon it ends with a quarantine.
//!
//! The services themselves, without HTTP, over the embedded store. Each of the measured reveals has a data key that
//! was not opened before, so none is in the cache: the permit is decided, standing and key epoch are read, the
//! dataset's private half is unwrapped by the root, and the data key is opened with it. Beside it the same with the
//! whole beginning of a reveal: manifest checked and its entry committed, durably.

use crate::Failure;
use crate::machine::now;
use crate::report::{Report, quantile};
use base::{Action, Actor, Clock as _, Context, Id, Role, Secret, noun};
use bytes::Bytes;
use datasets::{Datasets, Name, Protected};
use fields::FieldPolicy;
use fields::formats::{Dialect, Format};
use findings::Findings;
use identities::{Identities, Nature, Sighting};
use keys::{Keys, SealedFile};
use ledger::{Entry, Kind};
use node::MachineClock;
use policy::{Policy, Resource};
use respond::Respond;
use standing::Standings;
use std::path::Path;
use std::sync::Arc;
use store::{Options, Registered, Schema, Store};

static SCHEMAS: &[&Schema] = &[
    &standing::SCHEMA,
    &identities::SCHEMA,
    &findings::SCHEMA,
    &respond::SCHEMA,
    &keys::SCHEMA,
    &datasets::SCHEMA,
];

/// Enough in debug to see it work.
const RUNS: usize = if cfg!(debug_assertions) { 20 } else { 500 };
/// How often an identity is cut off in the middle of a reveal.
const CUTS: u8 = if cfg!(debug_assertions) { 3 } else { 50 };
const ROWS: usize = 20_000;
const PIECE: usize = 64 << 10;

struct Home {
    store: Store,
    keys: Keys,
    policy: Policy,
    standings: Standings,
    datasets: Datasets,
    identities: Identities,
    respond: Respond,
    admin: Context,
}

impl Home {
    #[expect(clippy::disallowed_methods, reason = "a benchmark is a composition root of its own")]
    async fn open(dir: &Path) -> Result<Self, Failure> {
        let (clock, provider): (Arc<dyn base::Clock>, _) = (Arc::new(MachineClock), crypto::aws_lc());
        let random = Arc::clone(&provider);
        let options = Options {
            dir: dir.to_owned(),
            clock: Arc::clone(&clock),
            random: Arc::new(move |bytes: &mut [u8]| random.fill(bytes)),
        };
        let store = Store::open(options, SCHEMAS).await?;
        let passphrase = Secret::new("correct horse battery staple".to_owned());
        let root = SealedFile::create(&dir.join("root.sealed"), &passphrase, Arc::clone(&provider))?;
        let keys = Keys::new(store.clone(), Arc::new(root), Arc::clone(&provider), Arc::clone(&clock));
        let standings = Standings::new(store.clone());
        let policy = Policy::new(store.clone(), standings.view());
        let datasets = Datasets::new(store.clone(), keys.clone(), policy.clone(), provider, clock);
        let platform =
            Context::authenticated(store.platform(), Actor::Administrator, Id::from_bytes([3; 16]));
        keys.begin(&platform).await?;
        let organization = Id::from_bytes([7; 16]);
        let mut tx = store.write(&platform).await?;
        let registered =
            Registered { id: organization, name: "Bench".to_owned(), created_at: MachineClock.now() };
        tx.register(&registered).await?;
        tx.commit(Entry::done(Kind::OrganizationCreated, organization)).await?;
        let (person, credential) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let actor = Actor::Person { person, credential, role: Role::OrgAdmin };
        let admin = Context::authenticated(organization, actor, Id::from_bytes([4; 16]));
        keys.begin(&admin).await?;
        standings.load(&admin, MachineClock.now()).await?;
        let identities = Identities::new(store.clone(), standings.view());
        identities.load(&admin).await?;
        let findings = Findings::new(store.clone());
        let respond = Respond::new(store.clone(), standings.clone(), findings, identities.clone());
        let home = Self { store, keys, policy, standings, datasets, identities, respond, admin };
        home.heard().await?;
        Ok(home)
    }

    /// What a node does every second: reads standings and key epoch, without which nothing is revealed.
    async fn heard(&self) -> Result<(), Failure> {
        self.standings.refresh(&self.admin, MachineClock.now()).await?;
        self.keys.epoch_step(&self.admin, MachineClock.now()).await?;
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark is a composition root of its own")]
    fn identity(&self, seed: u8) -> (Context, Id<noun::Identity>) {
        let identity = Id::from_bytes([seed; 16]);
        let actor = Actor::Identity { identity, credential: Id::from_bytes([5; 16]) };
        (Context::authenticated(self.admin.organization(), actor, Id::from_bytes([6; 16])), identity)
    }

    /// Enters an identity into the inventory.
    async fn known(&self, identity: Id<noun::Identity>) -> Result<(), Failure> {
        let sighting = Sighting {
            id: identity,
            provider: "aws".into(),
            kind: "access_key".into(),
            account: None,
            native: identity.to_string(),
            name: identity.to_string(),
            owner: None,
            nature: Nature::Machine,
            provider_owned: false,
            at: MachineClock.now(),
        };
        let mut tx = self.store.write(&self.admin).await?;
        let discovered = self.identities.discover(&mut tx, &[sighting]).await?;
        let committed = tx.commit_all(discovered.entries()).await?;
        discovered.publish(&committed);
        Ok(())
    }

    async fn protect(&self, name: &Name, rows: usize) -> Result<(Bytes, Protected), Failure> {
        let resource = Resource::Dataset(name.dataset(self.admin.organization()));
        let permit =
            self.policy.permit(&self.admin, Action::DatasetsProtect, resource, MachineClock.now())?;
        let fields = FieldPolicy::aead(["email"])?;
        let format = Format::Csv(Dialect::default());
        let mut run = self.datasets.protect(&self.admin, permit, name, Some(fields), format).await?;
        let mut file = "id,email\n".to_owned();
        for row in 0..rows {
            file.push_str(&format!("{row},person.{row}@example.com\n"));
        }
        let mut output = run.push(Bytes::from(file)).await?.to_vec();
        let end = run.finish().await?;
        output.extend_from_slice(&end.rest);
        Ok((output.into(), end))
    }
}

/// Runs it.
pub(crate) async fn measure() -> Result<Report, Failure> {
    let dir = tempfile::tempdir()?;
    let home = Home::open(dir.path()).await?;
    let name: Name = "customers".parse()?;
    let (mut opened, mut begun) = (Vec::new(), Vec::new());
    let (reader, _) = home.identity(9);
    for _ in 0..RUNS {
        let (_, end) = home.protect(&name, 1).await?;
        home.heard().await?;
        let manifest = &end.content;
        let (resource, sealed) = (Resource::Dataset(manifest.dataset), manifest.keys.first());
        let sealed = sealed.ok_or("a manifest without a key")?;
        let info = manifest.key_info(sealed)?;
        let start = now();
        let permit = home.policy.permit(&reader, Action::DatasetsReveal, resource, MachineClock.now())?;
        let (dataset, recipient) = (manifest.dataset, manifest.recipient);
        let key =
            home.keys.open_data_key(&reader, &permit, dataset, recipient, &info, &sealed.sealed).await?;
        opened.push(start.elapsed().as_secs_f64() * 1e3);
        drop(key);
        let (_, end) = home.protect(&name, 1).await?;
        let start = now();
        let permit = home.policy.permit(&reader, Action::DatasetsReveal, resource, MachineClock.now())?;
        let run = home.datasets.reveal(&reader, permit, &end.manifest, None).await?;
        begun.push(start.elapsed().as_secs_f64() * 1e3);
        drop(run);
    }
    let mut after = Vec::new();
    let (output, end) = home.protect(&name, ROWS).await?;
    for cut in 0..CUTS {
        home.heard().await?;
        after.push(cut_off(&home, 100 + cut, &output, &end).await?);
    }
    for times in [&mut opened, &mut begun, &mut after] {
        times.sort_by(f64::total_cmp);
    }
    let of =
        |times: &[f64]| format!("p50 {:.2} ms, p99 {:.2} ms", quantile(times, 0.5), quantile(times, 0.99));
    Ok(Report {
        bench: "reveal",
        unit: "ms",
        ours: quantile(&opened, 0.99),
        other: None,
        mode: format!(
            "p99 of {RUNS}: a permit decided and a data key opened that no cache holds; embedded store, sealed-file \
             root, in one process"
        ),
        more: vec![
            ("opened", of(&opened)),
            ("with manifest checked and entry committed (synced)", of(&begun)),
            ("from a quarantine's answer to the last revealed batch", of(&after)),
        ],
    })
}

/// How long after a quarantine was answered a running reveal still gave a batch, in ms; zero where it gave none.
async fn cut_off(home: &Home, seed: u8, output: &Bytes, end: &Protected) -> Result<f64, Failure> {
    let (ctx, identity) = home.identity(seed);
    home.known(identity).await?;
    let resource = Resource::Dataset(end.content.dataset);
    let permit = home.policy.permit(&ctx, Action::DatasetsReveal, resource, MachineClock.now())?;
    let reveal = async {
        let mut last = now();
        loop {
            let mut run = match home.datasets.reveal(&ctx, permit.clone(), &end.manifest, None).await {
                Ok(run) => run,
                Err(datasets::Error::Refused(_)) => return Ok::<_, Failure>(last),
                Err(error) => return Err(error.into()),
            };
            let mut rest = output.clone();
            while !rest.is_empty() {
                match run.push(rest.split_to(PIECE.min(rest.len()))).await {
                    Ok(_plain) => last = now(),
                    Err(datasets::Error::Refused(_)) => return Ok(last),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    };
    let quarantine = async {
        // Somewhere in the middle of a reveal.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let (action, resource) = (Action::IdentitiesQuarantine, Resource::Identity(identity));
        let permit = home.policy.permit(&home.admin, action, resource, MachineClock.now())?;
        home.respond.quarantine(&home.admin, &permit, identity, None, MachineClock.now()).await?;
        Ok::<_, Failure>(now())
    };
    let (last, answered) = futures::try_join!(reveal, quarantine)?;
    Ok(last.saturating_duration_since(answered).as_secs_f64() * 1e3)
}
