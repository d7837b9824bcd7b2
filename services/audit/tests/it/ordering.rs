//! A store whose positions become visible in another order than they were handed out.

use crate::house::House;
use audit::{Error, Outbox, Rows};
use base::{Actor, Context, Id, Timestamp};
use futures::{FutureExt as _, future::BoxFuture};
use ledger::{Entry, Kind, Stamp, checkpoint};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Entries that were committed, by position. What is missing among them commits later.
#[derive(Default)]
struct Unordered(Mutex<BTreeMap<u64, Vec<u8>>>);

impl Outbox for Unordered {
    fn generation<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<u32, store::Error>> {
        async { Ok(1) }.boxed()
    }

    fn end<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<u64, store::Error>> {
        let end = self.0.lock().expect("nobody panics").last_key_value().map_or(0, |(last, _)| last + 1);
        async move { Ok(end) }.boxed()
    }

    fn entries<'a>(&'a self, _: &'a Context, from: u64, limit: u64) -> BoxFuture<'a, Rows> {
        let limit = usize::try_from(limit).expect("small");
        let rows = self.0.lock().expect("nobody panics");
        let rows =
            rows.range(from..).take(limit).map(|(position, entry)| (*position, entry.clone())).collect();
        async move { Ok(rows) }.boxed()
    }

    fn prune<'a>(&'a self, _: &'a Context, _: u64) -> BoxFuture<'a, Result<(), store::Error>> {
        async { Ok(()) }.boxed()
    }

    fn accepting<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<(), store::Error>> {
        async { Ok(()) }.boxed()
    }
}

#[tokio::test]
async fn positions_that_commit_out_of_order_are_published_in_order_and_none_is_lost() {
    const ENTRIES: u64 = 600;
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = Arc::new(Unordered::default());
    let given: Arc<dyn Outbox> = Arc::<Unordered>::clone(&outbox);
    let house = House::open_with(dir.path(), None, |options| {
        options.outbox = given;
        options.batch = 7;
    })
    .await;
    let organization = house.ctx.organization();
    let [ed25519, ml_dsa_44] = house.keys.verifier_keys();
    let entry = |position| {
        let entry = match position {
            0 => checkpoint::started(organization, 1, &ed25519, &ml_dsa_44),
            _ => Entry::done(Kind::FindingsRecorded, organization).batch(1, [7; 32]),
        };
        let stamp = Stamp {
            organization,
            actor: &Actor::System { task: "test" },
            request: Id::from_bytes([2; 16]),
            position,
            time: Timestamp::from_millis(1_763_800_000_000),
            nonce: u128::from(position).to_be_bytes(),
            salt: [4; 32],
        };
        entry.seal(&stamp).expect("it fits").json
    };
    // Up to twelve transactions run at once; which of them commits next is anyone's guess.
    let (mut running, mut next, mut dice, mut waited) = (Vec::new(), 0, 0x2545_f491_4f6c_dd1du64, 0);
    while next < ENTRIES || !running.is_empty() {
        while next < ENTRIES && running.len() < 12 {
            running.push(next);
            next += 1;
        }
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let which = usize::try_from(dice % running.len() as u64).expect("small");
        let position = running.swap_remove(which);
        outbox.0.lock().expect("nobody panics").insert(position, entry(position));
        match house.audit.publish_step(&house.ctx, &house.keys).await {
            Ok(_) => {}
            // The next one has not committed yet; what follows it waits.
            Err(Error::Gap { expected, .. }) => {
                assert!(running.contains(&expected), "only what is still running is waited for");
                waited += 1;
            }
            Err(other) => unreachable!("{other}"),
        }
    }
    assert!(waited > 50, "they came out of order: {waited}");
    house.publish().await;
    let report = house.verify().expect("it verifies: every position once, in order");
    assert_eq!(report.checkpoint.checkpoint().size, ENTRIES);
    // Another process publishes nothing twice.
    let given: Arc<dyn Outbox> = outbox;
    let again = House::open_with(dir.path(), Some(house.keys), |options| options.outbox = given).await;
    assert_eq!(again.publish().await, 0);
}
