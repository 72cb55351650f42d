//! The address of a PostgreSQL database.

use crate::error::{Error, Result};
use chainfer_chain::wallet::Secret;
use sqlx::postgres::PgConnectOptions;
use std::str::FromStr;

/// What an address may say after `?`. sqlx would log others, with what they say.
const KEYS: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Reads an address; errors show neither it nor anything of it but a key's name.
pub(super) fn parse(address: &Secret) -> Result<PgConnectOptions> {
    let wrong =
        |why: String| Error::Config(format!("the address of the PostgreSQL database: {why}"));
    let url = reqwest::Url::parse(address.expose()).map_err(|e| {
        wrong(format!(
            "{e}; it is like postgres://USER@HOST:PORT/DATABASE"
        ))
    })?;
    for (key, _) in url.query_pairs() {
        if !KEYS.contains(&key.as_ref()) {
            let known = KEYS.join(", ");
            return Err(wrong(format!("{key} is not one of {known}")));
        }
    }
    let options = PgConnectOptions::from_str(address.expose()).map_err(|e| wrong(e.to_string()))?;
    // Poolers refuse the latter at the start of a connection.
    Ok(options
        .application_name("chainfer-relayer")
        .extra_float_digits(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_unknown_key_is_refused_by_name_only() {
        let refused = |address: &str| parse(&address.into()).unwrap_err().to_string();
        let text = refused("postgres://u@h/d?sslpassword=geheim");
        assert!(
            text.contains("sslpassword") && !text.contains("geheim"),
            "{text}"
        );
        let text = refused("postgres://u:geheim@h:port/d");
        assert!(!text.contains("geheim"), "{text}");
        parse(&"postgres://u@h/d?sslmode=verify-full&sslrootcert=ca.pem".into()).unwrap();
    }
}
