//! Field keys: the secret of a field whose protection is the same in every run.

use crate::{
    Error, FieldUse, Keys, OpenFieldKey, State,
    halves::New,
    open::{OPENING, PROTECTING, in_use},
    tables::{self, Half, Line, Row},
    uses::add_uses,
};
use base::{Action, Context, Id, digest, noun};
use crypto::FieldKey;
use ledger::Entry;
use policy::Permit;
use store::Tx;

/// Who may have a field's key made: whoever protects the dataset, or sets its policy.
const MAKING: &[Action] = &[Action::DatasetsProtect, Action::DatasetsCreate, Action::KeysReencrypt];

impl FieldUse<'_> {
    fn line(&self) -> Line {
        Line::field(self.dataset, self.field, self.algorithm.as_str())
    }
}

impl Keys {
    /// Opens a field's key: the version that the manifest names, for a permit to reveal; or, without one, the
    /// version in use, for a permit to protect. The permit is checked before the cache, as for data keys.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::WrongPermit`], [`Error::EpochUnread`]; [`Error::NoFieldKey`] where there is
    /// none yet, or that version is another field's; [`Error::Closed`]; [`Error::Crypto`], [`Error::Root`],
    /// [`Error::Store`].
    pub async fn field_key(
        &self,
        ctx: &Context,
        permit: &Permit,
        what: FieldUse<'_>,
        version: Option<Id<noun::Key>>,
    ) -> Result<OpenFieldKey, Error> {
        let organization = ctx.organization();
        let acts = if version.is_some() { OPENING } else { PROTECTING };
        loop {
            self.allows(ctx, permit, acts, what.dataset)?;
            let epoch = self.epochs.read(organization, self.clock.now())?;
            let read = self.store.read(ctx).await?;
            let missing = || Error::NoFieldKey { field: what.field.to_owned(), algorithm: what.algorithm };
            let row = match version {
                Some(id) => tables::get(&read, id).await?,
                None => in_use(&read, &what.line()).await?,
            };
            let row = row.ok_or_else(missing)?;
            if row.line()? != what.line() {
                return Err(missing());
            }
            let over = self.usable(&read, &row).await?.ok_or(Error::NotBegun)?;
            drop(read);
            let (open, anew) = self.open_field_row(organization, &row, &over, epoch).await?;
            if anew {
                self.count_uses(ctx, over.id()?, 1).await?;
            }
            // The root may have taken its time.
            self.allows(ctx, permit, acts, what.dataset)?;
            if self.epochs.read(organization, self.clock.now())? == epoch {
                return Ok(open);
            }
        }
    }

    /// Makes a field's key as part of the caller's change, unless the field has one in use, which is given then.
    /// The caller commits the change with the entry, if there is one.
    ///
    /// # Errors
    /// As [`field_key`](Self::field_key).
    pub async fn create_field_key(
        &self,
        tx: &mut Tx,
        permit: &Permit,
        what: FieldUse<'_>,
    ) -> Result<(OpenFieldKey, Option<Entry>), Error> {
        let ctx = tx.context().clone();
        self.allows(&ctx, permit, MAKING, what.dataset)?;
        let organization = ctx.organization();
        if let Some(row) = in_use(tx, &what.line()).await? {
            let epoch = self.epochs.read(organization, self.clock.now())?;
            let mut over = self.usable(tx, &row).await?.ok_or(Error::NotBegun)?;
            let (open, anew) = self.open_field_row(organization, &row, &over, epoch).await?;
            if anew {
                add_uses(&mut over, 1, tx.now())?;
                tables::save(tx, &over).await?;
            }
            return Ok((open, None));
        }
        // No record is made for it: a dataset that was shredded gets no new keys.
        let secret = FieldKey::generate(&*self.provider, what.algorithm);
        let new = New {
            line: what.line(),
            algorithm: what.algorithm.as_str(),
            value_id: secret.id(),
            half: Half { private: secret.as_secret(), public: &[] },
            state: State::Active,
            after: None,
        };
        let (row, entry) = self.keep(tx, new).await?;
        Ok((OpenFieldKey { key: row.id()?, secret }, Some(entry)))
    }

    /// The key, and whether it was opened anew and not found in memory.
    async fn open_field_row(
        &self,
        organization: Id<noun::Organization>,
        row: &Row,
        over: &Row,
        epoch: i64,
    ) -> Result<(OpenFieldKey, bool), Error> {
        let (key, now) = (row.id()?, self.clock.now());
        let name = digest::of_parts("nexora/open-field-key/1", &[organization.as_bytes(), key.as_bytes()]);
        let cached = self.cache.get(&name, epoch, now);
        let anew = cached.is_none();
        let bytes = match cached {
            Some(bytes) => bytes,
            None => self.open_sealed(organization, row, over).await?,
        };
        if anew {
            self.cache.put(name, organization, epoch, self.clock.now(), bytes.clone());
        }
        let algorithm = crypto::FieldAlgorithm::parse(&row.algorithm)?;
        let secret = FieldKey::from_secret(algorithm, row.value_id()?, bytes)?;
        Ok((OpenFieldKey { key, secret }, anew))
    }
}
