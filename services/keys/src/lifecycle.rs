//! The life of a key: listed, generated, put in use, suspended, resumed, destroyed. Each act is one commit with
//! its entry.

use crate::{
    Error, Exported, Filter, Key, Keys, Purpose, References, Rotation, Scope, State, Unit,
    breach::{self, gate},
    halves::{New, described},
    recovery::{Closed, RecoveryError},
    rules::{self, Act},
    tables::{self, Half, Line, Row},
};
use base::{Action, Context, Id, Limit, Page, Timestamp, noun};
use crypto::{FieldAlgorithm, FieldKey, Suite, hpke, sign::SigningKey};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use std::time::Duration;
use store::{Queries, Tx};

impl Row {
    pub(crate) fn rotation(&self) -> Rotation {
        Rotation {
            every: self.rotate_every.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
            uses: self.rotate_uses.and_then(|uses| u64::try_from(uses).ok()),
        }
    }

    /// Works out anew when the version rotates.
    pub(crate) fn schedule(&mut self, now: Timestamp) {
        let since = Timestamp::from_micros(self.activated_at.unwrap_or(self.created_at));
        let uses = u64::try_from(self.uses).unwrap_or(0);
        self.rotate_at = rules::rotates_at(self.rotation(), since, uses, now).map(Timestamp::micros);
    }

    /// Does an act to the version, or says why that cannot be.
    pub(crate) fn go(&mut self, act: Act, now: Timestamp) -> Result<(), Error> {
        let (key, state) = (self.id()?, self.state()?);
        let next = rules::after(state, self.before()?, act);
        let next = next.ok_or(Error::Illegal { key, state, act: act.participle() })?;
        self.before = match act {
            Act::Suspend => Some(state.as_str().to_owned()),
            // What was closed as it was destroyed keeps the mark: nobody ever said that it may be trusted again.
            Act::Destroy => self.before.take(),
            _ => None,
        };
        self.state = next.as_str().to_owned();
        match next {
            State::Active => {
                self.activated_at = self.activated_at.or(Some(now.micros()));
                self.schedule(now);
            }
            _ => self.rotate_at = None,
        }
        if next == State::Destroyed {
            self.private = Vec::new();
        }
        Ok(())
    }
}

impl Keys {
    /// A page of versions, the oldest first, to the millisecond. What a declared breach covers is shown as
    /// suspended.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn versions(
        &self,
        ctx: &Context,
        filter: &Filter,
        limit: Limit,
        after: Option<Id<noun::Key>>,
    ) -> Result<Page<Key>, Error> {
        let read = self.store.read(ctx).await?;
        let mut rows = tables::list(&read, filter, after, u64::from(limit.get()) + 1).await?;
        let more = rows.len() > limit.get() as usize;
        rows.truncate(limit.get() as usize);
        let breached = breach::active(&read).await?;
        let shown = |row| Ok::<_, Error>(covered(self.shown(ctx, row)?, &breached));
        let items = rows.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Page { items, next })
    }

    /// One version.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Damaged`].
    pub async fn version(&self, ctx: &Context, id: Id<noun::Key>) -> Result<Key, Error> {
        let read = self.store.read(ctx).await?;
        let row = tables::get(&read, id).await?.ok_or(Error::NotFound { key: id })?;
        Ok(covered(self.shown(ctx, &row)?, &breach::active(&read).await?))
    }

    /// What stands in the way of destroying a version.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Damaged`].
    pub async fn references(&self, ctx: &Context, id: Id<noun::Key>) -> Result<References, Error> {
        let read = self.store.read(ctx).await?;
        let row = tables::get(&read, id).await?.ok_or(Error::NotFound { key: id })?;
        self.referring(&read, ctx, &row).await
    }

    /// Generates a further version of the line that `of` belongs to, which is not in use before it is activated.
    /// `suite` changes the suite of a key pair or of the manifest key. The permit is one for `of`.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::OneVersion`], [`Error::WrongSuite`], [`Error::Root`],
    /// [`Error::Store`].
    pub async fn create(
        &self,
        ctx: &Context,
        permit: &Permit,
        of: Id<noun::Key>,
        suite: Option<Suite>,
    ) -> Result<Key, Error> {
        permit.covers(ctx, Action::KeysCreate, Resource::Key(of), self.clock.now())?;
        let mut tx = self.store.write(ctx).await?;
        let newest = newest_of(&tx, of).await?;
        let (row, entry) = self.generate(&mut tx, &newest, suite, State::Generated).await?;
        tx.commit(entry).await?;
        self.shown(ctx, &row)
    }

    /// Puts a generated version in use; the one that was in use is retired, and still opens what it protected.
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Locked`] where it does not open under the root of trust in place; [`Error::Refused`],
    /// [`Error::NotFound`], [`Error::Illegal`], [`Error::Store`].
    pub async fn activate(&self, ctx: &Context, permit: &Permit, id: Id<noun::Key>) -> Result<Key, Error> {
        permit.covers(ctx, Action::KeysActivate, Resource::Key(id), self.clock.now())?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = tables::get(&tx, id).await?.ok_or(Error::NotFound { key: id })?;
        row.go(Act::Activate, tx.now())?;
        if !self.opens_in_place(&tx, ctx.organization(), &row).await? {
            return Err(self.why_lost(&tx, ctx.organization(), &row).await?);
        }
        self.retire(&mut tx, &row.line()?).await?;
        tables::save(&mut tx, &row).await?;
        let entry = described(Entry::done(Kind::KeyActivated, id), &row)?;
        tx.commit(entry).await?;
        self.shown(ctx, &row)
    }

    /// Closes a version: from the answer on, nothing opens with it on this node, cached or not, and on no other
    /// once that has read the epoch.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::Illegal`], [`Error::OneVersion`] for the keys of the log,
    /// which has to go on; [`Error::Store`].
    pub async fn suspend(&self, ctx: &Context, permit: &Permit, id: Id<noun::Key>) -> Result<Key, Error> {
        permit.covers(ctx, Action::KeysSuspend, Resource::Key(id), self.clock.now())?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = tables::get(&tx, id).await?.ok_or(Error::NotFound { key: id })?;
        let purpose = row.purpose()?;
        if !rules::turns_over(purpose) {
            return Err(Error::OneVersion { purpose });
        }
        row.go(Act::Suspend, tx.now())?;
        tables::save(&mut tx, &row).await?;
        let raised = self.raise_epoch(&mut tx).await?;
        let entry = described(Entry::done(Kind::KeySuspended, id), &row)?;
        tx.commit(entry).await?;
        raised.publish();
        self.shown(ctx, &row)
    }

    /// Opens a suspended version again. If another one has taken its place meanwhile, it comes back retired.
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Locked`] where it does not open under the root of trust in place: what is protected under it from then
    /// on would be lost too. [`Error::Refused`], [`Error::NotFound`], [`Error::Illegal`], [`Error::Store`].
    pub async fn resume(&self, ctx: &Context, permit: &Permit, id: Id<noun::Key>) -> Result<Key, Error> {
        permit.covers(ctx, Action::KeysResume, Resource::Key(id), self.clock.now())?;
        let mut tx = self.store.write(ctx).await?;
        let mut row = tables::get(&tx, id).await?.ok_or(Error::NotFound { key: id })?;
        row.go(Act::Resume, tx.now())?;
        if !self.opens_in_place(&tx, ctx.organization(), &row).await? {
            return Err(self.why_lost(&tx, ctx.organization(), &row).await?);
        }
        tables::save(&mut tx, &row).await?;
        let entry = described(Entry::done(Kind::KeyResumed, id), &row)?;
        tx.commit(entry).await?;
        self.shown(ctx, &row)
    }

    /// Destroys a version that is not in use and that nothing refers to: its private half is erased, and the recovery
    /// package is written without it, or nothing is done.
    ///
    /// # Errors
    /// [`Error::Referred`] with the count; [`Error::HandedOut`] for a dataset's version whose public half left the
    /// system, so that outputs nobody here knows may refer to it; [`Error::Illegal`]; [`Error::Recovery`] and
    /// [`Error::Root`] where the package cannot be written; [`Error::Refused`], [`Error::NotFound`],
    /// [`Error::OneVersion`], [`Error::Store`].
    pub async fn destroy(&self, ctx: &Context, permit: &Permit, id: Id<noun::Key>) -> Result<Key, Error> {
        permit.covers(ctx, Action::KeysDestroy, Resource::Key(id), self.clock.now())?;
        self.destroyed(&self.store.write(ctx).await?, ctx, id).await?;
        // The file is written before the change commits: should that fail, it is to be written again.
        self.doubt_package(ctx).await?;
        let mut tx = self.store.write(ctx).await?;
        let row = self.destroyed(&tx, ctx, id).await?;
        tables::save(&mut tx, &row).await?;
        let mut entries = vec![described(Entry::done(Kind::KeyDestroyed, id), &row)?];
        if let Some((entry, written)) = self.write_package(&mut tx, Closed::PutAside).await? {
            // What was put aside has the version, where that is one that the root opens beside others that it does not.
            if written.aside {
                let count = self.packaged_elsewhere(&tx, ctx.organization(), id).await?;
                if count > 0 {
                    return Err(Error::Referred { key: id, count });
                }
            }
            entries.push(entry);
        }
        let raised = self.raise_epoch(&mut tx).await?;
        tx.commit_all(entries).await?;
        raised.publish();
        self.shown(ctx, &row)
    }

    /// A version's row as it is once it is destroyed, where it may be.
    async fn destroyed(&self, tx: &Tx, ctx: &Context, id: Id<noun::Key>) -> Result<Row, Error> {
        let row = tables::get(tx, id).await?.ok_or(Error::NotFound { key: id })?;
        let purpose = row.purpose()?;
        if !rules::turns_over(purpose) {
            return Err(Error::OneVersion { purpose });
        }
        let mut gone = row.clone();
        gone.go(Act::Destroy, tx.now())?;
        match gate(tx, row.dataset()?).await {
            // A breach lies over the key and changes nothing of its row: the mark outlasts it.
            Err(Error::Breached { .. } | Error::Shredded { .. }) => {
                gone.before.get_or_insert_with(|| row.state.clone());
            }
            open => open?,
        }
        if let Some(file) = self.unread(ctx.organization()).into_iter().next() {
            return Err(RecoveryError::Unread { file }.into());
        }
        let count = self.referring(tx, ctx, &row).await?.total();
        if count > 0 {
            return Err(Error::Referred { key: id, count });
        }
        if row.handed_out_at.is_some() {
            return Err(Error::HandedOut { key: id });
        }
        Ok(gone)
    }

    async fn referring(&self, door: &impl Queries, ctx: &Context, row: &Row) -> Result<References, Error> {
        let id = row.id()?;
        let keys = match row.purpose()? {
            Purpose::Organization => tables::sealed_to(door, row).await?,
            _ => 0,
        };
        let packages = self.packaged_elsewhere(door, ctx.organization(), id).await?;
        Ok(References { named: tables::references(door, id).await?, packages, keys })
    }

    /// Makes the next version of a line.
    pub(crate) async fn generate(
        &self,
        tx: &mut Tx,
        newest: &Row,
        suite: Option<Suite>,
        state: State,
    ) -> Result<(Row, Entry), Error> {
        let (line, purpose) = (newest.line()?, newest.purpose()?);
        if !rules::turns_over(purpose) {
            return Err(Error::OneVersion { purpose });
        }
        gate(tx, newest.dataset()?).await?;
        if let Some(dataset) = newest.dataset()? {
            // A record is made only where the version can be.
            self.over(tx, tx.context().organization()).await?;
            // A root that is older than the dataset has no record of it; one that was forgotten is not made again.
            self.root.enroll(Unit::Dataset(tx.context().organization(), dataset)).await?;
        }
        let new = |algorithm, value_id, half| New {
            line: line.clone(),
            algorithm,
            value_id,
            half,
            state,
            after: Some(newest),
        };
        match purpose {
            Purpose::Organization | Purpose::Dataset => {
                let suite = suite.map_or_else(|| newest.suite(), Ok)?;
                let pair = hpke::KeyPair::generate(&*self.provider, suite);
                let half = Half { private: pair.private.as_secret(), public: pair.public.as_bytes() };
                self.keep(tx, new(suite.as_str(), 0, half)).await
            }
            Purpose::Field => {
                if suite.is_some() {
                    return Err(Error::WrongSuite { purpose });
                }
                let algorithm = FieldAlgorithm::parse(&newest.algorithm)?;
                let key = FieldKey::generate(&*self.provider, algorithm);
                let half = Half { private: key.as_secret(), public: &[] };
                self.keep(tx, new(algorithm.as_str(), key.id(), half)).await
            }
            _ => {
                let algorithm = suite.map_or_else(|| newest.signature(), |suite| Ok(suite.signature()))?;
                let key = SigningKey::generate(&*self.provider, algorithm);
                let half = Half { private: key.as_secret(), public: key.verifying_key().as_bytes() };
                self.keep(tx, new(algorithm.as_str(), 0, half)).await
            }
        }
    }

    /// Retires whichever version of a line is in use, or was when it was suspended.
    pub(crate) async fn retire(&self, tx: &mut Tx, line: &Line) -> Result<(), Error> {
        for mut row in tables::all_of(tx, line).await? {
            match (row.state()?, row.before()?) {
                (State::Active, _) => row.go(Act::Retire, tx.now())?,
                (State::Suspended, Some(State::Active)) => {
                    row.before = Some(State::Retired.as_str().to_owned());
                }
                _ => continue,
            }
            tables::save(tx, &row).await?;
        }
        Ok(())
    }

    /// A row as others see it.
    pub(crate) fn shown(&self, ctx: &Context, row: &Row) -> Result<Key, Error> {
        let (id, version) = (row.id()?, positive(row.version.into(), "key version")?);
        let at = |micros: Option<i64>| micros.map(Timestamp::from_micros);
        let exported = match (row.exported_at, row.exported_version, &row.exported_to) {
            (Some(at), Some(version), Some(to)) => Some(Exported {
                at: Timestamp::from_micros(at),
                version: positive(version, "exported version")?,
                to: to.clone(),
            }),
            _ => None,
        };
        let uses = u64::try_from(row.uses).unwrap_or(0);
        Ok(Key {
            id,
            purpose: row.purpose()?,
            dataset: row.dataset()?,
            field: (!row.field.is_empty()).then(|| row.field.clone()),
            version,
            state: row.state()?,
            algorithm: row.algorithm.clone(),
            public: row.public.clone(),
            created_at: Timestamp::from_micros(row.created_at),
            activated_at: at(row.activated_at.or((row.line.is_none()).then_some(row.created_at))),
            rewrapped_at: at(row.rewrapped_at),
            over: row.over()?,
            uses: uses.saturating_sub(self.uses.left(ctx.organization(), id)),
            rotation: row.rotation(),
            rotates_at: at(row.rotate_at),
            exported,
            handed_out_at: at(row.handed_out_at),
        })
    }
}

/// A version as it stands under the breaches that are declared.
fn covered(mut key: Key, breached: &[Scope]) -> Key {
    let own = key.dataset.map_or(Scope::Organization, Scope::Dataset);
    let live = !matches!(key.state, State::Suspended | State::Destroyed);
    if live && !key.purpose.is_of_the_log() && breached.iter().any(|scope| scope.covers(own)) {
        key.state = State::Suspended;
    }
    key
}

/// The newest version of the line that a version belongs to.
pub(crate) async fn newest_of(door: &impl Queries, id: Id<noun::Key>) -> Result<Row, Error> {
    let row = tables::get(door, id).await?.ok_or(Error::NotFound { key: id })?;
    Ok(tables::newest(door, &row.line()?).await?.unwrap_or(row))
}

fn positive(number: i64, what: &'static str) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::Damaged { what })
}
