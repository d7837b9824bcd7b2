//! Expiry: what is older than is kept goes, by an entry that says so; a hold stops it; a crash at any point is made up.

use crate::house::{House, Pair};
use audit::conformance::{Call, Watched};
use audit::{Directory, Error, LocalDirectory, LogKeys, Storage, StorageError, retention};
use base::{Clock as _, Timestamp};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use store::Queries as _;
use verify::{LedgerFiles as _, TilePath, merkle};

const DAY: Duration = Duration::from_secs(86_400);
const START: Timestamp = Timestamp::from_millis(1_763_800_000_000);

/// A log of 1,300 entries: a thousand of long ago, and three hundred of today, 40 days later.
async fn aged(dir: &Path) -> House {
    let house = House::open(dir, None).await;
    fill(&house).await;
    house
}

async fn fill(house: &House) {
    house.begin().await;
    with_details(house, 999).await;
    house.publish().await;
    house.clock.set(START + DAY * 40);
    with_details(house, 300).await;
    house.publish().await;
}

async fn with_details(house: &House, count: u64) {
    let tx = house.store.write(&house.ctx).await.expect("the door opens");
    let entry = || {
        ledger::Entry::done(ledger::Kind::FindingsRecorded, house.ctx.organization())
            .details(serde_json::json!({"name": "canary"}))
    };
    let _ = tx.commit_all((0..count).map(|_| entry()).collect()).await.expect("it commits");
}

/// Sets a shorter time, and waits until it holds.
pub(crate) async fn shorten(house: &House, days: u32) {
    house.audit.set_retention(&house.ctx, days).await.expect("it is set");
    house.clock.set(house.clock.now() + retention::DELAY);
}

fn home(house: &House) -> PathBuf {
    house.audit.directory(house.ctx.organization()).expect("a local directory")
}

fn files(house: &House) -> Vec<String> {
    Directory::open(&home(house)).expect("it is there").list().expect("it lists")
}

/// Takes steps until none does anything; publishes between them, as a node does.
pub(crate) async fn expire(house: &House) -> (Vec<u64>, usize) {
    let (mut pruned, mut removed) = (Vec::new(), 0);
    loop {
        let step = house.audit.expire_step(&house.ctx).await.expect("a step");
        pruned.extend(step.pruned);
        removed += step.removed;
        let published = house.publish().await;
        if step == audit::retention::Expired::default() && published == 0 {
            return (pruned, removed);
        }
    }
}

async fn details(house: &House, position: u64) -> bool {
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    read.entry_details(position).await.expect("a read").is_some()
}

#[tokio::test]
async fn seven_years_are_kept_and_a_shorter_time_prunes_a_prefix() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = aged(dir.path()).await;
    assert_eq!(expire(&house).await, (vec![], 0), "seven years are not over");
    let kept = house.audit.retention(&house.ctx).await.expect("it answers");
    assert_eq!((kept.days, kept.set, kept.minimum), (2_557, false, 0));
    let before = files(&house);
    let whole = house.verify().expect("it verifies").checkpoint.checkpoint().clone();

    assert!(matches!(house.audit.set_retention(&house.ctx, 29).await, Err(Error::Days)));
    shorten(&house, 39).await;
    // One step: the entry. Nothing goes before it is published.
    let step = house.audit.expire_step(&house.ctx).await.expect("a step");
    assert_eq!((step.pruned, step.removed), (Some(768), 0), "a multiple of 256 below the thousand");
    let waits = house.audit.expire_step(&house.ctx).await.expect("a step");
    assert_eq!(waits, retention::Expired { waits: true, ..retention::Expired::default() });
    assert_eq!(files(&house), before, "every file is there");
    assert!(details(&house, 5).await);
    house.publish().await;
    assert!(house.verify().is_ok(), "also between the two: the log may hold what it need not");
    let step = house.audit.expire_step(&house.ctx).await.expect("a step");
    assert_eq!((step.pruned, step.removed), (None, 6), "three bundles, three tiles of hashes");
    assert_eq!(expire(&house).await, (vec![], 0));

    let left = files(&house);
    let gone: Vec<_> = before.iter().filter(|path| !left.contains(path)).collect();
    let tiles = gone.iter().map(|path| path.parse::<TilePath>().expect("a tile"));
    assert!(tiles.clone().all(|tile| tile.is_prunable(768)), "{gone:?}");
    assert_eq!(gone.iter().filter(|path| path.starts_with("tile/entries/")).count(), 3, "{gone:?}");
    assert!(!details(&house, 767).await && details(&house, 768).await);
    let report = house.verify().expect("what is left verifies");
    assert_eq!(report.charter.minimum, 768);
    assert_eq!(house.audit.minimum(&house.ctx).await.expect("it answers"), 768);
    // Every entry that is kept can be proven, and the log before is a beginning of the log after.
    let log = house.audit.files(house.ctx.organization());
    let published = ledger::Published::open(&log).expect("it opens");
    let head = report.checkpoint.checkpoint();
    for index in [768, 769, 1_023, 1_024, head.size - 1] {
        published.prove(index).expect("a proof");
    }
    let proof = published.consistency(whole.size, head.size).expect("a proof");
    assert!(merkle::consistent(whole.size, &whole.root, head.size, &head.root, &proof));
    // The log goes on, and a restart finds nothing missing.
    house.commit(5).await;
    house.publish().await;
    house.store.close().await;
    let house = House::open(dir.path(), Some(house.keys)).await;
    house.clock.set(START + DAY * 100);
    house.commit(600).await;
    house.publish().await;
    let (pruned, removed) = expire(&house).await;
    assert_eq!(
        (pruned, removed),
        (vec![1_280], 4),
        "all of it is older than 39 days but for what was just written"
    );
    assert_eq!(house.verify().expect("it verifies").charter.minimum, 1_280);
}

/// Whoever sets a shorter time does not destroy anything before others could see it and take it back.
#[tokio::test]
async fn a_shorter_time_takes_effect_after_seven_days_and_can_be_taken_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = aged(dir.path()).await;
    let (audit, ctx, set_at) = (&house.audit, &house.ctx, house.clock.now());
    let still = async || audit.retention(ctx).await.expect("it answers").still;
    audit.set_retention(ctx, 30).await.expect("it is set");
    let until = set_at + DAY * 7;
    assert_eq!(still().await, Some(retention::Still { days: 2_557, until }));
    // Not sooner by setting it in steps, nor by setting it again.
    house.clock.set(set_at + DAY * 6);
    audit.set_retention(ctx, 31).await.expect("it is set");
    let later = set_at + DAY * 13;
    assert_eq!(still().await, Some(retention::Still { days: 2_557, until: later }));
    house.clock.set(until);
    house.publish().await;
    assert_eq!(expire(&house).await, (vec![], 0), "still seven years");
    // A longer time holds at once: taken back.
    audit.set_retention(ctx, 2_557).await.expect("it is set");
    house.publish().await;
    assert_eq!(still().await, None);
    house.clock.set(later + DAY);
    assert_eq!(expire(&house).await, (vec![], 0));
    shorten(&house, 30).await;
    assert_eq!(still().await, None, "it is over");
    assert_eq!(expire(&house).await.0, [768]);
    let read = house.store.read(ctx).await.expect("a snapshot");
    let entries = read.entries(0, 10_000).await.expect("entries");
    let all: Vec<_> = entries.iter().map(|(_, entry)| String::from_utf8_lossy(entry).into_owned()).collect();
    let from = format!(r#""before":2557,"days":30,"from":"{until}""#);
    assert!(all.iter().any(|entry| entry.contains(&from)), "the entry says from when: {from}");
}

#[tokio::test]
async fn the_newest_entries_stay_however_old_they_are() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::open(dir.path(), None).await;
    house.begin().await;
    house.commit_together(1_023).await;
    house.publish().await;
    house.clock.set(START + DAY * 3_000);
    let (pruned, _) = expire(&house).await;
    assert_eq!(
        pruned,
        [768, 1_024],
        "the tile of the newest entry stays, which then is the one that says so"
    );
    assert!(house.verify().is_ok());
    house.commit(300).await;
    house.publish().await;
    assert!(house.verify().is_ok());
}

#[tokio::test]
async fn a_hold_stops_expiry_and_erasing_until_it_is_lifted() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = aged(dir.path()).await;
    let (audit, ctx) = (&house.audit, &house.ctx);
    shorten(&house, 30).await;
    let first = audit.place_hold(ctx, "the matter of canaries").await.expect("it is placed");
    let second = audit.place_hold(ctx, "another one").await.expect("it is placed");
    assert!(matches!(audit.place_hold(ctx, " ").await, Err(Error::Reason)));
    house.publish().await;
    assert_eq!(expire(&house).await, (vec![], 0));
    assert!(matches!(audit.erase(ctx, &[5..=5], None).await, Err(Error::Held(_))));
    audit.lift_hold(ctx, first.id).await.expect("it stands");
    assert!(matches!(audit.lift_hold(ctx, first.id).await, Err(Error::NoHold(_))), "once");
    assert_eq!(expire(&house).await, (vec![], 0), "the other one stands");
    let holds = audit.retention(ctx).await.expect("it answers").holds;
    assert_eq!(holds, std::slice::from_ref(&second));
    audit.lift_hold(ctx, second.id).await.expect("it stands");
    assert_eq!(expire(&house).await.0, [768]);
    // What was found expired is not put on record where a hold was placed meanwhile.
    house.clock.set(START + DAY * 100);
    house.commit_together(600).await;
    house.publish().await;
    audit.place_hold(ctx, "a third").await.expect("it is placed");
    assert_eq!(expire(&house).await, (vec![], 0));
    let read = house.store.read(ctx).await.expect("a snapshot");
    let entries = read.entries(0, 10_000).await.expect("entries");
    let all: String = entries.iter().map(|(_, entry)| String::from_utf8_lossy(entry).into_owned()).collect();
    assert!(all.contains("hold.placed") && all.contains("hold.lifted") && !all.contains("canaries"));
}

/// Between the entry that says so and the files that go, there is time for a hold.
#[tokio::test]
async fn a_hold_stops_a_pruning_that_is_on_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = aged(dir.path()).await;
    let (audit, ctx) = (&house.audit, &house.ctx);
    shorten(&house, 30).await;
    let step = audit.expire_step(ctx).await.expect("the entry");
    assert_eq!(step.pruned, Some(768));
    house.publish().await;
    let hold = audit.place_hold(ctx, "in between").await.expect("it is placed");
    house.publish().await;
    let before = files(&house);
    assert_eq!(expire(&house).await, (vec![], 0));
    assert_eq!(files(&house), before, "every file is there");
    assert!(details(&house, 5).await);
    audit.lift_hold(ctx, hold.id).await.expect("it stands");
    assert_eq!(expire(&house).await, (vec![], 6));
    assert!(!details(&house, 5).await);
    assert!(house.verify().is_ok());
}

/// What is pruned leaves the write-ahead log too, by the next step once nobody reads an older state.
#[tokio::test]
async fn pruned_details_are_in_no_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = aged(dir.path()).await;
    let read = house.store.read(&house.ctx).await.expect("a snapshot");
    let salted = read.entry_details(5).await.expect("a read").expect("it is there");
    shorten(&house, 30).await;
    assert_eq!(expire(&house).await.0, [768]);
    assert!(!house.audit.scrub_step(&house.ctx).await.expect("it answers"), "somebody reads what was");
    drop(read);
    // The dropped snapshot is given back by and by.
    let mut tries = 0;
    while !house.audit.scrub_step(&house.ctx).await.expect("it answers") {
        tries += 1;
        assert!(tries < 100, "nobody reads any more");
    }
    for file in ["store.db", "store.db-wal"] {
        let bytes = std::fs::read(house.store.directory(house.ctx.organization()).join(file));
        let bytes = bytes.unwrap_or_default();
        assert!(!bytes.windows(32).any(|window| window == &salted[..32]), "{file}");
    }
}

#[tokio::test]
async fn keys_that_were_renewed_are_restated() {
    let dir = tempfile::tempdir().expect("a directory");
    let (first, second) = (Pair::fresh(), Pair::fresh());
    let house = House::open(dir.path(), None).await;
    let organization = house.ctx.organization();
    let keys = LogKeys::of(organization, 1, vec![first.keys()]).expect("a pair");
    let both = LogKeys::of(organization, 1, vec![first.keys(), second.keys()]).expect("two pairs");
    let mut house = House { keys, ..house };
    fill(&house).await;
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let entry = house.audit.rotate(&mut tx, &house.keys, &second.keys()).await.expect("both sign");
    let _ = tx.commit(entry).await.expect("it commits");
    house.keys = both;
    // Not published yet: what is restated is what holds when the entry stands.
    shorten(&house, 30).await;
    assert_eq!(expire(&house).await.0, [768]);
    let report = house.verify_pinned(&[]).expect("it verifies by what it says of itself");
    assert_eq!(report.keys, house.keys.verifier_keys());
}

/// The storage of a data directory, of which a file is removed only after `goes` said so.
fn watched(dir: &Path, goes: impl Fn() -> bool + Send + Sync + 'static) -> impl Storage {
    Watched::new(LocalDirectory::new(&dir.join("ledgers")), move |call: Call<'_>| match call {
        Call::Remove(path) if !goes() => {
            let (path, source) = (path.to_owned(), std::io::Error::other("cut short"));
            Err(StorageError::Failed { doing: "remove", path, source })
        }
        Call::Remove(_) | Call::Replace(_) => Ok(()),
    })
}

#[tokio::test]
async fn a_hold_that_is_placed_amid_a_removal_stops_it_within_64_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let by: Arc<Mutex<Option<(audit::Audit, base::Context)>>> = Arc::default();
    let placed_by = Arc::clone(&by);
    // A hold is placed before the first file goes.
    let holding = watched(dir.path(), move || {
        if let Some((audit, ctx)) = placed_by.lock().expect("nobody panics").take() {
            let placed = tokio::runtime::Handle::current().block_on(audit.place_hold(&ctx, "not now"));
            assert!(placed.is_ok(), "{placed:?}");
        }
        true
    });
    let house = House::open_with(dir.path(), None, |options| options.storage = Arc::new(holding)).await;
    fill(&house).await;
    // As many files as a log has that grew in small steps and was never tidied up.
    let partial = home(&house).join("tile/entries/000.p");
    std::fs::create_dir_all(&partial).expect("it is made");
    for width in 1..=200 {
        std::fs::write(partial.join(width.to_string()), "some").expect("it is written");
    }
    shorten(&house, 30).await;
    house.audit.expire_step(&house.ctx).await.expect("the entry");
    house.publish().await;
    *by.lock().expect("nobody panics") = Some((house.audit.clone(), house.ctx.clone()));
    let step = house.audit.expire_step(&house.ctx).await.expect("a step");
    assert_eq!(step.removed, 64);
    assert_eq!(house.audit.expire_step(&house.ctx).await.expect("a step").removed, 0, "it is held");
    assert!(details(&house, 5).await, "and details are kept");
}

#[tokio::test]
async fn wherever_the_removal_is_cut_short_the_log_verifies_and_the_next_start_finishes_it() {
    for cut in 0..=6 {
        let dir = tempfile::tempdir().expect("a directory");
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let files = Arc::clone(&left);
        let failing = watched(dir.path(), move || {
            files.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        });
        let house = House::open_with(dir.path(), None, |options| options.storage = Arc::new(failing)).await;
        fill(&house).await;
        shorten(&house, 30).await;
        house.audit.expire_step(&house.ctx).await.expect("the entry");
        house.publish().await;
        left.store(cut, Ordering::SeqCst);
        let cut_short = house.audit.expire_step(&house.ctx).await;
        assert_eq!(cut_short.is_err(), cut < 6, "{cut}");
        house.verify().unwrap_or_else(|failure| unreachable!("cut at {cut}: {failure}"));
        house.store.close().await;
        // The process ends here; another one goes on.
        let house = House::open(dir.path(), Some(house.keys)).await;
        house.clock.set(START + DAY * 40);
        house.commit(1).await;
        house.publish().await;
        let (pruned, removed) = expire(&house).await;
        assert_eq!((pruned, removed), (vec![], 6 - cut), "{cut}");
        assert!(!details(&house, 767).await && details(&house, 768).await);
        assert_eq!(house.verify().expect("it verifies").charter.minimum, 768);
    }
}

/// Nobody but the log may say that a prefix is gone.
#[tokio::test]
async fn a_missing_file_that_no_entry_lets_go_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = aged(dir.path()).await;
    shorten(&house, 30).await;
    assert_eq!(expire(&house).await.0, [768]);
    let next = home(&house).join("tile/entries/003");
    let bytes = std::fs::read(&next).expect("it is kept");
    std::fs::remove_file(&next).expect("it goes");
    let failure = house.verify().expect_err("it is missing");
    assert_eq!(failure.file, "tile/entries/003");
    std::fs::write(&next, bytes).expect("it is back");
    assert!(house.verify().is_ok());
}
