//! Tables `breaches`, `shreds`, `tombstones`, `recoveries`, `ceremonies`, `contributions`, `recovery_requests` and `root_acts`: rows and the
//! queries over them. What each means stands in `breach.rs`, `shred.rs`, `recovery/` and `root_acts.rs`.
#![expect(unreachable_pub, reason = "the entity derives make public items; the module is private")]

use crate::{Error, Scope, Unit};
use base::{Id, Timestamp, noun};
use sea_orm::{
    ActiveValue::Set,
    IntoActiveModel, Iterable, PrimaryKeyToColumn, QueryOrder,
    entity::prelude::*,
    sea_query::{ColumnDef, OnConflict, TableCreateStatement},
};
use store::{Change, Guard, Queries, Tx};

pub(crate) fn tables(guard: &Guard) -> Vec<Change> {
    vec![
        guard.table("breaches", &["id"], |table| {
            let table = bytes(table, &["id", "declared_by"], &["dataset", "undone_by"]);
            let table = times(table, &["declared_at"], &["undone_at"]);
            table.col(ColumnDef::new("reason").text().not_null())
        }),
        guard.table("shreds", &["id"], |table| {
            let table = bytes(
                table,
                &["id", "requested_by"],
                &["dataset", "approved_by", "cancelled_by", "certificate"],
            );
            let table = times(
                table,
                &["requested_at", "expires_at"],
                &["approved_at", "cancelled_at", "forgotten_at", "done_at", "published_at"],
            );
            table.col(ColumnDef::new("reason").text().not_null())
        }),
        guard.table("tombstones", &["unit"], |table| {
            times(table, &["at"], &[]).col(ColumnDef::new("unit").text().not_null())
        }),
        guard.table("recoveries", &["setup"], |table| {
            let table = bytes(table, &["setup", "head", "vouched"], &["package_hash", "package_keys"]);
            times(table, &["set_up_at", "generation"], &["rehearsed_at", "packaged_at", "ended_at"])
        }),
        guard.table("ceremonies", &["id"], |table| {
            let table = bytes(table, &["id", "setup", "begun_by", "public", "private", "package"], &[]);
            let table = times(table, &["begun_at", "expires_at"], &["ended_at"]);
            table.col(ColumnDef::new("aim").text().not_null())
        }),
        guard.table("contributions", &["ceremony", "custodian"], |table| {
            let table = bytes(table, &["ceremony", "custodian", "given_by", "sealed"], &[]);
            times(table, &["given_at"], &[])
        }),
    ]
}

/// What was done to the root of trust and is in the platform's log.
pub(crate) fn root_acts(guard: &Guard) -> Vec<Change> {
    vec![guard.table("root_acts", &["id"], |table| {
        times(table, &["at"], &[]).col(ColumnDef::new("id").text().not_null())
    })]
}

/// Setups that wait for another person's approval.
pub(crate) fn recovery_requests_table(guard: &Guard) -> Vec<Change> {
    vec![guard.table("recovery_requests", &["id"], |table| {
        let table = bytes(table, &["id", "custodians", "requested_by"], &["approved_by"]);
        times(table, &["quorum", "requested_at", "expires_at"], &["approved_at"])
    })]
}

/// That a setup that waits may be cancelled.
pub(crate) fn recovery_requests_cancelled(guard: &Guard) -> Vec<Change> {
    vec![
        guard.column("recovery_requests", ColumnDef::new("cancelled_by").blob()),
        guard.column("recovery_requests", ColumnDef::new("cancelled_at").big_integer()),
    ]
}

/// How many keys a recovery package lacks.
pub(crate) fn recoveries_left_out(guard: &Guard) -> Vec<Change> {
    vec![guard.column("recoveries", ColumnDef::new("left_out").big_integer().not_null().default(0))]
}

fn bytes<'a>(
    table: &'a mut TableCreateStatement,
    there: &[&'static str],
    perhaps: &[&'static str],
) -> &'a mut TableCreateStatement {
    for name in there {
        table.col(ColumnDef::new(*name).blob().not_null());
    }
    for name in perhaps {
        table.col(ColumnDef::new(*name).blob());
    }
    table
}

fn times<'a>(
    table: &'a mut TableCreateStatement,
    there: &[&'static str],
    perhaps: &[&'static str],
) -> &'a mut TableCreateStatement {
    for name in there {
        table.col(ColumnDef::new(*name).big_integer().not_null());
    }
    for name in perhaps {
        table.col(ColumnDef::new(*name).big_integer());
    }
    table
}

/// One table's entity, with the primary key `organization` and then the fields before the semicolon.
macro_rules! entity {
    ($module:ident, $table:literal, $($key:ident: $key_type:ty),+; $($field:ident: $type:ty),+ $(,)?) => {
        pub(crate) mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Eq)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub organization: Vec<u8>,
                $(#[sea_orm(primary_key, auto_increment = false)]
                pub $key: $key_type,)+
                $(pub $field: $type,)+
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(breach, "breaches", id: Vec<u8>;
    dataset: Option<Vec<u8>>,
    reason: String,
    declared_by: Vec<u8>,
    declared_at: i64,
    undone_by: Option<Vec<u8>>,
    undone_at: Option<i64>,
);

entity!(shred, "shreds", id: Vec<u8>;
    dataset: Option<Vec<u8>>,
    reason: String,
    requested_by: Vec<u8>,
    requested_at: i64,
    expires_at: i64,
    approved_by: Option<Vec<u8>>,
    approved_at: Option<i64>,
    cancelled_by: Option<Vec<u8>>,
    cancelled_at: Option<i64>,
    forgotten_at: Option<i64>,
    certificate: Option<Vec<u8>>,
    done_at: Option<i64>,
    published_at: Option<i64>,
);

entity!(tombstone, "tombstones", unit: String; at: i64);

entity!(recovery_request, "recovery_requests", id: Vec<u8>;
    quorum: i64,
    custodians: Vec<u8>,
    requested_by: Vec<u8>,
    requested_at: i64,
    expires_at: i64,
    approved_by: Option<Vec<u8>>,
    approved_at: Option<i64>,
    cancelled_by: Option<Vec<u8>>,
    cancelled_at: Option<i64>,
);

entity!(root_act, "root_acts", id: String; at: i64);

entity!(recovery, "recoveries", setup: Vec<u8>;
    head: Vec<u8>,
    vouched: Vec<u8>,
    generation: i64,
    set_up_at: i64,
    rehearsed_at: Option<i64>,
    packaged_at: Option<i64>,
    package_hash: Option<Vec<u8>>,
    package_keys: Option<Vec<u8>>,
    left_out: i64,
    ended_at: Option<i64>,
);

entity!(ceremony, "ceremonies", id: Vec<u8>;
    setup: Vec<u8>,
    aim: String,
    begun_by: Vec<u8>,
    begun_at: i64,
    expires_at: i64,
    public: Vec<u8>,
    private: Vec<u8>,
    package: Vec<u8>,
    ended_at: Option<i64>,
);

entity!(contribution, "contributions", ceremony: Vec<u8>, custodian: Vec<u8>;
    given_by: Vec<u8>,
    given_at: i64,
    sealed: Vec<u8>,
);

/// Adds a row, or writes it anew where its key is there.
macro_rules! save {
    ($name:ident, $module:ident) => {
        pub(crate) async fn $name(tx: &mut Tx, row: &$module::Model) -> Result<(), Error> {
            let columns = $module::Column::iter();
            let keys: Vec<_> = $module::PrimaryKey::iter().map(|key| key.into_column()).collect();
            let rest: Vec<_> =
                columns.filter(|column| !keys.iter().any(|key| key.as_str() == column.as_str())).collect();
            let conflict = OnConflict::columns(keys).update_columns(rest).to_owned();
            tx.insert_all(vec![row.clone().into_active_model().reset_all()], conflict).await?;
            Ok(())
        }
    };
}

save!(save_breach, breach);
save!(save_shred, shred);
save!(save_recovery, recovery);
save!(save_ceremony, ceremony);
save!(save_recovery_request, recovery_request);

/// The rows of `scope` and of what it lies in.
fn covering<C: ColumnTrait>(column: C, dataset: Option<Id<noun::Dataset>>) -> sea_orm::Condition {
    let condition = sea_orm::Condition::any().add(column.is_null());
    match dataset {
        Some(dataset) => condition.add(column.eq(dataset.as_bytes().to_vec())),
        None => condition,
    }
}

/// The breaches that are declared and not undone, the oldest first.
pub(crate) async fn open_breaches(door: &impl Queries) -> Result<Vec<breach::Model>, Error> {
    let select =
        breach::Entity::find().filter(breach::Column::UndoneAt.is_null()).order_by_asc(breach::Column::Id);
    Ok(door.all(select).await?)
}

/// Whether a breach is open that covers the dataset, or the organization.
pub(crate) async fn breached(
    door: &impl Queries,
    dataset: Option<Id<noun::Dataset>>,
) -> Result<Option<breach::Model>, Error> {
    let select = breach::Entity::find()
        .filter(breach::Column::UndoneAt.is_null())
        .filter(covering(breach::Column::Dataset, dataset));
    Ok(door.one(select).await?)
}

/// Every breach, the newest first.
pub(crate) async fn breaches(door: &impl Queries) -> Result<Vec<breach::Model>, Error> {
    Ok(door.all(breach::Entity::find().order_by_desc(breach::Column::Id)).await?)
}

/// Whether the dataset, or the organization, is shredded: from the approval on.
pub(crate) async fn shredded(
    door: &impl Queries,
    dataset: Option<Id<noun::Dataset>>,
) -> Result<Option<shred::Model>, Error> {
    let select = shred::Entity::find()
        .filter(shred::Column::ApprovedAt.is_not_null())
        .filter(covering(shred::Column::Dataset, dataset));
    Ok(door.one(select).await?)
}

/// Every request to shred, the newest first.
pub(crate) async fn shreds(door: &impl Queries) -> Result<Vec<shred::Model>, Error> {
    Ok(door.all(shred::Entity::find().order_by_desc(shred::Column::Id)).await?)
}

/// One request to shred.
pub(crate) async fn shred_of(
    door: &impl Queries,
    id: Id<noun::Approval>,
) -> Result<Option<shred::Model>, Error> {
    Ok(door.one(shred::Entity::find().filter(shred::Column::Id.eq(id.as_bytes().to_vec()))).await?)
}

/// The oldest approved request that is not done.
pub(crate) async fn unfinished_shred(door: &impl Queries) -> Result<Option<shred::Model>, Error> {
    let select = shred::Entity::find()
        .filter(shred::Column::ApprovedAt.is_not_null())
        .filter(shred::Column::DoneAt.is_null())
        .order_by_asc(shred::Column::Id);
    Ok(door.one(select).await?)
}

/// The oldest shredding that is done and not in the platform's log.
pub(crate) async fn unpublished_shred(door: &impl Queries) -> Result<Option<shred::Model>, Error> {
    let select = shred::Entity::find()
        .filter(shred::Column::DoneAt.is_not_null())
        .filter(shred::Column::PublishedAt.is_null())
        .order_by_asc(shred::Column::Id);
    Ok(door.one(select).await?)
}

/// The units that were shredded, as this store knows.
pub(crate) async fn tombstones(door: &impl Queries) -> Result<Vec<Unit>, Error> {
    let rows = door.all(tombstone::Entity::find().order_by_asc(tombstone::Column::Unit)).await?;
    let damaged = |_| Error::Damaged { what: "shredded unit" };
    rows.iter().map(|row| row.unit.parse().map_err(damaged)).collect()
}

/// Keeps in mind that a unit was shredded.
pub(crate) async fn bury(tx: &mut Tx, unit: Unit) -> Result<(), Error> {
    let row = tombstone::ActiveModel {
        organization: Set(tx.owner()),
        unit: Set(unit.to_string()),
        at: Set(tx.now().micros()),
    };
    let there = OnConflict::columns([tombstone::Column::Organization, tombstone::Column::Unit])
        .do_nothing_on([tombstone::Column::Unit])
        .to_owned();
    tx.insert_all(vec![row], there).await?;
    Ok(())
}

/// Keeps in mind that an act on the root is on record. Whether it was not.
pub(crate) async fn note_root_act(tx: &mut Tx, id: &str, at: Timestamp) -> Result<bool, Error> {
    let known = root_act::Entity::find().filter(root_act::Column::Id.eq(id));
    if tx.one(known).await?.is_some() {
        return Ok(false);
    }
    let row = root_act::Model { organization: tx.owner(), id: id.to_owned(), at: at.micros() };
    tx.insert(root_act::ActiveModel::from(row)).await?;
    Ok(true)
}

/// The recovery that is set up, if one is.
pub(crate) async fn current_recovery(door: &impl Queries) -> Result<Option<recovery::Model>, Error> {
    let select = recovery::Entity::find()
        .filter(recovery::Column::EndedAt.is_null())
        .order_by_desc(recovery::Column::Setup);
    Ok(door.one(select).await?)
}

/// How many recoveries were ever set up here.
pub(crate) async fn recoveries(door: &impl Queries) -> Result<Vec<recovery::Model>, Error> {
    Ok(door.all(recovery::Entity::find().order_by_asc(recovery::Column::Setup)).await?)
}

/// One request to set recovery up.
pub(crate) async fn recovery_request_of(
    door: &impl Queries,
    id: Id<noun::Approval>,
) -> Result<Option<recovery_request::Model>, Error> {
    let select =
        recovery_request::Entity::find().filter(recovery_request::Column::Id.eq(id.as_bytes().to_vec()));
    Ok(door.one(select).await?)
}

/// The requests to set recovery up that may be approved, the newest first.
pub(crate) async fn recovery_requests(
    door: &impl Queries,
    now: Timestamp,
) -> Result<Vec<recovery_request::Model>, Error> {
    let select = recovery_request::Entity::find()
        .filter(recovery_request::Column::ApprovedBy.is_null())
        .filter(recovery_request::Column::CancelledAt.is_null())
        .filter(recovery_request::Column::ExpiresAt.gte(now.micros()))
        .order_by_desc(recovery_request::Column::Id);
    Ok(door.all(select).await?)
}

/// One ceremony.
pub(crate) async fn ceremony_of(
    door: &impl Queries,
    id: Id<noun::Ceremony>,
) -> Result<Option<ceremony::Model>, Error> {
    Ok(door.one(ceremony::Entity::find().filter(ceremony::Column::Id.eq(id.as_bytes().to_vec()))).await?)
}

/// Every ceremony, the newest first.
pub(crate) async fn ceremonies(door: &impl Queries) -> Result<Vec<ceremony::Model>, Error> {
    Ok(door.all(ceremony::Entity::find().order_by_desc(ceremony::Column::Id)).await?)
}

/// What was given to a ceremony, the first first.
pub(crate) async fn contributions(
    door: &impl Queries,
    ceremony: &[u8],
) -> Result<Vec<contribution::Model>, Error> {
    let select = contribution::Entity::find()
        .filter(contribution::Column::Ceremony.eq(ceremony.to_vec()))
        .order_by_asc(contribution::Column::GivenAt);
    Ok(door.all(select).await?)
}

/// Erases the shares that were given to a ceremony; who gave them stays.
pub(crate) async fn blank_contributions(tx: &mut Tx, ceremony: &[u8]) -> Result<(), Error> {
    let update = contribution::Entity::update_many()
        .col_expr(contribution::Column::Sealed, Expr::value(Vec::<u8>::new()))
        .filter(contribution::Column::Ceremony.eq(ceremony.to_vec()));
    tx.update(update).await?;
    Ok(())
}

impl shred::Model {
    pub(crate) fn scope(&self) -> Result<Scope, Error> {
        Scope::of(self.dataset.as_deref())
    }
}

impl breach::Model {
    pub(crate) fn scope(&self) -> Result<Scope, Error> {
        Scope::of(self.dataset.as_deref())
    }
}
