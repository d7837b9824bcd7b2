//! Shredding: two persons decide that a dataset's or the organization's keys are gone for good.
//!
//! # The order of things
//! 1. The approval is committed: from here on nothing of the scope opens ([`breach::gate`](crate::breach::gate)),
//!    and it cannot be taken back. In the same commit the key epoch rises and the unit's tombstone is set.
//! 2. The root forgets the unit.
//! 3. The recovery package is written anew without the keys; for an organization it is overwritten and removed.
//! 4. The root signs the certificate, and one commit erases the private halves, stores the certificate, and puts it
//!    into the organization's log.
//! 5. The certificate goes into the platform's log ([`Keys::publish_shred`]).
//!
//! Each of them may be cut off and done again: [`Keys::shred_step`] goes on from what is on record.

mod refused;
mod turns;

pub use refused::ShredRefused;
pub(crate) use turns::Turns;

use crate::{
    Error, Keys, Purpose, RootError, Scope, State, Unit,
    breach::reasoned,
    certificate::{self, Certificate, Copies},
    custody,
    error::whole,
    export, halves,
    scope::person,
    tables::{self, Filter, Line, Row},
};
use base::{Action, Context, Id, Timestamp, digest, noun};
use crypto::jws::{Jws, Unsigned};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use std::time::Duration;
use store::{Queries, Tx};

/// How long a request waits for its second person.
pub const EXPIRY: Duration = Duration::from_secs(24 * 3_600);

/// How many keys are read at once.
const BATCH: u64 = 500;

/// A request to shred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shred {
    /// Its id.
    pub id: Id<noun::Approval>,
    /// What is to be shredded.
    pub scope: Scope,
    /// Why, in the words of who asked.
    pub reason: String,
    /// Where it stands.
    pub state: ShredState,
    /// Who asked.
    pub requested_by: Id<noun::Person>,
    /// When.
    pub requested_at: Timestamp,
    /// Until when it can be approved.
    pub expires_at: Timestamp,
    /// Who approved, and when.
    pub approved: Option<(Id<noun::Person>, Timestamp)>,
    /// Who cancelled it, and when.
    pub cancelled: Option<(Id<noun::Person>, Timestamp)>,
    /// The certificate, once it is done.
    pub certificate: Option<Jws>,
    /// Why it is not done, where it is approved and that is known: it goes on by itself.
    pub waits: Option<String>,
}

/// Where a request to shred stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShredState {
    /// It waits for a second person.
    Requested,
    /// Nobody approved it in time.
    Expired,
    /// Somebody cancelled it.
    Cancelled,
    /// It is approved and being done; nothing of it opens any more.
    Approved,
    /// It is done, and certified.
    Done,
}

impl ShredState {
    /// The state in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Approved => "approved",
            Self::Done => "done",
        }
    }
}

impl Keys {
    /// Asks for a shredding. Another person has [`EXPIRY`] to approve it.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`], [`Error::BadReason`]; [`Error::Shred`]; [`Error::Shredded`];
    /// [`Error::NoKey`] for a dataset that has none; [`Error::Store`].
    pub async fn request_shred(
        &self,
        ctx: &Context,
        permit: &Permit,
        scope: Scope,
        reason: &str,
    ) -> Result<Shred, Error> {
        permit.covers(ctx, Action::ShredsRequest, scope.resource(), self.clock.now())?;
        let by = person(ctx)?;
        reasoned(reason)?;
        if ctx.organization() == self.store.platform() {
            return Err(ShredRefused::Platform.into());
        }
        let mut tx = self.store.write(ctx).await?;
        self.known(&tx, scope).await?;
        if let Some(done) = custody::shredded(&tx, scope.dataset()).await? {
            return Err(Error::Shredded { scope: done.scope()? });
        }
        let now = tx.now();
        for row in custody::shreds(&tx).await? {
            let known = of_row(&row, now)?;
            if known.scope == scope && known.state == ShredState::Requested {
                return Err(ShredRefused::Pending { id: known.id }.into());
            }
        }
        self.may_shred(&tx, ctx.organization(), scope).await?;
        let row = custody::shred::Model {
            organization: tx.owner(),
            id: Id::<noun::Approval>::fresh(now, crypto::random(&*self.provider)).as_bytes().to_vec(),
            dataset: scope.dataset().map(|dataset| dataset.as_bytes().to_vec()),
            reason: reason.to_owned(),
            requested_by: by.as_bytes().to_vec(),
            requested_at: now.micros(),
            expires_at: (now + EXPIRY).micros(),
            approved_by: None,
            approved_at: None,
            cancelled_by: None,
            cancelled_at: None,
            forgotten_at: None,
            certificate: None,
            done_at: None,
            published_at: None,
        };
        custody::save_shred(&mut tx, &row).await?;
        let shred = of_row(&row, now)?;
        let entry = Entry::done(Kind::ShredRequested, shred.id)
            .fact("scope", scope.unit(ctx.organization()).to_string())
            .fact("expires", shred.expires_at)
            .details(serde_json::json!({ "reason": reason }));
        tx.commit(entry).await?;
        Ok(shred)
    }

    /// Approves another person's request, and does it. Where it is cut off, it is decided all the same: that is what is
    /// answered, with what it [`waits`](Shred::waits) for, and [`shred_step`](Self::shred_step) goes on.
    ///
    /// # Errors
    /// Where nothing was decided: [`Error::Refused`], [`Error::NotAPerson`], [`Error::Shred`], [`Error::Root`],
    /// [`Error::Store`], [`Error::Recovery`].
    pub async fn approve_shred(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Approval>,
    ) -> Result<Shred, Error> {
        permit.covers(ctx, Action::ShredsApprove, Resource::Approval(id), self.clock.now())?;
        let by = person(ctx)?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = custody::shred_of(&tx, id).await?.ok_or(ShredRefused::Unknown)?;
        let now = tx.now();
        let shred = of_row(&row, now)?;
        if shred.state != ShredState::Requested {
            return Err(ShredRefused::Over { state: shred.state }.into());
        }
        if shred.requested_by == by {
            return Err(ShredRefused::SamePerson.into());
        }
        self.may_shred(&tx, ctx.organization(), shred.scope).await?;
        let unit = shred.scope.unit(ctx.organization());
        if shred.scope == Scope::Organization {
            self.set_log_apart(&mut tx, ctx.organization()).await?;
        }
        row.approved_by = Some(by.as_bytes().to_vec());
        row.approved_at = Some(now.micros());
        custody::save_shred(&mut tx, &row).await?;
        custody::bury(&mut tx, unit).await?;
        export::blank(&mut tx, shred.scope).await?;
        self.end_ceremonies(&mut tx).await?;
        let raised = self.raise_epoch(&mut tx).await?;
        let entry = Entry::done(Kind::ShredApproved, id).fact("scope", unit.to_string());
        tx.commit(entry).await?;
        raised.publish();
        match self.finish_shred(ctx, id).await {
            Ok(shred) => Ok(shred),
            Err(error) => {
                let shred = of_row(&row, now)?;
                Ok(Shred { waits: Some(whole(&error)), ..shred })
            }
        }
    }

    /// Cancels a request that nobody has approved.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`], [`Error::Shred`], [`Error::Store`].
    pub async fn cancel_shred(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Approval>,
    ) -> Result<Shred, Error> {
        permit.covers(ctx, Action::ShredsCancel, Resource::Approval(id), self.clock.now())?;
        let by = person(ctx)?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = custody::shred_of(&tx, id).await?.ok_or(ShredRefused::Unknown)?;
        let now = tx.now();
        let state = of_row(&row, now)?.state;
        if state != ShredState::Requested {
            return Err(ShredRefused::Over { state }.into());
        }
        row.cancelled_by = Some(by.as_bytes().to_vec());
        row.cancelled_at = Some(now.micros());
        custody::save_shred(&mut tx, &row).await?;
        let shred = of_row(&row, now)?;
        tx.commit(Entry::done(Kind::ShredCancelled, id)).await?;
        Ok(shred)
    }

    /// Every request to shred, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn shreds(&self, ctx: &Context) -> Result<Vec<Shred>, Error> {
        let now = self.clock.now();
        let read = self.store.read(ctx).await?;
        let mut shreds = Vec::new();
        for row in custody::shreds(&read).await? {
            let waits = self.waits(&read, ctx, &row).await?;
            shreds.push(Shred { waits, ..of_row(&row, now)? });
        }
        Ok(shreds)
    }

    /// One request to shred.
    ///
    /// # Errors
    /// [`Error::Shred`] where there is none, [`Error::Store`], [`Error::Damaged`].
    pub async fn shred(&self, ctx: &Context, id: Id<noun::Approval>) -> Result<Shred, Error> {
        let read = self.store.read(ctx).await?;
        let row = custody::shred_of(&read, id).await?.ok_or(ShredRefused::Unknown)?;
        let waits = self.waits(&read, ctx, &row).await?;
        Ok(Shred { waits, ..of_row(&row, self.clock.now())? })
    }

    /// The shredding that is approved and not finished, if there is one, and what it waits for where that is known.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn unfinished_shred(&self, ctx: &Context) -> Result<Option<Shred>, Error> {
        let read = self.store.read(ctx).await?;
        let Some(row) = custody::unfinished_shred(&read).await? else { return Ok(None) };
        let waits = self.waits(&read, ctx, &row).await?;
        Ok(Some(Shred { waits, ..of_row(&row, self.clock.now())? }))
    }

    /// What an approved request that is not done waits for: another root, or what failed here last.
    async fn waits(
        &self,
        door: &impl Queries,
        ctx: &Context,
        row: &custody::shred::Model,
    ) -> Result<Option<String>, Error> {
        let shred = of_row(row, self.clock.now())?;
        if shred.state != ShredState::Approved {
            return Ok(None);
        }
        let refused = self.may_shred(door, ctx.organization(), shred.scope).await.err();
        Ok(refused.map(|error| whole(&error)).or_else(|| self.shredding.failed(shred.id)))
    }

    /// Background work: does what an approved request has left to do. Whether there was one.
    ///
    /// # Errors
    /// As [`approve_shred`](Self::approve_shred).
    pub async fn shred_step(&self, ctx: &Context) -> Result<bool, Error> {
        let read = self.store.read(ctx).await?;
        let Some(row) = custody::unfinished_shred(&read).await? else { return Ok(false) };
        drop(read);
        let id = Id::from_slice(&row.id).ok_or(Error::Damaged { what: "request to shred" })?;
        self.finish_shred(ctx, id).await?;
        Ok(true)
    }

    /// Background work: puts the certificate of a shredding of the organization of `ctx` into the platform's log,
    /// and its tombstone into the platform's store. Whether there was one.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn publish_shred(&self, platform: &Context, ctx: &Context) -> Result<bool, Error> {
        let read = self.store.read(ctx).await?;
        let Some(mut row) = custody::unpublished_shred(&read).await? else { return Ok(false) };
        drop(read);
        let shred = of_row(&row, self.clock.now())?;
        let unit = shred.scope.unit(ctx.organization());
        let mut tx = self.store.write(platform).await?;
        // The tombstone says whether this was done before it was cut off.
        if !custody::tombstones(&tx).await?.contains(&unit) {
            custody::bury(&mut tx, unit).await?;
            let entry = entry_of(&shred, ctx.organization(), &row)?;
            tx.commit(entry).await?;
        } else {
            drop(tx);
        }
        let mut tx = self.store.write(ctx).await?;
        row.published_at = Some(tx.now().micros());
        custody::save_shred(&mut tx, &row).await?;
        tx.commit_derived().await?;
        Ok(true)
    }

    /// Has the root forget again what this store knows to be shredded: at every start, before anyone is served, for
    /// the platform and for each organization. A root that was brought back from an older backup has the records;
    /// how many it had.
    ///
    /// # Errors
    /// [`Error::Root`], [`Error::Store`], [`Error::Damaged`].
    pub async fn forget_shredded(&self, ctx: &Context) -> Result<usize, Error> {
        let read = self.store.read(ctx).await?;
        let units = custody::tombstones(&read).await?;
        drop(read);
        let before = self.root.health().await?.units;
        for unit in units {
            self.root.forget(unit).await?;
        }
        Ok(before.saturating_sub(self.root.health().await?.units))
    }

    /// What follows an approval, from wherever it was cut off. Where the step and the approval meet, the second waits
    /// for the first and finds it done.
    async fn finish_shred(&self, ctx: &Context, id: Id<noun::Approval>) -> Result<Shred, Error> {
        let finished = self.go_on_shredding(ctx, id).await;
        self.shredding.note(id, finished.as_ref().err().map(|error| whole(error)));
        finished
    }

    async fn go_on_shredding(&self, ctx: &Context, id: Id<noun::Approval>) -> Result<Shred, Error> {
        let turn = self.shredding.of(ctx.organization());
        let _turn = turn.lock().await;
        let read = self.store.read(ctx).await?;
        let mut row = custody::shred_of(&read, id).await?.ok_or(ShredRefused::Unknown)?;
        drop(read);
        let shred = of_row(&row, self.clock.now())?;
        if shred.state == ShredState::Done {
            return Ok(shred);
        }
        let unit = shred.scope.unit(ctx.organization());
        if row.forgotten_at.is_none() {
            self.root.forget(unit).await?;
            let mut tx = self.store.write(ctx).await?;
            row.forgotten_at = Some(tx.now().micros());
            custody::save_shred(&mut tx, &row).await?;
            tx.commit_derived().await?;
        }
        // Decided it is; but another root may have been put in place since.
        let read = self.store.read(ctx).await?;
        self.may_shred(&read, ctx.organization(), shred.scope).await?;
        drop(read);
        let package = self.repackage_after_shred(ctx, shred.scope).await?;
        let mut tx = self.store.write(ctx).await?;
        // Another node may have been here.
        row = custody::shred_of(&tx, id).await?.ok_or(ShredRefused::Unknown)?;
        if row.done_at.is_some() {
            return of_row(&row, tx.now());
        }
        self.end_ceremonies_with(&mut tx, shred.scope).await?;
        let package = standing(&tx, package).await?;
        let rows = rows_of(&tx, shred.scope).await?;
        let certificate = self.certify(&tx, ctx.organization(), &row, &rows, package).await?;
        for mut key in rows {
            key.private = Vec::new();
            key.state = State::Destroyed.as_str().to_owned();
            key.before = None;
            tables::save(&mut tx, &key).await?;
        }
        let json = serde_json::to_vec(&certificate).map_err(|_| Error::Damaged { what: "certificate" })?;
        row.certificate = Some(json);
        row.done_at = Some(tx.now().micros());
        custody::save_shred(&mut tx, &row).await?;
        let shred = of_row(&row, tx.now())?;
        let entry = entry_of(&shred, ctx.organization(), &row)?;
        tx.commit(entry).await?;
        Ok(shred)
    }

    /// Moves the keys of the log of an organization from before [`Unit::Log`] under that unit, so that they are not
    /// forgotten with the organization.
    pub(crate) async fn set_log_apart(
        &self,
        tx: &mut Tx,
        organization: Id<noun::Organization>,
    ) -> Result<(), Error> {
        let unit = Unit::Log(organization);
        self.root.enroll(unit).await?;
        for mut row in rows_of_the_log(&*tx).await? {
            let bound = halves::bound(organization, &row)?;
            match self.root.unwrap(unit, &bound, &row.private).await {
                Ok(_) => continue,
                Err(RootError::UnknownUnit { .. } | RootError::DoesNotOpen) => {}
                Err(error) => return Err(error.into()),
            }
            let opened = self.open_private(organization, &row).await?;
            row.private = self.wrap(tx, unit, &bound, &opened).await?;
            tables::save(tx, &row).await?;
        }
        Ok(())
    }

    async fn certify(
        &self,
        tx: &Tx,
        organization: Id<noun::Organization>,
        row: &custody::shred::Model,
        keys: &[Row],
        recovery: certificate::Package,
    ) -> Result<Jws, Error> {
        let damaged = || Error::Damaged { what: "request to shred" };
        let person = |id: &Option<Vec<u8>>| id.as_deref().and_then(Id::from_slice).ok_or_else(damaged);
        let time = |at: Option<i64>| at.map(Timestamp::from_micros).ok_or_else(damaged);
        let scope = row.scope()?;
        let attestation = self.root.attest().await?;
        let ids: Result<Vec<_>, Error> = keys.iter().map(Row::id).collect();
        let exported: Result<Vec<_>, Error> =
            keys.iter().filter(|key| key.exported_at.is_some()).map(Row::id).collect();
        let mut copies = vec![Copies::RootRecords];
        let setups: Result<Vec<_>, Error> = custody::recoveries(tx)
            .await?
            .iter()
            .map(|row| Id::from_slice(&row.setup).ok_or_else(damaged))
            .collect();
        let (setups, exported) = (setups?, exported?);
        if !setups.is_empty() {
            copies.push(Copies::RecoveryPackages { setups });
        }
        if !exported.is_empty() {
            copies.push(Copies::ExportedKeys { keys: exported });
        }
        copies.push(Copies::Revealed);
        let content = Certificate {
            format: certificate::FORMAT.to_owned(),
            shred: Id::from_slice(&row.id).ok_or_else(damaged)?,
            organization,
            dataset: scope.dataset(),
            unit: scope.unit(organization).to_string(),
            requested_by: Id::from_slice(&row.requested_by).ok_or_else(damaged)?,
            requested_at: Timestamp::from_micros(row.requested_at),
            approved_by: person(&row.approved_by)?,
            approved_at: time(row.approved_at)?,
            forgotten_at: time(row.forgotten_at)?,
            issued_at: tx.now(),
            keys: certificate::Keys::of(ids?),
            root: certificate::Root { kind: attestation.kind.to_owned(), key: attestation.key.thumbprint() },
            recovery,
            not_vouched_for: copies,
        };
        let unsigned = Unsigned::new(&attestation.key, certificate::TYPE, &content.canonical()?);
        let signature = self.root.sign(&unsigned.input()).await?;
        let signed = unsigned.signed(&signature);
        // A root that signs with another key than it names certifies nothing.
        Certificate::verify(&*self.provider, &attestation.key, &signed)?;
        Ok(signed)
    }

    /// Refuses a scope that has no keys.
    pub(crate) async fn known(&self, door: &impl Queries, scope: Scope) -> Result<(), Error> {
        let Some(dataset) = scope.dataset() else { return Ok(()) };
        let filter = Filter { dataset: Some(dataset), ..Filter::default() };
        if tables::list(door, &filter, None, 1).await?.is_empty() {
            return Err(Error::NoKey { dataset });
        }
        Ok(())
    }
}

/// What stands now of a package that was written without the keys: a later writing does not have them either.
async fn standing(door: &impl Queries, written: certificate::Package) -> Result<certificate::Package, Error> {
    let (certificate::Package::Rewritten { .. }, Some(row)) =
        (&written, custody::current_recovery(door).await?)
    else {
        return Ok(written);
    };
    let damaged = |_| Error::Damaged { what: "recovery" };
    let Some(hash) = row.package_hash else { return Ok(written) };
    let generation = u64::try_from(row.generation).map_err(damaged)?;
    Ok(certificate::Package::Rewritten { generation, sha256: digest::hex(&hash) })
}

/// The keys of a scope: a dataset's, or all of the organization's but those of its log.
async fn rows_of(door: &impl Queries, scope: Scope) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let filter = Filter { dataset: scope.dataset(), ..Filter::default() };
    loop {
        let after = rows.last().map(Row::id).transpose()?;
        let more = tables::list(door, &filter, after, BATCH).await?;
        if more.is_empty() {
            break;
        }
        rows.extend(more);
    }
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        if !row.purpose()?.is_of_the_log() {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// The keys of the organization's log.
async fn rows_of_the_log(door: &impl Queries) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for purpose in Purpose::ALL.into_iter().filter(|purpose| purpose.is_of_the_log()) {
        let all = tables::all_of(door, &Line::own(purpose)).await?;
        rows.extend(all.into_iter().filter(|row| row.state != State::Destroyed.as_str()));
    }
    Ok(rows)
}

/// The entry that puts a certificate into a log: its hash, and the certificate itself.
fn entry_of(
    shred: &Shred,
    organization: Id<noun::Organization>,
    row: &custody::shred::Model,
) -> Result<Entry, Error> {
    let certificate = row.certificate.as_deref().ok_or(Error::Damaged { what: "certificate" })?;
    Ok(Entry::done(Kind::KeysShredded, shred.scope.object(organization))
        .fact("organization", organization)
        .fact("shred", shred.id)
        .fact("sha256", digest::hex(&digest::sha256(certificate)))
        .fact("certificate", shred.certificate.as_ref()))
}

fn of_row(row: &custody::shred::Model, now: Timestamp) -> Result<Shred, Error> {
    let damaged = || Error::Damaged { what: "request to shred" };
    let by = |id: &Option<Vec<u8>>, at: Option<i64>| match (id, at) {
        (Some(id), Some(at)) => {
            Ok(Some((Id::from_slice(id).ok_or_else(damaged)?, Timestamp::from_micros(at))))
        }
        _ => Ok::<_, Error>(None),
    };
    let (approved, cancelled) =
        (by(&row.approved_by, row.approved_at)?, by(&row.cancelled_by, row.cancelled_at)?);
    let expires_at = Timestamp::from_micros(row.expires_at);
    let state = match (row.done_at, &approved, &cancelled) {
        (Some(_), ..) => ShredState::Done,
        (None, Some(_), _) => ShredState::Approved,
        (None, None, Some(_)) => ShredState::Cancelled,
        (None, None, None) if now > expires_at => ShredState::Expired,
        (None, None, None) => ShredState::Requested,
    };
    let certificate = row.certificate.as_deref().map(serde_json::from_slice).transpose();
    Ok(Shred {
        id: Id::from_slice(&row.id).ok_or_else(damaged)?,
        scope: row.scope()?,
        reason: row.reason.clone(),
        state,
        requested_by: Id::from_slice(&row.requested_by).ok_or_else(damaged)?,
        requested_at: Timestamp::from_micros(row.requested_at),
        expires_at,
        approved,
        cancelled,
        certificate: certificate.map_err(|_| damaged())?,
        waits: None,
    })
}
