//! The end of a ceremony that restores: the keys are wrapped under the root in place, and new shares are dealt.

use super::{Package, Recovery, RecoveryError, ceremony::end, open};
use crate::{Error, Keys, RootError, Unit, custody, scope::person, tables};
use base::{Action, Context, Id, Secret, digest, noun};
use crypto::text;
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use std::collections::BTreeSet;

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// How many versions of keys are back.
    pub keys: u64,
    /// How many of them the database had lost.
    pub regained: u64,
    /// Units that the package has keys of and that stay shredded.
    pub shredded: Vec<Unit>,
    /// Versions that the database has and the package has not: they were made after it was written.
    pub missing: Vec<Id<noun::Key>>,
    /// The new recovery, with new shares. It is unrehearsed.
    pub recovery: Recovery,
}

impl Keys {
    /// Brings the keys back under the root in place, with the shares that the ceremony has. The package must hold
    /// what it says, and the same keys as the database where both have one. What was shredded does not come back.
    /// New shares are dealt to the same custodians: the old ones have been together in one place.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`]; [`Error::Recovery`]; [`Error::Root`], [`Error::Store`].
    pub async fn restore(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Ceremony>,
    ) -> Result<Restoration, Error> {
        permit.covers(ctx, Action::RecoveryRestore, Resource::Ceremony(id), self.clock.now())?;
        person(ctx)?;
        let organization = ctx.organization();
        let mut tx = self.store.write(ctx).await?;
        if let Some(shred) = custody::shredded(&tx, None).await? {
            return Err(Error::Shredded { scope: shred.scope()? });
        }
        let mut row = self.open_ceremony(&tx, id).await?;
        if row.aim != super::Aim::Restore.as_str() {
            return Err(RecoveryError::Rehearsal.into());
        }
        let package = Package::read(&row.package)?;
        let sha256 = digest::hex(&digest::sha256(&row.package));
        let with = self.ceremony_key(ctx, &row).await?;
        let shares = self.shares(&package, &with, &custody::contributions(&tx, &row.id).await?)?;
        let opened = open::open(&*self.provider, &package, &shares)?;
        drop(shares);

        let buried = custody::tombstones(&tx).await?;
        let (mut keys, mut regained) = (0, 0);
        let (mut shredded, mut enrolled) = (BTreeSet::new(), BTreeSet::new());
        for (key, half) in package.keys.iter().zip(opened.halves()?) {
            let unit = key.line().unit(organization);
            if buried.iter().any(|buried| buried.covers(unit)) {
                shredded.insert(unit);
                continue;
            }
            let known = tables::get(&tx, key.id).await?;
            let public = text::decode(&key.public, "recovery package")?;
            if known.as_ref().is_some_and(|row| row.public != public || row.algorithm != key.algorithm) {
                let why =
                    "the database has another key under an id in it: it is of another time or organization";
                return Err(RecoveryError::Unsound { why }.into());
            }
            if enrolled.insert(unit) {
                match self.root.enroll(unit).await {
                    Err(RootError::Forgotten { .. }) => {
                        shredded.insert(unit);
                        continue;
                    }
                    done => done?,
                }
            } else if shredded.contains(&unit) {
                continue;
            }
            let half = Secret::new(half.to_vec());
            let wrapped = self.wrap(&mut tx, unit, &key.bound(organization), &half).await?;
            match known {
                // What is destroyed here stays so, though an older package has it.
                Some(row) if row.state()? == crate::State::Destroyed => continue,
                Some(mut row) => {
                    row.private = wrapped;
                    row.rewrapped_at = Some(tx.now().micros());
                    tables::save(&mut tx, &row).await?;
                }
                None => {
                    let row = key.row(tx.owner(), wrapped)?;
                    tx.insert(tables::key::ActiveModel::from(row)).await?;
                    regained += 1;
                }
            }
            keys += 1;
        }
        drop(opened);
        let mut missing = Vec::new();
        for row in super::rows::packable(&tx).await? {
            let id = row.id()?;
            if !package.keys.iter().any(|key| key.id == id) {
                missing.push(id);
            }
        }

        // The root may have taken its time: what was allowed before it is asked again.
        permit.check(self.clock.now())?;
        end(&mut tx, &mut row).await?;
        let dealt = self.deal(&mut tx, package.setup.quorum, &package.setup.keys()?).await?;
        let raised = self.raise_epoch(&mut tx).await?;
        let restored = Entry::done(Kind::RecoveryRestored, id)
            .fact("setup", package.setup.setup)
            .fact("package", sha256)
            .fact("keys", keys)
            .fact("regained", regained)
            .fact("missing", missing.len())
            .fact("shredded", shredded.len());
        tx.commit_all(vec![restored, dealt]).await?;
        raised.publish();
        self.rewrite_package(ctx).await?;
        let recovery = self.recovery(ctx).await?.ok_or(RecoveryError::NotSetUp)?;
        Ok(Restoration { keys, regained, shredded: shredded.into_iter().collect(), missing, recovery })
    }
}
