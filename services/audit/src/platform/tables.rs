//! The records of organizations' checkpoints, in the platform's file.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use super::Record;
use crate::Error;
use sea_orm::{IntoActiveModel, QueryOrder, entity::prelude::*, sea_query::ColumnDef};
use store::{Change, Guard, Queries, Tx};
use verify::Checkpoint;

/// The tables of the log of logs, and of what logs were told of their witnesses.
pub(crate) fn tables(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("recorded_checkpoints", &["origin", "generation", "size"], |table| {
            table
                .col(ColumnDef::new("origin").text().not_null())
                .col(ColumnDef::new("generation").big_integer().not_null())
                .col(ColumnDef::new("size").big_integer().not_null())
                .col(ColumnDef::new("root").blob().not_null())
                .col(ColumnDef::new("note").blob().not_null())
                .col(ColumnDef::new("position").big_integer().not_null())
        }),
        crate::witness::policies::table(guard),
    ]
}

mod recorded {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "recorded_checkpoints")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub origin: String,
        /// Which of the platform's logs records it.
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub size: i64,
        pub root: Vec<u8>,
        pub note: Vec<u8>,
        pub position: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use recorded::{Column, Entity, Model};

const WRONG: Error = Error::Row("recorded_checkpoints");

fn number(value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| WRONG)
}

fn record(row: Model) -> Result<Record, Error> {
    let positive = |value: i64| u64::try_from(value).map_err(|_| WRONG);
    Ok(Record {
        checkpoint: Checkpoint {
            origin: row.origin,
            size: positive(row.size)?,
            root: row.root.try_into().map_err(|_| WRONG)?,
        },
        note: row.note,
        generation: u32::try_from(row.generation).map_err(|_| WRONG)?,
        position: positive(row.position)?,
    })
}

/// The record of the largest checkpoint of a log: in one of the platform's logs, or in any.
pub(super) async fn last(
    queries: &impl Queries,
    origin: &str,
    generation: Option<u32>,
) -> Result<Option<Record>, Error> {
    let mut select = Entity::find().filter(Column::Origin.eq(origin)).order_by_desc(Column::Size);
    if let Some(generation) = generation {
        select = select.filter(Column::Generation.eq(i64::from(generation)));
    }
    queries.one(select).await?.map(record).transpose()
}

/// The record of the largest checkpoint among those whose entry stands before a position.
pub(super) async fn newest_below(
    queries: &impl Queries,
    origin: &str,
    generation: u32,
    position: u64,
) -> Result<Option<Record>, Error> {
    let select = Entity::find()
        .filter(Column::Origin.eq(origin))
        .filter(Column::Generation.eq(i64::from(generation)))
        .filter(Column::Position.lt(number(position)?))
        .order_by_desc(Column::Size);
    queries.one(select).await?.map(record).transpose()
}

/// Adds a record; in place of an earlier one of the same checkpoint.
pub(super) async fn add(tx: &mut Tx, record: &Record) -> Result<(), Error> {
    let same = Entity::delete_many()
        .filter(Column::Origin.eq(&record.checkpoint.origin))
        .filter(Column::Generation.eq(i64::from(record.generation)))
        .filter(Column::Size.eq(number(record.checkpoint.size)?));
    tx.delete(same).await?;
    let row = Model {
        organization: tx.owner(),
        origin: record.checkpoint.origin.clone(),
        generation: i64::from(record.generation),
        size: number(record.checkpoint.size)?,
        root: record.checkpoint.root.to_vec(),
        note: record.note.clone(),
        position: number(record.position)?,
    };
    Ok(tx.insert(row.into_active_model()).await?)
}

/// Forgets what stands before the newest record whose entry the platform has published.
pub(super) async fn forget_before(
    tx: &mut Tx,
    origin: &str,
    generation: u32,
    published: u64,
) -> Result<(), Error> {
    if let Some(newest) = newest_below(tx, origin, generation, published).await? {
        let delete = Entity::delete_many()
            .filter(Column::Origin.eq(origin))
            .filter(Column::Generation.eq(i64::from(generation)))
            .filter(Column::Size.lt(number(newest.checkpoint.size)?));
        tx.delete(delete).await?;
    }
    Ok(())
}
