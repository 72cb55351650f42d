//! Where the state is.

use chainfer_chain::wallet::Secret;
use std::convert::Infallible;
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
    type Err = Infallible;

    /// Addresses of other kinds of databases are refused when they are opened: an error here would be shown with the
    /// text, and so with a password.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        Ok(match scheme {
            Some("postgres" | "postgresql") => Self::Postgres(text.into()),
            _ => Self::File(text.into()),
        })
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
    }
}
