//! Credentials: issued, shown once, presented, revoked. For sources of events, machine identities and
//! people.
//!
//! # Invariants
//! - A credential's text is final (`docs/formats/credential.md`) and kept nowhere: what is stored is SHA-256
//!   of its secret, compared in constant time.
//! - A credential names its organization, so that nothing is looked up before there is a context; what
//!   authentication reads, it reads as [`base::Actor::Unidentified`].
//! - A credential of an identity is checked against the identity's standing on each use, in memory and
//!   behind no cache.
//! - Two credentials of one name are one person.
//! - Issuing and revoking stand in the ledger; no secret does.
#![forbid(unsafe_code)]

mod administrator;
mod error;
mod model;
mod tables;
mod token;

pub use administrator::EXPIRY as ADMINISTRATOR_EXPIRY;
pub use error::Error;
pub use model::{Accounts, Authenticated, Credential, Grant, Issued, Name, WrongAccounts, WrongName};
pub use token::{Malformed, Presented, parse};

use base::{Action, Context, Id, Limit, Page, Role, Secret, Timestamp, noun};
use crypto::{Provider, digest::Sha256};
use identities::Identities;
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use standing::View;
use std::sync::Arc;
use store::{Schema, Store, Tx};

/// Rows per page of [`Issuer::hold_bound`].
const PAGE: u64 = 1_000;

/// The tables, for [`Store::open`].
pub static SCHEMA: Schema = tables::SCHEMA;

/// The handle of the service. Cheap to clone.
#[derive(Clone)]
pub struct Issuer {
    store: Store,
    standing: View,
    identities: Identities,
    crypto: Arc<dyn Provider>,
}

impl Issuer {
    /// The service over a store; secrets are drawn from `crypto`.
    #[must_use]
    pub fn new(store: Store, standing: View, identities: Identities, crypto: Arc<dyn Provider>) -> Self {
        Self { store, standing, identities, crypto }
    }

    /// Believes what was presented, or not. The context is made by the caller for
    /// [`Presented::organization`] and [`base::Actor::Unidentified`].
    ///
    /// One read of one row; nothing is cached, so a revocation holds at once.
    ///
    /// # Errors
    /// [`Error::NotValid`]; [`Error::Standing`] where the credential holds and its identity must not act;
    /// [`Error::Store`].
    pub async fn authenticate(
        &self,
        ctx: &Context,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<Authenticated, Error> {
        if ctx.organization() != presented.organization {
            return Err(Error::NotValid);
        }
        let found = tables::get(&self.store.read(ctx).await?, presented.credential).await?;
        // An unknown id costs the same comparison.
        let (credential, stored) = found.map_or((None, [0; 32]), |(known, hash)| (Some(known), hash));
        let fits = crypto::equal(&stored, &hash(&presented.secret));
        let credential = credential.filter(|_| fits).ok_or(Error::NotValid)?;
        let expired = credential.expires_at.is_some_and(|end| now >= end);
        if expired || credential.revoked_at.is_some() {
            return Err(Error::NotValid);
        }
        let actor = credential.actor(ctx.organization());
        if let Grant::Identity { identity } = credential.grant {
            self.standing
                .check(ctx.organization(), identity, now)
                .map_err(|refusal| Error::Standing { actor: actor.clone(), refusal })?;
        }
        Ok(Authenticated { actor, credential })
    }

    /// Issues a credential.
    ///
    /// # Errors
    /// [`Error::Refused`] for another act's permit; [`Error::NoIdentity`] where the inventory does not hold
    /// the identity; [`Error::NotIssued`] for an administrator's; [`Error::Store`].
    pub async fn issue(
        &self,
        ctx: &Context,
        permit: &Permit,
        grant: Grant,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        permit.covers(ctx, Action::CredentialsIssue, Resource::Organization, now)?;
        let mut tx = self.store.write(ctx).await?;
        match &grant {
            Grant::Administrator { .. } => return Err(Error::NotIssued),
            Grant::Identity { identity } => {
                let there = self.identities.get_in(&tx, *identity).await.map_err(Error::Identities)?;
                there.ok_or(Error::NoIdentity(*identity))?;
                self.identities.known().hold(ctx.organization(), *identity);
            }
            Grant::Ingest { .. } | Grant::Person { .. } => {}
        }
        let (issued, entries) = self.add(&mut tx, grant, None, now).await?;
        let _committed = tx.commit_all(entries).await?;
        Ok(issued)
    }

    /// Has the inventory keep the identities that act with a credential of ours, however many others it meets: as an
    /// organization is opened, after its inventory is loaded. Reads every credential, a page at a time.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn hold_bound(&self, ctx: &Context) -> Result<(), Error> {
        let read = self.store.read(ctx).await?;
        let known = self.identities.known();
        let mut before = None;
        loop {
            let page = tables::list(&read, before, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.id);
            for credential in &page {
                if let Grant::Identity { identity } = credential.grant {
                    known.hold(ctx.organization(), identity);
                }
            }
        }
    }

    /// A page of credentials, the last issued first.
    ///
    /// # Errors
    /// [`Error::BadPage`], [`Error::Store`], [`Error::Damaged`].
    pub async fn list(
        &self,
        ctx: &Context,
        limit: Limit,
        after: Option<&str>,
    ) -> Result<Page<Credential>, Error> {
        let before = after.map(|text| text.parse().map_err(|_| Error::BadPage)).transpose()?;
        let read = self.store.read(ctx).await?;
        let rows = limit.get() as usize;
        let mut items = tables::list(&read, before, u64::from(limit.get()) + 1).await?;
        let more = items.len() > rows;
        items.truncate(rows);
        let next = items.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Page { items, next })
    }

    /// Revokes a credential, for good: it is refused from the next use on. Revoking it again changes and
    /// records nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] for another act's permit; [`Error::NotFound`]; [`Error::LastAdministrator`];
    /// [`Error::Store`].
    pub async fn revoke(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Credential>,
        now: Timestamp,
    ) -> Result<Credential, Error> {
        permit.covers(ctx, Action::CredentialsRevoke, Resource::Credential(id), now)?;
        let mut tx = self.store.write(ctx).await?;
        let (mut credential, _) = tables::get(&tx, id).await?.ok_or(Error::NotFound(id))?;
        if credential.revoked_at.is_some() {
            return Ok(credential);
        }
        let administers = matches!(credential.grant, Grant::Person { role: Role::OrgAdmin, .. });
        if administers && tables::usable(&tx, Role::OrgAdmin).await? <= 1 {
            return Err(Error::LastAdministrator);
        }
        tables::revoke(&mut tx, id, now).await?;
        let _committed = tx.commit(Entry::done(Kind::CredentialRevoked, id)).await?;
        credential.revoked_at = Some(now);
        Ok(credential)
    }

    /// Adds a credential to the caller's change; the entries are for its commit.
    async fn add(
        &self,
        tx: &mut Tx,
        grant: Grant,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Issued, Vec<Entry>), Error> {
        let organization = tx.context().organization();
        let id = Id::fresh(now, crypto::random(&*self.crypto));
        let secret: Secret<[u8; 32]> = crypto::secret(&*self.crypto);
        let credential = Credential { id, grant, issued_at: now, expires_at, revoked_at: None };
        let mut entries = Vec::new();
        let mut entry = Entry::done(Kind::CredentialIssued, id).fact("kind", credential.grant.kind());
        match &credential.grant {
            Grant::Person { name, role } => {
                let person = name.person(organization);
                entry = entry.fact("person", person).fact("role", role);
                if !tables::knows(tx, person).await? {
                    let details = serde_json::json!({ "name": name });
                    entries.push(Entry::done(Kind::PersonAdmitted, person).details(details));
                }
            }
            Grant::Identity { identity } => entry = entry.fact("identity", identity),
            Grant::Ingest { format, accounts } => {
                entry = entry.fact("format", format.as_str());
                entry = entry.details(serde_json::json!({ "accounts": accounts }));
            }
            Grant::Administrator { .. } => {}
        }
        entries.push(entry);
        tables::add(tx, &credential, hash(&secret)).await?;
        let token = token::text(organization, id, &secret);
        Ok((Issued { credential, token }, entries))
    }
}

fn hash(secret: &Secret<[u8; 32]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(secret.expose());
    hash.finish()
}
