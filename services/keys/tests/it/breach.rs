//! A declared breach: everything closes at once, and undoing it brings back what was.

use crate::{House, INFO, sealed};
use base::{Action, Actor, Context, Fault, Id, Kind};
use keys::{Error, Purpose, Scope, State};
use policy::{Permit, Resource};

fn permit(house: &House, ctx: &Context, action: Action, scope: Scope) -> Permit {
    house
        .policy
        .permit(ctx, action, scope.resource(), base::Clock::now(&*house.clock))
        .expect("it is allowed")
}

#[tokio::test]
async fn a_breach_closes_every_key_in_one_commit_and_undoing_it_leaves_what_was_suspended() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (first, second) = (house.dataset(1).await, house.dataset(2).await);
    let (key, data_key) = sealed(&house, first).await;
    let (other, _) = sealed(&house, second).await;
    let reveal = house.permit(&house.ctx, Action::DatasetsReveal, first);
    let protect = house.permit(&house.ctx, Action::DatasetsProtect, first);
    house.keys.open_data_key(&house.ctx, &reveal, first, key, INFO, &data_key).await.expect("it opens");
    let mut lease = house.keys.lease(&house.ctx, vec![key]).await.expect("it is open");
    let node = house.node().await;
    node.open_data_key(&house.ctx, &reveal, first, key, INFO, &data_key).await.expect("it opens there too");
    house
        .keys
        .suspend(&house.ctx, &house.on_key(Action::KeysSuspend, other), other)
        .await
        .expect("suspended");

    let whole = Scope::Organization;
    let declare = permit(&house, &house.ctx, Action::BreachesDeclare, whole);
    let breach =
        house.keys.declare_breach(&house.ctx, &declare, whole, "a laptop is gone").await.expect("declared");
    assert_eq!(house.last_kinds(1).await, ["breach.declared"], "one entry for all keys");
    let again = house.keys.declare_breach(&house.ctx, &declare, whole, "").await.expect_err("it is declared");
    assert_eq!(again.kind(), Kind::Conflict);

    let breached =
        |error: Error| assert!(matches!(error, Error::Breached { scope } if scope == whole), "{error}");
    breached(
        house.keys.open_data_key(&house.ctx, &reveal, first, key, INFO, &data_key).await.expect_err("closed"),
    );
    breached(house.keys.check(&house.ctx, &mut lease).await.expect_err("a running reveal stops"));
    breached(house.keys.dataset_key(&house.ctx, first).await.expect_err("nothing is protected either"));
    breached(crate::signed(&house, &protect, first).await.expect_err("nor signed"));
    let (rotate, of) = (house.on_key(Action::KeysRotate, key), key);
    breached(house.keys.rotate(&house.ctx, &rotate, of, None).await.expect_err("nor rotated"));
    assert_eq!(house.keys.cached(), 0);
    house.keys.log_keys(&house.ctx).await.expect("the ledger goes on");
    house.keys.redaction_key(&house.ctx).await.expect("and what it redacts");
    // Another node hears of it with its next reading of the epoch, and drops what it had open.
    assert!(node.epoch_step(&house.ctx, base::Clock::now(&*house.clock)).await.expect("it reads"), "it rose");
    assert_eq!(node.cached(), 0);
    breached(node.open_data_key(&house.ctx, &reveal, first, key, INFO, &data_key).await.expect_err("closed"));

    for purpose in [Purpose::Organization, Purpose::Dataset, Purpose::Manifest] {
        assert!(house.versions(purpose).await.iter().all(|key| key.state == State::Suspended), "{purpose}");
    }
    assert!(house.versions(Purpose::LogEd25519).await.iter().all(|key| key.state == State::Active));
    assert_eq!(house.keys.breaches(&house.ctx).await.expect("a list"), std::slice::from_ref(&breach));

    let other_person = house.as_person(2);
    let undo = permit(&house, &other_person, Action::BreachesUndo, whole);
    let undone = house.keys.undo_breach(&other_person, &undo, whole).await.expect("undone");
    assert_eq!((undone.id, undone.undone.map(|(by, _)| by)), (breach.id, Some(Id::from_bytes([2; 16]))));
    assert_eq!(house.last_kinds(1).await, ["breach.undone"]);
    house.keys.open_data_key(&house.ctx, &reveal, first, key, INFO, &data_key).await.expect("it opens again");
    house.keys.check(&house.ctx, &mut lease).await.expect("a run may go on");
    for key in house.versions(Purpose::Dataset).await {
        let state = if key.id == other { State::Suspended } else { State::Active };
        assert_eq!(key.state, state, "what a person suspended stays so");
    }
    let none = house.keys.undo_breach(&other_person, &undo, whole).await.expect_err("none is left");
    assert_eq!(none.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_breach_of_one_dataset_closes_that_one_and_what_is_made_in_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let (ours, other) = (house.dataset(1).await, house.dataset(2).await);
    let scope = Scope::Dataset(ours);
    let declare = permit(&house, &house.ctx, Action::BreachesDeclare, scope);
    house.keys.declare_breach(&house.ctx, &declare, scope, "").await.expect("declared");
    assert!(matches!(house.keys.dataset_key(&house.ctx, ours).await, Err(Error::Breached { .. })));
    house.keys.dataset_key(&house.ctx, other).await.expect("the other goes on");

    let unknown = Scope::Dataset(Id::from_bytes([9; 16]));
    let declare = permit(&house, &house.ctx, Action::BreachesDeclare, unknown);
    let refused =
        house.keys.declare_breach(&house.ctx, &declare, unknown, "").await.expect_err("no such dataset");
    assert_eq!(refused.kind(), Kind::NotFound);
    let declare = permit(&house, &house.ctx, Action::BreachesDeclare, Scope::Organization);
    let wrong =
        house.keys.declare_breach(&house.ctx, &declare, scope, "").await.expect_err("another's permit");
    assert!(matches!(wrong, Error::Refused(_)));
    for reason in ["\u{1b}[2J".to_owned(), "x".repeat(1_001)] {
        let bad = house.keys.declare_breach(&house.ctx, &declare, Scope::Organization, &reason).await;
        assert!(matches!(bad, Err(Error::BadReason)));
    }
}

#[tokio::test]
async fn the_platforms_administrator_and_machines_get_no_permit() {
    let dir = tempfile::tempdir().expect("a directory");
    let house = House::new(dir.path()).await;
    let now = base::Clock::now(&*house.clock);
    let admin =
        Context::authenticated(house.ctx.organization(), Actor::Administrator, Id::from_bytes([8; 16]));
    let machine = house.as_identity(Id::from_bytes([11; 16]));
    for ctx in [admin, machine] {
        for action in [
            Action::BreachesDeclare,
            Action::BreachesUndo,
            Action::ShredsRequest,
            Action::ShredsApprove,
            Action::ShredsCancel,
            Action::RecoverySetUp,
            Action::RecoveryRestore,
        ] {
            assert!(house.policy.permit(&ctx, action, Resource::Organization, now).is_err(), "{action}");
        }
    }
}
