//! The file outside the data directory to which checkpoints are appended, as the configuration says
//! (`ledger_anchor`).

use crate::config::WrongConfig;
use crate::runner::Progress;
use crate::wiring::Wiring;
use crate::{Config, Error};
use audit::{Anchor, AnchorMemory, FileAnchor, Memory};
use base::{Clock, Id, noun};
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// How often it is looked whether more is published, and what became of what was handed over.
const ANCHOR: Duration = Duration::from_secs(2);

/// The anchor, if one is configured.
pub(crate) fn of(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<Arc<dyn Anchor>>, Error> {
    let Some(path) = &config.ledger_anchor else { return Ok(None) };
    let absolute = |path| std::path::absolute(path).unwrap_or_default();
    if absolute(path).starts_with(absolute(&config.data)) {
        let said = format!(
            "ledger_anchor {}: it stands in the data directory, and would be restored with it",
            path.display()
        );
        return Err(WrongConfig::Value(said).into());
    }
    Ok(Some(Arc::new(FileAnchor::new(path, Arc::clone(clock)))))
}

/// The anchor as somebody who remembers; the store has its receipts.
pub(crate) fn memory(anchor: Arc<dyn Anchor>, store: Store) -> Arc<dyn Memory> {
    Arc::new(AnchorMemory::new(anchor, store))
}

impl Wiring {
    /// The task that hands a log's published checkpoints to the anchor.
    pub(crate) fn start_anchoring(&self, organization: Id<noun::Organization>) {
        let Some(anchor) = self.anchor.clone() else { return };
        self.task(organization, "audit.anchor", None, ANCHOR, move |this, ctx| {
            let anchor = Arc::clone(&anchor);
            async move {
                this.audit.anchor_step(&ctx, &*anchor).await?;
                Ok(Progress::Idle)
            }
        });
    }
}
