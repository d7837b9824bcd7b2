//! Rotation: by schedule, by use, on demand; and wrapping private halves anew without touching data.

use crate::{
    Error, Key, Keys, Purpose, Rewrapped, Rotation, State, Unit,
    breach::gate,
    halves::{bound, described},
    lifecycle::newest_of,
    rules,
    tables::{self, Row},
};
use base::{Action, Context, Id, Secret, Timestamp, digest, noun};
use crypto::{Suite, hpke};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use store::Tx;

/// Versions that one step rotates, and one batch wraps anew: both hold the organization's turn to write.
const BATCH: u64 = 16;

impl Keys {
    /// Generates the next version of the line that `of` belongs to and puts it in use. What was protected under
    /// older versions opens as before; `suite` changes the suite of a key pair or of the manifest key. The permit
    /// is one for `of`.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::OneVersion`], [`Error::WrongSuite`], [`Error::Root`],
    /// [`Error::Store`].
    pub async fn rotate(
        &self,
        ctx: &Context,
        permit: &Permit,
        of: Id<noun::Key>,
        suite: Option<Suite>,
    ) -> Result<Key, Error> {
        permit.covers(ctx, Action::KeysRotate, Resource::Key(of), self.clock.now())?;
        let mut tx = self.store.write(ctx).await?;
        let newest = newest_of(&tx, of).await?;
        let (row, entries) = self.turn_over(&mut tx, &newest, suite, "demand").await?;
        tx.commit_all(entries).await?;
        self.shown(ctx, &row)
    }

    /// Sets when the line that `of` belongs to rotates by itself; the default is never. For a field key every
    /// rotation changes what equal values look like.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::OneVersion`], [`Error::WrongRotation`],
    /// [`Error::Store`].
    pub async fn set_rotation(
        &self,
        ctx: &Context,
        permit: &Permit,
        of: Id<noun::Key>,
        rotation: Rotation,
    ) -> Result<Key, Error> {
        permit.covers(ctx, Action::KeysRotate, Resource::Key(of), self.clock.now())?;
        let every = rotation.every.map(|every| i64::try_from(every.as_secs()).unwrap_or(0));
        let uses = rotation.uses.map(|uses| i64::try_from(uses).unwrap_or(0));
        // Under a minute, a step could not keep up with its own versions.
        if every.is_some_and(|every| !(60..=1 << 32).contains(&every)) || uses.is_some_and(|uses| uses < 1) {
            return Err(Error::WrongRotation);
        }
        let mut tx = self.store.write(ctx).await?;
        let newest = newest_of(&tx, of).await?;
        let (purpose, line) = (newest.purpose()?, newest.line()?);
        if !rules::turns_over(purpose) {
            return Err(Error::OneVersion { purpose });
        }
        let mut shown = None;
        // Versions made but not in use yet bear it too: they may be put in use later.
        for mut row in tables::all_of(&tx, &line).await? {
            let state = row.state()?;
            if state == State::Destroyed {
                continue;
            }
            (row.rotate_every, row.rotate_uses) = (every, uses);
            if state == State::Active {
                row.schedule(tx.now());
            }
            tables::save(&mut tx, &row).await?;
            shown = Some(row).filter(|_| state == State::Active).or(shown);
        }
        let shown = shown.map_or_else(|| Ok::<_, Error>(newest), Ok)?;
        let entry = described(Entry::done(Kind::KeyRotationSet, shown.id()?), &shown)?;
        tx.commit(entry.fact("every_s", every).fact("uses", uses)).await?;
        self.shown(ctx, &shown)
    }

    /// Rotates what is due at `now`: background work. Returns how many; call it again at once unless that is 0.
    ///
    /// # Errors
    /// The first one, after every other key that was due had its turn.
    pub async fn rotation_step(&self, ctx: &Context, now: Timestamp) -> Result<usize, Error> {
        let read = self.store.read(ctx).await?;
        let due = tables::due(&read, now, BATCH).await?;
        drop(read);
        let (mut rotated, mut failed) = (0, None);
        for row in due {
            match self.rotate_due(ctx, row.id()?, now).await {
                Ok(true) => rotated += 1,
                Ok(false) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(rotated), Err)
    }

    /// Whether it was still due when its turn came: another node may have been first.
    async fn rotate_due(&self, ctx: &Context, id: Id<noun::Key>, now: Timestamp) -> Result<bool, Error> {
        let mut tx = self.store.write(ctx).await?;
        let row = tables::get(&tx, id).await?.ok_or(Error::NotFound { key: id })?;
        if row.state()? != State::Active || row.rotate_at.is_none_or(|at| at > now.micros()) {
            return Ok(false);
        }
        let used_up =
            row.rotation().uses.is_some_and(|uses| row.uses >= i64::try_from(uses).unwrap_or(i64::MAX));
        let newest = newest_of(&tx, id).await?;
        if let Err(Error::Breached { .. } | Error::Shredded { .. }) = gate(&tx, newest.dataset()?).await {
            // It is due still, once the breach is undone.
            return Ok(false);
        }
        let (_, entries) =
            self.turn_over(&mut tx, &newest, None, if used_up { "uses" } else { "schedule" }).await?;
        tx.commit_all(entries).await?;
        Ok(true)
    }

    /// The next version of a line, in use; the entries say that it was made and that the line was rotated.
    async fn turn_over(
        &self,
        tx: &mut Tx,
        newest: &Row,
        suite: Option<Suite>,
        reason: &'static str,
    ) -> Result<(Row, Vec<Entry>), Error> {
        let line = newest.line()?;
        self.retire(tx, &line).await?;
        let (mut row, generated) = self.generate(tx, newest, suite, State::Active).await?;
        row.schedule(tx.now());
        tables::save(tx, &row).await?;
        let rotated = described(Entry::done(Kind::KeyRotated, row.id()?), &row)?;
        Ok((row, vec![generated, rotated.reason(reason)]))
    }

    /// Wraps the private halves of a batch of versions anew, in the order in which they were made: sealed to the
    /// organization's key that is in use and wrapped by the root. No data is touched, and nothing that is open
    /// becomes shut or the other way round. Begin without `after`, and go on with [`Rewrapped::next`]; what is
    /// done twice does no harm. One entry for each batch.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Closed`] where no version of the organization's key is in use;
    /// [`Error::Root`], [`Error::Crypto`], [`Error::Store`]: the batch is then as it was.
    pub async fn rewrap(
        &self,
        ctx: &Context,
        permit: &Permit,
        after: Option<Id<noun::Key>>,
    ) -> Result<Rewrapped, Error> {
        permit.covers(ctx, Action::KeysRewrap, Resource::Organization, self.clock.now())?;
        let organization = ctx.organization();
        let mut tx = self.store.write(ctx).await?;
        let rows = tables::wrapped(&tx, after, BATCH + 1).await?;
        let batch = usize::try_from(BATCH).unwrap_or(usize::MAX);
        let (count, more) = (rows.len().min(batch), rows.len() > batch);
        let (mut ids, mut left, mut last) = (Vec::new(), 0, None);
        for mut row in rows.into_iter().take(count) {
            last = Some(row.id()?);
            // Lost with another root, and in no package: there is nothing to wrap anew.
            if !self.opens_in_place(&tx, organization, &row).await? {
                left += 1;
                continue;
            }
            self.rewrap_row(&mut tx, organization, &mut row).await?;
            ids.push(row.id()?);
        }
        let next = last.filter(|_| more);
        if ids.is_empty() {
            return Ok(Rewrapped { keys: 0, left, next });
        }
        let parts = ids.iter().map(|id| id.as_bytes().as_slice()).collect::<Vec<_>>();
        let hash = digest::of_parts("nexora/rewrapped/1", &parts);
        let count = ids.len();
        let entry = Entry::done(Kind::KeysRewrapped, organization).batch(count, hash).fact("left", left);
        tx.commit(entry).await?;
        Ok(Rewrapped { keys: count as u64, left, next })
    }

    async fn rewrap_row(
        &self,
        tx: &mut Tx,
        organization: Id<noun::Organization>,
        row: &mut Row,
    ) -> Result<(), Error> {
        let bound = bound(organization, row)?;
        match row.purpose()? {
            Purpose::Dataset | Purpose::Field => {
                let over = self.over_of(tx, row).await?;
                let private = self.open_sealed(organization, row, &over).await?;
                let (over, to) = self.over(tx, organization).await?;
                let sealed = hpke::seal(&*self.provider, &to, &bound, &[], private.expose())?;
                let unit = row.line()?.unit(organization);
                row.private = self.wrap(tx, unit, &bound, &Secret::new(sealed)).await?;
                row.over = Some(over.as_bytes().to_vec());
            }
            _ => {
                let private = self.open_private(organization, row).await?;
                let unit = row.line()?.unit(organization);
                if matches!(unit, Unit::Log(_)) {
                    // It may have been wrapped before the log had a unit of its own.
                    self.root.enroll(unit).await?;
                }
                row.private = self.wrap(tx, unit, &bound, &private).await?;
            }
        }
        row.rewrapped_at = Some(tx.now().micros());
        tables::save(tx, row).await
    }
}
