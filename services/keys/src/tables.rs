//! Tables `keys`, `exports` and `producers`: rows, and the queries over them.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

mod references;
mod schema;

pub(crate) use references::{refer, references, set_wraps, unrefer, wraps_of};
pub(crate) use schema::SCHEMA;

use crate::{Error, Purpose, State};
use base::{Id, Secret, Timestamp, noun};
use crypto::{Suite, sign::Algorithm};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};
use store::{Queries, Tx};

pub(crate) mod key {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub purpose: String,
        pub dataset: Option<Vec<u8>>,
        pub version: i32,
        pub algorithm: String,
        pub public: Vec<u8>,
        pub private: Vec<u8>,
        pub created_at: i64,
        /// What this is a version of; none on rows older than the column.
        pub line: Option<Vec<u8>>,
        /// The field's path; empty unless it is a field key.
        pub field: String,
        /// The id that values bear; 0 unless it is a field key.
        pub value_id: i64,
        pub state: String,
        /// What a suspended version was before.
        pub before: Option<String>,
        /// The version of the organization's key pair that the private half is sealed to; none on rows older than
        /// the column, which are all under version 1, and on what is not sealed.
        pub over: Option<Vec<u8>>,
        /// Uses, counted in blocks before they happen.
        pub uses: i64,
        pub activated_at: Option<i64>,
        pub rewrapped_at: Option<i64>,
        pub handed_out_at: Option<i64>,
        /// In seconds.
        pub rotate_every: Option<i64>,
        pub rotate_uses: Option<i64>,
        pub rotate_at: Option<i64>,
        pub exported_at: Option<i64>,
        pub exported_version: Option<i64>,
        pub exported_to: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod producer {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "producers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub name: String,
        pub algorithm: String,
        pub public: Vec<u8>,
        pub thumbprint: String,
        pub created_at: i64,
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod export {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "exports")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Vec<u8>,
        pub key: Vec<u8>,
        pub suite: String,
        pub recipient: Vec<u8>,
        pub requested_by: Vec<u8>,
        pub requested_at: i64,
        pub expires_at: i64,
        pub approved_by: Option<Vec<u8>>,
        pub approved_at: Option<i64>,
        /// The sealed keyset, from approval to expiry.
        pub document: Option<Vec<u8>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One version of a key as it is stored.
pub(crate) type Row = key::Model;

/// Both halves of a key on their way into a row.
pub(crate) struct Half<'a> {
    pub(crate) private: &'a Secret<Vec<u8>>,
    pub(crate) public: &'a [u8],
}

/// What a key is a version of: all versions of one line serve the same purpose, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) purpose: Purpose,
    pub(crate) dataset: Option<Id<noun::Dataset>>,
    /// Empty unless the purpose is a field's.
    pub(crate) field: String,
    /// Part of the line for field keys only: other keys change their algorithm by rotation.
    pub(crate) algorithm: Option<String>,
}

impl Line {
    /// The organization's own key for a purpose.
    pub(crate) const fn own(purpose: Purpose) -> Self {
        Self { purpose, dataset: None, field: String::new(), algorithm: None }
    }

    /// A dataset's key pair.
    pub(crate) const fn dataset(dataset: Id<noun::Dataset>) -> Self {
        let purpose = Purpose::Dataset;
        Self { purpose, dataset: Some(dataset), field: String::new(), algorithm: None }
    }

    /// A field's key for one algorithm.
    pub(crate) fn field(dataset: Id<noun::Dataset>, field: &str, algorithm: &str) -> Self {
        Self {
            purpose: Purpose::Field,
            dataset: Some(dataset),
            field: field.to_owned(),
            algorithm: Some(algorithm.to_owned()),
        }
    }

    pub(crate) fn name(&self) -> Vec<u8> {
        let dataset = self.dataset.map(|dataset| dataset.to_string()).unwrap_or_default();
        let algorithm = self.algorithm.as_deref().unwrap_or_default();
        let parts = [self.purpose.as_str(), &dataset, &self.field, algorithm].map(str::as_bytes);
        Id::<noun::Key>::derived("nexora/key-line/1", &parts).as_bytes().to_vec()
    }

    fn select(&self) -> Select<key::Entity> {
        let mut select = key::Entity::find()
            .filter(key::Column::Purpose.eq(self.purpose.as_str()))
            .filter(key::Column::Field.eq(self.field.as_str()));
        select = match self.dataset {
            Some(dataset) => select.filter(key::Column::Dataset.eq(dataset.as_bytes().to_vec())),
            None => select.filter(key::Column::Dataset.is_null()),
        };
        match &self.algorithm {
            Some(algorithm) => select.filter(key::Column::Algorithm.eq(algorithm.as_str())),
            None => select,
        }
    }
}

impl Row {
    pub(crate) fn id(&self) -> Result<Id<noun::Key>, Error> {
        Id::from_slice(&self.id).ok_or(Error::Damaged { what: "key id" })
    }

    pub(crate) fn purpose(&self) -> Result<Purpose, Error> {
        let known = Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == self.purpose);
        known.ok_or(Error::Damaged { what: "key purpose" })
    }

    pub(crate) fn suite(&self) -> Result<Suite, Error> {
        Ok(self.algorithm.parse()?)
    }

    pub(crate) fn signature(&self) -> Result<Algorithm, Error> {
        Ok(self.algorithm.parse()?)
    }

    pub(crate) fn dataset(&self) -> Result<Option<Id<noun::Dataset>>, Error> {
        let read = |bytes: &Vec<u8>| Id::from_slice(bytes).ok_or(Error::Damaged { what: "key's dataset" });
        self.dataset.as_ref().map(read).transpose()
    }

    pub(crate) fn state(&self) -> Result<State, Error> {
        state(&self.state)
    }

    /// What a suspended version goes back to.
    pub(crate) fn before(&self) -> Result<Option<State>, Error> {
        self.before.as_deref().map(state).transpose()
    }

    pub(crate) fn over(&self) -> Result<Option<Id<noun::Key>>, Error> {
        let read = |bytes: &Vec<u8>| Id::from_slice(bytes).ok_or(Error::Damaged { what: "key over a key" });
        self.over.as_ref().map(read).transpose()
    }

    pub(crate) fn line(&self) -> Result<Line, Error> {
        let purpose = self.purpose()?;
        Ok(Line {
            purpose,
            dataset: self.dataset()?,
            field: self.field.clone(),
            algorithm: (purpose == Purpose::Field).then(|| self.algorithm.clone()),
        })
    }

    /// The id that values of a field key bear.
    pub(crate) fn value_id(&self) -> Result<u32, Error> {
        u32::try_from(self.value_id).map_err(|_| Error::Damaged { what: "key's value id" })
    }
}

fn state(text: &str) -> Result<State, Error> {
    let known = State::ALL.into_iter().find(|state| state.as_str() == text);
    known.ok_or(Error::Damaged { what: "key state" })
}

/// A version on its way into the table.
pub(crate) struct Fresh<'a> {
    pub(crate) id: Id<noun::Key>,
    pub(crate) line: &'a Line,
    pub(crate) version: i32,
    pub(crate) algorithm: &'a str,
    pub(crate) value_id: u32,
    pub(crate) state: State,
    pub(crate) public: &'a [u8],
    pub(crate) wrapped: Vec<u8>,
    pub(crate) over: Option<Id<noun::Key>>,
    /// The version before it: its rotation and its mark of export go on.
    pub(crate) after: Option<&'a Row>,
}

pub(crate) async fn add(tx: &mut Tx, fresh: Fresh<'_>) -> Result<Row, Error> {
    let now = tx.now().micros();
    let row = Row {
        organization: tx.owner(),
        id: fresh.id.as_bytes().to_vec(),
        purpose: fresh.line.purpose.as_str().to_owned(),
        dataset: fresh.line.dataset.map(|dataset| dataset.as_bytes().to_vec()),
        version: fresh.version,
        algorithm: fresh.algorithm.to_owned(),
        public: fresh.public.to_vec(),
        private: fresh.wrapped,
        created_at: now,
        line: Some(fresh.line.name()),
        field: fresh.line.field.clone(),
        value_id: i64::from(fresh.value_id),
        state: fresh.state.as_str().to_owned(),
        before: None,
        over: fresh.over.map(|over| over.as_bytes().to_vec()),
        uses: 0,
        activated_at: (fresh.state == State::Active).then_some(now),
        rewrapped_at: None,
        handed_out_at: None,
        rotate_every: fresh.after.and_then(|row| row.rotate_every),
        rotate_uses: fresh.after.and_then(|row| row.rotate_uses),
        rotate_at: None,
        exported_at: fresh.after.and_then(|row| row.exported_at),
        exported_version: fresh.after.and_then(|row| row.exported_version),
        exported_to: fresh.after.and_then(|row| row.exported_to.clone()),
    };
    tx.insert(key::ActiveModel::from(row.clone()).reset_all()).await?;
    Ok(row)
}

/// Writes back what changed of a version: everything but what it is.
pub(crate) async fn save(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    let update = key::Entity::update_many()
        .col_expr(key::Column::Private, Expr::value(row.private.clone()))
        .col_expr(key::Column::State, Expr::value(row.state.clone()))
        .col_expr(key::Column::Before, Expr::value(row.before.clone()))
        .col_expr(key::Column::Over, Expr::value(row.over.clone()))
        .col_expr(key::Column::Uses, Expr::value(row.uses))
        .col_expr(key::Column::ActivatedAt, Expr::value(row.activated_at))
        .col_expr(key::Column::RewrappedAt, Expr::value(row.rewrapped_at))
        .col_expr(key::Column::HandedOutAt, Expr::value(row.handed_out_at))
        .col_expr(key::Column::RotateEvery, Expr::value(row.rotate_every))
        .col_expr(key::Column::RotateUses, Expr::value(row.rotate_uses))
        .col_expr(key::Column::RotateAt, Expr::value(row.rotate_at))
        .col_expr(key::Column::ExportedAt, Expr::value(row.exported_at))
        .col_expr(key::Column::ExportedVersion, Expr::value(row.exported_version))
        .col_expr(key::Column::ExportedTo, Expr::value(row.exported_to.clone()))
        .filter(key::Column::Id.eq(row.id.clone()));
    tx.update(update).await?;
    Ok(())
}

/// One version.
pub(crate) async fn get(door: &impl Queries, id: Id<noun::Key>) -> Result<Option<Row>, Error> {
    Ok(door.one(key::Entity::find().filter(key::Column::Id.eq(id.as_bytes().to_vec()))).await?)
}

/// The version of a line that is in use.
pub(crate) async fn active(door: &impl Queries, line: &Line) -> Result<Option<Row>, Error> {
    let select = line.select().filter(key::Column::State.eq(State::Active.as_str()));
    Ok(door.one(select.order_by_desc(key::Column::Version)).await?)
}

/// The newest version of a line, whatever its state.
pub(crate) async fn newest(door: &impl Queries, line: &Line) -> Result<Option<Row>, Error> {
    Ok(door.one(line.select().order_by_desc(key::Column::Version)).await?)
}

/// The first version of a line.
pub(crate) async fn oldest(door: &impl Queries, line: &Line) -> Result<Option<Row>, Error> {
    Ok(door.one(line.select().order_by_asc(key::Column::Version)).await?)
}

/// Every version of a line, the oldest first.
pub(crate) async fn all_of(door: &impl Queries, line: &Line) -> Result<Vec<Row>, Error> {
    Ok(door.all(line.select().order_by_asc(key::Column::Version)).await?)
}

/// What a list of keys is cut to; everything by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Keys of this purpose.
    pub purpose: Option<Purpose>,
    /// Keys of this dataset.
    pub dataset: Option<Id<noun::Dataset>>,
    /// Keys of this field.
    pub field: Option<String>,
    /// Keys in this state.
    pub state: Option<State>,
}

/// Up to `limit` versions after an id, by id: the order in which they were made.
pub(crate) async fn list(
    door: &impl Queries,
    filter: &Filter,
    after: Option<Id<noun::Key>>,
    limit: u64,
) -> Result<Vec<Row>, Error> {
    let mut select = key::Entity::find();
    if let Some(purpose) = filter.purpose {
        select = select.filter(key::Column::Purpose.eq(purpose.as_str()));
    }
    if let Some(dataset) = filter.dataset {
        select = select.filter(key::Column::Dataset.eq(dataset.as_bytes().to_vec()));
    }
    if let Some(field) = &filter.field {
        select = select.filter(key::Column::Field.eq(field.as_str()));
    }
    if let Some(state) = filter.state {
        select = select.filter(key::Column::State.eq(state.as_str()));
    }
    if let Some(after) = after {
        select = select.filter(key::Column::Id.gt(after.as_bytes().to_vec()));
    }
    Ok(door.all(select.order_by_asc(key::Column::Id).limit(limit)).await?)
}

/// Versions in use whose rotation is due at `now`, the longest due first.
pub(crate) async fn due(door: &impl Queries, now: Timestamp, limit: u64) -> Result<Vec<Row>, Error> {
    let select = key::Entity::find()
        .filter(key::Column::RotateAt.lte(now.micros()))
        .filter(key::Column::State.eq(State::Active.as_str()))
        .order_by_asc(key::Column::RotateAt)
        .limit(limit);
    Ok(door.all(select).await?)
}

/// How many versions that are not destroyed have their private half sealed to this one. Rows older than the
/// column count for the first version.
pub(crate) async fn sealed_to(door: &impl Queries, row: &Row) -> Result<u64, Error> {
    let alive = key::Column::State.ne(State::Destroyed.as_str());
    let named = key::Entity::find().filter(key::Column::Over.eq(row.id.clone())).filter(alive.clone());
    let mut count = door.count(named).await?;
    if row.version == 1 {
        let unnamed = key::Entity::find()
            .filter(key::Column::Purpose.eq(Purpose::Dataset.as_str()))
            .filter(key::Column::Over.is_null())
            .filter(alive);
        count += door.count(unnamed).await?;
    }
    Ok(count)
}

/// Up to `limit` versions after an id that have a private half, by id.
pub(crate) async fn wrapped(
    door: &impl Queries,
    after: Option<Id<noun::Key>>,
    limit: u64,
) -> Result<Vec<Row>, Error> {
    let mut select = key::Entity::find().filter(key::Column::State.ne(State::Destroyed.as_str()));
    if let Some(after) = after {
        select = select.filter(key::Column::Id.gt(after.as_bytes().to_vec()));
    }
    Ok(door.all(select.order_by_asc(key::Column::Id).limit(limit)).await?)
}

#[cfg(test)]
mod tests;
