//! How long an organization's entries are kept, what holds them, and what was pruned.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use super::{Hold, Kept, Pruned, Still};
use crate::Error;
use base::{Id, Timestamp, noun};
use sea_orm::{
    ActiveValue::Set,
    QueryOrder,
    entity::prelude::*,
    sea_query::{ColumnDef, OnConflict},
};
use store::{Change, Guard, Queries, Tx};

/// The tables of this module, as a step of the crate's schema.
pub(crate) fn tables(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("ledger_retention", &[], |table| {
            table.col(ColumnDef::new("days").big_integer().not_null())
        }),
        guard.table("ledger_holds", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("reason").text().not_null())
                .col(ColumnDef::new("placed_at").big_integer().not_null())
        }),
        guard.table("ledger_pruned", &["generation"], |table| {
            table
                .col(ColumnDef::new("generation").big_integer().not_null())
                .col(ColumnDef::new("minimum").big_integer().not_null())
                .col(ColumnDef::new("entry").big_integer().not_null())
        }),
    ]
}

/// A later step: how long entries are still kept where a shorter time was set, and until when.
pub(crate) fn shortened(guard: &Guard) -> Vec<Change> {
    vec![
        guard.column("ledger_retention", ColumnDef::new("still_days").big_integer()),
        guard.column("ledger_retention", ColumnDef::new("still_until").big_integer()),
    ]
}

mod retention {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_retention")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        pub days: i64,
        pub still_days: Option<i64>,
        pub still_until: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod hold {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_holds")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub reason: String,
        pub placed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod pruned {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_pruned")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i64,
        pub minimum: i64,
        pub entry: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The time that was set.
pub(crate) async fn kept(door: &impl Queries) -> Result<Option<Kept>, Error> {
    let row = door.one(retention::Entity::find()).await?;
    let days = |days: i64| u32::try_from(days).map_err(|_| Error::Row("ledger_retention"));
    let read = |row: retention::Model| {
        let still = match (row.still_days, row.still_until) {
            (Some(longer), Some(until)) => {
                Some(Still { days: days(longer)?, until: Timestamp::from_micros(until) })
            }
            _ => None,
        };
        Ok(Kept { days: days(row.days)?, still })
    };
    row.map(read).transpose()
}

pub(crate) async fn set_kept(tx: &mut Tx, kept: Kept) -> Result<(), Error> {
    let row = retention::ActiveModel {
        organization: Set(tx.owner()),
        days: Set(kept.days.into()),
        still_days: Set(kept.still.map(|still| still.days.into())),
        still_until: Set(kept.still.map(|still| still.until.micros())),
    };
    let conflict = OnConflict::column(retention::Column::Organization)
        .update_columns([
            retention::Column::Days,
            retention::Column::StillDays,
            retention::Column::StillUntil,
        ])
        .to_owned();
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}

/// The holds that stand, oldest first.
pub(crate) async fn holds(door: &impl Queries) -> Result<Vec<Hold>, Error> {
    let rows = door.all(hold::Entity::find().order_by_asc(hold::Column::Id)).await?;
    let read = |row: hold::Model| {
        Ok(Hold {
            id: Id::from_slice(&row.id).ok_or(Error::Row("ledger_holds"))?,
            reason: row.reason,
            placed_at: Timestamp::from_micros(row.placed_at),
        })
    };
    rows.into_iter().map(read).collect()
}

pub(crate) async fn place(tx: &mut Tx, hold: &Hold) -> Result<(), Error> {
    let row = hold::ActiveModel {
        organization: Set(tx.owner()),
        id: Set(hold.id.as_bytes().to_vec()),
        reason: Set(hold.reason.clone()),
        placed_at: Set(hold.placed_at.micros()),
    };
    Ok(tx.insert(row).await?)
}

/// Whether it stood.
pub(crate) async fn lift(tx: &mut Tx, id: Id<noun::Hold>) -> Result<bool, Error> {
    let delete = hold::Entity::delete_many().filter(hold::Column::Id.eq(id.as_bytes().to_vec()));
    Ok(tx.delete(delete).await? > 0)
}

/// What was pruned of a log.
pub(crate) async fn pruned(door: &impl Queries, generation: u32) -> Result<Option<Pruned>, Error> {
    let wanted = pruned::Column::Generation.eq(i64::from(generation));
    let row = door.one(pruned::Entity::find().filter(wanted)).await?;
    let number = |number: i64| u64::try_from(number).map_err(|_| Error::Row("ledger_pruned"));
    row.map(|row| Ok(Pruned { minimum: number(row.minimum)?, entry: number(row.entry)? })).transpose()
}

pub(crate) async fn set_pruned(tx: &mut Tx, generation: u32, pruned: Pruned) -> Result<(), Error> {
    let number = |number: u64| i64::try_from(number).map_err(|_| Error::Row("ledger_pruned"));
    let row = pruned::ActiveModel {
        organization: Set(tx.owner()),
        generation: Set(generation.into()),
        minimum: Set(number(pruned.minimum)?),
        entry: Set(number(pruned.entry)?),
    };
    let conflict = OnConflict::columns([pruned::Column::Organization, pruned::Column::Generation])
        .update_columns([pruned::Column::Minimum, pruned::Column::Entry])
        .to_owned();
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}
