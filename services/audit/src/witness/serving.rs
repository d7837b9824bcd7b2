//! The witness's side: compare, keep, and only then answer.

use super::{keys::WitnessKeys, tables};
use crate::{Error, Signatures};
use base::{Clock, Context, digest};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use store::Store;
use verify::witness::{Known, Refusal, Request};
use verify::{VerifierKey, note};

/// A witness over its own data directory. Cheap to clone.
#[derive(Clone)]
pub struct Witnessing {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    keys: WitnessKeys,
    logs: RwLock<Arc<Logs>>,
    signatures: Signatures,
    clock: Arc<dyn Clock>,
}

/// The keys of each log, by its origin.
type Logs = HashMap<String, Vec<VerifierKey>>;

fn by_origin(logs: impl IntoIterator<Item = VerifierKey>) -> Logs {
    let mut by_origin = Logs::new();
    for key in logs {
        by_origin.entry(key.name().to_owned()).or_default().push(key);
    }
    by_origin
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The protocol says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The witness itself cannot: nothing was signed.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Witnessing {
    /// A witness for the logs that these keys belong to, by their names. `store` holds [`tables::SCHEMA`].
    #[must_use]
    pub fn new(
        store: Store,
        keys: WitnessKeys,
        logs: impl IntoIterator<Item = VerifierKey>,
        signatures: Signatures,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let logs = RwLock::new(Arc::new(by_origin(logs)));
        Self { shared: Arc::new(Shared { store, keys, logs, signatures, clock }) }
    }

    /// From now on the logs are these. What was cosigned for others stays remembered.
    pub fn set_logs(&self, logs: impl IntoIterator<Item = VerifierKey>) {
        *self.shared.logs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(by_origin(logs));
    }

    /// Answers `add-checkpoint`: the cosignature lines. Whatever was answered, also by a process that died since, is
    /// continued by every later answer for that log. The same checkpoint again is cosigned anew, with the time, and
    /// nothing is written: the monitoring address keeps the lines of the first time.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn add_checkpoint(&self, ctx: &Context, body: &[u8]) -> Result<Vec<u8>, Denied> {
        let Shared { store, keys, logs, signatures, clock } = &*self.shared;
        let request = Request::read(body)?;
        let origin = request.origin()?;
        let logs = Arc::clone(&logs.read().unwrap_or_else(PoisonError::into_inner));
        let log_keys = logs.get(&origin).ok_or(Refusal::UnknownLog)?;
        // What is refused, or was cosigned before, changes nothing and costs no commit.
        let read = store.read(ctx).await.map_err(Error::from)?;
        let known = tables::find(&read, &origin).await?.map(|row| row.known);
        drop(read);
        let checkpoint = request.admit(log_keys, known, signatures)?;
        if i64::try_from(checkpoint.size).is_err() {
            return Err(Refusal::Malformed("a log of 2^63 entries or more").into());
        }
        let now = clock.now();
        let lines = keys.cosign(&checkpoint, now).ok_or(Error::Clock)?;
        if known == Some(Known { size: checkpoint.size, root: checkpoint.root }) {
            return Ok(lines.into_bytes());
        }
        // From here on nobody else writes: what is compared is what is replaced.
        let mut tx = store.write(ctx).await.map_err(Error::from)?;
        let now_known = tables::find(&tx, &origin).await?.map(|row| row.known);
        if now_known != known {
            request.admit(log_keys, now_known, signatures)?;
        }
        let note = [self.own_lines(&request, log_keys).as_bytes(), lines.as_bytes()].concat();
        tables::keep(&mut tx, &checkpoint, note, now).await?;
        // A witness has no log of its own: what it keeps is its record.
        tx.commit_derived().await.map_err(Error::from)?;
        tracing::info!(origin, size = checkpoint.size, "cosigned");
        Ok(lines.into_bytes())
    }

    /// The last checkpoint that was cosigned for the log with this SHA-256 of its origin, in hexadecimal: a note with
    /// the log's signatures and the witness's. None for a log that was never cosigned.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn checkpoint(&self, ctx: &Context, origin_hash: &str) -> Result<Option<Vec<u8>>, Error> {
        let read = self.shared.store.read(ctx).await?;
        // Also of a log that is no longer on the list: what was cosigned stays said.
        let origins = tables::origins(&read).await?;
        let found =
            origins.into_iter().find(|origin| digest::hex(&digest::sha256(origin.as_bytes())) == origin_hash);
        match found {
            Some(origin) => Ok(tables::find(&read, &origin).await?.map(|row| row.note)),
            None => Ok(None),
        }
    }

    /// The keys that check its cosignatures.
    #[must_use]
    pub fn verifier_keys(&self) -> [VerifierKey; 2] {
        self.shared.keys.verifier_keys()
    }

    /// The note with the lines of the log's known keys only: what a stranger appended is not handed on.
    fn own_lines(&self, request: &Request, keys: &[VerifierKey]) -> String {
        let Ok(read) = note::read(&request.note) else { return String::new() };
        let mut text = format!("{}\n", read.text);
        for line in &read.signatures {
            if keys.iter().any(|key| key.name() == line.name && key.key_id() == line.key_id) {
                text.push_str(&note::signature_line(line.name, line.key_id, &line.bytes));
            }
        }
        text
    }
}
