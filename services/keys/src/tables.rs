//! Tables `keys` and `producers`: rows, and the queries over them.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Error, Purpose, Unit};
use base::{Id, Secret, noun};
use crypto::{Suite, sign::Algorithm};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::ColumnDef};
use store::{Change, Guard, Migration, Queries, Schema, Tx};

pub(crate) const SCHEMA: Schema =
    Schema { service: "keys", migrations: &[Migration { name: "keys and producers", up: first }] };

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("keys", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("purpose").text().not_null())
                .col(ColumnDef::new("dataset").blob())
                .col(ColumnDef::new("version").integer().not_null())
                .col(ColumnDef::new("algorithm").text().not_null())
                .col(ColumnDef::new("public").blob().not_null())
                .col(ColumnDef::new("private").blob().not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
        }),
        guard.unique("keys_by_use", "keys", &["purpose", "dataset", "version"]),
        guard.table("producers", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("name").text().not_null())
                .col(ColumnDef::new("algorithm").text().not_null())
                .col(ColumnDef::new("public").blob().not_null())
                .col(ColumnDef::new("thumbprint").text().not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
        }),
        guard.unique("producers_by_name", "producers", &["name"]),
        guard.unique("producers_by_thumbprint", "producers", &["thumbprint"]),
    ]
}

mod key {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub purpose: String,
        pub dataset: Option<Vec<u8>>,
        pub version: i32,
        pub algorithm: String,
        pub public: Vec<u8>,
        pub private: Vec<u8>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod producer {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "producers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub name: String,
        pub algorithm: String,
        pub public: Vec<u8>,
        pub thumbprint: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) type Row = key::Model;

/// Both halves of a key on their way into a row.
pub(crate) struct Half<'a> {
    pub(crate) private: &'a Secret<Vec<u8>>,
    pub(crate) public: &'a [u8],
}

impl Row {
    pub(crate) fn id(&self) -> Result<Id<noun::Key>, Error> {
        Id::from_slice(&self.id).ok_or(Error::Damaged { what: "key id" })
    }

    pub(crate) fn purpose(&self) -> Result<Purpose, Error> {
        let known = Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == self.purpose);
        known.ok_or(Error::Damaged { what: "key purpose" })
    }

    pub(crate) fn suite(&self) -> Result<Suite, Error> {
        Ok(self.algorithm.parse()?)
    }

    pub(crate) fn signature(&self) -> Result<Algorithm, Error> {
        Ok(self.algorithm.parse()?)
    }
}

pub(crate) async fn add(
    tx: &mut Tx,
    id: Id<noun::Key>,
    unit: Unit,
    purpose: Purpose,
    algorithm: &str,
    public: &[u8],
    wrapped: Vec<u8>,
) -> Result<(), Error> {
    let dataset = match unit {
        Unit::Organization(_) | Unit::Log(_) => None,
        Unit::Dataset(_, dataset) => Some(dataset.as_bytes().to_vec()),
    };
    let row = key::ActiveModel {
        organization: Set(tx.owner()),
        id: Set(id.as_bytes().to_vec()),
        purpose: Set(purpose.as_str().to_owned()),
        dataset: Set(dataset),
        version: Set(1),
        algorithm: Set(algorithm.to_owned()),
        public: Set(public.to_vec()),
        private: Set(wrapped),
        created_at: Set(tx.now().micros()),
    };
    Ok(tx.insert(row).await?)
}

/// The newest version of the organization's key pair.
pub(crate) async fn organization_key(door: &impl Queries) -> Result<Option<Row>, Error> {
    own_key(door, Purpose::Organization).await
}

/// The newest version of the organization's own key for a purpose.
pub(crate) async fn own_key(door: &impl Queries, purpose: Purpose) -> Result<Option<Row>, Error> {
    let select = key::Entity::find()
        .filter(key::Column::Purpose.eq(purpose.as_str()))
        .order_by_desc(key::Column::Version);
    Ok(door.one(select).await?)
}

/// The newest version of a dataset's key pair.
pub(crate) async fn dataset_key(
    door: &impl Queries,
    dataset: Id<noun::Dataset>,
) -> Result<Option<Row>, Error> {
    let select = key::Entity::find()
        .filter(key::Column::Purpose.eq(Purpose::Dataset.as_str()))
        .filter(key::Column::Dataset.eq(dataset.as_bytes().to_vec()))
        .order_by_desc(key::Column::Version);
    Ok(door.one(select).await?)
}
