//! Where a scene's relayer keeps its state: a SQLite file, or with `CHAINFER_TEST_STATE=postgres` a PostgreSQL database.

use chainfer_relayer::store::Location;
use tempfile::TempDir;

/// A state that nobody has used.
pub async fn fresh(folder: &TempDir) -> Location {
    match std::env::var("CHAINFER_TEST_STATE").as_deref() {
        Err(_) | Ok("sqlite") => folder.path().join("state.sqlite").into(),
        Ok("postgres") => postgres().await,
        Ok(other) => panic!("CHAINFER_TEST_STATE={other}: not sqlite or postgres"),
    }
}

#[cfg(feature = "postgres")]
async fn postgres() -> Location {
    let address = crate::postgres::fresh_database().await;
    Location::Postgres(address.as_str().into())
}

#[cfg(not(feature = "postgres"))]
async fn postgres() -> Location {
    panic!("these tests are built without the feature postgres");
}

/// Changes a state behind the relayer's back.
pub async fn execute(state: &Location, sql: &str) {
    match state {
        Location::File(path) => {
            let file = rusqlite::Connection::open(path).unwrap();
            file.execute(sql, []).unwrap();
        }
        #[cfg(feature = "postgres")]
        Location::Postgres(address) => {
            crate::postgres::execute(address.expose(), sql.to_owned()).await;
        }
        #[cfg(not(feature = "postgres"))]
        Location::Postgres(_) => panic!("these tests are built without the feature postgres"),
    }
}
