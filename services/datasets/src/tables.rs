//! Table `datasets`: rows, and the queries over them.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Dataset, Error, Name};
use base::{Id, Timestamp, noun};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::ColumnDef};
use store::{Change, Guard, Migration, Queries, Schema, Tx};

pub(crate) const SCHEMA: Schema =
    Schema { service: "datasets", migrations: &[Migration { name: "datasets by name", up: first }] };

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("datasets", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("name").text().not_null())
                .col(ColumnDef::new("created_at").big_integer().not_null())
        }),
        guard.unique("datasets_by_name", "datasets", &["name"]),
    ]
}

mod dataset {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "datasets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub name: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) async fn get(door: &impl Queries, name: &Name) -> Result<Option<Dataset>, Error> {
    let wanted = dataset::Column::Name.eq(name.as_str());
    door.one(dataset::Entity::find().filter(wanted)).await?.map(of_row).transpose()
}

pub(crate) async fn list(
    door: &impl Queries,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Dataset>, Error> {
    let mut select = dataset::Entity::find().order_by_asc(dataset::Column::Name).limit(limit);
    if let Some(after) = after {
        select = select.filter(dataset::Column::Name.gt(after));
    }
    door.all(select).await?.into_iter().map(of_row).collect()
}

pub(crate) async fn add(tx: &mut Tx, id: Id<noun::Dataset>, name: &Name) -> Result<(), Error> {
    let row = dataset::ActiveModel {
        organization: Set(tx.owner()),
        id: Set(id.as_bytes().to_vec()),
        name: Set(name.as_str().to_owned()),
        created_at: Set(tx.now().micros()),
    };
    Ok(tx.insert(row).await?)
}

fn of_row(row: dataset::Model) -> Result<Dataset, Error> {
    Ok(Dataset {
        id: Id::from_slice(&row.id).ok_or(Error::Damaged { what: "id" })?,
        name: row.name.parse().map_err(|_| Error::Damaged { what: "name" })?,
        created_at: Timestamp::from_micros(row.created_at),
    })
}
