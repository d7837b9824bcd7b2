//! Tables `key_references` and `wraps`: what refers to a version, and how often a record of the root has wrapped.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Error, Unit};
use base::{Id, noun};
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};
use store::{Queries, Tx};

pub(crate) mod reference {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "key_references")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub referrer: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod wraps {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "wraps")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub unit: String,
        pub count: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How many things refer to a version.
pub(crate) async fn references(door: &impl Queries, id: Id<noun::Key>) -> Result<u64, Error> {
    let select = reference::Entity::find().filter(reference::Column::Key.eq(id.as_bytes().to_vec()));
    Ok(door.count(select).await?)
}

/// Adds a reference, unless it is there.
pub(crate) async fn refer(
    tx: &mut Tx,
    id: Id<noun::Key>,
    kind: &'static str,
    by: [u8; 16],
) -> Result<(), Error> {
    let row = reference::ActiveModel {
        organization: Set(tx.owner()),
        key: Set(id.as_bytes().to_vec()),
        kind: Set(kind.to_owned()),
        referrer: Set(by.to_vec()),
    };
    let there = OnConflict::columns([
        reference::Column::Organization,
        reference::Column::Key,
        reference::Column::Kind,
        reference::Column::Referrer,
    ])
    .update_column(reference::Column::Referrer)
    .to_owned();
    tx.insert_all(vec![row], there).await?;
    Ok(())
}

/// Takes a reference away.
pub(crate) async fn unrefer(
    tx: &mut Tx,
    id: Id<noun::Key>,
    kind: &'static str,
    by: [u8; 16],
) -> Result<(), Error> {
    let delete = reference::Entity::delete_many()
        .filter(reference::Column::Key.eq(id.as_bytes().to_vec()))
        .filter(reference::Column::Kind.eq(kind))
        .filter(reference::Column::Referrer.eq(by.to_vec()));
    tx.delete(delete).await?;
    Ok(())
}

/// How many wraps were made under a unit's record.
pub(crate) async fn wraps_of(door: &impl Queries, unit: Unit) -> Result<u64, Error> {
    let select = wraps::Entity::find().filter(wraps::Column::Unit.eq(unit.to_string()));
    let row = door.one(select).await?;
    Ok(row.map_or(0, |row| u64::try_from(row.count).unwrap_or(u64::MAX)))
}

/// Sets how many wraps were made under a unit's record.
pub(crate) async fn set_wraps(tx: &mut Tx, unit: Unit, count: u64) -> Result<(), Error> {
    let row = wraps::ActiveModel {
        organization: Set(tx.owner()),
        unit: Set(unit.to_string()),
        count: Set(i64::try_from(count).unwrap_or(i64::MAX)),
    };
    let conflict = OnConflict::columns([wraps::Column::Organization, wraps::Column::Unit])
        .update_column(wraps::Column::Count)
        .to_owned();
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}
