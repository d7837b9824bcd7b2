//! A data directory with a store, an organization and the keys of its log.

use audit::{Audit, Directory, LogKeys, Signatures};
use base::{Clock, Context, Id, Timestamp, noun};
use crypto::sign::{Algorithm, SigningKey};
use ledger::{Entry, Kind, checkpoint};
use std::{path::Path, sync::Arc};
use store::{Options, Store};
use verify::{Failure, Pins, Report};

pub(crate) struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_800_000_000)
    }
}

pub(crate) struct House {
    pub(crate) ctx: Context,
    pub(crate) keys: LogKeys,
    pub(crate) audit: Audit,
    pub(crate) store: Store,
    pub(crate) provider: Arc<dyn crypto::Provider>,
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
        let (clock, provider): (Arc<dyn Clock>, _) = (Arc::new(Fixed), crypto::aws_lc());
        let random = Arc::clone(&provider);
        let options = Options {
            dir: dir.to_owned(),
            clock: Arc::clone(&clock),
            random: Arc::new(move |bytes: &mut [u8]| random.fill(bytes)),
        };
        let store = Store::open(options, &[]).await.expect("a directory of its own");
        let organization = store.platform();
        let ctx = Context::background(organization, "test", Id::from_bytes([2; 16]));
        let audit = Audit::new(store.clone(), dir, clock, Arc::clone(&provider));
        Self { ctx, keys: keys_of.unwrap_or_else(|| keys(organization)), audit, store, provider }
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
        let home = self.audit.directory(self.ctx.organization());
        let pins = Pins { keys: self.keys.verifier_keys().to_vec(), ..Pins::default() };
        let files = Directory::open(&home).expect("the ledger is there");
        verify::directory(&files, &Signatures::new(Arc::clone(&self.provider)), &pins)
    }
}
