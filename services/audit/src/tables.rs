//! What publication keeps in an organization's database: which keys sign from where on, what was signed and may have
//! left, and what became of what was handed to an anchor.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Chain, Error, anchoring::Anchored};
use sea_orm::{
    ActiveValue::Set,
    IntoActiveModel, QueryOrder,
    entity::prelude::*,
    sea_query::{ColumnDef, OnConflict},
};
use store::{Change, Guard, Migration, Queries, Schema, Tx};
use verify::VerifierKey;

pub(crate) static SCHEMA: Schema = Schema {
    service: "audit",
    migrations: &[
        Migration { name: "keys of logs, signed checkpoints, anchored checkpoints", up: first },
        Migration { name: "recorded checkpoints, witnesses of logs", up: crate::platform::tables },
        Migration { name: "retention, holds, what was pruned", up: crate::retention::tables::tables },
        Migration { name: "a shorter retention takes effect later", up: crate::retention::tables::shortened },
    ],
};

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("ledger_keys", &["generation", "since"], |table| {
            table
                .col(ColumnDef::new("generation").big_integer().not_null())
                .col(ColumnDef::new("since").big_integer().not_null())
                .col(ColumnDef::new("ed25519").text().not_null())
                .col(ColumnDef::new("ml_dsa_44").text().not_null())
        }),
        guard.table("ledger_signed", &["generation"], |table| {
            table
                .col(ColumnDef::new("generation").big_integer().not_null())
                .col(ColumnDef::new("note").blob().not_null())
        }),
        guard.table("ledger_anchored", &["anchor", "generation"], |table| {
            table
                .col(ColumnDef::new("anchor").text().not_null())
                .col(ColumnDef::new("generation").big_integer().not_null())
                .col(ColumnDef::new("under_way").blob())
                .col(ColumnDef::new("accepted").blob())
                .col(ColumnDef::new("receipt").blob())
        }),
    ]
}

/// The keys that sign a log from an entry on: 0, or that of a rotation.
pub(crate) mod key {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub since: i64,
        pub ed25519: String,
        pub ml_dsa_44: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The largest checkpoint of a log that was signed and may have left.
pub(crate) mod signed {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_signed")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i64,
        pub note: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How an anchor stands with a log.
pub(crate) mod anchored {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "ledger_anchored")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub anchor: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i64,
        pub under_way: Option<Vec<u8>>,
        pub accepted: Option<Vec<u8>>,
        pub receipt: Option<Vec<u8>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which keys sign a log, as far as it was written down: nothing was for a log that never changed its keys and is
/// the first.
pub(crate) async fn chain(door: &impl Queries, generation: u32) -> Result<Option<Chain>, Error> {
    let select = key::Entity::find().filter(key::Column::Generation.eq(i64::from(generation)));
    let rows = door.all(select.order_by_asc(key::Column::Since)).await?;
    let read =
        |text: &str| text.parse::<VerifierKey>().map_err(|_| store::Error::Damaged { what: "log key" });
    let mut keys = Vec::new();
    for row in rows {
        let since = u64::try_from(row.since).unwrap_or(0);
        keys.push((since, [read(&row.ed25519)?, read(&row.ml_dsa_44)?]));
    }
    let mut keys = keys.into_iter();
    Ok(keys.next().map(|(_, first)| Chain::new(first, keys.collect())))
}

/// Writes down which keys sign a log from an entry on.
pub(crate) async fn add_keys(
    tx: &mut Tx,
    generation: u32,
    since: u64,
    keys: &[VerifierKey; 2],
) -> Result<(), Error> {
    let row = key::Model {
        organization: tx.owner(),
        generation: generation.into(),
        since: i64::try_from(since).unwrap_or(i64::MAX),
        ed25519: keys[0].to_string(),
        ml_dsa_44: keys[1].to_string(),
    };
    Ok(tx.insert(row.into_active_model()).await?)
}

/// The note that was signed last and may have left.
pub(crate) async fn signed(door: &impl Queries, generation: u32) -> Result<Option<Vec<u8>>, Error> {
    let wanted = signed::Column::Generation.eq(i64::from(generation));
    Ok(door.one(signed::Entity::find().filter(wanted)).await?.map(|row| row.note))
}

/// Remembers a note before it leaves.
pub(crate) async fn remember(tx: &mut Tx, generation: u32, note: Vec<u8>) -> Result<(), Error> {
    let row = signed::ActiveModel {
        organization: Set(tx.owner()),
        generation: Set(generation.into()),
        note: Set(note),
    };
    let conflict = OnConflict::columns([signed::Column::Organization, signed::Column::Generation])
        .update_column(signed::Column::Note)
        .to_owned();
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}

/// How an anchor stands with a log.
pub(crate) async fn anchored(door: &impl Queries, anchor: &str, generation: u32) -> Result<Anchored, Error> {
    let wanted = anchored::Column::Generation.eq(i64::from(generation));
    let select = anchored::Entity::find().filter(anchored::Column::Anchor.eq(anchor)).filter(wanted);
    let Some(row) = door.one(select).await? else { return Ok(Anchored::default()) };
    Ok(Anchored { under_way: row.under_way, accepted: row.accepted.zip(row.receipt) })
}

/// Writes down how an anchor stands with a log.
pub(crate) async fn set_anchored(
    tx: &mut Tx,
    anchor: &str,
    generation: u32,
    state: Anchored,
) -> Result<(), Error> {
    let (accepted, receipt) = state.accepted.unzip();
    let row = anchored::ActiveModel {
        organization: Set(tx.owner()),
        anchor: Set(anchor.to_owned()),
        generation: Set(generation.into()),
        under_way: Set(state.under_way),
        accepted: Set(accepted),
        receipt: Set(receipt),
    };
    let key = [anchored::Column::Organization, anchored::Column::Anchor, anchored::Column::Generation];
    let columns = [anchored::Column::UnderWay, anchored::Column::Accepted, anchored::Column::Receipt];
    tx.insert_all(vec![row], OnConflict::columns(key).update_columns(columns).to_owned()).await?;
    Ok(())
}
