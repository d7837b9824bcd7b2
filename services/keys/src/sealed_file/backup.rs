//! The root's own backup: the same content in a document of its own, under a passphrase of its own.
//!
//! A restore adds to the root in place and takes nothing away: what the root forgot stays forgotten, however old
//! the backup, and so a shredded unit does not come back by it. A unit of which the two have different records, because
//! a fresh root had made one before the backup was found, has both from then on: what either wrapped opens. On a machine that lost its root the backup says
//! which units were forgotten until it was made; `Keys::forget_shredded` adds those that the store knows of.

use super::{SealedFile, content::Records, unsealed};
use crate::{RootError, private_file::Old};
use base::{Id, Secret, noun};
use crypto::{
    Provider,
    passphrase::{Cost, PassphraseKey},
};
use std::{collections::BTreeSet, fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

const FORMAT: &str = "nexora/root-backup/1";

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many units the root has records of now.
    pub units: usize,
    /// How many of them came back by the backup.
    pub regained: usize,
    /// Units that the backup has records of and that stay forgotten.
    pub forgotten: Vec<String>,
    /// Units that the backup had another record of than the root: it has both now, and what was wrapped under
    /// either opens.
    pub differing: Vec<String>,
}

impl SealedFile {
    /// The root's content as a document of format `nexora/root-backup/1` under a passphrase of its own.
    ///
    /// Costs a key derivation: 64 MiB and some hundred milliseconds. Call it off the async threads. Only reads the
    /// root, which another process may hold.
    ///
    /// # Errors
    /// [`RootError::Damaged`], [`RootError::Content`].
    pub fn backup(&self, passphrase: &Secret<String>) -> Result<Vec<u8>, RootError> {
        let provider = &*self.inner.provider;
        let mut records = self.inner.records().clone();
        records.complete(provider);
        let key = PassphraseKey::new(provider, passphrase, Cost::STANDARD).map_err(RootError::Damaged)?;
        let content = records.json()?;
        Ok(key.seal(provider, FORMAT, content.expose()))
    }

    /// Writes a backup as a private file that was not there. `before` is told the document before any of it is
    /// written: where it fails, nothing is.
    ///
    /// # Errors
    /// As [`backup`](Self::backup); [`RootError::Io`], also where there is a file already; what `before` says.
    pub fn backup_to(
        &self,
        file: &Path,
        passphrase: &Secret<String>,
        before: impl FnOnce(&[u8]) -> Result<(), RootError>,
    ) -> Result<(), RootError> {
        let mut out = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(file)?;
        let written = self.backup(passphrase).and_then(|document| {
            before(&document)?;
            out.write_all(&document)?;
            Ok(out.sync_all()?)
        });
        if written.is_err() {
            // A part of a backup looks like one. That it cannot be removed either does not matter beside the cause.
            let _ = fs::remove_file(file);
        }
        written
    }

    /// The organizations that a backup knows, or has known, so that nothing of other data is brought back.
    ///
    /// Costs a key derivation, as [`backup`](Self::backup).
    ///
    /// # Errors
    /// [`RootError::WrongPassphrase`], [`RootError::Damaged`], [`RootError::Content`].
    pub fn organizations_in(
        backup: &[u8],
        passphrase: &Secret<String>,
        provider: &dyn Provider,
    ) -> Result<BTreeSet<Id<noun::Organization>>, RootError> {
        let (_, content) = unsealed(provider, FORMAT, passphrase, backup)?;
        Records::read(provider, &content)?.organizations()
    }

    /// Brings back a backup: makes the root at `path` of it where there is none, and else adds the units that
    /// are missing there. Where both have a record of a unit and the two differ, the backup's is added to it, behind the
    /// one in place, which goes on wrapping. Nothing that the root in place forgot comes back, and its own signing key stays. `before`
    /// is called once it is sure to fit and before anything is written: where it fails, nothing is.
    ///
    /// # Errors
    /// [`RootError::OtherRoot`] where the two know no organization in common; then nothing is changed.
    /// [`RootError::WrongPassphrase`] for either passphrase, and what opening and writing meet.
    pub fn restore(
        path: &Path,
        passphrase: &Secret<String>,
        backup: &[u8],
        backup_passphrase: &Secret<String>,
        provider: Arc<dyn Provider>,
        before: impl FnOnce() -> Result<(), RootError>,
    ) -> Result<Restored, RootError> {
        let (_, content) = unsealed(&*provider, FORMAT, backup_passphrase, backup)?;
        let backup = Records::read(&*provider, &content)?;
        if !Self::exists(path) {
            let units = backup.units.len();
            before()?;
            drop(Self::create_with(path, passphrase, provider, backup)?);
            return Ok(Restored { units, regained: units, forgotten: Vec::new(), differing: Vec::new() });
        }
        let root = Self::open(path, passphrase, provider)?;
        let mut records = root.inner.records();
        let mut next = records.clone();
        // Whatever else it has: nothing of a root of other data comes in here.
        if !records.units.is_empty() && !records.shares_an_organization(&backup)? {
            return Err(RootError::OtherRoot);
        }
        let (mut forgotten, mut differing) = (Vec::new(), Vec::new());
        // What the backup forgot is forgotten here too: the two may have parted ways.
        for unit in &backup.forgotten {
            match unit.parse() {
                Ok(unit) => {
                    next.forget(unit);
                }
                Err(_) => return Err(RootError::Content),
            }
        }
        let known = next.units.len();
        for (name, records) in &backup.units {
            if next.forgot(name.parse().map_err(|_| RootError::Content)?) {
                forgotten.push(name.clone());
                continue;
            }
            let had = next.units.contains_key(name);
            let mut differs = false;
            for record in records {
                differs |= next.add(name, record);
            }
            if had && differs {
                differing.push(name.clone());
            }
        }
        let (units, regained) = (next.units.len(), next.units.len() - known);
        before()?;
        root.inner.replace(&mut records, next, Old::Overwrite)?;
        Ok(Restored { units, regained, forgotten, differing })
    }
}
