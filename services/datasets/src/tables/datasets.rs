//! Table `datasets`.

use super::read;
use crate::{Dataset, Error, Name};
use base::{Id, Timestamp, noun};
use fields::FieldPolicy;
use sea_orm::{ActiveValue::Set, FromQueryResult, QueryOrder, QuerySelect, entity::prelude::*};
use store::{Queries, Tx};

mod dataset {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "datasets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub name: String,
        pub created_at: i64,
        pub policy: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) async fn get(door: &impl Queries, name: &Name) -> Result<Option<Dataset>, Error> {
    let wanted = dataset::Column::Name.eq(name.as_str());
    door.one(dataset::Entity::find().filter(wanted)).await?.map(of_row).transpose()
}

/// How many there are.
pub(crate) async fn count(door: &impl Queries) -> Result<u64, Error> {
    let all = dataset::Entity::find().select_only().column_as(dataset::Column::Id.count(), "datasets");
    let counted: Option<Counted> = door.all_as(all).await?.pop();
    read(counted.map_or(0, |counted| counted.datasets), "number of datasets")
}

#[derive(FromQueryResult)]
struct Counted {
    datasets: i64,
}

pub(crate) async fn list(
    door: &impl Queries,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Dataset>, Error> {
    let mut select = dataset::Entity::find().order_by_asc(dataset::Column::Name).limit(limit);
    if let Some(after) = after {
        select = select.filter(dataset::Column::Name.gt(after));
    }
    door.all(select).await?.into_iter().map(of_row).collect()
}

pub(crate) async fn add(
    tx: &mut Tx,
    id: Id<noun::Dataset>,
    name: &Name,
    policy: Option<&FieldPolicy>,
) -> Result<(), Error> {
    let row = dataset::ActiveModel {
        organization: Set(tx.owner()),
        id: Set(id.as_bytes().to_vec()),
        name: Set(name.as_str().to_owned()),
        created_at: Set(tx.now().micros()),
        policy: Set(policy.map(text)),
    };
    Ok(tx.insert(row).await?)
}

pub(crate) async fn set_policy(
    tx: &mut Tx,
    id: Id<noun::Dataset>,
    policy: &FieldPolicy,
) -> Result<(), Error> {
    let update = dataset::Entity::update_many()
        .col_expr(dataset::Column::Policy, Expr::value(text(policy)))
        .filter(dataset::Column::Id.eq(id.as_bytes().to_vec()));
    tx.update(update).await?;
    Ok(())
}

fn text(policy: &FieldPolicy) -> String {
    serde_json::to_string(policy).expect("a policy is JSON")
}

fn of_row(row: dataset::Model) -> Result<Dataset, Error> {
    let policy = row.policy.map(|json| serde_json::from_str(&json));
    Ok(Dataset {
        id: Id::from_slice(&row.id).ok_or(Error::Damaged { what: "id" })?,
        name: row.name.parse().map_err(|_| Error::Damaged { what: "name" })?,
        policy: policy.transpose().map_err(|_| Error::Damaged { what: "field policy" })?,
        created_at: Timestamp::from_micros(row.created_at),
    })
}
