//! The proof of one entry, from what is published and nothing else: whoever can read the log's files can make the
//! same.
//!
//! Where witnesses cosign the platform's log and not the organization's, the proof passes through the platform's: it is
//! made under a checkpoint that the platform's log records, and carries the proof of that record.

use crate::platform::Record;
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
    /// No such log.
    #[error("there is no log {generation} of this organization: the one in use is {present}")]
    NoLog {
        /// Which one was asked for, from 1.
        generation: u32,
        /// Which one is in use.
        present: u32,
    },
    /// A log that has ended never published it.
    #[error(
        "entry {generation}/{position} was never published: log {generation} ended with {published} entries, and {present} followed it"
    )]
    Ended {
        /// Which log, from 1.
        generation: u32,
        /// Which one was asked for.
        position: u64,
        /// How many entries the log has.
        published: u64,
        /// Which log is in use.
        present: u32,
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
            Self::NoEntry { .. } | Self::NoLog { .. } | Self::Ended { .. } | Self::Dropped { .. } => {
                Kind::NotFound
            }
            Self::Pending { .. } => Kind::Unavailable,
            Self::Unproven(error) => error.kind(),
            Self::Log(error) => error.kind(),
        }
    }
}

impl Audit {
    /// The proof of an entry of the organization's log: of the one of this generation, else of the one in use.
    /// `platform` is a context of the platform.
    ///
    /// # Errors
    /// [`NotProven`].
    pub async fn prove(
        &self,
        ctx: &Context,
        platform: &Context,
        generation: Option<u32>,
        position: u64,
    ) -> Result<Proof, NotProven> {
        let status = self.status(ctx).await?;
        let present = status.generation;
        match generation {
            Some(generation) if generation == 0 || generation > present => {
                return Err(NotProven::NoLog { generation, present });
            }
            Some(generation) if generation < present => {
                return self.prove_earlier(ctx, platform, (generation, present), position).await;
            }
            _ => {}
        }
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
        self.through(files, platform, record, position).await
    }

    /// The proof of an entry of a log that has ended, from its files: through the platform's log where that recorded
    /// it, else under its own last checkpoint.
    async fn prove_earlier(
        &self,
        ctx: &Context,
        platform: &Context,
        (generation, present): (u32, u32),
        position: u64,
    ) -> Result<Proof, NotProven> {
        let organization = ctx.organization();
        let name = log_name(organization, generation);
        let files = StoredLog::new(self.storage(), name.clone());
        let read = move || {
            let published = Published::open(&files)?;
            Ok::<_, Unproven>((published.checkpoint().size, published.signed().to_vec()))
        };
        let (published, signed) = blocking(read).await??;
        if position >= published {
            return Err(NotProven::Ended { generation, position, published, present });
        }
        let files = StoredLog::new(self.storage(), name);
        let origin = ledger::checkpoint::origin(organization, generation);
        let passes = self.is_witnessed(platform.organization())
            && organization != platform.organization()
            && !is_cosigned(&origin, &signed);
        let record = if passes { self.covering(platform, &origin, position + 1).await? } else { None };
        match record {
            Some(record) => self.through(files, platform, record, position).await,
            None => Ok(blocking(move || Published::open(&files)?.prove(position)).await??),
        }
    }

    /// The proof under a checkpoint that the platform's log records, with the proof of that record.
    async fn through(
        &self,
        files: StoredLog,
        platform: &Context,
        record: Record,
        position: u64,
    ) -> Result<Proof, NotProven> {
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
        is_cosigned(&checkpoint.origin, &note)
    }
}

fn is_cosigned(origin: &str, signed: &[u8]) -> bool {
    note::read(signed).is_ok_and(|note| note.signatures.iter().any(|line| line.name != origin))
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
