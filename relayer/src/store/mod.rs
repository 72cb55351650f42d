//! The durable state: an outbox in SQLite.
//!
//! WAL with `synchronous = FULL`, one connection behind a mutex, every change one transaction. A
//! method that returns `Ok` has its change on disk. All state changes pass through here, are checked
//! against the machines in [`crate::state`] inside the transaction, and are logged.

mod attempts;
mod backup;
mod intents;
mod jobs;
mod leases;
mod ledger;
mod migrate;
mod nonces;
mod pauses;
mod rows;
#[cfg(test)]
mod tests;

pub use jobs::{Cancellation, Submitted};
pub use leases::Lease;
pub(crate) use leases::new_holder;
pub use ledger::Spend;
pub use pauses::{Cause, Pause};
pub use rows::{
    Attempt, BlockRef, Intent, Job, JobKey, NewAttempt, NewIntent, Purpose, Settlement, Transition,
    TxKind,
};

use crate::error::{Error, Result};
use crate::money::Caps;
use alloy::primitives::B256;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What must hold when a signed transaction is stored; checked in the same database transaction.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Limits of what may be spent.
    pub caps: Caps,
    /// The lease that it was signed under; `None` where the store is not shared.
    pub lease: Option<Lease>,
}

/// How long a write waits for another process to finish its own.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A handle to the database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens or creates a database file and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| Error::Io {
                path: folder.display().to_string(),
                source,
            })?;
        }
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

    /// A database that is gone with the process: for tests, and for callers that want no resumption.
    pub fn open_in_memory() -> Result<Self> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(mut connection: Connection) -> Result<Self> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate::migrate(&mut connection)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Runs `f` in one write transaction, off the asynchronous threads.
    async fn write<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<R> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic under the lock rolled its transaction back; the connection is usable.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = f(&tx)?;
            tx.commit()?;
            Ok(value)
        })
        .await
        .map_err(|e| Error::Task(e.to_string()))?
    }

    /// Runs `f` for reading.
    async fn read<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<R> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            f(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
        .map_err(|e| Error::Task(e.to_string()))?
    }

    /// Ties the database to a chain by its genesis block, or checks that it is tied to this one.
    pub async fn bind_chain(&self, chain_id: u64, genesis: B256) -> Result<()> {
        self.write(move |tx| {
            let id = rows::to_i64(chain_id, "chain id")?;
            let known: Option<Vec<u8>> = tx
                .query_row(
                    "SELECT genesis FROM chains WHERE chain_id = ?1",
                    [id],
                    |r| r.get(0),
                )
                .optional()?;
            match known {
                None => {
                    tx.execute(
                        "INSERT INTO chains (chain_id, genesis) VALUES (?1, ?2)",
                        params![id, genesis.as_slice()],
                    )?;
                    Ok(())
                }
                Some(known) if known == genesis.as_slice() => Ok(()),
                Some(known) => Err(Error::WrongGenesis {
                    chain_id,
                    expected: B256::try_from(known.as_slice())
                        .map_err(|_| rows::corrupt("genesis is not 32 bytes"))?,
                    got: genesis,
                }),
            }
        })
        .await
    }

    /// Limits how far the file may grow, in bytes; writes that need more fail as on a full disk.
    pub async fn limit_size(&self, bytes: u64) -> Result<()> {
        self.read(move |c| {
            let page: i64 = c.query_row("PRAGMA page_size", [], |r| r.get(0))?;
            let pages = rows::to_i64(bytes, "size")? / page.max(1);
            Ok(c.pragma_update(None, "max_page_count", pages.max(1))?)
        })
        .await
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read(|c| Ok(c.query_row("SELECT 1", [], |_| Ok(()))?))
            .await
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

fn log_transition(
    tx: &Transaction<'_>,
    job: Option<&B256>,
    intent: Option<i64>,
    from: &str,
    to: &str,
    reason: Option<&str>,
) -> Result<()> {
    tx.execute(
        "INSERT INTO transitions (job_id, intent_id, from_state, to_state, reason, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            job.map(|j| j.as_slice()),
            intent,
            from,
            to,
            reason,
            rows::to_i64(now_ms(), "time")?
        ],
    )?;
    Ok(())
}
