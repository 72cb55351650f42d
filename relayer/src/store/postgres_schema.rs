//! Schema versions of a PostgreSQL database.

use super::postgres::{SCHEMA, Server};
use crate::error::{Error, Result};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

/// Every migration in order; the n-th brings `schema_version` from n to n + 1. Never edit one that was released: add
/// another.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/postgres/0001_outbox.sql")];

/// Brings the schema up to date: all missing migrations and the version number in one transaction.
pub(super) async fn migrate(server: &Server) -> Result<()> {
    server
        .run_script(async |c| apply(c, MIGRATIONS).await)
        .await
}

async fn apply(c: &mut PgConnection, migrations: &[&'static str]) -> Result<()> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)")
            .bind(SCHEMA)
            .fetch_one(&mut *c)
            .await?;
    if !there {
        // Asked for first: who may not create it may well use one that was created for them.
        c.execute(AssertSqlSafe(format!("CREATE SCHEMA {SCHEMA}")))
            .await?;
    }
    c.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .await?;
    let found: Option<i64> = sqlx::query_scalar("SELECT version FROM schema_version")
        .fetch_optional(&mut *c)
        .await?;
    let version = found.unwrap_or(0);
    if version > known {
        return Err(Error::DatabaseTooNew {
            found: version,
            known,
        });
    }
    for migration in migrations
        .iter()
        .skip(usize::try_from(version).unwrap_or(0))
    {
        // Several statements at once, which only the unprepared protocol takes.
        c.execute(sqlx::raw_sql(*migration)).await?;
    }
    let note = match found {
        None => "INSERT INTO schema_version (version) VALUES ($1)",
        Some(_) => "UPDATE schema_version SET version = $1",
    };
    sqlx::query(note).bind(known).execute(&mut *c).await?;
    Ok(())
}
