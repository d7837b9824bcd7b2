//! The key hierarchy over the embedded store and a sealed file.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod breach;
mod closing;
mod custodians;
mod export;
mod fields;
mod golden;
mod hierarchy;
mod hostile;
mod lifecycle;
mod lost;
mod packages;
mod recovery;
mod root;
mod rotation;
mod setups;
mod shred;
mod stranger;
mod uses;

use base::{Action, Actor, Clock, Context, Id, Limit, Role, Secret, Timestamp, noun};
use keys::{Filter, Key, Keys, Purpose, SealedFile};
use ledger::{Entry, Kind};
use policy::{Permit, Policy, Resource};
use standing::Standings;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{Options, Registered, Schema, Store};

pub(crate) static SCHEMAS: &[&Schema] = &[&standing::SCHEMA, &keys::SCHEMA];
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

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

pub(crate) fn passphrase() -> Secret<String> {
    Secret::new("correct horse".to_owned())
}

pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) policy: Policy,
    pub(crate) standings: Standings,
    pub(crate) ctx: Context,
    pub(crate) clock: Arc<ByHand>,
    pub(crate) root: Arc<SealedFile>,
}

impl House {
    /// A house with one organization that has begun, and its administrator's context.
    pub(crate) async fn new(dir: &Path) -> Self {
        let provider = crypto::aws_lc();
        let random = Arc::clone(&provider);
        let clock = Arc::new(ByHand(AtomicI64::new(NOW.micros())));
        let options = Options {
            dir: dir.to_owned(),
            clock: clock.clone(),
            random: Arc::new(move |bytes| random.fill(bytes)),
        };
        let store = Store::open(options, SCHEMAS).await.expect("it opens");
        let path = dir.join("root.sealed");
        let root = if SealedFile::exists(&path) {
            SealedFile::open(&path, &passphrase(), Arc::clone(&provider))
        } else {
            SealedFile::create(&path, &passphrase(), Arc::clone(&provider))
        };
        let root = Arc::new(root.expect("it opens"));
        let keys = Keys::new(store.clone(), root.clone(), provider, clock.clone());
        let standings = Standings::new(store.clone());
        let policy = Policy::new(store.clone(), standings.view());
        let platform =
            Context::authenticated(store.platform(), Actor::Administrator, Id::from_bytes([3; 16]));
        let id = Id::from_bytes([7; 16]);
        if !store.exists(id) {
            keys.begin(&platform).await.expect("the platform begins");
            let mut tx = store.write(&platform).await.expect("its turn");
            tx.register(&Registered { id, name: "acme".into(), created_at: NOW }).await.expect("a free name");
            tx.commit(Entry::done(Kind::OrganizationCreated, id)).await.expect("it commits");
        }
        let person = Actor::Person {
            person: Id::from_bytes([1; 16]),
            credential: Id::from_bytes([2; 16]),
            role: Role::OrgAdmin,
        };
        let ctx = Context::authenticated(id, person, Id::from_bytes([4; 16]));
        keys.begin(&ctx).await.expect("it begins");
        standings.load(&ctx, NOW).await.expect("it loads");
        Self { store, keys, policy, standings, ctx, clock, root }
    }

    /// Another node over the same store and root: what it has in memory is its own.
    pub(crate) async fn node(&self) -> Keys {
        let (root, clock) = (self.root.clone(), self.clock.clone());
        let keys = Keys::new(self.store.clone(), root, crypto::aws_lc(), clock);
        keys.epoch_step(&self.ctx, self.clock.now()).await.expect("it reads the epoch");
        keys
    }

    /// Another administrator of the organization.
    pub(crate) fn as_person(&self, seed: u8) -> Context {
        let person = Id::from_bytes([seed; 16]);
        let actor = Actor::Person { person, credential: Id::from_bytes([seed; 16]), role: Role::OrgAdmin };
        Context::authenticated(self.ctx.organization(), actor, Id::from_bytes([seed; 16]))
    }

    /// The administrator's permit for an act on one version of a key.
    pub(crate) fn on_key(&self, action: Action, key: Id<noun::Key>) -> Permit {
        self.policy.permit(&self.ctx, action, Resource::Key(key), self.clock.now()).expect("it is allowed")
    }

    /// The versions of the organization's keys of this purpose.
    pub(crate) async fn versions(&self, purpose: Purpose) -> Vec<Key> {
        let filter = Filter { purpose: Some(purpose), ..Filter::default() };
        self.keys.versions(&self.ctx, &filter, Limit::default(), None).await.expect("a page").items
    }

    /// The newest entry.
    pub(crate) async fn last_entry(&self) -> serde_json::Value {
        let read = self.store.read(&self.ctx).await.expect("a snapshot");
        let entries = store::Queries::entries(&read, 0, 1_000).await.expect("entries");
        serde_json::from_slice(&entries.last().expect("one").1).expect("JSON")
    }

    /// The kinds of the last `count` entries.
    pub(crate) async fn last_kinds(&self, count: usize) -> Vec<String> {
        let read = self.store.read(&self.ctx).await.expect("a snapshot");
        let entries = store::Queries::entries(&read, 0, 1_000).await.expect("entries");
        let kind = |json: &[u8]| {
            let entry: serde_json::Value = serde_json::from_slice(json).expect("JSON");
            entry["kind"].as_str().expect("text").to_owned()
        };
        let kinds = entries.iter().map(|(_, json)| kind(json)).collect::<Vec<_>>();
        kinds[kinds.len() - count..].to_vec()
    }

    /// Whether standings and the key epoch are heard again after the clock was moved.
    pub(crate) async fn heard(&self) {
        let now = self.clock.now();
        self.standings.refresh(&self.ctx, now).await.expect("it reads");
        self.keys.epoch_step(&self.ctx, now).await.expect("it reads");
    }

    pub(crate) fn as_identity(&self, identity: Id<noun::Identity>) -> Context {
        let actor = Actor::Identity { identity, credential: Id::from_bytes([5; 16]) };
        Context::authenticated(self.ctx.organization(), actor, Id::from_bytes([6; 16]))
    }

    pub(crate) fn permit(&self, ctx: &Context, action: Action, dataset: Id<noun::Dataset>) -> Permit {
        self.policy.permit(ctx, action, Resource::Dataset(dataset), self.clock.now()).expect("it is allowed")
    }

    pub(crate) async fn dataset(&self, seed: u8) -> Id<noun::Dataset> {
        let dataset = Id::from_bytes([seed; 16]);
        let mut tx = self.store.write(&self.ctx).await.expect("its turn");
        let (_, entry) = self.keys.create_dataset(&mut tx, dataset).await.expect("it is made");
        tx.commit(entry).await.expect("it commits");
        dataset
    }
}

/// Seals a data key to the version of a dataset's key that is in use; the version, and what is sealed.
pub(crate) async fn sealed(house: &House, dataset: Id<noun::Dataset>) -> (Id<noun::Key>, Vec<u8>) {
    let key = house.keys.dataset_key(&house.ctx, dataset).await.expect("it is there");
    let sealed = crypto::hpke::seal(&*crypto::aws_lc(), &key.public, INFO, &[], b"data key");
    (key.id, sealed.expect("it seals"))
}

/// What the data keys of these tests are bound to.
pub(crate) const INFO: &[u8] = b"info";

/// Has the organization sign a document for this permit.
pub(crate) async fn signed(
    house: &House,
    permit: &Permit,
    dataset: Id<noun::Dataset>,
) -> Result<crypto::jws::Jws, keys::Error> {
    let payload = b"{}".to_vec();
    house.keys.sign(&house.ctx, Purpose::Manifest, permit, dataset, "test+json", payload).await
}
