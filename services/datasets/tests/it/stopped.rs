//! Quarantine closes data: before a reveal, and in the middle of one.

use crate::{FILE, House, NOW};
use base::{Action, Id, noun};
use bytes::Bytes;
use datasets::Error;
use ledger::{Entry, Kind};
use standing::{Change, Reason};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

async fn quarantine(house: &House, identity: Id<noun::Identity>) {
    let mut tx = house.store.write(&house.ctx).await.expect("its turn");
    let change = Change::Quarantine { reason: Reason::Manual, finding: None };
    let pending = house.standings.set(&mut tx, identity, change, NOW).await.expect("it is set");
    let entry = Entry::done(Kind::IdentityQuarantined, identity);
    let committed = tx.commit(entry).await.expect("it commits");
    pending.publish(&committed);
}

#[tokio::test]
async fn a_running_reveal_ends_with_the_quarantine() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let identity = Id::from_bytes([9; 16]);
    let ctx = house.as_identity(identity);
    let mut file = b"id,email,ssn\n".to_vec();
    for row in 0..1_000 {
        file.extend_from_slice(format!("{row},user{row}@example.com,{row:09}\n").as_bytes());
    }
    let (output, end) = house.protect(&ctx, &file, 10_000).await.expect("an identity protects");
    let permit = house.permit(&ctx, Action::DatasetsReveal, end.content.dataset);
    let mut run = house.datasets.reveal(&ctx, permit.clone(), &end.manifest, None).await.expect("it begins");
    let (first, rest) = output.split_at(output.len() / 2);
    let plain = run.push(Bytes::copy_from_slice(first)).await.expect("still good");
    assert!(file.starts_with(&plain) && plain.len() > 1_000);

    quarantine(&house, identity).await;
    let refused = run.push(Bytes::copy_from_slice(rest)).await.expect_err("no batch after it");
    assert!(matches!(refused, Error::Refused(_)), "{refused}");
    assert!(matches!(run.push(Bytes::copy_from_slice(rest)).await, Err(Error::Over)));
    assert!(matches!(run.finish().await, Err(Error::Over)));

    let entries = house.entries().await;
    let stopped = entries.last().expect("recorded");
    assert_eq!(stopped["kind"], "dataset.reveal_stopped");
    assert_eq!(stopped["outcome"], "refused");
    assert_eq!(stopped["actor"]["id"], identity.to_string());
    let rows = stopped["facts"]["rows"].as_u64().expect("a number");
    assert_eq!(usize::try_from(rows), Ok(plain.iter().filter(|&&byte| byte == b'\n').count() - 1));

    // Nor does a permit from before it begin a new one.
    let begun = house.datasets.reveal(&ctx, permit, &end.manifest, None).await;
    assert!(matches!(begun, Err(Error::Refused(_))));
    assert_eq!(house.kinds().await.last().expect("recorded"), "access.refused");
    // Others go on.
    assert_eq!(house.reveal(&house.ctx, &output, &end.manifest, 50_000).await.expect("it reveals"), file);
}

#[tokio::test]
async fn protecting_ends_with_the_quarantine_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let identity = Id::from_bytes([9; 16]);
    let ctx = house.as_identity(identity);
    let name = crate::customers();
    let permit = house.permit(&ctx, Action::DatasetsProtect, name.dataset(ctx.organization()));
    let policy = fields::FieldPolicy::aead(["email"]).expect("a policy");
    let mut run =
        house.datasets.protect(&ctx, permit, &name, Some(policy), crate::csv()).await.expect("it begins");
    run.push(Bytes::from_static(FILE)).await.expect("still good");
    quarantine(&house, identity).await;
    assert!(matches!(run.finish().await, Err(Error::Refused(_))));
    assert!(!house.kinds().await.contains(&"dataset.protected".to_owned()));
}

#[tokio::test]
async fn an_expired_permit_begins_nothing_but_a_long_run_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (output, end) = house.protect(&house.ctx, FILE, 100).await.expect("it protects");
    let permit = house.permit(&house.ctx, Action::DatasetsReveal, end.content.dataset);
    let begun = house.datasets.reveal(&house.ctx, permit.clone(), &end.manifest, None).await;
    let mut run = begun.expect("it begins");

    let later = house.clock.forward(policy::EXPIRY + Duration::from_secs(1));
    let unheard = run.push(Bytes::copy_from_slice(&output[..20])).await;
    assert!(matches!(unheard, Err(Error::Refused(_))), "a node that hears nothing reveals nothing");
    house.hear(later).await;
    let begun = house.datasets.reveal(&house.ctx, permit, &end.manifest, None).await;
    assert!(matches!(begun, Err(Error::Refused(_))), "it has expired");

    let permit = house.policy.permit(
        &house.ctx,
        Action::DatasetsReveal,
        policy::Resource::Dataset(end.content.dataset),
        later,
    );
    let begun = house.datasets.reveal(&house.ctx, permit.expect("it is allowed"), &end.manifest, None).await;
    let mut run = begun.expect("it begins");
    let mut plain = Vec::new();
    // Far beyond its permit's expiry, as long as the node hears of standings within their grace.
    for piece in output.chunks(10) {
        let later = house.clock.forward(Duration::from_secs(4));
        house.hear(later).await;
        plain.extend_from_slice(&run.push(Bytes::copy_from_slice(piece)).await.expect("it goes on"));
    }
    plain.extend_from_slice(&run.finish().await.expect("it ends").0);
    assert_eq!(plain, FILE);
}

/// Quarantine and reveal at the same time: what is asked for after the quarantine's answer is not given, whatever was
/// under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_batch_begun_after_the_answer_is_revealed() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let mut file = b"id,email,ssn\n".to_vec();
    for row in 0..20_000 {
        file.extend_from_slice(format!("{row},user{row}@example.com,{row:09}\n").as_bytes());
    }
    let (output, end) = house.protect(&house.ctx, &file, 100_000).await.expect("it protects");
    for (round, after) in [1, 2, 5, 20].into_iter().enumerate() {
        let identity = Id::from_bytes([100 + u8::try_from(round).expect("few rounds"); 16]);
        let ctx = house.as_identity(identity);
        let permit = house.permit(&ctx, Action::DatasetsReveal, end.content.dataset);
        let mut run = house.datasets.reveal(&ctx, permit, &end.manifest, None).await.expect("it begins");
        let (answered, told) = (AtomicBool::new(false), tokio::sync::Notify::new());
        let (begun, mut first) = tokio::sync::mpsc::channel(1);
        let revealing = async {
            let mut plain = Vec::new();
            for (at, piece) in output.chunks(20_000).enumerate() {
                if at == after {
                    begun.send(()).await.expect("someone waits");
                }
                // Some pieces go on beside the quarantine; a disk that takes its time for that is waited for.
                if at == after + 30 {
                    told.notified().await;
                }
                let late = answered.load(Ordering::SeqCst);
                match run.push(Bytes::copy_from_slice(piece)).await {
                    Ok(revealed) => {
                        assert!(!late, "a piece that was handed in after the answer was revealed");
                        plain.extend_from_slice(&revealed);
                    }
                    Err(error) => return (plain, Some(error)),
                }
                tokio::task::yield_now().await;
            }
            (plain, None)
        };
        let quarantining = async {
            first.recv().await.expect("it goes on");
            quarantine(&house, identity).await;
            answered.store(true, Ordering::SeqCst);
            told.notify_one();
        };
        let ((plain, error), ()) = tokio::join!(revealing, quarantining);
        let error = error.expect("it is stopped long before its end");
        assert!(matches!(error, Error::Refused(_)), "{error}");
        assert!(file.starts_with(&plain) && plain.len() < file.len());
    }
}
