//! Table `standings`: a row per identity that was ever quarantined.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{By, Error, Quarantine, Reason, Standing, view::Fact};
use base::{Id, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{ColumnDef, OnConflict},
};
use store::{Change, Guard, Migration, Queries, Schema, Tx};

pub(crate) const SCHEMA: Schema =
    Schema { service: "standing", migrations: &[Migration { name: "standings", up: first }] };

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("standings", &["identity"], |table| {
            table
                .col(ColumnDef::new("identity").blob().not_null())
                .col(ColumnDef::new("position").big_integer().not_null())
                .col(ColumnDef::new("state").text().not_null())
                .col(ColumnDef::new("since").big_integer().not_null())
                .col(ColumnDef::new("reason").text())
                .col(ColumnDef::new("finding").blob())
                .col(ColumnDef::new("person").blob())
        }),
        guard.unique("standings_by_position", "standings", &["position"]),
    ]
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "standings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub identity: Vec<u8>,
    pub position: i64,
    pub state: String,
    pub since: i64,
    pub reason: Option<String>,
    pub finding: Option<Vec<u8>>,
    pub person: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn fact(row: Model) -> Option<Fact> {
    let standing = match row.state.as_str() {
        "good" => Standing::Good,
        "quarantined" => Standing::Quarantined(Quarantine {
            since: Timestamp::from_micros(row.since),
            reason: Reason::of(row.reason.as_deref()?)?,
            finding: row.finding.as_deref().map(|id| Id::from_slice(id).ok_or(())).transpose().ok()?,
            by: match row.person.as_deref() {
                None => By::Nexora,
                Some(person) => By::Person(Id::from_slice(person)?),
            },
        }),
        _ => return None,
    };
    Some(Fact { identity: Id::from_slice(&row.identity)?, standing, position: row.position })
}

/// Changes from `position` on, in order, at most `limit`.
pub(crate) async fn since(door: &impl Queries, position: i64, limit: u64) -> Result<Vec<Fact>, Error> {
    let select =
        Entity::find().filter(Column::Position.gte(position)).order_by_asc(Column::Position).limit(limit);
    // A row that does not read must not read as good.
    door.all(select).await?.into_iter().map(|row| fact(row).ok_or(Error::Damaged)).collect()
}

/// The standing of one identity, as committed.
pub(crate) async fn get(door: &impl Queries, identity: Id<base::noun::Identity>) -> Result<Standing, Error> {
    let select = Entity::find().filter(Column::Identity.eq(identity.as_bytes().to_vec()));
    match door.one(select).await? {
        None => Ok(Standing::Good),
        Some(row) => fact(row).map(|fact| fact.standing).ok_or(Error::Damaged),
    }
}

pub(crate) async fn put(tx: &mut Tx, fact: &Fact, at: Timestamp) -> Result<(), Error> {
    let quarantine = match fact.standing {
        Standing::Good => None,
        Standing::Quarantined(quarantine) => Some(quarantine),
    };
    let person = quarantine.and_then(|quarantine| match quarantine.by {
        By::Nexora => None,
        By::Person(person) => Some(person.as_bytes().to_vec()),
    });
    let row = ActiveModel {
        organization: Set(tx.owner()),
        identity: Set(fact.identity.as_bytes().to_vec()),
        position: Set(fact.position),
        state: Set(fact.standing.as_str().to_owned()),
        since: Set(at.micros()),
        reason: Set(quarantine.map(|quarantine| quarantine.reason.as_str().to_owned())),
        finding: Set(quarantine.and_then(|quarantine| quarantine.finding).map(|id| id.as_bytes().to_vec())),
        person: Set(person),
    };
    let conflict = OnConflict::columns([Column::Organization, Column::Identity])
        .update_columns([
            Column::Position,
            Column::State,
            Column::Since,
            Column::Reason,
            Column::Finding,
            Column::Person,
        ])
        .to_owned();
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}
