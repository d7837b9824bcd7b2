//! Who cosigns and who remembers this node's logs, as the configuration says (`ledger_policy`).

use crate::config::WrongConfig;
use crate::runner::{Progress, background};
use crate::wiring::Wiring;
use crate::{Config, Error};
use audit::platform::Recorded;
use audit::witness::{Quorum, Settings, Witness};
use audit::{Cosigners, Memory, Options, Signatures};
use base::{Clock, Context, Id};
use std::sync::Arc;
use std::time::Duration;
use store::{Random, Store};
use witness::{HttpWitness, Trust};

/// How often the platform's log records what organizations' logs have published.
const RECORD: Duration = Duration::from_secs(2);

/// The witnesses of this node's logs, and the platform's memory of them.
pub(crate) struct Witnesses {
    quorum: Option<Arc<Quorum>>,
    settings: Settings,
    recorded: Arc<Recorded>,
}

impl Witnesses {
    /// As the configuration says.
    pub(crate) fn make(
        config: &Config,
        store: &Store,
        signatures: Signatures,
        clock: &Arc<dyn Clock>,
        random: &Random,
    ) -> Result<Self, Error> {
        let quorum = match &config.ledger_policy {
            None => None,
            Some(path) => {
                let file = crate::read("the policy of witnesses", path)?;
                let wrong =
                    |why: String| WrongConfig::Value(format!("ledger_policy {}: {why}", path.display()));
                let file = String::from_utf8(file).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
                let trust = match &config.ledger_ca {
                    None => Trust::System,
                    Some(path) => Trust::Pem(crate::read("the certificates of witnesses", path)?),
                };
                let mut connect = |url: &str| -> Result<Arc<dyn Witness>, String> {
                    let witness = HttpWitness::new(url, &trust).map_err(|error| error.to_string())?;
                    Ok(Arc::new(witness))
                };
                let quorum = Quorum::new(store.clone(), &file, signatures, &mut connect);
                Some(Arc::new(quorum.map_err(|error| wrong(error.to_string()))?))
            }
        };
        let settings = match &quorum {
            Some(quorum) => quorum.settings().clone(),
            None => Settings::none(store.clone()),
        };
        let (platform, clock, random) = (store.platform(), Arc::clone(clock), Arc::clone(random));
        let context: Arc<dyn Fn() -> Context + Send + Sync> = Arc::new(move || {
            let mut entropy = [0; 10];
            random(&mut entropy);
            background(platform, "audit.recall", Id::fresh(clock.now(), entropy))
        });
        Ok(Self { quorum, settings, recorded: Arc::new(Recorded::new(store.clone(), context)) })
    }

    /// The options of publication with those who cosign and those who remember.
    pub(crate) fn join(&self, mut options: Options) -> Options {
        options.memories.push(Arc::clone(&self.recorded) as Arc<dyn Memory>);
        if let Some(quorum) = &self.quorum {
            options.memories.push(Arc::clone(quorum) as Arc<dyn Memory>);
            options.cosigners = Some(Arc::clone(quorum) as Arc<dyn Cosigners>);
        }
        options
    }

    /// Tells the platform's memory whose it is.
    pub(crate) fn watch(&self, audit: &audit::Audit) {
        self.recorded.watch(audit);
    }

    /// Sees to it that an organization's log says which witnesses it has.
    pub(crate) async fn settle(&self, ctx: &Context, origin: verify::Origin) -> Result<(), audit::Error> {
        self.settings.settle(ctx, origin).await.map(drop)
    }
}

impl Wiring {
    /// The platform's task that records what organizations' logs have published.
    pub(crate) fn start_recording(&self) {
        self.task(self.store.platform(), "audit.record", None, RECORD, |this, ctx| async move {
            let organizations: Vec<_> =
                this.store.organizations().into_iter().map(|known| known.id).collect();
            this.audit.record_step(&ctx, &organizations).await?;
            Ok(Progress::Idle)
        });
    }
}
