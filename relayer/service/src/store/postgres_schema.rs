//! Schema versions of a PostgreSQL database.

use super::postgres::{SCHEMA, Server};
use crate::error::{Error, Result};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

/// Every migration in order; the n-th brings `schema_version` from n to n + 1. Never edit one that was released: add
/// another.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/postgres/0001_outbox.sql"),
    include_str!("../../migrations/postgres/0002_payloads_and_submitters.sql"),
    include_str!("../../migrations/postgres/0003_submissions.sql"),
];

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
        // Checked first: a user without the right to create it may still use an existing one.
        c.execute(AssertSqlSafe(format!("CREATE SCHEMA {SCHEMA}")))
            .await?;
    }
    let there: bool = sqlx::query_scalar("SELECT to_regclass('schema_version') IS NOT NULL")
        .fetch_one(&mut *c)
        .await?;
    if !there {
        c.execute("CREATE TABLE schema_version (version BIGINT NOT NULL)")
            .await?;
    }
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
    if found != Some(known) {
        sqlx::query(note).bind(known).execute(&mut *c).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::handle::Backend;
    use super::super::{Location, Store, migrate};
    use super::*;
    use crate::postgres_for_tests::fresh_database;
    use std::collections::BTreeSet;

    async fn store() -> Store {
        let address = fresh_database().await;
        Store::connect(&Location::Postgres(address.as_str().into()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn both_databases_have_the_same_columns() {
        let store = store().await;
        let here = store
            .read(|c| {
                c.collect(
                    "SELECT table_name::text AS tbl, column_name::text AS col, data_type::text AS kind,
                            is_nullable::text AS open
                     FROM information_schema.columns
                     WHERE table_schema = 'chainfer_relayer' AND table_name <> 'schema_version'",
                    &[],
                    |row| {
                        let kind = match row.get::<String>("kind")?.as_str() {
                            "bigint" => "INTEGER",
                            "bytea" => "BLOB",
                            "text" => "TEXT",
                            other => panic!("{other}"),
                        };
                        Ok((
                            row.get::<String>("tbl")?,
                            row.get::<String>("col")?,
                            kind.to_owned(),
                            row.get::<String>("open")? == "NO",
                        ))
                    },
                )
            })
            .await
            .unwrap();
        let mut file = rusqlite::Connection::open_in_memory().unwrap();
        migrate::migrate(&mut file).unwrap();
        let there = migrate::columns(&file);
        assert_eq!(here.into_iter().collect::<BTreeSet<_>>(), there);
    }

    #[tokio::test]
    async fn migrate_again_changes_nothing_and_half_made_is_undone() {
        let store = store().await;
        let address = {
            let Backend::Postgres(server) = &store.backend else {
                panic!("not a server");
            };
            server.clone()
        };
        migrate(&address).await.unwrap();
        let broken = "CREATE TABLE half (x BIGINT); INSERT INTO nowhere VALUES (1);";
        let further: Vec<&'static str> = MIGRATIONS.iter().copied().chain([broken]).collect();
        let failed = address.run_script(async |c| apply(c, &further).await).await;
        assert!(failed.is_err());
        let left = store
            .read(|c| {
                c.number(
                    "SELECT count(*) AS n FROM pg_tables WHERE tablename = 'half'",
                    &[],
                )
            })
            .await
            .unwrap();
        assert_eq!(left, 0);
        migrate(&address).await.unwrap();
    }

    #[tokio::test]
    async fn sessions_cannot_keep_others_waiting_for_long() {
        let settings = store()
            .await
            .read(|c| {
                let row = c.row(
                    "SELECT current_setting('lock_timeout') AS lock,
                            current_setting('idle_in_transaction_session_timeout') AS idle",
                    &[],
                )?;
                let row = row.unwrap();
                Ok((row.get::<String>("lock")?, row.get::<String>("idle")?))
            })
            .await
            .unwrap();
        assert_eq!(settings, ("10s".to_owned(), "15s".to_owned()));
    }
}
