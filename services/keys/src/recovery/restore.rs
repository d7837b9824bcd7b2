//! The end of a ceremony that restores: the keys are wrapped under the root in place, and new shares are dealt.

use super::{
    Package, PackedKey, Recovery, RecoveryError, belongs,
    ceremony::{contributed, end},
    changed::Changes,
    merge, open,
};
use crate::{
    Error, Keys, Purpose, RootError, State, Unit, custody,
    rules::Act,
    scope::person,
    tables::{self, Line},
};
use base::{Action, Context, Id, digest, noun};
use crypto::text;
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use std::collections::BTreeSet;
use store::{Queries, Tx};

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// How many versions of keys that the package has open now, also those that did before.
    pub keys: u64,
    /// How many of them the database had lost.
    pub regained: u64,
    /// Units that the package has keys of and that stay shredded.
    pub shredded: Vec<Unit>,
    /// Versions that the database has and the package has not: they were made after it was written. Those that do not
    /// open are suspended.
    pub missing: Vec<Id<noun::Key>>,
    /// The new recovery, with new shares. It is unrehearsed.
    pub recovery: Recovery,
}

impl Keys {
    /// Brings the keys back under the root in place, with the shares that the ceremony has. The package must hold
    /// what it says, and the same keys as the database where both have one. What opens under the root in place is
    /// left as it is, but for the marks that the package has. What was shredded does not come back.
    /// New shares are dealt to the same custodians: the old ones have been together in one place. That the new package
    /// cannot be written undoes nothing, and is said in the answer.
    ///
    /// A package that lacks keys which the one in place has, and which open nowhere else, is refused unless `older`
    /// says that it is meant: then they are closed, and the package that has them is kept.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`]; [`Error::Recovery`]; [`Error::Root`], [`Error::Store`].
    pub async fn restore(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Ceremony>,
        older: bool,
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
        belongs::belongs(&tx, &package).await?;
        self.not_older(&tx, organization, &package, older).await?;
        let sha256 = digest::hex(&digest::sha256(&row.package));
        let with = self.ceremony_key(ctx, &row).await?;
        let given = contributed(&custody::contributions(&tx, &row.id).await?)?;
        let opened = open::open(&*self.provider, &package, &with, &given)?;
        drop(given);

        let newer = match custody::recoveries(&tx)
            .await?
            .iter()
            .find(|row| row.setup == package.setup.setup.as_bytes())
        {
            Some(row) => i64::try_from(package.generation).unwrap_or(i64::MAX) > row.generation,
            None => true,
        };
        let buried = custody::tombstones(&tx).await?;
        let (mut keys, mut regained, mut changes) = (0, 0, Changes::default());
        let (mut shredded, mut enrolled) = (BTreeSet::new(), BTreeSet::new());
        // The organization's own keys first: the others are sealed to them. And the newest version of a line last.
        let mut order: Vec<_> = package.keys.iter().enumerate().collect();
        order.sort_by_key(|(_, key)| (key.dataset.is_some(), key.version));
        let first = package.keys.iter().find(|key| key.purpose == Purpose::Organization).map(|key| key.id);
        for (at, key) in order {
            let unit = key.line().unit(organization);
            if buried.iter().any(|buried| buried.covers(unit)) {
                shredded.insert(unit);
                continue;
            }
            let known = tables::get(&tx, key.id).await?;
            let public = text::decode(&key.public, "recovery package")?;
            if known.as_ref().is_some_and(|row| !same(row, key, &public)) {
                let why =
                    "the database has another key under an id in it: it is of another time or organization";
                return Err(RecoveryError::Unsound { why }.into());
            }
            if known.is_none() && key.purpose.is_of_the_log() {
                // A log's keys stand in its first entry: no package gives it others.
                continue;
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
            // What is destroyed here stays so, though an older package has it.
            if known.as_ref().map(tables::Row::state).transpose()? == Some(State::Destroyed) {
                continue;
            }
            let back = match known {
                Some(mut row) => {
                    if newer && key.state == State::Active && row.state()? == State::Generated {
                        self.retire_noting(&mut tx, &key.line(), &mut changes).await?;
                    }
                    let was = row.state()?;
                    let changed = merge::merge(&mut row, key, newer)?;
                    if row.state()? != was {
                        changes.note(key.id, row.state()?.as_str());
                    }
                    if self.opens_in_place(&tx, organization, &row).await? {
                        if changed {
                            tables::save(&mut tx, &row).await?;
                        }
                        keys += 1;
                        continue;
                    }
                    row.private =
                        self.wrap(&mut tx, unit, &key.bound(organization), opened.half(at)?.secret()).await?;
                    row.over = sealed_to(key, first);
                    row.rewrapped_at = Some(tx.now().micros());
                    tables::save(&mut tx, &row).await?;
                    changes.note(key.id, "wrapped");
                    row
                }
                None => {
                    let wrapped =
                        self.wrap(&mut tx, unit, &key.bound(organization), opened.half(at)?.secret()).await?;
                    let mut row = key.row(tx.owner(), wrapped)?;
                    row.over = sealed_to(key, first);
                    if newer && key.state == State::Active {
                        self.retire_noting(&mut tx, &key.line(), &mut changes).await?;
                    }
                    merge::fit(&mut row, &tables::all_of(&tx, &key.line()).await?)?;
                    tx.insert(tables::key::ActiveModel::from(row.clone())).await?;
                    changes.note(key.id, "regained");
                    regained += 1;
                    row
                }
            };
            if !self.opens_in_place(&tx, organization, &back).await? {
                let why = "what it has does not open here: the organization's key that it is sealed to is destroyed";
                return Err(RecoveryError::Unsound { why }.into());
            }
            keys += 1;
        }
        drop(opened);
        let mut missing = Vec::new();
        for row in super::rows::packable(&tx).await? {
            let id = row.id()?;
            if !package.keys.iter().any(|key| key.id == id) {
                self.close_if_lost(&mut tx, row, &mut changes).await?;
                missing.push(id);
            }
        }

        // The root may have taken its time: what was allowed before it is asked again.
        permit.check(self.clock.now())?;
        end(&mut tx, &mut row).await?;
        let (dealt, setup) = self.deal(&mut tx, package.setup.quorum, &package.setup.keys()?).await?;
        let raised = self.raise_epoch(&mut tx).await?;
        let restored = Entry::done(Kind::RecoveryRestored, id)
            .fact("setup", package.setup.setup)
            .fact("package", sha256)
            .fact("keys", keys)
            .fact("regained", regained)
            .fact("missing", missing.len())
            .fact("shredded", shredded.len());
        let mut entries = changes.entries(id);
        entries.extend([restored, dealt]);
        tx.commit_all(entries).await?;
        raised.publish();
        let recovery = self.packaged(ctx, &setup).await?;
        Ok(Restoration { keys, regained, shredded: shredded.into_iter().collect(), missing, recovery })
    }

    /// Refuses a package that lacks keys which another that is here has, unless that is meant.
    pub(super) async fn not_older(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
        package: &Package,
        meant: bool,
    ) -> Result<(), Error> {
        let left = if meant { Vec::new() } else { self.left_behind(door, organization, package).await? };
        match left.first() {
            Some((first, held)) => {
                Err(RecoveryError::Older { count: left.len(), first: *first, held: *held }.into())
            }
            None => Ok(()),
        }
    }

    /// Retires what is in use of a line, and notes which versions that were.
    async fn retire_noting(&self, tx: &mut Tx, line: &Line, changes: &mut Changes) -> Result<(), Error> {
        for row in tables::all_of(tx, line).await? {
            if row.state()? == State::Active {
                changes.note(row.id()?, State::Retired.as_str());
            } else if row.before()? == Some(State::Active) {
                changes.note(row.id()?, "superseded");
            }
        }
        self.retire(tx, line).await
    }

    /// Closes a version that the package has not and that does not open: what is protected under its public half from
    /// now on would be lost too. Should its root come back, it is resumed. What only signed stays valid.
    async fn close_if_lost(
        &self,
        tx: &mut Tx,
        mut row: tables::Row,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let (purpose, now) = (row.purpose()?, tx.now());
        if purpose.is_of_the_log() || self.opens_in_place(tx, tx.context().organization(), &row).await? {
            return Ok(());
        }
        let act = if purpose == Purpose::Manifest { Act::Retire } else { Act::Suspend };
        match row.go(act, now) {
            // It was closed already, or is not in use.
            Err(Error::Illegal { .. }) => Ok(()),
            done => {
                done?;
                changes.note(row.id()?, row.state()?.as_str());
                tables::save(tx, &row).await
            }
        }
    }

    /// Whether a version opens under the root in place, down to what is sealed to the organization's key.
    pub(crate) async fn opens_in_place(
        &self,
        door: &impl Queries,
        organization: Id<noun::Organization>,
        row: &tables::Row,
    ) -> Result<bool, Error> {
        let opened = match row.purpose()? {
            Purpose::Dataset | Purpose::Field => match self.over_of(door, row).await {
                Ok(over) => self.open_sealed(organization, row, &over).await,
                Err(error) => Err(error),
            },
            _ => self.open_private(organization, row).await,
        };
        match opened {
            Ok(_) => Ok(true),
            Err(
                Error::Root(RootError::UnknownUnit { .. } | RootError::DoesNotOpen)
                | Error::Crypto(_)
                | Error::NotBegun,
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether a row is of the key that a package has under its id.
fn same(row: &tables::Row, key: &PackedKey, public: &[u8]) -> bool {
    row.public == public
        && row.algorithm == key.algorithm
        && row.purpose == key.purpose.as_str()
        && row.dataset == key.dataset.map(|dataset| dataset.as_bytes().to_vec())
        && row.field == key.field
        && row.value_id == i64::from(key.value_id)
}

/// The version of the organization's key pair that a package's half is sealed to.
fn sealed_to(key: &PackedKey, first: Option<Id<noun::Key>>) -> Option<Vec<u8>> {
    key.dataset?;
    key.over.or(first).map(|over| over.as_bytes().to_vec())
}
