//! A data directory with a store, an organization and the keys of its log.

use audit::{Audit, Directory, LogKeys, Signatures};
use base::{Clock, Context, Id, Secret, Timestamp, noun};
use crypto::sign::{Algorithm, SigningKey};
use ledger::{Entry, Kind, checkpoint};
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};
use store::{Options, Store};
use verify::{Failure, Pins, Report, VerifierKey};

/// The tables of the service.
static SCHEMAS: &[&store::Schema] = &[audit::SCHEMA, &audit::search::SCHEMA];

pub(crate) struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_800_000_000)
    }
}

/// A clock that stands until it is set.
pub(crate) struct Standing(Mutex<Timestamp>);

impl Standing {
    pub(crate) fn set(&self, now: Timestamp) {
        *self.0.lock().expect("no test panics while it holds the clock") = now;
    }
}

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no test panics while it holds the clock")
    }
}

pub(crate) struct House {
    pub(crate) ctx: Context,
    pub(crate) keys: LogKeys,
    pub(crate) audit: Audit,
    pub(crate) store: Store,
    pub(crate) provider: Arc<dyn crypto::Provider>,
    pub(crate) clock: Arc<Standing>,
}

/// Keys of which a log can have several pairs over time.
pub(crate) struct Pair([(Algorithm, Secret<Vec<u8>>); 2]);

impl Pair {
    /// A fresh one.
    pub(crate) fn fresh() -> Self {
        let provider = crypto::aws_lc();
        Self([Algorithm::Ed25519, Algorithm::MlDsa44].map(|algorithm| {
            let key = SigningKey::generate(&*provider, algorithm);
            (algorithm, Secret::new(key.as_secret().expose().clone()))
        }))
    }

    pub(crate) fn keys(&self) -> [SigningKey; 2] {
        self.0.each_ref().map(|(algorithm, seed)| {
            let seed = Secret::new(seed.expose().clone());
            SigningKey::from_secret(&*crypto::aws_lc(), *algorithm, seed).expect("its own seed")
        })
    }
}

/// The keys of a log, as `keys` would hand them over.
pub(crate) fn keys(organization: Id<noun::Organization>) -> LogKeys {
    let provider = crypto::aws_lc();
    let key = |algorithm| SigningKey::generate(&*provider, algorithm);
    LogKeys::new(organization, key(Algorithm::Ed25519), key(Algorithm::MlDsa44)).expect("one of each")
}

impl House {
    /// Opens the data directory; its platform is the organization whose log is kept.
    pub(crate) async fn open(dir: &Path, keys_of: Option<LogKeys>) -> Self {
        Self::open_with(dir, keys_of, |_| {}).await
    }

    /// As [`open`](Self::open), with something else than an embedded node has.
    pub(crate) async fn open_with(
        dir: &Path,
        keys_of: Option<LogKeys>,
        with: impl FnOnce(&mut audit::Options),
    ) -> Self {
        let fixed = Arc::new(Standing(Mutex::new(Fixed.now())));
        let (clock, provider): (Arc<dyn Clock>, _) = (Arc::clone(&fixed) as _, crypto::aws_lc());
        let random = Arc::clone(&provider);
        let options = Options {
            dir: dir.to_owned(),
            clock: Arc::clone(&clock),
            random: Arc::new(move |bytes: &mut [u8]| random.fill(bytes)),
        };
        let store = Store::open(options, SCHEMAS).await.expect("a directory of its own");
        let organization = store.platform();
        let ctx = Context::background(organization, "test", Id::from_bytes([2; 16]));
        let mut options = audit::Options::local(store.clone(), dir, clock, Arc::clone(&provider));
        with(&mut options);
        let audit = Audit::open(options);
        Self {
            ctx,
            keys: keys_of.unwrap_or_else(|| keys(organization)),
            audit,
            store,
            provider,
            clock: fixed,
        }
    }

    /// Commits the entry that begins the log, as `keys` does.
    pub(crate) async fn begin(&self) {
        let (organization, [ed25519, ml_dsa_44]) = (self.ctx.organization(), self.keys.verifier_keys());
        let entry = checkpoint::started(organization, checkpoint::FIRST_GENERATION, &ed25519, &ml_dsa_44);
        let tx = self.store.write(&self.ctx).await.expect("the door opens");
        let _ = tx.commit(entry).await.expect("it commits");
    }

    pub(crate) async fn commit(&self, count: u64) {
        for _ in 0..count {
            let tx = self.store.write(&self.ctx).await.expect("the door opens");
            let entry = Entry::done(Kind::FindingsRecorded, self.ctx.organization()).batch(1, [7; 32]);
            let _ = tx.commit(entry).await.expect("it commits");
        }
    }

    /// Commits many entries in one transaction.
    pub(crate) async fn commit_together(&self, count: u64) {
        let tx = self.store.write(&self.ctx).await.expect("the door opens");
        let entry = || Entry::done(Kind::FindingsRecorded, self.ctx.organization()).batch(1, [7; 32]);
        let _ = tx.commit_all((0..count).map(|_| entry()).collect()).await.expect("it commits");
    }

    pub(crate) async fn publish(&self) -> u64 {
        let mut published = 0;
        loop {
            let step = self.audit.publish_step(&self.ctx, &self.keys).await.expect("it publishes");
            published += step.published;
            if !step.more {
                return published;
            }
        }
    }

    pub(crate) fn verify(&self) -> Result<Report, Failure> {
        self.verify_pinned(&self.keys.verifier_keys())
    }

    pub(crate) fn verify_pinned(&self, keys: &[VerifierKey]) -> Result<Report, Failure> {
        let home = self.audit.directory(self.ctx.organization()).expect("a local directory");
        let pins = Pins { keys: keys.to_vec(), ..Pins::default() };
        let files = Directory::open(&home).expect("the ledger is there");
        verify::directory(&files, &Signatures::new(Arc::clone(&self.provider)), &pins)
    }
}

/// A copy of a directory, as a backup makes one.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it is made");
    for entry in fs::read_dir(from).expect("it lists") {
        let entry = entry.expect("it lists");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it copies");
        }
    }
}
