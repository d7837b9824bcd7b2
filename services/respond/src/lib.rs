//! From a finding to a quarantine, as far as the organization lets it go. The only caller of
//! `standing.set`.
//!
//! # Invariants
//! - Only a high or critical finding whose actor the provider had authenticated, in a call of its own
//!   account that went through, may cut its identity off by itself. People, provider-owned and protected
//!   identities, and those that the inventory does not hold, are never cut automatically.
//! - A burst is braked: one automatic quarantine more than the limit within ten minutes of arrival time
//!   switches the mode to `ask`, with a critical finding.
//! - Each finding is answered once, in the transaction that moves the cursor past it. A finding that comes
//!   again because it grew is judged again, and changes nothing unless the answer does; a quarantine is its
//!   answer until a later activity may tip it.
//! - What arrived before an identity was released does not cut it off again
//!   (`docs/decisions/0063-release-by-arrival.md`).
//! - Standing changes go on from the store's reserve when the disk is full.
//!
//! # One value's way
//! `node` runs [`Respond::step`] when the doorbell of [`findings::TOPIC`] rings, and now and then without. It
//! reads findings by its cursor, decides (`rules.rs`), writes standing, answer, entries and cursor in one
//! transaction, and tells the view.
#![forbid(unsafe_code)]

mod error;
mod model;
mod rules;
mod tables;
mod work;

pub use error::Error;
pub use model::{
    Acted, BRAKE_WINDOW, Change, Decision, Mode, OBSERVATION, Reason, Response, Settings, Worked, WrongMode,
};

use base::{Action, Context, Id, Timestamp, noun};
use findings::Findings;
use identities::{Identities, Identity};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use standing::{Standing, Standings};
use std::collections::HashMap;
use store::{Schema, Store, Tx};

/// How often a change of standing is tried on a full disk: each time sets a part of the reserve free.
const TRIES: usize = 3;

/// The tables, for [`Store::open`].
pub static SCHEMA: Schema = tables::SCHEMA;

/// The handle of the service. Cheap to clone.
#[derive(Clone)]
pub struct Respond {
    store: Store,
    standings: Standings,
    findings: Findings,
    identities: Identities,
}

impl Respond {
    /// The service over the others that it reads and acts by.
    #[must_use]
    pub const fn new(store: Store, standings: Standings, findings: Findings, identities: Identities) -> Self {
        Self { store, standings, findings, identities }
    }

    /// Begins an organization's settings as part of its creation; the entry is for the caller's commit. Where
    /// nobody called it, the first [`step`](Self::step) does the same.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn begin(&self, tx: &mut Tx, created: Timestamp) -> Result<Entry, Error> {
        let settings = Settings::initial(created);
        tables::put_settings(tx, &settings).await?;
        Ok(entry(tx.context().organization(), &settings).reason("created"))
    }

    async fn ensure(&self, ctx: &Context, now: Timestamp) -> Result<(), Error> {
        if tables::settings(&self.store.read(ctx).await?).await?.is_some() {
            return Ok(());
        }
        let mut tx = self.store.write(ctx).await?;
        if tables::settings(&tx).await?.is_none() {
            let entry = self.begin(&mut tx, now).await?;
            let _committed = tx.commit(entry).await?;
        }
        Ok(())
    }

    /// How far the response goes by itself. Before the organization's first step: as it will begin.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn settings(&self, ctx: &Context, now: Timestamp) -> Result<Settings, Error> {
        let settings = tables::settings(&self.store.read(ctx).await?).await?;
        Ok(settings.unwrap_or_else(|| Settings::initial(now)))
    }

    /// Changes how far the response goes by itself.
    ///
    /// # Errors
    /// [`Error::Refused`] for another act's permit; [`Error::Store`].
    pub async fn set(
        &self,
        ctx: &Context,
        permit: &Permit,
        change: Change,
        now: Timestamp,
    ) -> Result<Settings, Error> {
        permit.covers(ctx, Action::ResponseSet, Resource::Organization, now)?;
        let mut tx = self.store.write(ctx).await?;
        let mut settings = tables::settings(&tx).await?.unwrap_or_else(|| Settings::initial(now));
        if let Some(mode) = change.mode {
            (settings.mode, settings.observes_until) = (mode, None);
        }
        if let Some(limit) = change.brake_limit {
            settings.brake_limit = limit;
        }
        tables::put_settings(&mut tx, &settings).await?;
        let _committed = tx.commit(entry(ctx.organization(), &settings)).await?;
        Ok(settings)
    }

    /// What was done about those of these findings that were answered.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn responses(
        &self,
        ctx: &Context,
        findings: &[Id<noun::Finding>],
    ) -> Result<HashMap<Id<noun::Finding>, Response>, Error> {
        tables::responses(&self.store.read(ctx).await?, findings).await
    }

    /// Cuts an identity off, now: once this returns, every token check and every key open on this node
    /// refuses it. With a finding, carries out what that proposed. A person may cut off whom the rules spare.
    /// Where the identity is quarantined already, nothing changes and nothing is recorded.
    ///
    /// # Errors
    /// [`Error::Refused`] for another act's permit; [`Error::NoIdentity`]; [`Error::OtherIdentity`] where the
    /// finding is against somebody else; [`Error::Findings`] where there is no such finding; [`Error::Store`].
    pub async fn quarantine(
        &self,
        ctx: &Context,
        permit: &Permit,
        identity: Id<noun::Identity>,
        finding: Option<Id<noun::Finding>>,
        now: Timestamp,
    ) -> Result<Identity, Error> {
        permit.covers(ctx, Action::IdentitiesQuarantine, Resource::Identity(identity), now)?;
        let answered = match finding {
            None => None,
            Some(finding) => {
                let found = self.findings.get(ctx, finding).await?.finding;
                if found.identity != Some(identity) {
                    return Err(Error::OtherIdentity { finding, identity });
                }
                Some(Response {
                    finding,
                    identity: Some(identity),
                    decision: Decision::Quarantined,
                    reason: Reason::Proposal,
                    arrival: found.arrival,
                    decided_at: now,
                })
            }
        };
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match self.cut(ctx, identity, answered, now).await {
                Err(error) if error.is_full() && tries > 0 => {}
                done => return done,
            }
        }
    }

    async fn cut(
        &self,
        ctx: &Context,
        identity: Id<noun::Identity>,
        answered: Option<Response>,
        now: Timestamp,
    ) -> Result<Identity, Error> {
        let mut tx = self.store.write_reserved(ctx).await?;
        let mut known = self.identities.get_in(&tx, identity).await?.ok_or(Error::NoIdentity(identity))?;
        let standing = self.standings.get_in(&tx, identity).await?;
        if standing != Standing::Good {
            known.standing = standing;
            return Ok(known);
        }
        let reason = if answered.is_some() { standing::Reason::Proposal } else { standing::Reason::Manual };
        let finding = answered.map(|answered| answered.finding);
        let change = standing::Change::Quarantine { reason, finding };
        let pending = self.standings.set(&mut tx, identity, change, now).await?;
        let mut entry = Entry::done(Kind::IdentityQuarantined, identity).reason(reason.as_str());
        if let Some(answered) = answered {
            tables::put_responses(&mut tx, &[answered]).await?;
            entry = entry.fact("finding", answered.finding);
        }
        let committed = tx.commit(entry).await?;
        pending.publish(&committed);
        known.standing = self.standings.view().standing(ctx.organization(), identity);
        Ok(known)
    }

    /// Undoes a quarantine, now. What arrived before does not cut the identity off again. Where it is in good
    /// standing, nothing changes and nothing is recorded. `why` is kept beside the ledger.
    ///
    /// # Errors
    /// [`Error::Refused`] for another act's permit; [`Error::NoIdentity`]; [`Error::Store`].
    pub async fn release(
        &self,
        ctx: &Context,
        permit: &Permit,
        identity: Id<noun::Identity>,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<Identity, Error> {
        permit.covers(ctx, Action::IdentitiesRelease, Resource::Identity(identity), now)?;
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match self.let_go(ctx, identity, why, now).await {
                Err(error) if error.is_full() && tries > 0 => {}
                done => return done,
            }
        }
    }

    async fn let_go(
        &self,
        ctx: &Context,
        identity: Id<noun::Identity>,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<Identity, Error> {
        let mut tx = self.store.write_reserved(ctx).await?;
        let mut known = self.identities.get_in(&tx, identity).await?.ok_or(Error::NoIdentity(identity))?;
        if self.standings.get_in(&tx, identity).await? != Standing::Good {
            let pending = self.standings.set(&mut tx, identity, standing::Change::Release, now).await?;
            tables::put_release(&mut tx, identity, now).await?;
            let mut entry = Entry::done(Kind::IdentityReleased, identity);
            if let Some(why) = why {
                entry = entry.details(serde_json::json!({ "why": why }));
            }
            let committed = tx.commit(entry).await?;
            pending.publish(&committed);
        }
        known.standing = Standing::Good;
        Ok(known)
    }
}

/// The entry of a change of settings.
fn entry(organization: Id<noun::Organization>, settings: &Settings) -> Entry {
    let mut entry = Entry::done(Kind::ResponseSet, organization).fact("mode", settings.mode);
    if let Some(until) = settings.observes_until {
        entry = entry.fact("observes_until", until);
    }
    if let Some(limit) = settings.brake_limit {
        entry = entry.fact("brake_limit", limit);
    }
    entry
}
