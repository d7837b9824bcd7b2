//! Proofs, and what passes through the platform's log, once the beginning of a log is gone.

use crate::recorded::Other;
use crate::retention::{expire, shorten};
use crate::witnesses::Scene;
use audit::Signatures;
use audit::prove::NotProven;
use base::{Clock as _, Fault as _, Kind};
use std::time::Duration;
use verify::Pins;

const DAYS: Duration = Duration::from_secs(40 * 86_400);

/// The proof of an entry of the organization's holds, and passes through an entry of the platform's that is kept.
async fn passes(house: &crate::house::House, other: &Other, position: u64, minimum: u64) {
    let proof = house.audit.prove(&other.ctx, &house.ctx, None, position).await.expect("a proof");
    let above = proof.platform.as_ref().expect("it passes through the platform's log");
    assert!(above.index >= minimum, "{} is not kept", above.index);
    let keys = [house.keys.verifier_keys(), other.keys.verifier_keys()].concat();
    let proven = proof.verify(&Pins::of(&keys), &Signatures::new(crypto::aws_lc())).expect("it holds");
    assert_eq!(proven.entry.position, position);
}

#[tokio::test]
async fn a_proof_passes_through_a_platform_s_log_of_which_older_entries_were_pruned() {
    let scene = Scene::begin(1, 1).await;
    let house = scene.open("data", false).await;
    house.publish().await;
    let (busy, idle) = (Other::register(&house, 8, None).await, Other::register(&house, 9, None).await);
    let all = [busy.ctx.organization(), idle.ctx.organization()];
    for other in [&busy, &idle] {
        other.begin(&house).await;
        other.grow(&house, 3).await;
        other.publish(&house).await.expect("it publishes");
    }
    assert_eq!(house.audit.record_step(&house.ctx, &all).await.expect("it works"), 2);
    house.commit_together(1_000).await;
    house.publish().await;
    passes(&house, &idle, 2, 0).await;

    house.clock.set(house.clock.now() + DAYS);
    busy.grow(&house, 3).await;
    busy.publish(&house).await.expect("it publishes");
    assert_eq!(house.audit.record_step(&house.ctx, &all).await.expect("it works"), 1);
    shorten(&house, 39).await;
    let (pruned, _) = expire(&house).await;
    assert_eq!(pruned, [768]);
    passes(&house, &busy, 6, 768).await;
    passes(&house, &busy, 1, 768).await;

    // What recorded the log that has not grown since is gone with them, and is recorded again.
    assert_eq!(house.audit.record_step(&house.ctx, &all).await.expect("it works"), 1);
    assert_eq!(house.audit.record_step(&house.ctx, &all).await.expect("it works"), 0);
    house.publish().await;
    passes(&house, &idle, 2, 768).await;
    house.verify().expect("a record that is repeated is one history");

    // A pruned entry is refused, and it is said from where on the log is kept.
    let refused = house.audit.prove(&house.ctx, &house.ctx, None, 700).await.expect_err("it is gone");
    assert!(matches!(refused, NotProven::Dropped { position: 700, minimum: 768 }), "{refused:?}");
    assert_eq!(refused.kind(), Kind::NotFound);
    assert!(refused.to_string().contains("begins with entry 768"), "{refused}");
    house.audit.prove(&house.ctx, &house.ctx, None, 768).await.expect("what is kept is proved");
    // So it is from the files alone.
    let files = house.audit.files(house.ctx.organization());
    let refused = ledger::Published::open(&files).and_then(|log| log.prove(700)).expect_err("it is gone");
    assert_eq!(refused, ledger::Unproven::Pruned { asked: 700, minimum: 768 });
    assert_eq!(refused.kind(), Kind::NotFound);
}
