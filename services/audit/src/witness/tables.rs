//! What a witness remembers: of each log the last checkpoint that it cosigned. And, in the files of a node's
//! organizations, which witnesses their logs were said to have.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use super::setting::Settled;
use crate::Error;
use sea_orm::{
    ActiveValue::Set,
    entity::prelude::*,
    sea_query::{ColumnDef, OnConflict},
};
use store::{Change, Guard, Migration, Queries, Schema, Tx};
use verify::Checkpoint;
use verify::witness::Known;

/// The tables of a witness: of its data directory, not of a node's.
pub static SCHEMA: Schema =
    Schema { service: "witness", migrations: &[Migration { name: "cosigned checkpoints", up: first }] };

fn first(guard: &Guard) -> Vec<Change> {
    vec![guard.table("cosigned", &["origin"], |table| {
        table
            .col(ColumnDef::new("origin").text().not_null())
            .col(ColumnDef::new("size").big_integer().not_null())
            .col(ColumnDef::new("root").blob().not_null())
            .col(ColumnDef::new("note").blob().not_null())
            .col(ColumnDef::new("cosigned_at").big_integer().not_null())
    })]
}

mod cosigned {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "cosigned")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub origin: String,
        pub size: i64,
        pub root: Vec<u8>,
        pub note: Vec<u8>,
        pub cosigned_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A row as it is used.
pub(super) struct Row {
    pub(super) known: Known,
    pub(super) note: Vec<u8>,
}

pub(super) async fn find(queries: &impl Queries, origin: &str) -> Result<Option<Row>, Error> {
    let row = queries.one(cosigned::Entity::find().filter(cosigned::Column::Origin.eq(origin))).await?;
    row.map(|row| {
        let size = u64::try_from(row.size).map_err(|_| Error::Row("cosigned"))?;
        let root = row.root.try_into().map_err(|_| Error::Row("cosigned"))?;
        Ok(Row { known: Known { size, root }, note: row.note })
    })
    .transpose()
}

/// Every origin that has a row.
pub(super) async fn origins(queries: &impl Queries) -> Result<Vec<String>, Error> {
    let rows = queries.all(cosigned::Entity::find()).await?;
    Ok(rows.into_iter().map(|row| row.origin).collect())
}

/// Puts the checkpoint in the place of the one before. Its size was found to fit.
pub(super) async fn keep(
    tx: &mut Tx,
    checkpoint: &Checkpoint,
    note: Vec<u8>,
    at: base::Timestamp,
) -> Result<(), Error> {
    let row = cosigned::ActiveModel {
        organization: Set(tx.owner()),
        origin: Set(checkpoint.origin.clone()),
        size: Set(i64::try_from(checkpoint.size).map_err(|_| Error::Row("cosigned"))?),
        root: Set(checkpoint.root.to_vec()),
        note: Set(note),
        cosigned_at: Set(at.seconds()),
    };
    let mut conflict = OnConflict::columns([cosigned::Column::Organization, cosigned::Column::Origin]);
    conflict.update_columns([
        cosigned::Column::Size,
        cosigned::Column::Root,
        cosigned::Column::Note,
        cosigned::Column::CosignedAt,
    ]);
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}

/// Which witnesses a log was said to have last, in its organization's file. The table is of [`crate::platform::SCHEMA`].
pub(crate) mod policies {
    use super::*;

    /// One row for each log.
    pub(crate) fn table(guard: &Guard) -> Change {
        guard.table("witness_policies", &["origin"], |table| {
            table
                .col(ColumnDef::new("origin").text().not_null())
                .col(ColumnDef::new("policy").text().not_null())
                .col(ColumnDef::new("position").big_integer().not_null())
                .col(ColumnDef::new("replaces").boolean().not_null())
        })
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "witness_policies")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub origin: String,
        pub policy: String,
        pub position: i64,
        pub replaces: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// The policy, and since when it counts.
    pub(crate) async fn find(
        queries: &impl Queries,
        origin: &str,
    ) -> Result<Option<(String, Settled)>, Error> {
        let row = queries.one(Entity::find().filter(Column::Origin.eq(origin))).await?;
        row.map(|row| {
            let position = u64::try_from(row.position).map_err(|_| Error::Row("witness_policies"))?;
            Ok((row.policy, Settled { position, replaces: row.replaces }))
        })
        .transpose()
    }

    /// Keeps the policy with the position of its entry.
    pub(crate) async fn set(tx: &mut Tx, origin: &str, policy: &str, settled: Settled) -> Result<(), Error> {
        let position = i64::try_from(settled.position).map_err(|_| Error::Row("witness_policies"))?;
        let row = ActiveModel {
            organization: Set(tx.owner()),
            origin: Set(origin.to_owned()),
            policy: Set(policy.to_owned()),
            position: Set(position),
            replaces: Set(settled.replaces),
        };
        let mut conflict = OnConflict::columns([Column::Organization, Column::Origin]);
        conflict.update_columns([Column::Policy, Column::Position, Column::Replaces]);
        tx.insert_all(vec![row], conflict).await?;
        Ok(())
    }
}
