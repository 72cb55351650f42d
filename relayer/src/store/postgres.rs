//! PostgreSQL: one database for relayers on several machines.
//!
//! Writers take turns, as they do with SQLite: every write transaction begins by taking one advisory lock, so that what
//! it reads is what is there when it commits. A relayer that stands still in the middle of one loses its connection, and
//! with it the lock and the transaction, after [`IDLE_LIMIT`].

use super::rows::corrupt;
use super::sql::{Cell, Row, Sql, Value};
use super::{DatabaseError, postgres_schema, unix_ms};
use crate::error::{Error, Result};
use crate::wallet::Secret;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Column, Connection, PgConnection, Postgres, Row as _, TypeInfo, ValueRef,
};
use std::cell::{Cell as Once, RefCell};
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// The tables' own namespace in the database.
pub(super) const SCHEMA: &str = "chainfer_relayer";

/// Key of the lock that writers take turns by: "chainfer".
const WRITERS: i64 = 0x6368_6169_6e66_6572;

/// How long a write waits for its turn.
const LOCK_LIMIT: &str = "10s";

/// How long a transaction may stand still before the server ends it.
const IDLE_LIMIT: &str = "15s";

const CONNECTIONS: u32 = 8;

/// How long a call waits for a connection, to a server that restarts or behind other calls.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(10);

/// A connected database. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pool: PgPool,
    /// The server's clock less this machine's, in milliseconds, as of the last write.
    offset: Arc<AtomicI64>,
}

impl Server {
    /// Connects and brings the schema up to date.
    pub(super) async fn open(address: &Secret) -> Result<Self> {
        let options = PgConnectOptions::from_str(address.expose())
            .map_err(|e| Error::Config(format!("the address of the PostgreSQL database: {e}")))?
            .application_name("chainfer-relayer")
            .options([
                ("search_path", SCHEMA),
                ("default_transaction_isolation", "read committed"),
                ("lock_timeout", LOCK_LIMIT),
                ("idle_in_transaction_session_timeout", IDLE_LIMIT),
            ]);
        // A pool would try again until its time is over, and then not say why.
        PgConnection::connect_with(&options).await?.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_LIMIT)
            .connect_lazy_with(options);
        let server = Self {
            pool,
            offset: Arc::default(),
        };
        server.check_durability().await?;
        postgres_schema::migrate(&server).await?;
        Ok(server)
    }

    /// A commit that the server answers must be on disk.
    async fn check_durability(&self) -> Result<()> {
        let setting = async |name: &str| -> Result<String> {
            let show = sqlx::query_scalar("SELECT current_setting($1)").bind(name.to_owned());
            Ok(show.fetch_one(&self.pool).await?)
        };
        if setting("synchronous_commit").await? == "off" {
            return Err(Error::Config(
                "the PostgreSQL database answers before a commit is on disk; set synchronous_commit to on"
                    .to_owned(),
            ));
        }
        if setting("fsync").await? == "off" {
            tracing::warn!(
                "the PostgreSQL server runs with fsync off: a crash of its machine loses transactions"
            );
        }
        Ok(())
    }

    /// This moment on the server's clock, as far as it is known.
    pub(super) fn now(&self) -> u64 {
        unix_ms().saturating_add_signed(self.offset.load(Ordering::Relaxed))
    }

    /// Runs `f` in one write transaction, when it is its turn.
    pub(super) async fn write<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&dyn Sql) -> Result<R> + Send + 'static,
    {
        let mut tx = self.pool.begin().await?;
        // Left to right: the clock is read when the lock is held.
        let (_, now): (String, i64) =
            sqlx::query_as("SELECT pg_advisory_xact_lock($1)::text, (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
                .bind(WRITERS)
                .fetch_one(&mut *tx)
                .await?;
        let now = u64::try_from(now).map_err(|_| corrupt("the server's clock is before 1970"))?;
        let here = unix_ms();
        self.offset.store(
            now.cast_signed().wrapping_sub(here.cast_signed()),
            Ordering::Relaxed,
        );
        let (result, tx) = on_thread(move |handle| {
            let session = Session::new(handle, tx, Some(now));
            (f(&session), session.connection.into_inner())
        })
        .await?;
        match result {
            Ok(value) => {
                tx.commit().await?;
                Ok(value)
            }
            Err(e) => {
                // Without an answer the server rolls back by itself.
                let _ = tx.rollback().await;
                Err(e)
            }
        }
    }

    /// Runs `f` for reading.
    pub(super) async fn read<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&dyn Sql) -> Result<R> + Send + 'static,
    {
        let connection = self.pool.acquire().await?;
        on_thread(move |handle| f(&Session::new(handle, connection, None))).await?
    }

    /// Runs statements without parameters and rows in one write transaction.
    pub(super) async fn run_script(
        &self,
        f: impl AsyncFnOnce(&mut PgConnection) -> Result<()>,
    ) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(WRITERS)
            .execute(&mut *tx)
            .await?;
        f(&mut tx).await?;
        Ok(tx.commit().await?)
    }
}

/// Runs `f` where it may block.
async fn on_thread<R: Send + 'static>(f: impl FnOnce(Handle) -> R + Send + 'static) -> Result<R> {
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || f(handle))
        .await
        .map_err(|e| Error::Task(e.to_string()))
}

/// Statements on one connection, from a thread that may block.
struct Session<C> {
    handle: Handle,
    connection: RefCell<C>,
    now: Once<Option<u64>>,
}

impl<C: std::ops::DerefMut<Target = PgConnection>> Session<C> {
    fn new(handle: Handle, connection: C, now: Option<u64>) -> Self {
        Self {
            handle,
            connection: RefCell::new(connection),
            now: Once::new(now),
        }
    }

    fn wait<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
        Ok(self.handle.block_on(work)?)
    }
}

impl<C: std::ops::DerefMut<Target = PgConnection>> Sql for Session<C> {
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        let connection = &mut **self.connection.borrow_mut();
        let done = self.wait(statement(sql, params).execute(connection))?;
        Ok(done.rows_affected())
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let connection = &mut **self.connection.borrow_mut();
        let found = self.wait(statement(sql, params).fetch_all(connection))?;
        let Some(first) = found.first() else {
            return Ok(Vec::new());
        };
        let columns: Arc<[String]> = first
            .columns()
            .iter()
            .map(|c| c.name().to_owned())
            .collect();
        found
            .iter()
            .map(|row| {
                let cells = (0..columns.len())
                    .map(|at| cell(row, at))
                    .collect::<Result<_>>()?;
                Ok(Row {
                    columns: Arc::clone(&columns),
                    cells,
                })
            })
            .collect()
    }

    fn now(&self) -> Result<u64> {
        if let Some(now) = self.now.get() {
            return Ok(now);
        }
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS n";
        let dynamic: &dyn Sql = self;
        let now = dynamic.number(sql, &[])?;
        self.now.set(Some(now));
        Ok(now)
    }
}

/// A statement of ours with the server's names for parameters.
fn statement<'q>(sql: &str, params: &[Value]) -> Query<'q, Postgres, PgArguments> {
    // Every text is a constant of this crate; values are always bound.
    let mut query = sqlx::query(AssertSqlSafe(sql.replace('?', "$")));
    for value in params {
        query = match value {
            Value::Int(v) => query.bind(*v),
            // The server's texts cannot hold a zero byte; one may come in a node's error message.
            Value::Text(v) => query.bind(v.as_ref().map(|t| t.replace('\0', "\u{fffd}"))),
            Value::Bytes(v) => query.bind(v.clone()),
            Value::Bool(v) => query.bind(*v),
        };
    }
    query
}

fn cell(row: &PgRow, at: usize) -> Result<Cell> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let kind = value.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INT8" => Cell::Int(row.try_get(at)?),
        "INT4" => Cell::Int(row.try_get::<i32, _>(at)?.into()),
        "BOOL" => Cell::Int(row.try_get::<bool, _>(at)?.into()),
        "TEXT" | "VARCHAR" => Cell::Text(row.try_get(at)?),
        "BYTEA" => Cell::Bytes(row.try_get(at)?),
        other => return Err(corrupt(format!("a column has the type {other}"))),
    })
}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        Self::Database(DatabaseError::Postgres(e))
    }
}
