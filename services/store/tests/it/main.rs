//! The promises of the store, kept by the embedded one.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod door;
mod erased;
mod space;

use base::{Actor, Clock, Context, Id, Role, Timestamp, noun};
use ledger::{Entry, Kind};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use store::{Change, Guard, Migration, Options, Registered, Schema, Store};

pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }
}

pub(crate) static NOTES: Schema =
    Schema { service: "notes", migrations: &[Migration { name: "notes", up: notes }] };
pub(crate) static SCHEMAS: &[&Schema] = &[&NOTES];

fn notes(guard: &Guard) -> Vec<Change> {
    use sea_orm::sea_query::ColumnDef;
    vec![guard.table("notes", &["position"], |table| {
        table
            .col(ColumnDef::new("position").big_integer().not_null())
            .col(ColumnDef::new("text").text().not_null())
    })]
}

pub(crate) mod note {
    #![expect(unreachable_pub, reason = "the entity derives make public items")]
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub text: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) async fn open(dir: &std::path::Path) -> Result<Store, store::Error> {
    let drawn = AtomicU64::new(0);
    // No two draws are alike.
    let random = move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            let hash = base::digest::sha256(&drawn.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&hash[..chunk.len()]);
        }
    };
    let options = Options { dir: dir.to_owned(), clock: Arc::new(Stopped), random: Arc::new(random) };
    Store::open(options, SCHEMAS).await
}

pub(crate) fn context(organization: Id<noun::Organization>) -> Context {
    let person = Actor::Person {
        person: Id::from_bytes([1; 16]),
        credential: Id::from_bytes([2; 16]),
        role: Role::OrgAdmin,
    };
    Context::authenticated(organization, person, Id::from_bytes([3; 16]))
}

pub(crate) fn started(ctx: &Context) -> Entry {
    Entry::done(Kind::LedgerStarted, ctx.organization())
}

/// A store with one organization whose ledger has begun.
pub(crate) async fn organization(dir: &std::path::Path, seed: u8) -> (Store, Context) {
    let store = open(dir).await.expect("it opens");
    let platform = context(store.platform());
    let mut tx = store.write(&platform).await.expect("the platform is there");
    let id = Id::from_bytes([seed; 16]);
    let name = format!("organization {seed}");
    tx.register(&Registered { id, name, created_at: tx.now() }).await.expect("the name is free");
    tx.commit_all(vec![started(&platform), Entry::done(Kind::OrganizationCreated, id)])
        .await
        .expect("it commits");
    let ctx = context(id);
    let tx = store.write(&ctx).await.expect("it is registered");
    tx.commit(started(&ctx)).await.expect("it commits");
    (store, ctx)
}
