//! A whole ledger in an object storage: published, verified, gone on with after a restart, found changed.

use crate::s3::S3;
use audit::{Audit, Error, LogKeys, Options, Signatures, Storage, StorageError, Stored, log_name};
use base::{Clock, Context, Fault as _, Id, Kind, Timestamp};
use crypto::sign::{Algorithm, SigningKey};
use ledger::{Entry, checkpoint};
use std::{path::Path, sync::Arc};
use store::Store;
use tokio::runtime::Runtime;
use verify::Pins;

static SCHEMAS: &[&store::Schema] = &[audit::SCHEMA];

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_800_000_000)
    }
}

struct House {
    ctx: Context,
    store: Store,
    audit: Audit,
    keys: LogKeys,
    provider: Arc<dyn crypto::Provider>,
}

impl House {
    async fn open(dir: &Path, storage: Arc<dyn Storage>, keys: Option<LogKeys>) -> Self {
        let (clock, provider): (Arc<dyn Clock>, _) = (Arc::new(Fixed), crypto::aws_lc());
        let random = Arc::clone(&provider);
        let options = store::Options {
            dir: dir.to_owned(),
            clock: Arc::clone(&clock),
            random: Arc::new(move |bytes: &mut [u8]| random.fill(bytes)),
        };
        let store = Store::open(options, SCHEMAS).await.expect("a directory of its own");
        let ctx = Context::background(store.platform(), "test", Id::from_bytes([2; 16]));
        let key = |algorithm| SigningKey::generate(&*provider, algorithm);
        let (fresh, organization) = (keys.is_none(), store.platform());
        let keys = keys.unwrap_or_else(|| {
            LogKeys::new(organization, key(Algorithm::Ed25519), key(Algorithm::MlDsa44)).expect("one of each")
        });
        let mut options = Options::local(store.clone(), dir, clock, Arc::clone(&provider));
        (options.storage, options.directory) = (storage, None);
        let house = Self { ctx, audit: Audit::open(options), keys, provider, store };
        if fresh {
            let [ed25519, ml_dsa_44] = house.keys.verifier_keys();
            house.commit(vec![checkpoint::started(organization, 1, &ed25519, &ml_dsa_44)]).await;
        }
        house
    }

    async fn commit(&self, entries: Vec<Entry>) {
        let tx = self.store.write(&self.ctx).await.expect("the door opens");
        let _ = tx.commit_all(entries).await.expect("it commits");
    }

    async fn commit_some(&self, count: usize) {
        let entry = || Entry::done(ledger::Kind::FindingsRecorded, self.ctx.organization()).batch(1, [7; 32]);
        self.commit((0..count).map(|_| entry()).collect()).await;
    }

    async fn publish(&self) -> Result<(), Error> {
        while self.audit.publish_step(&self.ctx, &self.keys).await?.more {}
        Ok(())
    }

    /// The size of the log, verified from the storage's files alone.
    async fn verified(&self) -> Result<u64, verify::Failure> {
        let (files, signatures) =
            (self.audit.files(self.ctx.organization()), Signatures::new(Arc::clone(&self.provider)));
        let pins = Pins { keys: self.keys.verifier_keys().to_vec(), ..Pins::default() };
        let work = move || {
            verify::directory(&files, &signatures, &pins).map(|report| report.checkpoint.checkpoint().size)
        };
        tokio::task::spawn_blocking(work).await.expect("it ends")
    }
}

#[test]
fn a_ledger_is_published_to_s3_goes_on_after_a_restart_and_shows_what_was_changed() {
    let (server, runtime) = (S3::start(), Runtime::new().expect("a runtime"));
    let dir = tempfile::tempdir().expect("a directory");
    let storage = || -> Arc<dyn Storage> { Arc::new(server.client("nexora", &runtime)) };
    let (log, keys) = runtime.block_on(async {
        let house = House::open(dir.path(), storage(), None).await;
        house.commit_some(299).await;
        house.publish().await.expect("it publishes");
        assert_eq!(house.verified().await.expect("it verifies"), 300);
        let log = log_name(house.ctx.organization(), 1);
        house.store.close().await;
        (log, house.keys.clone())
    });
    runtime.block_on(async {
        let house = House::open(dir.path(), storage(), Some(keys.clone())).await;
        house.commit_some(300).await;
        house.publish().await.expect("it goes on");
        assert_eq!(house.verified().await.expect("it verifies"), 600);
        house.store.close().await;
    });
    assert!(!dir.path().join("ledgers").exists(), "nothing of the ledger stands in the data directory");
    let client = server.client("nexora", &runtime);
    let listed = client.list(&log, "").expect("a listing");
    let expected = [
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
    ];
    // An older partial tile may stand beside these until it is superseded.
    assert!(expected.iter().all(|path| listed.iter().any(|found| found == path)), "{listed:?}");
    // What anybody with access to the bucket changes is found.
    let path = "tile/entries/001";
    let kept = client.read(&log, path, 1 << 20).expect("it reads").expect("it is there");
    let mut bytes = kept.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let put = |path: &str, bytes: &[u8]| {
        let file = Stored { path: path.to_owned(), bytes: bytes.to_vec() };
        // Whoever may do anything in the bucket; the client itself overwrites nothing that is published.
        client.remove(&log, &[path.to_owned()]).expect("it is removed");
        client.put(&log, &[file]).expect("it is written");
    };
    let verified = |keys: &LogKeys| {
        runtime.block_on(async {
            let house = House::open(dir.path(), storage(), Some(keys.clone())).await;
            let verified = house.verified().await;
            house.store.close().await;
            verified
        })
    };
    put(path, &bytes);
    let failure = verified(&keys).expect_err("an entry was changed");
    assert!(failure.to_string().contains(path), "{failure}");
    put(path, &kept);
    put("tile/entries/stranger", b"x");
    verified(&keys).expect_err("a file that no ledger has");
    client.remove(&log, &["tile/entries/stranger".to_owned()]).expect("it is removed");
    assert_eq!(verified(&keys).expect("as it was"), 600);
}

#[test]
fn a_storage_that_is_away_stalls_publication_and_loses_nothing() {
    let (server, runtime) = (S3::start(), Runtime::new().expect("a runtime"));
    let dir = tempfile::tempdir().expect("a directory");
    let line = server.line();
    let storage: Arc<dyn Storage> = Arc::new(line.client("nexora", &runtime));
    runtime.block_on(async {
        let house = House::open(dir.path(), storage, None).await;
        house.commit_some(9).await;
        house.publish().await.expect("it publishes");
        line.cut();
        house.commit_some(10).await;
        let stalled = house.publish().await.expect_err("nobody answers");
        assert_eq!(stalled.kind(), Kind::Unavailable, "{stalled}");
        let status = house.audit.status(&house.ctx).await.expect("it answers");
        assert_eq!((status.committed, status.published), (20, 10));
        assert!(status.stalled.is_some(), "and it says so");
        line.mend();
        line.lose_one_answer();
        house.publish().await.expect("it goes on");
        assert_eq!(house.verified().await.expect("it verifies"), 20);
    });
}

/// Two nodes that write one log, as after a failover that went wrong: the second one stops.
#[test]
fn a_second_writer_of_the_same_log_is_refused() {
    let (server, runtime) = (S3::start(), Runtime::new().expect("a runtime"));
    let dir = tempfile::tempdir().expect("a directory");
    let storage = || -> Arc<dyn Storage> { Arc::new(server.client("nexora", &runtime)) };
    runtime.block_on(async {
        let house = House::open(dir.path(), storage(), None).await;
        house.publish().await.expect("it publishes");
        let copy = dir.path().join("copy");
        std::fs::create_dir(&copy).expect("a directory");
        house.store.close().await;
        copy_of(&dir.path().join("organizations"), &copy.join("organizations"));
        let one = House::open(dir.path(), storage(), Some(house.keys.clone())).await;
        let two = House::open(&copy, storage(), Some(house.keys.clone())).await;
        one.publish().await.expect("nothing to do");
        two.publish().await.expect("nothing to do");
        // Full tiles and partial ones, other bytes at the same paths.
        let other = || Entry::done(ledger::Kind::FindingsRecorded, two.ctx.organization()).batch(1, [8; 32]);
        one.commit_some(300).await;
        two.commit((0..300).map(|_| other()).collect()).await;
        one.publish().await.expect("it publishes");
        let refused = two.publish().await.expect_err("the checkpoint is another one");
        assert!(matches!(refused, Error::Storage(StorageError::Changed { .. })), "{refused:?}");
        assert_eq!(one.audit.published(one.ctx.organization()).map(|(head, _)| head.size), Some(301));
        assert_eq!(one.verified().await.expect("nothing of it was overwritten"), 301);
    });
}

fn copy_of(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a listing") {
        let entry = entry.expect("an entry");
        let name = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_of(&entry.path(), &name);
        } else {
            std::fs::copy(entry.path(), name).expect("a copy");
        }
    }
}
