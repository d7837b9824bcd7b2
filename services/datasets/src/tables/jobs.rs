//! Table `reencryptions`: what protects outputs anew, and how far it is.

use super::{read, stored};
use crate::{Error, JobState, Reencryption};
use base::{Id, Timestamp, noun};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use store::{Queries, Tx};

mod job {
    use super::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
    #[sea_orm(table_name = "reencryptions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization: Vec<u8>,
        #[sea_orm(primary_key, auto_increment = false)]
        pub job: Vec<u8>,
        pub dataset: Vec<u8>,
        pub state: String,
        pub outputs: i64,
        pub done: i64,
        pub failed: i64,
        pub elsewhere: i64,
        pub rows: i64,
        pub bytes: i64,
        pub total_bytes: i64,
        pub asked_at: i64,
        pub moved_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Writes how far a job is.
pub(crate) async fn put(
    tx: &mut Tx,
    dataset: Id<noun::Dataset>,
    reencryption: &Reencryption,
) -> Result<(), Error> {
    use job::Column as C;
    let row = job::ActiveModel {
        organization: Set(tx.owner()),
        job: Set(reencryption.job.as_bytes().to_vec()),
        dataset: Set(dataset.as_bytes().to_vec()),
        state: Set(reencryption.state.as_str().to_owned()),
        outputs: Set(stored(reencryption.outputs)),
        done: Set(stored(reencryption.done)),
        failed: Set(stored(reencryption.failed)),
        elsewhere: Set(stored(reencryption.elsewhere)),
        rows: Set(stored(reencryption.rows)),
        bytes: Set(stored(reencryption.bytes)),
        total_bytes: Set(stored(reencryption.total_bytes)),
        asked_at: Set(reencryption.asked_at.micros()),
        moved_at: Set(reencryption.moved_at.micros()),
    };
    let conflict = OnConflict::columns([C::Organization, C::Job])
        .update_columns([
            C::State,
            C::Outputs,
            C::Done,
            C::Failed,
            C::Rows,
            C::Bytes,
            C::TotalBytes,
            C::MovedAt,
        ])
        .to_owned();
    tx.insert_all(vec![row], conflict).await?;
    Ok(())
}

/// The last job of a dataset.
pub(crate) async fn last(
    door: &impl Queries,
    dataset: Id<noun::Dataset>,
) -> Result<Option<Reencryption>, Error> {
    let select = job::Entity::find()
        .filter(job::Column::Dataset.eq(dataset.as_bytes().to_vec()))
        .order_by_desc(job::Column::Job);
    Ok(door.one(select).await?.map(of_row).transpose()?.map(|(_, job)| job))
}

/// The jobs that have not come to an end.
pub(crate) async fn running(door: &impl Queries) -> Result<Vec<(Id<noun::Dataset>, Reencryption)>, Error> {
    let wanted = job::Column::State.eq(JobState::Running.as_str());
    door.all(job::Entity::find().filter(wanted)).await?.into_iter().map(of_row).collect()
}

fn of_row(row: job::Model) -> Result<(Id<noun::Dataset>, Reencryption), Error> {
    const WHAT: &str = "progress of a job";
    let dataset = Id::from_slice(&row.dataset).ok_or(Error::Damaged { what: "dataset of a job" })?;
    let job = Reencryption {
        job: Id::from_slice(&row.job).ok_or(Error::Damaged { what: "id of a job" })?,
        state: JobState::of_code(&row.state)?,
        outputs: read(row.outputs, WHAT)?,
        done: read(row.done, WHAT)?,
        failed: read(row.failed, WHAT)?,
        elsewhere: read(row.elsewhere, WHAT)?,
        rows: read(row.rows, WHAT)?,
        bytes: read(row.bytes, WHAT)?,
        total_bytes: read(row.total_bytes, WHAT)?,
        asked_at: Timestamp::from_micros(row.asked_at),
        moved_at: Timestamp::from_micros(row.moved_at),
    };
    Ok((dataset, job))
}
