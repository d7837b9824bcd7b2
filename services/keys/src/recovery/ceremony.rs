//! Ceremonies: custodians put their shares together, to rehearse or to restore.

use super::{Contribution, Earlier, Invitation, Package, RecoveryError, SealedShare, belongs, open};
use crate::{
    Error, Keys, Unit,
    custody::{self, ceremony, contribution},
    scope::person,
};
use base::{Action, Context, Id, Timestamp, digest, noun};
use crypto::{Suite, bind, hpke};
use ledger::{Entry, Kind, Outcome};
use policy::{Permit, Resource};
use serde::{Deserialize, Serialize};
use std::{fs, time::Duration};
use store::Queries;

/// How long a ceremony takes shares.
pub const EXPIRY: Duration = Duration::from_secs(72 * 3_600);

/// The suite of ceremonies' one-time keys.
const SUITE: Suite = Suite::Hybrid768;

/// What a ceremony is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// To see that custodians, shares and package bring the keys back. Nothing changes.
    Rehearsal,
    /// To bring the keys back under the root in place.
    Restore,
}

impl Aim {
    /// The aim in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rehearsal => "rehearsal",
            Self::Restore => "restore",
        }
    }
}

/// Which package a ceremony is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The one in place.
    InPlace,
    /// An earlier one that is kept.
    Earlier(Earlier),
    /// One that is handed in.
    Given(Vec<u8>),
}

/// Where a ceremony stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeremonyState {
    /// It takes shares.
    Open,
    /// It was done.
    Ended,
    /// It was not done in time.
    Expired,
}

impl CeremonyState {
    /// The state in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ended => "ended",
            Self::Expired => "expired",
        }
    }
}

/// A ceremony.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// Its id.
    pub id: Id<noun::Ceremony>,
    /// What it is for.
    pub aim: Aim,
    /// Where it stands.
    pub state: CeremonyState,
    /// What custodians are handed, and compare the fingerprint of.
    pub invitation: Invitation,
    /// The shares, each sealed to its custodian.
    pub shares: Vec<SealedShare>,
    /// How many shares are needed.
    pub quorum: u8,
    /// Who has given a share: id and name.
    pub given: Vec<(Id<noun::Custodian>, String)>,
    /// Who began it.
    pub begun_by: Id<noun::Person>,
    /// When.
    pub begun_at: Timestamp,
    /// Until when it takes shares.
    pub expires_at: Timestamp,
}

impl Keys {
    /// Begins a ceremony over a package. One to restore that lacks keys which the package in place has, and which
    /// open nowhere else, is refused unless `older` says that it is meant.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`]; [`Error::Recovery`] where there is no package, it is another
    /// organization's, does not belong to what the database knows, or is older; [`Error::Root`], [`Error::Store`].
    pub async fn begin_ceremony(
        &self,
        ctx: &Context,
        permit: &Permit,
        aim: Aim,
        source: Source,
        older: bool,
    ) -> Result<Ceremony, Error> {
        permit.covers(ctx, Action::RecoveryBegin, Resource::Organization, self.clock.now())?;
        let by = person(ctx)?;
        let bytes = match source {
            Source::Given(package) => package,
            Source::Earlier(name) => self.earlier_package(ctx.organization(), name)?,
            Source::InPlace => {
                fs::read(self.package_path(ctx.organization())).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => RecoveryError::NotSetUp,
                    _ => RecoveryError::Io(error),
                })?
            }
        };
        let package = Package::read(&bytes)?;
        if package.setup.organization != ctx.organization() {
            return Err(RecoveryError::Mismatch { what: "package", of: "organization" }.into());
        }
        let unit = Unit::Log(ctx.organization());
        let mut tx = self.store.write(ctx).await?;
        match aim {
            // It changes nothing: a package that the database does not know may be rehearsed.
            Aim::Rehearsal => drop(belongs::dealt_here(&tx, &package).await?),
            Aim::Restore => {
                belongs::belongs(&tx, &package).await?;
                self.not_older(&tx, ctx.organization(), &package, older).await?;
            }
        }
        // A root that took the place of a lost one has no record of it; what is refused makes none.
        self.root.enroll(unit).await?;
        let now = tx.now();
        let id = Id::fresh(now, crypto::random(&*self.provider));
        let pair = hpke::KeyPair::generate(&*self.provider, SUITE);
        let private = self.wrap(&mut tx, unit, &bound(ctx, id), pair.private.as_secret()).await?;
        let row = ceremony::Model {
            organization: tx.owner(),
            id: id.as_bytes().to_vec(),
            setup: package.setup.setup.as_bytes().to_vec(),
            aim: aim.as_str().to_owned(),
            begun_by: by.as_bytes().to_vec(),
            begun_at: now.micros(),
            expires_at: (now + EXPIRY).micros(),
            public: pair.public.as_bytes().to_vec(),
            private,
            package: bytes,
            ended_at: None,
        };
        custody::save_ceremony(&mut tx, &row).await?;
        let begun = ceremony(&row, &package, &[], now)?;
        let entry = Entry::done(Kind::RecoveryBegun, id)
            .fact("aim", aim.as_str())
            .fact("setup", package.setup.setup)
            .fact("package", digest::hex(&digest::sha256(&row.package)))
            .fact("expires", begun.expires_at)
            .fact("fingerprint", begun.invitation.fingerprint());
        tx.commit(entry).await?;
        Ok(begun)
    }

    /// One ceremony.
    ///
    /// # Errors
    /// [`Error::Recovery`] where there is none, [`Error::Store`].
    pub async fn ceremony(&self, ctx: &Context, id: Id<noun::Ceremony>) -> Result<Ceremony, Error> {
        let read = self.store.read(ctx).await?;
        let row = custody::ceremony_of(&read, id).await?.ok_or(RecoveryError::UnknownCeremony)?;
        let given = custody::contributions(&read, &row.id).await?;
        ceremony(&row, &Package::read(&row.package)?, &given, self.clock.now())
    }

    /// Every ceremony, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn ceremonies(&self, ctx: &Context) -> Result<Vec<Ceremony>, Error> {
        let read = self.store.read(ctx).await?;
        let mut all = Vec::new();
        for row in custody::ceremonies(&read).await? {
            let given = custody::contributions(&read, &row.id).await?;
            all.push(ceremony(&row, &Package::read(&row.package)?, &given, self.clock.now())?);
        }
        Ok(all)
    }

    /// Takes a custodian's share. One that is not the share that was dealt is refused by name, and that is on
    /// record. A rehearsal that has its quorum is done with it.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`]; [`Error::Recovery`]; [`Error::Root`], [`Error::Store`].
    pub async fn approve_ceremony(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Ceremony>,
        given: &Contribution,
    ) -> Result<Ceremony, Error> {
        permit.covers(ctx, Action::RecoveryApprove, Resource::Ceremony(id), self.clock.now())?;
        let by = person(ctx)?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = self.open_ceremony(&tx, id).await?;
        let package = Package::read(&row.package)?;
        if given.ceremony != id {
            return Err(RecoveryError::Mismatch { what: "share", of: "ceremony" }.into());
        }
        let mut before = custody::contributions(&tx, &row.id).await?;
        if before.iter().any(|known| known.custodian == given.custodian.as_bytes()) {
            let name = package.setup.seat(given.custodian).map(|seat| seat.name.clone()).unwrap_or_default();
            return Err(RecoveryError::Given { name }.into());
        }
        let entry = Entry::done(Kind::RecoveryApproved, id)
            .fact("custodian", given.custodian)
            .fact("setup", given.setup);
        let with = self.ceremony_key(ctx, &row).await?;
        if let Err(error) = open::check(&*self.provider, &package, &with, given) {
            if matches!(error, Error::Recovery(RecoveryError::WrongShare { .. })) {
                tx.commit(entry.outcome(Outcome::Failed).reason("wrong_share")).await?;
            }
            return Err(error);
        }
        let kept = contribution::Model {
            organization: tx.owner(),
            ceremony: row.id.clone(),
            custodian: given.custodian.as_bytes().to_vec(),
            given_by: by.as_bytes().to_vec(),
            given_at: tx.now().micros(),
            sealed: serde_json::to_vec(given).map_err(|_| Error::Damaged { what: "share" })?,
        };
        tx.insert(contribution::ActiveModel::from(kept.clone())).await?;
        before.push(kept);
        let mut entries = vec![entry.fact("given", before.len())];
        if row.aim == Aim::Rehearsal.as_str() && before.len() >= usize::from(package.setup.quorum) {
            drop(open::open(&*self.provider, &package, &with, &contributed(&before)?)?);
            end(&mut tx, &mut row).await?;
            self.mark_rehearsed(&mut tx, &package).await?;
            let rehearsed = Entry::done(Kind::RecoveryRehearsed, id)
                .fact("setup", package.setup.setup)
                .fact("keys", package.keys.len())
                .fact("package", digest::hex(&digest::sha256(&row.package)));
            entries.push(rehearsed);
        }
        let done = ceremony(&row, &package, &before, tx.now())?;
        let rehearsed = entries.len() > 1;
        tx.commit_all(entries).await?;
        if rehearsed {
            // It is rehearsed all the same: what cannot be erased now, the next step erases.
            drop(self.forget_earlier(ctx).await);
        }
        Ok(done)
    }

    /// A ceremony that takes shares now.
    pub(super) async fn open_ceremony(
        &self,
        door: &impl Queries,
        id: Id<noun::Ceremony>,
    ) -> Result<ceremony::Model, Error> {
        let row = custody::ceremony_of(door, id).await?.ok_or(RecoveryError::UnknownCeremony)?;
        match state(&row, self.clock.now()) {
            CeremonyState::Open => Ok(row),
            state => Err(RecoveryError::Over { state }.into()),
        }
    }

    /// The one-time key of a ceremony.
    pub(super) async fn ceremony_key(
        &self,
        ctx: &Context,
        row: &ceremony::Model,
    ) -> Result<hpke::PrivateKey, Error> {
        let id = Id::from_slice(&row.id).ok_or(Error::Damaged { what: "ceremony" })?;
        let unit = Unit::Log(ctx.organization());
        let private = self.root.unwrap(unit, &bound(ctx, id), &row.private).await?;
        Ok(hpke::PrivateKey::from_secret(SUITE, private)?)
    }

    /// A rehearsal of the recovery that is set up, with whichever of its packages, has succeeded.
    async fn mark_rehearsed(&self, tx: &mut store::Tx, package: &Package) -> Result<(), Error> {
        if let Some(mut row) = custody::current_recovery(tx).await?
            && row.setup == package.setup.setup.as_bytes()
        {
            row.rehearsed_at = Some(tx.now().micros());
            custody::save_recovery(tx, &row).await?;
        }
        Ok(())
    }
}

/// Every share that a ceremony has, as it was given.
pub(super) fn contributed(given: &[contribution::Model]) -> Result<Vec<Contribution>, Error> {
    let read = |row: &contribution::Model| {
        serde_json::from_slice(&row.sealed).map_err(|_| Error::Damaged { what: "share" })
    };
    given.iter().map(read).collect()
}

/// Ends a ceremony: its one-time key, the shares that were given to it and the keys of its package are erased. Who
/// took part stays.
pub(super) async fn end(tx: &mut store::Tx, row: &mut ceremony::Model) -> Result<(), Error> {
    let mut package = Package::read(&row.package)?;
    package.sealed = String::new();
    row.package = package.to_bytes()?;
    row.private = Vec::new();
    row.ended_at = Some(tx.now().micros());
    custody::save_ceremony(tx, row).await?;
    custody::blank_contributions(tx, &row.id).await
}

/// Ends the ceremonies that are not ended and `over`. How many.
pub(super) async fn end_all(
    tx: &mut store::Tx,
    over: impl Fn(&ceremony::Model) -> bool,
) -> Result<usize, Error> {
    let mut ended = 0;
    for mut row in custody::ceremonies(tx).await? {
        if row.ended_at.is_none() && over(&row) {
            end(tx, &mut row).await?;
            ended += 1;
        }
    }
    Ok(ended)
}

fn bound(ctx: &Context, id: Id<noun::Ceremony>) -> Vec<u8> {
    bind::parts(&[
        b"nexora/ceremony-key/1",
        ctx.organization().to_string().as_bytes(),
        id.to_string().as_bytes(),
        SUITE.as_str().as_bytes(),
    ])
}

fn state(row: &ceremony::Model, now: Timestamp) -> CeremonyState {
    if row.ended_at.is_some() {
        CeremonyState::Ended
    } else if now > Timestamp::from_micros(row.expires_at) {
        CeremonyState::Expired
    } else {
        CeremonyState::Open
    }
}

/// What a ceremony's row and its package say.
pub(super) fn ceremony(
    row: &ceremony::Model,
    package: &Package,
    given: &[contribution::Model],
    now: Timestamp,
) -> Result<Ceremony, Error> {
    let damaged = || Error::Damaged { what: "ceremony" };
    let id = Id::from_slice(&row.id).ok_or_else(damaged)?;
    let aim = match row.aim.as_str() {
        "rehearsal" => Aim::Rehearsal,
        "restore" => Aim::Restore,
        _ => return Err(damaged()),
    };
    let setup = &package.setup;
    let expires_at = Timestamp::from_micros(row.expires_at);
    let public = hpke::PublicKey::from_bytes(SUITE, &row.public)?;
    let who = |row: &contribution::Model| {
        let custodian = Id::from_slice(&row.custodian).ok_or_else(damaged)?;
        let name = setup.seat(custodian).map(|seat| seat.name.clone());
        Ok::<_, Error>((custodian, name.unwrap_or_default()))
    };
    Ok(Ceremony {
        id,
        aim,
        state: state(row, now),
        invitation: Invitation::new(setup.organization, id, setup.setup, aim, expires_at, &public),
        shares: setup.custodians.iter().map(|seat| seat.share.clone()).collect(),
        quorum: setup.quorum,
        given: given.iter().map(who).collect::<Result<_, _>>()?,
        begun_by: Id::from_slice(&row.begun_by).ok_or_else(damaged)?,
        begun_at: Timestamp::from_micros(row.begun_at),
        expires_at,
    })
}
