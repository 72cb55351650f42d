//! Included by the crate's own tests and by the integration tests.
//!
//! Databases of a PostgreSQL server that is there for the tests.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::sync::atomic::{AtomicU32, Ordering};

/// Address of a new, empty database of its own.
pub(crate) async fn fresh_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("CHAINFER_TEST_POSTGRES").expect(
        "no PostgreSQL server for the tests: run them by `scripts/postgres cargo nextest run …`, \
         or set CHAINFER_TEST_POSTGRES to an address whose user may create databases",
    );
    let name = format!(
        "test_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    execute(&server, format!("DROP DATABASE IF EXISTS {name}")).await;
    execute(&server, format!("CREATE DATABASE {name}")).await;
    let mut address = reqwest::Url::parse(&server).unwrap();
    address.set_path(&name);
    address.into()
}

/// Runs statements on a database.
pub(crate) async fn execute(address: &str, sql: String) {
    let mut c = PgConnection::connect(address).await.unwrap();
    c.execute("SET search_path = chainfer_relayer")
        .await
        .unwrap();
    c.execute(AssertSqlSafe(sql)).await.unwrap();
    c.close().await.unwrap();
}
