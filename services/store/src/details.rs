//! The details of an organization's entries, read from its file without a store: for a check of the ledger from
//! outside, also while a server runs. Nothing is written, and no migration runs.

use crate::Error;
use base::{Id, noun};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{collections::BTreeMap, path::Path, time::Duration};

/// How many rows are read at once: those who ask go from the first entry to the last.
const AHEAD: i64 = 256;

/// The details in an organization's file.
pub struct StoredDetails {
    connection: SqliteConnection,
    /// The details from `from` up to `to`, as far as there are any.
    ahead: BTreeMap<i64, Vec<u8>>,
    from: i64,
    to: i64,
}

impl StoredDetails {
    /// Those of an organization in a data directory.
    ///
    /// # Errors
    /// [`Error::WrongFile`] where the file is another organization's; [`Error::Database`] where there is none, or it
    /// cannot be read.
    pub async fn open(data: &Path, organization: Id<noun::Organization>) -> Result<Self, Error> {
        let path = data.join("organizations").join(organization.bare()).join("store.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .read_only(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("query_only", "on")
            .disable_statement_logging();
        let mut connection = match options.connect().await {
            Ok(connection) => connection,
            // From a medium that cannot be written to, where nobody else writes either.
            Err(_) if !path.with_extension("db-wal").exists() => options.immutable(true).connect().await?,
            Err(error) => return Err(error.into()),
        };
        let owner: Vec<u8> =
            sqlx::query("SELECT organization FROM guard").fetch_one(&mut connection).await?.get(0);
        if owner != organization.as_bytes() {
            return Err(Error::WrongFile { path });
        }
        Ok(Self { connection, ahead: BTreeMap::new(), from: 0, to: 0 })
    }

    /// What the entry at a position of the outbox commits to: the salt (32 bytes) and the details. `None` where it
    /// has none, or they were erased. Asked in order, it reads each row once.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn at(&mut self, position: u64) -> Result<Option<Vec<u8>>, Error> {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        if !(self.from..self.to).contains(&position) {
            let rows = sqlx::query(
                "SELECT position, salted FROM entry_details
                 WHERE position >= ? AND substr(salted, 1, 32) <> zeroblob(32) ORDER BY position LIMIT ?",
            );
            let rows = rows.bind(position).bind(AHEAD).fetch_all(&mut self.connection).await?;
            let more = i64::try_from(rows.len()).is_ok_and(|found| found == AHEAD);
            self.ahead = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            let last = self.ahead.last_key_value().map_or(position, |(last, _)| *last);
            (self.from, self.to) = (position, if more { last.saturating_add(1) } else { i64::MAX });
        }
        Ok(self.ahead.get(&position).cloned())
    }

    /// Where the outbox holds entry 0 of the log that is in use: entry `n` is at this and `n`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn base(&mut self) -> Result<u64, Error> {
        let row = sqlx::query("SELECT coalesce(max(next), 0) FROM positions WHERE topic = ?");
        let base: i64 = row.bind(crate::BASE).fetch_one(&mut self.connection).await?.get(0);
        Ok(u64::try_from(base).unwrap_or(0))
    }

    /// The sealed entry at a position of the outbox; `None` where it was pruned from there.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn entry(&mut self, position: u64) -> Result<Option<Vec<u8>>, Error> {
        let row = sqlx::query("SELECT entry FROM outbox WHERE position = ?");
        let row = row.bind(i64::try_from(position).unwrap_or(i64::MAX));
        Ok(row.fetch_optional(&mut self.connection).await?.map(|row| row.get(0)))
    }

    /// Which log of the organization is in use, from 1.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn generation(&mut self) -> Result<u32, Error> {
        let row = sqlx::query("SELECT coalesce(max(next), 0) FROM positions WHERE topic = ?");
        let before: i64 = row.bind(crate::GENERATION).fetch_one(&mut self.connection).await?.get(0);
        Ok(u32::try_from(before).unwrap_or(0).saturating_add(1))
    }

    /// Closes the file.
    pub async fn close(self) {
        // Nothing was written: there is nothing that could fail to be.
        drop(self.connection.close().await);
    }
}
