//! Table `tokens`: a sealed value for each token, found by token or by the value's blind index.

use base::{Id, noun};
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};
use store::{Queries, Tx};

mod token {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub dataset: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub field: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub token: String,
        pub lookup: Vec<u8>,
        pub value: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Values per query; SQLite binds at most 32,766 to one.
const CHUNK: usize = 1_000;

/// Which tokens are meant: those of one field under one version of its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) dataset: Id<noun::Dataset>,
    pub(crate) field: &'a str,
    pub(crate) key: Id<noun::Key>,
}

/// A token and its sealed value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) token: String,
    pub(crate) lookup: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

fn of(of: Of<'_>) -> sea_orm::Select<token::Entity> {
    token::Entity::find()
        .filter(token::Column::Dataset.eq(of.dataset.as_bytes().to_vec()))
        .filter(token::Column::Field.eq(of.field))
        .filter(token::Column::Key.eq(of.key.as_bytes().to_vec()))
}

/// The entries of the values with these blind indexes.
pub(crate) async fn by_lookup(
    door: &impl Queries,
    field: Of<'_>,
    lookups: &[Vec<u8>],
) -> Result<Vec<Entry>, store::Error> {
    let mut found = Vec::new();
    for chunk in lookups.chunks(CHUNK) {
        let rows = door.all(of(field).filter(token::Column::Lookup.is_in(chunk.to_vec()))).await?;
        found.extend(rows.into_iter().map(entry));
    }
    Ok(found)
}

/// The entries of these tokens.
pub(crate) async fn by_token(
    door: &impl Queries,
    field: Of<'_>,
    tokens: &[String],
) -> Result<Vec<Entry>, store::Error> {
    let mut found = Vec::new();
    for chunk in tokens.chunks(CHUNK) {
        let rows = door.all(of(field).filter(token::Column::Token.is_in(chunk.to_vec()))).await?;
        found.extend(rows.into_iter().map(entry));
    }
    Ok(found)
}

/// Adds entries; one whose token is taken is left out. How many were added.
pub(crate) async fn add(tx: &mut Tx, field: Of<'_>, entries: Vec<Entry>) -> Result<u64, store::Error> {
    use token::Column as C;
    let owner = tx.owner();
    let row = |entry: Entry| token::ActiveModel {
        organization: Set(owner.clone()),
        dataset: Set(field.dataset.as_bytes().to_vec()),
        field: Set(field.field.to_owned()),
        key: Set(field.key.as_bytes().to_vec()),
        token: Set(entry.token),
        lookup: Set(entry.lookup),
        value: Set(entry.value),
    };
    let rows = entries.into_iter().map(row).collect();
    let conflict = OnConflict::columns([C::Organization, C::Dataset, C::Field, C::Key, C::Token])
        .do_nothing()
        .to_owned();
    tx.insert_all(rows, conflict).await
}

fn entry(row: token::Model) -> Entry {
    Entry { token: row.token, lookup: row.lookup, value: row.value }
}
