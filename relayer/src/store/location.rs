//! Where the state is.

use crate::wallet::Secret;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the state is. `Display` and `Debug` show no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL database, as `postgres://user:password@host:port/database`; what is missing is taken from libpq's
    /// variables (`PGPASSWORD`, …). Needs the feature `postgres`.
    Postgres(Secret),
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.into())),
            // The rest may hold a password.
            Some((scheme, _)) => Err(format!(
                "the state is in a file or in a postgres:// database, not at {scheme}://"
            )),
            None => Ok(Self::File(text.into())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(_) => f.write_str("the PostgreSQL database"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_is_a_file_unless_it_is_an_address() {
        for text in ["state.sqlite", "/var/lib/x.sqlite", "postgres.sqlite"] {
            assert_eq!(text.parse(), Ok(Location::File(text.into())), "{text}");
        }
        for text in ["postgres://u:geheim@h/d", "postgresql:///d?host=/tmp"] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location, Location::Postgres(text.into()));
            assert!(!format!("{location} {location:?}").contains("geheim"));
        }
        let refused = "mysql://u:geheim@h/d".parse::<Location>().unwrap_err();
        assert!(refused.contains("mysql://") && !refused.contains("geheim"));
    }
}
