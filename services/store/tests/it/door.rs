//! Two doors, entries in commit order, positions, doorbells, guards.

use crate::{context, note, open, organization, started};
use base::{Fault, Id, Kind as ErrorKind};
use ledger::{Entry, Kind};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use store::{Error, Queries};

fn row(tx: &store::Tx, position: i64, text: &str) -> note::ActiveModel {
    note::ActiveModel { organization: Set(tx.owner()), position: Set(position), text: Set(text.to_owned()) }
}

#[tokio::test]
async fn a_change_and_its_entry_commit_together_and_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let mut bell = store.doorbell(ctx.organization(), "notes");
    for text in ["one", "two"] {
        let mut tx = store.write(&ctx).await.expect("its turn");
        let position = tx.next_position("notes").await.expect("a position");
        tx.insert(row(&tx, position, text)).await.expect("it fits");
        let entry =
            Entry::done(Kind::ResponseSet, ctx.organization()).details(serde_json::json!({"n": text}));
        let committed = tx.commit(entry).await.expect("it commits");
        assert_eq!(committed.entry(), u64::try_from(position).expect("small") + 1);
    }
    bell.wait().await;
    let read = store.read(&ctx).await.expect("a snapshot");
    let notes = read.all(note::Entity::find()).await.expect("rows");
    assert_eq!(notes.iter().map(|note| note.position).collect::<Vec<_>>(), [0, 1]);
    let entries = read.entries(1, 10).await.expect("entries");
    assert_eq!(entries.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2]);
    let salted = read.entry_details(2).await.expect("a read").expect("it has details");
    assert_eq!(&salted[32..], br#"{"n":"two"}"#);
    let text = String::from_utf8(entries[1].1.clone()).expect("JSON");
    assert!(text.contains(&base::digest::hex(&base::digest::sha256(&salted))), "{text}");
}

#[tokio::test]
async fn a_dropped_transaction_never_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let mut tx = store.write(&ctx).await.expect("its turn");
    let position = tx.next_position("notes").await.expect("a position");
    tx.insert(row(&tx, position, "lost")).await.expect("it fits");
    drop(tx);
    let mut tx = store.write(&ctx).await.expect("the next turn");
    assert_eq!(tx.next_position("notes").await.expect("a position"), 0, "no gap");
    assert_eq!(tx.count(note::Entity::find()).await.expect("a count"), 0);
}

#[tokio::test]
async fn organizations_do_not_meet() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let stranger = context(Id::from_bytes([8; 16]));
    let refused = store.read(&stranger).await.err().expect("it is not registered");
    assert_eq!(refused.kind(), ErrorKind::NotSignedIn);
    assert!(!store.directory(stranger.organization()).exists(), "nothing is created for an unknown name");

    let mut tx = store.write(&ctx).await.expect("its turn");
    let mut foreign = row(&tx, 0, "smuggled");
    foreign.organization = Set(vec![8; 16]);
    let rejected = tx.insert_all(vec![foreign], OnConflict::new()).await;
    assert!(matches!(rejected, Err(Error::Database(_))), "the file's guard rejects it: {rejected:?}");
}

#[tokio::test]
async fn a_file_of_another_organization_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let ours = store.directory(ctx.organization());
    let platform = store.directory(store.platform());
    store.close().await;
    drop(store);
    std::fs::copy(platform.join("store.db"), ours.join("store.db")).expect("it copies");
    let store = open(dir.path()).await.expect("the platform's file is right");
    assert!(matches!(store.read(&ctx).await, Err(Error::WrongFile { .. })));
}

#[tokio::test]
async fn a_ledger_begins_with_its_start_and_starts_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let tx = store.write(&ctx).await.expect("its turn");
    assert!(matches!(tx.commit(started(&ctx)).await, Err(Error::LedgerNotStarted)));
    let tx = store.write(&ctx).await.expect("its turn");
    assert!(matches!(tx.commit_all(Vec::new()).await, Err(Error::LedgerNotStarted)));
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let mut tx = store.write(&ctx).await.expect("its turn");
    tx.set_cursor("reader", 41).await.expect("it fits");
    tx.set_cursor("reader", 42).await.expect("it fits");
    tx.commit_derived().await.expect("it commits");
    drop(store);
    let store = open(dir.path()).await.expect("it opens again");
    assert_eq!(store.organizations().len(), 1);
    let read = store.read(&ctx).await.expect("a snapshot");
    assert_eq!(read.cursor("reader").await.expect("a cursor"), 42);
    assert_eq!(read.end(store::OUTBOX).await.expect("the end"), 1);
}

/// A caller who goes away drops its future wherever it waits: its change is there whole or not at all, and the
/// next writer has its turn.
#[tokio::test]
async fn a_caller_may_go_away_at_any_point() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, ctx) = organization(dir.path(), 7).await;
    let write = async |text: &str| {
        let mut tx = store.write(&ctx).await.expect("its turn");
        let position = tx.next_position("notes").await.expect("a position");
        tx.insert(row(&tx, position, text)).await.expect("it fits");
        tx.commit(Entry::done(Kind::ResponseSet, ctx.organization())).await.expect("it commits");
    };
    // The future is polled a few times more in each round, and then dropped.
    for polls in 0..200_u32 {
        let mut left = polls % 40;
        let mut change = std::pin::pin!(write("perhaps"));
        let gone = std::future::poll_fn(|waker| {
            if change.as_mut().poll(waker).is_ready() {
                return std::task::Poll::Ready(false);
            }
            left = left.saturating_sub(1);
            if left == 0 { std::task::Poll::Ready(true) } else { std::task::Poll::Pending }
        });
        let _gone = gone.await;
    }
    write("certainly").await;
    let read = store.read(&ctx).await.expect("a snapshot");
    let notes = read.all(note::Entity::find()).await.expect("rows");
    let positions: Vec<_> = notes.iter().map(|note| note.position).collect();
    assert_eq!(positions, (0..read.end("notes").await.expect("the end")).collect::<Vec<_>>());
    let entries = read.entries(1, 1_000).await.expect("entries");
    assert_eq!(entries.len(), notes.len(), "each change has its entry, and no entry is without its change");
    assert_eq!(notes.last().map(|note| note.text.as_str()), Some("certainly"));
}

#[tokio::test]
async fn a_lost_platform_is_not_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = organization(dir.path(), 7).await;
    store.close().await;
    drop(store);
    std::fs::remove_file(dir.path().join("organizations/platform")).expect("it was there");
    assert!(matches!(open(dir.path()).await, Err(Error::Damaged { .. })));
}
