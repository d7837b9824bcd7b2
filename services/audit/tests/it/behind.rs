//! Publication that waits for others, and a log that is behind what others remember of it.

use crate::house::{House, Pair, copy};
use audit::{Cosigners, Error, LogKeys, Memory, Options, Own, Sighting, Signed, Unmet, Unreachable};
use base::Context;
use futures::{FutureExt as _, future::BoxFuture};
use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
};
use store::Queries as _;
use verify::{Checkpoint, merkle};

/// One witness that is not in the data directory: it answers or it does not, remembers what it cosigned, and cosigns
/// nothing else. What it cosigns is not written into the note: that is `witness`'s.
#[derive(Default)]
struct Witness {
    absent: Mutex<bool>,
    seen: Mutex<BTreeMap<String, Checkpoint>>,
    asked: Mutex<Vec<Checkpoint>>,
}

impl Witness {
    fn sighting(&self, head: &Checkpoint) -> Sighting {
        Sighting { by: self.name(), size: head.size, root: Some(head.root) }
    }

    fn is_absent(&self, absent: bool) {
        *self.absent.lock().expect("nobody panics") = absent;
    }
}

impl Cosigners for Witness {
    fn are_asked<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<bool, Error>> {
        async { Ok(true) }.boxed()
    }

    fn gather<'a>(&'a self, _: &'a Context, signed: Signed) -> BoxFuture<'a, Result<Vec<u8>, Unmet>> {
        async move {
            let head = signed.checkpoint;
            self.asked.lock().expect("nobody panics").push(head.clone());
            if *self.absent.lock().expect("nobody panics") {
                return Err(Unmet::Absent("1 of 1 is away".to_owned()));
            }
            let before = self.seen.lock().expect("nobody panics").get(&head.origin).cloned();
            if let Some(before) = before {
                if before.size > head.size {
                    return Err(Unmet::Ahead(self.sighting(&before)));
                }
                let proof = signed.proof;
                let size = before.size;
                let proof = tokio::task::spawn_blocking(move || proof(size)).await.expect("it ends");
                let proof = proof.expect("the tiles are there");
                if !merkle::consistent(before.size, &before.root, head.size, &head.root, &proof) {
                    return Err(Unmet::Split(self.sighting(&before)));
                }
            }
            self.seen.lock().expect("nobody panics").insert(head.origin.clone(), head);
            Ok(Vec::new())
        }
        .boxed()
    }
}

impl Memory for Witness {
    fn name(&self) -> String {
        "witness double".to_owned()
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn recall<'a>(
        &'a self,
        _: &'a Context,
        own: Own<'a>,
    ) -> BoxFuture<'a, Result<Option<Sighting>, Unreachable>> {
        let seen = self.seen.lock().expect("nobody panics").get(own.origin).map(|head| self.sighting(head));
        async move { Ok(seen) }.boxed()
    }
}

fn asks(witness: &Arc<Witness>) -> impl FnOnce(&mut Options) + use<> {
    let witness = Arc::clone(witness);
    move |options: &mut Options| {
        let memory: Arc<dyn Memory> = Arc::<Witness>::clone(&witness);
        options.memories.push(memory);
        options.cosigners = Some(witness);
        options.batch = 100;
    }
}

#[tokio::test]
async fn an_absent_quorum_stalls_publication_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let witness = Arc::new(Witness::default());
    let mut house = House::open_with(dir.path(), None, asks(&witness)).await;
    house.begin().await;
    house.commit(3).await;
    assert_eq!(house.publish().await, 4);
    witness.is_absent(true);
    for round in 1..=3u64 {
        // What decides and what refuses only commits.
        house.commit_together(300).await;
        let stalled = house.audit.publish_step(&house.ctx, &house.keys).await;
        assert!(matches!(stalled, Err(Error::Unmet(_))), "{stalled:?}");
        let status = house.audit.status(&house.ctx).await.expect("it answers");
        assert_eq!(
            (status.committed, status.sequenced, status.published),
            (4 + 300 * round, 4 + 300 * round, 4)
        );
        assert!(status.stalled.is_some_and(|why| why.contains("1 of 1 is away")) && !status.behind);
        assert_eq!(house.verify().expect("what is published verifies").checkpoint.checkpoint().size, 4);
        if round == 2 {
            // Another start remembers what it signed, and goes on from what is published.
            let keys = house.keys.clone();
            house.store.close().await;
            house = House::open_with(dir.path(), Some(keys), asks(&witness)).await;
        }
    }
    {
        // Nothing smaller and nothing else of the same size was ever shown.
        let asked = witness.asked.lock().expect("nobody panics");
        assert!(asked.is_sorted_by(|a, b| a.size < b.size || a == b), "{asked:?}");
    }
    witness.is_absent(false);
    assert_eq!(house.publish().await, 900);
    let status = house.audit.status(&house.ctx).await.expect("it answers");
    assert_eq!((status.sequenced, status.published, status.stalled), (904, 904, None));
    assert_eq!(house.verify().expect("it verifies").checkpoint.checkpoint().size, 904);
    let waiting = format!(".waiting/{}", house.ctx.organization().bare());
    let waiting = house.audit.storage().list(&waiting, "").expect("it lists");
    assert!(waiting.is_empty(), "nothing waits any more: {waiting:?}");
}

#[tokio::test]
async fn a_restored_log_signs_nothing_until_an_operator_begins_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let witness = Arc::new(Witness::default());
    let first = Pair::fresh();
    let house = House::open_with(&data, None, asks(&witness)).await;
    let organization = house.ctx.organization();
    let keys = || LogKeys::of(organization, 1, vec![first.keys()]).expect("one of each");
    let house = House { keys: keys(), ..house };
    house.begin().await;
    house.commit(5).await;
    house.publish().await;
    house.store.close().await;
    copy(&data, &backup);

    let house = House::open_with(&data, Some(keys()), asks(&witness)).await;
    house.commit(4).await;
    house.publish().await;
    let lost = house.audit.published(organization).expect("it is open").0;
    assert_eq!(lost.size, 10);
    house.store.close().await;

    // The whole directory goes back to an older state. Only the witness can tell.
    fs::remove_dir_all(&data).expect("it goes");
    copy(&backup, &data);
    let house = House::open_with(&data, Some(keys()), asks(&witness)).await;
    let asked = witness.asked.lock().expect("nobody panics").len();
    for _ in 0..2 {
        house.commit(6).await;
        let refused = house.audit.publish_step(&house.ctx, &house.keys).await;
        assert!(matches!(refused, Err(Error::Behind { known: 10, own: 6, .. })), "{refused:?}");
    }
    let status = house.audit.status(&house.ctx).await.expect("it answers");
    assert!(status.behind && status.stalled.is_some_and(|why| why.contains("witness double")));
    assert_eq!((status.committed, status.published), (18, 6), "what only commits goes on");
    assert_eq!(witness.asked.lock().expect("nobody panics").len(), asked, "nothing was shown to anybody");

    let second = Pair::fresh();
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    let entries = house.audit.restart(&mut tx, &second.keys(), false).await.expect("it is behind");
    let committed = tx.commit_all(entries).await.expect("it commits");
    assert_eq!(committed.entry(), 0, "numbered from 0");
    let pairs = vec![first.keys(), second.keys()];
    let house = House { keys: LogKeys::of(organization, 2, pairs).expect("two pairs"), ..house };
    house.commit(7).await;
    house.publish().await;
    let status = house.audit.status(&house.ctx).await.expect("it answers");
    assert_eq!((status.generation, status.committed, status.published, status.stalled), (2, 8, 8, None));
    let report = house.verify().expect("the new log verifies from its own directory");
    let previous = report.charter.previous.clone().expect("its first entry names the one before");
    assert_eq!(previous, lost, "the last known checkpoint, which this directory never held");
    assert!(
        house
            .audit
            .directory(organization)
            .is_some_and(|dir| dir.ends_with(format!("{}.2", organization.bare())))
    );
    // What the earlier log never published stays, and the entry counts it.
    let read = house.store.read(&house.ctx).await.expect("the door opens");
    let rows = read.entries(0, 100).await.expect("it answers");
    assert_eq!((rows.len(), read.generation().await.expect("it answers").base), (26, 18));
    let first = verify::entry::read(&rows[18].1).expect("an entry");
    assert_eq!(first.fields.get("count"), Some(&serde_json::json!(12)));
    let leaves: Vec<_> = rows[6..18].iter().map(|(_, entry)| merkle::leaf(entry)).collect();
    let leaves: Vec<&[u8]> = leaves.iter().map(|leaf| &leaf[..]).collect();
    let hash = base::digest::hex(&base::digest::of_parts("nexora/ledger-unpublished/1", &leaves));
    assert_eq!(first.fields.get("hash"), Some(&serde_json::json!(hash)));
    drop(read);

    // It is in order now, so there is no third; and another start goes on with the second.
    let mut tx = house.store.write(&house.ctx).await.expect("the door opens");
    assert!(matches!(house.audit.restart(&mut tx, &Pair::fresh().keys(), false).await, Err(Error::InOrder)));
    drop(tx);
    let keys = house.keys.clone();
    house.store.close().await;
    let house = House::open_with(&data, Some(keys), asks(&witness)).await;
    house.commit(1).await;
    assert_eq!(house.publish().await, 1);
    assert_eq!(house.verify().expect("it verifies").checkpoint.checkpoint().size, 9);
}

#[tokio::test]
async fn another_history_of_the_same_size_is_refused_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let witness = Arc::new(Witness::default());
    let house = House::open_with(dir.path(), None, asks(&witness)).await;
    house.begin().await;
    house.commit(5).await;
    house.publish().await;
    let head = house.audit.published(house.ctx.organization()).expect("it is open").0;
    let keys = house.keys.clone();
    house.store.close().await;
    for (size, behind) in [(6, false), (3, false), (7, true)] {
        let other = Checkpoint { size, root: [9; 32], ..head.clone() };
        witness.seen.lock().expect("nobody panics").insert(head.origin.clone(), other);
        let house = House::open_with(dir.path(), Some(keys.clone()), asks(&witness)).await;
        let refused = house.audit.publish_step(&house.ctx, &house.keys).await;
        let fits = match &refused {
            Err(Error::Behind { .. }) => behind,
            Err(Error::Split { .. }) => !behind,
            _ => false,
        };
        assert!(fits, "{size}: {refused:?}");
        house.store.close().await;
    }
}
