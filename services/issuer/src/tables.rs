//! Table `credentials`: rows, and the queries over them.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Accounts, Credential, Error, Grant, Name};
use base::{Id, Role, Timestamp, noun};
use events::Format;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::ColumnDef};
use serde::{Deserialize, Serialize};
use store::{Change, Guard, Migration, Queries, Schema, Tx};

pub(crate) const SCHEMA: Schema =
    Schema { service: "issuer", migrations: &[Migration { name: "credentials", up: first }] };

fn first(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("credentials", &["id"], |table| {
            table
                .col(ColumnDef::new("id").blob().not_null())
                .col(ColumnDef::new("kind").text().not_null())
                .col(ColumnDef::new("grant").text().not_null())
                .col(ColumnDef::new("person").blob())
                .col(ColumnDef::new("role").text())
                .col(ColumnDef::new("hash").blob().not_null())
                .col(ColumnDef::new("issued_at").big_integer().not_null())
                .col(ColumnDef::new("expires_at").big_integer())
                .col(ColumnDef::new("revoked_at").big_integer())
        }),
        guard.index("credentials_by_person", "credentials", &["person"]),
        guard.index("credentials_by_role", "credentials", &["role"]),
    ]
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub kind: String,
    pub grant: String,
    pub person: Option<Vec<u8>>,
    pub role: Option<String>,
    pub hash: Vec<u8>,
    pub issued_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A grant as its column holds it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Stored {
    Ingest { format: String, accounts: Accounts },
    Identity { identity: Id<noun::Identity> },
    Person { name: Name, role: Role },
    Administrator { made: Option<Id<noun::Organization>> },
}

fn stored(grant: &Grant) -> String {
    let stored = match grant.clone() {
        Grant::Ingest { format, accounts } => Stored::Ingest { format: format.as_str().to_owned(), accounts },
        Grant::Identity { identity } => Stored::Identity { identity },
        Grant::Person { name, role } => Stored::Person { name, role },
        Grant::Administrator { made } => Stored::Administrator { made },
    };
    serde_json::to_string(&stored).expect("strings and ids are JSON")
}

fn grant(text: &str) -> Option<Grant> {
    Some(match serde_json::from_str(text).ok()? {
        Stored::Ingest { format, accounts } => {
            Grant::Ingest { format: format.parse::<Format>().ok()?, accounts }
        }
        Stored::Identity { identity } => Grant::Identity { identity },
        Stored::Person { name, role } => Grant::Person { name, role },
        Stored::Administrator { made } => Grant::Administrator { made },
    })
}

fn read(row: &Model) -> Result<Credential, Error> {
    Ok(Credential {
        id: Id::from_slice(&row.id).ok_or(Error::Damaged)?,
        grant: grant(&row.grant).ok_or(Error::Damaged)?,
        issued_at: Timestamp::from_micros(row.issued_at),
        expires_at: row.expires_at.map(Timestamp::from_micros),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
    })
}

/// A credential and the hash of its secret.
pub(crate) async fn get(
    door: &impl Queries,
    id: Id<noun::Credential>,
) -> Result<Option<(Credential, [u8; 32])>, Error> {
    let select = Entity::find().filter(Column::Id.eq(id.as_bytes().to_vec()));
    let Some(row) = door.one(select).await? else { return Ok(None) };
    let hash = row.hash.as_slice().try_into().map_err(|_| Error::Damaged)?;
    Ok(Some((read(&row)?, hash)))
}

/// A page of credentials, the last issued first.
pub(crate) async fn list(
    door: &impl Queries,
    before: Option<Id<noun::Credential>>,
    limit: u64,
) -> Result<Vec<Credential>, Error> {
    let mut select = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before.as_bytes().to_vec()));
    }
    door.all(select).await?.iter().map(read).collect()
}

/// Whether the person has, or had, a credential here.
pub(crate) async fn knows(door: &impl Queries, person: Id<noun::Person>) -> Result<bool, Error> {
    let select = Entity::find().filter(Column::Person.eq(person.as_bytes().to_vec())).limit(1);
    Ok(door.one(select).await?.is_some())
}

/// Whether any person has, or had, a credential here.
pub(crate) async fn knows_anyone(door: &impl Queries) -> Result<bool, Error> {
    Ok(door.one(Entity::find().filter(Column::Person.is_not_null()).limit(1)).await?.is_some())
}

/// How many credentials of this role can be used.
pub(crate) async fn usable(door: &impl Queries, role: Role) -> Result<u64, Error> {
    let select = Entity::find().filter(Column::Role.eq(role.as_str())).filter(Column::RevokedAt.is_null());
    Ok(door.count(select).await?)
}

/// The administrator secrets that can be used.
pub(crate) async fn administrators(door: &impl Queries) -> Result<Vec<Credential>, Error> {
    let select = Entity::find().filter(Column::Kind.eq("administrator")).filter(Column::RevokedAt.is_null());
    door.all(select).await?.iter().map(read).collect()
}

pub(crate) async fn add(tx: &mut Tx, credential: &Credential, hash: [u8; 32]) -> Result<(), Error> {
    let organization = tx.context().organization();
    let (person, role) = match &credential.grant {
        Grant::Person { name, role } => (Some(name.person(organization)), Some(*role)),
        _ => (None, None),
    };
    let row = ActiveModel {
        organization: Set(tx.owner()),
        id: Set(credential.id.as_bytes().to_vec()),
        kind: Set(credential.grant.kind().to_owned()),
        grant: Set(stored(&credential.grant)),
        person: Set(person.map(|person| person.as_bytes().to_vec())),
        role: Set(role.map(|role| role.as_str().to_owned())),
        hash: Set(hash.to_vec()),
        issued_at: Set(credential.issued_at.micros()),
        expires_at: Set(credential.expires_at.map(Timestamp::micros)),
        revoked_at: Set(credential.revoked_at.map(Timestamp::micros)),
    };
    Ok(tx.insert(row).await?)
}

pub(crate) async fn revoke(tx: &mut Tx, id: Id<noun::Credential>, at: Timestamp) -> Result<(), Error> {
    let update = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(at.micros()))
        .filter(Column::Id.eq(id.as_bytes().to_vec()))
        .filter(Column::RevokedAt.is_null());
    tx.update(update).await?;
    Ok(())
}

pub(crate) async fn regrant(tx: &mut Tx, id: Id<noun::Credential>, grant: &Grant) -> Result<(), Error> {
    let update = Entity::update_many()
        .col_expr(Column::Grant, Expr::value(stored(grant)))
        .filter(Column::Id.eq(id.as_bytes().to_vec()));
    tx.update(update).await?;
    Ok(())
}
