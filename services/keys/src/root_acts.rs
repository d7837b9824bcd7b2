//! What is done to the root of trust on its own machine, and how it comes to the platform's log.
//!
//! The root is backed up while a server holds the data, and restored while none does: neither can write into the
//! store. So each act is first noted in a journal beside the root's record, synced before the act has an effect, and
//! the node takes the journal into the platform's log. `docs/formats/root.md` has the journal's form.
//!
//! A note that was taken in is remembered by its id, in the commit of its entry: a journal that a crash left in place
//! is taken in once. Whoever can write beside the root can also remove a note: the journal keeps an honest operator's
//! acts from being forgotten, it does not watch a dishonest one.

use crate::{Error, Keys, RootError, custody};
use base::{Context, Timestamp, digest};
use crypto::Provider;
use ledger::{Entry, Kind};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

const FORMAT: u32 = 1;

/// The journal of the root whose record is this file: beside it.
#[must_use]
pub fn journal(root: &Path) -> PathBuf {
    root.with_file_name("acts.ndjson")
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootDeed {
    /// A backup of its record was written.
    BackedUp,
    /// What a backup holds was put back.
    Restored,
    /// A fresh root was put in the place of one that is lost: what that one wrapped stays closed until it is
    /// recovered.
    Replaced,
}

impl RootDeed {
    const fn kind(self) -> Kind {
        match self {
            Self::BackedUp => Kind::RootBackedUp,
            Self::Restored => Kind::RootRestored,
            Self::Replaced => Kind::RootReplaced,
        }
    }
}

/// One act, as it is noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootAct {
    v: u32,
    /// 16 random bytes in hex: what it is taken in by, once.
    id: String,
    /// What was done.
    pub did: RootDeed,
    /// When.
    pub at: Timestamp,
    /// SHA-256 of the backup's document, in hex; none where none was written or read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl RootAct {
    /// An act with this backup's document, at a time.
    #[must_use]
    pub fn new(provider: &dyn Provider, did: RootDeed, at: Timestamp, document: Option<&[u8]>) -> Self {
        let id: [u8; 16] = crypto::random(provider);
        let sha256 = document.map(|document| digest::hex(&digest::sha256(document)));
        Self { v: FORMAT, id: digest::hex(&id), did, at, sha256 }
    }

    /// Reads one line of a journal.
    ///
    /// # Errors
    /// What of it does not read.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        let act: Self = serde_json::from_slice(line)?;
        let hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if act.v == FORMAT && hex(&act.id, 32) && act.sha256.as_ref().is_none_or(|sha256| hex(sha256, 64)) {
            Ok(act)
        } else {
            Err(serde::de::Error::custom("not an act of this format"))
        }
    }

    /// Notes the act in a journal, durably, before it has an effect.
    ///
    /// # Errors
    /// [`RootError::Io`].
    pub fn note(&self, journal: &Path) -> Result<(), RootError> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(journal)?;
        file.lock()?;
        // A line that a crash cut off is of an act that had no effect.
        let whole = whole(&bytes(&mut file)?).len();
        file.set_len(whole as u64)?;
        file.seek(io::SeekFrom::End(0))?;
        let mut line = serde_json::to_vec(self).map_err(|_| RootError::Content)?;
        line.push(b'\n');
        file.write_all(&line)?;
        file.sync_all()?;
        if let Some(directory) = journal.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }

    fn entry(&self, ctx: &Context) -> Entry {
        let entry = Entry::done(self.did.kind(), ctx.organization()).fact("at", self.at);
        match &self.sha256 {
            Some(sha256) => entry.fact("sha256", sha256),
            None => entry,
        }
    }
}

impl Keys {
    /// Background work: takes a root's journal into the platform's log. How many acts were new.
    ///
    /// # Errors
    /// [`Error::Root`] where the journal cannot be read or emptied; [`Error::Damaged`] where a line is no act: the
    /// others are taken in, and the journal stays; [`Error::Store`].
    pub async fn take_root_acts(&self, platform: &Context, journal: &Path) -> Result<usize, Error> {
        let path = journal.to_owned();
        let Some((file, lines)) = apart(move || held(&path)).await? else { return Ok(0) };
        let acts: Vec<_> =
            lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(RootAct::read).collect();
        let mut tx = self.store.write(platform).await?;
        let mut entries = Vec::new();
        for act in acts.iter().flatten() {
            if custody::note_root_act(&mut tx, &act.id, act.at).await? {
                entries.push(act.entry(platform));
            }
        }
        let taken = entries.len();
        if taken > 0 {
            tx.commit_all(entries).await?;
        } else {
            drop(tx);
        }
        if acts.iter().any(Result::is_err) {
            return Err(Error::Damaged { what: "journal of the root of trust" });
        }
        apart(move || {
            file.set_len(0)?;
            file.sync_all()
        })
        .await?;
        Ok(taken)
    }
}

/// The journal and its whole lines; none where there is nothing in it, or somebody is just writing.
fn held(path: &Path) -> io::Result<Option<(File, Vec<u8>)>> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let bytes = bytes(&mut file)?;
    let whole = whole(&bytes).to_vec();
    Ok((!whole.is_empty()).then_some((file, whole)))
}

fn bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What ends with a line's end.
fn whole(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &bytes[..end]
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Interrupted))).map_err(RootError::Io)?)
}
