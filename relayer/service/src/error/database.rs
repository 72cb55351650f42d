//! What a database says when it fails.

/// A failure of the state's database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The SQLite file.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The PostgreSQL server.
    #[cfg(feature = "postgres")]
    #[error("{}", said_by_server(.0))]
    Postgres(#[from] sqlx::Error),
}

impl DatabaseError {
    /// Whether it says something about one write only: the database answers, so that others may succeed.
    pub(crate) fn is_of_one_write(&self) -> bool {
        match self {
            Self::Sqlite(e) => !matches!(
                e.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ),
            #[cfg(feature = "postgres")]
            Self::Postgres(e) => matches!(e, sqlx::Error::Database(_)),
        }
    }

    /// Whether the same call may succeed later without any change by a person.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(e, _)) => matches!(
                e.code,
                rusqlite::ErrorCode::DatabaseBusy
                    | rusqlite::ErrorCode::DatabaseLocked
                    | rusqlite::ErrorCode::DiskFull
            ),
            Self::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Self::Postgres(e) => server_may_recover(e),
        }
    }
}

#[cfg(feature = "postgres")]
fn said_by_server(e: &sqlx::Error) -> String {
    match e {
        sqlx::Error::Io(e) => format!("the PostgreSQL server is out of reach: {e}"),
        sqlx::Error::PoolTimedOut => "the PostgreSQL server gave no connection in time".to_owned(),
        e => e.to_string(),
    }
}

/// Lost connections, a server that restarts, is full or busy, and locks that were not had in time.
#[cfg(feature = "postgres")]
fn server_may_recover(e: &sqlx::Error) -> bool {
    match e {
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(e) => e.code().is_some_and(|code| {
            // Appendix A of PostgreSQL's manual: connection exceptions, rollbacks, resources, operator's intervention,
            // a primary that became a standby, an idle transaction that was ended, a lock that was not had in time.
            let classes = ["08", "40", "53", "57"];
            classes.iter().any(|class| code.starts_with(class))
                || matches!(code.as_ref(), "25006" | "25P03" | "55P03")
        }),
        _ => false,
    }
}
