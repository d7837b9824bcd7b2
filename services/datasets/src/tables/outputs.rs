//! Tables `dataset_outputs` and `dataset_output_keys`: what was protected here, and under which keys.

use super::{read, stored};
use crate::{Error, Location};
use base::{Id, Timestamp, noun};
use sea_orm::{
    ActiveValue::Set,
    FromQueryResult, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{ExprTrait as _, OnConflict},
};
use std::collections::HashMap;
use store::{Queries, Tx};

mod output {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "dataset_outputs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub run: Vec<u8>,
        pub dataset: Vec<u8>,
        pub key: Vec<u8>,
        pub format: String,
        pub rows: i64,
        pub bytes: i64,
        pub sha256: String,
        pub manifest_sha256: String,
        pub location: Option<String>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod output_key {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "dataset_output_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub dataset: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub run: Vec<u8>,
        pub rows: i64,
        pub bytes: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Runs per query; SQLite binds at most 32,766 values to one.
const CHUNK: usize = 1_000;

/// A row of the registry.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) run: Id<noun::Job>,
    pub(crate) dataset: Id<noun::Dataset>,
    pub(crate) key: Id<noun::Key>,
    pub(crate) format: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) manifest_sha256: String,
    pub(crate) location: Option<Location>,
    pub(crate) created_at: Timestamp,
}

/// How much stands under one version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) key: Id<noun::Key>,
    pub(crate) outputs: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

#[derive(FromQueryResult)]
struct Counted {
    key: Vec<u8>,
    outputs: i64,
    all_rows: i64,
    all_bytes: i64,
}

/// Registers an output, in the place of what stood at its location before.
pub(crate) async fn add(tx: &mut Tx, output: &Registered, keys: &[Id<noun::Key>]) -> Result<(), Error> {
    let row = output::ActiveModel {
        organization: Set(tx.owner()),
        run: Set(output.run.as_bytes().to_vec()),
        dataset: Set(output.dataset.as_bytes().to_vec()),
        key: Set(output.key.as_bytes().to_vec()),
        format: Set(output.format.clone()),
        rows: Set(stored(output.rows)),
        bytes: Set(stored(output.bytes)),
        sha256: Set(output.sha256.clone()),
        manifest_sha256: Set(output.manifest_sha256.clone()),
        location: Set(output.location.as_ref().map(|location| location.as_str().to_owned())),
        created_at: Set(output.created_at.micros()),
    };
    tx.insert(row).await?;
    let owner = tx.owner();
    let row = |key: &Id<noun::Key>| output_key::ActiveModel {
        organization: Set(owner.clone()),
        dataset: Set(output.dataset.as_bytes().to_vec()),
        key: Set(key.as_bytes().to_vec()),
        run: Set(output.run.as_bytes().to_vec()),
        rows: Set(stored(output.rows)),
        bytes: Set(stored(output.bytes)),
    };
    let rows = keys.iter().map(row).collect();
    use output_key::Column as C;
    let conflict = OnConflict::columns([C::Organization, C::Dataset, C::Key, C::Run]).do_nothing().to_owned();
    tx.insert_all(rows, conflict).await?;
    Ok(())
}

/// Takes an output off the registry; whether it was there.
pub(crate) async fn remove(tx: &mut Tx, run: Id<noun::Job>) -> Result<bool, Error> {
    let run = run.as_bytes().to_vec();
    let keys = output_key::Entity::delete_many().filter(output_key::Column::Run.eq(run.clone()));
    tx.delete(keys).await?;
    let removed = tx.delete(output::Entity::delete_many().filter(output::Column::Run.eq(run))).await?;
    Ok(removed > 0)
}

pub(crate) async fn get(door: &impl Queries, run: Id<noun::Job>) -> Result<Option<Registered>, Error> {
    let wanted = output::Column::Run.eq(run.as_bytes().to_vec());
    door.one(output::Entity::find().filter(wanted)).await?.map(of_row).transpose()
}

/// The keys that an output stands under.
pub(crate) async fn keys(door: &impl Queries, run: Id<noun::Job>) -> Result<Vec<Id<noun::Key>>, Error> {
    Ok(keys_of(door, [run]).await?.remove(&run).unwrap_or_default())
}

/// The keys that each of these outputs stands under.
pub(crate) async fn keys_of(
    door: &impl Queries,
    runs: impl IntoIterator<Item = Id<noun::Job>>,
) -> Result<HashMap<Id<noun::Job>, Vec<Id<noun::Key>>>, Error> {
    let runs: Vec<_> = runs.into_iter().map(|run| run.as_bytes().to_vec()).collect();
    let mut found: HashMap<_, Vec<_>> = HashMap::with_capacity(runs.len());
    for chunk in runs.chunks(CHUNK) {
        let wanted = output_key::Column::Run.is_in(chunk.to_vec());
        for row in door.all(output_key::Entity::find().filter(wanted)).await? {
            let run = Id::from_slice(&row.run).ok_or(Error::Damaged { what: "run of an output" })?;
            let key = Id::from_slice(&row.key).ok_or(Error::Damaged { what: "key of an output" })?;
            found.entry(run).or_default().push(key);
        }
    }
    Ok(found)
}

/// The outputs of a dataset after `after`, in the order of their runs.
pub(crate) async fn list(
    door: &impl Queries,
    dataset: Id<noun::Dataset>,
    after: Option<Id<noun::Job>>,
    limit: u64,
) -> Result<Vec<Registered>, Error> {
    let mut select = output::Entity::find()
        .filter(output::Column::Dataset.eq(dataset.as_bytes().to_vec()))
        .order_by_asc(output::Column::Run)
        .limit(limit);
    if let Some(after) = after {
        select = select.filter(output::Column::Run.gt(after.as_bytes().to_vec()));
    }
    door.all(select).await?.into_iter().map(of_row).collect()
}

/// The dataset's output at a location.
pub(crate) async fn at(
    door: &impl Queries,
    dataset: Id<noun::Dataset>,
    location: &Location,
) -> Result<Vec<Id<noun::Job>>, Error> {
    let select = output::Entity::find()
        .filter(output::Column::Dataset.eq(dataset.as_bytes().to_vec()))
        .filter(output::Column::Location.eq(location.as_str()));
    let rows = door.all(select).await?;
    rows.iter()
        .map(|row| Id::from_slice(&row.run).ok_or(Error::Damaged { what: "run of an output" }))
        .collect()
}

/// How much stands under each version, by key id.
pub(crate) async fn by_key(door: &impl Queries, dataset: Id<noun::Dataset>) -> Result<Vec<Count>, Error> {
    use output_key::Column as C;
    let select = output_key::Entity::find()
        .select_only()
        .column(C::Key)
        .column_as(C::Run.count(), "outputs")
        .column_as(C::Rows.sum().cast_as("BIGINT"), "all_rows")
        .column_as(C::Bytes.sum().cast_as("BIGINT"), "all_bytes")
        .filter(C::Dataset.eq(dataset.as_bytes().to_vec()))
        .group_by(C::Key)
        .order_by_asc(C::Key);
    let rows: Vec<Counted> = door.all_as(select).await?;
    let count = |row: Counted| {
        Ok(Count {
            key: Id::from_slice(&row.key).ok_or(Error::Damaged { what: "key of an output" })?,
            outputs: read(row.outputs, "number of outputs")?,
            rows: read(row.all_rows, "number of rows")?,
            bytes: read(row.all_bytes, "number of bytes")?,
        })
    };
    rows.into_iter().map(count).collect()
}

fn of_row(row: output::Model) -> Result<Registered, Error> {
    let location = row.location.map(|text| text.parse());
    Ok(Registered {
        run: Id::from_slice(&row.run).ok_or(Error::Damaged { what: "run of an output" })?,
        dataset: Id::from_slice(&row.dataset).ok_or(Error::Damaged { what: "dataset of an output" })?,
        key: Id::from_slice(&row.key).ok_or(Error::Damaged { what: "key of an output" })?,
        format: row.format,
        rows: read(row.rows, "number of rows")?,
        bytes: read(row.bytes, "number of bytes")?,
        sha256: row.sha256,
        manifest_sha256: row.manifest_sha256,
        location: location.transpose().map_err(|_| Error::Damaged { what: "location of an output" })?,
        created_at: Timestamp::from_micros(row.created_at),
    })
}
