//! SQLite: one file, nothing to install.
//!
//! WAL with `synchronous = FULL`, one connection behind a mutex, every change one immediate transaction.

use super::clock::unix_ms;
use super::migrate;
use super::private_file;
use super::sql::{Cell, Row, Sql, Value, corrupt, to_i64};
use super::work::{Answer, Work};
use crate::error::{Error, Result};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a write waits for another process to finish its own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Size that the write-ahead log is cut down to when it has been written back.
const LOG_LIMIT: i64 = 16 << 20;

/// An open database file. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct File {
    connection: Arc<Mutex<Connection>>,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| Error::Io {
                path: folder.display().to_string(),
                source,
            })?;
        }
        private_file::prepare(path)?;
        let connection = Connection::open(path)?;
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(Error::Config(format!(
                "the state file {} cannot use a write-ahead log (journal mode {mode})",
                path.display()
            )));
        }
        Self::prepare(connection)
    }

    pub(super) fn in_memory() -> Result<Self> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(mut connection: Connection) -> Result<Self> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate::migrate(&mut connection)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Runs `work` in one write transaction, off the asynchronous threads.
    pub(super) async fn write(&self, work: Work) -> Result<Answer> {
        self.with(move |connection| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&Statements(&tx))?;
            tx.commit()?;
            Ok(answer)
        })
        .await
    }

    /// Runs `work` for reading.
    pub(super) async fn read(&self, work: Work) -> Result<Answer> {
        self.with(move |connection| work(&Statements(connection)))
            .await
    }

    /// Limits how far the file may grow, in bytes; writes that need more fail as on a full disk.
    pub(super) async fn limit_size(&self, bytes: u64) -> Result<()> {
        self.with(move |c| {
            let page: i64 = c.query_row("PRAGMA page_size", [], |r| r.get(0))?;
            let pages = to_i64(bytes, "size")? / page.max(1);
            Ok(c.pragma_update(None, "max_page_count", pages.max(1))?)
        })
        .await
    }

    async fn with<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<R> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic under the lock rolled its transaction back; the connection is usable.
            f(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
        .map_err(|e| Error::Task(e.to_string()))?
    }

    /// Runs `f` on this thread, each statement for itself.
    pub(super) fn with_now<R>(&self, f: impl FnOnce(&dyn Sql) -> Result<R>) -> Result<R> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        f(&Statements(&connection))
    }
}

struct Statements<'a>(&'a Connection);

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(Some(v)) => ValueRef::Integer(*v),
            Self::Text(Some(v)) => ValueRef::Text(v.as_bytes()),
            Self::Bytes(Some(v)) => ValueRef::Blob(v),
            Self::Bool(v) => ValueRef::Integer((*v).into()),
            Self::Int(None) | Self::Text(None) | Self::Bytes(None) => ValueRef::Null,
        }))
    }
}

impl Sql for Statements<'_> {
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        let mut statement = self.0.prepare_cached(sql)?;
        let changed = statement.execute(params_from_iter(params))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let mut statement = self.0.prepare_cached(sql)?;
        let columns: Arc<[String]> = statement
            .column_names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let mut found = statement.query(params_from_iter(params))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let cells = (0..columns.len())
                .map(|at| cell(row.get_ref(at)?))
                .collect::<Result<_>>()?;
            rows.push(Row {
                columns: Arc::clone(&columns),
                cells,
            });
        }
        Ok(rows)
    }

    fn now(&self) -> Result<u64> {
        Ok(unix_ms())
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(v) => Cell::Int(v),
        ValueRef::Text(v) => Cell::Text(String::from_utf8_lossy(v).into_owned()),
        ValueRef::Blob(v) => Cell::Bytes(v.to_vec()),
        ValueRef::Real(v) => return Err(corrupt(format!("{v} is not a whole number"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn file_database_uses_wal_and_full_synchronisation() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(&folder.path().join("a/b/state.sqlite")).unwrap();
        let (mode, sync): (String, i64) = file
            .with(|c| {
                Ok((
                    c.query_row("PRAGMA journal_mode", [], |r| r.get(0))?,
                    c.query_row("PRAGMA synchronous", [], |r| r.get(0))?,
                ))
            })
            .await
            .unwrap();
        assert_eq!((mode.as_str(), sync), ("wal", 2));
    }
}
