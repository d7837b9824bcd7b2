//! Setting a recovery up, and keeping its package current.

use super::{
    Head, Package, RecoveryError, SealedShare,
    ceremony::end_all,
    custodian::{CustodianPublic, custodian_id},
    package::{PackedKey, digest_of},
    rows::packable,
};
use crate::{
    Error, Keys, RootError, Scope, Unit, certificate,
    custody::{self, recovery},
    private_file::{self, Old},
};
use base::{Context, Id, Secret, Timestamp, digest, noun};
use crypto::{bind, hpke};
use ledger::{Entry, Kind};
use std::{collections::BTreeSet, fs, io, path::PathBuf};
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
}

impl Keys {
    /// Ends the recovery that is set up and deals a new one, as part of the caller's change.
    pub(super) async fn deal(
        &self,
        tx: &mut Tx,
        quorum: u8,
        custodians: &[(String, hpke::PublicKey)],
    ) -> Result<Entry, Error> {
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
        Ok(Entry::done(Kind::RecoverySetUp, setup)
            .fact("quorum", quorum)
            .fact("shares", shares)
            .fact("check", &head.check)
            .details(serde_json::json!({ "custodians": names })))
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
        let head = head_of(&row)?;
        let written = match (row.packaged_at, row.package_hash) {
            (Some(at), Some(hash)) => Some(PackageState {
                generation: u64::try_from(row.generation).unwrap_or(0),
                sha256: hash.try_into().map_err(|_| Error::Damaged { what: "recovery" })?,
                written_at: Timestamp::from_micros(at),
                stale,
            }),
            _ => None,
        };
        Ok(Some(Recovery {
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
        }))
    }

    /// The current recovery package: a copy of it, kept elsewhere, and a quorum of custodians bring the keys back.
    ///
    /// # Errors
    /// [`Error::Recovery`] where none is set up or its file is not there; [`Error::Store`].
    pub async fn recovery_package(&self, ctx: &Context) -> Result<Vec<u8>, Error> {
        let read = self.store.read(ctx).await?;
        custody::current_recovery(&read).await?.ok_or(RecoveryError::NotSetUp)?;
        Ok(fs::read(self.package_path(ctx)).map_err(RecoveryError::Io)?)
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
            Some(row) => self.stale(&read, row, ctx).await?,
            None => false,
        };
        drop(read);
        if late {
            let mut tx = self.store.write(ctx).await?;
            end_all(&mut tx, |row| row.expires_at < now).await?;
            tx.commit_derived().await?;
        }
        Ok(stale && self.rewrite_package(ctx).await?.is_some())
    }

    /// Whether the package does not hold exactly the keys that there are.
    async fn stale(&self, door: &impl Queries, row: &recovery::Model, ctx: &Context) -> Result<bool, Error> {
        let keys: Result<Vec<_>, Error> = packable(door).await?.iter().map(PackedKey::of).collect();
        let there = self.package_path(ctx).exists();
        Ok(!there || row.package_keys.as_deref() != Some(digest_of(&keys?)?.as_slice()))
    }

    /// Writes the package anew: under the organization's turn to write, so that two do not meet. Every key that the
    /// old one has must unwrap, or the old one stays. Its bytes are overwritten.
    pub(super) async fn rewrite_package(&self, ctx: &Context) -> Result<Option<(u64, [u8; 32])>, Error> {
        let mut tx = self.store.write(ctx).await?;
        let Some(mut row) = custody::current_recovery(&tx).await? else { return Ok(None) };
        let organization = ctx.organization();
        let before = self.packed_before(ctx);
        self.root.unwrap(Unit::Log(organization), &dealt(&row.head), &row.vouched).await?;
        let (mut all, mut keys, mut halves) = (Vec::new(), Vec::new(), Vec::new());
        for row in packable(&tx).await? {
            let key = PackedKey::of(&row)?;
            all.push(key.clone());
            match self.open_private(organization, &row).await {
                Ok(half) => {
                    halves.push(half);
                    keys.push(key);
                }
                // A key that was lost with another root and is in no package: nobody can put it into this one.
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
        let (path, sha256) = (self.package_path(ctx), digest::sha256(&package));
        blocking(move || private_file::put(&path, &package, Old::Overwrite)).await?;
        row.packaged_at = Some(tx.now().micros());
        row.package_hash = Some(sha256.to_vec());
        row.package_keys = Some(hash.to_vec());
        custody::save_recovery(&mut tx, &row).await?;
        let setup: Option<Id<noun::Ceremony>> = Id::from_slice(&row.setup);
        let entry = Entry::done(Kind::RecoveryPackaged, setup.ok_or(Error::Damaged { what: "recovery" })?)
            .fact("generation", generation)
            .fact("keys", count)
            .fact("left_out", left_out)
            .fact("sha256", digest::hex(&sha256));
        tx.commit(entry).await?;
        Ok(Some((generation, sha256)))
    }

    /// The keys that the package in place has; none where there is none.
    fn packed_before(&self, ctx: &Context) -> BTreeSet<Id<noun::Key>> {
        let package = fs::read(self.package_path(ctx)).ok().and_then(|bytes| Package::read(&bytes).ok());
        package.map(|package| package.keys.iter().map(|key| key.id).collect()).unwrap_or_default()
    }

    /// What a shredding does to the package: without its keys it is written anew; with the organization's it ends.
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
            let path = self.package_path(ctx);
            blocking(move || private_file::erase(&path)).await?;
            let mut tx = self.store.write(ctx).await?;
            self.end_recovery(&mut tx).await?;
            let ever = !custody::recoveries(&tx).await?.is_empty();
            tx.commit_derived().await?;
            return Ok(if ever { certificate::Package::Removed } else { certificate::Package::None });
        }
        Ok(match self.rewrite_package(ctx).await? {
            Some((generation, sha256)) => {
                certificate::Package::Rewritten { generation, sha256: digest::hex(&sha256) }
            }
            None => certificate::Package::None,
        })
    }

    /// Where the package stands: beside the organization's database, in what is backed up with it.
    pub(super) fn package_path(&self, ctx: &Context) -> PathBuf {
        self.store.directory(ctx.organization()).join("recovery.package")
    }
}

/// What a setup's wrapped nothing is bound to.
fn dealt(head: &[u8]) -> Vec<u8> {
    bind::parts(&[b"nexora/recovery-dealt/1", &digest::sha256(head)])
}

pub(super) fn head_of(row: &recovery::Model) -> Result<Head, Error> {
    serde_json::from_slice(&row.head).map_err(|_| Error::Damaged { what: "recovery" })
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Interrupted)));
    Ok(done.map_err(RecoveryError::Io)?)
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
