//! Writing the recovery package, and keeping it current.

use super::{
    Earlier, Package, RecoveryError,
    ceremony::end_all,
    package::{PackedKey, digest_of},
    rows::packable,
    setup::{dealt, head_of},
};
use crate::{
    Error, Keys, RootError, Scope, ShredRefused, Unit, certificate,
    custody::{self, recovery},
    private_file::{self, Old},
};
use base::{Context, Id, digest, noun};
use ledger::{Entry, Kind};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};
use store::{Queries, Tx};

/// What was written.
pub(crate) struct Written {
    /// The recovery's row as it is now.
    pub(super) row: recovery::Model,
    generation: u64,
    sha256: [u8; 32],
    /// Whether the one that it replaces was put aside.
    pub(crate) aside: bool,
}

/// What becomes of a package with keys that the root does not open: nobody here can put them into the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It is put aside as an earlier one, and the next one lacks them.
    PutAside,
    /// It stays: it would be erased, with them, by the shredding that the next one is for.
    Stay,
}

impl Keys {
    /// Whether the package does not hold exactly the keys that there are.
    pub(super) async fn stale(
        &self,
        door: &impl Queries,
        row: &recovery::Model,
        ctx: &Context,
    ) -> Result<bool, Error> {
        let keys: Result<Vec<_>, Error> = packable(door).await?.iter().map(PackedKey::of).collect();
        let there = self.package_path(ctx.organization()).exists();
        Ok(!there || row.package_keys.as_deref() != Some(digest_of(&keys?)?.as_slice()))
    }

    /// Writes the package anew: under the organization's turn to write, so that two do not meet.
    pub(super) async fn rewrite_package(
        &self,
        ctx: &Context,
        closed: Closed,
    ) -> Result<Option<Written>, Error> {
        let mut tx = self.store.write(ctx).await?;
        let Some((entry, written)) = self.write_package(&mut tx, closed).await? else { return Ok(None) };
        tx.commit(entry).await?;
        Ok(Some(written))
    }

    /// Marks the package as behind the keys, in a change of its own: before a change that writes it, so that the
    /// next step writes it again where that change does not commit.
    pub(crate) async fn doubt_package(&self, ctx: &Context) -> Result<(), Error> {
        let mut tx = self.store.write(ctx).await?;
        let Some(mut row) = custody::current_recovery(&tx).await? else { return Ok(()) };
        row.package_keys = None;
        custody::save_recovery(&mut tx, &row).await?;
        Ok(tx.commit_derived().await?)
    }

    /// Writes the package as the keys are in this change; the bytes of the one in place are overwritten. One that is
    /// of an earlier setup, or has keys that the root does not open, is put aside as it is first
    /// ([`earlier`](super::earlier)): there is a package in place at every moment.
    pub(crate) async fn write_package(
        &self,
        tx: &mut Tx,
        closed: Closed,
    ) -> Result<Option<(Entry, Written)>, Error> {
        let Some(mut row) = custody::current_recovery(tx).await? else { return Ok(None) };
        let organization = tx.context().organization();
        let setup: Id<noun::Ceremony> =
            Id::from_slice(&row.setup).ok_or(Error::Damaged { what: "recovery" })?;
        let before = self.package_in_place(organization).map(|package| {
            let keys: BTreeSet<_> = package.keys.iter().map(|key| key.id).collect();
            (package.setup.setup, package.generation, keys)
        });
        self.root.unwrap(Unit::Log(organization), &dealt(&row.head), &row.vouched).await?;
        let (mut all, mut keys, mut halves) = (Vec::new(), Vec::new(), Vec::new());
        let mut lost = Vec::new();
        for row in packable(tx).await? {
            let key = PackedKey::of(&row)?;
            all.push(key.clone());
            match self.open_private(organization, &row).await {
                Ok(half) => {
                    halves.push(half);
                    keys.push(key);
                }
                // A key that was lost with another root: nobody can put it into this one.
                Err(Error::Root(RootError::UnknownUnit { .. } | RootError::DoesNotOpen)) => {
                    lost.extend(before.as_ref().and_then(|(.., keys)| keys.get(&key.id)).copied());
                }
                Err(error) => return Err(error),
            }
        }
        if let (Closed::Stay, Some(first)) = (closed, lost.first()) {
            return Err(ShredRefused::NotWhole { count: lost.len(), first: *first }.into());
        }
        let (count, left_out, hash) = (keys.len(), all.len() - keys.len(), digest_of(&all)?);
        let mut aside = Vec::new();
        if let Some((of, generation, _)) = before {
            if of != setup {
                aside.push(Earlier { setup: of, generation: None });
            } else if let Ok(generation) = i64::try_from(generation) {
                // Also one that was written and not committed has a number of its own.
                row.generation = row.generation.max(generation);
            }
            if of != setup || !lost.is_empty() {
                aside.push(Earlier { setup: of, generation: Some(generation) });
            }
        }
        row.generation = row.generation.saturating_add(1);
        let generation = u64::try_from(row.generation).unwrap_or(0);
        let package = Package::seal(&*self.provider, head_of(&row)?, generation, tx.now(), keys, &halves)?
            .to_bytes()?;
        drop(halves);
        let (path, sha256) = (self.package_path(organization), digest::sha256(&package));
        let aside: Vec<_> = aside.into_iter().map(|name| self.earlier_path(organization, name)).collect();
        let put_aside = !aside.is_empty();
        blocking(move || {
            if put_aside {
                keep(&path, &aside)?;
            }
            private_file::put(&path, &package, Old::Overwrite)
        })
        .await?;
        row.left_out = i64::try_from(left_out).unwrap_or(i64::MAX);
        row.packaged_at = Some(tx.now().micros());
        row.package_hash = Some(sha256.to_vec());
        row.package_keys = Some(hash.to_vec());
        custody::save_recovery(tx, &row).await?;
        let entry = Entry::done(Kind::RecoveryPackaged, setup)
            .fact("generation", generation)
            .fact("keys", count)
            .fact("left_out", left_out)
            .fact("sha256", digest::hex(&sha256));
        Ok(Some((entry, Written { row, generation, sha256, aside: put_aside })))
    }

    /// The package in place, if it is one of the organization's.
    pub(super) fn package_in_place(&self, organization: Id<noun::Organization>) -> Option<Package> {
        let bytes = fs::read(self.package_path(organization)).ok()?;
        Package::read(&bytes).ok().filter(|package| package.setup.organization == organization)
    }

    /// What a shredding does to the packages: without its keys the current one is written anew, and earlier ones that
    /// have some are erased; with the organization's all end.
    pub(crate) async fn repackage_after_shred(
        &self,
        ctx: &Context,
        scope: Scope,
    ) -> Result<certificate::Package, Error> {
        if scope == Scope::Organization {
            let path = self.package_path(ctx.organization());
            blocking(move || private_file::erase(&path)).await?;
            self.erase_earlier(ctx.organization(), scope).await?;
            let mut tx = self.store.write(ctx).await?;
            self.end_recovery(&mut tx).await?;
            let ever = !custody::recoveries(&tx).await?.is_empty();
            tx.commit_derived().await?;
            return Ok(if ever { certificate::Package::Removed } else { certificate::Package::None });
        }
        let written = self.rewrite_package(ctx, Closed::Stay).await?;
        // After that: what was in place may be an earlier one now.
        self.erase_earlier(ctx.organization(), scope).await?;
        Ok(match written {
            Some(Written { generation, sha256, .. }) => {
                certificate::Package::Rewritten { generation, sha256: digest::hex(&sha256) }
            }
            None => certificate::Package::None,
        })
    }

    /// Ends the ceremonies under way, with the approval of a shredding: each holds a package as it was when it began.
    pub(crate) async fn end_ceremonies(&self, tx: &mut Tx) -> Result<(), Error> {
        end_all(tx, |_| true).await.map(drop)
    }

    /// Ends those that have keys of what was shredded: they began between its approval and its end.
    pub(crate) async fn end_ceremonies_with(&self, tx: &mut Tx, scope: Scope) -> Result<(), Error> {
        let has = |row: &custody::ceremony::Model| {
            Package::read(&row.package).map_or(true, |package| package.has_of(scope))
        };
        end_all(tx, has).await.map(drop)
    }

    /// Where the package stands: beside the organization's database, in what is backed up with it.
    pub(super) fn package_path(&self, organization: Id<noun::Organization>) -> PathBuf {
        self.store.directory(organization).join("recovery.package")
    }
}

/// Keeps a copy of a file under the first of these names that is free, or has it already.
fn keep(path: &Path, names: &[PathBuf]) -> io::Result<()> {
    let bytes = fs::read(path)?;
    for name in names {
        match fs::read(name) {
            Ok(there) if there == bytes => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return private_file::put(name, &bytes, Old::Leave);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// The package's file, as an answer names it.
pub(super) fn file_of(organization: Id<noun::Organization>) -> String {
    format!("organizations/{}/recovery.package", organization.bare())
}

pub(super) async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Interrupted)));
    Ok(done.map_err(RecoveryError::Io)?)
}
