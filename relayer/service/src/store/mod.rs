//! The durable state: an outbox in SQLite, or in PostgreSQL for relayers on several machines.
//!
//! Writers take turns, every change is one transaction, and a method that returns `Ok` has its change on
//! disk. All state changes pass through here, are checked against the machines in [`crate::state`] inside
//! the transaction, and are logged. Both databases run the same statements.

mod attempts;
mod backup;
mod intents;
mod jobs;
mod leases;
mod ledger;
mod location;
mod migrate;
mod nonces;
mod pauses;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_address;
#[cfg(feature = "postgres")]
mod postgres_schema;
mod rows;
mod sql;
mod sqlite;
#[cfg(test)]
mod tests;
#[cfg(all(test, feature = "postgres"))]
use migrate::columns as sqlite_columns;

pub use crate::error::DatabaseError;
pub use jobs::{Cancellation, Submitted};
pub use leases::Lease;
pub(crate) use leases::new_holder;
pub use ledger::Spend;
pub use location::Location;
pub use pauses::{Cause, Pause};
pub use rows::{
    Attempt, BlockRef, Intent, Job, JobKey, NewAttempt, NewIntent, Purpose, Settlement, Transition,
    TxKind,
};

use crate::error::{Error, Result};
use crate::money::Caps;
use alloy::primitives::B256;
use sql::{Sql, params};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What must hold when a signed transaction is stored; checked in the same database transaction.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Limits of what may be spent.
    pub caps: Caps,
    /// The lease that it was signed under; `None` where the store is not shared.
    pub lease: Option<Lease>,
}

/// A handle to the database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Backend,
}

#[derive(Debug, Clone)]
enum Backend {
    Sqlite(sqlite::File),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Server),
}

impl Store {
    /// Opens or creates a database and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Config`] for a PostgreSQL database when this crate is built without the feature `postgres`, and for any
    /// other kind of address.
    pub async fn connect(location: &Location) -> Result<Self> {
        match location {
            Location::File(path) => match path.to_string_lossy().split_once("://") {
                // What follows may hold a password.
                Some((scheme, _)) => Err(Error::Config(format!(
                    "the state is in a file or in a postgres:// database, not at {scheme}://…"
                ))),
                None => Self::open(path),
            },
            #[cfg(feature = "postgres")]
            Location::Postgres(address) => Ok(Self {
                backend: Backend::Postgres(postgres::Server::open(address).await?),
            }),
            #[cfg(not(feature = "postgres"))]
            Location::Postgres(_) => Err(Error::Config(
                "this program is built without PostgreSQL; build it with `--features postgres`"
                    .to_owned(),
            )),
        }
    }

    /// Opens or creates a database file and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            backend: Backend::Sqlite(sqlite::File::open(path)?),
        })
    }

    /// A database that is gone with the process: for tests, and for callers that want no resumption.
    pub fn open_in_memory() -> Result<Self> {
        Ok(Self {
            backend: Backend::Sqlite(sqlite::File::in_memory()?),
        })
    }

    /// Runs `f` in one write transaction, off the asynchronous threads.
    async fn write<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&dyn Sql) -> Result<R> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite(file) => file.write(f).await,
            #[cfg(feature = "postgres")]
            Backend::Postgres(server) => server.write(f).await,
        }
    }

    /// Runs `f` for reading.
    async fn read<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&dyn Sql) -> Result<R> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite(file) => file.read(f).await,
            #[cfg(feature = "postgres")]
            Backend::Postgres(server) => server.read(f).await,
        }
    }

    /// Unix milliseconds on the clock by which the rows are dated: this machine's, or the database server's.
    pub fn now_ms(&self) -> u64 {
        match &self.backend {
            Backend::Sqlite(_) => unix_ms(),
            #[cfg(feature = "postgres")]
            Backend::Postgres(server) => server.now(),
        }
    }

    /// Ties the database to a chain by its genesis block, or checks that it is tied to this one.
    pub async fn bind_chain(&self, chain_id: u64, genesis: B256) -> Result<()> {
        self.write(move |tx| {
            let id = rows::to_i64(chain_id, "chain id")?;
            let known = tx.row(
                "SELECT genesis FROM chains WHERE chain_id = ?1",
                params![id],
            )?;
            match known.map(|row| row.get::<Vec<u8>>("genesis")).transpose()? {
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
    ///
    /// # Errors
    /// [`Error::Config`] for a PostgreSQL database, which has no such limit.
    pub async fn limit_size(&self, bytes: u64) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(file) => file.limit_size(bytes).await,
            #[cfg(feature = "postgres")]
            Backend::Postgres(_) => Err(Error::Config(format!(
                "a PostgreSQL database cannot be limited to {bytes} bytes from here; give its tablespace a quota"
            ))),
        }
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read(|c| c.number("SELECT 1 AS n", &[])).await?;
        Ok(())
    }
}

/// Unix milliseconds on this machine's clock.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

fn log_transition(
    tx: &dyn Sql,
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
            job.map(|j| j.to_vec()),
            intent,
            from,
            to,
            reason,
            tx.time()?
        ],
    )?;
    Ok(())
}
