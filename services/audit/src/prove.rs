//! The proof of one entry, from what is published and nothing else: whoever can read the log's files can make the
//! same.
//!
//! Where witnesses cosign the platform's log and not the organization's, the proof passes through the platform's: it is
//! made under a checkpoint that the platform's log records, and carries the proof of that record.

use crate::ports::StoredLog;
use crate::{Audit, Error, Status, blocking, log_name};
use base::{Context, Fault, Id, Kind, noun};
use ledger::{Published, Unproven};
use std::ops::RangeInclusive;
use verify::{Proof, note};

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum NotProven {
    /// No such entry.
    #[error("there is no entry {position}: the log has {committed}")]
    NoEntry {
        /// Which one was asked for.
        position: u64,
        /// How many are committed.
        committed: u64,
    },
    /// The entry was dropped when its time had come.
    #[error(
        "entry {position} is not kept any more: the log begins with entry {minimum} (nexora ledger retention)"
    )]
    Dropped {
        /// Which one was asked for.
        position: u64,
        /// The first one that is kept.
        minimum: u64,
    },
    /// The entry is committed, and no checkpoint that may prove it covers it yet.
    #[error("entry {position} is pending, as all from {} to {} are: {why}", entries.start(), entries.end())]
    Pending {
        /// Which one was asked for.
        position: u64,
        /// Which entries wait.
        entries: RangeInclusive<u64>,
        /// For what.
        why: String,
    },
    /// The published files do not give a proof.
    #[error("the published log gives no proof of it")]
    Unproven(#[from] Unproven),
    /// What publication meets.
    #[error("the log cannot be asked")]
    Log(#[from] Error),
}

impl Fault for NotProven {
    fn kind(&self) -> Kind {
        match self {
            Self::NoEntry { .. } | Self::Dropped { .. } => Kind::NotFound,
            Self::Pending { .. } => Kind::Unavailable,
            Self::Unproven(error) => error.kind(),
            Self::Log(error) => error.kind(),
        }
    }
}

impl Audit {
    /// The proof of an entry of the organization's log that is in use. `platform` is a context of the platform.
    ///
    /// # Errors
    /// [`NotProven`].
    pub async fn prove(&self, ctx: &Context, platform: &Context, position: u64) -> Result<Proof, NotProven> {
        let status = self.status(ctx).await?;
        if position >= status.committed {
            return Err(NotProven::NoEntry { position, committed: status.committed });
        }
        let minimum = self.minimum(ctx).await?;
        if position < minimum {
            return Err(NotProven::Dropped { position, minimum });
        }
        if position >= status.published {
            return Err(pending(&status, position));
        }
        let files = StoredLog::new(self.storage(), log_name(ctx.organization(), status.generation));
        let organization = ctx.organization();
        let passes = self.is_witnessed(platform.organization())
            && organization != platform.organization()
            && !self.is_witnessed(organization);
        if !passes {
            return Ok(blocking(move || Published::open(&files)?.prove(position)).await??);
        }
        let origin = ledger::checkpoint::origin(organization, status.generation);
        let Some(record) = self.covering(platform, &origin, position + 1).await? else {
            let newest =
                self.covering(platform, &origin, 0).await?.map_or(0, |record| record.checkpoint.size);
            let mut why =
                "the platform's log, which witnesses cosign, does not record them under its checkpoint yet"
                    .to_owned();
            if let Some(stalled) = self.status(platform).await?.stalled {
                why = format!("{why}: its publication stalls: {stalled}");
            }
            let entries = newest.min(position)..=status.committed - 1;
            return Err(NotProven::Pending { position, entries, why });
        };
        let above = StoredLog::new(self.storage(), log_name(platform.organization(), record.generation));
        let proof = blocking(move || {
            let own = Published::at(&files, record.note)?.prove(position)?;
            let above = Published::open(&above)?.prove(record.position)?;
            Ok::<_, Unproven>(Proof { platform: Some(Box::new(above)), ..own })
        });
        Ok(proof.await??)
    }

    /// Whether somebody else than the log itself has signed its published checkpoint.
    fn is_witnessed(&self, organization: Id<noun::Organization>) -> bool {
        let Some((checkpoint, note)) = self.published(organization) else { return false };
        note::read(&note).is_ok_and(|note| note.signatures.iter().any(|line| line.name != checkpoint.origin))
    }
}

fn pending(status: &Status, position: u64) -> NotProven {
    let entries = status.published..=status.committed - 1;
    let why = match &status.stalled {
        Some(why) if status.sequenced > status.published => {
            format!(
                "{} of them are sequenced, and publication stalls: {why}",
                status.sequenced - status.published
            )
        }
        Some(why) => format!("publication stalls: {why}"),
        None => "committed a moment ago, and about to be published".to_owned(),
    };
    NotProven::Pending { position, entries, why }
}
