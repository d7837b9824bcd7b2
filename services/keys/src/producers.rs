//! Producers: parties outside that protect data with a dataset's public key and sign the manifests.

use crate::{Error, Keys, Producer, tables::producer};
use base::{Action, Context, Id, Timestamp, noun};
use crypto::sign::{Algorithm, VerifyingKey};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};
use store::{Queries, Tx};

impl Keys {
    /// Registers a producer: from now on, manifests under its signature are revealed.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::BadName`], [`Error::WrongAlgorithm`], [`Error::Duplicate`],
    /// [`Error::Store`].
    pub async fn add_producer(
        &self,
        ctx: &Context,
        permit: &Permit,
        name: &str,
        key: VerifyingKey,
    ) -> Result<Producer, Error> {
        permit.covers(ctx, Action::ProducersAdd, Resource::Organization, self.clock.now())?;
        if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(Error::BadName);
        }
        if !matches!(key.algorithm(), Algorithm::MlDsa65 | Algorithm::MlDsa87) {
            return Err(Error::WrongAlgorithm { found: key.algorithm() });
        }
        let mut tx = self.store.write(ctx).await?;
        let by_key = producer::Column::Thumbprint.eq(key.thumbprint());
        if let Some(known) = tx.one(producer::Entity::find().filter(by_key)).await? {
            if known.revoked_at.is_none() || known.name != name {
                return Err(Error::Duplicate { what: "key" });
            }
            return vouch_again(tx, known).await;
        }
        if tx.one(producer::Entity::find().filter(producer::Column::Name.eq(name))).await?.is_some() {
            return Err(Error::Duplicate { what: "name" });
        }
        let id = Id::fresh(self.clock.now(), crypto::random(&*self.provider));
        let registered = Producer { id, name: name.to_owned(), key, created_at: tx.now(), revoked_at: None };
        tx.insert(producer::ActiveModel {
            organization: Set(tx.owner()),
            id: Set(id.as_bytes().to_vec()),
            name: Set(registered.name.clone()),
            algorithm: Set(registered.key.algorithm().as_str().to_owned()),
            public: Set(registered.key.as_bytes().to_vec()),
            thumbprint: Set(registered.key.thumbprint()),
            created_at: Set(registered.created_at.micros()),
            revoked_at: Set(None),
        })
        .await?;
        let entry = Entry::done(Kind::ProducerAdded, id)
            .fact("key", registered.key.thumbprint())
            .details(serde_json::json!({ "name": name }));
        tx.commit(entry).await?;
        Ok(registered)
    }

    /// Takes a producer's key off the register: from the answer on, nothing under its signature is revealed, not
    /// even what it signed before, because a manifest's time is its producer's word
    /// (`docs/decisions/0120-revoked-producers.md`). Adding the same name and key again vouches for it anew.
    /// Does nothing where it is revoked already.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NoProducer`], [`Error::Store`].
    pub async fn revoke_producer(
        &self,
        ctx: &Context,
        permit: &Permit,
        id: Id<noun::Producer>,
    ) -> Result<Producer, Error> {
        permit.covers(ctx, Action::ProducersRevoke, Resource::Producer(id), self.clock.now())?;
        let mut tx = self.store.write(ctx).await?;
        let this = producer::Column::Id.eq(id.as_bytes().to_vec());
        let mut row = tx.one(producer::Entity::find().filter(this)).await?.ok_or(Error::NoProducer)?;
        if row.revoked_at.is_some() {
            return of_row(row);
        }
        row.revoked_at = Some(tx.now().micros());
        save(&mut tx, &row).await?;
        let entry = Entry::done(Kind::ProducerRevoked, id).fact("key", row.thumbprint.clone());
        tx.commit(entry).await?;
        of_row(row)
    }

    /// Every producer of the organization, by name.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn producers(&self, ctx: &Context) -> Result<Vec<Producer>, Error> {
        let read = self.store.read(ctx).await?;
        let rows = read.all(producer::Entity::find().order_by_asc(producer::Column::Name)).await?;
        rows.into_iter().map(of_row).collect()
    }
}

/// A revoked producer of the same name and key is on the register again.
async fn vouch_again(mut tx: Tx, mut row: producer::Model) -> Result<Producer, Error> {
    row.revoked_at = None;
    save(&mut tx, &row).await?;
    let registered = of_row(row)?;
    let entry = Entry::done(Kind::ProducerAdded, registered.id)
        .fact("key", registered.key.thumbprint())
        .fact("again", true)
        .details(serde_json::json!({ "name": registered.name }));
    tx.commit(entry).await?;
    Ok(registered)
}

async fn save(tx: &mut Tx, row: &producer::Model) -> Result<(), Error> {
    let update = producer::Entity::update_many()
        .col_expr(producer::Column::RevokedAt, Expr::value(row.revoked_at))
        .filter(producer::Column::Id.eq(row.id.clone()));
    tx.update(update).await?;
    Ok(())
}

pub(crate) async fn by_thumbprint(door: &impl Queries, thumbprint: &str) -> Result<Option<Producer>, Error> {
    let wanted = producer::Column::Thumbprint.eq(thumbprint);
    door.one(producer::Entity::find().filter(wanted)).await?.map(of_row).transpose()
}

fn of_row(row: producer::Model) -> Result<Producer, Error> {
    let id: Option<Id<noun::Producer>> = Id::from_slice(&row.id);
    Ok(Producer {
        id: id.ok_or(Error::Damaged { what: "producer id" })?,
        name: row.name,
        key: VerifyingKey::from_bytes(row.algorithm.parse()?, &row.public)?,
        created_at: Timestamp::from_micros(row.created_at),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
    })
}
