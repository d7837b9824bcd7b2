//! Tables `identities` and `identity_times`: rows, and the queries over them.
//!
//! Times are telemetry and live apart, so that writing them behind touches no row that a decision reads.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Error, Filter, Identity, Nature, known::Times, rules::Merged};
use base::{Id, Timestamp, noun};
use sea_orm::{
    ActiveValue::Set,
    FromQueryResult, QueryOrder, QuerySelect, Select,
    entity::prelude::*,
    sea_query::{ColumnDef, OnConflict},
};
use standing::Standing;
use std::collections::HashMap;
use store::{Change, Guard, Migration, Queries, Schema, Tx};

pub(crate) const SCHEMA: Schema = Schema {
    service: "identities",
    migrations: &[Migration { name: "identities and their times", up: first }],
};

/// Ids per question; SQLite binds at most 32,766 values to one statement.
const CHUNK: usize = 1_000;

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("identities", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("provider").text().not_null())
                .col(ColumnDef::new("kind").text().not_null())
                .col(ColumnDef::new("account").text())
                .col(ColumnDef::new("native").text().not_null())
                .col(ColumnDef::new("name").text().not_null())
                .col(ColumnDef::new("owner").blob())
                .col(ColumnDef::new("nature").text().not_null())
                .col(ColumnDef::new("provider_owned").boolean().not_null())
                .col(ColumnDef::new("protected").boolean().not_null())
                .col(ColumnDef::new("first_seen").big_integer().not_null())
                .col(ColumnDef::new("last_seen").big_integer().not_null())
        }),
        guard.index("identities_by_native", "identities", &["native"]),
        guard.index("identities_by_owner", "identities", &["owner"]),
        guard.table("identity_times", &["identity"], |table| {
            table
                .col(ColumnDef::new("identity").blob().not_null())
                .col(ColumnDef::new("first_seen").big_integer().not_null())
                .col(ColumnDef::new("last_seen").big_integer().not_null())
        }),
    ]
}

mod identity {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "identities")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub provider: String,
        pub kind: String,
        pub account: Option<String>,
        pub native: String,
        pub name: String,
        pub owner: Option<Vec<u8>>,
        pub nature: String,
        pub provider_owned: bool,
        pub protected: bool,
        pub first_seen: i64,
        pub last_seen: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod times {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "identity_times")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub identity: Vec<u8>,
        pub first_seen: i64,
        pub last_seen: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn bytes(id: Id<noun::Identity>) -> Vec<u8> {
    id.as_bytes().to_vec()
}

fn read(row: identity::Model) -> Option<Identity> {
    Some(Identity {
        id: Id::from_slice(&row.id)?,
        provider: row.provider,
        kind: row.kind,
        account: row.account,
        native: row.native,
        name: row.name,
        owner: match row.owner {
            None => None,
            Some(owner) => Some(Id::from_slice(&owner)?),
        },
        nature: row.nature.parse().ok()?,
        provider_owned: row.provider_owned,
        protected: row.protected,
        first_seen: Timestamp::from_micros(row.first_seen),
        last_seen: Timestamp::from_micros(row.last_seen),
        standing: Standing::Good,
    })
}

fn all(rows: Vec<identity::Model>) -> Result<Vec<Identity>, Error> {
    rows.into_iter().map(|row| read(row).ok_or(Error::Damaged)).collect()
}

/// Those of these identities that there are, by id.
pub(crate) async fn by_ids(
    door: &impl Queries,
    ids: impl IntoIterator<Item = Id<noun::Identity>>,
) -> Result<HashMap<Id<noun::Identity>, Identity>, Error> {
    let ids: Vec<_> = ids.into_iter().map(bytes).collect();
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let select = identity::Entity::find().filter(identity::Column::Id.is_in(chunk.iter().cloned()));
        for identity in all(door.all(select).await?)? {
            found.insert(identity.id, identity);
        }
    }
    Ok(found)
}

/// A page of identities in order of their ids. `among`, where given, holds the only ids that may come.
pub(crate) async fn list(
    door: &impl Queries,
    filter: &Filter,
    among: Option<Vec<Id<noun::Identity>>>,
    after: Option<Id<noun::Identity>>,
    limit: u64,
) -> Result<Vec<Identity>, Error> {
    let Some(among) = among else {
        return all(door.all(select(filter, after, limit)).await?);
    };
    let mut among: Vec<_> = among.into_iter().filter(|id| after.is_none_or(|after| *id > after)).collect();
    among.sort_unstable();
    let mut found = Vec::new();
    for chunk in among.chunks(CHUNK) {
        let select = select(filter, after, limit);
        let ids = chunk.iter().map(|id| bytes(*id));
        found.extend(all(door.all(select.filter(identity::Column::Id.is_in(ids))).await?)?);
        if found.len() as u64 >= limit {
            break;
        }
    }
    Ok(found)
}

fn select(filter: &Filter, after: Option<Id<noun::Identity>>, limit: u64) -> Select<identity::Entity> {
    use identity::Column as C;
    let mut select = identity::Entity::find().order_by_asc(C::Id).limit(limit);
    if let Some(after) = after {
        select = select.filter(C::Id.gt(bytes(after)));
    }
    if let Some(nature) = filter.nature {
        select = select.filter(C::Nature.eq(nature.as_str()));
    }
    if let Some(provider) = &filter.provider {
        select = select.filter(C::Provider.eq(provider.as_str()));
    }
    if let Some(kind) = &filter.kind {
        select = select.filter(C::Kind.eq(kind.as_str()));
    }
    if let Some(native) = &filter.native {
        select = select.filter(C::Native.eq(native.as_str()));
    }
    if let Some(owner) = filter.owner {
        select = select.filter(C::Owner.eq(bytes(owner)));
    }
    if let Some(protected) = filter.protected {
        select = select.filter(C::Protected.eq(protected));
    }
    select
}

/// The part of a row that memory holds.
#[derive(FromQueryResult)]
struct Outline {
    id: Vec<u8>,
    nature: String,
    protected: bool,
    first_seen: i64,
    last_seen: i64,
}

/// What memory holds of one identity.
pub(crate) struct Outlined {
    pub(crate) nature: Nature,
    pub(crate) protected: bool,
    pub(crate) times: Times,
}

/// A page of identities in order of their ids, as far as memory holds them.
pub(crate) async fn outlines(
    door: &impl Queries,
    after: Option<Id<noun::Identity>>,
    limit: u64,
) -> Result<Vec<Outlined>, Error> {
    use identity::Column as C;
    let select = select(&Filter::default(), after, limit).select_only().columns([
        C::Id,
        C::Nature,
        C::Protected,
        C::FirstSeen,
        C::LastSeen,
    ]);
    let rows: Vec<Outline> = door.all_as(select).await?;
    let Some(last) = rows.last() else { return Ok(Vec::new()) };
    let mut written = times::Entity::find().filter(times::Column::Identity.lte(last.id.clone()));
    if let Some(after) = after {
        written = written.filter(times::Column::Identity.gt(bytes(after)));
    }
    let written = door.all(written).await?;
    let written: HashMap<_, _> =
        written.into_iter().map(|row| (row.identity, (row.first_seen, row.last_seen))).collect();
    let outline = |row: Outline| {
        let (first, last) = (row.first_seen, row.last_seen);
        let (first, last) =
            written.get(&row.id).map_or((first, last), |behind| (first.min(behind.0), last.max(behind.1)));
        let identity = Id::from_slice(&row.id)?;
        let (first, last) = (Timestamp::from_micros(first), Timestamp::from_micros(last));
        let times = Times { identity, first, last };
        Some(Outlined { nature: row.nature.parse().ok()?, protected: row.protected, times })
    };
    rows.into_iter().map(|row| outline(row).ok_or(Error::Damaged)).collect()
}

/// The times that were written behind, of those identities that have any.
pub(crate) async fn times_of(
    door: &impl Queries,
    ids: &[Id<noun::Identity>],
) -> Result<HashMap<Id<noun::Identity>, Times>, Error> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let ids = chunk.iter().map(|id| bytes(*id));
        let select = times::Entity::find().filter(times::Column::Identity.is_in(ids));
        for row in door.all(select).await? {
            let identity = Id::from_slice(&row.identity).ok_or(Error::Damaged)?;
            let first = Timestamp::from_micros(row.first_seen);
            let last = Timestamp::from_micros(row.last_seen);
            found.insert(identity, Times { identity, first, last });
        }
    }
    Ok(found)
}

pub(crate) async fn add(tx: &mut Tx, fresh: &[Merged<'_>]) -> Result<(), Error> {
    let owner = tx.owner();
    let rows = fresh.iter().map(|merged| {
        let sighting = merged.sighting;
        identity::ActiveModel {
            organization: Set(owner.clone()),
            id: Set(bytes(sighting.id)),
            provider: Set(sighting.provider.clone().into_owned()),
            kind: Set(sighting.kind.clone().into_owned()),
            account: Set(sighting.account.clone()),
            native: Set(sighting.native.clone()),
            name: Set(sighting.name.clone()),
            owner: Set(sighting.owner.map(bytes)),
            nature: Set(merged.nature.as_str().to_owned()),
            provider_owned: Set(sighting.provider_owned),
            protected: Set(false),
            first_seen: Set(merged.first.micros()),
            last_seen: Set(merged.last.micros()),
        }
    });
    let rows: Vec<_> = rows.collect();
    let conflict =
        OnConflict::columns([identity::Column::Organization, identity::Column::Id]).do_nothing().to_owned();
    tx.insert_all(rows, conflict).await?;
    Ok(())
}

pub(crate) async fn set_nature(tx: &mut Tx, ids: &[Id<noun::Identity>], nature: Nature) -> Result<(), Error> {
    for chunk in ids.chunks(CHUNK) {
        let update = identity::Entity::update_many()
            .col_expr(identity::Column::Nature, Expr::value(nature.as_str()))
            .filter(identity::Column::Id.is_in(chunk.iter().map(|id| bytes(*id))));
        tx.update(update).await?;
    }
    Ok(())
}

/// Takes identities out, with their times; how many there were.
pub(crate) async fn remove(tx: &mut Tx, ids: &[Id<noun::Identity>]) -> Result<u64, Error> {
    let mut removed = 0;
    for chunk in ids.chunks(CHUNK) {
        let wanted = || chunk.iter().map(|id| bytes(*id));
        let delete = times::Entity::delete_many().filter(times::Column::Identity.is_in(wanted()));
        tx.delete(delete).await?;
        let delete = identity::Entity::delete_many().filter(identity::Column::Id.is_in(wanted()));
        removed += tx.delete(delete).await?;
    }
    Ok(removed)
}

/// Whether there is such an identity.
pub(crate) async fn set_protected(
    tx: &mut Tx,
    id: Id<noun::Identity>,
    protected: bool,
) -> Result<bool, Error> {
    let update = identity::Entity::update_many()
        .col_expr(identity::Column::Protected, Expr::value(protected))
        .filter(identity::Column::Id.eq(bytes(id)));
    Ok(tx.update(update).await? > 0)
}

pub(crate) async fn put_times(tx: &mut Tx, times: &[Times]) -> Result<(), Error> {
    let owner = tx.owner();
    let rows = times.iter().map(|times| times::ActiveModel {
        organization: Set(owner.clone()),
        identity: Set(bytes(times.identity)),
        first_seen: Set(times.first.micros()),
        last_seen: Set(times.last.micros()),
    });
    let rows: Vec<_> = rows.collect();
    let conflict = OnConflict::columns([times::Column::Organization, times::Column::Identity])
        .update_columns([times::Column::FirstSeen, times::Column::LastSeen])
        .to_owned();
    tx.insert_all(rows, conflict).await?;
    Ok(())
}

pub(crate) async fn count(door: &impl Queries) -> Result<u64, Error> {
    Ok(door.count(identity::Entity::find()).await?)
}
