//! A database that the first release wrote is read, rotated and rewrapped by this one.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

use super::{key, schema};
use crate::{Error, Filter, Keys, RootOfTrust, SealedFile, State, Unit};
use base::{Action, Actor, Clock, Context, Id, Limit, Role, Secret, Timestamp, noun};
use crypto::{
    Suite, bind, hpke,
    sign::{Algorithm, SigningKey},
};
use ledger::checkpoint;
use policy::{Policy, Resource};
use sea_orm::ActiveValue::Set;
use standing::Standings;
use std::{path::Path, sync::Arc};
use store::{Migration, Options, Schema, Store, Tx};
use verify::{SignatureType, VerifierKey};

static OLD: Schema =
    Schema { service: "keys", migrations: &[Migration { name: "keys and producers", up: schema::first }] };

static BEFORE: &[&Schema] = &[&standing::SCHEMA, &OLD];
static AFTER: &[&Schema] = &[&standing::SCHEMA, &crate::SCHEMA];

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const DATASET: Id<noun::Dataset> = Id::from_bytes([5; 16]);

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        NOW
    }
}

async fn store(dir: &Path, schemas: &'static [&'static Schema]) -> Store {
    let random = crypto::aws_lc();
    let options = Options {
        dir: dir.to_owned(),
        clock: Arc::new(Stopped),
        random: Arc::new(move |bytes| random.fill(bytes)),
    };
    Store::open(options, schemas).await.expect("it opens")
}

fn admin(organization: Id<noun::Organization>) -> Context {
    let actor = Actor::Person {
        person: Id::from_bytes([1; 16]),
        credential: Id::from_bytes([2; 16]),
        role: Role::OrgAdmin,
    };
    Context::authenticated(organization, actor, Id::from_bytes([4; 16]))
}

/// A row as the first release wrote it: bound to five parts, without the columns that came later.
struct Old<'a> {
    seed: u8,
    purpose: &'a str,
    dataset: Option<Id<noun::Dataset>>,
    algorithm: &'a str,
    public: &'a [u8],
    private: &'a Secret<Vec<u8>>,
}

fn bound(organization: Id<noun::Organization>, old: &Old<'_>) -> Vec<u8> {
    let key = Id::<noun::Key>::from_bytes([old.seed; 16]).to_string();
    let organization = organization.to_string();
    let parts: [&[u8]; 5] = [
        b"nexora/private-key/1",
        organization.as_bytes(),
        key.as_bytes(),
        old.purpose.as_bytes(),
        old.algorithm.as_bytes(),
    ];
    bind::parts(&parts)
}

async fn keep(tx: &mut Tx, root: &SealedFile, organization: Id<noun::Organization>, old: Old<'_>) {
    let unit = old.dataset.map_or(Unit::Organization(organization), |id| Unit::Dataset(organization, id));
    root.enroll(unit).await.expect("it enrolls");
    let wrapped = root.wrap(unit, &bound(organization, &old), old.private).await.expect("it wraps");
    let row = key::ActiveModel {
        organization: Set(tx.owner()),
        id: Set([old.seed; 16].to_vec()),
        purpose: Set(old.purpose.to_owned()),
        dataset: Set(old.dataset.map(|dataset| dataset.as_bytes().to_vec())),
        version: Set(1),
        algorithm: Set(old.algorithm.to_owned()),
        public: Set(old.public.to_vec()),
        private: Set(wrapped),
        created_at: Set(NOW.micros()),
        ..Default::default()
    };
    tx.insert(row).await.expect("it is new");
}

/// Writes what the first release would have; gives a data key sealed to the dataset.
async fn of_the_first_release(dir: &Path, root: &SealedFile) -> Vec<u8> {
    let provider = crypto::aws_lc();
    let store = store(dir, BEFORE).await;
    let organization = store.platform();
    let mut tx = store.write(&admin(organization)).await.expect("its turn");
    let pair = hpke::KeyPair::generate(&*provider, Suite::Hybrid768);
    let (public, private) = (pair.public.as_bytes(), pair.private.as_secret());
    let old =
        Old { seed: 1, purpose: "organization", dataset: None, algorithm: "hybrid-768", public, private };
    keep(&mut tx, root, organization, old).await;
    let origin = checkpoint::origin(organization, checkpoint::FIRST_GENERATION);
    let mut named = Vec::new();
    for (seed, purpose, algorithm, kind) in [
        (2, "log_ed25519", Algorithm::Ed25519, SignatureType::Ed25519),
        (3, "log_ml_dsa_44", Algorithm::MlDsa44, SignatureType::MlDsa44),
    ] {
        let key = SigningKey::generate(&*provider, algorithm);
        let (public, private) = (key.verifying_key().as_bytes(), key.as_secret());
        named.push(VerifierKey::new(&origin, kind, public).expect("a key"));
        let algorithm = algorithm.as_str();
        keep(&mut tx, root, organization, Old { seed, purpose, dataset: None, algorithm, public, private })
            .await;
    }
    let dataset = hpke::KeyPair::generate(&*provider, Suite::Hybrid768);
    let mut old = Old {
        seed: 4,
        purpose: "dataset",
        dataset: Some(DATASET),
        algorithm: "hybrid-768",
        public: dataset.public.as_bytes(),
        private: dataset.private.as_secret(),
    };
    let bound = bound(organization, &old);
    let sealed = hpke::seal(&*provider, &pair.public, &bound, &[], old.private.expose()).expect("it seals");
    let sealed = Secret::new(sealed);
    old.private = &sealed;
    keep(&mut tx, root, organization, old).await;
    tx.commit(checkpoint::started(organization, checkpoint::FIRST_GENERATION, &named[0], &named[1]))
        .await
        .expect("it commits");
    store.close().await;
    hpke::seal(&*provider, &dataset.public, b"info", &[], b"data key").expect("it seals")
}

#[tokio::test]
async fn a_database_of_the_first_release_is_read_rotated_and_rewrapped() {
    let dir = tempfile::tempdir().expect("a directory");
    let provider = crypto::aws_lc();
    let passphrase = Secret::new("correct horse".to_owned());
    let root = SealedFile::create(&dir.path().join("root.sealed"), &passphrase, Arc::clone(&provider));
    let root = Arc::new(root.expect("it is made"));
    let sealed = of_the_first_release(dir.path(), &root).await;

    let store = store(dir.path(), AFTER).await;
    let ctx = admin(store.platform());
    let keys = Keys::new(store.clone(), root, provider, Arc::new(Stopped));
    assert!(!keys.begin(&ctx).await.expect("it has begun"));
    let standings = Standings::new(store.clone());
    standings.load(&ctx, NOW).await.expect("it loads");
    let policy = Policy::new(store, standings.view());
    let permit = |action, resource| policy.permit(&ctx, action, resource, NOW).expect("it is allowed");

    keys.log_keys(&ctx).await.expect("they open, under the unit that they had");
    let page = keys.versions(&ctx, &Filter::default(), Limit::default(), None).await.expect("a page");
    assert_eq!(page.items.len(), 4);
    for key in &page.items {
        assert_eq!((key.version, key.state, key.uses), (1, State::Active, 0));
        assert_eq!((key.activated_at, key.field.as_deref()), (Some(NOW), None));
    }
    let reveal = permit(Action::DatasetsReveal, Resource::Dataset(DATASET));
    let (first, over) = (Id::from_bytes([4; 16]), Id::from_bytes([1; 16]));
    let open = keys.open_data_key(&ctx, &reveal, DATASET, first, b"info", &sealed).await;
    assert_eq!(open.expect("it opens").expose(), b"data key");

    let rotated = keys.rotate(&ctx, &permit(Action::KeysRotate, Resource::Key(first)), first, None).await;
    assert_eq!(rotated.expect("it rotates").version, 2);
    keys.rotate(&ctx, &permit(Action::KeysRotate, Resource::Key(over)), over, None).await.expect("rotated");
    let destroy = permit(Action::KeysDestroy, Resource::Key(over));
    let refused = keys.destroy(&ctx, &destroy, over).await.expect_err("both are sealed to it");
    assert!(matches!(refused, Error::Referred { count: 2, .. }), "{refused}");
    let batch = keys.rewrap(&ctx, &permit(Action::KeysRewrap, Resource::Organization), None).await;
    assert_eq!(batch.expect("it wraps anew").keys, 6);
    keys.destroy(&ctx, &destroy, over).await.expect("nothing is sealed to it any more");
    keys.log_keys(&ctx).await.expect("they open, under a unit of their own");
    let opened = keys.epoch_step(&ctx, NOW).await;
    opened.expect("it reads");
    let open = keys.open_data_key(&ctx, &reveal, DATASET, first, b"info", &sealed).await;
    assert_eq!(open.expect("it opens as before").expose(), b"data key");
}

#[tokio::test]
async fn the_log_of_the_first_release_is_set_apart_before_its_organization_is_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let provider = crypto::aws_lc();
    let passphrase = Secret::new("correct horse".to_owned());
    let root = SealedFile::create(&dir.path().join("root.sealed"), &passphrase, Arc::clone(&provider));
    let root = Arc::new(root.expect("it is made"));
    of_the_first_release(dir.path(), &root).await;
    let store = store(dir.path(), AFTER).await;
    let (organization, ctx) = (store.platform(), admin(store.platform()));
    let keys =
        Keys::new(store.clone(), Arc::clone(&root) as Arc<dyn RootOfTrust>, provider, Arc::new(Stopped));
    for _ in 0..2 {
        let mut tx = store.write(&ctx).await.expect("its turn");
        keys.set_log_apart(&mut tx, organization).await.expect("it is moved, once");
        tx.commit_derived().await.expect("it commits");
    }
    root.forget(Unit::Organization(organization)).await.expect("it forgets");
    keys.log_keys(&ctx).await.expect("the ledger goes on");
}

#[tokio::test]
async fn a_record_that_has_wrapped_2_to_the_31_times_wraps_no_more_and_its_count_survives() {
    let dir = tempfile::tempdir().expect("a directory");
    let provider = crypto::aws_lc();
    let passphrase = Secret::new("correct horse".to_owned());
    let root = SealedFile::create(&dir.path().join("root.sealed"), &passphrase, Arc::clone(&provider));
    let root = Arc::new(root.expect("it is made"));
    let opened = async || {
        let store = store(dir.path(), AFTER).await;
        let ctx = admin(store.platform());
        let root = Arc::clone(&root) as Arc<dyn RootOfTrust>;
        let keys = Keys::new(store.clone(), root, Arc::clone(&provider), Arc::new(Stopped));
        keys.begin(&ctx).await.expect("it begins");
        (store, ctx, keys)
    };
    let (before, ctx, keys) = opened().await;
    let unit = Unit::Dataset(before.platform(), DATASET);
    let mut tx = before.write(&ctx).await.expect("its turn");
    let (made, entry) = keys.create_dataset(&mut tx, DATASET).await.expect("it is made");
    tx.commit(entry).await.expect("it commits");
    assert_eq!(keys.wraps(&ctx, made.id).await.expect("it is counted"), 1);
    let mut tx = before.write(&ctx).await.expect("its turn");
    super::set_wraps(&mut tx, unit, crate::rules::MAX_WRAPS - 1).await.expect("it is set");
    tx.commit_derived().await.expect("it commits");
    before.close().await;

    let (after, ctx, keys) = opened().await;
    assert_eq!(keys.wraps(&ctx, made.id).await.expect("it is counted"), (1 << 31) - 1, "as it was before");
    let standings = Standings::new(after.clone());
    standings.load(&ctx, NOW).await.expect("it loads");
    let policy = Policy::new(after, standings.view());
    let permit = policy.permit(&ctx, Action::KeysRotate, Resource::Key(made.id), NOW).expect("it is allowed");
    let last = keys.rotate(&ctx, &permit, made.id, None).await.expect("the last one");
    assert_eq!(keys.wraps(&ctx, last.id).await.expect("it is counted"), 1 << 31);
    let worn = keys.rotate(&ctx, &permit, made.id, None).await.expect_err("one more");
    assert!(matches!(worn, Error::WornOut { unit: of } if of == unit), "{worn}");
    assert_eq!(
        keys.version(&ctx, last.id).await.expect("it is there").state,
        State::Active,
        "nothing changed"
    );
    assert_eq!(keys.wraps(&ctx, last.id).await.expect("it is counted"), 1 << 31);
}
