//! The log of logs: what the platform's log records of an organization's, and what that is good for.

use crate::house::{House, copy, keys};
use audit::platform::Recorded;
use audit::{Error, Memory, Sighting};
use base::{Context, Id, noun};
use ledger::{Entry, Kind, checkpoint};
use sea_orm::EntityTrait as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Queries as _, Registered};
use verify::charter;

/// An organization beside the platform, with a log that has begun.
pub(crate) struct Other {
    pub(crate) ctx: Context,
    pub(crate) keys: audit::LogKeys,
}

impl Other {
    pub(crate) async fn register(house: &House, seed: u8, keys_of: Option<audit::LogKeys>) -> Self {
        let id: Id<noun::Organization> = Id::from_bytes([seed; 16]);
        if !house.store.exists(id) {
            let name = format!("Other {seed}");
            let registered = Registered { id, name, created_at: base::Clock::now(&crate::house::Fixed) };
            let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
            tx.register(&registered).await.expect("it is new");
            let _ = tx.commit(Entry::done(Kind::OrganizationCreated, id)).await.expect("it commits");
        }
        let ctx = Context::background(id, "test", Id::from_bytes([4; 16]));
        Self { ctx, keys: keys_of.unwrap_or_else(|| keys(id)) }
    }

    pub(crate) async fn begin(&self, house: &House) {
        let [ed25519, ml_dsa_44] = self.keys.verifier_keys();
        let organization = self.ctx.organization();
        let entry = checkpoint::started(organization, checkpoint::FIRST_GENERATION, &ed25519, &ml_dsa_44);
        let tx = house.store.write(&self.ctx).await.expect("the door opens");
        let _ = tx.commit(entry).await.expect("it commits");
    }

    pub(crate) async fn grow(&self, house: &House, count: usize) {
        let tx = house.store.write(&self.ctx).await.expect("the door opens");
        let entry = || Entry::done(Kind::FindingsRecorded, self.ctx.organization()).batch(1, [7; 32]);
        let _ = tx.commit_all((0..count).map(|_| entry()).collect()).await.expect("it commits");
    }

    pub(crate) async fn publish(&self, house: &House) -> Result<(), Error> {
        while house.audit.publish_step(&self.ctx, &self.keys).await?.more {}
        Ok(())
    }

    fn origin(&self) -> String {
        checkpoint::origin(self.ctx.organization(), 1)
    }
}

/// A platform with a memory of its own, as the node wires it.
async fn platform(dir: &Path, keys_of: Option<audit::LogKeys>) -> (House, Arc<Recorded>) {
    let mut recorded = None;
    let house = House::open_with(dir, keys_of, |options| {
        let (store, platform) = (options.store.clone(), options.store.platform());
        let context = move || Context::background(platform, "test", Id::from_bytes([5; 16]));
        let memory = Arc::new(Recorded::new(store, Arc::new(context)));
        options.memories.push(Arc::clone(&memory) as Arc<dyn Memory>);
        recorded = Some(memory);
    })
    .await;
    let recorded = recorded.expect("it was made");
    recorded.watch(&house.audit);
    (house, recorded)
}

#[tokio::test]
async fn what_has_grown_is_recorded_once_in_order_and_a_proof_passes_through_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (house, recorded) = platform(dir.path(), None).await;
    house.begin().await;
    let (a, b) = (Other::register(&house, 8, None).await, Other::register(&house, 9, None).await);
    let all = [a.ctx.organization(), b.ctx.organization()];
    let record = || house.audit.record_step(&house.ctx, &all);
    assert_eq!(record().await.expect("it works"), 0, "nothing is published");
    for other in [&a, &b] {
        other.begin(&house).await;
        other.publish(&house).await.expect("it publishes");
    }
    assert_eq!(record().await.expect("it works"), 2);
    assert_eq!(record().await.expect("it works"), 0, "neither has grown");
    a.grow(&house, 3).await;
    a.publish(&house).await.expect("it publishes");
    assert_eq!(record().await.expect("it works"), 1);

    // The entries say what the logs were, and nothing covers them before the platform has published.
    let origin = a.origin();
    assert_eq!(house.audit.covering(&house.ctx, &origin, 1).await.expect("it reads"), None);
    house.publish().await;
    let (published, note) = house.audit.published(a.ctx.organization()).expect("it is published");
    let covering =
        house.audit.covering(&house.ctx, &origin, 4).await.expect("it reads").expect("it is recorded");
    assert_eq!((&covering.checkpoint, &covering.note), (&published, &note));
    assert_eq!(
        house.audit.covering(&house.ctx, &origin, 5).await.expect("it reads"),
        None,
        "not so large yet"
    );
    let read = house.store.read(&house.ctx).await.expect("the door opens");
    let entries = read.entries(0, 100).await.expect("it reads");
    let mut sizes = Vec::new();
    for (position, entry) in entries {
        let seen = verify::entry::read(&entry).expect("an entry");
        for checkpoint in charter::recorded(&seen).unwrap_or_default() {
            sizes.push((checkpoint.origin.clone(), checkpoint.size));
            if checkpoint == published {
                assert_eq!(position, covering.position);
            }
        }
    }
    assert_eq!(sizes, [(a.origin(), 1), (b.origin(), 1), (a.origin(), 4)]);

    // What is older than a published record proves nothing more and is forgotten, and the newest never is.
    for _ in 0..3 {
        a.grow(&house, 1).await;
        a.publish(&house).await.expect("it publishes");
        assert_eq!(record().await.expect("it works"), 1);
        house.publish().await;
    }
    let covering =
        house.audit.covering(&house.ctx, &origin, 1).await.expect("it reads").expect("it is recorded");
    assert_eq!(covering.checkpoint.size, 7);
    let seen = recorded.newest(&a.ctx, &origin).await.expect("it answers");
    let root = Some(covering.checkpoint.root);
    assert_eq!(seen, Some(Sighting { by: "the platform's log".to_owned(), size: 7, root }));
    assert_eq!(
        recorded.newest(&house.ctx, &origin).await.expect("it answers"),
        None,
        "of itself it says nothing"
    );
}

/// One organization's own files, as they were before the platform's log recorded more of its log.
struct Backup {
    dir: PathBuf,
    parts: [String; 2],
}

impl Backup {
    fn put_back(&self, data: &Path) {
        for part in &self.parts {
            std::fs::remove_dir_all(data.join(part)).expect("removed");
            copy(&self.dir.join(part), &data.join(part));
        }
    }
}

/// A platform in `dir`/data that has recorded an organization's log of three entries, and a backup of it at one.
async fn recorded_since_a_backup(dir: &Path) -> (House, Other, Backup) {
    let data = dir.join("data");
    std::fs::create_dir(&data).expect("made");
    let (house, _) = platform(&data, None).await;
    house.begin().await;
    let other = Other::register(&house, 8, None).await;
    other.begin(&house).await;
    other.publish(&house).await.expect("it publishes");
    house.store.close().await;
    let bare = other.ctx.organization().bare();
    let parts = [format!("organizations/{bare}"), format!("ledgers/{bare}")];
    let backup = Backup { dir: dir.join("backup"), parts };
    for part in &backup.parts {
        copy(&data.join(part), &backup.dir.join(part));
    }
    let (house, _) = platform(&data, Some(house.keys.clone())).await;
    other.grow(&house, 2).await;
    other.publish(&house).await.expect("it publishes");
    assert_eq!(house.audit.record_step(&house.ctx, &[other.ctx.organization()]).await.expect("it works"), 1);
    (house, other, backup)
}

#[tokio::test]
async fn an_organization_s_older_state_beside_the_platform_s_present_one_signs_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let (house, other, backup) = recorded_since_a_backup(dir.path()).await;
    house.store.close().await;
    // That organization's files alone are restored.
    backup.put_back(&data);
    let (house, _) = platform(&data, Some(house.keys.clone())).await;
    let other = Other::register(&house, 8, Some(other.keys)).await;
    let error = other.publish(&house).await.expect_err("it is behind");
    assert!(matches!(error, Error::Behind { known: 3, .. }), "{error:?}");
}

#[tokio::test]
async fn the_platform_s_published_files_remember_what_its_database_was_made_to_forget() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let (house, other, backup) = recorded_since_a_backup(dir.path()).await;
    // The record is not in the last bundle.
    house.commit(300).await;
    house.publish().await;
    // Whoever commands the database takes the record out, and puts the organization's files back.
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let deleted = tx.delete(rows::Entity::delete_many()).await.expect("they go");
    assert_eq!(deleted, 1);
    let entry = Entry::done(Kind::FindingsRecorded, house.ctx.organization()).batch(1, [7; 32]);
    let _ = tx.commit(entry).await.expect("it commits");
    house.store.close().await;
    backup.put_back(&data);
    let (house, recorded) = platform(&data, Some(house.keys.clone())).await;
    let other = Other::register(&house, 8, Some(other.keys)).await;
    let elsewhere = recorded.newest(&other.ctx, "nexora.internal/elsewhere").await;
    assert_eq!(elsewhere.expect("it answers"), None, "a log without a record");
    let error = other.publish(&house).await.expect_err("it is behind");
    assert!(matches!(error, Error::Behind { known: 3, .. }), "{error:?}");
    house.store.close().await;

    // Nor does it go on where these files are not whole.
    let platform_files = data.join("ledgers").join(house.ctx.organization().bare());
    std::fs::remove_file(platform_files.join("tile/entries/000")).expect("removed");
    let (house, recorded) = platform(&data, Some(house.keys.clone())).await;
    let _ = &house;
    let silent = recorded.newest(&other.ctx, "nexora.internal/elsewhere").await;
    assert!(silent.expect_err("it does not know").required);
}

/// The table of the records, as whoever commands the database sees it.
#[expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]
mod rows {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "recorded_checkpoints")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub origin: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
