//! Writing the recovery package, and keeping it current.

use super::{
    Package, RecoveryError,
    ceremony::end_all,
    package::{PackedKey, digest_of},
    rows::packable,
    setup::{dealt, head_of},
};
use crate::{
    Error, Keys, RootError, Scope, Unit, certificate,
    custody::{self, recovery},
    private_file::{self, Old},
};
use base::{Context, Id, digest, noun};
use ledger::{Entry, Kind};
use std::{collections::BTreeSet, fs, io, path::PathBuf};
use store::{Queries, Tx};

/// What was written.
pub(crate) struct Written {
    /// The recovery's row as it is now.
    pub(super) row: recovery::Model,
    generation: u64,
    sha256: [u8; 32],
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
    pub(super) async fn rewrite_package(&self, ctx: &Context) -> Result<Option<Written>, Error> {
        let mut tx = self.store.write(ctx).await?;
        let Some((entry, written)) = self.write_package(&mut tx).await? else { return Ok(None) };
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

    /// Writes the package as the keys are in this change. Every key that the one in place has must unwrap, or it
    /// stays; its bytes are overwritten. A package of an earlier setup is put aside as it is
    /// ([`earlier`](super::earlier)).
    pub(crate) async fn write_package(&self, tx: &mut Tx) -> Result<Option<(Entry, Written)>, Error> {
        let Some(mut row) = custody::current_recovery(tx).await? else { return Ok(None) };
        let organization = tx.context().organization();
        let setup: Id<noun::Ceremony> =
            Id::from_slice(&row.setup).ok_or(Error::Damaged { what: "recovery" })?;
        let (mut before, mut aside) = (BTreeSet::new(), None);
        match self.package_in_place(organization) {
            Some(package) if package.setup.setup == setup => {
                before.extend(package.keys.iter().map(|key| key.id));
            }
            Some(package) => aside = Some(self.earlier_path(organization, package.setup.setup)),
            None => {}
        }
        self.root.unwrap(Unit::Log(organization), &dealt(&row.head), &row.vouched).await?;
        let (mut all, mut keys, mut halves) = (Vec::new(), Vec::new(), Vec::new());
        for row in packable(tx).await? {
            let key = PackedKey::of(&row)?;
            all.push(key.clone());
            match self.open_private(organization, &row).await {
                Ok(half) => {
                    halves.push(half);
                    keys.push(key);
                }
                // A key that was lost with another root and is in no package that this one replaces: nobody can put
                // it into this one.
                Err(Error::Root(RootError::UnknownUnit { .. } | RootError::DoesNotOpen))
                    if !before.contains(&key.id) => {}
                Err(error) => return Err(error),
            }
        }
        let (count, left_out, hash) = (keys.len(), all.len() - keys.len(), digest_of(&all)?);
        row.generation += 1;
        let generation = u64::try_from(row.generation).unwrap_or(0);
        let package = Package::seal(&*self.provider, head_of(&row)?, generation, tx.now(), keys, &halves)?
            .to_bytes()?;
        drop(halves);
        let (path, sha256) = (self.package_path(organization), digest::sha256(&package));
        blocking(move || {
            if let Some(aside) = aside {
                fs::rename(&path, aside)?;
            }
            private_file::put(&path, &package, Old::Overwrite)
        })
        .await?;
        row.packaged_at = Some(tx.now().micros());
        row.package_hash = Some(sha256.to_vec());
        row.package_keys = Some(hash.to_vec());
        custody::save_recovery(tx, &row).await?;
        let entry = Entry::done(Kind::RecoveryPackaged, setup)
            .fact("generation", generation)
            .fact("keys", count)
            .fact("left_out", left_out)
            .fact("sha256", digest::hex(&sha256));
        Ok(Some((entry, Written { row, generation, sha256 })))
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
        // A ceremony holds a package as it was when it began.
        let mut tx = self.store.write(ctx).await?;
        end_all(&mut tx, |_| true).await?;
        tx.commit_derived().await?;
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
        let written = self.rewrite_package(ctx).await?;
        // After that: what was in place may be an earlier one now.
        self.erase_earlier(ctx.organization(), scope).await?;
        Ok(match written {
            Some(Written { generation, sha256, .. }) => {
                certificate::Package::Rewritten { generation, sha256: digest::hex(&sha256) }
            }
            None => certificate::Package::None,
        })
    }

    /// Where the package stands: beside the organization's database, in what is backed up with it.
    pub(super) fn package_path(&self, organization: Id<noun::Organization>) -> PathBuf {
        self.store.directory(organization).join("recovery.package")
    }
}

/// The package's file, as an answer names it.
pub(super) fn file_of(organization: Id<noun::Organization>) -> String {
    format!("organizations/{organization}/recovery.package")
}

pub(super) async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Interrupted)));
    Ok(done.map_err(RecoveryError::Io)?)
}
