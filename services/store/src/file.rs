//! One organization's database file: opened, guarded, migrated.

use crate::{Erased, Error, Guard, Schema, erased::Raw, outbox, reserve::Reserve, schema};
use base::{Id, noun};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Readers at a time per organization; more wait.
const READERS: u32 = 4;
/// How long emptying the write-ahead log waits for readers: writers wait meanwhile.
const SCRUB: Duration = Duration::from_millis(50);

pub(crate) struct File {
    pub(crate) reserve: Reserve,
    pub(crate) readers: DatabaseConnection,
    /// One reader that no list can keep busy.
    pub(crate) reserved: DatabaseConnection,
    pub(crate) writer: DatabaseConnection,
    /// Held by the one transaction that writes.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    organization: Id<noun::Organization>,
    /// Empties the write-ahead log.
    scrubber: SqlitePool,
    /// The file as bytes. Open as long as the database is: closing any handle on a file gives up every lock that this
    /// process has on it.
    raw: Arc<Mutex<Raw>>,
    path: PathBuf,
    pools: [SqlitePool; 3],
    stopped: AtomicBool,
}

impl File {
    pub(crate) async fn open(
        dir: &Path,
        organization: Id<noun::Organization>,
        schemas: &[&Schema],
    ) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(|source| Error::Directory { path: dir.to_owned(), source })?;
        let path = dir.join("store.db");
        let reserve = Reserve::open(dir)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            // Sorting spills stay in memory: nothing of an organization lands in a temporary directory.
            .pragma("temp_store", "memory")
            // What is deleted is overwritten, in the file as in the log.
            .pragma("secure_delete", "on")
            .disable_statement_logging();
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .after_release(|connection, _| Box::pin(ended(connection)))
            .connect_with(options.clone())
            .await?;
        migrate(&writer, &path, organization, schemas).await?;
        let scrubber = SqlitePoolOptions::new().min_connections(0).max_connections(1);
        let scrubber = scrubber.connect_lazy_with(options.clone().busy_timeout(SCRUB));
        let options = options.pragma("query_only", "on");
        let readers = |most| {
            // A connection to a file does not go away by itself: it is not asked before each use.
            let pool = SqlitePoolOptions::new().min_connections(0).max_connections(most);
            let pool = pool.test_before_acquire(false);
            pool.connect_lazy_with(options.clone())
        };
        let (readers, reserved) = (readers(READERS), readers(1));
        let at = |source| Error::Directory { path: path.clone(), source };
        Ok(Self {
            reserve,
            readers: SqlxSqliteConnector::from_sqlx_sqlite_pool(readers.clone()),
            reserved: SqlxSqliteConnector::from_sqlx_sqlite_pool(reserved.clone()),
            writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer.clone()),
            turn: Arc::default(),
            organization,
            scrubber,
            raw: Arc::new(Mutex::new(Raw::open(&path).map_err(at)?)),
            path: path.clone(),
            pools: [readers, reserved, writer],
            stopped: AtomicBool::new(false),
        })
    }

    pub(crate) fn organization(&self) -> Id<noun::Organization> {
        self.organization
    }

    /// Refuses after an I/O error.
    pub(crate) fn running(&self) -> Result<(), Error> {
        if self.stopped.load(Ordering::Acquire) { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Passes an error of a write on, and stops the organization's writes if it leaves them uncertain.
    pub(crate) fn judge(&self, error: impl Into<Error>) -> Error {
        let error = error.into();
        if error.is_uncertain() {
            tracing::error!(organization = %self.organization, %error, "writing has stopped");
            self.stopped.store(true, Ordering::Release);
            return Error::Stopped;
        }
        error
    }

    /// See [`crate::Store::scrub`].
    pub(crate) async fn scrub(&self, erased: &Erased) -> Result<bool, Error> {
        self.running()?;
        if !self.empty_log().await? {
            return Ok(false);
        }
        if !erased.is_unknown() && !self.holds(erased).await? {
            return Ok(true);
        }
        let _turn = self.turn.lock().await;
        let [_, _, writer] = &self.pools;
        sqlx::query("VACUUM").execute(writer).await.map_err(|error| self.judge(error))?;
        self.empty_log().await
    }

    /// Brings the write-ahead log into the database and empties it. False where somebody reads an older state.
    async fn empty_log(&self) -> Result<bool, Error> {
        let asked = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.scrubber).await;
        match asked {
            Ok(row) => Ok(row.get::<i64, _>(0) == 0),
            Err(sqlx::Error::Database(error)) if error.message().contains("locked") => Ok(false),
            Err(error) => Err(self.judge(error)),
        }
    }

    async fn holds(&self, erased: &Erased) -> Result<bool, Error> {
        let (raw, erased) = (Arc::clone(&self.raw), erased.clone());
        let looked = tokio::task::spawn_blocking(move || {
            raw.lock().unwrap_or_else(PoisonError::into_inner).holds(&erased)
        });
        let looked = looked.await.map_err(|_| Error::Stopped)?;
        looked.map_err(|source| Error::Directory { path: self.path.clone(), source })
    }

    pub(crate) async fn close(&self) {
        let _turn = self.turn.lock().await;
        // Before the others: the last connection to close empties the log.
        self.scrubber.close().await;
        for pool in &self.pools {
            pool.close().await;
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())).into()
    }
}

/// Whether the connection's last transaction has ended; else the next one gets a new connection.
///
/// On a full disk SQLite rolls back by itself. sqlx takes the transaction for open still, and would make
/// everything that follows on the connection a savepoint in it, which nothing ever commits.
async fn ended(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Answered after the rollback that a dropped transaction has begun.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Brings the file to the newest tables, in one transaction, and checks whose it is.
async fn migrate(
    pool: &SqlitePool,
    path: &Path,
    organization: Id<noun::Organization>,
    schemas: &[&Schema],
) -> Result<(), Error> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS guard (organization BLOB NOT NULL PRIMARY KEY)")
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS migrations (service TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL)",
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO guard (organization) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM guard)")
        .bind(organization.as_bytes().as_slice())
        .execute(&mut *tx)
        .await?;
    let owner: Vec<u8> = sqlx::query("SELECT organization FROM guard").fetch_one(&mut *tx).await?.get(0);
    if owner != organization.as_bytes() {
        return Err(Error::WrongFile { path: path.to_owned() });
    }
    let guard = Guard::new(organization);
    for schema in [&outbox::SCHEMA, &crate::registry::SCHEMA].into_iter().chain(schemas.iter().copied()) {
        let found: i64 = sqlx::query("SELECT coalesce(max(version), 0) FROM migrations WHERE service = ?")
            .bind(schema.service)
            .fetch_one(&mut *tx)
            .await?
            .get(0);
        let known = schema.migrations.len() as i64;
        if found > known {
            let service = schema.service.to_owned();
            return Err(Error::Newer { path: path.to_owned(), service, found, known });
        }
        let done = usize::try_from(found).unwrap_or(0);
        for migration in &schema.migrations[done..] {
            for change in (migration.up)(&guard) {
                sqlx::query(sqlx::AssertSqlSafe(sql(change))).execute(&mut *tx).await?;
            }
        }
        sqlx::query(
            "INSERT INTO migrations (service, version) VALUES (?, ?)
             ON CONFLICT (service) DO UPDATE SET version = excluded.version",
        )
        .bind(schema.service)
        .bind(known)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

fn sql(change: schema::Change) -> String {
    use sea_orm::sea_query::SqliteQueryBuilder;
    match change.0 {
        schema::Kind::Table(table) => table.to_string(SqliteQueryBuilder),
        schema::Kind::Index(index) => index.to_string(SqliteQueryBuilder),
        schema::Kind::Alter(alter) => alter.to_string(SqliteQueryBuilder),
        schema::Kind::Drop(index) => index.to_string(SqliteQueryBuilder),
    }
}
