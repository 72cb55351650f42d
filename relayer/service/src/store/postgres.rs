//! PostgreSQL: one database for relayers on several machines.
//!
//! Writers take turns, as they do with SQLite: every write transaction begins by taking one advisory lock, so that what
//! it reads is what is there when it commits. A relayer that stands still in the middle of one loses its connection, and
//! with it the lock and the transaction, after [`IDLE_LIMIT`].

use super::clock::unix_ms;
use super::sql::{Cell, Row, Sql, Value, corrupt};
use super::work::{Answer, Work};
use super::{postgres_address, postgres_schema};
use crate::error::DatabaseError;
use crate::error::{Error, Result};
use chainfer_chain::wallet::Secret;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Column, Connection, Executor, PgConnection, Postgres, Row as _, TypeInfo,
    ValueRef,
};
use std::cell::{Cell as Once, RefCell};
use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// The tables' own namespace in the database.
pub(super) const SCHEMA: &str = "chainfer_relayer";

/// Key of the lock that writers take turns by: "chainfer".
const WRITERS: i64 = 0x6368_6169_6e66_6572;

/// What holds in every session: where the tables are, how long a write waits for its turn, and how long a transaction may
/// stand still before the server ends it. Set by statements, because a pooler may lose what a connection begins with.
const SESSION: &str = "SET search_path = chainfer_relayer;
    SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '15s'";

/// How long the server may take to answer a statement, more than a write waits for its turn. A machine that vanished
/// would block for ever.
const STATEMENT_LIMIT: Duration = Duration::from_secs(20);

/// How long an idle connection may take to answer a check.
const PING_LIMIT: Duration = Duration::from_secs(1);

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
        let options = postgres_address::parse(address)?;
        // A pool would try again until its time is over, and then not say why.
        let first = in_time(PgConnection::connect_with(&options)).await?;
        in_time(first.close()).await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_LIMIT)
            .after_connect(|c, _| {
                Box::pin(async { c.execute(sqlx::raw_sql(SESSION)).await.map(drop) })
            })
            .test_before_acquire(false)
            .before_acquire(|c, _| Box::pin(is_alive(c)))
            .connect_lazy_with(options);
        let server = Self {
            pool,
            offset: Arc::default(),
        };
        server.check_settings().await?;
        postgres_schema::migrate(&server).await?;
        Ok(server)
    }

    /// A commit that the server answers must be on disk, and any text must be one that can be stored.
    async fn check_settings(&self) -> Result<()> {
        let setting = async |name: &str| -> Result<String> {
            let show = sqlx::query_scalar("SELECT current_setting($1)").bind(name.to_owned());
            in_time(show.fetch_one(&self.pool)).await
        };
        let refuse = |why: &str| Err(Error::Config(format!("the PostgreSQL database {why}")));
        if setting("synchronous_commit").await? == "off" {
            return refuse("answers before a commit is on disk; set synchronous_commit to on");
        }
        if setting("server_encoding").await? != "UTF8" {
            return refuse("is not of the encoding UTF8; make one that is");
        }
        if setting("search_path").await? != SCHEMA {
            return refuse("is behind a pooler that does not keep sessions; use session pooling");
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

    /// Runs `work` in one write transaction, when it is its turn.
    pub(super) async fn write(&self, work: Work) -> Result<Answer> {
        let (held, now) = self.begin().await?;
        let (result, mut held) = on_thread(move |handle| {
            let session = Session::new(handle, held, Some(now));
            (work(&session), session.connection.into_inner())
        })
        .await?;
        match result {
            Ok(value) => {
                held.commit().await?;
                Ok(value)
            }
            // The connection may be broken: it is closed, and the server rolls back.
            Err(e @ Error::Database(_)) => Err(e),
            Err(e) => {
                if in_time(held.execute("ROLLBACK")).await.is_ok() {
                    held.give_back();
                }
                Err(e)
            }
        }
    }

    /// Begins a write transaction and waits for its turn; also the server's clock.
    async fn begin(&self) -> Result<(Held, u64)> {
        let mut held = Held::new(self.pool.acquire().await?);
        in_time(held.execute("BEGIN")).await?;
        let here = unix_ms();
        // Left to right: the clock is read when the lock is held.
        let turn = "SELECT set_config('search_path', $2, true), pg_advisory_xact_lock($1)::text,
                           (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let turn = sqlx::query_as(turn).bind(WRITERS).bind(SCHEMA);
        let (_, _, now): (String, String, i64) = in_time(turn.fetch_one(&mut *held)).await?;
        let now = u64::try_from(now).map_err(|_| corrupt("the server's clock is before 1970"))?;
        // The clock was read at some moment in between; only a short wait says when.
        let waited = unix_ms().saturating_sub(here);
        if waited < 1_000 {
            let offset = now
                .cast_signed()
                .wrapping_sub((here + waited / 2).cast_signed());
            self.offset.store(offset, Ordering::Relaxed);
        }
        Ok((held, now))
    }

    /// Runs `work` for reading.
    pub(super) async fn read(&self, work: Work) -> Result<Answer> {
        let held = Held::new(self.pool.acquire().await?);
        let (result, held) = on_thread(move |handle| {
            let session = Session::new(handle, held, None);
            (work(&session), session.connection.into_inner())
        })
        .await?;
        if result.is_ok() {
            held.give_back();
        }
        result
    }

    /// Runs `f` in one write transaction, on the connection itself.
    pub(super) async fn run_script(
        &self,
        f: impl AsyncFnOnce(&mut PgConnection) -> Result<()>,
    ) -> Result<()> {
        let (mut held, _) = self.begin().await?;
        f(&mut held).await?;
        held.commit().await
    }
}

/// A connection that goes back to the pool only when it is known to be in order; otherwise it is closed.
struct Held {
    connection: PoolConnection<Postgres>,
    in_order: bool,
}

impl Held {
    fn new(connection: PoolConnection<Postgres>) -> Self {
        Self {
            connection,
            in_order: false,
        }
    }

    async fn commit(mut self) -> Result<()> {
        in_time(self.execute("COMMIT")).await?;
        self.give_back();
        Ok(())
    }

    fn give_back(mut self) {
        self.in_order = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.in_order {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Held {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// Whether a connection that was idle still works; one whose machine vanished is detected soon.
async fn is_alive(connection: &mut PgConnection) -> sqlx::Result<bool> {
    answer_within(PING_LIMIT, connection.ping()).await?;
    Ok(true)
}

/// Waits for the server, but not for ever.
async fn in_time<T>(work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    Ok(answer_within(STATEMENT_LIMIT, work).await?)
}

async fn answer_within<T>(
    limit: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let answer = tokio::time::timeout(limit, work).await;
    answer.unwrap_or_else(|_| {
        let why = format!("no answer within {} s", limit.as_secs());
        let late = io::Error::new(io::ErrorKind::TimedOut, why);
        Err(sqlx::Error::Io(late))
    })
}

/// Runs `f` where it may block.
async fn on_thread<R: Send + 'static>(f: impl FnOnce(Handle) -> R + Send + 'static) -> Result<R> {
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || f(handle))
        .await
        .map_err(|e| Error::Task(e.to_string()))
}

/// Statements on one connection, from a thread that may block.
struct Session {
    handle: Handle,
    connection: RefCell<Held>,
    now: Once<Option<u64>>,
}

impl Session {
    fn new(handle: Handle, connection: Held, now: Option<u64>) -> Self {
        Self {
            handle,
            connection: RefCell::new(connection),
            now: Once::new(now),
        }
    }

    fn wait<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
        self.handle.block_on(in_time(work))
    }
}

impl Sql for Session {
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

/// A statement with its parameters spelled as the server expects.
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
