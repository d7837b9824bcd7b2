//! The one-time administrator secret: it creates one organization and issues its first person, and can do
//! nothing else.
//!
//! A credential of the platform's own organization, with the same text as any other. It expires a day after
//! it was made, is stored as a hash, and each new one revokes those before it.
//!
//! Creating an organization touches two organizations' files, which cannot commit together. The order is:
//! 1. [`Issuer::begin_organization`] registers the organization in the platform's, and notes in the secret
//!    which one it made: from here on it can make no other.
//! 2. The caller starts what the organization needs (its ledger, keys, standings).
//! 3. [`Issuer::admit_first`] issues the first person, unless there is one.
//! 4. [`Issuer::finish_organization`] revokes the secret.
//!
//! After a crash in between, the same secret goes on where it stopped; once there is a first person it can
//! do nothing more, whether or not step 4 was reached.

use crate::{Error, Grant, Issued, Issuer, Name, tables};
use base::{Action, Actor, Context, Id, Role, Timestamp, noun};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use std::time::Duration;
use store::Registered;

/// How long an administrator secret can be used.
pub const EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

/// The one act an administrator secret is good for.
const SCOPE: Action = Action::OrganizationsCreate;

impl Issuer {
    /// Makes an administrator secret, and revokes those before it. The context is the platform's; its ledger
    /// has begun.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn issue_administrator(&self, ctx: &Context, now: Timestamp) -> Result<Issued, Error> {
        let mut tx = self.store.write(ctx).await?;
        let mut entries = Vec::new();
        for former in tables::administrators(&tx).await? {
            tables::revoke(&mut tx, former.id, now).await?;
            entries.push(Entry::done(Kind::CredentialRevoked, former.id).reason("replaced"));
        }
        let grant = Grant::Administrator { made: None };
        let (issued, issuing) = self.add(&mut tx, grant, Some(now + EXPIRY), now).await?;
        entries.extend(issuing);
        let _committed = tx.commit_all(entries).await?;
        Ok(issued)
    }

    /// Registers a new organization. With a secret that has begun one, that one is returned, whatever the
    /// name.
    ///
    /// # Errors
    /// [`Error::Refused`] for another act's permit; [`Error::NotAdministrator`]; [`Error::Store`], among it a
    /// name that is taken.
    pub async fn begin_organization(
        &self,
        ctx: &Context,
        permit: &Permit,
        credential: Id<noun::Credential>,
        name: &Name,
        now: Timestamp,
    ) -> Result<Registered, Error> {
        permit.covers(ctx, SCOPE, Resource::Organization, now)?;
        let mut tx = self.store.write(ctx).await?;
        let found = tables::get(&tx, credential).await?;
        let Some(Grant::Administrator { made }) = found.map(|(known, _)| known.grant) else {
            return Err(Error::NotAdministrator);
        };
        if let Some(made) = made {
            let registered = self.store.organizations().into_iter().find(|known| known.id == made);
            return registered.ok_or(Error::Damaged);
        }
        let id = Id::fresh(now, crypto::random(&*self.crypto));
        let registered = Registered { id, name: name.as_str().to_owned(), created_at: now };
        tx.register(&registered).await?;
        tables::regrant(&mut tx, credential, &Grant::Administrator { made: Some(id) }).await?;
        let details = serde_json::json!({ "name": name });
        let _committed = tx.commit(Entry::done(Kind::OrganizationCreated, id).details(details)).await?;
        Ok(registered)
    }

    /// Issues the first person of an organization, an `org_admin`. The context is the new organization's,
    /// its actor the administrator; its ledger has begun.
    ///
    /// # Errors
    /// [`Error::NotAdministrator`]; [`Error::NotFirst`] where there is or was a person; [`Error::Store`].
    pub async fn admit_first(&self, ctx: &Context, name: Name, now: Timestamp) -> Result<Issued, Error> {
        if *ctx.actor() != Actor::Administrator {
            return Err(Error::NotAdministrator);
        }
        let mut tx = self.store.write(ctx).await?;
        if tables::knows_anyone(&tx).await? {
            return Err(Error::NotFirst);
        }
        let grant = Grant::Person { name, role: Role::OrgAdmin };
        let (issued, entries) = self.add(&mut tx, grant, None, now).await?;
        let _committed = tx.commit_all(entries).await?;
        Ok(issued)
    }

    /// Ends the administrator secret after its work. The context is the platform's.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn finish_organization(
        &self,
        ctx: &Context,
        credential: Id<noun::Credential>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = self.store.write(ctx).await?;
        tables::revoke(&mut tx, credential, now).await?;
        let entry = Entry::done(Kind::CredentialRevoked, credential).reason("spent");
        let _committed = tx.commit(entry).await?;
        Ok(())
    }
}
