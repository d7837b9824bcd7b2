//! Asking for a recovery: whoever names the custodians does not decide alone that they are. One person alone could name
//! custodians of their own, and have every key with them.

use super::{CustodianPublic, NewCustodian, Recovery, RecoveryError, setup::fits};
use crate::{
    Error, Keys,
    custody::{self, recovery_request},
    scope::person,
};
use base::{Action, Context, Id, Timestamp, noun};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use std::time::Duration;

/// How long after it was asked for a setup may be approved.
pub const SETUP_EXPIRY: Duration = Duration::from_secs(72 * 3_600);

/// A setup that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupRequest {
    /// Its id.
    pub id: Id<noun::Approval>,
    /// How many shares will be needed.
    pub quorum: u8,
    /// Who will be custodians. Compare their fingerprints with what they read out.
    pub custodians: Vec<CustodianPublic>,
    /// Who asked.
    pub requested_by: Id<noun::Person>,
    /// When.
    pub requested_at: Timestamp,
    /// Until when another person may approve.
    pub expires_at: Timestamp,
}

impl Keys {
    /// Asks to set recovery up with these custodians. Nothing is dealt before another person approves.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`]; [`Error::Recovery`] for custodians and quorums that do not fit;
    /// [`Error::Shredded`]; [`Error::Store`].
    pub async fn request_recovery(
        &self,
        ctx: &Context,
        permit: &Permit,
        quorum: u8,
        custodians: Vec<NewCustodian>,
    ) -> Result<SetupRequest, Error> {
        permit.covers(ctx, Action::RecoverySetUp, Resource::Organization, self.clock.now())?;
        let by = person(ctx)?;
        if ctx.organization() == self.store.platform() {
            return Err(RecoveryError::Platform.into());
        }
        let documents: Vec<_> =
            custodians.iter().map(|custodian| CustodianPublic::of(&custodian.name, &custodian.key)).collect();
        let custodians: Vec<_> =
            custodians.into_iter().map(|custodian| (custodian.name, custodian.key)).collect();
        fits(quorum, &custodians)?;
        let mut tx = self.store.write(ctx).await?;
        if let Some(shred) = custody::shredded(&tx, None).await? {
            return Err(Error::Shredded { scope: shred.scope()? });
        }
        let now = tx.now();
        let row = recovery_request::Model {
            organization: tx.owner(),
            id: Id::<noun::Approval>::fresh(now, crypto::random(&*self.provider)).as_bytes().to_vec(),
            quorum: quorum.into(),
            custodians: serde_json::to_vec(&documents).map_err(|_| Error::Damaged { what: "recovery" })?,
            requested_by: by.as_bytes().to_vec(),
            requested_at: now.micros(),
            expires_at: (now + SETUP_EXPIRY).micros(),
            approved_by: None,
            approved_at: None,
            cancelled_by: None,
            cancelled_at: None,
        };
        custody::save_recovery_request(&mut tx, &row).await?;
        let request = of_row(&row)?;
        let ids: Vec<_> = documents.iter().map(|document| document.custodian).collect();
        let names: Vec<_> = documents.iter().map(|document| document.name.as_str()).collect();
        let entry = Entry::done(Kind::RecoveryRequested, request.id)
            .fact("quorum", quorum)
            .fact("custodians", ids)
            .fact("expires", request.expires_at)
            .details(serde_json::json!({ "custodians": names }));
        tx.commit(entry).await?;
        Ok(request)
    }

    /// Approves another person's request: deals a new recovery key to its custodians and writes the package; that it
    /// cannot be written undoes nothing, and is said in the answer. A recovery that is set up already ends with it: its
    /// shares open no later package, and the last one they open is kept until the new shares were rehearsed.
    ///
    /// # Errors
    /// [`Error::SamePerson`] for whoever asked; [`Error::NotAPerson`], [`Error::NoRequest`], [`Error::Expired`],
    /// [`Error::Approved`]; [`Error::Recovery`], [`Error::Refused`], [`Error::Shredded`]; [`Error::Root`],
    /// [`Error::Store`].
    pub async fn approve_recovery(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Approval>,
    ) -> Result<Recovery, Error> {
        permit.covers(ctx, Action::RecoveryApproveSetUp, Resource::Approval(id), self.clock.now())?;
        let by = person(ctx)?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = custody::recovery_request_of(&tx, id).await?.ok_or(Error::NoRequest)?;
        if row.cancelled_at.is_some() {
            return Err(Error::NoRequest);
        }
        let asked = of_row(&row)?;
        if asked.requested_by == by {
            return Err(Error::SamePerson);
        }
        if row.approved_by.is_some() {
            return Err(Error::Approved);
        }
        if tx.now() > asked.expires_at {
            return Err(Error::Expired);
        }
        if let Some(shred) = custody::shredded(&tx, None).await? {
            return Err(Error::Shredded { scope: shred.scope()? });
        }
        let key = |document: &CustodianPublic| Ok((document.name.clone(), document.key()?));
        let custodians: Vec<_> = asked.custodians.iter().map(key).collect::<Result<_, Error>>()?;
        fits(asked.quorum, &custodians)?;
        let (entry, dealt) = self.deal(&mut tx, asked.quorum, &custodians).await?;
        row.approved_by = Some(by.as_bytes().to_vec());
        row.approved_at = Some(tx.now().micros());
        custody::save_recovery_request(&mut tx, &row).await?;
        tx.commit(entry.fact("request", id).fact("requested_by", asked.requested_by)).await?;
        self.packaged(ctx, &dealt).await
    }

    /// Cancels a request that nobody has approved: nothing is dealt by it any more. Whoever asked may, and whoever
    /// else may ask.
    ///
    /// # Errors
    /// [`Error::NotAPerson`], [`Error::NoRequest`], [`Error::Approved`], [`Error::Expired`]; [`Error::Refused`],
    /// [`Error::Store`].
    pub async fn cancel_recovery(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Approval>,
    ) -> Result<SetupRequest, Error> {
        permit.covers(ctx, Action::RecoveryCancelSetUp, Resource::Approval(id), self.clock.now())?;
        let by = person(ctx)?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = custody::recovery_request_of(&tx, id).await?.ok_or(Error::NoRequest)?;
        let asked = of_row(&row)?;
        if row.cancelled_at.is_some() {
            return Err(Error::NoRequest);
        }
        if row.approved_by.is_some() {
            return Err(Error::Approved);
        }
        if tx.now() > asked.expires_at {
            return Err(Error::Expired);
        }
        row.cancelled_by = Some(by.as_bytes().to_vec());
        row.cancelled_at = Some(tx.now().micros());
        custody::save_recovery_request(&mut tx, &row).await?;
        let entry = Entry::done(Kind::RecoveryCancelled, id).fact("requested_by", asked.requested_by);
        tx.commit(entry).await?;
        Ok(asked)
    }

    /// The setups that wait to be approved, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn recovery_requests(&self, ctx: &Context) -> Result<Vec<SetupRequest>, Error> {
        let read = self.store.read(ctx).await?;
        let rows = custody::recovery_requests(&read, self.clock.now()).await?;
        rows.iter().map(of_row).collect()
    }
}

fn of_row(row: &recovery_request::Model) -> Result<SetupRequest, Error> {
    let damaged = || Error::Damaged { what: "request to set up recovery" };
    Ok(SetupRequest {
        id: Id::from_slice(&row.id).ok_or_else(damaged)?,
        quorum: u8::try_from(row.quorum).map_err(|_| damaged())?,
        custodians: serde_json::from_slice(&row.custodians).map_err(|_| damaged())?,
        requested_by: Id::from_slice(&row.requested_by).ok_or_else(damaged)?,
        requested_at: Timestamp::from_micros(row.requested_at),
        expires_at: Timestamp::from_micros(row.expires_at),
    })
}
