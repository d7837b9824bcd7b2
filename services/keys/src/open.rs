//! Opening data keys by the version that a manifest names.

use crate::{
    Error, Keys, Purpose, Signatory, State,
    breach::gate,
    epoch::TOPIC,
    producers,
    tables::{self, Line, Row},
    vetted::Pair,
};
use base::{Action, Context, Id, Secret, digest, noun};
use crypto::{
    hpke,
    jws::Jws,
    sign::{SigningKey, VerifyingKey},
};
use policy::{Permit, Resource};
use std::sync::Arc;
use store::Queries;

/// The acts that open what is protected.
pub(crate) const OPENING: &[Action] = &[Action::DatasetsReveal, Action::KeysReencrypt, Action::KeysRelease];

/// The acts that protect.
pub(crate) const PROTECTING: &[Action] = &[Action::DatasetsProtect, Action::KeysReencrypt];

impl Keys {
    /// Opens a data key that was sealed under `info` ([`crypto::bind::Place::data_key_info`]) to the version
    /// `recipient` of the dataset's key pair, as the manifest has both.
    ///
    /// Checks the permit first, at every call and before the cache: it must be one to reveal (or protect anew, or
    /// release) this dataset, for this organization, and its actor must be in good standing now. Then the key
    /// epoch: what a node opened before keys were closed is not used after. It may write a count, so it is not to be
    /// called inside a change.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::WrongPermit`]; [`Error::EpochUnread`]; [`Error::Closed`] for a version that
    /// is suspended, destroyed or not in use yet; [`Error::NoKey`] where the dataset has no such version;
    /// [`Error::Crypto`] where it does not open; [`Error::Root`], [`Error::Store`].
    pub async fn open_data_key(
        &self,
        ctx: &Context,
        permit: &Permit,
        dataset: Id<noun::Dataset>,
        recipient: Id<noun::Key>,
        info: &[u8],
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, Error> {
        let organization = ctx.organization();
        let parts: [&[u8]; 5] =
            [organization.as_bytes(), dataset.as_bytes(), recipient.as_bytes(), info, sealed];
        let name = digest::of_parts("nexora/open-data-key/1", &parts);
        loop {
            self.allows(ctx, permit, OPENING, dataset)?;
            let now = self.clock.now();
            let epoch = self.epochs.read(organization, now)?;
            if let Some(open) = self.cache.get(&name, epoch, now) {
                return Ok(open);
            }
            let (pair, kept) = self.vetted(ctx, dataset, recipient).await?;
            let private = match self.open_sealed(organization, &pair.row, &pair.over).await {
                Err(Error::Root(_) | Error::Crypto(_)) if kept => {
                    self.vetted.forget((organization, recipient));
                    continue;
                }
                opened => opened?,
            };
            let Pair { row, over } = &*pair;
            let private = hpke::PrivateKey::from_secret(row.suite()?, private)?;
            let open = hpke::open(&*self.provider, &private, info, &[], sealed)?;
            self.count_uses(ctx, recipient, 1).await?;
            self.count_uses(ctx, over.id()?, 1).await?;
            // The root may have taken its time: what was good before it is asked again.
            self.allows(ctx, permit, OPENING, dataset)?;
            let now = self.clock.now();
            if self.epochs.read(organization, now)? == epoch {
                self.cache.put(name, organization, epoch, now, open.clone());
                return Ok(open);
            }
        }
    }

    /// A version of a dataset's key pair that can be opened with now, and what it is sealed to; and whether that is
    /// from memory, where it is only while the store has the epoch at which it was found open.
    async fn vetted(
        &self,
        ctx: &Context,
        dataset: Id<noun::Dataset>,
        version: Id<noun::Key>,
    ) -> Result<(Arc<Pair>, bool), Error> {
        let of = (ctx.organization(), version);
        let read = self.store.read(ctx).await?;
        let epoch = read.end(TOPIC).await?;
        let belongs = |row: &Row| match (row.purpose()?, row.dataset()?) {
            (Purpose::Dataset, Some(of)) if of == dataset => Ok(()),
            _ => Err(Error::NoKey { dataset }),
        };
        if let Some(pair) = self.vetted.get(of, epoch) {
            belongs(&pair.row)?;
            return Ok((pair, true));
        }
        let row = tables::get(&read, version).await?.ok_or(Error::NoKey { dataset })?;
        belongs(&row)?;
        let over = self.usable(&read, &row).await?.ok_or(Error::NotBegun)?;
        let pair = Arc::new(Pair { row, over });
        self.vetted.put(of, epoch, Arc::clone(&pair));
        Ok((pair, false))
    }

    /// Signs a document of type `typ` as this organization, for a permit to protect this dataset. The key does not
    /// leave here, and signs for its own purpose only: manifests, so far.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::WrongPermit`], also for another purpose; [`Error::NotBegun`],
    /// [`Error::Closed`], [`Error::Root`], [`Error::Store`].
    pub async fn sign(
        &self,
        ctx: &Context,
        purpose: Purpose,
        permit: &Permit,
        dataset: Id<noun::Dataset>,
        typ: &'static str,
        payload: Vec<u8>,
    ) -> Result<Jws, Error> {
        if purpose != Purpose::Manifest {
            return Err(Error::WrongPermit);
        }
        self.allows(ctx, permit, PROTECTING, dataset)?;
        let read = self.store.read(ctx).await?;
        let row = in_use(&read, &Line::own(purpose)).await?.ok_or(Error::NotBegun)?;
        drop(read);
        self.count_uses(ctx, row.id()?, 1).await?;
        let key = self.signer(ctx, &row).await?;
        // The root may have taken its time: what was good before it is asked again.
        self.allows(ctx, permit, PROTECTING, dataset)?;
        let work = tokio::task::spawn_blocking(move || Jws::sign(&key, typ, &payload));
        work.await.map_err(|_| Error::Worker)
    }

    /// Who signs manifests under this key name ([`VerifyingKey::thumbprint`]): the organization itself, by any
    /// version of its key that is not suspended and was not when it was destroyed, or one of its producers.
    ///
    /// # Errors
    /// [`Error::UnknownSigner`], [`Error::RevokedSigner`], [`Error::Closed`]; [`Error::Breached`] and
    /// [`Error::Shredded`] for the organization's own; [`Error::Store`].
    pub async fn signatory(
        &self,
        ctx: &Context,
        thumbprint: &str,
    ) -> Result<(Signatory, VerifyingKey), Error> {
        let read = self.store.read(ctx).await?;
        for row in tables::all_of(&read, &Line::own(Purpose::Manifest)).await? {
            let key = VerifyingKey::from_bytes(row.signature()?, &row.public)?;
            if key.thumbprint() == thumbprint {
                gate(&read, None).await?;
                vouches(&row)?;
                return Ok((Signatory::Organization, key));
            }
        }
        let producer = producers::by_thumbprint(&read, thumbprint).await?.ok_or(Error::UnknownSigner)?;
        if let Some(at) = producer.revoked_at {
            return Err(Error::RevokedSigner { name: producer.name, at });
        }
        Ok((Signatory::Producer(producer.id), producer.key))
    }

    /// Whether a version can be opened with now, and what it is sealed to: that must be open too.
    pub(crate) async fn usable(&self, door: &impl Queries, row: &Row) -> Result<Option<Row>, Error> {
        if !row.purpose()?.is_of_the_log() {
            gate(door, row.dataset()?).await?;
        }
        open_state(row)?;
        let over = match row.purpose()? {
            Purpose::Dataset | Purpose::Field => self.over_of(door, row).await?,
            _ => return Ok(None),
        };
        open_state(&over)?;
        Ok(Some(over))
    }

    /// As [`usable`](Self::usable), by id.
    pub(crate) async fn opens(&self, door: &impl Queries, key: Id<noun::Key>) -> Result<(), Error> {
        let row = tables::get(door, key).await?.ok_or(Error::NotFound { key })?;
        self.usable(door, &row).await.map(|_| ())
    }

    pub(crate) async fn signer(&self, ctx: &Context, row: &Row) -> Result<SigningKey, Error> {
        let seed = self.open_private(ctx.organization(), row).await?;
        Ok(SigningKey::from_secret(&*self.provider, row.signature()?, seed)?)
    }

    /// Whether the permit is one of these acts on this dataset, and its actor in good standing now.
    pub(crate) fn allows(
        &self,
        ctx: &Context,
        permit: &Permit,
        acts: &[Action],
        dataset: Id<noun::Dataset>,
    ) -> Result<(), Error> {
        let same = permit.organization() == ctx.organization()
            && acts.contains(&permit.action())
            && permit.resource() == Resource::Dataset(dataset);
        if !same {
            return Err(Error::WrongPermit);
        }
        Ok(permit.check(self.clock.now())?)
    }
}

/// A signature made before a key was retired, or even destroyed, still stands; one by a suspended key does not,
/// for as long as it is suspended: for good where it was destroyed in that time.
fn vouches(row: &Row) -> Result<(), Error> {
    match (row.state()?, row.before()?) {
        (State::Suspended, _) | (State::Destroyed, Some(_)) => open_state(row),
        _ => Ok(()),
    }
}

/// The version of a line that is in use; none where the line has no version at all.
pub(crate) async fn in_use(door: &impl Queries, line: &Line) -> Result<Option<Row>, Error> {
    if !line.purpose.is_of_the_log() {
        gate(door, line.dataset).await?;
    }
    if let Some(row) = tables::active(door, line).await? {
        return Ok(Some(row));
    }
    match tables::newest(door, line).await? {
        Some(newest) => Err(Error::Closed { key: newest.id()?, state: newest.state()? }),
        None => Ok(None),
    }
}

fn open_state(row: &Row) -> Result<(), Error> {
    let state = row.state()?;
    if state.opens() { Ok(()) } else { Err(Error::Closed { key: row.id()?, state }) }
}
