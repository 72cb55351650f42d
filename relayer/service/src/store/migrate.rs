//! Schema versions.

use crate::error::{Error, Result};
use rusqlite::{Connection, TransactionBehavior};

/// Every migration in order; the n-th brings `user_version` from n to n + 1. Never edit one that was
/// released: add another.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_outbox.sql"),
    include_str!("../../migrations/0002_cancel_and_foreign.sql"),
    include_str!("../../migrations/0003_money.sql"),
    include_str!("../../migrations/0004_leases.sql"),
    include_str!("../../migrations/0005_data_fees_and_taken.sql"),
    include_str!("../../migrations/0006_payloads_and_submitters.sql"),
    include_str!("../../migrations/0007_submissions.sql"),
];

/// Brings the schema up to date: all missing migrations and the version number in one transaction,
/// so that an interrupted migration leaves the old schema.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    apply(connection, MIGRATIONS)
}

fn apply(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(Error::DatabaseTooNew { found, known });
    }
    for migration in migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok(())
}

/// Table, column, type and whether null is forbidden, of everything in a file.
#[cfg(all(test, feature = "postgres"))]
pub(super) fn columns(
    connection: &Connection,
) -> std::collections::BTreeSet<(String, String, String, bool)> {
    let sql = "SELECT t.name, c.name, c.type, c.\"notnull\" OR c.pk > 0
               FROM sqlite_schema t, pragma_table_info(t.name) c
               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)));
    rows.unwrap().map(|row| row.unwrap()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrate_twice_changes_nothing() {
        let mut c = Connection::open_in_memory().unwrap();
        migrate(&mut c).unwrap();
        c.execute("INSERT INTO chains VALUES (1, zeroblob(32))", [])
            .unwrap();
        migrate(&mut c).unwrap();
        let n: i64 = c
            .query_row("SELECT count(*) FROM chains", [], |r| r.get(0))
            .unwrap();
        assert_eq!(n, 1);
    }

    #[test]
    fn migrate_old_database_keeps_its_rows() {
        let mut c = Connection::open_in_memory().unwrap();
        apply(&mut c, &MIGRATIONS[..1]).unwrap();
        c.execute_batch(include_str!("old_rows.sql")).unwrap();
        migrate(&mut c).unwrap();
        let (state, cancel): (String, Option<i64>) = c
            .query_row(
                "SELECT state, cancel_requested_at FROM jobs ORDER BY id",
                [],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )
            .unwrap();
        assert_eq!((state.as_str(), cancel), ("submitting", None));
        let spend = |id: i64| -> (i64, Option<i64>) {
            let sql = "SELECT reserved, settled FROM spend WHERE intent_id = ?1";
            c.query_row(sql, [id], |r| Ok((r.get(0)?, r.get(1)?)))
                .unwrap()
        };
        assert_eq!(spend(1), (300_001, None), "pending: the dearest attempt");
        assert_eq!(spend(2), (300_001, Some(100_001)), "mined: what it took");
        let payloads: Vec<(String, String, i64, Vec<u8>)> = c
            .prepare("SELECT submitter, state, bytes, body FROM payloads ORDER BY job_id")
            .unwrap()
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .unwrap()
            .map(|row| row.unwrap())
            .collect();
        let local = |state: &str, body: &[u8]| {
            let length = i64::try_from(body.len()).unwrap();
            ("local".to_owned(), state.to_owned(), length, body.to_vec())
        };
        assert_eq!(payloads, [local("waiting", b"{}"), local("failed", b"[]x")]);
        let sql = "SELECT sum(proofs) FROM submissions WHERE submitter = 'local'";
        let counted: i64 = c.query_row(sql, [], |r| r.get(0)).unwrap();
        assert_eq!(counted, 2);
    }

    #[test]
    fn migrate_that_fails_midway_leaves_the_old_schema() {
        let mut c = Connection::open_in_memory().unwrap();
        apply(&mut c, &MIGRATIONS[..1]).unwrap();
        let broken = "CREATE TABLE half (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);";
        assert!(apply(&mut c, &[MIGRATIONS[0], MIGRATIONS[1], broken]).is_err());
        let left: i64 = c
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name IN ('half', 'accounts')",
                [],
                |r| r.get(0),
            )
            .unwrap();
        assert_eq!(left, 0);
        migrate(&mut c).unwrap();
    }

    #[test]
    fn migrate_newer_database_is_refused() {
        let mut c = Connection::open_in_memory().unwrap();
        c.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(
            migrate(&mut c),
            Err(Error::DatabaseTooNew { found: 99, .. })
        ));
    }
}
