//! Setting a recovery up, and what is set up.

use super::{
    Earlier, Head, Package, RecoveryError, SealedShare,
    ceremony::end_all,
    custodian::{CustodianPublic, custodian_id},
    rows::packable,
    writing::{Closed, file_of},
};
use crate::{
    Error, Keys, RootError, Unit,
    custody::{self, recovery},
    error::whole,
    scope::person,
};
use base::{Action, Context, Id, Secret, Timestamp, digest, noun};
use crypto::{bind, hpke};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use std::{collections::BTreeSet, fs};
use store::{Queries, Tx};

/// How many custodians there may be: their commitments fit into one entry.
pub const MAX_CUSTODIANS: usize = 64;

/// A custodian to be.
#[derive(Debug, Clone)]
pub struct NewCustodian {
    /// The name.
    pub name: String,
    /// The public key.
    pub key: hpke::PublicKey,
}

impl TryFrom<&CustodianPublic> for NewCustodian {
    type Error = Error;

    fn try_from(document: &CustodianPublic) -> Result<Self, Error> {
        Ok(Self { name: document.name.clone(), key: document.key()? })
    }
}

/// The recovery that is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Its id.
    pub setup: Id<noun::Ceremony>,
    /// How many shares are needed.
    pub quorum: u8,
    /// The custodians: id, name and which share.
    pub custodians: Vec<(Id<noun::Custodian>, String, u8)>,
    /// The shares, each sealed to its custodian.
    pub shares: Vec<SealedShare>,
    /// When it was dealt.
    pub set_up_at: Timestamp,
    /// When a rehearsal succeeded; until then nobody has seen that it works.
    pub rehearsed_at: Option<Timestamp>,
    /// The package; none until it was written for the first time.
    pub package: Option<PackageState>,
    /// Earlier packages that are kept: until a rehearsal of this setup has succeeded, and while they alone have keys.
    pub earlier: Vec<Earlier>,
    /// The files of those of them that do not read, below the data directory.
    pub unread: Vec<String>,
    /// That its package could not be written after it was dealt. The setup is in force all the same.
    pub unwritten: Option<Unwritten>,
}

/// A package that could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwritten {
    /// The file, below the data directory.
    pub file: String,
    /// Why.
    pub why: String,
}

/// How the package stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageState {
    /// Which writing it is, from 1.
    pub generation: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// When it was written.
    pub written_at: Timestamp,
    /// Whether keys have changed since, so that it is to be written anew.
    pub stale: bool,
    /// How many keys it lacks because the root did not open them as it was written.
    pub left_out: u64,
}

impl Keys {
    /// Ends the recovery that is set up and deals a new one, as part of the caller's change.
    pub(super) async fn deal(
        &self,
        tx: &mut Tx,
        quorum: u8,
        custodians: &[(String, hpke::PublicKey)],
    ) -> Result<(Entry, recovery::Model), Error> {
        let now = tx.now();
        self.end_recovery(tx).await?;
        let organization = tx.context().organization();
        let setup = Id::fresh(now, crypto::random(&*self.provider));
        let head = Head::deal(&*self.provider, organization, setup, quorum, custodians)?;
        let bytes = serde_json::to_vec(&head).map_err(|_| Error::Damaged { what: "recovery" })?;
        // An empty secret that unwraps for this very setup only: whoever writes into the database cannot have
        // packages sealed to a key pair of their own.
        let unit = Unit::Log(organization);
        self.root.enroll(unit).await?;
        let vouched = self.wrap(tx, unit, &dealt(&bytes), &Secret::new(Vec::new())).await?;
        let row = recovery::Model {
            organization: tx.owner(),
            setup: setup.as_bytes().to_vec(),
            head: bytes,
            vouched,
            generation: 0,
            set_up_at: now.micros(),
            rehearsed_at: None,
            packaged_at: None,
            package_hash: None,
            package_keys: None,
            left_out: 0,
            ended_at: None,
        };
        custody::save_recovery(tx, &row).await?;
        let shares: Vec<_> = head
            .custodians
            .iter()
            .map(|seat| {
                serde_json::json!({
                    "custodian": seat.share.custodian,
                    "share": seat.share.share,
                    "salt": seat.hash.salt,
                    "hash": seat.hash.hash,
                })
            })
            .collect();
        let names: Vec<_> = head.custodians.iter().map(|seat| seat.name.as_str()).collect();
        let entry = Entry::done(Kind::RecoverySetUp, setup)
            .fact("quorum", quorum)
            .fact("shares", shares)
            .fact("check", &head.check)
            .details(serde_json::json!({ "custodians": names }));
        Ok((entry, row))
    }

    /// Ends the recovery that is set up, if one is.
    pub(super) async fn end_recovery(&self, tx: &mut Tx) -> Result<bool, Error> {
        let Some(mut row) = custody::current_recovery(tx).await? else { return Ok(false) };
        row.ended_at = Some(tx.now().micros());
        custody::save_recovery(tx, &row).await?;
        Ok(true)
    }

    /// The recovery that is set up, if one is.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn recovery(&self, ctx: &Context) -> Result<Option<Recovery>, Error> {
        let read = self.store.read(ctx).await?;
        let Some(row) = custody::current_recovery(&read).await? else { return Ok(None) };
        let stale = self.stale(&read, &row, ctx).await?;
        Ok(Some(self.described(ctx, &row, stale)?))
    }

    /// What a recovery's row says.
    fn described(&self, ctx: &Context, row: &recovery::Model, stale: bool) -> Result<Recovery, Error> {
        let head = head_of(row)?;
        let written = match (row.packaged_at, row.package_hash.clone()) {
            (Some(at), Some(hash)) => Some(PackageState {
                generation: u64::try_from(row.generation).unwrap_or(0),
                sha256: hash.try_into().map_err(|_| Error::Damaged { what: "recovery" })?,
                written_at: Timestamp::from_micros(at),
                stale,
                left_out: u64::try_from(row.left_out).unwrap_or(0),
            }),
            _ => None,
        };
        Ok(Recovery {
            setup: head.setup,
            quorum: head.quorum,
            custodians: head
                .custodians
                .iter()
                .map(|seat| (seat.share.custodian, seat.name.clone(), seat.share.share))
                .collect(),
            shares: head.custodians.into_iter().map(|seat| seat.share).collect(),
            set_up_at: Timestamp::from_micros(row.set_up_at),
            rehearsed_at: row.rehearsed_at.map(Timestamp::from_micros),
            package: written,
            earlier: self.earlier(ctx.organization()),
            unread: self.unread(ctx.organization()),
            unwritten: None,
        })
    }

    /// Writes the package of a setup that was just dealt and committed. That it cannot be written undoes nothing of
    /// it, and is said as that: the shares are dealt, and are in the answer.
    pub(super) async fn packaged(&self, ctx: &Context, dealt: &recovery::Model) -> Result<Recovery, Error> {
        match self.rewrite_package(ctx, Closed::PutAside).await {
            Ok(Some(written)) => self.described(ctx, &written.row, false),
            // Another setup, or a shredding, came between.
            Ok(None) => self.described(ctx, dealt, true),
            Err(error) => {
                let mut recovery = self.described(ctx, dealt, true)?;
                recovery.unwritten =
                    Some(Unwritten { file: file_of(ctx.organization()), why: whole(&error) });
                Ok(recovery)
            }
        }
    }

    /// Writes the package anew at once: what the background step does in its own time.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`]; [`Error::Recovery`] where none is set up or the file cannot be
    /// written; [`Error::Root`], [`Error::Store`].
    pub async fn repackage(&self, ctx: &Context, permit: &Permit) -> Result<Recovery, Error> {
        permit.covers(ctx, Action::RecoveryRepackage, Resource::Organization, self.clock.now())?;
        person(ctx)?;
        let written = self.rewrite_package(ctx, Closed::PutAside).await?.ok_or(RecoveryError::NotSetUp)?;
        self.described(ctx, &written.row, false)
    }

    /// The current recovery package: a copy of it, kept elsewhere, and a quorum of custodians bring the keys back. That
    /// it was handed out, and which one, is on record before it is given.
    ///
    /// # Errors
    /// [`Error::Recovery`] where none is set up or its file is not there; [`Error::Store`].
    pub async fn recovery_package(&self, ctx: &Context) -> Result<Vec<u8>, Error> {
        let read = self.store.read(ctx).await?;
        let row = custody::current_recovery(&read).await?.ok_or(RecoveryError::NotSetUp)?;
        drop(read);
        let package = fs::read(self.package_path(ctx.organization())).map_err(RecoveryError::Io)?;
        let entry = Entry::done(Kind::RecoveryPackageFetched, head_of(&row)?.setup)
            .fact("sha256", digest::hex(&digest::sha256(&package)));
        self.store.write(ctx).await?.commit(entry).await?;
        Ok(package)
    }

    /// Whether a key that was left out of the package opens now: the root that has it was put back.
    async fn opens_again(
        &self,
        door: &impl Queries,
        row: &recovery::Model,
        ctx: &Context,
    ) -> Result<bool, Error> {
        if row.left_out == 0 {
            return Ok(false);
        }
        let package: Option<Package> = self.package_in_place(ctx.organization());
        let held: BTreeSet<_> = package.iter().flat_map(|package| &package.keys).map(|key| key.id).collect();
        for row in packable(door).await? {
            if held.contains(&row.id()?) {
                continue;
            }
            match self.open_private(ctx.organization(), &row).await {
                Ok(_) => return Ok(true),
                Err(Error::Root(RootError::UnknownUnit { .. } | RootError::DoesNotOpen)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Background work: writes the package anew where keys have changed, and erases what ceremonies that expired
    /// hold. Whether it wrote.
    ///
    /// # Errors
    /// [`Error::Root`]: then the old package stays; [`Error::Recovery`], [`Error::Store`].
    pub async fn recovery_step(&self, ctx: &Context) -> Result<bool, Error> {
        let read = self.store.read(ctx).await?;
        let now = self.clock.now().micros();
        let late = custody::ceremonies(&read)
            .await?
            .iter()
            .any(|row| row.ended_at.is_none() && row.expires_at < now);
        let current = custody::current_recovery(&read).await?;
        let stale = match &current {
            Some(row) => self.stale(&read, row, ctx).await? || self.opens_again(&read, row, ctx).await?,
            None => false,
        };
        drop(read);
        if late {
            let mut tx = self.store.write(ctx).await?;
            end_all(&mut tx, |row| row.expires_at < now).await?;
            tx.commit_derived().await?;
        }
        let written = stale && self.rewrite_package(ctx, Closed::PutAside).await?.is_some();
        if current.is_some_and(|row| row.rehearsed_at.is_some()) {
            self.forget_earlier(ctx).await?;
        }
        Ok(written)
    }
}

/// What a setup's wrapped nothing is bound to.
pub(super) fn dealt(head: &[u8]) -> Vec<u8> {
    bind::parts(&[b"nexora/recovery-dealt/1", &digest::sha256(head)])
}

pub(super) fn head_of(row: &recovery::Model) -> Result<Head, Error> {
    serde_json::from_slice(&row.head).map_err(|_| Error::Damaged { what: "recovery" })
}

pub(super) fn fits(quorum: u8, custodians: &[(String, hpke::PublicKey)]) -> Result<(), RecoveryError> {
    let count = custodians.len();
    if !(2..=MAX_CUSTODIANS).contains(&count) || quorum < 2 || usize::from(quorum) > count {
        return Err(RecoveryError::Quorum);
    }
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    for (name, key) in custodians {
        if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(RecoveryError::BadName);
        }
        let (name, id) = (name.trim().to_lowercase(), custodian_id(key));
        if names.contains(&name) {
            return Err(RecoveryError::Twice { what: "name" });
        }
        if ids.contains(&id) {
            return Err(RecoveryError::Twice { what: "key" });
        }
        names.push(name);
        ids.push(id);
    }
    Ok(())
}
