//! The two doors: a snapshot to read, and a transaction to write.

use crate::{
    BASE, Erased, Error, GENERATION, Generation, OUTBOX, Registered, Store,
    file::File,
    outbox::{cursor, details, entry, position},
};
use base::{Context, Id, Timestamp, noun};
use ledger::{Entry, Kind, Stamp};
use sea_orm::{
    AccessMode,
    ActiveValue::Set,
    DatabaseConnection, DatabaseTransaction, DeleteMany, FromQueryResult, InsertMany, IntoActiveModel,
    QueryOrder, QuerySelect, Select, SqliteTransactionMode, TransactionOptions, TransactionTrait, UpdateMany,
    entity::prelude::*,
    sea_query::{Alias, ExprTrait, OnConflict},
};
use std::{collections::BTreeMap, sync::Arc};

/// Rows per insert statement. SQLite would bind 32,766 values to one, but every number of rows is another
/// statement, and a connection keeps the last hundred prepared.
const CHUNK: usize = 64;

/// Questions that both doors answer. The statements are sea-orm's; the rows are this organization's only.
pub trait Queries: Sync {
    /// The transaction to ask in.
    #[doc(hidden)]
    fn transaction(&self) -> Asked<'_>;

    /// Every row of `select`.
    fn all<E: EntityTrait>(
        &self,
        select: Select<E>,
    ) -> impl Future<Output = Result<Vec<E::Model>, Error>> + Send {
        async move {
            let Asked(tx, organization) = self.transaction();
            Ok(owned::<E, _>(select, organization).all(tx).await?)
        }
    }

    /// The first row of `select`, if there is one.
    fn one<E: EntityTrait>(
        &self,
        select: Select<E>,
    ) -> impl Future<Output = Result<Option<E::Model>, Error>> + Send {
        async move {
            let Asked(tx, organization) = self.transaction();
            Ok(owned::<E, _>(select, organization).one(tx).await?)
        }
    }

    /// Every row of `select`, read as `M`: for a part of the columns, or for sums.
    fn all_as<M: FromQueryResult + Send + Sync, E: EntityTrait>(
        &self,
        select: Select<E>,
    ) -> impl Future<Output = Result<Vec<M>, Error>> + Send {
        async move {
            let Asked(tx, organization) = self.transaction();
            Ok(owned::<E, _>(select, organization).into_model::<M>().all(tx).await?)
        }
    }

    /// How many rows `select` has.
    fn count<E: EntityTrait<Model: Sync>>(
        &self,
        select: Select<E>,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        async move {
            let Asked(tx, organization) = self.transaction();
            Ok(owned::<E, _>(select, organization).count(tx).await?)
        }
    }

    /// How far `reader` has come; 0 where it has not begun.
    fn cursor(&self, reader: &'static str) -> impl Future<Output = Result<i64, Error>> + Send {
        async move {
            let row = self.one(cursor::Entity::find().filter(cursor::Column::Reader.eq(reader))).await?;
            Ok(row.map_or(0, |row| row.position))
        }
    }

    /// The position that the next row of `topic` will get; 0 before the first.
    fn end(&self, topic: &'static str) -> impl Future<Output = Result<i64, Error>> + Send {
        async move {
            let row = self.one(position::Entity::find().filter(position::Column::Topic.eq(topic))).await?;
            Ok(row.map_or(0, |row| row.next))
        }
    }

    /// Which log of the organization is in use.
    fn generation(&self) -> impl Future<Output = Result<Generation, Error>> + Send {
        async move {
            let (before, base) = (self.end(GENERATION).await?, self.end(BASE).await?);
            Ok(Generation {
                number: u32::try_from(before).unwrap_or(0).saturating_add(1),
                base: u64::try_from(base).unwrap_or(0),
            })
        }
    }

    /// Sealed entries from position `from` of the outbox on, at most `limit`, in order, with their positions; entry
    /// `n` of the present log is at [`Generation::base`] and `n`.
    fn entries(
        &self,
        from: u64,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<(u64, Vec<u8>)>, Error>> + Send {
        async move {
            let select = entry::Entity::find()
                .filter(entry::Column::Position.gte(i64::try_from(from).unwrap_or(i64::MAX)))
                .order_by_asc(entry::Column::Position)
                .limit(limit);
            let rows = self.all(select).await?;
            Ok(rows.into_iter().map(|row| (u64::try_from(row.position).unwrap_or(0), row.entry)).collect())
        }
    }

    /// Which entries from position `first` to `last` of the outbox have details, at most `limit`, in order.
    fn details_within(
        &self,
        first: u64,
        last: u64,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<u64>, Error>> + Send {
        async move {
            let [first, last] = [first, last].map(|position| i64::try_from(position).unwrap_or(i64::MAX));
            let select = details::Entity::find()
                .select_only()
                .column(details::Column::Position)
                .filter(details::Column::Position.between(first, last))
                .filter(details::kept())
                .order_by_asc(details::Column::Position)
                .limit(limit);
            let rows: Vec<details::At> = self.all_as(select).await?;
            Ok(rows.into_iter().map(|row| u64::try_from(row.position).unwrap_or(0)).collect())
        }
    }

    /// What the entry at position `index` of the outbox commits to as its details: their salt (32 bytes) and then RFC 8785 JSON. `None` where
    /// it has none or they were erased.
    fn entry_details(&self, index: u64) -> impl Future<Output = Result<Option<Vec<u8>>, Error>> + Send {
        async move {
            let wanted = details::Column::Position.eq(i64::try_from(index).unwrap_or(i64::MAX));
            let row = self.one(details::Entity::find().filter(wanted).filter(details::kept())).await?;
            Ok(row.map(|row| row.salted))
        }
    }
}

/// A transaction as [`Queries`] asks it: visible in a signature, usable only here.
#[derive(Debug)]
pub struct Asked<'a>(&'a DatabaseTransaction, Id<noun::Organization>);

/// The same statement for this organization's rows only. They are the only ones there are in the file; the
/// condition is what lets the database use its indexes, which all begin with that column.
fn owned<E: EntityTrait, Q: QueryFilter>(statement: Q, organization: Id<noun::Organization>) -> Q {
    let column = Expr::col((E::default(), Alias::new("organization")));
    statement.filter(ExprTrait::eq(column, organization.as_bytes().to_vec()))
}

/// A snapshot of one organization's data.
pub struct Read {
    tx: DatabaseTransaction,
    organization: Id<noun::Organization>,
}

impl Read {
    pub(crate) async fn begin(
        readers: &DatabaseConnection,
        organization: Id<noun::Organization>,
    ) -> Result<Self, Error> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
            ..TransactionOptions::default()
        };
        let tx = readers.begin_with_options(options).await?;
        Ok(Self { tx, organization })
    }
}

impl Queries for Read {
    fn transaction(&self) -> Asked<'_> {
        Asked(&self.tx, self.organization)
    }
}

impl Queries for Tx {
    fn transaction(&self) -> Asked<'_> {
        Asked(&self.tx, self.file.organization())
    }
}

/// Proof that a change is durable; made by a commit only.
#[derive(Debug)]
pub struct Committed {
    at: Timestamp,
    first: u64,
}

impl Committed {
    /// When it was committed, as its entries say.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The index of the commit's first entry in its log.
    #[must_use]
    pub const fn entry(&self) -> u64 {
        self.first
    }
}

/// A transaction that writes. Dropped without a commit, it never was.
#[must_use = "a transaction that is not committed never was"]
pub struct Tx {
    // Before `turn`: the next writer's turn comes after this one's rollback was begun.
    tx: DatabaseTransaction,
    ctx: Context,
    store: Store,
    file: Arc<File>,
    moved: BTreeMap<&'static str, i64>,
    registered: Vec<Registered>,
    _turn: tokio::sync::OwnedMutexGuard<()>,
}

impl Tx {
    pub(crate) async fn begin(store: Store, file: Arc<File>, ctx: Context) -> Result<Self, Error> {
        let turn = Arc::clone(&file.turn).lock_owned().await;
        file.running()?;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            access_mode: Some(AccessMode::ReadWrite),
            ..TransactionOptions::default()
        };
        let tx = file.writer.begin_with_options(options).await.map_err(|error| file.judge(error))?;
        Ok(Self { tx, ctx, store, file, moved: BTreeMap::new(), registered: Vec::new(), _turn: turn })
    }

    /// For whom and by whom.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.ctx
    }

    /// The organization's id as rows carry it.
    #[must_use]
    pub fn owner(&self) -> Vec<u8> {
        self.file.organization().as_bytes().to_vec()
    }

    /// The time, by the store's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.store.shared.options.clock.now()
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn registers(&mut self, organization: Registered) {
        self.registered.push(organization);
    }

    /// Adds one row.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Stopped`], and what the database meets (a key that is taken among it).
    pub async fn insert<A: ActiveModelTrait>(&mut self, row: A) -> Result<(), Error> {
        let insert = A::Entity::insert(row).exec_without_returning(&self.tx).await;
        insert.map(|_| ()).map_err(|error| self.file.judge(error))
    }

    /// Adds many rows; a row whose key is taken is handled as `conflict` says. Returns how many rows were
    /// written.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn insert_all<A>(&mut self, rows: Vec<A>, conflict: OnConflict) -> Result<u64, Error>
    where
        A: ActiveModelTrait + Send,
    {
        let mut written = 0;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<A> = rows.by_ref().take(CHUNK).collect();
            let insert = InsertMany::<A>::many(chunk).on_conflict(conflict.clone());
            let count = insert.exec_without_returning(&self.tx).await;
            written += count.map_err(|error| self.file.judge(error))?;
        }
        Ok(written)
    }

    /// Changes the rows that `update` selects; how many.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn update<E: EntityTrait>(&mut self, update: UpdateMany<E>) -> Result<u64, Error> {
        let update = owned::<E, _>(update, self.file.organization());
        let result = update.exec(&self.tx).await.map_err(|error| self.file.judge(error))?;
        Ok(result.rows_affected)
    }

    /// Removes the rows that `delete` selects; how many.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn delete<E: EntityTrait>(&mut self, delete: DeleteMany<E>) -> Result<u64, Error> {
        let delete = owned::<E, _>(delete, self.file.organization());
        let result = delete.exec(&self.tx).await.map_err(|error| self.file.judge(error))?;
        Ok(result.rows_affected)
    }

    /// The next position of `topic`, in commit order and without gaps. Its doorbell rings at commit.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn next_position(&mut self, topic: &'static str) -> Result<i64, Error> {
        let next = match self.moved.get(topic) {
            Some(next) => *next,
            None => self.end(topic).await?,
        };
        self.moved.insert(topic, next + 1);
        Ok(next)
    }

    /// Moves `reader`'s cursor.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn set_cursor(&mut self, reader: &'static str, position: i64) -> Result<(), Error> {
        let row = cursor::ActiveModel {
            organization: Set(self.owner()),
            reader: Set(reader.to_owned()),
            position: Set(position),
        };
        let conflict = OnConflict::columns([cursor::Column::Organization, cursor::Column::Reader])
            .update_column(cursor::Column::Position)
            .to_owned();
        self.insert_all(vec![row], conflict).await.map(|_| ())
    }

    /// Removes the present log's entries below position `below` of the outbox: they stand in the ledger's files,
    /// synced. Those of an earlier log that stay there were never published, and are all that is left of them.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn prune_entries(&mut self, below: u64) -> Result<u64, Error> {
        let base = self.generation().await?.base;
        let [from, below] = [base, below].map(|position| i64::try_from(position).unwrap_or(i64::MAX));
        let entries = entry::Entity::delete_many().filter(entry::Column::Position.gte(from));
        self.delete(entries.filter(entry::Column::Position.lt(below))).await
    }

    /// Erases the details, salts included, of the entries at these positions of the outbox (each pair the first and
    /// the last): their bytes are overwritten where they stand. Once this is committed, [`Store::scrub`] sees to it
    /// that they stand nowhere else.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn erase_details(&mut self, ranges: &[(u64, u64)]) -> Result<Erased, Error> {
        let mut erased = Erased::default();
        for &(first, last) in ranges {
            for position in self.details_within(first, last, u32::MAX.into()).await? {
                let Some(salted) = self.entry_details(position).await? else { continue };
                erased.note(position, &salted);
                // Of the same size, it takes the place of what was there. A row that is removed makes SQLite move its
                // neighbours, and what it leaves of them behind is not overwritten when they are erased in turn.
                let column = details::Column::Salted;
                let blank = details::Entity::update_many()
                    .col_expr(column, Expr::value(vec![0_u8; salted.len()]))
                    .filter(details::Column::Position.eq(i64::try_from(position).unwrap_or(i64::MAX)));
                self.update(blank).await?;
            }
        }
        Ok(erased)
    }

    /// Removes the details of entries from position `from` up to `below` of the outbox: their entries are pruned.
    /// `erased` gets what [`Store::scrub`] looks for once this is committed.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn prune_details(&mut self, from: u64, below: u64, erased: &mut Erased) -> Result<u64, Error> {
        let Some(last) = below.checked_sub(1) else { return Ok(0) };
        for position in self.details_within(from, last, u32::MAX.into()).await? {
            if let Some(salted) = self.entry_details(position).await? {
                erased.note(position, &salted);
            }
        }
        let [from, below] = [from, below].map(|position| i64::try_from(position).unwrap_or(i64::MAX));
        let details = details::Entity::delete_many().filter(details::Column::Position.gte(from));
        self.delete(details.filter(details::Column::Position.lt(below))).await
    }

    /// Begins another log with this change: its first entry must be the one that starts a log, and is numbered 0.
    /// Which one it is.
    ///
    /// # Errors
    /// As [`Tx::insert`].
    pub async fn begin_generation(&mut self) -> Result<Generation, Error> {
        let (before, base) = (self.generation().await?, self.end(OUTBOX).await?);
        self.moved.insert(GENERATION, i64::from(before.number));
        self.moved.insert(BASE, base);
        Ok(Generation { number: before.number.saturating_add(1), base: u64::try_from(base).unwrap_or(0) })
    }

    /// Commits a decision with its ledger entry: both are durable, or neither is.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Stopped`]: then the change was not made (after `Stopped`, what the disk
    /// holds shows at the next start); [`Error::LedgerNotStarted`]; [`Error::Entry`].
    pub async fn commit(self, entry: Entry) -> Result<Committed, Error> {
        self.commit_all(vec![entry]).await
    }

    /// Commits one change that is several decisions on record, in order; at least one.
    ///
    /// # Errors
    /// As [`Tx::commit`]; [`Error::LedgerNotStarted`] for an empty list.
    pub async fn commit_all(mut self, entries: Vec<Entry>) -> Result<Committed, Error> {
        let at = self.now();
        let mut first = None;
        let base = match self.moved.get(BASE) {
            Some(base) => *base,
            None => self.end(BASE).await?,
        };
        for entry in &entries {
            let index = self.next_position(OUTBOX).await?;
            if (index == base) != (entry.kind() == Kind::LedgerStarted) {
                return Err(Error::LedgerNotStarted);
            }
            let position = u64::try_from(index - base).unwrap_or(0);
            first.get_or_insert(position);
            let (mut nonce, mut salt) = ([0; 16], [0; 32]);
            (self.store.shared.options.random)(&mut nonce);
            (self.store.shared.options.random)(&mut salt);
            let sealed = entry.seal(&Stamp {
                organization: self.ctx.organization(),
                actor: self.ctx.actor(),
                request: self.ctx.request(),
                position,
                time: at,
                nonce,
                salt,
            })?;
            let organization = self.owner();
            let row =
                entry::Model { organization: organization.clone(), position: index, entry: sealed.json };
            self.insert(row.into_active_model()).await?;
            if let Some(salted) = sealed.details {
                let row = details::Model { organization, position: index, salted };
                self.insert(row.into_active_model()).await?;
            }
        }
        let first = first.ok_or(Error::LedgerNotStarted)?;
        self.finish().await?;
        Ok(Committed { at, first })
    }

    /// Commits what can be rebuilt and decides nothing: cursors, counters, telemetry, snapshots.
    ///
    /// # Errors
    /// As [`Tx::commit`].
    pub async fn commit_derived(self) -> Result<(), Error> {
        self.finish().await
    }

    async fn finish(mut self) -> Result<(), Error> {
        let moved = std::mem::take(&mut self.moved);
        let rows = moved.iter().map(|(topic, next)| position::ActiveModel {
            organization: Set(self.owner()),
            topic: Set((*topic).to_owned()),
            next: Set(*next),
        });
        let rows: Vec<_> = rows.collect();
        let conflict = OnConflict::columns([position::Column::Organization, position::Column::Topic])
            .update_column(position::Column::Next)
            .to_owned();
        self.insert_all(rows, conflict).await?;
        let Self { tx, ctx, store, file, registered, .. } = self;
        tx.commit().await.map_err(|error| file.judge(error))?;
        store.registered().extend(registered.into_iter().map(|organization| (organization.id, organization)));
        for topic in moved.into_keys() {
            store.shared.doorbells.ring(ctx.organization(), topic);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{cursor, entry, owned};
    use base::Id;
    use sea_orm::{DbBackend, QueryOrder, QueryTrait, entity::prelude::*};

    /// Without the condition every question reads its whole table: the keys begin with the organization.
    #[test]
    fn every_statement_names_its_organization() {
        let organization = Id::from_bytes([1; 16]);
        let select = entry::Entity::find().filter(entry::Column::Position.gte(7));
        let select = owned::<entry::Entity, _>(select.order_by_asc(entry::Column::Position), organization);
        let update = cursor::Entity::update_many().col_expr(cursor::Column::Position, Expr::value(1));
        let update = owned::<cursor::Entity, _>(update, organization);
        let delete = owned::<entry::Entity, _>(entry::Entity::delete_many(), organization);
        for sql in [
            select.build(DbBackend::Sqlite).to_string(),
            update.build(DbBackend::Sqlite).to_string(),
            delete.build(DbBackend::Sqlite).to_string(),
        ] {
            assert!(
                sql.contains(r#""organization" = x'01"#) || sql.contains(r#""organization" = X'01"#),
                "{sql}"
            );
        }
    }
}
