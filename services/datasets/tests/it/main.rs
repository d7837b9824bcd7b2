//! Protect and reveal over the embedded store, real keys and real standings.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod closed;
#[cfg(feature = "parquet-encryption")]
mod encrypted;
mod modes;
mod moved;
mod nodes;
mod parquet;
mod ports;
mod protect;
mod reencrypt;
mod release;
mod reveal;
mod stopped;

use base::{Action, Actor, Clock, Context, Id, Role, Secret, Timestamp, noun};
use bytes::Bytes;
use datasets::{Datasets, Error, Name, Protected};
use fields::{
    FieldPolicy, SignedManifest,
    formats::{Dialect, Format},
};
use keys::{Keys, SealedFile};
use ledger::{Entry, Kind};
use policy::{Permit, Policy, Resource};
use serde_json::Value;
use standing::Standings;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{Options, Queries as _, Registered, Schema, Store};

pub(crate) static SCHEMAS: &[&Schema] = &[&standing::SCHEMA, &keys::SCHEMA, &datasets::SCHEMA];
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const FILE: &[u8] = b"id,email,ssn\n1,ada@example.com,123\n2,bob@example.com,456\n";

/// A clock that stands still until it is moved on.
pub(crate) struct ByHand(AtomicI64);

impl ByHand {
    pub(crate) fn forward(&self, by: Duration) -> Timestamp {
        let by = i64::try_from(by.as_micros()).expect("a short time");
        self.0.fetch_add(by, Ordering::SeqCst);
        self.now()
    }
}

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) datasets: Datasets,
    pub(crate) policy: Policy,
    pub(crate) standings: Standings,
    pub(crate) ctx: Context,
    pub(crate) clock: Arc<ByHand>,
}

impl House {
    /// A house with one organization that has begun, and its administrator's context.
    pub(crate) async fn new(dir: &Path) -> Self {
        let clock = Arc::new(ByHand(AtomicI64::new(NOW.micros())));
        let root = SealedFile::create(&dir.join("root.sealed"), &passphrase(), crypto::aws_lc());
        let house = Self::over(dir, clock, root.expect("it is new")).await;
        house.keys.begin(&house.ctx).await.expect("the platform begins");
        let ctx = house.organization(7).await;
        Self { ctx, ..house }
    }

    /// Another node over the same files: it opens the store and the root by itself, and what it has in memory is its
    /// own.
    pub(crate) async fn another(&self, dir: &Path) -> Self {
        let root = SealedFile::open(&dir.join("root.sealed"), &passphrase(), crypto::aws_lc());
        let other = Self::over(dir, self.clock.clone(), root.expect("it opens")).await;
        let ctx = self.ctx.clone();
        other.standings.load(&ctx, self.clock.now()).await.expect("it loads");
        other.keys.begin(&ctx).await.expect("it has begun");
        Self { ctx, ..other }
    }

    /// A house over a directory, as the platform sees it.
    async fn over(dir: &Path, clock: Arc<ByHand>, root: SealedFile) -> Self {
        let provider = crypto::aws_lc();
        let random = Arc::clone(&provider);
        let options = Options {
            dir: dir.to_owned(),
            clock: clock.clone(),
            random: Arc::new(move |bytes| random.fill(bytes)),
        };
        let store = Store::open(options, SCHEMAS).await.expect("it opens");
        let keys = Keys::new(store.clone(), Arc::new(root), Arc::clone(&provider), clock.clone());
        let standings = Standings::new(store.clone());
        let policy = Policy::new(store.clone(), standings.view());
        let datasets = Datasets::new(store.clone(), keys.clone(), policy.clone(), provider, clock.clone());
        let platform =
            Context::authenticated(store.platform(), Actor::Administrator, Id::from_bytes([3; 16]));
        Self { store, keys, datasets, policy, standings, ctx: platform, clock }
    }

    /// A further organization, and its administrator's context.
    pub(crate) async fn organization(&self, seed: u8) -> Context {
        let platform =
            Context::authenticated(self.store.platform(), Actor::Administrator, Id::from_bytes([3; 16]));
        let id = Id::from_bytes([seed; 16]);
        let mut tx = self.store.write(&platform).await.expect("its turn");
        let registered = Registered { id, name: format!("acme {seed}"), created_at: NOW };
        tx.register(&registered).await.expect("a free name");
        tx.commit(Entry::done(Kind::OrganizationCreated, id)).await.expect("it commits");
        let ctx = person(id, Role::OrgAdmin);
        self.keys.begin(&ctx).await.expect("it begins");
        self.standings.load(&ctx, NOW).await.expect("it loads");
        ctx
    }

    /// The heartbeats of a node: it hears of standings and of the key epoch.
    pub(crate) async fn hear(&self, now: Timestamp) {
        self.standings.refresh(&self.ctx, now).await.expect("it is heard");
        self.keys.epoch_step(&self.ctx, now).await.expect("it is read");
    }

    pub(crate) fn as_identity(&self, identity: Id<noun::Identity>) -> Context {
        let actor = Actor::Identity { identity, credential: Id::from_bytes([5; 16]) };
        Context::authenticated(self.ctx.organization(), actor, Id::from_bytes([6; 16]))
    }

    pub(crate) fn permit(&self, ctx: &Context, action: Action, dataset: Id<noun::Dataset>) -> Permit {
        self.policy.permit(ctx, action, Resource::Dataset(dataset), self.clock.now()).expect("it is allowed")
    }

    /// Protects a file that arrives in pieces of `piece` bytes.
    pub(crate) async fn protect(
        &self,
        ctx: &Context,
        input: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, Protected), Error> {
        let name = customers();
        let permit = self.permit(ctx, Action::DatasetsProtect, name.dataset(ctx.organization()));
        let policy = FieldPolicy::aead(["email", "ssn"]).expect("a policy");
        let mut run = self.datasets.protect(ctx, permit, &name, Some(policy), csv()).await?;
        let mut output = Vec::new();
        for piece in input.chunks(piece) {
            output.extend_from_slice(&run.push(Bytes::copy_from_slice(piece)).await?);
        }
        let end = run.finish().await?;
        output.extend_from_slice(&end.rest);
        Ok((output, end))
    }

    /// Reveals a file that arrives in pieces of `piece` bytes.
    pub(crate) async fn reveal(
        &self,
        ctx: &Context,
        output: &[u8],
        manifest: &SignedManifest,
        piece: usize,
    ) -> Result<Vec<u8>, Error> {
        let permit = self.permit(ctx, Action::DatasetsReveal, manifest.dataset()?);
        let mut run = self.datasets.reveal(ctx, permit, manifest, None).await?;
        let mut plain = Vec::new();
        for piece in output.chunks(piece) {
            plain.extend_from_slice(&run.push(Bytes::copy_from_slice(piece)).await?);
        }
        plain.extend_from_slice(&run.finish().await?.0);
        Ok(plain)
    }

    /// The organization's entries.
    pub(crate) async fn entries(&self) -> Vec<Value> {
        let read = self.store.read(&self.ctx).await.expect("it reads");
        let entries = read.entries(0, 1_000).await.expect("it reads");
        entries.iter().map(|(_, json)| serde_json::from_slice(json).expect("JSON")).collect()
    }

    /// The kinds of the entries after the organization's beginning.
    pub(crate) async fn kinds(&self) -> Vec<String> {
        let kind = |entry: &Value| entry["kind"].as_str().expect("text").to_owned();
        let kinds = self.entries().await.iter().map(kind).collect::<Vec<_>>();
        let first = kinds.iter().position(|kind| kind.starts_with("dataset.") || kind.starts_with("access."));
        kinds[first.unwrap_or(kinds.len())..].to_vec()
    }
}

fn passphrase() -> Secret<String> {
    Secret::new("correct horse".to_owned())
}

pub(crate) fn person(organization: Id<noun::Organization>, role: Role) -> Context {
    let actor = Actor::Person { person: Id::from_bytes([1; 16]), credential: Id::from_bytes([2; 16]), role };
    Context::authenticated(organization, actor, Id::from_bytes([4; 16]))
}

/// A second person.
pub(crate) fn other_person(organization: Id<noun::Organization>, role: Role) -> Context {
    let (person, credential) = (Id::from_bytes([11; 16]), Id::from_bytes([12; 16]));
    Context::authenticated(organization, Actor::Person { person, credential, role }, Id::from_bytes([13; 16]))
}

pub(crate) fn customers() -> Name {
    "customers".parse().expect("a name")
}

pub(crate) fn csv() -> Format {
    Format::Csv(Dialect::default())
}
