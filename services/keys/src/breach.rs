//! A declared breach: the keys it covers open nothing and protect nothing until it is undone.
//!
//! It lies over the keys and changes none of their rows: a key that somebody suspended stays suspended when the
//! breach is undone, and one that is made meanwhile is covered too. Declaring is one commit, whatever the number of
//! keys; it raises the key epoch, so that every node drops what it has cached.

use crate::{Error, Keys, Scope, custody, scope::person};
use base::{Action, Context, Id, Timestamp, noun};
use ledger::{Entry, Kind};
use policy::Permit;
use store::Queries;

/// A breach that was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Its id.
    pub id: Id<noun::Breach>,
    /// What it covers.
    pub scope: Scope,
    /// Why, in the words of who declared it.
    pub reason: String,
    /// Who declared it.
    pub declared_by: Id<noun::Person>,
    /// When.
    pub declared_at: Timestamp,
    /// Who undid it, and when.
    pub undone: Option<(Id<noun::Person>, Timestamp)>,
}

/// The longest reason, in characters.
pub(crate) const MAX_REASON: usize = 1_000;

impl Keys {
    /// Suspends every key of the scope at once.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`], [`Error::BadReason`]; [`Error::Breached`] where one is declared
    /// of this very scope; [`Error::Shredded`]; [`Error::NoKey`] for a dataset that has none; [`Error::Store`].
    pub async fn declare_breach(
        &self,
        ctx: &Context,
        permit: &Permit,
        scope: Scope,
        reason: &str,
    ) -> Result<Breach, Error> {
        permit.covers(ctx, Action::BreachesDeclare, scope.resource(), self.clock.now())?;
        let by = person(ctx)?;
        reasoned(reason)?;
        let mut tx = self.store.write(ctx).await?;
        self.known(&tx, scope).await?;
        if let Some(shred) = custody::shredded(&tx, scope.dataset()).await? {
            return Err(Error::Shredded { scope: shred.scope()? });
        }
        for open in custody::open_breaches(&tx).await? {
            if open.scope()? == scope {
                return Err(Error::Breached { scope });
            }
        }
        let row = custody::breach::Model {
            organization: tx.owner(),
            id: Id::<noun::Breach>::fresh(tx.now(), crypto::random(&*self.provider)).as_bytes().to_vec(),
            dataset: scope.dataset().map(|dataset| dataset.as_bytes().to_vec()),
            reason: reason.to_owned(),
            declared_by: by.as_bytes().to_vec(),
            declared_at: tx.now().micros(),
            undone_by: None,
            undone_at: None,
        };
        custody::save_breach(&mut tx, &row).await?;
        let breach = of_row(&row)?;
        let raised = self.raise_epoch(&mut tx).await?;
        let entry = Entry::done(Kind::BreachDeclared, scope.object(ctx.organization()))
            .fact("breach", breach.id)
            .details(serde_json::json!({ "reason": reason }));
        tx.commit(entry).await?;
        raised.publish();
        Ok(breach)
    }

    /// Undoes the breach that is declared of this very scope: its keys are what they were before.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotAPerson`]; [`Error::NoBreach`] where none is declared; [`Error::Store`].
    pub async fn undo_breach(&self, ctx: &Context, permit: &Permit, scope: Scope) -> Result<Breach, Error> {
        permit.covers(ctx, Action::BreachesUndo, scope.resource(), self.clock.now())?;
        let by = person(ctx)?;
        let mut tx = self.store.write(ctx).await?;
        let mut found = None;
        for open in custody::open_breaches(&tx).await? {
            if open.scope()? == scope {
                found = Some(open);
            }
        }
        let mut row = found.ok_or(Error::NoBreach { scope })?;
        row.undone_by = Some(by.as_bytes().to_vec());
        row.undone_at = Some(tx.now().micros());
        custody::save_breach(&mut tx, &row).await?;
        let breach = of_row(&row)?;
        let raised = self.raise_epoch(&mut tx).await?;
        let entry =
            Entry::done(Kind::BreachUndone, scope.object(ctx.organization())).fact("breach", breach.id);
        tx.commit(entry).await?;
        raised.publish();
        Ok(breach)
    }

    /// Every breach that was declared, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn breaches(&self, ctx: &Context) -> Result<Vec<Breach>, Error> {
        let read = self.store.read(ctx).await?;
        custody::breaches(&read).await?.iter().map(of_row).collect()
    }
}

/// The scopes of the breaches that are open.
pub(crate) async fn active(door: &impl Queries) -> Result<Vec<Scope>, Error> {
    custody::open_breaches(door).await?.iter().map(custody::breach::Model::scope).collect()
}

/// Whether keys of this dataset, or of the organization itself, may be used now: asked at every open, before the
/// cache.
///
/// # Errors
/// [`Error::Breached`], [`Error::Shredded`], [`Error::Store`].
pub(crate) async fn gate(door: &impl Queries, dataset: Option<Id<noun::Dataset>>) -> Result<(), Error> {
    if let Some(shred) = custody::shredded(door, dataset).await? {
        return Err(Error::Shredded { scope: shred.scope()? });
    }
    match custody::breached(door, dataset).await? {
        Some(breach) => Err(Error::Breached { scope: breach.scope()? }),
        None => Ok(()),
    }
}

/// Whether a reason may stand in a list and on a terminal.
pub(crate) fn reasoned(reason: &str) -> Result<(), Error> {
    let fits = reason.chars().count() <= MAX_REASON && !reason.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Error::BadReason) }
}

fn of_row(row: &custody::breach::Model) -> Result<Breach, Error> {
    let damaged = || Error::Damaged { what: "breach" };
    let undone = match (&row.undone_by, row.undone_at) {
        (Some(by), Some(at)) => Some((Id::from_slice(by).ok_or_else(damaged)?, Timestamp::from_micros(at))),
        _ => None,
    };
    Ok(Breach {
        id: Id::from_slice(&row.id).ok_or_else(damaged)?,
        scope: row.scope()?,
        reason: row.reason.clone(),
        declared_by: Id::from_slice(&row.declared_by).ok_or_else(damaged)?,
        declared_at: Timestamp::from_micros(row.declared_at),
        undone,
    })
}
