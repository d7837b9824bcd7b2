//! The key hierarchy over the embedded store and a sealed file.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod hierarchy;
mod root;

use base::{Action, Actor, Clock, Context, Id, Role, Secret, Timestamp, noun};
use keys::{Keys, SealedFile};
use ledger::{Entry, Kind};
use policy::{Permit, Policy, Resource};
use standing::Standings;
use std::{path::Path, sync::Arc};
use store::{Options, Registered, Schema, Store};

pub(crate) static SCHEMAS: &[&Schema] = &[&standing::SCHEMA, &keys::SCHEMA];
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        NOW
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
}

impl House {
    /// A house with one organization that has begun, and its administrator's context.
    pub(crate) async fn new(dir: &Path) -> Self {
        let provider = crypto::aws_lc();
        let random = Arc::clone(&provider);
        let options = Options {
            dir: dir.to_owned(),
            clock: Arc::new(Stopped),
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
        let keys = Keys::new(store.clone(), root, provider, Arc::new(Stopped));
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
        Self { store, keys, policy, standings, ctx }
    }

    pub(crate) fn as_identity(&self, identity: Id<noun::Identity>) -> Context {
        let actor = Actor::Identity { identity, credential: Id::from_bytes([5; 16]) };
        Context::authenticated(self.ctx.organization(), actor, Id::from_bytes([6; 16]))
    }

    pub(crate) fn permit(&self, ctx: &Context, action: Action, dataset: Id<noun::Dataset>) -> Permit {
        self.policy.permit(ctx, action, Resource::Dataset(dataset), NOW).expect("it is allowed")
    }

    pub(crate) async fn dataset(&self, seed: u8) -> Id<noun::Dataset> {
        let dataset = Id::from_bytes([seed; 16]);
        let mut tx = self.store.write(&self.ctx).await.expect("its turn");
        let (_, entry) = self.keys.create_dataset(&mut tx, dataset).await.expect("it is made");
        tx.commit(entry).await.expect("it commits");
        dataset
    }
}
