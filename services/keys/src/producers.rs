//! Producers: parties outside that protect data with a dataset's public key and sign the manifests.

use crate::{Error, Keys, Producer, tables::producer};
use base::{Action, Context, Id, Timestamp, noun};
use crypto::sign::{Algorithm, VerifyingKey};
use ledger::{Entry, Kind};
use policy::{Permit, Resource};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};
use store::Queries;

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
        if key.algorithm() != Algorithm::MlDsa65 {
            return Err(Error::WrongAlgorithm { found: key.algorithm() });
        }
        let mut tx = self.store.write(ctx).await?;
        for (what, taken) in [
            ("name", producer::Column::Name.eq(name)),
            ("key", producer::Column::Thumbprint.eq(key.thumbprint())),
        ] {
            if tx.one(producer::Entity::find().filter(taken)).await?.is_some() {
                return Err(Error::Duplicate { what });
            }
        }
        let id = Id::fresh(self.clock.now(), crypto::random(&*self.provider));
        let registered = Producer { id, name: name.to_owned(), key, created_at: tx.now() };
        tx.insert(producer::ActiveModel {
            organization: Set(tx.owner()),
            id: Set(id.as_bytes().to_vec()),
            name: Set(registered.name.clone()),
            algorithm: Set(registered.key.algorithm().as_str().to_owned()),
            public: Set(registered.key.as_bytes().to_vec()),
            thumbprint: Set(registered.key.thumbprint()),
            created_at: Set(registered.created_at.micros()),
        })
        .await?;
        let entry = Entry::done(Kind::ProducerAdded, id)
            .fact("key", registered.key.thumbprint())
            .details(serde_json::json!({ "name": name }));
        tx.commit(entry).await?;
        Ok(registered)
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
    })
}
