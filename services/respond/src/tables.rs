//! Tables `response_settings`, `responses` and `releases`: rows, and the queries over them.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Decision, Error, Reason, Response, Settings};
use base::{Id, Timestamp, noun};
use sea_orm::{
    ActiveValue::Set,
    entity::prelude::*,
    sea_query::{ColumnDef, OnConflict},
};
use std::{collections::HashMap, num::NonZeroU32};
use store::{Change, Guard, Migration, Queries, Schema, Tx};

pub(crate) const SCHEMA: Schema = Schema {
    service: "respond",
    migrations: &[Migration { name: "settings, responses, releases", up: first }],
};

/// Ids per question; SQLite binds at most 32,766 values to one statement.
const CHUNK: usize = 1_000;

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("response_settings", &[], |table| {
            table
                .col(ColumnDef::new("mode").text().not_null())
                .col(ColumnDef::new("observes_until").big_integer())
                .col(ColumnDef::new("brake_limit").big_integer())
        }),
        guard.table("responses", &["finding"], |table| {
            table
                .col(ColumnDef::new("finding").blob().not_null())
                .col(ColumnDef::new("identity").blob())
                .col(ColumnDef::new("decision").text().not_null())
                .col(ColumnDef::new("reason").text().not_null())
                .col(ColumnDef::new("arrival").big_integer().not_null())
                .col(ColumnDef::new("decided_at").big_integer().not_null())
        }),
        // What the brake counts.
        guard.index("responses_by_reason", "responses", &["reason", "arrival"]),
        guard.table("releases", &["identity"], |table| {
            table
                .col(ColumnDef::new("identity").blob().not_null())
                .col(ColumnDef::new("released_at").big_integer().not_null())
        }),
    ]
}

mod settings {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "response_settings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        pub mode: String,
        pub observes_until: Option<i64>,
        pub brake_limit: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod response {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "responses")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub finding: Vec<u8>,
        pub identity: Option<Vec<u8>>,
        pub decision: String,
        pub reason: String,
        pub arrival: i64,
        pub decided_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod release {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "releases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub identity: Vec<u8>,
        pub released_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The settings; `None` where they were not begun.
pub(crate) async fn settings(door: &impl Queries) -> Result<Option<Settings>, Error> {
    let Some(row) = door.one(settings::Entity::find()).await? else { return Ok(None) };
    let brake_limit = match row.brake_limit {
        None => None,
        Some(limit) => {
            let limit = u32::try_from(limit).ok().and_then(NonZeroU32::new);
            Some(limit.ok_or(Error::Damaged)?)
        }
    };
    Ok(Some(Settings {
        mode: row.mode.parse().map_err(|_| Error::Damaged)?,
        observes_until: row.observes_until.map(Timestamp::from_micros),
        brake_limit,
    }))
}

pub(crate) async fn put_settings(tx: &mut Tx, settings: &Settings) -> Result<(), Error> {
    let row = settings::ActiveModel {
        organization: Set(tx.owner()),
        mode: Set(settings.mode.as_str().to_owned()),
        observes_until: Set(settings.observes_until.map(Timestamp::micros)),
        brake_limit: Set(settings.brake_limit.map(|limit| i64::from(limit.get()))),
    };
    let conflict = OnConflict::column(settings::Column::Organization)
        .update_columns([
            settings::Column::Mode,
            settings::Column::ObservesUntil,
            settings::Column::BrakeLimit,
        ])
        .to_owned();
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}

fn read(row: &response::Model) -> Option<Response> {
    Some(Response {
        finding: Id::from_slice(&row.finding)?,
        identity: match &row.identity {
            None => None,
            Some(identity) => Some(Id::from_slice(identity)?),
        },
        decision: Decision::ALL.into_iter().find(|decision| decision.as_str() == row.decision)?,
        reason: Reason::ALL.into_iter().find(|reason| reason.as_str() == row.reason)?,
        arrival: Timestamp::from_micros(row.arrival),
        decided_at: Timestamp::from_micros(row.decided_at),
    })
}

/// The responses to those of these findings that have one.
pub(crate) async fn responses(
    door: &impl Queries,
    findings: &[Id<noun::Finding>],
) -> Result<HashMap<Id<noun::Finding>, Response>, Error> {
    let mut found = HashMap::new();
    for chunk in findings.chunks(CHUNK) {
        let ids = chunk.iter().map(|id| id.as_bytes().to_vec());
        let select = response::Entity::find().filter(response::Column::Finding.is_in(ids));
        for row in door.all(select).await? {
            let response = read(&row).ok_or(Error::Damaged)?;
            found.insert(response.finding, response);
        }
    }
    Ok(found)
}

/// How many automatic quarantines were tipped by activities that arrived between these moments.
pub(crate) async fn automatic_between(
    door: &impl Queries,
    (from, to): (Timestamp, Timestamp),
) -> Result<u64, Error> {
    let select = response::Entity::find()
        .filter(response::Column::Reason.eq(Reason::Automatic.as_str()))
        .filter(response::Column::Arrival.gt(from.micros()))
        .filter(response::Column::Arrival.lt(to.micros()));
    Ok(door.count(select).await?)
}

pub(crate) async fn put_responses(tx: &mut Tx, responses: &[Response]) -> Result<(), Error> {
    let owner = tx.owner();
    let rows = responses.iter().map(|response| response::ActiveModel {
        organization: Set(owner.clone()),
        finding: Set(response.finding.as_bytes().to_vec()),
        identity: Set(response.identity.map(|identity| identity.as_bytes().to_vec())),
        decision: Set(response.decision.as_str().to_owned()),
        reason: Set(response.reason.as_str().to_owned()),
        arrival: Set(response.arrival.micros()),
        decided_at: Set(response.decided_at.micros()),
    });
    let rows: Vec<_> = rows.collect();
    let conflict = OnConflict::columns([response::Column::Organization, response::Column::Finding])
        .update_columns([
            response::Column::Identity,
            response::Column::Decision,
            response::Column::Reason,
            response::Column::Arrival,
            response::Column::DecidedAt,
        ])
        .to_owned();
    tx.insert_all(rows, conflict).await?;
    Ok(())
}

/// When the identity was last released, if it was.
pub(crate) async fn released_at(
    door: &impl Queries,
    identity: Id<noun::Identity>,
) -> Result<Option<Timestamp>, Error> {
    let wanted = release::Column::Identity.eq(identity.as_bytes().to_vec());
    let row = door.one(release::Entity::find().filter(wanted)).await?;
    Ok(row.map(|row| Timestamp::from_micros(row.released_at)))
}

pub(crate) async fn put_release(
    tx: &mut Tx,
    identity: Id<noun::Identity>,
    at: Timestamp,
) -> Result<(), Error> {
    let row = release::ActiveModel {
        organization: Set(tx.owner()),
        identity: Set(identity.as_bytes().to_vec()),
        released_at: Set(at.micros()),
    };
    let conflict = OnConflict::columns([release::Column::Organization, release::Column::Identity])
        .update_column(release::Column::ReleasedAt)
        .to_owned();
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}
