//! A log and its witnesses: each with its own store, asked in this process.

use crate::house::{Fixed, House, copy};
use audit::witness::{Denied, Quorum, SCHEMA, Unanswered, Witness, WitnessKeys, Witnessing};
use audit::{Cosigners, Error, Memory, Signatures};
use base::{Clock, Context, Id};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use store::Store;
use verify::witness::{Refusal, Request};
use verify::{VerifierKey, note};

static SCHEMAS: &[&store::Schema] = &[&SCHEMA];

/// A witness in this process.
struct Near {
    witnessing: Witnessing,
    store: Store,
    ctx: Context,
    down: AtomicBool,
    /// What it answers instead.
    lies: Mutex<Option<Vec<u8>>>,
    /// The size that it says it knows, and what its monitoring address has instead.
    claims: Mutex<Option<(u64, Option<Vec<u8>>)>>,
}

impl Near {
    async fn open(dir: &Path, keys: &WitnessKeys, logs: &[VerifierKey]) -> Arc<Self> {
        let random = crypto::aws_lc();
        let clock: Arc<dyn Clock> = Arc::new(Fixed);
        let random: store::Random = Arc::new(move |bytes: &mut [u8]| random.fill(bytes));
        let options = store::Options { dir: dir.to_owned(), clock, random };
        let store = Store::open(options, SCHEMAS).await.expect("a directory of its own");
        let ctx = Context::background(store.platform(), "witness", Id::from_bytes([3; 16]));
        let signatures = Signatures::new(crypto::aws_lc());
        let witnessing =
            Witnessing::new(store.clone(), keys.clone(), logs.to_vec(), signatures, Arc::new(Fixed));
        Arc::new(Self {
            witnessing,
            store,
            ctx,
            down: AtomicBool::new(false),
            lies: Mutex::default(),
            claims: Mutex::default(),
        })
    }

    fn claims(&self, known: u64, shown: Option<Vec<u8>>) {
        *self.claims.lock().expect("no panic") = Some((known, shown));
    }

    fn is_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn answers(&self) -> Result<(), Unanswered> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(Unanswered::Unreachable("it is down".to_owned())),
            false => Ok(()),
        }
    }
}

impl Witness for Near {
    fn add_checkpoint<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Vec<u8>, Unanswered>> {
        async move {
            self.answers()?;
            if let Some(lie) = self.lies.lock().expect("no panic").clone() {
                return Ok(lie);
            }
            if let Some((known, _)) = *self.claims.lock().expect("no panic") {
                return Err(Refusal::Stale { known }.into());
            }
            match self.witnessing.add_checkpoint(&self.ctx, &request.to_body()).await {
                Ok(lines) => Ok(lines),
                Err(Denied::Refused(refusal)) => Err(refusal.into()),
                Err(Denied::Failed(error)) => Err(Unanswered::Unreachable(error.to_string())),
            }
        }
        .boxed()
    }

    fn latest<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Unanswered>> {
        async move {
            self.answers()?;
            if let Some((_, shown)) = self.claims.lock().expect("no panic").clone() {
                return Ok(shown);
            }
            let hash = base::digest::hex(&base::digest::sha256(origin.as_bytes()));
            let latest = self.witnessing.checkpoint(&self.ctx, &hash).await;
            latest.map_err(|error| Unanswered::Unreachable(error.to_string()))
        }
        .boxed()
    }
}

fn witness_keys(name: &str) -> WitnessKeys {
    WitnessKeys::generate(&*crypto::aws_lc(), name).expect("a name")
}

/// The policy file of these witnesses: each under both of its keys, `needed` of them by the first.
fn policy(keys: &[WitnessKeys], needed: usize) -> String {
    let mut text = String::from("# those of the test\n");
    let mut names = Vec::new();
    for (at, keys) in keys.iter().enumerate() {
        let [ml_dsa, ed25519] = keys.verifier_keys();
        text.push_str(&format!("witness W{at} {ml_dsa} near:{at}\nwitness W{at}-old {ed25519} near:{at}\n"));
        names.push(format!("W{at}"));
    }
    format!("{text}group all-of-them {needed} {}\nquorum all-of-them\n", names.join(" "))
}

/// A log with its witnesses, below one directory.
pub(crate) struct Scene {
    dir: tempfile::TempDir,
    keys: Vec<WitnessKeys>,
    near: Vec<Arc<Near>>,
    log_keys: audit::LogKeys,
    needed: usize,
}

impl Scene {
    /// `count` witnesses, of which `needed` must cosign; a log with one entry.
    pub(crate) async fn begin(count: usize, needed: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let data = made(dir.path(), "data");
        let house = House::open(&data, None).await;
        house.begin().await;
        let log_keys = house.keys.clone();
        house.store.close().await;
        let (mut keys, mut near) = (Vec::new(), Vec::new());
        for at in 0..count {
            let own = witness_keys(&format!("w.example/{at}"));
            let place = made(dir.path(), &format!("w{at}"));
            near.push(Near::open(&place, &own, &log_keys.verifier_keys()).await);
            keys.push(own);
        }
        Self { dir, keys, near, log_keys, needed }
    }

    /// The node over a data directory, with the witnesses as cosigners and, unless it `forgets`, as its memory.
    pub(crate) async fn open(&self, data: &str, forgets: bool) -> House {
        let data = self.dir.path().join(data);
        let house = House::open_with(&data, Some(self.log_keys.clone()), |options| {
            let mut connect = |url: &str| -> Result<Arc<dyn Witness>, String> {
                let at: usize =
                    url.strip_prefix("near:").and_then(|at| at.parse().ok()).expect("one of ours");
                Ok(self.near[at].clone())
            };
            let signatures = Signatures::new(crypto::aws_lc());
            let text = policy(&self.keys, self.needed);
            let quorum = Quorum::new(options.store.clone(), &text, signatures, &mut connect);
            let quorum = Arc::new(quorum.expect("a policy"));
            options.cosigners = Some(quorum.clone() as Arc<dyn Cosigners>);
            if !forgets {
                options.memories.push(quorum as Arc<dyn Memory>);
            }
        });
        house.await
    }

    fn copy(&self, from: &str, to: &str) {
        copy(&self.dir.path().join(from), &self.dir.path().join(to));
    }
}

fn made(dir: &Path, name: &str) -> std::path::PathBuf {
    let made = dir.join(name);
    std::fs::create_dir(&made).expect("made");
    made
}

fn cosigned_by(house: &House) -> Vec<String> {
    let report = house.verify().expect("it verifies");
    let mut names: Vec<_> = report.vouched.by.iter().map(|by| by.witness.clone()).collect();
    names.sort();
    names
}

async fn refusal(house: &House) -> Error {
    house.audit.publish_step(&house.ctx, &house.keys).await.expect_err("it does not go on")
}

#[tokio::test]
async fn with_one_of_three_down_a_log_goes_on_and_with_two_it_stalls_and_says_so() {
    let scene = Scene::begin(3, 2).await;
    let house = scene.open("data", false).await;
    assert_eq!(house.publish().await, 1, "the first checkpoint names no witness yet");
    assert_eq!(cosigned_by(&house), [""; 0]);
    house.commit(2).await;
    assert_eq!(house.publish().await, 3, "the entry that names them, and two");
    assert_eq!(cosigned_by(&house), ["W0", "W0-old", "W1", "W1-old", "W2", "W2-old"]);

    scene.near[1].is_down(true);
    house.commit(1).await;
    house.publish().await;
    assert_eq!(cosigned_by(&house), ["W0", "W0-old", "W2", "W2-old"]);

    // One that answers something is no better than one that does not.
    *scene.near[0].lies.lock().expect("no panic") = Some(b"\xe2\x80\x94 w.example/0 AAAAAAA=\n".to_vec());
    house.commit(3).await;
    let error = refusal(&house).await;
    assert!(matches!(error, Error::Unmet(_)), "{error:?}");
    let status = house.audit.status(&house.ctx).await.expect("it answers");
    assert_eq!((status.committed, status.sequenced, status.published), (8, 8, 5));
    let stalled = status.stalled.expect("it says so");
    assert!(stalled.contains("W0") && stalled.contains("W1") && stalled.contains("quorum"), "{stalled}");
    assert_eq!(cosigned_by(&house), ["W0", "W0-old", "W2", "W2-old"], "the old checkpoint stays");

    scene.near[1].is_down(false);
    assert_eq!(house.publish().await, 3);
    assert_eq!(cosigned_by(&house), ["W1", "W1-old", "W2", "W2-old"]);
    assert_eq!(house.audit.status(&house.ctx).await.expect("it answers").stalled, None);
}

#[tokio::test]
async fn an_older_state_that_is_valid_in_itself_signs_nothing() {
    let scene = Scene::begin(1, 1).await;
    let house = scene.open("data", false).await;
    house.publish().await;
    house.commit(2).await;
    house.publish().await;
    house.store.close().await;
    scene.copy("data", "backup");
    let house = scene.open("data", false).await;
    house.commit(4).await;
    house.publish().await;
    house.verify().expect("it verifies");
    house.store.close().await;

    let restored = scene.open("backup", false).await;
    restored.verify().expect("in itself it is in order");
    let error = refusal(&restored).await;
    assert!(matches!(error, Error::Behind { known: 8, .. }), "{error:?}");
    // Also where it has grown past what is known, with other entries.
    restored.commit(9).await;
    assert!(matches!(refusal(&restored).await, Error::Behind { .. }));
    let status = restored.audit.status(&restored.ctx).await.expect("it answers");
    assert!(status.behind && status.published == 4, "{status:?}");
    restored.store.close().await;

    // Nobody answers: it is not known, so nothing is signed either.
    scene.near[0].is_down(true);
    let house = scene.open("data", false).await;
    house.commit(1).await;
    let error = refusal(&house).await;
    assert!(matches!(error, Error::Uncompared(_)), "{error:?}");
    scene.near[0].is_down(false);
    assert_eq!(house.publish().await, 1);
}

/// A log that was published at 4 entries, copied to `backup`, and then published at 8 with this witness away.
async fn restorable(scene: &Scene, away: Option<usize>) {
    let house = scene.open("data", false).await;
    house.publish().await;
    house.commit(2).await;
    assert_eq!(house.publish().await, 3);
    house.store.close().await;
    scene.copy("data", "backup");
    let house = scene.open("data", false).await;
    house.publish().await;
    away.iter().for_each(|&at| scene.near[at].is_down(true));
    house.commit(4).await;
    assert_eq!(house.publish().await, 4);
    away.iter().for_each(|&at| scene.near[at].is_down(false));
    house.store.close().await;
}

#[tokio::test]
async fn where_any_witness_is_enough_a_rollback_waits_for_the_one_that_may_have_seen_more() {
    let scene = Scene::begin(2, 1).await;
    restorable(&scene, Some(1)).await;
    scene.near[0].is_down(true);
    let restored = scene.open("backup", false).await;
    restored.commit(1).await;
    let error = refusal(&restored).await;
    assert!(matches!(error, Error::Uncompared(_)), "{error:?}");
    scene.near[0].is_down(false);
    let error = refusal(&restored).await;
    assert!(matches!(error, Error::Behind { known: 8, .. }), "{error:?}");
}

#[tokio::test]
async fn a_size_that_no_signature_of_the_log_stands_under_stops_nothing_by_itself() {
    const LIE: u64 = 1_000_000;
    let scene = Scene::begin(3, 2).await;
    restorable(&scene, None).await;
    // A checkpoint of that size that it has cosigned itself, and somebody else than the log has signed.
    let origin = scene.log_keys.verifier_keys()[0].name().to_owned();
    let forger = crypto::sign::SigningKey::generate(&*crypto::aws_lc(), crypto::sign::Algorithm::Ed25519);
    let kind = verify::SignatureType::Ed25519;
    let stranger = VerifierKey::new(&origin, kind, forger.verifying_key().as_bytes()).expect("a key");
    let forged = verify::Checkpoint { origin: origin.clone(), size: LIE, root: [7; 32] };
    let signature = forger.sign(forged.to_string().as_bytes());
    let line = note::signature_line(&origin, stranger.key_id(), &signature);
    let forged = format!("{forged}\n{line}").into_bytes();
    let liar = Near::open(&made(scene.dir.path(), "liar"), &scene.keys[0], &[stranger]).await;
    let body = Request { old: 0, proof: Vec::new(), note: forged.clone() }.to_body();
    let lines = liar.witnessing.add_checkpoint(&liar.ctx, &body).await.expect("it cosigns what it likes");
    let forged = [forged, lines].concat();

    for shown in [None, Some(forged)] {
        scene.near[0].claims(LIE, shown);
        let house = scene.open("data", false).await;
        house.commit(1).await;
        assert_eq!(house.publish().await, 1, "two others have seen all that there is");
        // With one of those away, nobody can tell; that calls for patience, and for no other log.
        scene.near[2].is_down(true);
        house.commit(1).await;
        let error = refusal(&house).await;
        assert!(matches!(error, Error::Unmet(_)), "{error:?}");
        house.store.close().await;
        let house = scene.open("data", false).await;
        let error = refusal(&house).await;
        let Error::Uncompared(why) = &error else { panic!("{error:?}") };
        assert!(why.why.contains("W0") && why.why.contains("1000000"), "{why}");
        assert_eq!(house.audit.refused(&house.ctx), None);
        assert!(!house.audit.status(&house.ctx).await.expect("it answers").behind);
        scene.near[2].is_down(false);
        assert_eq!(house.publish().await, 1);
        house.store.close().await;
    }

    // Of a log that is behind they show what it signed, whatever else is claimed.
    let restored = scene.open("backup", false).await;
    let error = refusal(&restored).await;
    assert!(matches!(error, Error::Behind { known: 12, .. }), "{error:?}");
    let known = restored.audit.refused(&restored.ctx).and_then(|refused| refused.known);
    assert!(known.is_some_and(|known| known.size == 12 && known.root.is_some()));
    restored.store.close().await;
    // Where they show nothing, it is what a quorum says that counts.
    scene.near[1].claims(9, None);
    scene.near[2].claims(12, None);
    let restored = scene.open("backup", false).await;
    let error = refusal(&restored).await;
    assert!(matches!(error, Error::Behind { known: 12, .. }), "{error:?}");
}

#[tokio::test]
async fn a_split_view_is_caught_by_whoever_is_asked_to_cosign_it() {
    let scene = Scene::begin(1, 1).await;
    let house = scene.open("data", false).await;
    house.publish().await;
    house.commit(2).await;
    house.publish().await;
    house.store.close().await;
    scene.copy("data", "other");
    let house = scene.open("data", false).await;
    house.commit(3).await;
    house.publish().await;
    // A node that does not ask its witnesses what they remember signs another history; they do not.
    for more in [3, 9] {
        let name = format!("other-{more}");
        scene.copy("other", &name);
        let split = scene.open(&name, true).await;
        split.commit(more).await;
        let error = refusal(&split).await;
        assert!(matches!(error, Error::Split { known: 7, .. }), "{more}: {error:?}");
        let status = split.audit.status(&split.ctx).await.expect("it answers");
        assert_eq!(status.published, 4, "nothing of it is published");
    }
}

#[tokio::test]
async fn the_platform_s_log_is_asked_for_unless_the_policy_names_others() {
    let scene = Scene::begin(1, 1).await;
    let house = scene.open("data", true).await;
    let own = scene.log_keys.verifier_keys()[0].to_string();
    let other = crate::house::keys(Id::from_bytes([7; 16])).verifier_keys()[0].to_string();
    let base = policy(&scene.keys, 1);
    for (lines, asked) in [
        (String::new(), true),
        (format!("log {other}\n"), false),
        (format!("log {other}\nlog {own}\n"), true),
    ] {
        let mut connect = |_: &str| -> Result<Arc<dyn Witness>, String> { Ok(scene.near[0].clone()) };
        let text = format!("{lines}{base}");
        let quorum = Quorum::new(house.store.clone(), &text, Signatures::new(crypto::aws_lc()), &mut connect);
        let quorum = quorum.expect("a policy");
        assert_eq!(quorum.are_asked(&house.ctx).await.expect("it knows"), asked, "{lines}");
    }
    let mut nobody = |_: &str| -> Result<Arc<dyn Witness>, String> { Err("no address".to_owned()) };
    for wrong in [base.replace(" near:0", ""), base.clone(), "quorum W9".to_owned()] {
        let made = Quorum::new(house.store.clone(), &wrong, Signatures::new(crypto::aws_lc()), &mut nobody);
        assert!(made.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn other_witnesses_and_none_are_said_in_the_log_before_they_count() {
    let mut scene = Scene::begin(2, 1).await;
    let (first, second) = (scene.keys[0].clone(), scene.keys[1].clone());
    let (one, other) = (scene.near[0].clone(), scene.near[1].clone());
    (scene.keys, scene.near) = (vec![first], vec![one]);
    let house = scene.open("data", false).await;
    house.publish().await;
    house.commit(1).await;
    house.publish().await;
    assert_eq!(cosigned_by(&house), ["W0", "W0-old"]);
    house.store.close().await;

    // Under the same names others: the first checkpoint that they cosign covers the entry that says so.
    (scene.keys, scene.near) = (vec![second], vec![other]);
    let house = scene.open("data", false).await;
    house.commit(1).await;
    let error = refusal(&house).await;
    assert!(matches!(error, Error::Unmet(_)), "{error:?}");
    assert_eq!(house.publish().await, 2);
    assert_eq!(cosigned_by(&house), ["W0", "W0-old"]);
    let report = house.verify().expect("it verifies");
    let keys = scene.keys[0].verifier_keys();
    assert!(report.vouched.by.iter().all(|by| keys.contains(&by.key)), "{:?}", report.vouched);
    house.store.close().await;

    // And none.
    let data = scene.dir.path().join("data");
    let house = House::open(&data, Some(scene.log_keys.clone())).await;
    let settings = audit::witness::Settings::none(house.store.clone());
    let origin = verify::Origin { organization: house.ctx.organization(), generation: 1 };
    for _ in 0..2 {
        assert_eq!(settings.settle(&house.ctx, origin).await.expect("it says so"), None);
    }
    assert_eq!(house.publish().await, 1, "said once");
    assert_eq!(cosigned_by(&house), [""; 0]);
}

/// A request that shows the published checkpoint, and its note.
fn request(house: &House, old: u64) -> (Vec<u8>, Vec<u8>) {
    let (_, note) = house.audit.published(house.ctx.organization()).expect("it was published");
    (Request { old, proof: Vec::new(), note: note.clone() }.to_body(), note)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_trees_at_once_one_is_cosigned() {
    let scene = Scene::begin(0, 1).await;
    // Two nodes with the same keys, and different entries of the same log.
    scene.copy("data", "other");
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for (data, body) in [("data", &mut one), ("other", &mut other)] {
        let house = House::open(&scene.dir.path().join(data), Some(scene.log_keys.clone())).await;
        house.commit(1).await;
        house.publish().await;
        *body = request(&house, 0).0;
    }
    assert_ne!(one, other);
    for round in 0..24 {
        let place = made(scene.dir.path(), &format!("round-{round}"));
        let keys = witness_keys("w.example/race");
        let near = Near::open(&place, &keys, &scene.log_keys.verifier_keys()).await;
        let (first, second) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let mut asked = tokio::task::JoinSet::new();
        for body in [first, second, first, second] {
            let (near, body) = (Arc::clone(&near), body.clone());
            asked.spawn(async move { (near.witnessing.add_checkpoint(&near.ctx, &body).await, body) });
        }
        let mut cosigned = HashSet::new();
        while let Some(answer) = asked.join_next().await {
            match answer.expect("no panic") {
                (Ok(_), body) => drop(cosigned.insert(body)),
                // Whoever came later did not know of the one before.
                (Err(Denied::Refused(Refusal::Stale { known: 2 })), _) => {}
                (Err(other), _) => panic!("{other:?}"),
            }
        }
        assert_eq!(cosigned.len(), 1, "round {round}");
    }
}

#[tokio::test]
async fn what_was_cosigned_is_remembered_by_a_witness_that_died_before_it_answered() {
    let scene = Scene::begin(0, 1).await;
    let house = House::open(&scene.dir.path().join("data"), Some(scene.log_keys.clone())).await;
    house.commit(1).await;
    house.publish().await;
    let (body, note) = request(&house, 0);
    let place = made(scene.dir.path(), "w");
    let keys = witness_keys("w.example/1");
    let logs = scene.log_keys.verifier_keys();
    let near = Near::open(&place, &keys, &logs).await;
    // The answer is lost.
    let first = near.witnessing.add_checkpoint(&near.ctx, &body).await.expect("it cosigns");
    drop(near);
    let near = Near::open(&place, &keys, &logs).await;
    let again = near.witnessing.add_checkpoint(&near.ctx, &body).await;
    assert!(matches!(again, Err(Denied::Refused(Refusal::Stale { known: 2 }))), "{again:?}");
    let (told, _) = request(&house, 2);
    let lines = near.witnessing.add_checkpoint(&near.ctx, &told).await.expect("it cosigns the same again");
    // Both kinds, with the time; and the monitoring address has the first ones under the log's own lines.
    let read = note::read(&note).expect("a note");
    let checkpoint = verify::Checkpoint::read(read.text).expect("a checkpoint");
    let signatures = Signatures::new(crypto::aws_lc());
    let found = verify::witness::cosignatures(&checkpoint, &lines, &keys.verifier_keys(), &signatures);
    let times: Vec<_> = found.iter().map(|found| (found.key, found.time.seconds())).collect();
    assert_eq!(times, [(0, 1_763_800_000), (1, 1_763_800_000)]);
    let hash = base::digest::hex(&base::digest::sha256(checkpoint.origin.as_bytes()));
    let latest = near.witnessing.checkpoint(&near.ctx, &hash).await.expect("it reads").expect("it has one");
    assert_eq!(latest, [note, first].concat());
    assert_eq!(near.witnessing.checkpoint(&near.ctx, &"0".repeat(64)).await.expect("it reads"), None);
}

/// Both lines were made by the Go libraries of transparency-dev.
#[tokio::test]
async fn what_was_cosigned_before_is_cosigned_again_without_a_write_and_what_is_refused_too() {
    let scene = Scene::begin(0, 1).await;
    let house = House::open(&scene.dir.path().join("data"), Some(scene.log_keys.clone())).await;
    house.commit(1).await;
    house.publish().await;
    let keys = witness_keys("w.example/1");
    let near = Near::open(&made(scene.dir.path(), "w"), &keys, &scene.log_keys.verifier_keys()).await;
    let (first, again) = (request(&house, 0).0, request(&house, 2).0);
    let ask = async |body: &[u8]| {
        let asked = near.witnessing.add_checkpoint(&near.ctx, body);
        tokio::time::timeout(std::time::Duration::from_secs(10), asked).await.expect("it waits for no write")
    };
    drop(ask(&first).await.expect("it cosigns"));
    // Nobody else writes while this is held.
    let held = near.store.write(&near.ctx).await.expect("a change");
    for _ in 0..3 {
        let lines = ask(&again).await.expect("it cosigns the same again");
        assert_eq!(lines.iter().filter(|&&byte| byte == b'\n').count(), 2);
        assert!(matches!(ask(&first).await, Err(Denied::Refused(Refusal::Stale { known: 2 }))));
    }
    drop(held);
    house.commit(1).await;
    house.publish().await;
    let proof = Request { old: 2, proof: Vec::new(), note: request(&house, 0).1 }.to_body();
    assert!(matches!(ask(&proof).await, Err(Denied::Refused(Refusal::Inconsistent))), "it is asked as ever");
}

#[tokio::test]
async fn a_log_that_comes_on_the_list_is_cosigned_from_then_on() {
    let scene = Scene::begin(0, 1).await;
    let house = House::open(&scene.dir.path().join("data"), Some(scene.log_keys.clone())).await;
    house.commit(1).await;
    house.publish().await;
    let near = Near::open(&made(scene.dir.path(), "w"), &witness_keys("w.example/1"), &[]).await;
    let (first, note) = request(&house, 0);
    let ask = async |body: &[u8]| near.witnessing.add_checkpoint(&near.ctx, body).await;
    assert!(matches!(ask(&first).await, Err(Denied::Refused(Refusal::UnknownLog))));
    near.witnessing.set_logs(scene.log_keys.verifier_keys());
    drop(ask(&first).await.expect("it is on the list"));
    // And no longer; what was said of it stays said.
    near.witnessing.set_logs([]);
    assert!(matches!(ask(&request(&house, 2).0).await, Err(Denied::Refused(Refusal::UnknownLog))));
    let text = String::from_utf8(note).expect("a note");
    let origin = text.lines().next().expect("an origin");
    let hash = base::digest::hex(&base::digest::sha256(origin.as_bytes()));
    assert!(near.witnessing.checkpoint(&near.ctx, &hash).await.expect("it reads").is_some());
    near.witnessing.set_logs(scene.log_keys.verifier_keys());
    assert!(matches!(ask(&first).await, Err(Denied::Refused(Refusal::Stale { known: 2 }))), "and remembered");
}

#[test]
fn the_golden_key_file_reads() {
    let golden = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        std::fs::read_to_string(path).expect("the golden file")
    };
    let file = base::Secret::new(golden("witness.key"));
    let keys = WitnessKeys::read(&*crypto::aws_lc(), &file).expect("it reads");
    let read: String = keys.verifier_keys().iter().map(|key| format!("{key}\n")).collect();
    assert_eq!(read, golden("witness.vkeys"));
    assert_eq!(keys.to_file().expose(), file.expose());
}

#[test]
fn the_key_file_reads_alike_and_a_changed_one_does_not() {
    let provider = crypto::aws_lc();
    let keys = witness_keys("w.example/1");
    let file = keys.to_file();
    let read = WitnessKeys::read(&*provider, &file).expect("a key file");
    assert_eq!(read.verifier_keys(), keys.verifier_keys());
    let text = file.expose().clone();
    let lines: Vec<&str> = text.lines().collect();
    for wrong in [
        String::new(),
        text.trim_end().to_owned(),
        format!("{}\n{}\n", lines[1], lines[0]),
        format!("{}\n", lines[0]),
        text.replacen("w.example/1", "w.example/2", 1),
        text.replace("w.example/1", "w.example/2"),
        text.replacen("PRIVATE", "PUBLIC", 1),
        format!("{text}\n"),
    ] {
        assert!(WitnessKeys::read(&*provider, &base::Secret::new(wrong.clone())).is_err(), "{wrong}");
    }
}
