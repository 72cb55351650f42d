//! The handle to the database, and what concerns the database as a whole.

use super::clock::unix_ms;
use super::location::Location;
#[cfg(feature = "postgres")]
use super::postgres;
use super::sql::{Sql, corrupt, params, to_i64};
use super::sqlite;
use super::work::{Access, Answer, Work, typed, untyped};
use crate::boxed::Boxed;
use crate::error::{Error, Result};
use alloy::primitives::B256;
use std::path::Path;

/// A handle to the database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) backend: Backend,
}

/// Where the tables are.
#[derive(Debug, Clone)]
pub(super) enum Backend {
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
    pub(super) async fn write<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&dyn Sql) -> Result<R> + Send + 'static,
    {
        typed(self.run(Access::Write, untyped(f)).await?)
    }

    /// Runs `f` for reading.
    pub(super) async fn read<R, F>(&self, f: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&dyn Sql) -> Result<R> + Send + 'static,
    {
        typed(self.run(Access::Read, untyped(f)).await?)
    }

    fn run(&self, access: Access, work: Work) -> Boxed<'_, Result<Answer>> {
        Box::pin(async move {
            match (&self.backend, access) {
                (Backend::Sqlite(file), Access::Write) => file.write(work).await,
                (Backend::Sqlite(file), Access::Read) => file.read(work).await,
                #[cfg(feature = "postgres")]
                (Backend::Postgres(server), Access::Write) => server.write(work).await,
                #[cfg(feature = "postgres")]
                (Backend::Postgres(server), Access::Read) => server.read(work).await,
            }
        })
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
            let id = to_i64(chain_id, "chain id")?;
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
                        .map_err(|_| corrupt("genesis is not 32 bytes"))?,
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
